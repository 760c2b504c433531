//! The figures of a run, and the verdict: what was asked for and what came of it, how long it took, and whether the
//! server kept its promises.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// The counts of a run that goes on.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub rides: Rides,
    pub orders: Orders,
    pub events: Events,
    pub positions_sent: u64,
    pub reconnects: u64,
    /// `error` messages on sockets, by code.
    pub errors: BTreeMap<String, u64>,
    /// Requests that were refused, by code.
    pub refused: BTreeMap<String, u64>,
    pub matched_in_ms: Vec<u64>,
    pub pickup_distance_m: Vec<u64>,
    pub received_in_ms: Vec<u64>,
    /// The first few broken promises, in words.
    pub broken: Vec<String>,
}

/// Broken promises that are told in words; all are counted.
const BROKEN_MAX: usize = 20;

#[derive(Clone, Debug, Default, Serialize)]
pub struct Rides {
    pub asked: u64,
    pub matched: u64,
    /// The search found nobody.
    pub unmatched: u64,
    /// Cancelled by the passenger, or by the end of the run, before a driver was found.
    pub withdrawn: u64,
    pub completed: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Orders {
    pub created: u64,
    pub assigned: u64,
    /// Nobody could be found in all tries.
    pub unassigned: u64,
    pub delivered: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Events {
    pub received: u64,
    /// Sent again to an app that had not confirmed them, which is allowed.
    pub repeated: u64,
    /// Committed, but never received.
    pub lost: u64,
    pub doubled_after_confirmation: u64,
    pub out_of_order: u64,
}

/// Half of the values are at most `p50`, 99 of 100 at most `p99`; null where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    pub count: usize,
    pub p50: Option<u64>,
    pub p99: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub city: &'static str,
    pub seed: u64,
    pub drivers: usize,
    pub riders: usize,
    /// From the first position to the last.
    pub secs: u64,
    pub rides: Rides,
    pub orders: Orders,
    /// Of the rides and orders whose match was neither withdrawn nor still looked for, those that got a driver: from 0
    /// to 1; null where there was none.
    pub match_rate: Option<f64>,
    pub time_to_match_ms: Spread,
    pub pickup_distance_m: Spread,
    pub commit_to_received_ms: Spread,
    pub events: Events,
    pub positions_sent: u64,
    pub reconnects: u64,
    pub errors: BTreeMap<String, u64>,
    pub refused: BTreeMap<String, u64>,
    pub broken: Vec<String>,
    pub sound: bool,
}

/// The participants.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    pub city: &'static str,
    pub seed: u64,
    pub drivers: usize,
    pub riders: usize,
    pub secs: u64,
}

impl Spread {
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        // The nearest rank: a value that was measured.
        let rank = |per_cent: usize| (values.len() * per_cent).div_ceil(100).saturating_sub(1);
        Self { count: values.len(), p50: values.get(rank(50)).copied(), p99: values.get(rank(99)).copied() }
    }
}

impl Figures {
    pub fn breaks(&mut self, promise: String) {
        if self.broken.len() < BROKEN_MAX {
            self.broken.push(promise);
        }
    }

    pub fn report(self, cast: Cast) -> Report {
        let Figures { rides, orders, events, .. } = self;
        let matched = rides.matched + orders.assigned;
        let decided = matched + rides.unmatched + orders.unassigned;
        let sound = events.lost + events.doubled_after_confirmation + events.out_of_order == 0;
        Report {
            city: cast.city,
            seed: cast.seed,
            drivers: cast.drivers,
            riders: cast.riders,
            secs: cast.secs,
            rides,
            orders,
            match_rate: (decided > 0).then(|| matched as f64 / decided as f64),
            time_to_match_ms: Spread::of(self.matched_in_ms),
            pickup_distance_m: Spread::of(self.pickup_distance_m),
            commit_to_received_ms: Spread::of(self.received_in_ms),
            events,
            positions_sent: self.positions_sent,
            reconnects: self.reconnects,
            errors: self.errors,
            refused: self.refused,
            broken: self.broken,
            sound,
        }
    }
}

