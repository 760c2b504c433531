//! One search: who is asked to take a ride and when, and when it is given up. One value for each open search. The
//! caller calls one method for each thing that happens, carries out the effects in the order given, and calls
//! [`Search::tick`] at [`Search::wake_at`].
//!
//! It decides but stores nothing permanently: [`Search::row`] and [`Search::offers`] are all that must outlive the
//! process, and a search made from them continues as if nothing had happened. A race is settled in the store, so an
//! effect is carried out on the condition that its row has not changed.
//!
//! Invariants: no driver is offered the ride twice; never more offers hold a place than the batch size; no offer
//! outlives the deadline, and the search ends by it.

use crate::domain::ids::DriverId;
use crate::domain::offer::{Offer, OfferOutcome};
use crate::domain::open_search::{End, SearchRow};
use crate::domain::ride::Unavailable;
use crate::domain::search_policy::{Mode, Patience, Policy};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;
use std::sync::Arc;

/// Drivers that one search may ask: far more than can answer before any deadline. Past it, it waits for the deadline.
const OFFERS_MAX: usize = 1000;

/// An available driver who fits, as the index found them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    pub driver: DriverId,
    /// From the pickup.
    pub distance_m: f64,
    /// Of all searches.
    pub open_offers: usize,
}

/// The effects to carry out, in the order given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// Hand the nearest drivers within the radius, for whom [`Search::may_ask`] holds, to [`Search::found`]: `count` of
    /// them who have room for an offer. At once, before anything else is told.
    Look {
        radius_m: f64,
        count: usize,
    },
    /// Keep this number of steps.
    Widen {
        step: usize,
    },
    Offer {
        driver: DriverId,
        expires_at: DateTime<Utc>,
    },
    /// Bind the driver without asking; answer with [`Search::accepted`] or [`Search::claim_lost`].
    Claim {
        driver: DriverId,
    },
    /// The driver's offer has ended, and they are told why.
    Close {
        driver: DriverId,
        reason: Unavailable,
    },
    /// Nobody was found. Open offers were closed before.
    GiveUp,
}

/// Places that are free, and offers that are open. After a look: the fewest and the most since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slots {
    free: usize,
    open: usize,
}

/// One open search.
#[derive(Clone, Debug)]
pub struct Search {
    // limits
    policy: Arc<Policy>,
    // what is kept
    row: SearchRow,
    offers: Vec<Offer>,
    /// Everybody who must not be asked (again): they have, or had, an offer, or gave this ride back.
    asked: HashSet<DriverId>,
    // state
    seen_at: DateTime<Utc>,
    /// When the last look was and what it left; None before the first.
    looked: Option<(DateTime<Utc>, Slots)>,
    /// Being bound just now.
    claim: Option<DriverId>,
    /// Could not be bound. Passed over until the next regular look, since the index may not know yet.
    lost: Vec<DriverId>,
    end: Option<End>,
}

impl Search {
    /// A new search, or one that goes on from its rows. `refused` are the drivers who gave the ride back. `offers` may be
    /// those of an earlier search for the same ride: no driver is offered it twice.
    pub fn new(
        policy: Arc<Policy>,
        row: SearchRow,
        offers: Vec<Offer>,
        refused: impl IntoIterator<Item = DriverId>,
    ) -> Self {
        let asked = offers.iter().map(|offer| offer.driver).chain(refused).collect();
        Self {
            policy,
            row,
            offers,
            asked,
            seen_at: row.opened_at,
            looked: None,
            claim: None,
            lost: Vec::new(),
            end: None,
        }
    }

    pub fn row(&self) -> SearchRow {
        self.row
    }

    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    pub fn ended(&self) -> Option<End> {
        self.end
    }

    /// Whether this driver was never asked. The index leaves out whom it does not hold for.
    pub fn may_ask(&self, driver: DriverId) -> bool {
        !self.asked.contains(&driver) && !self.lost.contains(&driver)
    }

    /// How far it looks now. Steps are for asking; a search that binds at once begins with the nearest anyway.
    pub fn radius_m(&self) -> f64 {
        match self.policy.mode {
            Mode::Auto => self.policy.radii.widest_m(),
            Mode::Offer => self.policy.radii.step_m(self.row.step),
        }
    }

    /// When to call [`Search::tick`] next; None once it has ended.
    pub fn wake_at(&self) -> Option<DateTime<Utc>> {
        if self.end.is_some() {
            return None;
        }
        let now = self.seen_at;
        let open = self.offers.iter().filter(|offer| offer.outcome.is_none());
        let ends = open.flat_map(|offer| {
            [Some(offer.expires_at), offer.receipt_ends(self.policy.receipt).filter(|ends| *ends > now)]
        });
        let look = self.may_ask_more(now).then(|| self.next_look());
        ends.flatten().chain(look).chain([self.row.deadline]).min()
    }

