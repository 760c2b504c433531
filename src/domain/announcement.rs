//! Announcements: what is told after a commit to those it concerns, so that they look or act at once. One may get lost without
//! harm: the rows have it, too.

use crate::domain::event::Event;
use crate::domain::ids::{AccountId, CustomerId, DriverId, JobId};
use crate::domain::search::OpenSearch;
use crate::domain::story::Happening;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What others must hear after a commit.
#[derive(Clone, Debug, PartialEq)]
pub enum Announcement {
    Event(Event),
    /// The account was suspended or its password was changed: its sessions end, but those of the log-in that goes on.
    AccessRevoked {
        account: AccountId,
        but: Option<Uuid>,
    },
    /// One log-in of an account was revoked, and its sessions end.
    GrantRevoked {
        account: AccountId,
        log_in: Uuid,
    },
    /// What decides whether a driver can be matched has changed.
    DriverChanged(DriverId),
    /// A search for a ride's driver has begun, or something has happened to it.
    Search(SearchNews),
    /// Something for the log.
    Happened(Box<Happening>),
    /// At this time it is to be decided whether an event is pushed.
    PushDue(DateTime<Utc>),
    /// There is something to push.
    PushQueued,
    /// A customer's devices, or what they want to hear, have changed.
    DevicesChanged(CustomerId),
}

/// What has happened to a search, told after the commit.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchNews {
    Opened(Box<OpenSearch>),
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
