//! The one table of limits: each with its bound, the reaction to more, and the counter that shows it. Most bounds are
//! settings, whose unit and reason are in the table of settings. `docs/PROTOCOL.md` prints it; a test compares the two.

use super::RetryAfter;
use crate::domain::words::words;
use crate::metrics;

words! {
    /// Limits that are counted by `fleetwire_limited_total{limit}`; the word is the label. The others have counters of
    /// their own from before.
    Limit {
        Requests = "requests",
        OperatorRequests = "operator_requests",
        Jobs = "jobs",
        OpenJobs = "open_jobs",
        Chat = "chat",
        Nearby = "nearby",
        Positions = "positions",
        SocketsOfAccount = "sockets_of_account",
        SocketsOfAddress = "sockets_of_address",
    }
}

impl Limit {
    /// Somebody was over it.
    pub fn exceeded(self) {
        metrics::limited(self.as_str());
    }

    /// Counts a refusal.
    pub(super) fn of(self, outcome: Result<(), RetryAfter>) -> Result<(), RetryAfter> {
        outcome.inspect_err(|_| self.exceeded())
    }
}

/// The origin of the bound.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    Setting(&'static str),
    /// Nobody needs another one, for this reason.
    Fixed(&'static str),
}

/// One limit.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub what: &'static str,
    pub bound: Bound,
    /// As the documents write it.
    pub default: &'static str,
    pub reaction: &'static str,
    /// The metric's name, with its label where it has one; empty where nobody is refused anything.
    pub counter: &'static str,
}

const fn row(
    what: &'static str,
    bound: Bound,
    default: &'static str,
    reaction: &'static str,
    counter: &'static str,
) -> Row {
    Row { what, bound, default, reaction, counter }
}

use Bound::{Fixed, Setting};

/// A request over its limit.
const LATER: &str = "429 with `Retry-After`";
/// The same where it may come over a socket, too.
const LATER_OR_LIMITED: &str = "429 with `Retry-After`; on sockets `rate_limited` with `retry_after`";

