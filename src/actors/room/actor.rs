//! One room: reads the ride's driver from the store, tells its followers where the driver is, and admins what happens.
//!
//! Only the store says who drives. A commit merely makes the room read again, and it has no driver meanwhile: a driver
//! who gave the ride back is no longer shown from the moment of the announcement, and announcements that are lost or
//! out of order can't leave a wrong driver behind.

use super::registry::{Follower, Handle, Member, Snapshot};
use super::whereabouts::{HeardFix, Look, Moved, RideDriver, Whereabouts};
use crate::actors::encode_once::EncodeOnce;
use crate::actors::session::{Lane, Sent, ToClient};
use crate::clock::{Moment, SharedClock};
use crate::contracts::Contract;
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{AccountId, DriverId, JobId};
use crate::domain::job::JobStatus;
use crate::domain::position::Position;
use crate::domain::ride::RideId;
use crate::metrics::Metrics;
use crate::store::reads::{self, RideStanding};
use crate::store::{Account, Chain, Database, Driver, StoreError};
use actix::prelude::*;
use chrono::TimeDelta;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// When a reading that failed is tried again.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The services and settings that rooms use.
pub(super) struct RoomContext {
    pub rooms: Handle,
    pub database: Database,
    pub clock: SharedClock,
    pub metrics: Arc<Metrics>,
}

/// The room's knowledge of its ride, from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    /// Nothing yet, or something happened since.
    Outdated,
    Current,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    No,
    UnderWay,
    /// Something happened since it began: once more.
    Overtaken,
}

pub struct Room {
    // identity
    job: JobId,
    ride: RideId,
    // state
    members: Vec<(u64, Member)>,
    /// Followers who entered and wait for the room's state.
    entering: Vec<Enter>,
    knowledge: Knowledge,
    reading: Reading,
    whereabouts: Whereabouts,
    watch: Option<SpawnHandle>,
    // peers
    context: RoomContext,
}

impl Room {
    pub(super) fn new(job: JobId, ride: RideId, stale_after: TimeDelta, context: RoomContext) -> Self {
        Self {
            job,
            ride,
            members: Vec::new(),
            entering: Vec::new(),
            knowledge: Knowledge::Outdated,
            reading: Reading::No,
            whereabouts: Whereabouts::new(stale_after),
            watch: None,
            context,
        }
    }
}

impl Actor for Room {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.learn(ctx);
    }
}

/// Somebody follows the ride from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Enter {
    pub id: u64,
    pub member: Member,
    pub answer: oneshot::Sender<Snapshot>,
}

impl Handler<Enter> for Room {
    type Result = ();

