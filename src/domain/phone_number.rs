//! Telephone numbers in their one form (E.164): a plus sign, the country's code, the number, 7 to 15 digits in all.
//! Usual separators between the digits are accepted; a number without its country is refused, since the same digits are
//! somebody else's number in another country.

use std::fmt;
use std::ops::RangeInclusive;

/// E.164 allows 15; the shortest numbers with their country in use have 7.
const DIGITS: RangeInclusive<usize> = 7..=15;
/// Where the digits 0 to 9 of other scripts begin, as keyboards write them: Arabic, Persian, Devanagari, Bengali, full width.
const ZEROS: [char; 5] = ['٠', '۰', '०', '০', '0'];

/// `+237123456789`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// The text is no telephone number with its country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an international phone number such as +237123456789: a plus sign, the country's code, the number"
)]
pub struct NotInternational;

impl PhoneNumber {
    /// Reads `+44 (0)20 7946-0018`, `0044 20 79460018`, `tel:+442079460018`, `+٤٤…`.
    pub fn parse(text: &str) -> Result<Self, NotInternational> {
        let folded: String = text.chars().filter(|c| !is_between(*c)).map(folded).collect();
        let number = match folded.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &folded[4..],
            _ => &folded,
        };
        // The zero that is dialled within the country alone.
        let number = number.replacen("(0)", "", 1).replace(['(', ')', '[', ']'], "");
        let digits = number.strip_prefix('+').or_else(|| number.strip_prefix("00"));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let digits = digits.filter(|digits| !digits.starts_with('0') && DIGITS.contains(&digits.len()));
        digits.map(|digits| Self(format!("+{digits}"))).ok_or(NotInternational)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }

    /// How an account may have it that was made before there was one form: the form itself, without its plus sign, and with
    /// 00 in its place.
    pub fn spellings(&self) -> [String; 3] {
        let digits = &self.0[1..];
        [self.0.clone(), digits.to_owned(), format!("00{digits}")]
    }
}

/// The masked form of a number for those who may not see it: enough to tell that there is one, and whether two may be
/// the same.
pub fn masked(number: &str) -> String {
    const SHOWN: usize = 2;
    let hidden = number.chars().count().saturating_sub(SHOWN);
    format!("***{}", number.chars().skip(hidden.max(SHOWN)).collect::<String>())
}

/// Nobody's business in a log.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber")
    }
}

/// Characters between the digits without a meaning: spaces, dashes, dots, slashes, and the invisible marks that address
/// books put around a number in right-to-left text.
fn is_between(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn folded(c: char) -> char {
    let of = |zero: &char| (u32::from(c)).checked_sub(u32::from(*zero)).filter(|digit| *digit < 10);
    match ZEROS.iter().find_map(of).and_then(|digit| char::from_digit(digit, 10)) {
        Some(digit) => digit,
        None if c == '+' => '+',
        None => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        PhoneNumber::parse(text).ok().map(PhoneNumber::into_string)
    }

    #[test]
    fn a_masked_number_shows_its_end_alone_whatever_it_is() {
        for (number, shown) in
            [("+237123456789", "***89"), ("123", "***3"), ("12", "***"), ("", "***"), ("é١٢٣", "***٢٣")]
        {
            assert_eq!(masked(number), shown, "{number}");
        }
    }

    #[test]
    fn one_number_has_one_form_however_it_is_written() {
        for written in [
            "+237123456789",
            " +237 123 456 789 ",
            "+237-123-456-789",
            "+237.123.456.789",
            "+237/123456789",
            "(+237) 123 456 789",
            "+(237) 123 456 789",
            "+237 [123] 456789",
            "00237123456789",
            "00 237 123 456 789",
            "tel:+237-123-456-789",
            "TEL: 00237123456789",
            "+237\u{a0}123\u{202f}456\u{2011}789",
            "\u{202a}+237 123 456 789\u{202c}",
            "+٢٣٧١٢٣٤٥٦٧٨٩",
            "۰۰۲۳۷۱۲۳۴۵۶۷۸۹",
            "+237123456789",
        ] {
            assert_eq!(read(written).as_deref(), Some("+237123456789"), "{written:?}");
        }
        assert_eq!(read("+44 (0)20 7946 0018").as_deref(), Some("+442079460018"));
        assert_eq!(read("0044(0) 20 7946 0018").as_deref(), Some("+442079460018"));
    }

    #[test]
    fn what_does_not_say_its_country_or_is_no_number_is_refused() {
        for wrong in [
            "",
            "+",
            "0821234567",
            "237123456789",
            "(0)82 123 4567",
            "+0821234567",
            "000237123456789",
            "+123456",
            "+1234567890123456",
            "++237123456789",
            "+237123456789 ext 5",
            "+237123456789;ext=5",
            "+237123456789, +237123456780",
            "+2371234x6789",
            "driver1",
            "té:+237123456789",
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_read_stays_as_it_is_and_is_not_debugged() {
        let number = PhoneNumber::parse("+1 201 555 0123").expect("a number");
        assert_eq!(PhoneNumber::parse(number.as_str()), Ok(number.clone()));
        assert_eq!(number.spellings(), ["+12015550123", "12015550123", "0012015550123"]);
        assert!(!format!("{number:?}").contains("201"));
    }
}
