//! Translates between the steady clock, by which searches run, and the time of day in their rows. So a search and its
//! offers last as long as intended, whatever the clock is set to while they are open. Pure.

use crate::clock::Moment;
use crate::domain::candidate::Look;
use crate::domain::open_search::OpenSearch;
use crate::matching::work::Work;
use chrono::{DateTime, Utc};

/// A search from its row, by the steady clock. One that began later than now began before the clock was set, at an
/// unknown time: it gets its whole time again from now.
pub fn by_steady(mut search: OpenSearch, now: Moment) -> OpenSearch {
    let began = |wall: DateTime<Utc>| match now.distrusts(wall) {
        true => now.steady,
        false => now.steady_of(wall),
    };
    let row = &mut search.row;
    let opened_at = began(row.opened_at);
    row.deadline = opened_at + (row.deadline - row.opened_at);
    row.opened_at = opened_at;
    for offer in &mut search.offers {
        let offered_at = began(offer.offered_at);
        offer.expires_at = offered_at + (offer.expires_at - offer.offered_at);
        offer.confirmed_at = offer.confirmed_at.map(|at| offered_at + (at - offer.offered_at));
        offer.offered_at = offered_at;
    }
    search
}

/// Work as its rows and the driver's app are to have it.
pub fn work_by_wall(work: Work, now: Moment) -> Work {
    match work {
        Work::Offer { drivers, expires_at } => {
            Work::Offer { drivers, expires_at: now.wall_until(expires_at) }
        }
        other => other,
    }
}

pub fn look_by_wall(look: Look, now: Moment) -> Look {
    Look { at: now.wall_of(look.at), ..look }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{DriverId, JobId, SearchId};
    use crate::domain::offer::Offer;
    use crate::domain::open_search::SearchRow;
    use crate::domain::position::Position;
    use crate::domain::search_policy::Patience;
    use chrono::TimeDelta;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + secs, 0).expect("a time")
    }

    /// Opened at 0 for 120 s, with an offer of 15 s made at 5 and confirmed at 6.
    fn search() -> OpenSearch {
        let offer = Offer {
            driver: DriverId(7),
            offered_at: at(5),
            expires_at: at(20),
            confirmed_at: Some(at(6)),
            outcome: None,
        };
        OpenSearch {
            id: SearchId(1),
            job: JobId(1),
            row: SearchRow { opened_at: at(0), deadline: at(120), step: 0 },
            patience: Patience::UntilDeadline,
            pickup: Position::new(3.85, 11.5).expect("a place"),
            vehicle_type: None,
            offers: vec![offer],
            refused: Vec::new(),
        }
    }

    fn times(search: &OpenSearch) -> [DateTime<Utc>; 5] {
        let (row, offer) = (search.row, search.offers[0]);
        let confirmed_at = offer.confirmed_at.expect("confirmed");
        [row.opened_at, row.deadline, offer.offered_at, confirmed_at, offer.expires_at]
    }

    #[test]
    fn a_search_keeps_the_time_that_it_has_left() {
        let same = by_steady(search(), Moment { wall: at(10), steady: at(10) });
        assert_eq!(times(&same), [at(0), at(120), at(5), at(6), at(20)]);
        // The clock was set an hour back before this one began, or forward.
        for set in [-3_600, 3_600] {
            let now = Moment { wall: at(10), steady: at(10 - set) };
            let expected = [0, 120, 5, 6, 20].map(|secs| at(secs - set));
            assert_eq!(times(&by_steady(search(), now)), expected, "{set}");
        }
    }

    /// It was open and its offer held the driver for an hour.
    #[test]
    fn a_search_that_began_before_the_clock_was_set_back_begins_now() {
        let now = Moment { wall: at(10 - 3_600), steady: at(10) };
        assert_eq!(times(&by_steady(search(), now)), [at(10), at(130), at(10), at(11), at(25)]);
        let stepped: TimeDelta = now.wall - now.steady;
        let offered = Work::Offer { drivers: vec![DriverId(7)], expires_at: at(25) };
        let expected = Work::Offer { drivers: vec![DriverId(7)], expires_at: at(25) + stepped };
        assert_eq!(work_by_wall(offered, now), expected, "what the driver's app is told");
    }
}
