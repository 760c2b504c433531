//! The current state of a ride, sent again to an app that comes back: a lost answer must not strand a passenger. Each
//! part of it (a search is open, a driver is assigned, has arrived, has started) is sent once, either as its own event,
//! if that is sent on this connection anyway, or without a number instead.

use crate::domain::delivery::{Read, Selection};
use crate::domain::event::Event;
use crate::domain::ids::{EventId, JobId};
use crate::domain::job::JobStatus;
use std::collections::VecDeque;

/// The parts of an ongoing ride's state that an app must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Searching,
    DriverAssigned,
    DriverArrived,
    RideStarted,
}

/// An event of the ride's job that tells a part of its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub part: Part,
    pub id: EventId,
    pub is_confirmed: bool,
}

/// The parts that are still to be said, in their order.
#[derive(Debug, PartialEq)]
pub struct Recap {
    job: JobId,
    /// The state is that after this event.
    newest: EventId,
    parts: VecDeque<Pending>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Pending {
    part: Part,
    /// The event that first reported it; none if that is no longer stored, or if the request itself was the report.
    told_by: Option<EventId>,
    /// Its event is sent on this connection.
    is_coming: bool,
}

impl Recap {
    /// The state of a job after the event `newest`. `told` are the job's events, ascending; `read` is the part of the
    /// account's history that is about to be sent, if any. Events newer than `newest` are sent anyway.
    pub fn new(job: JobId, status: JobStatus, told: &[Told], newest: EventId, read: Option<&Read>) -> Self {
        let is_coming = |told: &Told| {
            told.id > newest
                || read.is_some_and(|read| {
                    told.id > read.after && (read.selection == Selection::Everything || !told.is_confirmed)
                })
        };
        // Events before the last search or the last driver are past.
        let is_turn = |told: &Told| matches!(told.part, Part::Searching | Part::DriverAssigned);
        let turn = told.iter().rposition(is_turn).unwrap_or(0);
        let of = |part: Part| {
            let by = told[turn..].iter().rfind(|told| told.part == part);
            Pending { part, told_by: by.map(|told| told.id), is_coming: by.is_some_and(is_coming) }
        };
        let arrived = || Some(of(Part::DriverArrived)).filter(|arrived| arrived.told_by.is_some());
        let parts = match status {
            JobStatus::Requested => vec![of(Part::Searching)],
            JobStatus::Assigned | JobStatus::EnRoute => vec![of(Part::DriverAssigned)],
            JobStatus::Arrived => vec![of(Part::DriverAssigned), of(Part::DriverArrived)],
            // A driver who started without reporting arrival has no arrival event.
            JobStatus::InProgress => {
                let first = [of(Part::DriverAssigned)].into_iter().chain(arrived());
                first.chain([of(Part::RideStarted)]).collect()
            }
            JobStatus::Completed | JobStatus::Cancelled | JobStatus::Unmatched => Vec::new(),
        };
        Self { job, newest, parts: parts.into() }
    }

    pub fn newest(&self) -> EventId {
        self.newest
    }

    /// The parts to be sent before this event.
    pub fn before(&mut self, event: &Event) -> Vec<Part> {
        let is_news = event.id > self.newest;
        let is_of_the_ride = event.job == Some(self.job);
        let is_due = |pending: &Pending| {
            is_news || is_of_the_ride && pending.told_by.is_none_or(|told_by| told_by <= event.id)
        };
        let mut due = Vec::new();
        while let Some(pending) = self.parts.pop_front_if(|pending| is_due(pending)) {
            due.extend((!pending.comes_after(event.id.previous())).then_some(pending.part));
        }
        due
    }

