//! The registry of rooms, which sessions and REST hold: every room by its job, its followers, and every driver's newest
//! position. Rooms are started and ended here, under one short lock, so that nobody enters a room whose last follower
//! is just leaving.
//!
//! A position costs two map look-ups. It wakes a room only if its driver's ride is followed, and at most one wake-up
//! waits in a room's mailbox however fast a driver sends. A follower leaves by job *and* membership, so that a late
//! goodbye can't remove one who came back.
//!
//! Mailboxes here have no bound of their own (`do_send`). They are bounded all the same: each session waits for the
//! answer to an entry and leaves what it entered, committed events are bounded by the database's queue, and there is at
//! most one wake-up.

use super::actor::{Declined, End, Enter, Happened, Learn, Leave, Room, RoomContext, Wake};
use super::whereabouts::HeardFix;
use crate::actors::foundation::Foundation;
use crate::actors::session::{SessionHandle, ToClient};
use crate::clock::SharedClock;
use crate::contracts::Contract;
use crate::domain::announcement::{Announcement, Committed, SearchNews};
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{AccountId, DriverId, JobId};
use crate::domain::ride::{RideId, SharedPosition};
use crate::metrics::Metrics;
use crate::store::Database;
use actix::{Actor, Addr, Arbiter, ArbiterHandle};
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tokio::sync::oneshot;
use uuid::Uuid;

/// Positions older than this are read from the driver's row, should anybody ask.
const TOLD_AGE_MAX: TimeDelta = TimeDelta::minutes(10);
/// Drivers from which on it is looked which of them have been silent for longer.
const TOLD_MIN: usize = 1024;

#[derive(Clone, Copy, Debug)]
pub struct RoomOptions {
    /// Followers of one room; one more is refused.
    pub members_max: usize,
    /// How long a ride in progress may be without a position before its followers are told.
    pub stale_after: TimeDelta,
}

/// Clones are the same rooms.
#[derive(Clone)]
pub struct Rooms(Arc<Inner>);

pub(super) struct Inner {
    options: RoomOptions,
    database: Database,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    arbiter: ArbiterHandle,
    open: Mutex<Open>,
}

struct Open {
    rooms: HashMap<JobId, Door>,
    /// The room that a driver's positions go to: of the ride that they hold, where anybody follows it.
    driving: HashMap<DriverId, JobId>,
    /// The newest position of every driver who told one of late.
    told: HashMap<DriverId, HeardFix>,
    /// With so many, those who fell silent are forgotten.
    told_max: usize,
    memberships: u64,
}

struct Door {
    room: Addr<Room>,
    memberships: Vec<u64>,
    /// The participants, as far as the room has read them.
    accounts: Vec<AccountId>,
    /// A wake-up is on its way.
    is_woken: bool,
}

/// As whom somebody follows a ride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follower {
    Passenger,
    /// Its driver, or a driver who is offered it.
    Driver(DriverId, AccountId),
    /// Gets the ride's events here, since no account of theirs does.
    Admin,
}

/// A session that wants to follow a ride.
pub struct Member {
    pub handle: SessionHandle<ToClient>,
    pub contract: Contract,
    pub follower: Follower,
}

/// The room has as many followers as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The state that a follower finds on entering a room.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The driver's UUID and where they are.
    pub driver: Option<(Uuid, SharedPosition)>,
    /// The driver's UUID and how old the newest position is, where the others were told of a silence.
    pub silence: Option<(Uuid, u64)>,
}

/// A place in a room; dropping it is leaving.
pub struct Membership {
    rooms: Rooms,
    pub job: JobId,
    pub id: u64,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.rooms.0.leave(self.job, self.id);
    }
}

/// Starts with no room, on an arbiter of their own.
pub fn start(options: RoomOptions, foundation: &Foundation) -> Rooms {
    let Foundation { database, clock, metrics } = foundation.clone();
    let open = Open {
        rooms: HashMap::new(),
        driving: HashMap::new(),
        told: HashMap::new(),
        told_max: TOLD_MIN,
        memberships: 0,
    };
    let (arbiter, open) = (Arbiter::new().handle(), Mutex::new(open));
    Rooms(Arc::new(Inner { options, database, clock, metrics, arbiter, open }))
}

impl Rooms {
    /// A driver's app has told a position that is believed. Of several the newest is enough.
    pub fn moved(&self, driver: DriverId, told: HeardFix) {
        let mut open = self.0.open.lock();
        let newest = open.told.entry(driver).or_insert(told);
        if !told.replaces(newest) {
            return;
        }
        *newest = told;
        open.forget_the_silent(told.heard_at);
        let Some(job) = open.driving.get(&driver).copied() else { return };
        if let Some(door) = open.rooms.get_mut(&job)
            && !std::mem::replace(&mut door.is_woken, true)
        {
            door.room.do_send(Wake);
        }
    }

