//! Announcements go after a commit to those it concerns, so that they look or act at once. They are small and
//! serialisable, because they may travel to another server: ids, and what a listener needs to decide whether to look.
//!
//! An announcement may be lost without harm, since the rows have its content, too. It contains nothing personal.

use crate::domain::event::{Event, place};
use crate::domain::ids::{AccountId, CustomerId, DriverId, EventId, JobId, SearchId};
use crate::domain::position::Position;
use crate::domain::search_policy::Patience;
use crate::domain::story::Happening;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The result of a committed transaction, on the server that committed it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// In the order in which they were made.
    pub announcements: Vec<Announcement>,
    /// The events that were recorded, by account and in the order of their ids: here nobody needs to read them again.
    pub events: Vec<Event>,
    /// For this server's log.
    pub happenings: Vec<Happening>,
}

impl Committed {
    pub fn is_empty(&self) -> bool {
        self.announcements.is_empty() && self.events.is_empty() && self.happenings.is_empty()
    }
}

/// A fact that others must hear after a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announcement {
    /// A durable event was recorded. Sessions of another server read it.
    Recorded { account: AccountId, id: EventId, job: Option<JobId> },
    /// The account was suspended or its password was changed: its sessions end, but those of the log-in that goes on.
    AccessRevoked { account: AccountId, but: Option<Uuid> },
    /// One log-in of an account was revoked, and its sessions end.
    GrantRevoked { account: AccountId, log_in: Uuid },
    /// The facts that decide whether a driver can be matched have changed.
    DriverChanged(DriverId),
    /// A search for a ride's driver has begun, or something has happened to it.
    Search(SearchNews),
    /// At this time it is to be decided whether an event is pushed.
    PushDue(DateTime<Utc>),
    /// There is something to push.
    PushQueued,
    /// A customer's devices, or what they want to hear, have changed.
    DevicesChanged(CustomerId),
}

/// A change of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchNews {
    /// For a ride that nobody was asked to take before.
    Opened(OpenedSearch),
    /// For a ride that drivers were asked to take before: who they are is read.
    Reopened(JobId),
    /// The ride was bound to a driver.
    Assigned {
        job: JobId,
        driver: DriverId,
    },
    Cancelled(JobId),
    Declined {
        job: JobId,
        driver: DriverId,
    },
}

/// All that is needed to begin a search that nobody was asked by yet. It is told whole, since a passenger waits for it: to read it
/// back would put four queries between `find_driver` and the first offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenedSearch {
    pub id: SearchId,
    pub job: JobId,
    pub patience: Patience,
    pub opened_at: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    #[serde(with = "place")]
    pub pickup: Position,
    /// None takes every vehicle.
    pub vehicle_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 250_000_000).expect("a time")
    }

    /// Each announcement, next to what travels.
    fn all() -> Vec<(Announcement, Value)> {
        let (account, log_in) = (AccountId(5), Uuid::from_u128(7));
        let uuid = "00000000-0000-0000-0000-000000000007";
        let (job, driver) = (JobId(17), DriverId(3));
        let opened = OpenedSearch {
            id: SearchId(1),
            job,
            patience: Patience::WhileAnybodyIsLeft,
            opened_at: at(),
            deadline: at(),
            pickup: Position::new(3.848, 11.5021).expect("in range"),
            vehicle_type: Some("moto".to_owned()),
        };
        vec![
            (
                Announcement::Recorded { account, id: EventId(9), job: Some(job) },
                json!({"recorded": {"account": 5, "id": 9, "job": 17}}),
            ),
            (
                Announcement::AccessRevoked { account, but: None },
                json!({"access_revoked": {"account": 5, "but": null}}),
            ),
            (
                Announcement::GrantRevoked { account, log_in },
                json!({"grant_revoked": {"account": 5, "log_in": uuid}}),
            ),
            (Announcement::DriverChanged(driver), json!({"driver_changed": 3})),
            (
                Announcement::Search(SearchNews::Opened(opened)),
                json!({"search": {"opened": {
                    "id": 1, "job": 17, "patience": "while_anybody_is_left",
                    "opened_at": "2027-01-15T08:00:00.250Z", "deadline": "2027-01-15T08:00:00.250Z",
                    "pickup": {"latitude": 3.848, "longitude": 11.5021}, "vehicle_type": "moto",
                }}}),
            ),
            (Announcement::Search(SearchNews::Reopened(job)), json!({"search": {"reopened": 17}})),
            (
                Announcement::Search(SearchNews::Assigned { job, driver }),
                json!({"search": {"assigned": {"job": 17, "driver": 3}}}),
            ),
            (Announcement::Search(SearchNews::Cancelled(job)), json!({"search": {"cancelled": 17}})),
            (
                Announcement::Search(SearchNews::Declined { job, driver }),
                json!({"search": {"declined": {"job": 17, "driver": 3}}}),
            ),
            (Announcement::PushDue(at()), json!({"push_due": "2027-01-15T08:00:00.250Z"})),
            (Announcement::PushQueued, json!("push_queued")),
            (Announcement::DevicesChanged(CustomerId(2)), json!({"devices_changed": 2})),
        ]
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for (announcement, text) in all() {
            assert_eq!(serde_json::to_value(&announcement).expect("JSON"), text);
            assert_eq!(serde_json::from_value::<Announcement>(text).expect("an announcement"), announcement);
        }
    }

    #[test]
    fn announcements_are_small() {
        assert!(size_of::<Announcement>() <= 128, "{} bytes", size_of::<Announcement>());
        for (announcement, text) in all() {
            assert!(text.to_string().len() < 256, "{announcement:?}");
        }
    }
}
