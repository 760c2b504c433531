//! Whole numbers, however they are written. Apps and their JSON libraries write 5, 5.0 and 5e0, and apps that store ids
//! as text write "5"; 4.5 is never whole. Pure.

/// From here on a double no longer tells each whole number from its neighbours.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// 5 of 5.0.
pub fn of_number(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < EXACT_MAX).then_some(number as i64)
}

/// 5 of `5`, `5.0` and `5e0`.
pub fn of_text(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| of_number(text.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for text in ["123", "123.0", "1.23e2", " 123 ", "+123"] {
            assert_eq!(of_text(text), Some(123), "{text}");
        }
        assert_eq!(of_text("-0.0"), Some(0));
        assert_eq!(of_text("9223372036854775807"), Some(i64::MAX), "an integer is read as one");
    }

    #[test]
    fn what_is_not_whole_or_not_exact_is_none() {
        for text in ["", "4.5", "abc", "12a", "NaN", "inf", "1e300", "9007199254740993.0", "0x10", "1,5"] {
            assert_eq!(of_text(text), None, "{text}");
        }
        assert_eq!(of_number(f64::NAN), None);
    }
}
