//! The open searches in memory: each one's state, its next wake-up, and the work to be made durable for it. Pure: time,
//! store and index are the caller's. The rows are the truth; this state is rebuilt from them at start.
//!
//! Invariants: each search has at most one piece of work in flight, in the order of its effects; `offered` has exactly
//! the open offers of all searches; each driver has at most one claim in flight. Nothing depends on the order of a hash
//! map: a driver whom several searches could have goes to the one that was opened first, and among those opened at once
//! to the lower id.

use crate::domain::announcement::SearchNews;
use crate::domain::candidate::{Look, PassedOver};
use crate::domain::ids::{DriverId, JobId, SearchId};
use crate::domain::open_search::OpenSearch;
use crate::domain::search_policy::{Mode, Patience, Policy};
use crate::matching::fleet::{Fleet, Wanted};
use crate::matching::running::{Age, Queue, Running};
use crate::matching::search::{Candidate, Effect, Search};
use crate::matching::strategy::{Asking, Choice, NearestFirst, Scene, Strategy};
use crate::matching::work::{Done, Work};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// How searches are to be carried out.
pub struct Searches {
    // limits
    until_deadline: Arc<Policy>,
    while_anybody_is_left: Arc<Policy>,
    position_age_max: TimeDelta,
    strategy: Box<dyn Strategy>,
    // state
    queue: Queue,
    wakes: BTreeSet<(DateTime<Utc>, JobId)>,
    /// The searches from which a driver has an open offer.
    offered: HashMap<DriverId, Vec<JobId>>,
    /// Being bound just now: no other search should try them.
    claimed: HashSet<DriverId>,
    /// Searches that may have work to begin, the first to have it first.
    ready: VecDeque<JobId>,
    /// The looks to be recorded, each in its latest state.
    looks: BTreeMap<(SearchId, DriverId), Look>,
}

impl Searches {
    pub fn new(policy: impl Fn(Patience) -> Policy, position_age_max: TimeDelta) -> Self {
        Self::with_strategy(policy, position_age_max, Box::new(NearestFirst))
    }

