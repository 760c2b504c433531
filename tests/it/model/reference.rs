//! The reference: jobs, offers, events, confirmations and pushes, as small as possible. Pure, and written from the
//! protocol, not from the operations: if the two disagree, one of them is wrong.

use chrono::{DateTime, TimeDelta, Utc};
use fleetwire::domain::driver::Wants;
use fleetwire::domain::job::{JobKind, JobStatus};
use std::collections::{BTreeMap, BTreeSet};

/// An offer's end is noticed by then, and an event is due to be pushed by then, unless a clock was set.
const ENDS_WITHIN: TimeDelta = TimeDelta::seconds(60);
const DUE_WITHIN: TimeDelta = TimeDelta::minutes(2);

/// Somebody with an account, by their own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    Driver(i64),
    Customer(i64),
}

/// A durable event: its number is its place in the log, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub name: &'static str,
    pub job: i64,
}

/// It changes nothing. Why is the operations' own tests' to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

pub type Outcome = Result<(), Refused>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferEnd {
    Accepted,
    Other,
}

#[derive(Clone, Debug)]
pub struct Offer {
    pub expires_at: DateTime<Utc>,
    pub ended: Option<OfferEnd>,
}

#[derive(Clone, Debug)]
pub struct Job {
    pub kind: JobKind,
    pub status: JobStatus,
    pub customer: i64,
    pub driver: Option<i64>,
    rejected_by: Option<i64>,
    declined: BTreeSet<i64>,
    pub is_searched: bool,
    pub offers: BTreeMap<i64, Offer>,
}

impl Job {
    fn is_held_by(&self, driver: i64) -> bool {
        self.driver == Some(driver) && self.status.is_held()
    }

    /// Before it is picked up or has started.
    fn may_be_given_back(&self) -> bool {
        matches!(self.status, JobStatus::Assigned | JobStatus::EnRoute | JobStatus::Arrived)
    }
}

#[derive(Clone, Debug)]
pub struct Driver {
    pub wants: Wants,
    pub is_suspended: bool,
}

/// How a customer's event goes to a phone that is not there.
#[derive(Clone, Debug, Default)]
pub struct Push {
    /// When it is to be decided; `None` once it is.
    pub due_at: Option<DateTime<Utc>>,
    /// It was decided for the push, not against it.
    pub is_queued: bool,
    /// By device: under which id a service has accepted it, and whether that is written down.
    pub accepted: BTreeMap<i64, (String, bool)>,
}

#[derive(Clone, Debug)]
pub struct Reference {
    pub deliveries_max: usize,
    pub drivers: BTreeMap<i64, Driver>,
    pub jobs: BTreeMap<i64, Job>,
    pub log: BTreeMap<Who, Vec<Told>>,
    /// Events whose confirmation is in the database, and the how-manieth change that was.
    pub confirmed: BTreeMap<(Who, i64), u64>,
    pub pushes: BTreeMap<(Who, i64), Push>,
    pub changes: u64,
}

/// A driver's step with their job; deliveries and rides have different words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    SetOut,
    Arrive,
    Start,
    Complete,
}

impl Reference {
    pub fn new(drivers: i64, customers: i64, deliveries_max: usize) -> Self {
        let driver = |id| (id, Driver { wants: Wants::Online, is_suspended: false });
        let everybody = (1..=drivers).map(Who::Driver).chain((1..=customers).map(Who::Customer));
        Self {
            deliveries_max,
            drivers: (1..=drivers).map(driver).collect(),
            jobs: BTreeMap::new(),
            log: everybody.map(|who| (who, Vec::new())).collect(),
            confirmed: BTreeMap::new(),
            pushes: BTreeMap::new(),
            changes: 0,
        }
    }

    fn tell(&mut self, who: Who, name: &'static str, job: i64) {
        self.log.get_mut(&who).expect("everybody has a log").push(Told { name, job });
    }

    fn tell_customer(&mut self, job: i64, name: &'static str) {
        let customer = self.jobs[&job].customer;
        self.tell(Who::Customer(customer), name, job);
    }

    fn job(&mut self, id: i64) -> &mut Job {
        self.jobs.get_mut(&id).expect("commands name jobs that there are")
    }