    /// Lets a session in, which hears of everything from here on; what it finds is answered when the room knows it.
    pub fn enter(
        &self,
        job: JobId,
        ride: &RideId,
        member: Member,
    ) -> Result<(Membership, oneshot::Receiver<Snapshot>), Full> {
        let mut open = self.0.open.lock();
        open.memberships += 1;
        let id = open.memberships;
        let is_lost = open.rooms.get(&job).is_some_and(|door| !door.room.connected());
        if is_lost {
            // It panicked, which must not lock everybody else out of the ride. Its followers hear nothing until they rejoin.
            log::error!("a room was lost ride={ride}; it starts again");
            open.remove(job, &self.0.metrics);
        }
        let door = open.rooms.entry(job).or_insert_with(|| self.begin(job, ride));
        if door.memberships.len() >= self.0.options.members_max {
            self.0.metrics.rooms_full.increment(1);
            return Err(Full);
        }
        door.memberships.push(id);
        let (answer, seen) = oneshot::channel();
        door.room.do_send(Enter { id, member, answer });
        Ok((Membership { rooms: self.clone(), job, id }, seen))
    }

    fn begin(&self, job: JobId, ride: &RideId) -> Door {
        let context = RoomContext {
            rooms: Handle(Arc::downgrade(&self.0)),
            database: self.0.database.clone(),
            clock: self.0.clock.clone(),
            metrics: self.0.metrics.clone(),
        };
        let room = Room::new(job, ride.clone(), self.0.options.stale_after, context);
        self.0.metrics.rooms.increment(1);
        let room = Room::start_in_arbiter(&self.0.arbiter, |_| room);
        Door { room, memberships: Vec::new(), accounts: Vec::new(), is_woken: false }
    }

    /// Hands what was committed to the rooms that it concerns. Two participants got an event each; a room hears it once.
    pub fn publish(&self, committed: &Committed) {
        let mut open = None;
        for announcement in &committed.announcements {
            let Announcement::Search(SearchNews::Declined { job, driver }) = announcement else { continue };
            let open = open.get_or_insert_with(|| self.0.open.lock());
            if let Some(door) = open.rooms.get(job) {
                door.room.do_send(Declined(*driver));
            }
        }
        let mut heard: Vec<&Event> = Vec::new();
        for event in &committed.events {
            let Some(job) = event.job else { continue };
            let is_copy = |other: &&Event| other.job == event.job && other.body == event.body;
            // The offer's driver makes the difference.
            let is_personal = matches!(event.body, EventBody::RideUnavailable { .. });
            if heard.iter().any(is_copy) && !is_personal {
                continue;
            }
            heard.push(event);
            let open = open.get_or_insert_with(|| self.0.open.lock());
            if let Some(door) = open.rooms.get(&job) {
                door.room.do_send(Happened(Box::new(event.clone())));
            }
        }
    }

    /// Something of these accounts was committed and not announced.
    pub fn repair(&self, accounts: &[AccountId]) {
        if accounts.is_empty() {
            return;
        }
        for door in self.0.open.lock().rooms.values() {
            if door.accounts.iter().any(|account| accounts.contains(account)) {
                door.room.do_send(Learn);
            }
        }
    }
}

/// A room's reference to all rooms: it keeps none of them alive.
#[derive(Clone)]
pub(super) struct Handle(Weak<Inner>);

impl Handle {
    /// The newest position of a driver; the next one wakes the room again.
    pub fn newest(&self, job: JobId, driver: DriverId) -> Option<HeardFix> {
        let inner = self.0.upgrade()?;
        let mut open = inner.open.lock();
        if let Some(door) = open.rooms.get_mut(&job) {
            door.is_woken = false;
        }
        open.told.get(&driver).copied()
    }

    /// From now on the room hears of this driver's positions, or of nobody's.
    pub fn driven_by(&self, job: JobId, driver: Option<DriverId>, accounts: Vec<AccountId>) {
        let Some(inner) = self.0.upgrade() else { return };
        let mut open = inner.open.lock();
        open.nobody_drives(job);
        let Some(door) = open.rooms.get_mut(&job) else { return };
        door.accounts = accounts;
        door.is_woken = false;
        if let Some(driver) = driver {
            open.driving.insert(driver, job);
        }
    }

    pub fn driven_by_nobody(&self, job: JobId) {
        if let Some(inner) = self.0.upgrade() {
            inner.open.lock().nobody_drives(job);
        }
    }

    /// The room has sent somebody away.
    pub fn sent_away(&self, job: JobId, membership: u64) {
        if let Some(inner) = self.0.upgrade() {
            inner.leave(job, membership);
        }
    }
}

impl Inner {
    fn leave(&self, job: JobId, membership: u64) {
        let mut open = self.open.lock();
        let Some(door) = open.rooms.get_mut(&job) else { return };
        let Some(at) = door.memberships.iter().position(|id| *id == membership) else { return };
        door.memberships.swap_remove(at);
        door.room.do_send(Leave(membership));
        if door.memberships.is_empty() {
            open.remove(job, &self.metrics);
        }
    }
}

impl Open {
    fn remove(&mut self, job: JobId, metrics: &Metrics) {
        if let Some(door) = self.rooms.remove(&job) {
            door.room.do_send(End);
            metrics.rooms.decrement(1);
        }
        self.nobody_drives(job);
    }

    fn nobody_drives(&mut self, job: JobId) {
        self.driving.retain(|_, driven| *driven != job);
    }

    /// At most twice the drivers of the last minutes are kept, and looking costs each position next to nothing.
    fn forget_the_silent(&mut self, now: DateTime<Utc>) {
        if self.told.len() <= self.told_max {
            return;
        }
        self.told.retain(|_, told| now - told.heard_at < TOLD_AGE_MAX);
        self.told_max = TOLD_MIN.max(2 * self.told.len());
    }
}
