//! Keeps the log readable on a bad day. A repeated `warn` or `error` line is written once, then counted: one line each
//! minute says how often, one more says that it has ended. Without this a full disk wrote 498 lines a second, onto the
//! full disk.
//!
//! Lines are of one kind if they come from the same place and differ only in their fields (`driver=7`) and numbers; the
//! reason in a text is not a field, so that each reason is written once. Pure: lines and times go in, lines come out.

use log::Level;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// A kind without a line for this long has ended.
const QUIET: Duration = Duration::from_secs(10);
/// How often it is said that a kind goes on.
const AGAIN: Duration = Duration::from_secs(60);
/// Kinds that are told apart. Of further ones all of a module's are one.
const KINDS_MAX: usize = 256;
/// Of a repeated text so much is kept.
const TEXT_CHARS_MAX: usize = 500;
/// Fields that give a reason or its origin; all others say who it concerns or when.
const TELLING: [&str; 4] = ["reason", "service", "contract", "what"];

/// The place of a line in the code, and its level.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub level: Level,
    pub target: &'a str,
    pub file: &'a str,
    pub line: u32,
}

/// A line about lines that were not written.
#[derive(Debug, PartialEq, Eq)]
pub struct Summary {
    pub level: Level,
    pub target: String,
    pub text: String,
}

#[derive(Default)]
pub struct Gather {
    spells: HashMap<u64, Spell>,
}

/// From the first line of a kind to its end.
struct Spell {
    level: Level,
    target: String,
    words: String,
    began: Instant,
    last: Instant,
    said_at: Instant,
    /// Since it was last said how many.
    unsaid: u64,
    total: u64,
}

impl Gather {
    /// Whether this line is to be written: it is the first of its kind.
    pub fn note(&mut self, place: Place<'_>, text: &str, now: Instant) -> bool {
        let words = words(text);
        let mut key = key(place, &words);
        if self.spells.len() >= KINDS_MAX && !self.spells.contains_key(&key) {
            key = self::key(Place { file: "", line: 0, ..place }, "");
        }
        match self.spells.get_mut(&key) {
            Some(spell) => {
                spell.last = now;
                spell.unsaid += 1;
                spell.total += 1;
                false
            }
            None => {
                let target = place.target.to_owned();
                let (level, began, last, said_at) = (place.level, now, now, now);
                self.spells
                    .insert(key, Spell { level, target, words, began, last, said_at, unsaid: 0, total: 1 });
                true
            }
        }
    }

    /// The summaries due now, of kinds that continue or have ended. Called about once a second.
    pub fn tick(&mut self, now: Instant) -> Vec<Summary> {
        let mut said = Vec::new();
        self.spells.retain(|_, spell| {
            let is_over = now.duration_since(spell.last) >= QUIET;
            if is_over && spell.total > 1 {
                let secs = spell.last.duration_since(spell.began).as_secs();
                said.push(spell.summary(format!("ended count={} secs={secs}", spell.total)));
            } else if !is_over && spell.unsaid > 0 && now.duration_since(spell.said_at) >= AGAIN {
                let secs = now.duration_since(spell.said_at).as_secs();
                said.push(spell.summary(format!("again count={} secs={secs}", spell.unsaid)));
                (spell.said_at, spell.unsaid) = (now, 0);
            }
            !is_over
        });
        said
    }
}

impl Spell {
    fn summary(&self, what: String) -> Summary {
        Summary { level: self.level, target: self.target.clone(), text: format!("{}: {what}", self.words) }
    }
}

fn key(place: Place<'_>, words: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (place.level, place.target, place.file, place.line).hash(&mut hasher);
    words.bytes().filter(|byte| !byte.is_ascii_digit()).for_each(|byte| byte.hash(&mut hasher));
    hasher.finish()
}

/// The text without the fields that are of one case alone.
fn words(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && kept.len() < TEXT_CHARS_MAX {
        let (word, after) = rest.split_at(word_length(rest));
        let field = word.split_once('=').map(|(name, _)| name);
        if field.is_none_or(|name| TELLING.contains(&name)) {
            if !kept.is_empty() {
                kept.push(' ');
            }
            kept.push_str(word);
        } else if word.ends_with(':') {
            kept.push(':');
        }
        rest = after.trim_start();
    }
    kept
}

/// Up to the next blank; that of a field's value in quotes is its own.
fn word_length(text: &str) -> usize {
    let blank = text.find(char::is_whitespace).unwrap_or(text.len());
    let Some(quoted_at) = text[..blank].find("=\"").map(|at| at + 2) else { return blank };
    match text[quoted_at..].find('"') {
        Some(length) => quoted_at + length + 1,
        None => blank,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place {
        level: Level::Warn,
        target: "fleetwire::api::problem",
        file: "src/api/problem.rs",
        line: 168,
    };

    fn texts(said: Vec<Summary>) -> Vec<String> {
        said.into_iter().map(|summary| summary.text).collect()
    }

    /// One reconnect storm wrote 4,078 lines.
    #[test]
    fn a_storm_is_a_line_at_its_start_one_each_minute_and_one_at_its_end() {
        let mut gather = Gather::default();
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut written = 0;
        let mut said = Vec::new();
        for second in 0..130 {
            for number in 0..100 {
                let text = format!("socket refused address=10.0.{second}.{number} reason=\"too many\"");
                written += usize::from(gather.note(PLACE, &text, at(second)));
            }
            said.extend(gather.tick(at(second)));
        }
        assert_eq!(written, 1);
        said.extend(gather.tick(at(138)));
        said.extend(gather.tick(at(139)));
        let words = "socket refused reason=\"too many\"";
        assert_eq!(
            texts(said),
            [
                format!("{words}: again count=6099 secs=60"),
                format!("{words}: again count=6000 secs=60"),
                format!("{words}: ended count=13000 secs=129"),
            ]
        );
        assert!(gather.note(PLACE, words, at(140)), "it begins anew");
    }

    #[test]
    fn what_happened_once_has_no_end_to_tell_of() {
        let mut gather = Gather::default();
        let now = Instant::now();
        assert!(gather.note(PLACE, "pruning failed", now));
        assert_eq!(gather.tick(now + QUIET), []);
        assert!(gather.note(PLACE, "pruning failed", now + QUIET));
    }

    #[test]
    fn each_reason_is_read_once_whomever_it_meets() {
        let mut gather = Gather::default();
        let now = Instant::now();
        let mut is_new = |text: &str| gather.note(PLACE, text, now);
        assert!(is_new("message put off driver=7 session=ab: database or disk is full"));
        assert!(!is_new("message put off driver=8 session=cd: database or disk is full"));
        assert!(is_new("message put off driver=8 session=cd: no answer in time"));
        assert_eq!(words("positions wait waiting=15: full"), "positions wait: full");
        assert!(is_new("push is down service=fcm"));
        assert!(is_new("push is down service=expo"));
        assert!(is_new("process 17 waits for process 18"));
        assert!(!is_new("process 19 waits for process 20"));
        let elsewhere = Place { line: 1, ..PLACE };
        assert!(gather.note(elsewhere, "push is down service=fcm", now));
    }

    #[test]
    fn kinds_are_bounded() {
        let mut gather = Gather::default();
        let now = Instant::now();
        let letters = |number: usize| {
            number.to_string().replace(|c: char| c.is_ascii_digit(), "x") + &"y".repeat(number)
        };
        let written = (0..10 * KINDS_MAX).filter(|number| gather.note(PLACE, &letters(*number), now)).count();
        assert!(written <= KINDS_MAX + 1, "{written}");
    }
}