impl Display for Spread {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.p50, self.p99) {
            (Some(p50), Some(p99)) => write!(f, "{p50}, {p99} ({} measured)", self.count),
            _ => f.write_str("none measured"),
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Rides { asked, matched, unmatched, withdrawn, completed } = &self.rides;
        let Orders { created, assigned, unassigned, delivered } = &self.orders;
        let Events { received, repeated, lost, doubled_after_confirmation: doubled, out_of_order } =
            &self.events;
        let Report { drivers, riders, city, seed, secs, .. } = self;
        writeln!(f, "{drivers} drivers and {riders} riders in {city} for {secs} s, seed {seed}")?;
        writeln!(
            f,
            "rides asked, matched, unmatched, withdrawn, completed   {asked}, {matched}, {unmatched}, {withdrawn}, {completed}"
        )?;
        writeln!(
            f,
            "orders created, assigned, unassigned, delivered         {created}, {assigned}, {unassigned}, {delivered}"
        )?;
        let rate = self.match_rate.map_or("-".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
        writeln!(f, "match rate                                              {rate}")?;
        writeln!(f, "time to match p50, p99, ms                              {}", self.time_to_match_ms)?;
        writeln!(f, "pickup distance p50, p99, m                             {}", self.pickup_distance_m)?;
        writeln!(
            f,
            "commit to received p50, p99, ms                         {}",
            self.commit_to_received_ms
        )?;
        writeln!(f, "events received, repeated                               {received}, {repeated}")?;
        writeln!(
            f,
            "events lost, doubled after confirmation, out of order   {lost}, {doubled}, {out_of_order}"
        )?;
        writeln!(f, "positions sent                                          {}", self.positions_sent)?;
        writeln!(f, "reconnects                                              {}", self.reconnects)?;
        writeln!(f, "errors on sockets                                       {}", codes(&self.errors))?;
        writeln!(f, "requests refused                                        {}", codes(&self.refused))?;
        for promise in &self.broken {
            writeln!(f, "broken: {promise}")?;
        }
        f.write_str(if self.sound { "sound: nothing lost, doubled or out of order" } else { "NOT SOUND" })
    }
}

fn codes(counted: &BTreeMap<String, u64>) -> String {
    if counted.is_empty() {
        return "none".to_owned();
    }
    counted.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAST: Cast = Cast { city: "berlin", seed: 1, drivers: 2, riders: 1, secs: 60 };

    #[test]
    fn a_spread_is_of_values_that_were_measured() {
        assert_eq!(
            Spread::of((1..=200).rev().collect()),
            Spread { count: 200, p50: Some(100), p99: Some(198) }
        );
        assert_eq!(Spread::of(vec![7]), Spread { count: 1, p50: Some(7), p99: Some(7) });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn each_broken_promise_makes_a_run_unsound_and_a_repetition_does_not() {
        let good = Figures { events: Events { repeated: 3, ..Events::default() }, ..Figures::default() };
        assert!(good.report(CAST).sound);
        for events in [
            Events { lost: 1, ..Events::default() },
            Events { doubled_after_confirmation: 1, ..Events::default() },
            Events { out_of_order: 1, ..Events::default() },
        ] {
            let report = Figures { events, ..Figures::default() }.report(CAST);
            assert!(!report.sound && report.to_string().ends_with("NOT SOUND"));
        }
    }

    #[test]
    fn the_rate_is_of_those_whose_search_came_to_an_end() {
        let rides = Rides { asked: 9, matched: 3, unmatched: 1, withdrawn: 5, completed: 2 };
        let report = Figures { rides, ..Figures::default() }.report(CAST);
        assert_eq!(report.match_rate, Some(0.75));
        assert_eq!(Figures::default().report(CAST).match_rate, None);
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!((&json["rides"]["asked"], &json["events"]["lost"]), (&9.into(), &0.into()));
    }
}