    pub fn with_strategy(
        policy: impl Fn(Patience) -> Policy,
        position_age_max: TimeDelta,
        strategy: Box<dyn Strategy>,
    ) -> Self {
        Self {
            strategy,
            until_deadline: Arc::new(policy(Patience::UntilDeadline)),
            while_anybody_is_left: Arc::new(policy(Patience::WhileAnybodyIsLeft)),
            position_age_max,
            queue: Queue::default(),
            wakes: BTreeSet::new(),
            offered: HashMap::new(),
            claimed: HashSet::new(),
            ready: VecDeque::new(),
            looks: BTreeMap::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn knows(&self, job: JobId) -> bool {
        self.queue.get(job).is_some()
    }

    /// Open offers of all searches.
    pub fn open_offers(&self) -> usize {
        self.offered.values().map(Vec::len).sum()
    }

    /// The searches from which a driver has an open offer.
    pub fn offers_of(&self, driver: DriverId) -> &[JobId] {
        self.offered.get(&driver).map_or(&[], Vec::as_slice)
    }

    pub fn opened_at(&self, job: JobId) -> Option<DateTime<Utc>> {
        self.queue.get(job).map(|running| running.search.row().opened_at)
    }

    /// When to call [`Searches::tick`] next.
    pub fn wake_at(&self) -> Option<DateTime<Utc>> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// A search has begun, or goes on after a restart.
    pub fn open(&mut self, now: DateTime<Utc>, opened: OpenSearch, fleet: &Fleet) {
        let job = opened.job;
        if self.knows(job) {
            return;
        }
        let policy = match opened.patience {
            Patience::UntilDeadline => &self.until_deadline,
            Patience::WhileAnybodyIsLeft => &self.while_anybody_is_left,
        };
        let running = Running::new(opened, policy.clone());
        self.queue.insert(job, running);
        self.with(job, fleet, now, |search| search.tick(now));
        // A driver who is no longer on duty can't answer an offer from before the restart.
        let offered = self.queue.get(job).map(|running| running.offered.clone()).unwrap_or_default();
        for driver in offered.into_iter().filter(|driver| !fleet.is_free(*driver)) {
            self.with(job, fleet, now, |search| search.unavailable(now, driver));
        }
    }

    /// Those whose time has come, in the order in which they were opened: a timer that is late wakes several.
    pub fn tick(&mut self, now: DateTime<Utc>, fleet: &Fleet) {
        loop {
            let due = self.wakes.iter().take_while(|(at, _)| *at <= now);
            let mut due: Vec<Age> = due.filter_map(|(_, job)| self.age(*job)).collect();
            if due.is_empty() {
                return;
            }
            due.sort_unstable();
            for (_, job) in due {
                self.with(job, fleet, now, |search| search.tick(now));
            }
        }
    }

    pub fn heard(&mut self, now: DateTime<Utc>, news: SearchNews, fleet: &Fleet) {
        match news {
            SearchNews::Opened(opened) => self.open(now, opened.into(), fleet),
            // The caller reads it from the store, and then opens it.
            SearchNews::Reopened(_) => {}
            SearchNews::Assigned { job, driver } => {
                self.with(job, fleet, now, |search| search.accepted(now, driver));
            }
            SearchNews::Cancelled(job) => self.with(job, fleet, now, |search| search.cancelled(now)),
            SearchNews::Declined { job, driver } => {
                self.with(job, fleet, now, |search| search.declined(now, driver));
            }
        }
    }

    /// The driver's device has the offer.
    pub fn confirmed(&mut self, now: DateTime<Utc>, job: JobId, driver: DriverId, fleet: &Fleet) {
        self.with(job, fleet, now, |search| search.confirmed(now, driver));
    }

    /// A driver can be matched from now on. Searches hear of it, in the strategy's order, until the driver is being bound or has
    /// as many offers as allowed.
    pub fn came_online(&mut self, now: DateTime<Utc>, driver: DriverId, fleet: &Fleet) {
        let mut last = None;
        while !self.is_given(driver) {
            last = self.strategy.next_to_hear(Scene { fleet, queue: &self.queue }, driver, last);
            let Some((_, job)) = last else { return };
            self.propose(now, job, driver, fleet);
        }
    }

    /// The drivers who would be asked for work outside a search, and those who would be passed over: those in `except`,
    /// and drivers who are being bound. Starts nothing.
    pub fn choose(&self, wanted: &Wanted, except: &[DriverId], fleet: &Fleet) -> Choice {
        let barred = |driver| match driver {
            _ if except.contains(&driver) => Some(PassedOver::AskedBefore),
            _ if self.claimed.contains(&driver) => Some(PassedOver::BeingBound),
            _ => None,
        };
        let mut choice =
            self.strategy.choose(Scene { fleet, queue: &self.queue }, &Asking { wanted, barred: &barred });
        choice.passed_over.extend(fleet.unfit_near(wanted, |_| true));
        choice
    }

    /// Whether no other search can have the driver just now.
    fn is_given(&self, driver: DriverId) -> bool {
        let is_full = || self.offers_of(driver).len() >= self.until_deadline.driver_offers_max.get();
        self.claimed.contains(&driver) || (self.until_deadline.mode == Mode::Offer && is_full())
    }

    /// Tells a search of a driver who can be matched from now on, if they are what it looks for.
    fn propose(&mut self, now: DateTime<Utc>, job: JobId, driver: DriverId, fleet: &Fleet) {
        let Some(running) = self.queue.get(job) else { return };
        let wanted = self.wanted(running, 1, fleet);
        let Some(nearby) = fleet.if_wanted(driver, &wanted) else { return };
        let open_offers = self.offers_of(driver).len();
        let candidate = Candidate { driver, distance_m: nearby.distance_m, open_offers };
        let mut is_asked = false;
        self.with(job, fleet, now, |search| {
            let effects = search.came_online(now, candidate);
            is_asked = effects.iter().any(|effect| asks(effect, driver));
            effects
        });
        if is_asked && let Some(running) = self.queue.get_mut(job) {
            self.looks.extend(running.trace(now, vec![nearby.considered()]));
        }
    }

    /// A driver can no longer be matched.
    pub fn gone(&mut self, now: DateTime<Utc>, driver: DriverId, fleet: &Fleet) {
        for job in self.offers_of(driver).to_vec() {
            self.with(job, fleet, now, |search| search.unavailable(now, driver));
        }
    }

    /// Compares with what the store says is open. Returns what is not known here; forgets, at the second time, what is not
    /// known there: its end was announced to nobody.
    pub fn compare(&mut self, open: &HashSet<JobId>) -> Vec<JobId> {
        let mut forgotten = Vec::new();
        for (job, running) in self.queue.iter_mut() {
            let is_missed = !open.contains(&job) && !running.is_working;
            if is_missed && running.is_missed {
                forgotten.push(job);
            }
            running.is_missed = is_missed;
        }
        forgotten.sort_unstable();
        for job in forgotten {
            self.forget(job);
        }
        let mut unknown: Vec<JobId> = open.iter().copied().filter(|job| !self.knows(*job)).collect();
        unknown.sort_unstable();
        unknown
    }

    /// The next thing to carry out, of whichever search; its outcome goes to [`Searches::done`].
    pub fn next_work(&mut self) -> Option<(JobId, Work)> {
        while let Some(job) = self.ready.pop_front() {
            let Some(running) = self.queue.get_mut(job).filter(|running| !running.is_working) else {
                continue;
            };
            if let Some(work) = running.work.front() {
                running.is_working = true;
                return Some((job, work.clone()));
            }
            if running.search.ended().is_some() {
                self.forget(job);
            }
        }
        None
    }

    /// The looks to be recorded since the last call, each driver once for each search.
    pub fn take_looks(&mut self) -> Vec<Look> {
        std::mem::take(&mut self.looks).into_values().collect()
    }

    /// The work that was begun last for a search is over.
    pub fn done(&mut self, now: DateTime<Utc>, job: JobId, done: Done, fleet: &Fleet) {
        let Some(running) = self.queue.get_mut(job) else { return };
        running.is_working = false;
        self.ready.push_back(job);
        if done == Done::Failed {
            return;
        }
        let work = running.work.pop_front();
        if let Some(Work::Claim(driver)) = work {
            self.claimed.remove(&driver);
        }
        match (done, work) {
            (Done::Offered(told), Some(Work::Offer { drivers, .. })) => {
                for driver in drivers.into_iter().filter(|driver| !told.contains(driver)) {
                    self.with(job, fleet, now, |search| search.unavailable(now, driver));
                }
            }
            (Done::ClaimLost(driver), _) => {
                // A ride that was cancelled meanwhile says nothing of the driver. Of one who can't be bound it is heard soon.
                let was_over = self.queue.get(job).is_some_and(|running| running.search.ended().is_some());
                self.with(job, fleet, now, |search| search.claim_lost(now, driver));
                if was_over && fleet.is_free(driver) {
                    self.came_online(now, driver, fleet);
                }
            }
            (Done::Offered(_) | Done::Carried | Done::Failed, _) => {}
        }
    }

    /// Tells a search something and follows what it wants: looks at once, the rest as work.
    fn with(
        &mut self,
        job: JobId,
        fleet: &Fleet,
        now: DateTime<Utc>,
        tell: impl FnOnce(&mut Search) -> Vec<Effect>,
    ) {
        let Some(mut running) = self.queue.take(job) else { return };
        let mut pending: VecDeque<Effect> = tell(&mut running.search).into();
        while let Some(effect) = pending.pop_front() {
            match effect {
                Effect::Look { radius_m, count } => {
                    let found = self.look(now, &mut running, radius_m, count, fleet);
                    // A look's effects come before those that were told after it.
                    for effect in running.search.found(now, &found).into_iter().rev() {
                        pending.push_front(effect);
                    }
                }
                Effect::Offer { driver, expires_at } => running.offer(driver, expires_at),
                Effect::Claim { driver } => {
                    self.claimed.insert(driver);
                    running.work.push_back(Work::Claim(driver));
                }
                Effect::Close { driver, reason } => running.work.push_back(Work::Close { driver, reason }),
                Effect::Widen { step } => running.work.push_back(Work::Widen(step)),
                Effect::GiveUp => running.work.push_back(Work::GiveUp),
            }
        }
        self.keep_offers(job, &mut running);
        self.keep_wake(job, &mut running);
        self.ready.push_back(job);
        self.queue.put_back(job, running);
    }

    /// The nearest who may be asked: `count` with room for an offer, or, where there is none, one without.
    fn look(
        &mut self,
        now: DateTime<Utc>,
        running: &mut Running,
        radius_m: f64,
        count: usize,
        fleet: &Fleet,
    ) -> Vec<Candidate> {
        let max = self.until_deadline.driver_offers_max.get();
        let asked = |driver| match driver {
            _ if !running.search.may_ask(driver) => Some(PassedOver::AskedBefore),
            _ if self.claimed.contains(&driver) => Some(PassedOver::BeingBound),
            _ => None,
        };
        let full = |driver| (self.offers_of(driver).len() >= max).then_some(PassedOver::TooManyOffers);
        let wanted = Wanted { radius_m, ..self.wanted(running, count, fleet) };
        let barred = |driver| asked(driver).or_else(|| full(driver));
        let asking = Asking { wanted: &wanted, barred: &barred };
        let mut choice = self.strategy.choose(Scene { fleet, queue: &self.queue }, &asking);
        if radius_m > running.unfit_within_m {
            running.unfit_within_m = radius_m;
            choice.passed_over.extend(fleet.unfit_near(&wanted, |driver| !running.traced.contains(&driver)));
        }
        for (indexed, reason) in &mut choice.passed_over {
            // In no case would they be asked again.
            if !running.search.may_ask(indexed.driver) {
                *reason = PassedOver::AskedBefore;
            }
        }
        let considered = choice.considered(fleet, wanted.at);
        let mut found = choice.asked;
        if found.is_empty() {
            let one = Wanted { count: 1, ..wanted.clone() };
            found = fleet.nearest(&one, |driver| asked(driver).is_none());
        }
        let candidate =
            |driver, distance_m| Candidate { driver, distance_m, open_offers: self.offers_of(driver).len() };
        let found = found.iter().map(|nearby| candidate(nearby.driver, nearby.distance_m)).collect();
        self.looks.extend(running.trace(now, considered));
        found
    }

    fn wanted(&self, running: &Running, count: usize, fleet: &Fleet) -> Wanted {
        Wanted {
            at: running.pickup,
            radius_m: running.search.radius_m(),
            count,
            vehicle_type: running.vehicle_type.clone(),
            takes_carrying: false,
            measured_since_ms: fleet.since_ms(self.position_age_max),
        }
    }

    fn keep_offers(&mut self, job: JobId, running: &mut Running) {
        let open = running.search.offers().iter().filter(|offer| offer.outcome.is_none());
        let open: Vec<DriverId> = open.map(|offer| offer.driver).collect();
        for driver in running.offered.iter().filter(|driver| !open.contains(driver)) {
            self.take_offer(*driver, job);
        }
        for driver in open.iter().filter(|driver| !running.offered.contains(driver)) {
            self.offered.entry(*driver).or_default().push(job);
        }
        running.offered = open;
    }

    fn take_offer(&mut self, driver: DriverId, job: JobId) {
        if let Some(jobs) = self.offered.get_mut(&driver) {
            jobs.retain(|other| *other != job);
            if jobs.is_empty() {
                self.offered.remove(&driver);
            }
        }
    }

    fn keep_wake(&mut self, job: JobId, running: &mut Running) {
        if let Some(at) = running.wakes_at.take() {
            self.wakes.remove(&(at, job));
        }
        running.wakes_at = running.search.wake_at();
        self.wakes.extend(running.wakes_at.map(|at| (at, job)));
    }

    fn age(&self, job: JobId) -> Option<Age> {
        self.queue.get(job).map(|running| running.age(job))
    }

    fn forget(&mut self, job: JobId) {
        let Some(running) = self.queue.remove(job) else { return };
        if let Some(at) = running.wakes_at {
            self.wakes.remove(&(at, job));
        }
        for driver in running.offered {
            self.take_offer(driver, job);
        }
        for work in running.work {
            if let Work::Claim(driver) = work {
                self.claimed.remove(&driver);
            }
        }
    }
}

fn asks(effect: &Effect, driver: DriverId) -> bool {
    matches!(effect, Effect::Offer { driver: asked, .. } | Effect::Claim { driver: asked } if *asked == driver)
}

#[cfg(test)]
#[path = "searches_tests.rs"]
mod tests;
