//! A line of the log as one JSON object, for what collects logs. Our lines carry fields in their text
//! (`order assigned job=7 driver=123`): they become members of the object, and the words around them its message. Lines
//! of others are all message. Pure.

use crate::contracts::time::WireTime;
use log::Level;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// So much of a text is written, in bytes of JSON: a line stays below the 16 KiB at which container runtimes split it.
const TEXT_BYTES_MAX: usize = 12_000;
/// Names of fields in one line. Further ones stay in the message.
const FIELDS_MAX: usize = 32;
/// Members that each object has, and that no field may replace.
const OWN: [&str; 5] = ["ts", "level", "target", "message", "request"];
/// Names, or ends of names, of fields that are measured or counted: numbers in JSON. All others are texts, ids too, so
/// that a field has one type in every line.
const MEASURED: [&str; 5] = ["ms", "secs", "bytes", "count", "rows"];
/// May follow a value without being part of it.
const PUNCTUATION: [char; 5] = [':', ';', ',', '.', ')'];

/// What is known of a line before it is written.
pub struct Line<'a> {
    pub time: WireTime,
    pub level: Level,
    pub target: &'a str,
    pub text: &'a str,
    /// The request that was processed.
    pub request: Option<&'a str>,
}

/// The values of each field, in their order.
type Fields<'a> = BTreeMap<&'a str, Vec<Cow<'a, str>>>;

#[derive(Serialize)]
struct Object<'a> {
    ts: WireTime,
    level: &'static str,
    target: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(flatten)]
    fields: BTreeMap<&'a str, Member<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Number(i64),
    Text(Cow<'a, str>),
    /// Of a field that the line has several times: the drivers whom a ride is offered to.
    Several(Vec<Cow<'a, str>>),
}

impl Line<'_> {
    /// The object, on one line, without a line's end.
    pub fn to_json(&self) -> String {
        let text = shortened(self.text);
        let (mut message, fields) = match is_ours(self.target) {
            true => split(&text),
            false => (text.to_string(), Fields::new()),
        };
        if message.is_empty() {
            message = text.to_string();
        }
        let object = Object {
            ts: self.time,
            level: self.level.as_str(),
            target: self.target,
            message: &message,
            request: self.request,
            fields: fields.into_iter().map(|(name, values)| (name, member(name, values))).collect(),
        };
        serde_json::to_string(&object).expect("texts and numbers can be written as JSON")
    }
}

fn is_ours(target: &str) -> bool {
    target == "fleetwire" || target.starts_with("fleetwire::")
}

fn member<'a>(name: &str, mut values: Vec<Cow<'a, str>>) -> Member<'a> {
    if values.len() > 1 {
        return Member::Several(values);
    }
    let value = values.pop().unwrap_or_default();
    let is_measured = MEASURED.contains(&name.rsplit('_').next().unwrap_or(name));
    match value.parse() {
        Ok(number) if is_measured => Member::Number(number),
        _ => Member::Text(value),
    }
}

/// As much of a text as may be written.
fn shortened(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let mut bytes = 0;
    for (at, c) in text.char_indices() {
        bytes += match c {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        };
        if bytes > TEXT_BYTES_MAX {
            return Cow::Owned(format!("{}…", &text[..at]));
        }
    }
    Cow::Borrowed(text)
}

/// A text's words without its fields, and the fields.
fn split(text: &str) -> (String, Fields<'_>) {
    let (mut message, mut fields) = (String::new(), Fields::new());
    let mut rest = text;
    while !rest.is_empty() {
        let (blanks, from_word) = rest.split_at(rest.len() - rest.trim_start().len());
        let word = &from_word[..from_word.find(char::is_whitespace).unwrap_or(from_word.len())];
        let name = field_name(word).filter(|name| fields.contains_key(name) || fields.len() < FIELDS_MAX);
        match name {
            Some(name) => {
                let (value, after) = value(&from_word[name.len() + 1..]);
                fields.entry(name).or_default().push(value);
                rest = after;
            }
            None => {
                message.push_str(blanks);
                message.push_str(word);
                rest = &from_word[word.len()..];
            }
        }
    }
    (message.trim().to_owned(), fields)
}

/// The name of the field that a word begins, if it does.
fn field_name(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    (is_name && !OWN.contains(&name)).then_some(name)
}

/// The value at the start of a text, and what follows it: in quotes, a list in brackets, or one word.
fn value(text: &str) -> (Cow<'_, str>, &str) {
    if let Some(quoted) = text.strip_prefix('"')
        && let Some(end) = closing(quoted, '"')
    {
        return (unescaped(&quoted[..end]), &quoted[end + 1..]);
    }
    let end = match text.starts_with('[') {
        true => closing(text, ']').map(|at| at + 1),
        false => None,
    };
    let end = end.unwrap_or_else(|| text.find(char::is_whitespace).unwrap_or(text.len()));
    let bare = text[..end].trim_end_matches(PUNCTUATION);
    (Cow::Borrowed(bare), &text[bare.len()..])
}

