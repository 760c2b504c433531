//! Reads single settings: looks a value up, parses it, falls back on the table's default, and gathers problems instead
//! of stopping at the first.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::table::{Setting, setting};
use super::values::without_password;

/// One thing wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable, or the place in `.env`.
    pub name: String,
    /// The given value, in a form that may be shown; none if there was none.
    pub given: Option<String>,
    /// The expected value, or the remedy.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.given {
            Some(given) => write!(f, "{}={given}: expected {}", self.name, self.expected),
            None => write!(f, "{}: {}", self.name, self.expected),
        }
    }
}

/// Everything that is wrong with the settings, at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblems(pub Vec<Problem>);

impl fmt::Display for SettingsProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings can't be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for SettingsProblems {}

/// Which of its defaults a setting has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defaults {
    Development,
    /// Development, listening beyond this machine.
    Exposed,
    Production,
}

/// Looks settings up and notes what is wrong with them.
pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(super) defaults: Defaults,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Reader { lookup, defaults: Defaults::Development, problems: Vec::new() }
    }

    /// The operator's value; an empty one counts as none. The name must be in the table.
    pub(super) fn given(&self, name: &'static str) -> Option<String> {
        let setting = setting(name);
        let value = (self.lookup)(name)?;
        // A secret's bytes are what they are.
        let value = if setting.secret { value } else { value.trim().to_owned() };
        (!value.is_empty()).then_some(value)
    }

    /// A setting that may be absent and has no default in the table.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let given = self.given(name)?;
        match parse(&given) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.problem(name, Some(&given), expected);
                None
            }
        }
    }

    /// A setting with a default, which also replaces one that can't be parsed, so that reading continues.
    pub(super) fn value<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        self.optional(name, &parse).unwrap_or_else(|| {
            parse(self.default_of(setting(name))).expect("defaults in the table are valid")
        })
    }

    fn default_of(&self, setting: &'static Setting) -> &'static str {
        let other = match self.defaults {
            Defaults::Development => None,
            Defaults::Exposed => setting.exposed,
            Defaults::Production => setting.production,
        };
        other.unwrap_or(setting.default)
    }

    /// Notes something wrong; `given` is shown as far as it is no secret.
    pub(super) fn problem(&mut self, name: &'static str, given: Option<&str>, expected: impl Into<String>) {
        let given = given.map(|given| shown(name, given));
        self.problems.push(Problem { name: name.to_owned(), given, expected: expected.into() });
    }
}

fn shown(name: &'static str, given: &str) -> String {
    let hidden = || format!("({} bytes, not shown)", given.len());
    if setting(name).secret {
        return hidden();
    }
    if name == "DATABASE_URL" {
        return without_password(given).unwrap_or_else(hidden);
    }
    // In quotes and escaped: a stray space or control character is what one looks for.
    format!("{given:?}")
}

/// A whole number within bounds.
pub(super) fn whole<T: TryFrom<u64>>(bounds: RangeInclusive<u64>) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let number = text.parse::<u64>().ok().filter(|number| bounds.contains(number));
        let fitting = number.and_then(|number| T::try_from(number).ok());
        fitting.ok_or_else(|| format!("a whole number from {} to {}", bounds.start(), bounds.end()))
    }
}

/// A file or a directory.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

/// From 1 on.
pub(super) fn count(max: u64) -> impl Fn(&str) -> Result<NonZeroU32, String> {
    let whole = whole::<u32>(1..=max);
    move |text| whole(text).map(|number| NonZeroU32::new(number).expect("at least 1"))
}

/// From 1 on.
pub(super) fn count_usize(max: u64) -> impl Fn(&str) -> Result<NonZeroUsize, String> {
    let whole = whole::<usize>(1..=max);
    move |text| whole(text).map(|number| NonZeroUsize::new(number).expect("at least 1"))
}

/// A whole number of seconds.
pub(super) fn secs(bounds: RangeInclusive<u64>) -> impl Fn(&str) -> Result<Duration, String> {
    let whole = whole(bounds);
    move |text| whole(text).map(Duration::from_secs)
}

/// A whole number of milliseconds.
pub(super) fn millis(bounds: RangeInclusive<u64>) -> impl Fn(&str) -> Result<Duration, String> {
    let whole = whole(bounds);
    move |text| whole(text).map(Duration::from_millis)
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// One of several words.
pub(super) fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            words.join(" or ")
        })
    }
}

/// Any text that is not empty.
pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}
