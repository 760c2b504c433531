//! The parts of a technician's booking beyond the job: the words for its status, and the id that people use for it.
//! Pure; the rules of its life are the job's.

use crate::domain::ids::JobId;
use crate::domain::job::{JobStatus, Move};
use crate::domain::words::words;

words! {
    /// A booking's status, in the service apps' words.
    BookingStatus {
        /// Nobody is bound to it.
        Pending = "Pending",
        Assigned = "Assigned",
        /// The technician is on the way.
        StartJourney = "StartJourney",
        /// The technician is there.
        Reached = "Reached",
        /// The work has begun.
        StartService = "StartService",
        Completed = "Completed",
        Cancelled = "Cancelled",
    }
}

impl BookingStatus {
    /// The move that a wish for this status is. `None` for one that is led to by naming a technician.
    pub const fn wished(self) -> Option<Move> {
        match self {
            BookingStatus::Pending => Some(Move::Release),
            BookingStatus::Assigned => None,
            BookingStatus::StartJourney => Some(Move::SetOut),
            BookingStatus::Reached => Some(Move::Arrive),
            BookingStatus::StartService => Some(Move::Start),
            BookingStatus::Completed => Some(Move::Complete),
            BookingStatus::Cancelled => Some(Move::Cancel),
        }
    }

    /// The job's status behind this word. A booking is never searched for, so it is never unmatched.
    pub const fn job_status(self) -> JobStatus {
        match self {
            BookingStatus::Pending => JobStatus::Requested,
            BookingStatus::Assigned => JobStatus::Assigned,
            BookingStatus::StartJourney => JobStatus::EnRoute,
            BookingStatus::Reached => JobStatus::Arrived,
            BookingStatus::StartService => JobStatus::InProgress,
            BookingStatus::Completed => JobStatus::Completed,
            BookingStatus::Cancelled => JobStatus::Cancelled,
        }
    }
}

impl From<JobStatus> for BookingStatus {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Requested | JobStatus::Unmatched => BookingStatus::Pending,
            JobStatus::Assigned => BookingStatus::Assigned,
            JobStatus::EnRoute => BookingStatus::StartJourney,
            JobStatus::Arrived => BookingStatus::Reached,
            JobStatus::InProgress => BookingStatus::StartService,
            JobStatus::Completed => BookingStatus::Completed,
            JobStatus::Cancelled => BookingStatus::Cancelled,
        }
    }
}

/// The name of a booking for its customer and technician.
pub fn track_id(id: JobId) -> String {
    format!("BID{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::{JobKind, MoveOutcome, transition};

    #[test]
    fn a_word_reads_as_the_status_that_it_was_written_for() {
        for word in BookingStatus::ALL {
            assert_eq!(BookingStatus::from(word.job_status()), word);
        }
    }

    #[test]
    fn a_wish_for_the_next_status_leads_to_it() {
        let life = [
            BookingStatus::Assigned,
            BookingStatus::StartJourney,
            BookingStatus::Reached,
            BookingStatus::StartService,
            BookingStatus::Completed,
        ];
        for step in life.windows(2) {
            let wished = step[1].wished().expect("a move");
            let outcome = transition(JobKind::Service, step[0].job_status(), wished);
            assert_eq!(outcome, MoveOutcome::Moves(step[1].job_status()), "{step:?}");
        }
        assert_eq!(track_id(JobId(123)), "BID123");
    }
}
