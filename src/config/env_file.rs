//! The file `.env`: lines `NAME=value`. A value may be in single quotes (taken literally) or in double quotes (where
//! `\n`, `\r`, `\t`, `\"`, `\\` and `\$` have their usual meaning); both may span lines, as keys in PEM form do.
//! Without quotes a value ends at the line's end or at a `#` after a space. Nothing is substituted: a `$` in a secret
//! is a `$`.

use std::collections::HashMap;

/// A line that can't be read. Says which, never what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}")]
pub struct EnvFileError {
    pub line: usize,
    pub expected: &'static str,
}

/// All variables of the file; of a name that is there twice the last line counts.
pub fn parse(text: &str) -> Result<HashMap<String, String>, EnvFileError> {
    let mut variables = HashMap::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
        let refuse = |expected| EnvFileError { line, expected };
        let (first, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let start = first.trim();
        if start.is_empty() || start.starts_with('#') {
            rest = after;
            continue;
        }
        let (name, _) = first.split_once('=').ok_or(refuse("NAME=value"))?;
        let value_at = name.len() + 1;
        let name = name.trim();
        let name = name.strip_prefix("export ").map_or(name, str::trim_start);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(refuse("a name of letters, digits and _ before the ="));
        }
        let (value, after) = value(&rest[value_at..]).map_err(refuse)?;
        variables.insert(name.to_owned(), value);
        rest = after;
    }
    Ok(variables)
}

/// The value at the start of `text`, and what follows its line.
fn value(text: &str) -> Result<(String, &str), &'static str> {
    let text = text.trim_start_matches([' ', '\t']);
    match text.chars().next() {
        Some('\'') => {
            let (value, after) = text[1..].split_once('\'').ok_or("a closing '")?;
            Ok((value.to_owned(), end_of_line(after)?))
        }
        Some('"') => {
            let (value, after) = double_quoted(&text[1..])?;
            Ok((value, end_of_line(after)?))
        }
        _ => {
            let (line, after) = text.split_once('\n').unwrap_or((text, ""));
            let comment = line
                .match_indices('#')
                .map(|(at, _)| at)
                .find(|&at| line[..at].chars().next_back().is_none_or(char::is_whitespace));
            Ok((line[..comment.unwrap_or(line.len())].trim().to_owned(), after))
        }
    }
}

fn double_quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok((value, chars.as_str())),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(c @ ('"' | '\\' | '$')) => value.push(c),
                _ => return Err(r#"one of \n \r \t \" \\ \$ after a backslash, or single quotes"#),
            },
            c => value.push(c),
        }
    }
    Err("a closing \"")
}

/// Behind a closing quote there may be a comment and nothing else.
fn end_of_line(text: &str) -> Result<&str, &'static str> {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let rest = line.trim();
    if rest.is_empty() || rest.starts_with('#') { Ok(after) } else { Err("nothing after the closing quote") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(line: &str) -> String {
        let variables = parse(line).unwrap();
        assert_eq!(variables.len(), 1, "{line}");
        variables["A"].clone()
    }

    #[test]
    fn any_file_is_read_or_refused_with_its_line() {
        let good = [
            "A=1\n# b\nexport B='x y'\nC=\"a\\n\\\"\\$\"\n",
            "\u{feff}A = b # c\r\n",
            "A='-----BEGIN\nKEY-----'",
        ];
        crate::fuzzing::each_text("env files", &good, |text| match parse(text) {
            Ok(variables) => assert!(variables.keys().all(|name| text.contains(name.as_str()))),
            Err(error) => assert!((1..=text.matches('\n').count() + 1).contains(&error.line)),
        });
    }

    #[test]
    fn values_with_and_without_quotes() {
        assert_eq!(one("A=b"), "b");
        assert_eq!(one("  export A = b c \r\n"), "b c");
        assert_eq!(one("A="), "");
        assert_eq!(one("A=   # nothing"), "");
        assert_eq!(one("A=b # comment"), "b");
        assert_eq!(one("A=b#c"), "b#c");
        assert_eq!(one("A=b=c=="), "b=c==");
        assert_eq!(one("A=pa$$word${HOME}"), "pa$$word${HOME}");
        assert_eq!(one("A='b # \\n \"c\"' # comment"), "b # \\n \"c\"");
        assert_eq!(one(r#"A="b\n\"c\" \\ \$ # d""#), "b\n\"c\" \\ $ # d");
        assert_eq!(one("\u{feff}A=b"), "b");
    }

    #[test]
    fn quoted_values_may_span_lines_and_the_next_is_found() {
        let text = "# keys\nKEY=\"-----BEGIN\nabc\n-----END\"\n\nB='x\ny'\nC=z";
        let variables = parse(text).unwrap();
        assert_eq!(variables["KEY"], "-----BEGIN\nabc\n-----END");
        assert_eq!((variables["B"].as_str(), variables["C"].as_str()), ("x\ny", "z"));
    }

    #[test]
    fn the_last_line_of_a_name_counts() {
        assert_eq!(one("A=1\nA=2"), "2");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_without_its_content() {
        let cases = [
            ("A=1\nsecret", 2),
            ("A=1\n\nB='secret", 3),
            ("A=\"secret\\q\"", 1),
            ("A b=secret", 1),
            ("A='x' secret", 1),
        ];
        for (text, line) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_the_file_it_is_read_or_refused(text in "(?s)[A='\"\\\\#\n\r é$-]{0,60}") {
            let lines = text.matches('\n').count() + 1;
            if let Err(error) = parse(&text) {
                prop_assert!((1..=lines).contains(&error.line));
            }
        }

        #[test]
        fn a_quoted_value_comes_back_whatever_it_is(value in "(?s).{0,60}", next in "[a-z]{0,5}") {
            let escaped = value.replace('\\', r"\\").replace('"', r#"\""#);
            let variables = parse(&format!("A=\"{escaped}\"\nB={next}\n")).unwrap();
            prop_assert_eq!(&variables["A"], &value);
            prop_assert_eq!(&variables["B"], &next);
        }
    }
}
