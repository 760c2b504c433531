//! The job: one piece of work from request to end, and *the only* transition table. The contracts have different
//! words for its statuses; the words are theirs, the rules are here.

use crate::domain::words::words;

words! {
    /// The kind of work.
    JobKind {
        /// An order of the driver app.
        Delivery = "delivery",
        Ride = "ride",
        /// A booking of a technician.
        Service = "service",
    }
}

words! {
    /// How far it is.
    JobStatus {
        Requested = "requested",
        Assigned = "assigned",
        EnRoute = "en_route",
        Arrived = "arrived",
        InProgress = "in_progress",
        Completed = "completed",
        Cancelled = "cancelled",
        /// A search that found nobody.
        Unmatched = "unmatched",
    }
}

/// An action on a job. Permission is checked before; here it is decided whether the job's status allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Bind a driver.
    Assign,
    /// The driver has taken note and is on the way.
    SetOut,
    /// The driver is at the pickup.
    Arrive,
    /// Picked up, or the ride or the service has begun.
    Start,
    Complete,
    /// The driver gives it back, or the operator takes it back: it is requested again.
    Release,
    Cancel,
    /// The search for a driver has found nobody.
    GiveUp,
}

/// The result of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveOutcome {
    Moves(JobStatus),
    /// The move that led here, once more: a retry, answered with success and changing nothing.
    Already,
    /// The lifecycle does not have it.
    Refused,
}

/// The transition table. A row that is not here does not exist.
pub fn transition(kind: JobKind, from: JobStatus, step: Move) -> MoveOutcome {
    use JobStatus::*;
    use MoveOutcome::{Already, Moves, Refused};
    match (step, from) {
        (Move::Assign, Requested) => Moves(Assigned),

        (Move::SetOut, Assigned) => Moves(EnRoute),
        (Move::SetOut, EnRoute) => Already,

        (Move::Arrive, Assigned | EnRoute) if kind != JobKind::Delivery => Moves(Arrived),
        (Move::Arrive, Arrived) => Already,

        (Move::Start, Assigned | EnRoute | Arrived) => Moves(InProgress),
        (Move::Start, InProgress) => Already,

        (Move::Complete, InProgress) => Moves(Completed),
        (Move::Complete, Completed) => Already,

        (Move::Release, Assigned | EnRoute | Arrived) => Moves(Requested),

        (Move::Cancel, Requested | Assigned | EnRoute | Arrived | InProgress) => Moves(Cancelled),
        (Move::Cancel, Cancelled) => Already,

        // Of the others nobody is searched for: they wait for an operator.
        (Move::GiveUp, Requested) if kind == JobKind::Ride => Moves(Unmatched),
        (Move::GiveUp, Unmatched) => Already,

        _ => Refused,
    }
}

impl JobKind {
    /// As people call it.
    pub const fn noun(self) -> &'static str {
        match self {
            JobKind::Delivery => "order",
            JobKind::Ride => "ride",
            JobKind::Service => "booking",
        }
    }
}

impl JobStatus {
    /// A driver is bound to it and it has not ended.
    pub const HELD: [JobStatus; 4] =
        [JobStatus::Assigned, JobStatus::EnRoute, JobStatus::Arrived, JobStatus::InProgress];

    pub fn is_held(self) -> bool {
        Self::HELD.contains(&self)
    }

    pub fn is_open(self) -> bool {
        self == JobStatus::Requested || self.is_held()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOVES: [Move; 8] = [
        Move::Assign,
        Move::SetOut,
        Move::Arrive,
        Move::Start,
        Move::Complete,
        Move::Release,
        Move::Cancel,
        Move::GiveUp,
    ];

    #[test]
    fn picked_up_straight_from_assigned_is_allowed_and_delivered_is_not() {
        let kind = JobKind::Delivery;
        assert_eq!(
            transition(kind, JobStatus::Assigned, Move::Start),
            MoveOutcome::Moves(JobStatus::InProgress)
        );
        assert_eq!(transition(kind, JobStatus::Assigned, Move::Complete), MoveOutcome::Refused);
        assert_eq!(transition(kind, JobStatus::EnRoute, Move::Complete), MoveOutcome::Refused);
    }

    #[test]
    fn after_pickup_an_order_is_neither_given_back_nor_assigned_again() {
        for step in [Move::Release, Move::Assign, Move::SetOut] {
            assert_eq!(transition(JobKind::Delivery, JobStatus::InProgress, step), MoveOutcome::Refused);
        }
    }

    #[test]
    fn only_a_ride_is_given_up_and_only_while_nobody_has_it() {
        for (kind, from, expected) in [
            (JobKind::Ride, JobStatus::Requested, MoveOutcome::Moves(JobStatus::Unmatched)),
            (JobKind::Ride, JobStatus::Unmatched, MoveOutcome::Already),
            (JobKind::Ride, JobStatus::Assigned, MoveOutcome::Refused),
            (JobKind::Delivery, JobStatus::Requested, MoveOutcome::Refused),
            (JobKind::Service, JobStatus::Requested, MoveOutcome::Refused),
        ] {
            assert_eq!(transition(kind, from, Move::GiveUp), expected, "{kind:?} {from:?}");
        }
    }

    #[test]
    fn what_has_ended_stays_ended() {
        for kind in [JobKind::Delivery, JobKind::Ride, JobKind::Service] {
            for from in [JobStatus::Completed, JobStatus::Cancelled, JobStatus::Unmatched] {
                for step in MOVES {
                    assert!(
                        !matches!(transition(kind, from, step), MoveOutcome::Moves(_)),
                        "{kind:?} {from:?} {step:?}"
                    );
                }
            }
        }
    }

    proptest! {
        /// For all actions in any order, a repeated move changes nothing, and only a claim binds a driver.
        #[test]
        fn any_sequence_of_moves_keeps_the_rules(steps in prop::collection::vec(0usize..MOVES.len(), 0..40)) {
            let mut status = JobStatus::Requested;
            for step in steps.into_iter().map(|i| MOVES[i]) {
                if let MoveOutcome::Moves(next) = transition(JobKind::Delivery, status, step) {
                    prop_assert_ne!(next, status);
                    if next.is_held() && !status.is_held() {
                        prop_assert_eq!(step, Move::Assign);
                    }
                    status = next;
                    if step != Move::Assign && step != Move::Release {
                        prop_assert_eq!(transition(JobKind::Delivery, status, step), MoveOutcome::Already);
                    }
                }
            }
        }
    }
}
