//! Scenarios over real sockets against the real binary: one server process, one database and one directory for each
//! test. The same scenarios run on SQLite (nothing set) and on PostgreSQL (`FLEETWIRE_TEST_POSTGRES`). Names read as
//! sentences; `support` has everything that a scenario relies on.

// The product takes its time and its chance from outside; a test about real time has only the real clock.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod access;
mod audit;
mod bad_days;
mod bookings;
mod chance;
mod clocks;
mod conform;
mod contacts;
mod currencies;
mod customer_orders;
mod doctor;
mod doors;
mod earnings;
mod erasing;
mod external_ids;
mod fares;
mod faults;
mod frames;
mod hailing;
mod hailing_vectors;
mod hosts;
mod http;
mod idempotency;
mod imports;
mod kills;
mod limits;
mod links;
mod lists;
mod matching;
mod model;
mod orders;
mod payments;
mod people;
mod positions;
mod privacy;
mod providers;
mod push;
mod reading;
mod replay;
mod rest_input;
mod retention;
mod ride_matching;
mod ride_matching_doors;
mod ride_matching_vectors;
mod ride_talk;
mod rides;
mod rooms;
mod searching;
mod second_factor;
mod set_clocks;
mod sign_in;
mod silence;
mod stopping;
mod stories;
mod support;
mod traces;
mod vectors;
mod who_sees_what;
mod wire;
