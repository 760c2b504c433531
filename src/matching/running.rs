//! The open searches as they run: each one's state machine, the work that it waits for, and whom its trace has; and the order in
//! which they were opened.
//!
//! Invariants: a search that is taken out to be told something keeps its place in the order; `traced` never has more than
//! [`TRACED_MAX`] drivers besides those who are asked.

use crate::domain::candidate::{Considered, Look};
use crate::domain::ids::{DriverId, JobId, SearchId};
use crate::domain::open_search::OpenSearch;
use crate::domain::position::Position;
use crate::domain::search_policy::Policy;
use crate::matching::search::Search;
use crate::matching::work::Work;
use chrono::{DateTime, Utc};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

/// Drivers in one search's trace besides those who are asked: some ten looks' worth.
const TRACED_MAX: usize = 200;

pub struct Running {
    pub search: Search,
    pub pickup: Position,
    pub vehicle_type: Option<String>,
    pub wakes_at: Option<DateTime<Utc>>,
    /// The first one is in flight if `is_working`.
    pub work: VecDeque<Work>,
    pub is_working: bool,
    /// Drivers with an open offer of it.
    pub offered: Vec<DriverId>,
    /// Not among the open searches of the store when last looked; once more, and it is forgotten.
    pub is_missed: bool,
    pub id: SearchId,
    /// The drivers in the trace.
    pub traced: HashSet<DriverId>,
    /// How far the trace has who can't be matched at all.
    pub unfit_within_m: f64,
}

/// When a search was opened. The least waits longest.
pub type Age = (DateTime<Utc>, JobId);

/// A search that lacks a driver, as strategies see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiting<'a> {
    pub age: Age,
    pub pickup: Position,
    /// How far it looks now.
    pub radius_m: f64,
    /// `None` takes every vehicle.
    pub vehicle_type: Option<&'a str>,
}

/// The open searches, by job and in the order in which they were opened.
#[derive(Default)]
pub struct Queue {
    running: HashMap<JobId, Running>,
    by_age: BTreeSet<Age>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn get(&self, job: JobId) -> Option<&Running> {
        self.running.get(&job)
    }

    pub(super) fn get_mut(&mut self, job: JobId) -> Option<&mut Running> {
        self.running.get_mut(&job)
    }

    /// In no order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (JobId, &mut Running)> {
        self.running.iter_mut().map(|(job, running)| (*job, running))
    }

    pub(super) fn insert(&mut self, job: JobId, running: Running) {
        self.by_age.insert(running.age(job));
        self.running.insert(job, running);
    }

    pub(super) fn remove(&mut self, job: JobId) -> Option<Running> {
        let running = self.running.remove(&job)?;
        self.by_age.remove(&running.age(job));
        Some(running)
    }

    /// Takes a search out until [`Queue::put_back`].
    pub(super) fn take(&mut self, job: JobId) -> Option<Running> {
        self.running.remove(&job)
    }

    pub(super) fn put_back(&mut self, job: JobId, running: Running) {
        self.running.insert(job, running);
    }

    /// The search that was opened next after this one, or the first of all.
    pub fn opened_after(&self, age: Option<Age>) -> Option<Age> {
        let after = age.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_age.range((after, Bound::Unbounded)).next().copied()
    }

    /// Every search, in the order in which they were opened.
    pub fn waiting(&self) -> impl Iterator<Item = Waiting<'_>> {
        self.by_age.iter().filter_map(|(_, job)| Some(self.running.get(job)?.waiting(*job)))
    }
}

impl Running {
    /// Goes on as it was opened.
    pub fn new(opened: OpenSearch, policy: Arc<Policy>) -> Self {
        // Before a restart; how they were seen then is to stay.
        let asked = opened.offers.iter().filter(|offer| offer.offered_at >= opened.row.opened_at);
        let traced = asked.map(|offer| offer.driver).collect();
        Self {
            search: Search::new(policy, opened.row, opened.offers, opened.refused),
            pickup: opened.pickup,
            vehicle_type: opened.vehicle_type,
            wakes_at: None,
            work: VecDeque::new(),
            is_working: false,
            offered: Vec::new(),
            is_missed: false,
            id: opened.id,
            traced,
            unfit_within_m: 0.0,
        }
    }

    pub fn age(&self, job: JobId) -> Age {
        (self.search.row().opened_at, job)
    }

    /// As strategies see it.
    pub fn waiting(&self, job: JobId) -> Waiting<'_> {
        Waiting {
            age: self.age(job),
            pickup: self.pickup,
            radius_m: self.search.radius_m(),
            vehicle_type: self.vehicle_type.as_deref(),
        }
    }

    /// Remembers what is new of these drivers, as long as there is room, and returns it. To be asked is always new: the trace
    /// has where they were then.
    pub fn trace(
        &mut self,
        now: DateTime<Utc>,
        considered: Vec<Considered>,
    ) -> impl Iterator<Item = ((SearchId, DriverId), Look)> {
        let search = self.id;
        let news = considered.into_iter().filter(|one| {
            let is_new = !self.traced.contains(&one.driver);
            let is_asked = one.passed_over.is_none();
            let is_noted = is_asked || is_new && self.traced.len() < TRACED_MAX;
            if is_noted {
                self.traced.insert(one.driver);
            }
            is_noted
        });
        news.map(move |considered| ((search, considered.driver), Look { search, at: now, considered }))
    }

    /// Offers that were decided together are made together.
    pub fn offer(&mut self, driver: DriverId, expires_at: DateTime<Utc>) {
        let is_begun = self.is_working && self.work.len() == 1;
        match self.work.back_mut() {
            Some(Work::Offer { drivers, expires_at: same }) if *same == expires_at && !is_begun => {
                drivers.push(driver);
            }
            _ => self.work.push_back(Work::Offer { drivers: vec![driver], expires_at }),
        }
    }
}