    /// The beginning, the going on after a restart, and whenever [`Search::wake_at`] has come.
    pub fn tick(&mut self, now: DateTime<Utc>) -> Vec<Effect> {
        self.react(now, |_, _, _| {})
    }

    /// The answer to a look, nearest first.
    pub fn found(&mut self, now: DateTime<Utc>, candidates: &[Candidate]) -> Vec<Effect> {
        self.react(now, |search, now, effects| {
            let chosen = search.choose(now, candidates);
            search.ask(now, &chosen, effects);
            search.looked = Some((now, search.room(now)));
            if chosen.is_empty() && search.room(now).free == search.places() {
                search.nobody_is_asked(candidates, effects);
            }
        })
    }

    /// A driver has become available, or has come near.
    pub fn came_online(&mut self, now: DateTime<Utc>, candidate: Candidate) -> Vec<Effect> {
        self.react(now, |search, now, effects| {
            search.lost.retain(|lost| *lost != candidate.driver);
            let chosen = search.choose(now, &[candidate]);
            search.ask(now, &chosen, effects);
        })
    }

    /// The driver's device has the offer. `now` is when this is heard, for a place that was given away is gone.
    pub fn confirmed(&mut self, now: DateTime<Utc>, driver: DriverId) -> Vec<Effect> {
        self.react(now, |search, now, _| {
            if let Some(offer) = search.open_offer(driver) {
                offer.confirmed_at.get_or_insert(now);
            }
        })
    }

    /// The driver does not want the ride. They are told by the answer to what they said.
    pub fn declined(&mut self, now: DateTime<Utc>, driver: DriverId) -> Vec<Effect> {
        self.react(now, |search, _, _| {
            search.asked.insert(driver);
            if let Some(offer) = search.open_offer(driver) {
                offer.outcome = Some(OfferOutcome::Declined);
            }
        })
    }

    /// The driver can no longer have the ride: they accepted another one, or went offline.
    pub fn unavailable(&mut self, now: DateTime<Utc>, driver: DriverId) -> Vec<Effect> {
        self.react(now, |search, _, effects| {
            if let Some(offer) = search.open_offer(driver) {
                offer.outcome = Some(OfferOutcome::Closed(Unavailable::Withdrawn));
                effects.push(Effect::Close { driver, reason: Unavailable::Withdrawn });
            }
        })
    }

    /// The driver could not be bound.
    pub fn claim_lost(&mut self, now: DateTime<Utc>, driver: DriverId) -> Vec<Effect> {
        self.react(now, |search, _, _| {
            if search.claim.take_if(|claimed| *claimed == driver).is_some() {
                search.lost.push(driver);
            }
        })
    }

    /// The ride was bound to a driver, by this search or otherwise.
    pub fn accepted(&mut self, now: DateTime<Utc>, driver: DriverId) -> Vec<Effect> {
        if let Some(offer) = self.open_offer(driver) {
            offer.outcome = Some(OfferOutcome::Accepted);
        }
        self.finish(now, End::Assigned(driver), Unavailable::Taken)
    }

    /// The ride was cancelled.
    pub fn cancelled(&mut self, now: DateTime<Utc>) -> Vec<Effect> {
        self.finish(now, End::Cancelled, Unavailable::Cancelled)
    }

    /// The reaction to each input: first to the time that has passed, then to the input itself, then a check whether to
    /// look.
    fn react(
        &mut self,
        now: DateTime<Utc>,
        input: impl FnOnce(&mut Self, DateTime<Utc>, &mut Vec<Effect>),
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.end.is_some() {
            return effects;
        }
        // A clock that was set back must not give a place out twice.
        let now = self.seen_at.max(now);
        self.seen_at = now;
        self.expire(now, &mut effects);
        if now >= self.row.deadline {
            self.give_up(&mut effects);
            return effects;
        }
        input(self, now, &mut effects);
        if self.end.is_some() {
            return effects;
        }
        if self.is_look_due(now) {
            effects.push(self.look(now));
        } else if let Some((at, left)) = self.looked {
            let room = self.room(now);
            let left = Slots { free: left.free.min(room.free), open: left.open.max(room.open) };
            self.looked = Some((at, left));
        }
        effects
    }

    fn expire(&mut self, now: DateTime<Utc>, effects: &mut Vec<Effect>) {
        let is_over = |offer: &&mut Offer| offer.outcome.is_none() && offer.expires_at <= now;
        for offer in self.offers.iter_mut().filter(is_over) {
            offer.outcome = Some(OfferOutcome::Closed(Unavailable::Expired));
            effects.push(Effect::Close { driver: offer.driver, reason: Unavailable::Expired });
        }
    }

