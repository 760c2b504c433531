//! Who is asked: which drivers a search asks next, and which search hears first of a driver who can be matched from now on. A
//! strategy sees every search that lacks a driver and every free driver. How many a search may ask, how long they have and how
//! it ends are the search's own rules.
//!
//! Invariant: the same scene gives the same answer, in every build.

use crate::domain::candidate::{Considered, PassedOver};
use crate::domain::ids::DriverId;
use crate::domain::position::Position;
use crate::matching::fleet::{Fleet, Nearby, Wanted};
use crate::matching::index::Indexed;
use crate::matching::running::{Age, Queue};

/// Everything that a decision may depend on.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub fleet: &'a Fleet,
    /// The searches that lack a driver, except the one that is asking.
    pub queue: &'a Queue,
}

/// A request for drivers.
pub struct Asking<'a> {
    pub wanted: &'a Wanted,
    /// Why this driver must not be asked, if there is a reason.
    pub barred: &'a dyn Fn(DriverId) -> Option<PassedOver>,
}

/// The drivers to ask, first to last, and those who were passed over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    pub asked: Vec<Nearby>,
    pub passed_over: Vec<(Indexed, PassedOver)>,
}

impl Choice {
    /// As a trace has it. `at` is where they are wanted.
    pub fn considered(&self, fleet: &Fleet, at: Position) -> Vec<Considered> {
        let asked = self.asked.iter().map(Nearby::considered);
        let passed_over = self.passed_over.iter().map(|(indexed, reason)| Considered {
            passed_over: Some(*reason),
            ..fleet.considered(indexed, at)
        });
        asked.chain(passed_over).collect()
    }
}

pub trait Strategy: Send {
    /// At most `wanted.count` drivers, without barred ones.
    fn choose(&self, scene: Scene<'_>, asking: &Asking<'_>) -> Choice;

    /// The search that hears next of a driver who can be matched from now on. The one after which it comes, if there is one, has
    /// left the driver to others.
    fn next_to_hear(&self, scene: Scene<'_>, driver: DriverId, after: Option<Age>) -> Option<Age>;
}

/// Asks the nearest drivers, and gives a free driver to the search that has waited longest.
pub struct NearestFirst;

impl Strategy for NearestFirst {
    fn choose(&self, scene: Scene<'_>, Asking { wanted, barred }: &Asking<'_>) -> Choice {
        let (asked, passed_over) = scene.fleet.candidates(wanted, barred);
        Choice { asked, passed_over }
    }

    fn next_to_hear(&self, scene: Scene<'_>, _: DriverId, after: Option<Age>) -> Option<Age> {
        scene.queue.opened_after(after)
    }
}

#[cfg(test)]
#[path = "strategy_tests.rs"]
mod tests;
