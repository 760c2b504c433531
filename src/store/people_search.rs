//! Search terms for people, as `LIKE` patterns: a part of the name, of the telephone number, of the plate or of the
//! external id, ignoring case.

/// The pattern for the text around a part.
const ANYTHING: char = '%';
/// Before a character that means itself.
const ESCAPE: char = '\\';
/// Fewer digits are in everybody's number.
const DIGITS_MIN: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleSearch {
    /// In lower case, in upper case, and with capitals at the beginning of words: SQLite knows no case but that of A to Z.
    pub names: [String; 3],
    /// Like nothing where what was written is no part of a number.
    pub number: String,
    /// Without blanks and dashes.
    pub plate: String,
    pub external_id: String,
}

impl PeopleSearch {
    /// Reads what somebody wrote into a search field.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        let lower = text.to_lowercase();
        let plate: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        Self {
            names: [part(&lower), part(&text.to_uppercase()), part(&titled(&lower))],
            number: digits(text).map(|digits| part(&digits)).unwrap_or_default(),
            plate: if plate.is_empty() { plate } else { part(&plate) },
            external_id: part(text),
        }
    }

    /// The same, and nobody is found by their number.
    pub fn without_number(self) -> Self {
        Self { number: String::new(), ..self }
    }
}

/// The digits of a number or of a part of one, as people write it: without 00, or the 0 that is dialled within the country.
fn digits(text: &str) -> Option<String> {
    let is_between = |c: char| c.is_whitespace() || "+-./()".contains(c);
    let digits: String = text.replacen("(0)", "", 1).chars().filter(|c| !is_between(*c)).collect();
    let digits = digits.trim_start_matches('0');
    let is_number = digits.len() >= DIGITS_MIN && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.to_owned())
}

fn titled(lower: &str) -> String {
    let mut begins = true;
    let mut titled = String::with_capacity(lower.len());
    for c in lower.chars() {
        match begins {
            true => titled.extend(c.to_uppercase()),
            false => titled.push(c),
        }
        begins = !c.is_alphanumeric();
    }
    titled
}

fn part(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push(ANYTHING);
    for c in text.chars() {
        if matches!(c, ESCAPE | ANYTHING | '_') {
            pattern.push(ESCAPE);
        }
        pattern.push(c);
    }
    pattern.push(ANYTHING);
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_in_any_case_and_means_itself() {
        let search = PeopleSearch::of(" émile o'connor ");
        assert_eq!(search.names, ["%émile o'connor%", "%ÉMILE O'CONNOR%", "%Émile O'Connor%"]);
        assert_eq!(search.number, "");
        assert_eq!(PeopleSearch::of("50%_\\").external_id, "%50\\%\\_\\\\%");
    }

    #[test]
    fn a_number_is_looked_for_as_people_write_it() {
        for written in ["+27 82 123", "0027 82-123", "2782123", "(+27) 82/123", "+27 (0)82 123"] {
            assert_eq!(PeopleSearch::of(written).number, "%2782123%", "{written}");
        }
        assert_eq!(PeopleSearch::of("082 123 4567").number, "%821234567%");
        for nothing in ["Anna", "12", "KA 01 AB 1234", ""] {
            assert_eq!(PeopleSearch::of(nothing).number, "", "{nothing}");
        }
    }

    #[test]
    fn a_plate_is_looked_for_without_its_blanks() {
        assert_eq!(PeopleSearch::of("ca 123-GP").plate, "%ca123GP%");
        assert_eq!(PeopleSearch::of("-").plate, "");
    }
}