    fn finish(&mut self, now: DateTime<Utc>, end: End, reason: Unavailable) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.end.is_none() {
            let now = self.seen_at.max(now);
            self.seen_at = now;
            self.end = Some(end);
            self.expire(now, &mut effects);
            self.close_all(reason, &mut effects);
        }
        effects
    }

    fn give_up(&mut self, effects: &mut Vec<Effect>) {
        self.end = Some(End::NoDrivers);
        self.close_all(Unavailable::Expired, effects);
        effects.push(Effect::GiveUp);
    }

    fn close_all(&mut self, reason: Unavailable, effects: &mut Vec<Effect>) {
        for offer in self.offers.iter_mut().filter(|offer| offer.outcome.is_none()) {
            offer.outcome = Some(OfferOutcome::Closed(reason));
            effects.push(Effect::Close { driver: offer.driver, reason });
        }
    }

    /// The nearest of the candidates that a place is free for.
    fn choose(&self, now: DateTime<Utc>, candidates: &[Candidate]) -> Vec<DriverId> {
        if !self.may_ask_more(now) {
            return Vec::new();
        }
        let radius_m = self.radius_m();
        let mut chosen: Vec<DriverId> = Vec::new();
        for candidate in candidates {
            let fits = candidate.distance_m <= radius_m && self.has_room(candidate);
            if fits && self.may_ask(candidate.driver) && !chosen.contains(&candidate.driver) {
                chosen.push(candidate.driver);
            }
        }
        chosen.truncate(self.room(now).free);
        chosen
    }

    fn has_room(&self, candidate: &Candidate) -> bool {
        self.policy.mode == Mode::Auto || candidate.open_offers < self.policy.driver_offers_max.get()
    }

    fn ask(&mut self, now: DateTime<Utc>, drivers: &[DriverId], effects: &mut Vec<Effect>) {
        for &driver in drivers {
            if self.policy.mode == Mode::Auto {
                self.claim = Some(driver);
                effects.push(Effect::Claim { driver });
                continue;
            }
            let expires_at = (now + self.policy.window).min(self.row.deadline);
            self.asked.insert(driver);
            self.offers.push(Offer {
                driver,
                offered_at: now,
                expires_at,
                confirmed_at: None,
                outcome: None,
            });
            effects.push(Effect::Offer { driver, expires_at });
        }
    }

    /// Nobody within the radius can be asked, and nobody thinks about it.
    fn nobody_is_asked(&mut self, candidates: &[Candidate], effects: &mut Vec<Effect>) {
        if self.policy.mode == Mode::Offer && self.policy.radii.can_grow(self.row.step) {
            self.row.step += 1;
            self.looked = None;
            effects.push(Effect::Widen { step: self.row.step });
            return;
        }
        // Somebody who holds too many offers may yet be asked, and who was not seen to have an offer may yet accept it.
        let is_hopeless = candidates.is_empty() && self.offers.iter().all(|offer| offer.outcome.is_some());
        if is_hopeless && self.policy.patience == Patience::WhileAnybodyIsLeft {
            self.give_up(effects);
        }
    }

    fn open_offer(&mut self, driver: DriverId) -> Option<&mut Offer> {
        self.offers.iter_mut().find(|offer| offer.driver == driver && offer.outcome.is_none())
    }

    fn places(&self) -> usize {
        match self.policy.mode {
            Mode::Auto => 1,
            Mode::Offer => self.policy.batch_size.get(),
        }
    }

    fn room(&self, now: DateTime<Utc>) -> Slots {
        let held = self.offers.iter().filter(|offer| offer.holds_place(now, self.policy.receipt)).count();
        let taken = held + usize::from(self.claim.is_some());
        let open = self.offers.iter().filter(|offer| offer.outcome.is_none()).count();
        Slots { free: self.places().saturating_sub(taken), open }
    }

    /// An offer that ends before a device could confirm it is none.
    fn has_time(&self, now: DateTime<Utc>) -> bool {
        self.policy.mode == Mode::Auto || self.row.deadline - now > self.policy.receipt
    }

    fn may_ask_more(&self, now: DateTime<Utc>) -> bool {
        self.has_time(now) && self.offers.len() < OFFERS_MAX && self.room(now).free > 0
    }

    /// When something has changed since the last look, and regularly.
    fn is_look_due(&self, now: DateTime<Utc>) -> bool {
        let room = self.room(now);
        let changed = self.looked.is_none_or(|(_, left)| room.free > left.free || room.open < left.open);
        self.may_ask_more(now) && (changed || now >= self.next_look())
    }

    fn look(&mut self, now: DateTime<Utc>) -> Effect {
        if now >= self.next_look() {
            self.lost.clear();
        }
        Effect::Look { radius_m: self.radius_m(), count: self.room(now).free }
    }

    /// Regular looks are at fixed times after the beginning, so that a restart does not shift them.
    fn next_look(&self) -> DateTime<Utc> {
        let Some((looked_at, _)) = self.looked else { return self.seen_at };
        let every = self.policy.look_every.num_milliseconds().max(1);
        let elapsed = (looked_at - self.row.opened_at).num_milliseconds().max(0);
        self.row.opened_at + TimeDelta::milliseconds((elapsed / every + 1) * every)
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
