//! The ids by which an operator's other systems know the same people and jobs.

const CHARS_MAX: usize = 200;

/// 1 to 200 printable characters, with no blank at either end. Compared exactly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalId(String);

/// The text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a string of 1 to {CHARS_MAX} printable characters with no space at either end")]
pub struct NotAnExternalId;

impl ExternalId {
    pub fn parse(text: &str) -> Result<Self, NotAnExternalId> {
        let is_printable = text.trim() == text && !text.chars().any(char::is_control);
        match is_printable && (1..=CHARS_MAX).contains(&text.chars().count()) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotAnExternalId),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// Something that is there already, by which of its ids it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named<Id> {
    Ours(Id),
    Theirs(ExternalId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_as_it_is_or_not_at_all() {
        for id in ["4711", "CRM/47 11", "Ä-1", &"x".repeat(200)] {
            assert_eq!(ExternalId::parse(id).map(ExternalId::into_string).as_deref(), Ok(id));
        }
        for wrong in ["", " ", "4711 ", " 4711", "47\n11", "47\u{0}11", &"x".repeat(201)] {
            assert_eq!(ExternalId::parse(wrong), Err(NotAnExternalId), "{wrong:?}");
        }
    }
}