    fn handle(&mut self, enter: Enter, _: &mut Self::Context) {
        match self.knowledge {
            Knowledge::Current => self.admit(enter),
            Knowledge::Outdated => self.entering.push(enter),
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Leave(pub u64);

impl Handler<Leave> for Room {
    type Result = ();

    fn handle(&mut self, Leave(left): Leave, _: &mut Self::Context) {
        self.members.retain(|(id, _)| *id != left);
        self.entering.retain(|enter| enter.id != left);
    }
}

/// The driver has a newer position.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wake;

impl Handler<Wake> for Room {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        if self.knowledge == Knowledge::Current
            && let Some(driver) = self.whereabouts.driver()
            && let Some(told) = self.context.rooms.newest(self.job, driver)
        {
            self.moved(told, ctx);
        }
    }
}

/// Something of this ride was committed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Happened(pub Box<Event>);

impl Handler<Happened> for Room {
    type Result = ();

    fn handle(&mut self, Happened(event): Happened, ctx: &mut Self::Context) {
        match event.body {
            // Between the search and one driver.
            EventBody::RideRequested(_) => return,
            EventBody::RideUnavailable { .. } => return self.offer_ended(event.account),
            EventBody::RideAccepted(_)
            | EventBody::DriverCancelled { .. }
            | EventBody::RideCompleted { .. }
            | EventBody::RideCancelled { .. } => self.learn(ctx),
            _ => {}
        }
        self.tell_admins(&event);
    }
}

/// A driver has let the ride pass that was offered to them.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Declined(pub DriverId);

impl Handler<Declined> for Room {
    type Result = ();

    fn handle(&mut self, Declined(declined): Declined, _: &mut Self::Context) {
        self.send_away(|driver, _| driver == declined);
    }
}

/// Read again who drives.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Learn;

impl Handler<Learn> for Room {
    type Result = ();

    fn handle(&mut self, _: Learn, ctx: &mut Self::Context) {
        self.learn(ctx);
    }
}

/// Nobody is left.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct End;

impl Handler<End> for Room {
    type Result = ();

    fn handle(&mut self, _: End, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// The ride's driver.
impl Room {
    fn learn(&mut self, ctx: &mut Context<Self>) {
        self.knowledge = Knowledge::Outdated;
        self.context.rooms.driven_by_nobody(self.job);
        if self.reading != Reading::No {
            self.reading = Reading::Overtaken;
            return;
        }
        self.reading = Reading::UnderWay;
        let (database, job) = (self.context.database.clone(), self.job);
        let reading = async move { database.read(move |conn| reads::ride_of(conn, job)).await };
        ctx.spawn(reading.into_actor(self).map(|found, room, ctx| {
            match (std::mem::replace(&mut room.reading, Reading::No), found) {
                (Reading::Overtaken, _) => room.learn(ctx),
                (_, Ok(found)) => room.learned(found, ctx),
                (_, Err(error)) => room.not_learned(&error, ctx),
            }
        }));
    }

    fn not_learned(&mut self, error: &StoreError, ctx: &mut Context<Self>) {
        log::warn!("ride not read ride={}: {}", self.ride, Chain(error));
        for enter in std::mem::take(&mut self.entering) {
            self.admit(enter);
        }
        ctx.run_later(READ_AGAIN_AFTER, |room, ctx| room.learn(ctx));
    }

    fn learned(&mut self, found: Option<RideStanding>, ctx: &mut Context<Self>) {
        self.knowledge = Knowledge::Current;
        let status = found.as_ref().map_or(JobStatus::Cancelled, |found| found.ride.job.status);
        let is_held = status.is_held();
        let driver = found.as_ref().and_then(|found| found.driver.as_ref());
        let passenger = found.as_ref().and_then(|found| found.passenger.as_ref());
        let accounts = passenger.into_iter().chain(driver.map(|(_, account)| account));
        let accounts: Vec<AccountId> = accounts.map(|account| account.id).collect();
        let bound = driver.map(|(driver, _)| driver.id);
        let before = self.whereabouts.driver();
        let driving = driver.filter(|_| is_held);
        self.context.rooms.driven_by(self.job, driving.map(|(driver, _)| driver.id), accounts);
        // Before anybody is told where the driver is.
        self.send_away(|driver, _| match status {
            // It may be offered to them, unless they have just given it back.
            JobStatus::Requested => before == Some(driver),
            _ => bound != Some(driver),
        });
        match driving {
            Some((driver, account)) => self.driven_by(driver, account, ctx),
            None => self.whereabouts.driven_by_nobody(),
        }
        for enter in std::mem::take(&mut self.entering) {
            self.admit(enter);
        }
    }

    fn driven_by(&mut self, driver: &Driver, account: &Account, ctx: &mut Context<Self>) {
        let now = self.context.clock.moment();
        let told = self.context.rooms.newest(self.job, driver.id);
        let newest = match (told, stored(driver, now)) {
            (Some(told), Some(stored)) if stored.at > told.at => Some(stored),
            (told, stored) => told.or(stored),
        };
        let driver = RideDriver { id: driver.id, public_id: account.public_id };
        let is_new = self.whereabouts.driven_by(driver, newest, now.steady);
        self.watch(ctx);
        match newest {
            Some(_) if is_new => self.tell_position(),
            Some(newest) => self.moved(newest, ctx),
            None => {}
        }
    }

    /// The offer to a driver has ended without them.
    fn offer_ended(&mut self, account: AccountId) {
        let bound = self.whereabouts.driver();
        self.send_away(|driver, theirs| theirs == account && bound != Some(driver));
    }

    /// Drivers who no longer have a part in the ride no longer see it.
    fn send_away(&mut self, is_to_go: impl Fn(DriverId, AccountId) -> bool) {
        let is_to_go = |member: &Member| match member.follower {
            Follower::Driver(driver, account) => is_to_go(driver, account),
            Follower::Passenger | Follower::Admin => false,
        };
        for (id, member) in self.members.extract_if(.., |(_, member)| is_to_go(member)) {
            self.context.rooms.sent_away(self.job, id);
            tell(&member, ToClient::SentAway(self.ride.clone(), id), 0, Lane::Durable);
        }
    }
}

/// The database's newest position of a driver.
fn stored(driver: &Driver, now: Moment) -> Option<HeardFix> {
    let position = Position::new(driver.latitude?, driver.longitude?).ok()?;
    let at = now.steady_of(driver.position_at?.and_utc());
    Some(HeardFix {
        position,
        heading: driver.heading,
        speed: driver.speed,
        at,
        heard_at: at,
        is_measured: driver.position_measured,
    })
}

/// Messages to followers.
impl Room {
    fn admit(&mut self, enter: Enter) {
        let now = self.context.clock.steady();
        let seen = match self.knowledge {
            Knowledge::Current => {
                Snapshot { driver: self.whereabouts.sighting(now), silence: self.whereabouts.silence(now) }
            }
            Knowledge::Outdated => Snapshot::default(),
        };
        // A follower who no longer waits for it leaves at once.
        let _ = enter.answer.send(seen);
        self.members.push((enter.id, enter.member));
    }

    fn moved(&mut self, told: HeardFix, ctx: &mut Context<Self>) {
        match self.whereabouts.moved(told) {
            Moved::Not => return,
            Moved::On => {}
            Moved::OnAgain => {
                let (now, driver) = (self.context.clock.now(), self.whereabouts.public_id());
                let ride = self.ride.clone();
                self.tell_all(Lane::Durable, |contract| contract.location_fresh(&ride, driver?, now));
                self.watch(ctx);
            }
        }
        self.tell_position();
    }

    fn tell_position(&mut self) {
        let (Moment { wall: now, steady }, ride) = (self.context.clock.moment(), self.ride.clone());
        let Some((driver, sighting)) = self.whereabouts.sighting(steady) else { return };
        // One position of this ride waits for a client that reads slowly: the newest.
        let lane = Lane::Position { subject: self.job.0 as u64 };
        let told = self.tell_all(lane, |contract| contract.location(&ride, driver, &sighting, now));
        self.context.metrics.room_positions.increment(told);
    }

    /// Looks after the driver's silence, while there is somebody to be silent.
    fn watch(&mut self, ctx: &mut Context<Self>) {
        if let Some(watch) = self.watch.take() {
            ctx.cancel_future(watch);
        }
        if self.knowledge == Knowledge::Outdated {
            return;
        }
        let Moment { wall: now, steady } = self.context.clock.moment();
        match self.whereabouts.look(steady) {
            Look::Nothing => {}
            Look::Fresh { look_again_in } => {
                let wait = look_again_in.to_std().unwrap_or_default();
                self.watch = Some(ctx.run_later(wait, |room, ctx| room.watch(ctx)));
            }
            Look::Stale { age_secs } => {
                let (ride, driver) = (self.ride.clone(), self.whereabouts.public_id());
                self.tell_all(Lane::Durable, |contract| {
                    contract.location_stale(&ride, driver?, age_secs, now)
                });
            }
        }
    }

    /// Participants have their own copies of an event, numbered; an admin has none.
    fn tell_admins(&self, event: &Event) {
        let mut texts = EncodeOnce::default();
        for (_, member) in self.members.iter().filter(|(_, member)| member.follower == Follower::Admin) {
            if let Some(text) = texts.text(member.contract, |contract| contract.watched_event(event)) {
                let bytes = text.len();
                tell(member, ToClient::Text(text), bytes, Lane::Durable);
            }
        }
    }

    /// Returns to how many it was given.
    fn tell_all(&self, lane: Lane, write: impl Fn(Contract) -> Option<String>) -> u64 {
        let (mut texts, mut told) = (EncodeOnce::default(), 0);
        for (_, member) in &self.members {
            if let Some(text) = texts.text(member.contract, &write) {
                let bytes = text.len();
                told += tell(member, ToClient::Text(text), bytes, lane);
            }
        }
        told
    }
}

/// 1 where it was queued.
fn tell(member: &Member, message: ToClient, bytes: usize, lane: Lane) -> u64 {
    match member.handle.send(message, bytes, lane) {
        Sent::Queued => 1,
        // The next position will do; one who is closed for not reading, or is gone, leaves by itself.
        Sent::Shed | Sent::Overflowed | Sent::Gone => 0,
    }
}
