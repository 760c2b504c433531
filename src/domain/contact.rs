//! How to reach the person for whom a job is done.

use chrono::TimeDelta;
use std::fmt;

/// How long after a ride's end its passenger still sees the driver's number: somebody may have left something behind. It is a
/// day at most, and the driver's the passenger's not at all.
pub const NUMBER_KEPT: TimeDelta = TimeDelta::hours(24);

/// For the driver who has the job, while they have it, and for nobody else. It is read when something is sent and is part of
/// no event's row and of no kept answer, which outlive the job.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// None of a guest.
    pub name: Option<String>,
    pub phone: Option<String>,
}

/// Names and numbers never reach a log.
impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact").finish_non_exhaustive()
    }
}