    fn held(&self, driver: i64, kind: JobKind) -> usize {
        self.jobs.values().filter(|job| job.kind == kind && job.is_held_by(driver)).count()
    }

    pub fn created(&mut self, id: i64, kind: JobKind, customer: i64) {
        let job = Job {
            kind,
            status: JobStatus::Requested,
            customer,
            driver: None,
            rejected_by: None,
            declined: BTreeSet::new(),
            is_searched: kind == JobKind::Ride,
            offers: BTreeMap::new(),
        };
        self.jobs.insert(id, job);
    }

    // Deliveries.

    pub fn assign(&mut self, id: i64, driver: i64) -> Outcome {
        let is_free = !self.drivers[&driver].is_suspended
            && self.held(driver, JobKind::Ride) == 0
            && self.held(driver, JobKind::Delivery) < self.deliveries_max;
        let job = self.job(id);
        if job.status != JobStatus::Requested || !is_free {
            return Err(Refused);
        }
        (job.status, job.driver) = (JobStatus::Assigned, Some(driver));
        job.rejected_by = job.rejected_by.filter(|by| *by != driver);
        self.tell(Who::Driver(driver), "order_assigned", id);
        self.tell_customer(id, "order_assigned");
        Ok(())
    }

    pub fn unassign(&mut self, id: i64) -> Outcome {
        let job = self.job(id);
        if !job.may_be_given_back() {
            return Err(Refused);
        }
        let driver = job.driver.take();
        job.status = JobStatus::Requested;
        driver.into_iter().for_each(|driver| self.tell(Who::Driver(driver), "order_cancelled", id));
        Ok(())
    }

    /// By the operator, or by the customer while it is not picked up.
    pub fn cancel_order(&mut self, id: i64, by: Option<i64>) -> Outcome {
        let job = self.job(id);
        let is_theirs = by.is_none_or(|by| by == job.customer);
        let is_too_late = by.is_some() && job.status == JobStatus::InProgress;
        match job.status {
            _ if !is_theirs || is_too_late => return Err(Refused),
            JobStatus::Cancelled => return Ok(()),
            JobStatus::Completed | JobStatus::Unmatched => return Err(Refused),
            _ => job.status = JobStatus::Cancelled,
        }
        let driver = job.driver;
        driver.into_iter().for_each(|driver| self.tell(Who::Driver(driver), "order_cancelled", id));
        self.tell_customer(id, "order_cancelled");
        Ok(())
    }

    pub fn reject(&mut self, id: i64, driver: i64) -> Outcome {
        let job = self.job(id);
        if job.driver != Some(driver) {
            return if job.rejected_by == Some(driver) { Ok(()) } else { Err(Refused) };
        }
        if !job.may_be_given_back() {
            return Err(Refused);
        }
        (job.status, job.driver, job.rejected_by) = (JobStatus::Requested, None, Some(driver));
        job.declined.insert(driver);
        Ok(())
    }

    pub fn step_order(&mut self, id: i64, driver: i64, step: Step) -> Outcome {
        let (to, told) = match step {
            Step::SetOut | Step::Arrive => (JobStatus::EnRoute, None),
            Step::Start => (JobStatus::InProgress, Some("order_picked_up")),
            Step::Complete => (JobStatus::Completed, Some("order_delivered")),
        };
        if self.moves(id, driver, to)? {
            told.into_iter().for_each(|name| self.tell_customer(id, name));
        }
        Ok(())
    }

    /// False where it is so already.
    fn moves(&mut self, id: i64, driver: i64, to: JobStatus) -> Result<bool, Refused> {
        use JobStatus::{Arrived, Assigned, Completed, EnRoute, InProgress};
        let job = self.job(id);
        if job.driver != Some(driver) {
            return Err(Refused);
        }
        match (job.status, to) {
            (from, to) if from == to => return Ok(false),
            (Assigned, EnRoute)
            | (Assigned | EnRoute, Arrived)
            | (Assigned | EnRoute | Arrived, InProgress)
            | (InProgress, Completed) => job.status = to,
            _ => return Err(Refused),
        }
        Ok(true)
    }

    // Rides.

