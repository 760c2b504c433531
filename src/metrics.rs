//! The names of all metrics, in one place, as handles that cost an atomic each.

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

const REQUESTS_REFUSED: &str = "fleetwire_requests_refused_total";

/// Counts a request that was answered with a problem. Codes come from one table, so the series are few.
pub fn request_refused(code: &'static str) {
    counter!(REQUESTS_REFUSED, "code" => code).increment(1);
}

const LIMITED: &str = "fleetwire_limited_total";

/// Counts something over a limit, by the limit's name of `rate_limit::Limit`.
pub fn limited(limit: &'static str) {
    counter!(LIMITED, "limit" => limit).increment(1);
}

macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $field:ident: $kind:ident = $make:ident, $describe:ident, $name:literal;)+) => {
        /// Handles to every metric. Made once, after the recorder is installed.
        pub struct Metrics {
            $($(#[doc = $doc])+ pub $field: $kind,)+
        }

        impl Metrics {
            #[expect(clippy::new_without_default, reason = "it registers with the installed recorder")]
            pub fn new() -> Self {
                $($describe!($name, concat!($($doc),+));)+
                describe_counter!(REQUESTS_REFUSED, "REST requests answered with a problem, by its code.");
                describe_counter!(LIMITED, "What was over a limit, by the limit.");
                Self { $($field: $make!($name),)+ }
            }
        }
    };
}

metrics! {
    /// Sessions closed because the same driver connected again.
    sessions_ghosted: Counter = counter, describe_counter, "fleetwire_sessions_ghosted_total";
    /// Sockets refused for their token.
    sessions_refused: Counter = counter, describe_counter, "fleetwire_sessions_refused_total";
    /// Handshakes refused by a rate limit.
    handshakes_limited: Counter = counter, describe_counter, "fleetwire_handshakes_limited_total";
    /// Handshakes refused because MAX_CONNECTIONS sessions are open.
    connections_limited: Counter = counter, describe_counter, "fleetwire_connections_limited_total";
    /// Logins refused by a rate limit.
    logins_limited: Counter = counter, describe_counter, "fleetwire_logins_limited_total";
    /// Messages of clients that were answered with an error.
    messages_refused: Counter = counter, describe_counter, "fleetwire_messages_refused_total";
    /// Positions taken over from clients.
    positions_accepted: Counter = counter, describe_counter, "fleetwire_positions_accepted_total";
    /// Positions written to driver_locations.
    positions_stored: Counter = counter, describe_counter, "fleetwire_positions_stored_total";
    /// Accepted positions that were in driver_locations already: the app has sent its queue once more.
    positions_repeated: Counter = counter, describe_counter, "fleetwire_positions_repeated_total";
    /// Positions refused because the recorder's queue was full; the client was told.
    positions_refused: Counter = counter, describe_counter, "fleetwire_positions_refused_total";
    /// Accepted positions given up because the database was not available until the end.
    positions_dropped: Counter = counter, describe_counter, "fleetwire_positions_dropped_total";
    /// Positions waiting in the recorder.
    recorder_queue: Gauge = gauge, describe_gauge, "fleetwire_recorder_queue";
    /// Durable events handed to sessions.
    events_sent: Counter = counter, describe_counter, "fleetwire_events_sent_total";
    /// Durable events that a device's socket has answered for.
    events_confirmed: Counter = counter, describe_counter, "fleetwire_events_confirmed_total";
    /// From the change to the device's answer.
    event_confirm_seconds: Histogram = histogram, describe_histogram, "fleetwire_event_confirm_seconds";
    /// Announcements that the repair look had to find.
    announcements_repaired: Counter = counter, describe_counter, "fleetwire_announcements_repaired_total";
    /// Positions that were stored and not believed: a jump, or hopelessly inaccurate.
    positions_implausible: Counter = counter, describe_counter, "fleetwire_positions_implausible_total";
    /// Rides that somebody follows.
    rooms: Gauge = gauge, describe_gauge, "fleetwire_rooms";
    /// Positions queued for those who follow a ride, one for each of them.
    room_positions: Counter = counter, describe_counter, "fleetwire_room_positions_total";
    /// Refused to follow a ride because ROOM_MEMBERS_MAX do, or because the connection follows RIDES_JOINED_MAX.
    rooms_full: Counter = counter, describe_counter, "fleetwire_rooms_full_total";
    /// Drivers who can be matched.
    drivers_matchable: Gauge = gauge, describe_gauge, "fleetwire_drivers_matchable";
    /// Rides whose driver was no longer heard from before the pickup.
    drivers_lost: Counter = counter, describe_counter, "fleetwire_drivers_lost_total";
    /// Searches for a ride's driver that go on.
    searches_open: Gauge = gauge, describe_gauge, "fleetwire_searches_open";
    /// Searches for a driver refused by a rate limit.
    searches_limited: Counter = counter, describe_counter, "fleetwire_searches_limited_total";
    /// Offers that drivers have not answered yet.
    offers_open: Gauge = gauge, describe_gauge, "fleetwire_offers_open";
    /// Offers made to drivers.
    offers_made: Counter = counter, describe_counter, "fleetwire_offers_made_total";
    /// Drivers who could not be bound to the ride that was meant for them.
    claims_lost: Counter = counter, describe_counter, "fleetwire_claims_lost_total";
    /// From the beginning of a search to its driver.
    match_seconds: Histogram = histogram, describe_histogram, "fleetwire_match_seconds";
    /// Ride ids held for matching sockets.
    rides_held: Gauge = gauge, describe_gauge, "fleetwire_rides_held";
    /// Matching sockets refused because RIDES_HELD_MAX rides are held.
    rides_held_refused: Counter = counter, describe_counter, "fleetwire_rides_held_refused_total";
    /// Time of a database operation on its thread.
    database_seconds: Histogram = histogram, describe_histogram, "fleetwire_database_seconds";
    /// Database operations waiting for a thread.
    database_queue: Gauge = gauge, describe_gauge, "fleetwire_database_queue";
    /// Database operations refused because the queue was full.
    database_refused: Counter = counter, describe_counter, "fleetwire_database_refused_total";
    /// Database operations given up: no connection or no answer in time, or the database was busy, full or read-only.
    database_given_up: Counter = counter, describe_counter, "fleetwire_database_given_up_total";
    /// Push notifications whose text was shortened to what a service takes.
    push_texts_shortened: Counter = counter, describe_counter, "fleetwire_push_texts_shortened_total";
    /// Notifications queued for events that no device confirmed.
    push_queued: Counter = counter, describe_counter, "fleetwire_push_queued_total";
    /// Calls of the push interface refused by a rate limit.
    push_limited: Counter = counter, describe_counter, "fleetwire_push_limited_total";
    /// Reads of operators on their way into the audit.
    audit_waiting: Gauge = gauge, describe_gauge, "fleetwire_audit_waiting";
    /// Reads of operators refused because they could not have been recorded.
    audit_refused: Counter = counter, describe_counter, "fleetwire_audit_refused_total";
    /// Lines of the log that were dropped because nobody read standard error.
    log_lines_dropped: Counter = counter, describe_counter, "fleetwire_log_lines_dropped_total";
    /// Rows removed because their retention had passed.
    rows_pruned: Counter = counter, describe_counter, "fleetwire_rows_pruned_total";
}
