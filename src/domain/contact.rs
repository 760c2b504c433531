//! How the person whom a job is for can be reached.

use std::fmt;

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
