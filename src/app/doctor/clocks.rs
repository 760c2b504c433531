//! The machine's clock against those of others: the database's, and the push services' as their answers' `Date` says.

use crate::app::doctor::finding::Finding;
use crate::app::doctor::web::Web;
use crate::clock::SharedClock;
use crate::config::push::{BaseUrl, PushSettings};
use chrono::{DateTime, TimeDelta, Utc};

const CHECK: &str = "clock";
/// `Date` has whole seconds, and an answer takes time.
const SERVICE_CLOCK_MAX: TimeDelta = TimeDelta::seconds(3);
/// Tokens and positions are trusted up to here; Apple and Google refuse credentials beyond.
const FAULT: TimeDelta = TimeDelta::seconds(60);

/// The difference to somebody else's clock: `theirs` less ours.
pub fn difference(whose: &str, theirs: TimeDelta, tolerated: TimeDelta) -> Finding {
    let (size, word) = (theirs.abs(), if theirs < TimeDelta::zero() { "ahead of" } else { "behind" });
    let secs = size.num_milliseconds() as f64 / 1000.0;
    let says = format!("this machine's clock is {secs:.1} s {word} that of {whose}");
    let remedy = "let a time service (chrony, systemd-timesyncd) set the clock";
    match size {
        _ if size > FAULT => Finding::fault(CHECK, says, remedy),
        _ if size > tolerated => Finding::warning(CHECK, says, remedy),
        _ => Finding::ok(CHECK, says),
    }
}

/// The addresses of the services that are in use.
fn services(push: &PushSettings) -> Vec<(&'static str, &BaseUrl)> {
    let all = [
        ("FCM", push.fcm.as_ref().map(|fcm| &fcm.base_url)),
        ("APNs", push.apns.as_ref().map(|apns| &apns.base_url)),
        ("Expo", push.expo.as_ref().map(|expo| &expo.base_url)),
    ];
    all.into_iter().filter_map(|(name, url)| Some((name, url?))).collect()
}

/// Asks each service in use what time it is there.
pub async fn services_clocks(push: &PushSettings, web: &Web, clock: &SharedClock) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, url) in services(push) {
        let before = clock.now();
        let asked = web.get(url.as_str()).await;
        let middle = before + (clock.now() - before) / 2;
        findings.push(match asked {
            Ok(answer) => by_date(name, answer.date.as_deref(), middle),
            Err(reason) => Finding::warning(
                CHECK,
                format!("{name} at {} can't be reached: {reason}", url.as_str()),
                "let this machine connect there (a firewall?), or give --offline to leave this out",
            ),
        });
    }
    findings
}

fn by_date(name: &str, date: Option<&str>, now: DateTime<Utc>) -> Finding {
    match date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) {
        // It was cut to the second.
        Some(theirs) => {
            let theirs = theirs.with_timezone(&Utc) + TimeDelta::milliseconds(500);
            difference(name, theirs - now, SERVICE_CLOCK_MAX)
        }
        None => Finding::ok(CHECK, format!("{name} answers, and does not say what time it is")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::finding::Level;

    #[test]
    fn a_clock_that_differs_is_named_with_its_direction() {
        let of = |ms| difference("the database", TimeDelta::milliseconds(ms), TimeDelta::seconds(1));
        assert_eq!(of(900).level, Level::Ok);
        let behind = of(5_000);
        assert_eq!(behind.level, Level::Warning);
        assert!(behind.says.contains("5.0 s behind"), "{behind}");
        let ahead = of(-90_000);
        assert_eq!(ahead.level, Level::Fault);
        assert!(ahead.says.contains("90.0 s ahead of"), "{ahead}");
    }

    #[test]
    fn a_date_of_a_service_is_read() {
        let now = DateTime::parse_from_rfc3339("2026-12-01T10:00:00Z").unwrap().with_timezone(&Utc);
        assert_eq!(by_date("FCM", Some("Tue, 01 Dec 2026 10:00:01 GMT"), now).level, Level::Ok);
        assert_eq!(by_date("FCM", Some("Tue, 01 Dec 2026 10:00:20 GMT"), now).level, Level::Warning);
        assert_eq!(by_date("FCM", Some("Tue, 01 Dec 2026 09:50:00 GMT"), now).level, Level::Fault);
        assert_eq!(by_date("FCM", None, now).level, Level::Ok);
    }
}