    pub fn accept(&mut self, id: i64, driver: i64, now: DateTime<Utc>) -> Outcome {
        let job = &self.jobs[&id];
        if job.driver == Some(driver) {
            return if job.status.is_held() { Ok(()) } else { Err(Refused) };
        }
        // Its end is noticed within a minute; one that was not is of a clock that was set forward.
        let is_over = |offer: &Offer| (TimeDelta::zero()..ENDS_WITHIN).contains(&(now - offer.expires_at));
        let is_open = |offer: &Offer| offer.ended.is_none() && !is_over(offer);
        if job.status != JobStatus::Requested || !job.offers.get(&driver).is_some_and(is_open) {
            return Err(Refused);
        }
        self.bind(id, driver)
    }

    /// The matcher binds the driver without asking.
    pub fn claim(&mut self, id: i64, driver: i64) -> Outcome {
        let job = &self.jobs[&id];
        if job.status != JobStatus::Requested || !job.is_searched || job.declined.contains(&driver) {
            return Err(Refused);
        }
        let mut after = self.clone();
        let proposed = Offer { expires_at: DateTime::UNIX_EPOCH, ended: Some(OfferEnd::Accepted) };
        after.job(id).offers.entry(driver).or_insert(proposed);
        after.tell(Who::Driver(driver), "ride_requested", id);
        after.bind(id, driver)?;
        *self = after;
        Ok(())
    }

    fn bind(&mut self, id: i64, driver: i64) -> Outcome {
        let Driver { wants, is_suspended } = self.drivers[&driver];
        let is_idle = self.held(driver, JobKind::Ride) + self.held(driver, JobKind::Delivery) == 0;
        if is_suspended || wants != Wants::Online || !is_idle {
            return Err(Refused);
        }
        let job = self.job(id);
        (job.status, job.driver) = (JobStatus::Assigned, Some(driver));
        self.end_search(id, Some(driver));
        self.tell_customer(id, "ride_accepted");
        self.tell(Who::Driver(driver), "ride_accepted", id);
        Ok(())
    }

    /// The open offers of all but the winner end, and their drivers hear it.
    fn end_search(&mut self, id: i64, winner: Option<i64>) {
        let job = self.job(id);
        job.is_searched = false;
        let mut lost = Vec::new();
        for (driver, offer) in job.offers.iter_mut().filter(|(_, offer)| offer.ended.is_none()) {
            let has_won = winner == Some(*driver);
            offer.ended = Some(if has_won { OfferEnd::Accepted } else { OfferEnd::Other });
            lost.extend((!has_won).then_some(*driver));
        }
        lost.into_iter().for_each(|driver| self.tell(Who::Driver(driver), "ride_unavailable", id));
    }

    pub fn decline(&mut self, id: i64, driver: i64) -> Outcome {
        let job = self.job(id);
        if job.driver == Some(driver) {
            return self.give_back(id, driver);
        }
        if job.declined.contains(&driver) {
            return Ok(());
        }
        let Some(offer) = job.offers.get_mut(&driver).filter(|_| job.status == JobStatus::Requested) else {
            return Err(Refused);
        };
        offer.ended = offer.ended.or(Some(OfferEnd::Other));
        job.declined.insert(driver);
        Ok(())
    }

    fn give_back(&mut self, id: i64, driver: i64) -> Outcome {
        let job = self.job(id);
        if !job.may_be_given_back() {
            return Err(Refused);
        }
        (job.status, job.driver, job.rejected_by) = (JobStatus::Requested, None, Some(driver));
        job.declined.insert(driver);
        job.is_searched = true;
        self.tell(Who::Driver(driver), "ride_unavailable", id);
        self.tell_customer(id, "driver_cancelled");
        Ok(())
    }

    pub fn step_ride(&mut self, id: i64, driver: i64, step: Step) -> Outcome {
        let (to, name) = match step {
            Step::SetOut | Step::Arrive => (JobStatus::Arrived, "driver_arrived"),
            Step::Start => (JobStatus::InProgress, "ride_started"),
            Step::Complete => (JobStatus::Completed, "ride_completed"),
        };
        if self.moves(id, driver, to)? {
            self.tell_customer(id, name);
            self.tell(Who::Driver(driver), name, id);
        }
        Ok(())
    }

