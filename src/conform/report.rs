//! The results, as a person reads them and as JUnit XML, which CI systems show.

use crate::conform::contract::Contract;
use std::fmt::{self, Write};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    /// This came instead.
    Fail(String),
    /// The reason why it was not checked.
    Skip(String),
}

/// One rule's result.
#[derive(Clone, Debug)]
pub struct Line {
    pub name: String,
    pub says: String,
    pub section: String,
    pub outcome: Outcome,
    pub took: Duration,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, more) = match &self.outcome {
            Outcome::Pass => ("pass", None),
            Outcome::Fail(instead) => ("FAIL", Some(("instead", instead))),
            Outcome::Skip(why) => ("skip", Some(("because", why))),
        };
        write!(f, "{word}  {}: {} [{}]", self.name, self.says, self.section)?;
        match more {
            Some((label, text)) => write!(f, "\n      {label}: {text}"),
            None => Ok(()),
        }
    }
}

pub struct Report {
    pub contract: Contract,
    pub lines: Vec<Line>,
}

impl Report {
    /// Whether no rule is broken. One that could not be checked is not broken.
    pub fn is_kept(&self) -> bool {
        self.count(|outcome| matches!(outcome, Outcome::Fail(_))) == 0
    }

    pub fn summary(&self) -> String {
        let failed = self.count(|outcome| matches!(outcome, Outcome::Fail(_)));
        let skipped = self.count(|outcome| matches!(outcome, Outcome::Skip(_)));
        let passed = self.lines.len() - failed - skipped;
        format!("{}: {passed} passed, {failed} failed, {skipped} skipped", self.contract)
    }

    fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.lines.iter().filter(|line| is(&line.outcome)).count()
    }

    /// JUnit's XML: one suite, one case for each rule.
    pub fn junit(&self) -> String {
        let failed = self.count(|outcome| matches!(outcome, Outcome::Fail(_)));
        let skipped = self.count(|outcome| matches!(outcome, Outcome::Skip(_)));
        let took: Duration = self.lines.iter().map(|line| line.took).sum();
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        // A text takes all that it is given.
        let _ = writeln!(
            xml,
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\" errors=\"0\" time=\"{:.3}\">",
            self.contract,
            self.lines.len(),
            took.as_secs_f64()
        );
        self.lines.iter().for_each(|line| write_case(&mut xml, self.contract, line));
        xml.push_str("</testsuite>\n");
        xml
    }
}

fn write_case(xml: &mut String, contract: Contract, line: &Line) {
    let (name, says) = (escaped(&line.name), escaped(&format!("{} [{}]", line.says, line.section)));
    let secs = line.took.as_secs_f64();
    let _ = write!(xml, "  <testcase classname=\"{contract}\" name=\"{name}\" time=\"{secs:.3}\"");
    let _ = match &line.outcome {
        Outcome::Pass => writeln!(xml, "/>"),
        Outcome::Fail(instead) => {
            let instead = escaped(instead);
            writeln!(xml, ">\n    <failure message=\"{says}\">{instead}</failure>\n  </testcase>")
        }
        Outcome::Skip(why) => {
            let why = escaped(why);
            writeln!(xml, ">\n    <skipped message=\"{why}\"/>\n  </testcase>")
        }
    };
}

/// For texts and attributes. XML 1.0 has no way at all to write most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(outcome: Outcome) -> Line {
        let (name, says) = ("close-code".to_owned(), "a wrong token is closed with 4001".to_owned());
        Line {
            name,
            says,
            section: "PROTOCOL.md, The door".to_owned(),
            outcome,
            took: Duration::from_millis(1500),
        }
    }

    #[test]
    fn a_line_says_the_rule_and_what_came_instead() {
        let said = line(Outcome::Fail("closed with 1000".to_owned())).to_string();
        assert_eq!(
            said,
            "FAIL  close-code: a wrong token is closed with 4001 [PROTOCOL.md, The door]\n      instead: closed with 1000"
        );
    }

    #[test]
    fn only_a_failure_breaks_the_contract() {
        let mut report = Report {
            contract: Contract::Push,
            lines: vec![line(Outcome::Pass), line(Outcome::Skip("no operator".to_owned()))],
        };
        assert!(report.is_kept());
        report.lines.push(line(Outcome::Fail(String::new())));
        assert!(!report.is_kept());
        assert_eq!(report.summary(), "push: 1 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn what_means_something_in_xml_is_escaped() {
        let instead = "{\"a\":\"<b>&\u{1}\"}\nnext".to_owned();
        let report = Report { contract: Contract::DriverApp, lines: vec![line(Outcome::Fail(instead))] };
        let xml = report.junit();
        assert!(xml.contains("{&quot;a&quot;:&quot;&lt;b&gt;&amp;\u{fffd}&quot;} next</failure>"), "{xml}");
        assert!(xml.contains("tests=\"1\" failures=\"1\" skipped=\"0\""), "{xml}");
        assert!(xml.ends_with("  </testcase>\n</testsuite>\n"), "{xml}");
    }
}