    /// The parts left after all of the history was sent.
    pub fn rest(self) -> Vec<Part> {
        let newest = self.newest;
        let is_missing = |pending: &Pending| !pending.comes_after(newest);
        self.parts.into_iter().filter(is_missing).map(|pending| pending.part).collect()
    }
}

impl Pending {
    /// Whether its event is sent later than `sent`. One that should have been by then was confirmed on another connection before
    /// it was read, and left out.
    fn comes_after(&self, sent: EventId) -> bool {
        self.is_coming && self.told_by > Some(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::EventBody;
    use crate::domain::ids::AccountId;
    use crate::domain::ride::RideId;
    use chrono::DateTime;
    use proptest::prelude::*;

    const JOB: JobId = JobId(7);
    const STATUSES: [JobStatus; 4] =
        [JobStatus::Requested, JobStatus::Assigned, JobStatus::Arrived, JobStatus::InProgress];

    fn told(part: Part, id: i64, is_confirmed: bool) -> Told {
        Told { part, id: EventId(id), is_confirmed }
    }

    fn event(id: i64, job: JobId) -> Event {
        let ride_id = RideId::new("12345").expect("a ride id");
        let created_at = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        let body = EventBody::RideStarted { ride_id };
        Event {
            account: AccountId(1),
            id: EventId(id),
            job: Some(job),
            created_at,
            pushed: false,
            external_id: None,
            body,
            contact: None,
        }
    }

    fn read(after: i64, selection: Selection) -> Option<Read> {
        Some(Read { after: EventId(after), up_to: EventId(100), selection, generation: 1 })
    }

    fn unconfirmed() -> Option<Read> {
        let not_before = DateTime::from_timestamp(0, 0).expect("a time");
        read(0, Selection::Unconfirmed { not_before })
    }

    /// The messages to an app: the state's parts in words, events by their numbers.
    fn heard(
        status: JobStatus,
        told: &[Told],
        newest: i64,
        read: Option<Read>,
        events: &[Event],
    ) -> Vec<String> {
        let mut recap = Recap::new(JOB, status, told, EventId(newest), read.as_ref());
        let mut heard = Vec::new();
        for event in events {
            heard.extend(recap.before(event).iter().map(|part| format!("{part:?}")));
            heard.push(event.id.to_string());
        }
        heard.extend(recap.rest().iter().map(|part| format!("{part:?}")));
        heard
    }

    #[test]
    fn what_was_confirmed_is_said_again_in_its_order() {
        let all = [
            told(Part::DriverAssigned, 1, true),
            told(Part::DriverArrived, 2, true),
            told(Part::RideStarted, 3, true),
        ];
        let expected = ["DriverAssigned", "DriverArrived", "RideStarted"];
        for (count, status) in STATUSES.iter().enumerate().skip(1) {
            assert_eq!(heard(*status, &all[..count], count as i64, unconfirmed(), &[]), expected[..count]);
        }
        assert_eq!(heard(JobStatus::Requested, &[], 0, None, &[]), ["Searching"]);
        assert_eq!(heard(JobStatus::Completed, &all, 4, unconfirmed(), &[]), [""; 0]);
    }

    #[test]
    fn what_is_replayed_is_not_said_beside_it() {
        let all = [told(Part::DriverAssigned, 4, true), told(Part::DriverArrived, 5, false)];
        let replayed = [event(5, JOB)];
        assert_eq!(heard(JobStatus::Arrived, &all, 5, unconfirmed(), &replayed), ["DriverAssigned", "5"]);
        let everything = read(3, Selection::Everything);
        assert_eq!(
            heard(JobStatus::Arrived, &all, 5, everything, &[event(4, JOB), event(5, JOB)]),
            ["4", "5"]
        );
    }

    /// Another socket of the ride confirmed it between the two looks into the store.
    #[test]
    fn what_is_left_out_of_the_replay_after_all_is_said() {
        let all = [told(Part::DriverAssigned, 1, false), told(Part::DriverArrived, 2, false)];
        assert_eq!(heard(JobStatus::Assigned, &all[..1], 1, unconfirmed(), &[]), ["DriverAssigned"]);
        let replayed = [event(2, JOB)];
        assert_eq!(heard(JobStatus::Arrived, &all, 2, unconfirmed(), &replayed), ["DriverAssigned", "2"]);
    }

    /// No driver was found, the app asked again, and the first answer was never confirmed: what goes on now is said last.
    #[test]
    fn the_state_comes_after_what_an_earlier_search_came_to() {
        let replayed = [event(1, JobId(6))];
        assert_eq!(heard(JobStatus::Requested, &[], 1, unconfirmed(), &replayed), ["1", "Searching"]);
    }

    #[test]
    fn a_search_that_goes_on_after_a_driver_gave_up_is_said_once() {
        let confirmed = [told(Part::DriverAssigned, 1, true), told(Part::Searching, 2, true)];
        assert_eq!(heard(JobStatus::Requested, &confirmed, 2, unconfirmed(), &[]), ["Searching"]);
        let open = [told(Part::DriverAssigned, 1, true), told(Part::Searching, 2, false)];
        assert_eq!(heard(JobStatus::Requested, &open, 2, unconfirmed(), &[event(2, JOB)]), ["2"]);
    }

    #[test]
    fn an_arrival_of_an_earlier_driver_is_past() {
        let all = [
            told(Part::DriverAssigned, 1, true),
            told(Part::DriverArrived, 2, true),
            told(Part::Searching, 3, true),
            told(Part::DriverAssigned, 4, true),
            told(Part::RideStarted, 5, true),
        ];
        assert_eq!(
            heard(JobStatus::InProgress, &all, 5, unconfirmed(), &[]),
            ["DriverAssigned", "RideStarted"]
        );
    }

    #[test]
    fn the_state_is_said_before_anything_that_is_newer() {
        let all = [told(Part::DriverAssigned, 1, true)];
        let news = [event(2, JOB)];
        assert_eq!(heard(JobStatus::Assigned, &all, 1, unconfirmed(), &news), ["DriverAssigned", "2"]);
        assert_eq!(heard(JobStatus::Requested, &[], 1, None, &news), ["Searching", "2"]);
        // The driver was assigned between the two looks into the store: its event comes as any other.
        let between = [told(Part::DriverAssigned, 2, false)];
        assert_eq!(heard(JobStatus::Assigned, &between, 1, None, &news), ["2"]);
    }

    #[test]
    fn a_state_of_which_no_event_is_kept_is_said() {
        assert_eq!(heard(JobStatus::Arrived, &[], 9, None, &[]), ["DriverAssigned", "DriverArrived"]);
        let chat = [event(9, JOB)];
        assert_eq!(heard(JobStatus::Assigned, &[], 9, unconfirmed(), &chat), ["DriverAssigned", "9"]);
    }

    proptest! {
        /// Whichever events were confirmed and wherever the app left off: each part of the state is heard exactly once, the
        /// parts in their order.
        #[test]
        fn each_part_is_heard_once_and_in_order(
            reached in 1usize..4,
            confirmed in prop::collection::vec(any::<bool>(), 3),
            named in prop::option::of(0i64..=3),
        ) {
            let parts = [Part::DriverAssigned, Part::DriverArrived, Part::RideStarted];
            let all: Vec<Told> = (0..reached).map(|at| told(parts[at], at as i64 + 1, confirmed[at])).collect();
            let newest = reached as i64;
            let read = match named {
                Some(last) => read(last, Selection::Everything),
                None => unconfirmed(),
            };
            let is_sent = |told: &&Told| named.map_or(!told.is_confirmed, |last| told.id.0 > last);
            let events: Vec<Event> = all.iter().filter(is_sent).map(|told| event(told.id.0, JOB)).collect();
            let heard = heard(STATUSES[reached], &all, newest, read, &events);
            let place = |word: &String| {
                let by_name = parts.iter().position(|part| format!("{part:?}") == *word);
                by_name.or_else(|| word.parse::<usize>().ok().map(|id| id - 1))
            };
            let places: Vec<_> = heard.iter().map(place).collect();
            prop_assert_eq!(places, (0..reached).map(Some).collect::<Vec<_>>());
        }
    }
}
