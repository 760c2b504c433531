//! The jobs of one driver: what they do first, where they have to go, and the next move of the job when they are there.
//! Pure. A ride comes before deliveries, since its passenger waits at the kerb.

use crate::domain::ids::JobId;
use crate::domain::ride::{RideId, RideStep};
use crate::simulate::city::Crossing;
use std::collections::VecDeque;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    Order(JobId),
    Ride(RideId),
}

/// Where a job begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    pub from: Crossing,
    pub to: Crossing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Leg {
    ToPickup,
    /// At the pickup, until then.
    Waiting {
        until_secs: f64,
    },
    ToGoal,
}

#[derive(Clone, Debug, PartialEq)]
struct Task {
    job: Job,
    trip: Trip,
    leg: Leg,
}

/// A message of the driver's to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    Accept(JobId),
    PickUp(JobId),
    Deliver(JobId),
    Step(RideId, RideStep),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    tasks: VecDeque<Task>,
}

impl Work {
    /// A job is the driver's. One that is known already is not there twice.
    pub fn take(&mut self, job: Job, trip: Trip) -> Option<Move> {
        if self.has(&job) {
            return None;
        }
        let accepted = match &job {
            Job::Order(order) => Some(Move::Accept(*order)),
            Job::Ride(_) => None,
        };
        let is_ride = accepted.is_none();
        let task = Task { job, trip, leg: Leg::ToPickup };
        match is_ride {
            true => self.tasks.push_front(task),
            false => self.tasks.push_back(task),
        }
        accepted
    }

    /// A job is no longer the driver's.
    pub fn lose(&mut self, job: &Job) {
        self.tasks.retain(|task| task.job != *job);
    }

    pub fn has(&self, job: &Job) -> bool {
        self.tasks.iter().any(|task| task.job == *job)
    }

    /// Where the driver has to be next.
    pub fn goal(&self) -> Option<Crossing> {
        let task = self.tasks.front()?;
        match task.leg {
            Leg::ToPickup | Leg::Waiting { .. } => Some(task.trip.from),
            Leg::ToGoal => Some(task.trip.to),
        }
    }

    /// The next move of a driver who is where they have to be. `picking_up_secs` is how long they stay at a pickup.
    pub fn arrived(&mut self, now_secs: f64, picking_up_secs: f64) -> Option<Move> {
        let task = self.tasks.front_mut()?;
        match task.leg {
            Leg::ToPickup => {
                task.leg = Leg::Waiting { until_secs: now_secs + picking_up_secs };
                match &task.job {
                    Job::Order(_) => None,
                    Job::Ride(ride) => Some(Move::Step(ride.clone(), RideStep::Arrive)),
                }
            }
            Leg::Waiting { until_secs } if now_secs < until_secs => None,
            Leg::Waiting { .. } => {
                task.leg = Leg::ToGoal;
                Some(match &task.job {
                    Job::Order(order) => Move::PickUp(*order),
                    Job::Ride(ride) => Move::Step(ride.clone(), RideStep::Start),
                })
            }
            Leg::ToGoal => {
                let task = self.tasks.pop_front()?;
                Some(match task.job {
                    Job::Order(order) => Move::Deliver(order),
                    Job::Ride(ride) => Move::Step(ride, RideStep::Complete),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Trip = Trip { from: Crossing { x: 1, y: 2 }, to: Crossing { x: 3, y: 4 } };

    fn ride() -> RideId {
        RideId::new("r1").expect("an id")
    }

    #[test]
    fn an_order_is_accepted_picked_up_and_delivered() {
        let (mut work, order) = (Work::default(), JobId(7));
        assert_eq!(work.take(Job::Order(order), TRIP), Some(Move::Accept(order)));
        assert_eq!(work.take(Job::Order(order), TRIP), None, "it was known");
        assert_eq!(work.goal(), Some(TRIP.from));
        assert_eq!(work.arrived(10.0, 5.0), None);
        assert_eq!(work.arrived(14.9, 5.0), None, "the food is not ready");
        assert_eq!(work.arrived(15.0, 5.0), Some(Move::PickUp(order)));
        assert_eq!(work.goal(), Some(TRIP.to));
        assert_eq!(work.arrived(60.0, 5.0), Some(Move::Deliver(order)));
        assert!(work.goal().is_none());
    }

    #[test]
    fn a_ride_goes_before_deliveries_and_has_its_steps() {
        let mut work = Work::default();
        work.take(Job::Order(JobId(7)), TRIP);
        assert_eq!(work.take(Job::Ride(ride()), TRIP), None);
        assert_eq!(work.arrived(0.0, 3.0), Some(Move::Step(ride(), RideStep::Arrive)));
        assert_eq!(work.arrived(3.0, 3.0), Some(Move::Step(ride(), RideStep::Start)));
        assert_eq!(work.arrived(9.0, 3.0), Some(Move::Step(ride(), RideStep::Complete)));
        assert!(work.has(&Job::Order(JobId(7))), "the order is left");
    }

    #[test]
    fn what_is_taken_back_is_not_moved_on() {
        let mut work = Work::default();
        work.take(Job::Ride(ride()), TRIP);
        work.lose(&Job::Ride(ride()));
        assert_eq!(work.arrived(0.0, 0.0), None);
    }
}
