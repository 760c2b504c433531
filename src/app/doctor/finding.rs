//! The outcome of a check: one line, with the remedy where something is wrong.

use serde::Serialize;
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Works, and will not always.
    Warning,
    /// Does not work, or must not be run like this.
    Fault,
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Fault => "fault",
        }
    }
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Names the check, for machines.
    pub check: &'static str,
    pub level: Level,
    pub says: String,
    /// None where nothing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Finding { check, level: Level::Ok, says: one_line(says), remedy: None }
    }

    pub fn warning(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding { check, level: Level::Warning, says: one_line(says), remedy: Some(one_line(remedy)) }
    }

    pub fn fault(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding { check, level: Level::Fault, says: one_line(says), remedy: Some(one_line(remedy)) }
    }
}

/// PostgreSQL's and SQLite's messages may have several lines.
fn one_line(text: impl Into<String>) -> String {
    text.into().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} {:<16} {}", self.level.as_str(), self.check, self.says)?;
        match &self.remedy {
            Some(remedy) => write!(f, " -> {remedy}"),
            None => Ok(()),
        }
    }
}

/// All findings, as machines read them.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// Whether there is no fault.
    pub ok: bool,
    pub faults: usize,
    pub warnings: usize,
    pub findings: &'a [Finding],
}

impl<'a> Report<'a> {
    pub fn of(findings: &'a [Finding]) -> Self {
        let count = |level| findings.iter().filter(|finding| finding.level == level).count();
        let (faults, warnings) = (count(Level::Fault), count(Level::Warning));
        Report { ok: faults == 0, faults, warnings, findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_what_to_do() {
        let fault = Finding::fault("disk", "it is\n  full", "make room");
        assert_eq!(fault.to_string(), "fault    disk             it is full -> make room");
        assert_eq!(Finding::ok("wal", "on").to_string(), "ok       wal              on");
    }

    #[test]
    fn only_faults_make_a_report_bad() {
        let mut findings = vec![Finding::ok("a", "x"), Finding::warning("b", "y", "z")];
        assert!(Report::of(&findings).ok);
        findings.push(Finding::fault("c", "y", "z"));
        let report = Report::of(&findings);
        assert_eq!((report.ok, report.faults, report.warnings), (false, 1, 1));
        let json = serde_json::to_value(report).unwrap();
        assert_eq!(json["findings"][2]["level"], "fault");
        assert_eq!(json["findings"][0].get("remedy"), None);
    }
}
