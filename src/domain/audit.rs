//! The actor and the subject of an audit row. Both are ids written as words, so that they contain nothing personal and
//! an erased account can still be told apart.

use crate::domain::ids::{AccountId, CustomerId, DriverId, JobId};
use std::fmt;

/// Longer, or with other signs, it is no id of ours nor one that an app may give a ride.
const CHARS_MAX: usize = 80;

/// An operator's or a program's account, or a user of the machine that the program was called on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    Account(AccountId),
    Local(String),
}

const ACCOUNT: &str = "account:";
const LOCAL: &str = "local:";

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Account(id) => write!(f, "{ACCOUNT}{id}"),
            Actor::Local(user) => write!(f, "{LOCAL}{user}"),
        }
    }
}

impl Actor {
    /// Reads what a row has.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(ACCOUNT) {
            Some(id) => id.parse().ok().map(|id| Actor::Account(AccountId(id))),
            None => text.strip_prefix(LOCAL).map(|user| Actor::Local(user.to_owned())),
        }
    }
}

/// `driver:7`, `job:4711`, `ride:0190a5f0-…`: a kind and an id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// By the number of the row.
    Row(&'static str, i64),
    /// By another id.
    Named(String),
}

/// The kinds of subjects that have a row with a number.
const KINDS: [&str; 4] = ["account", "driver", "customer", "job"];

impl Subject {
    pub const fn account(id: AccountId) -> Self {
        Self::Row(KINDS[0], id.0)
    }

    pub const fn driver(id: DriverId) -> Self {
        Self::Row(KINDS[1], id.0)
    }

    pub const fn customer(id: CustomerId) -> Self {
        Self::Row(KINDS[2], id.0)
    }

    pub const fn job(id: JobId) -> Self {
        Self::Row(KINDS[3], id.0)
    }

    /// Reads it from a query or a path.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        if let Some(kind) = KINDS.into_iter().find(|known| *known == kind) {
            let row = id.parse().ok().map(|id| Self::Row(kind, id));
            return row.filter(|row| row.to_string() == text);
        }
        let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let is_sane = !kind.is_empty()
            && kind.bytes().all(|byte| byte.is_ascii_lowercase())
            && (1..=CHARS_MAX).contains(&id.chars().count())
            && id.chars().all(is_id);
        is_sane.then(|| Self::Named(text.to_owned()))
    }

    /// The subject of a path: its kind from the part before the placeholder, and its id. All kinds of jobs have one row
    /// of numbers.
    pub fn of_path(path: &str, id: &str) -> Option<Self> {
        let (before, _) = path.split_once("/{")?;
        let kind = match before.rsplit('/').next()? {
            "orders" | "bookings" | "jobs" => "job",
            several => several.strip_suffix('s').unwrap_or(several),
        };
        Self::parse(&format!("{kind}:{id}"))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Row(kind, id) => write!(f, "{kind}:{id}"),
            Subject::Named(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_whom_it_is_about() {
        let of = |path: &str, id: &str| Subject::of_path(path, id).map(|subject| subject.to_string());
        assert_eq!(of("/api/v1/admin/drivers/{id}/why", "7").as_deref(), Some("driver:7"));
        assert_eq!(of("/api/v1/admin/customers/{id}", "-12").as_deref(), Some("customer:-12"));
        for path in
            ["/api/v1/admin/orders/{id}/assign", "/api/v1/bookings/{id}", "/api/v1/admin/jobs/{id}/trace"]
        {
            assert_eq!(of(path, "9").as_deref(), Some("job:9"));
        }
        assert_eq!(of("/api/v1/rides/{ride_id}", "r-1").as_deref(), Some("ride:r-1"));
        assert_eq!(of("/api/v1/admin/drivers", "7"), None);
    }

    #[test]
    fn what_is_no_id_is_nobody() {
        let long = "x".repeat(CHARS_MAX + 1);
        for wrong in [
            "",
            "driver",
            "driver:",
            ":7",
            "Driver:7",
            "driver:+49 151",
            "driver:07",
            "job:abc",
            "driver:a b",
            "driver:é",
            &format!("ride:{long}"),
        ] {
            assert_eq!(Subject::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_actor_reads_as_it_is_written() {
        for actor in [Actor::Account(AccountId(7)), Actor::Local("root".to_owned())] {
            assert_eq!(Actor::parse(&actor.to_string()), Some(actor));
        }
        assert_eq!(Actor::parse("anna"), None);
    }
}
