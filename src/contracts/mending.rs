//! JSON as phones write it, which no parser accepts although its meaning is clear. Texts are mended here before they
//! are read, in one place for sockets and REST, so that no other code has to know.
//!
//! Invariant: valid JSON passes unchanged, and a position, which has no backslash, costs one search for a backslash.

use std::borrow::Cow;

/// The replacement for half of a character: U+FFFD.
const REPLACEMENT: &[u8; 6] = b"\\ufffd";

/// Puts U+FFFD where an escape is half of a character. Apps cut texts in the middle of an emoji (`"Pizza \ud83c"`), and the
/// whole request was lost for it.
pub fn whole_characters(json: &[u8]) -> Cow<'_, [u8]> {
    let mut mended = Cow::Borrowed(json);
    // Looks at many bytes at a time.
    if !json.contains(&b'\\') {
        return mended;
    }
    let mut at = 0;
    while let Some(found) = json[at..].iter().position(|byte| *byte == b'\\') {
        let escape = at + found;
        at = match (unit(&json[escape..]), unit(json.get(escape + 6..).unwrap_or_default())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => escape + 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.to_mut()[escape..escape + 6].copy_from_slice(REPLACEMENT);
                escape + 6
            }
            // The escaped sign may be a backslash itself.
            _ => escape + 2,
        };
        if at >= json.len() {
            break;
        }
    }
    mended
}

/// The same of what is known to be text.
pub fn whole_characters_in(json: &str) -> Cow<'_, str> {
    match whole_characters(json.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(json),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).expect("one ASCII text stands for another")),
    }
}

/// The UTF-16 unit whose escape these bytes begin with.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u16::from_str_radix(digits, 16).ok()
}

/// Replaces numbers that JSON doesn't have (`NaN`, `Infinity`, `1e999`) with null. `None` if there are none, so that a
/// text that is bad for another reason is not read twice.
pub fn finite(json: &str) -> Option<String> {
    let mut mended = String::new();
    let mut rest = json;
    while let Some(start) = rest.find(|c: char| c == '"' || is_of_number(c)) {
        let end = match rest[start..].starts_with('"') {
            true => start + string_len(&rest[start..]),
            false => rest[start..].find(|c: char| !is_of_number(c)).map_or(rest.len(), |len| start + len),
        };
        let is_infinite = rest[start..end].parse().is_ok_and(|number: f64| !number.is_finite());
        mended.push_str(&rest[..start]);
        mended.push_str(if is_infinite { "null" } else { &rest[start..end] });
        rest = &rest[end..];
    }
    mended.push_str(rest);
    (mended != json).then_some(mended)
}

fn is_of_number(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
}

/// The length of the JSON string that this begins with, with its quotes.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !is_escaped => return at + 1,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn read(text: &str) -> Result<Value, String> {
        serde_json::from_str(&whole_characters_in(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn half_a_character_becomes_a_replacement_and_a_whole_one_stays() {
        assert_eq!(read(r#""Pizza \ud83c""#), Ok(json!("Pizza \u{fffd}")));
        assert_eq!(read(r#""\udf55 Pizza""#), Ok(json!("\u{fffd} Pizza")));
        assert_eq!(read(r#""\ud83c\ud83c\udf55\uDF55""#), Ok(json!("\u{fffd}\u{1f355}\u{fffd}")));
        assert_eq!(read(r#""\ud83cé""#), Ok(json!("\u{fffd}é")));
        for good in [r#""\ud83c\udf55""#, r#""\uD83C\uDF55""#, r#""a\\ud83c\n\"""#, r#""\u00e9 \\""#, "{}"] {
            assert!(matches!(whole_characters(good.as_bytes()), Cow::Borrowed(_)), "{good}");
            assert!(read(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_escape_that_breaks_off_is_left_to_the_parser() {
        for bad in [r#""\ud83"#, r#""\ud8zz""#, r#""\u+d83""#, "\\", r#""\"#, r#""\ud83c\"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_that_json_does_not_have_is_null() {
        let of = |text: &str| finite(text).map(|text| serde_json::from_str::<Value>(&text).expect("JSON"));
        let text = r#"{"a":NaN,"b":[-Infinity,1e999,-1.5e3],"c":"NaN \" 1e999","d":Infinity}"#;
        let mended = json!({"a": null, "b": [null, null, -1500.0], "c": "NaN \" 1e999", "d": null});
        assert_eq!(of(text), Some(mended));
        for other in [r#"{"a":1,"b":"NaN"}"#, "{", "", r#""NaN"#, "{a:true}", "é"] {
            assert_eq!(finite(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_of_utf_16_units_is_read(units in prop::collection::vec(
            prop_oneof![0xd7f0u16..0xe010, 0x20u16..0x80], 0..20))
        {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let expected = String::from_utf16_lossy(&units);
            prop_assert_eq!(read(&format!("\"{escaped}\"")), Ok(json!(expected)));
        }

        #[test]
        fn nothing_is_too_broken_to_be_looked_at(text in ".*", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (whole_characters(&bytes), whole_characters_in(&text), finite(&text));
        }
    }
}