/// Where the mark is that ends a value: a text inside may have the same mark, escaped or within a word.
fn closing(text: &str, mark: char) -> Option<usize> {
    let ends_a_word = |after: &str| {
        let after = after.strip_prefix(PUNCTUATION).unwrap_or(after);
        after.is_empty() || after.starts_with(char::is_whitespace)
    };
    let is_escaped = |before: &str| (before.len() - before.trim_end_matches('\\').len()) % 2 == 1;
    let marks = text.match_indices(mark).map(|(at, _)| at);
    marks.into_iter().find(|&at| ends_a_word(&text[at + 1..]) && !is_escaped(&text[..at]))
}

/// Without the backslashes before quotes and backslashes.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let next = chars.clone().next().filter(|next| c == '\\' && matches!(next, '"' | '\\'));
        plain.push(next.unwrap_or(c));
        if next.is_some() {
            chars.next();
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn written(target: &str, text: &str) -> Value {
        let time = WireTime(chrono::DateTime::UNIX_EPOCH);
        let line = Line { time, level: Level::Info, target, text, request: None }.to_json();
        assert!(!line.contains('\n'), "{line}");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The message and the fields of a line of ours.
    fn parts(text: &str) -> (String, Value) {
        let mut line = written("fleetwire::app", text);
        let object = line.as_object_mut().expect("an object");
        let message = object.remove("message").expect("each line has one");
        object.retain(|name, _| !OWN.contains(&name.as_str()));
        (message.as_str().expect("a text").to_owned(), line)
    }

    #[test]
    fn a_line_has_its_time_level_target_message_request_and_fields() {
        let line = Line {
            time: WireTime(chrono::DateTime::UNIX_EPOCH),
            level: Level::Warn,
            target: "fleetwire::api::problem",
            text: "request method=GET path=/x status=503 ms=12",
            request: Some("ab-1"),
        };
        assert_eq!(
            line.to_json(),
            r#"{"ts":"1970-01-01T00:00:00.000Z","level":"WARN","target":"fleetwire::api::problem","message":"request","request":"ab-1","method":"GET","ms":12,"path":"/x","status":"503"}"#
        );
    }

    #[test]
    fn fields_are_taken_out_of_the_words_wherever_they_are() {
        assert_eq!(
            parts("message put off driver=7 session=ab: database or disk is full"),
            ("message put off: database or disk is full".to_owned(), json!({"driver": "7", "session": "ab"}))
        );
        assert_eq!(
            parts("session=12345678 fault on the wire: a mask is missing"),
            ("fault on the wire: a mask is missing".to_owned(), json!({"session": "12345678"}))
        );
        assert_eq!(
            parts("socket refused reason=\"too many\": again count=6099 secs=60"),
            ("socket refused: again".to_owned(), json!({"reason": "too many", "count": 6099, "secs": 60}))
        );
        assert_eq!(
            parts("ride offered job=7 count=2 driver=1 driver=2 since_ms=1204"),
            (
                "ride offered".to_owned(),
                json!({"job": "7", "count": 2, "driver": ["1", "2"], "since_ms": 1204})
            )
        );
        assert_eq!(
            parts("a room was lost ride=R-1; it starts again"),
            ("a room was lost; it starts again".to_owned(), json!({"ride": "R-1"}))
        );
    }

    #[test]
    fn values_are_what_was_written_whatever_marks_are_in_them() {
        for (value, expected) in [
            (r#""a \"b\" c\\""#, r#"a "b" c\"#),
            (r#""a"b c""#, r#"a"b c"#),
            (r#"["fcm", "apns"]"#, r#"["fcm", "apns"]"#),
            ("[[::1]:8000, 127.0.0.1:8000]", "[[::1]:8000, 127.0.0.1:8000]"),
            ("[::1]:8000", "[::1]:8000"),
            ("2001:db8::1", "2001:db8::1"),
            (r#""never closed"#, r#""never"#),
            ("", ""),
        ] {
            let (_, fields) = parts(&format!("started what={value} and more"));
            assert_eq!(fields["what"], expected, "{value}");
        }
    }

    #[test]
    fn no_field_replaces_what_each_line_has() {
        let (message, fields) = parts("odd level=none message=x request=forged A=1 a<=b job=7");
        assert_eq!(message, "odd level=none message=x request=forged A=1 a<=b");
        assert_eq!(fields, json!({"job": "7"}));
        assert_eq!(parts("job=7 driver=8").0, "job=7 driver=8", "a line without words is its own message");
    }

    #[test]
    fn lines_of_others_and_panics_are_all_message_with_their_lines_ends() {
        for target in ["panic", "actix_server::worker", "fleetwired"] {
            let text = "thread 'x' panicked at y=1: it\n  1: one\n\t2: \u{1b}[31mtwo\u{0}";
            assert_eq!(written(target, text)["message"], text);
        }
    }

    #[test]
    fn any_line_is_bounded() {
        let words: String = (0..10_000).map(|number| format!("a{number}= ")).collect();
        for text in ["\u{0}".repeat(100_000), "\"".repeat(100_000), "é ".repeat(100_000), words] {
            let line = Line {
                time: WireTime(chrono::DateTime::UNIX_EPOCH),
                level: Level::Error,
                target: "fleetwire::app",
                text: &text,
                request: None,
            };
            let json = line.to_json();
            assert!((1000..16_000).contains(&json.len()), "{}", json.len());
            serde_json::from_str::<Value>(&json).expect("JSON");
        }
    }
}