/// Every limit on clients, in the order of the documents.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row("sockets", Setting("MAX_CONNECTIONS"), "20,000", "503 with `Retry-After`", "fleetwire_connections_limited_total"),
    row("sockets of an account; operators have ten times as many", Setting("MAX_SOCKETS_PER_ACCOUNT"), "20", "its oldest is closed with 4003", "fleetwire_limited_total{limit=\"sockets_of_account\"}"),
    row("sockets without an account from an address (IPv6: a /64)", Setting("MAX_SOCKETS_PER_ADDRESS"), "500", LATER, "fleetwire_limited_total{limit=\"sockets_of_address\"}"),
    row("handshakes of an address (IPv6: a /64)", Setting("HANDSHAKES_PER_MINUTE_PER_ADDRESS"), "600", LATER, "fleetwire_handshakes_limited_total"),
    row("handshakes of an account", Setting("HANDSHAKES_PER_MINUTE_PER_ACCOUNT"), "30", "1008", "fleetwire_handshakes_limited_total"),
    row("log-ins from an address", Setting("LOGINS_PER_MINUTE_PER_ADDRESS"), "600", LATER, "fleetwire_logins_limited_total"),
    row("wrong passwords for an account, by name or number in any form, from one address", Setting("LOGINS_PER_MINUTE_PER_ACCOUNT"), "10", LATER, "fleetwire_logins_limited_total"),
    row("the same from all addresses, without an hour's pause", Fixed("as many are free: who guesses from many addresses is slowed, and no owner is kept out"), "10", "the next guess waits 1 s, 2 s, 4 s … 15 minutes (429 with `Retry-After`), but not from an address that the account was logged in from, or refreshed its token from, in the last 90 days", "fleetwire_logins_limited_total"),
    row("requests of a driver or customer, by REST and over sockets (where positions, `ping` and `ack` do not count)", Setting("REQUESTS_PER_MINUTE_PER_ACCOUNT"), "1,200", LATER_OR_LIMITED, "fleetwire_limited_total{limit=\"requests\"}"),
    row("the same of an operator or a program", Setting("OPERATOR_REQUESTS_PER_MINUTE"), "60,000", LATER_OR_LIMITED, "fleetwire_limited_total{limit=\"operator_requests\"}"),
    row("rides and bookings that a customer asks for", Setting("JOBS_PER_MINUTE_PER_CUSTOMER"), "30", LATER_OR_LIMITED, "fleetwire_limited_total{limit=\"jobs\"}"),
    row("open rides of a customer, those for later included", Setting("MAX_OPEN_RIDES_PER_CUSTOMER"), "10", "429 `too_many_open_jobs` with `Retry-After`, on sockets with `retry_after`", "fleetwire_limited_total{limit=\"open_jobs\"}"),
    row("open bookings of a customer, but for those that operators made", Setting("MAX_OPEN_BOOKINGS_PER_CUSTOMER"), "50", "the same", "fleetwire_limited_total{limit=\"open_jobs\"}"),
    row("open rides that were asked for without an account from an address (IPv6: a /64)", Setting("MAX_OPEN_RIDES_PER_ADDRESS"), "100", "the same", "fleetwire_limited_total{limit=\"open_jobs\"}"),
    row("`chat_message` of an account", Setting("CHAT_PER_MINUTE"), "60", "`rate_limited` with `retry_after`", "fleetwire_limited_total{limit=\"chat\"}"),
    row("`drivers/nearby` of a customer", Setting("NEARBY_PER_MINUTE"), "120", LATER, "fleetwire_limited_total{limit=\"nearby\"}"),
    row("positions of a driver by REST", Setting("POSITIONS_PER_MINUTE_BY_REST"), "12,000", LATER, "fleetwire_limited_total{limit=\"positions\"}"),
    row("one message", Setting("MESSAGE_BYTES_MAX"), "16,384 bytes", "1009", "fleetwire_ws_protocol_errors_total"),
    row("fragments of one message", Fixed("an app's message is one frame, and empty fragments cost time"), "64", "1008", "fleetwire_ws_protocol_errors_total"),
    row("messages, pings and unasked pongs", Setting("MESSAGES_PER_SECOND"), "50", "four times as many at once; then read at this pace, and what is left waits with the client", "fleetwire_ws_held_back_total"),
    row("the same without a second's pause", Setting("HELD_BACK_MAX_SECS"), "300 s", "1008", "fleetwire_ws_floods_total"),
    row("messages that can't be understood", Setting("BAD_MESSAGES_PER_MINUTE"), "60", "1008", "fleetwire_ws_floods_total"),
    row("`find_driver` for one ride, over all its sockets", Setting("FIND_DRIVER_PER_MINUTE"), "20", "`rate_limited` with `retry_after`", "fleetwire_searches_limited_total"),
    row("`find_driver` without a token from an address (IPv6: a /64)", Setting("ANONYMOUS_RIDES_PER_MINUTE"), "600", "`rate_limited` with `retry_after`", "fleetwire_searches_limited_total"),
    row("waiting for a client that reads slowly", Setting("OUTBOX_BYTES_MAX"), "262,144 bytes", "4013", "fleetwire_ws_overflowed_total"),
    row("silence", Setting("IDLE_TIMEOUT_SECS"), "300 s", "4008", "fleetwire_ws_idle_total"),
    row("positions of one request", Fixed("a phone's queue comes in several"), "100", "422", "fleetwire_requests_refused_total{code=\"invalid_fields\"}"),
    row("positions waiting for the database", Setting("RECORDER_QUEUE_MAX"), "100,000", "`busy`", "fleetwire_positions_refused_total"),
    row("connections that follow one ride", Setting("ROOM_MEMBERS_MAX"), "100", "`room_full`", "fleetwire_rooms_full_total"),
    row("rides that one connection follows", Setting("RIDES_JOINED_MAX"), "50", "`too_many_rides`", "fleetwire_rooms_full_total"),
    row("decisions, and reads, waiting for the database; of one account, or of one address without one, half as many", Setting("DB_QUEUE_MAX"), "1,024", "503", "fleetwire_database_refused_total"),
    row("rides held for matching sockets", Setting("RIDES_HELD_MAX"), "50,000", "the ride whose last socket has gone longest ago is held no longer; where all have sockets, 503 with `Retry-After`", "fleetwire_rides_held_refused_total"),
    row("deliveries of a driver", Setting("MAX_DELIVERIES_PER_DRIVER"), "5", "409 `driver_full`", "fleetwire_requests_refused_total{code=\"driver_full\"}"),
    row("open bookings of a technician", Setting("MAX_BOOKINGS_PER_DRIVER"), "100", "409 `driver_full`", "fleetwire_requests_refused_total{code=\"driver_full\"}"),
    row("a request's body, also once inflated", Fixed("more than the longest batch needs"), "256 KiB", "413; at once where `Content-Length` says so", "fleetwire_requests_refused_total{code=\"body_too_large\"}"),
    row("connections without a socket", Setting("MAX_HTTP_CONNECTIONS"), "10,000", "those that have waited longest are closed", "fleetwire_http_connections_closed_total{reason=\"room\"}"),
    row("a connection between two requests", Setting("KEEP_ALIVE_SECS"), "75 s", "closed; one that has begun a request and does not end it 5 s later", "fleetwire_http_connections_closed_total{reason=\"overdue\"}"),
    row("calls of `/api/Push` by one account or address", Setting("PUSH_CALLS_PER_MINUTE_PER_CALLER"), "600", LATER, "fleetwire_push_limited_total"),
    row("notifications by hand to one customer", Setting("PUSH_SENDS_PER_MINUTE_PER_CUSTOMER"), "60", LATER, "fleetwire_push_limited_total"),
    row("devices of a customer", Setting("PUSH_DEVICES_PER_CUSTOMER"), "20", "the one that registered longest ago goes", ""),
    row("data of a notification", Fixed("no push service takes more"), "what fits 4,096 bytes", "413", "fleetwire_requests_refused_total{code=\"body_too_large\"}"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SETTINGS;

    fn documented(row: &Row) -> String {
        let setting = match row.bound {
            Setting(name) => format!("`{name}`"),
            Fixed(_) => "none".to_owned(),
        };
        let counter = if row.counter.is_empty() { String::new() } else { format!("`{}`", row.counter) };
        format!("| {} | {setting} | {} | {} | {counter} |", row.what, row.default, row.reaction)
    }

    #[test]
    fn the_documents_have_the_whole_table() {
        const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");
        let (_, section) = PROTOCOL.split_once("\n## Limits\n").expect("the section is there");
        let (_, table) = section.split_once("| --- | --- | --- | --- | --- |\n").expect("the table is there");
        let lines: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let expected: Vec<String> = TABLE.iter().map(documented).collect();
        assert_eq!(lines, expected, "the table of docs/PROTOCOL.md should be:\n{}", expected.join("\n"));
    }

    #[test]
    fn each_bound_is_the_settings_default_with_its_unit_and_a_reason() {
        for row in TABLE {
            match row.bound {
                Fixed(reason) => assert!(!reason.is_empty(), "{}", row.what),
                Setting(name) => {
                    let setting = SETTINGS.iter().find(|setting| setting.name == name);
                    let setting = setting.unwrap_or_else(|| panic!("{name} is no setting"));
                    let digits: String = row.default.chars().filter(char::is_ascii_digit).collect();
                    assert_eq!(digits, setting.default, "{name}");
                    assert!(!setting.unit.is_empty() && !setting.meaning.is_empty(), "{name}");
                }
            }
            assert!(!row.reaction.is_empty(), "{}", row.what);
        }
    }

    #[test]
    fn every_counted_limit_is_in_the_table() {
        for limit in Limit::ALL {
            let counter = format!("fleetwire_limited_total{{limit=\"{}\"}}", limit.as_str());
            assert!(TABLE.iter().any(|row| row.counter == counter), "{counter}");
        }
    }
}
