//! User names in their one form: without the spaces that keyboards add, and in lower case, so that `Driver1` is
//! `driver1`.

const CHARS_MAX: usize = 64;

/// 1 to 64 of the characters `a-z 0-9 . _ @ + -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

/// The text is no user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {CHARS_MAX} of the characters A-Z a-z 0-9 . _ @ + -")]
pub struct NotAUsername;

impl Username {
    pub fn parse(text: &str) -> Result<Self, NotAUsername> {
        let name = text.trim();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
        match (1..=CHARS_MAX).contains(&name.len()) && name.bytes().all(allowed) {
            true => Ok(Self(name.to_ascii_lowercase())),
            false => Err(NotAUsername),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_any_case_and_with_blanks_around_it() {
        for written in ["driver1", "Driver1", "DRIVER1", " driver1", "driver1 ", "\u{a0}Driver1\t"] {
            assert_eq!(
                Username::parse(written).map(Username::into_string).as_deref(),
                Ok("driver1"),
                "{written:?}"
            );
        }
        assert!(Username::parse("Anna.B+1@example-x_y").is_ok());
    }

    #[test]
    fn other_characters_are_refused_and_so_is_too_much() {
        for wrong in ["", " ", "a b", "anná", "service:shop", &"x".repeat(65)] {
            assert_eq!(Username::parse(wrong), Err(NotAUsername), "{wrong:?}");
        }
        assert!(Username::parse(&"x".repeat(64)).is_ok());
    }
}
