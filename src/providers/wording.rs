//! Reasons as operators read them: a service's words, cut to a readable and printable length. Pure.

use reqwest::StatusCode;

use super::Reason;

/// Longer, nobody reads it.
const REASON_CHARS_MAX: usize = 200;

/// `503 UNAVAILABLE`
pub(super) fn status_and(status: StatusCode, code: &str) -> Reason {
    printable(&format!("{} {code}", status.as_u16()))
}

/// A service's text, without characters that don't belong in a line of text.
pub(super) fn printable(text: &str) -> Reason {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(REASON_CHARS_MAX).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line() {
        assert_eq!(status_and(StatusCode::SERVICE_UNAVAILABLE, ""), "503");
        assert_eq!(printable(" a\r\n\u{1b}[31m\tb "), "a [31m b");
        assert_eq!(printable(&"ü".repeat(300)).chars().count(), REASON_CHARS_MAX);
    }
}
