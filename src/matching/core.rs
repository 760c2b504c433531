//! The core: one value that is told each thing that happens, and returns the tasks to be done. It holds the fleet and
//! the open searches, and knows in which order they must hear of things; its owner keeps the time, reads from the store
//! and carries out the tasks.
//!
//! Invariant: the same inputs in the same order give the same tasks, in every build. So a run can be recorded and
//! replayed.

use crate::domain::announcement::SearchNews;
use crate::domain::candidate::{Considered, Look};
use crate::domain::ids::{DriverId, JobId};
use crate::domain::open_search::OpenSearch;
use crate::domain::position::Position;
use crate::matching::fleet::{DriverFacts, Fleet, News, Shift, Wanted};
use crate::matching::searches::Searches;
use crate::matching::work::{Done, Work};
use chrono::{DateTime, Utc};
use std::collections::HashSet;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// By the steady clock.
    pub at: DateTime<Utc>,
    pub what: Happened,
}

/// All times in it are of the steady clock.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// Drivers' devices have told positions.
    Moved(Vec<(DriverId, News)>),
    /// The store has these drivers so.
    Drivers(Vec<DriverFacts>),
    /// These searches go on.
    Opened(Vec<OpenSearch>),
    /// This was committed of a search that is known here; of one that has begun, [`Happened::Opened`] is told.
    Committed(SearchNews),
    /// The driver's device has the offer.
    Confirmed { job: JobId, driver: DriverId },
    /// The work that was begun last for a search is over.
    Done { job: JobId, done: Done },
    /// The store has these searches open, and no others.
    Compared(HashSet<JobId>),
    /// [`Core::wake_at`] has come.
    Woken,
}

/// Something to be done, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Make it durable, and say [`Happened::Done`]. `seen_at` is where a driver is who is to be bound.
    CarryOut { job: JobId, work: Work, seen_at: Option<Position> },
    /// Read these searches, which are open and not known here, and say [`Happened::Opened`].
    Read(Vec<JobId>),
    /// An operator has said where the driver is: their device's positions are judged anew.
    JudgeAnew(DriverId),
}

pub struct Core {
    fleet: Fleet,
    searches: Searches,
}

impl Core {
    /// With the drivers of the store. The searches that are open there are told to it.
    pub fn new(fleet: Fleet, searches: Searches) -> Self {
        Self { fleet, searches }
    }

    /// The drivers, to be asked about.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The searches, to be asked about.
    pub fn searches(&self) -> &Searches {
        &self.searches
    }

    /// The drivers who would be asked for work outside a search, such as an order that an operator gives to the nearest
    /// driver, and those who would be passed over. Starts nothing.
    pub fn choose(&self, wanted: &Wanted, except: &[DriverId]) -> Vec<Considered> {
        self.searches.choose(wanted, except, &self.fleet).considered(&self.fleet, wanted.at)
    }

    /// When to say [`Happened::Woken`] next.
    pub fn wake_at(&self) -> Option<DateTime<Utc>> {
        self.searches.wake_at()
    }

    /// The looks to be recorded since the last call.
    pub fn take_looks(&mut self) -> Vec<Look> {
        self.searches.take_looks()
    }

    pub fn tell(&mut self, Input { at, what }: Input) -> Vec<Task> {
        let Self { fleet, searches } = self;
        fleet.at(at);
        let mut tasks = Vec::new();
        match what {
            Happened::Moved(news) => {
                for driver in fleet.moved(news) {
                    searches.came_online(at, driver, fleet);
                }
            }
            Happened::Drivers(drivers) => tasks.extend(self.take_over(at, drivers)),
            Happened::Opened(mut opened) => {
                // The one that was opened first is the first to look.
                opened.sort_by_key(|search| (search.row.opened_at, search.job));
                opened.into_iter().for_each(|search| searches.open(at, search, fleet));
            }
            Happened::Committed(news) => searches.heard(at, news, fleet),
            Happened::Confirmed { job, driver } => searches.confirmed(at, job, driver, fleet),
            Happened::Done { job, done } => searches.done(at, job, done, fleet),
            Happened::Compared(open) => {
                let unknown = searches.compare(&open);
                tasks.extend((!unknown.is_empty()).then_some(Task::Read(unknown)));
            }
            Happened::Woken => searches.tick(at, fleet),
        }
        tasks.extend(self.begin_work());
        tasks
    }

    fn take_over(&mut self, at: DateTime<Utc>, mut drivers: Vec<DriverFacts>) -> Vec<Task> {
        let Self { fleet, searches } = self;
        drivers.sort_by_key(|standing| standing.driver);
        let mut tasks = Vec::new();
        for standing in drivers {
            let driver = standing.driver;
            let before = fleet.fix(driver);
            let shift = fleet.set(standing);
            let fix = fleet.fix(driver);
            if fix != before && fix.is_some_and(|fix| !fix.is_measured) {
                tasks.push(Task::JudgeAnew(driver));
            }
            match shift {
                Shift::Entered => searches.came_online(at, driver, fleet),
                Shift::Left => searches.gone(at, driver, fleet),
                Shift::Same => {}
            }
        }
        tasks
    }

    fn begin_work(&mut self) -> Vec<Task> {
        let mut begun = Vec::new();
        while let Some((job, work)) = self.searches.next_work() {
            let seen_at = match work {
                Work::Claim(driver) => self.fleet.fix(driver).map(|fix| fix.position),
                _ => None,
            };
            begun.push(Task::CarryOut { job, work, seen_at });
        }
        begun
    }
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