    /// By an operator, or by the passenger until it starts.
    pub fn cancel_ride(&mut self, id: i64, by: Option<i64>) -> Outcome {
        let job = self.job(id);
        let is_theirs = by.is_none_or(|by| by == job.customer);
        let is_too_late = by.is_some() && job.status == JobStatus::InProgress;
        match job.status {
            _ if !is_theirs || is_too_late => return Err(Refused),
            JobStatus::Cancelled => return Ok(()),
            JobStatus::Completed | JobStatus::Unmatched => return Err(Refused),
            _ => job.status = JobStatus::Cancelled,
        }
        let driver = job.driver;
        self.end_search(id, None);
        driver.into_iter().for_each(|driver| self.tell(Who::Driver(driver), "ride_cancelled", id));
        self.tell_customer(id, "ride_cancelled");
        Ok(())
    }

    // The matcher's durable decisions.

    /// Those of them who hear of the offer.
    pub fn offer(&mut self, id: i64, drivers: &[i64], expires_at: DateTime<Utc>) -> Vec<i64> {
        let job = &self.jobs[&id];
        if job.status != JobStatus::Requested || !job.is_searched {
            return Vec::new();
        }
        let is_fit = |driver: &&i64| {
            let Driver { wants, is_suspended } = self.drivers[*driver];
            let was_asked = job.offers.contains_key(*driver) || job.declined.contains(*driver);
            wants == Wants::Online && !is_suspended && !was_asked
        };
        let told: Vec<i64> = drivers.iter().filter(is_fit).copied().collect();
        for driver in &told {
            self.job(id).offers.insert(*driver, Offer { expires_at, ended: None });
            self.tell(Who::Driver(*driver), "ride_requested", id);
        }
        told
    }

    pub fn close_offer(&mut self, id: i64, driver: i64) {
        let offer = self.job(id).offers.get_mut(&driver).filter(|offer| offer.ended.is_none());
        if let Some(offer) = offer {
            offer.ended = Some(OfferEnd::Other);
            self.tell(Who::Driver(driver), "ride_unavailable", id);
        }
    }

    pub fn give_up(&mut self, id: i64) {
        let job = self.job(id);
        if job.status == JobStatus::Requested && job.is_searched {
            job.status = JobStatus::Unmatched;
            self.end_search(id, None);
            self.tell_customer(id, "ride_cancelled");
        }
    }

    // Drivers.

    pub fn wish(&mut self, driver: i64, wants: Wants) {
        self.drivers.get_mut(&driver).expect("one of ours").wants = wants;
    }

    /// Jobs that they have not picked up or begun are taken from them.
    pub fn suspend(&mut self, driver: i64) {
        let held = |(id, job): (&i64, &Job)| job.is_held_by(driver).then_some((*id, job.kind));
        let held: Vec<_> = self.jobs.iter().filter_map(held).collect();
        for (id, kind) in held {
            // What is under way goes on.
            let _ = match kind {
                JobKind::Ride => self.give_back(id, driver),
                JobKind::Delivery | JobKind::Service => self.unassign(id),
            };
        }
        let row = self.drivers.get_mut(&driver).expect("one of ours");
        (row.is_suspended, row.wants) = (true, Wants::Offline);
    }

    pub fn reinstate(&mut self, driver: i64) {
        self.drivers.get_mut(&driver).expect("one of ours").is_suspended = false;
    }

    // Delivery and push.

    pub fn is_confirmed(&self, who: Who, event: i64) -> bool {
        self.confirmed.contains_key(&(who, event))
    }

    /// The mark is in the database.
    pub fn confirm(&mut self, who: Who, event: i64) {
        self.changes += 1;
        self.confirmed.entry((who, event)).or_insert(self.changes);
        if let Some(push) = self.pushes.get_mut(&(who, event)) {
            push.due_at = None;
        }
    }

    /// Decides of what is due: those events that are to be pushed now.
    pub fn decide_pushes(&mut self, now: DateTime<Utc>) -> Vec<(Who, i64)> {
        // What is due later than anything can be was made before the clock was set back.
        let is_due = |push: &Push| push.due_at.is_some_and(|at| at <= now || at - now > DUE_WITHIN);
        let due = self.pushes.iter_mut().filter(|(_, push)| is_due(push));
        let decided = due.map(|(key, push)| {
            (push.due_at, push.is_queued) = (None, true);
            *key
        });
        decided.collect()
    }
}
