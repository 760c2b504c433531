//! The announcer: tells each commit to those who must hear of it, in a fixed order. It runs on the database thread that
//! committed, before the caller is answered, and does nothing there that could block.
//!
//! Invariant: nobody gets an answer before those who must know its reason have heard of the commit. Announcements that
//! were lost after a commit, and commits by another process, are found by a look every second.

use crate::actors::foundation::Foundation;
use crate::actors::matcher::MatcherHandle;
use crate::actors::principals::Principals;
use crate::actors::push::PushHandle;
use crate::actors::registry::Registry;
use crate::actors::room::Rooms;
use crate::clock::SharedClock;
use crate::domain::announcement::{Announcement, Committed, SearchNews};
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{AccountId, DriverId, EventId, JobId};
use crate::domain::story::Happening;
use crate::metrics::Metrics;
use crate::operations::{authentication, grants};
use crate::store::{Chain, Conn, Database, StoreError, newest_events};
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::Duration;

const REPAIR_INTERVAL: Duration = Duration::from_secs(1);
/// How far back the repair look goes: longer than any transaction lives.
const REPAIR_WINDOW: TimeDelta = TimeDelta::seconds(30);
/// Younger announcements are on their way.
const ANNOUNCED_WITHIN: TimeDelta = TimeDelta::seconds(1);

/// Everybody who hears of a commit.
#[derive(Clone)]
pub struct Listeners {
    pub registry: Arc<Registry>,
    pub principals: Arc<Principals>,
    pub matcher: MatcherHandle,
    pub rooms: Rooms,
    pub push: PushHandle,
}

impl Listeners {
    /// Tells each commit to those it concerns. The database's queue bounds the commits, and thereby the mailboxes.
    fn hear(&self, committed: &Committed) {
        for telling in in_order(committed) {
            match telling {
                Telling::Push(announcement) => self.push.heard(announcement),
                Telling::Access(account) => self.principals.forget(account),
                Telling::Offered { account, event, job, until } => {
                    self.matcher.offered(account, event, job, until);
                }
                Telling::Searches(news) => self.matcher.searches(news),
                Telling::Drivers(changed) => self.matcher.changed(changed),
                Telling::Sessions => self.registry.publish(committed),
                Telling::Rooms => self.rooms.publish(committed),
                Telling::Log(happening) => log::info!("{happening}"),
            }
        }
    }
}

/// Somebody is told something.
#[derive(Clone, Debug, PartialEq)]
enum Telling<'a> {
    /// Push sets its alarms.
    Push(&'a Announcement),
    /// Forget the cached access of this account.
    Access(AccountId),
    /// The matcher awaits that the driver's device confirms an offer. `until` is a time of day.
    Offered {
        account: AccountId,
        event: EventId,
        job: JobId,
        until: DateTime<Utc>,
    },
    /// The matcher hears of searches.
    Searches(Vec<SearchNews>),
    /// The matcher reads these drivers again.
    Drivers(Vec<DriverId>),
    Sessions,
    Rooms,
    Log(&'a Happening),
}

/// The tellings after a commit, in the order in which they are made.
fn in_order(committed: &Committed) -> Vec<Telling<'_>> {
    let mut order = Vec::with_capacity(8);
    let (mut changed, mut news): (Vec<DriverId>, Vec<SearchNews>) = Default::default();
    for announcement in &committed.announcements {
        match announcement {
            Announcement::AccessRevoked { account, .. } | Announcement::GrantRevoked { account, .. } => {
                order.push(Telling::Access(*account));
            }
            Announcement::DriverChanged(driver) => changed.push(*driver),
            Announcement::Search(one) => news.push(one.clone()),
            Announcement::PushDue(_) | Announcement::PushQueued | Announcement::DevicesChanged(_) => {
                order.push(Telling::Push(announcement));
            }
            Announcement::Recorded { .. } => {}
        }
    }
    // Before their sessions hear of the offers: a device may answer at once.
    order.extend(committed.events.iter().filter_map(offered));
    // A driver who accepted a ride first becomes its driver, and then is no longer free for others.
    if !news.is_empty() {
        order.push(Telling::Searches(news));
    }
    if !changed.is_empty() {
        order.push(Telling::Drivers(changed));
    }
    // A room's messages about an event come after the event itself.
    order.extend([Telling::Sessions, Telling::Rooms]);
    // The log comes after all who wait.
    order.extend(committed.happenings.iter().map(Telling::Log));
    order
}

fn offered(event: &Event) -> Option<Telling<'_>> {
    let (EventBody::RideRequested(offer), Some(job)) = (&event.body, event.job) else { return None };
    Some(Telling::Offered { account: event.account, event: event.id, job, until: offer.expires_at })
}

/// The moment up to which the repair look has compared commits. A database that is unreachable for longer than the
/// window must not hide commits made just before: the answer to such a commit is lost, and so is its announcement.
#[derive(Default)]
struct RepairLook {
    done_until: Option<DateTime<Utc>>,
}

impl RepairLook {
    /// The time to look at now, which ends at `until`.
    fn since(&self, until: DateTime<Utc>) -> DateTime<Utc> {
        self.done_until.map_or(until, |done| done.min(until)) - REPAIR_WINDOW
    }

    fn done(&mut self, until: DateTime<Utc>) {
        self.done_until = Some(until);
    }
}

/// The looks for what nobody was told.
pub struct Announcer {
    // peers
    database: Database,
    registry: Arc<Registry>,
    rooms: Rooms,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    // state
    repair: RepairLook,
}

/// From now on all of them hear of each commit. The looks run on the arbiter.
pub fn start(foundation: &Foundation, listeners: Listeners, arbiter: &ArbiterHandle) -> Addr<Announcer> {
    let Foundation { database, clock, metrics } = foundation.clone();
    let (registry, rooms) = (listeners.registry.clone(), listeners.rooms.clone());
    database.publish_to(move |committed| listeners.hear(&committed));
    let repair = RepairLook::default();
    let announcer = Announcer { database, registry, rooms, clock, metrics, repair };
    Announcer::start_in_arbiter(arbiter, |_| announcer)
}

impl Actor for Announcer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(REPAIR_INTERVAL, |announcer, ctx| {
            announcer.repair_look(ctx);
            announcer.look_for_revoked(ctx);
        });
    }
}

impl Announcer {
    /// Compares what was announced with what the store has, for what got lost between commit and announcement.
    fn repair_look(&mut self, ctx: &mut Context<Self>) {
        let until = self.clock.now() - ANNOUNCED_WITHIN;
        if self.registry.is_empty() {
            return self.repair.done(until);
        }
        let (database, since) = (self.database.clone(), self.repair.since(until));
        let look = async move { database.read(move |conn| newest_events(conn, since, until)).await };
        ctx.spawn(look.into_actor(self).map(move |newest, announcer, _| match newest {
            Ok(newest) => {
                announcer.repair.done(until);
                let repaired = announcer.registry.repair(newest);
                announcer.metrics.announcements_repaired.increment(repaired.lost);
                announcer.rooms.repair(&repaired.accounts);
            }
            Err(StoreError::Closed) => {}
            Err(error) => log::warn!("the repair look failed: {}", Chain(&error)),
        }));
    }

    /// Closes what came with what another process has revoked: `fleetwire admin`, or another server.
    fn look_for_revoked(&self, ctx: &mut Context<Self>) {
        if self.registry.is_empty() {
            return;
        }
        let (database, registry) = (self.database.clone(), self.registry.clone());
        let since = self.clock.now() - REPAIR_WINDOW;
        let look = async move {
            let revoked = database.read(move |conn| grants::revoked_since(conn, since)).await?;
            let connected = registry.claims_of(&revoked);
            if connected.is_empty() {
                return Ok(());
            }
            let still_good = move |conn: &mut Conn<'_>| {
                let mut gone = Vec::new();
                for (account, session, claims) in &connected {
                    if authentication::principal(conn, claims)?.is_none() {
                        gone.push((*account, *session));
                    }
                }
                Ok::<_, StoreError>(gone)
            };
            for (account, session) in database.read(still_good).await? {
                registry.close_revoked(account, session);
            }
            Ok(())
        };
        ctx.spawn(look.into_actor(self).map(|looked, _, _| match looked {
            Ok(()) | Err(StoreError::Closed) => {}
            Err(error) => log::warn!("can't check for revoked sessions: {}", Chain(&error)),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::currency::Currency;
    use crate::domain::event::RideOffer;
    use crate::domain::job::{JobKind, JobStatus};
    use crate::domain::money::Money;
    use crate::domain::position::Position;
    use crate::domain::ride::RideId;
    use crate::domain::story::What;
    use uuid::Uuid;

    const JOB: JobId = JobId(17);

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + secs, 0).expect("a time")
    }

    fn event(id: i64, body: EventBody) -> Event {
        Event {
            account: AccountId(5),
            id: EventId(id),
            job: Some(JOB),
            created_at: at(0),
            pushed: false,
            external_id: None,
            body,
            contact: None,
        }
    }

    fn offer() -> EventBody {
        let place = Position::new(3.848, 11.5021).expect("in range");
        EventBody::RideRequested(RideOffer {
            ride_id: RideId::new("r1").expect("a ride id"),
            passenger: Uuid::from_u128(1),
            ride_type: "moto".to_owned(),
            pickup: place,
            dropoff: place,
            estimated_fare: Money::from_minor(150_000, Currency::UNKNOWN),
            payment_method: None,
            expires_at: at(15),
        })
    }

    fn happening() -> Happening {
        let what = What::Moved { to: JobStatus::Assigned, by: None };
        let since = TimeDelta::zero();
        Happening { job: JOB, kind: JobKind::Ride, ride: None, account: None, driver: None, since, what }
    }

    /// All at once, in an order as wrong as can be: a driver's ride is announced after the driver, a revoked log-in in between.
    #[test]
    fn each_hears_before_somebody_can_act_on_it() {
        let (account, driver) = (AccountId(5), DriverId(3));
        let assigned = SearchNews::Assigned { job: JOB, driver };
        let (due, queued) = (Announcement::PushDue(at(1)), Announcement::PushQueued);
        let started = event(8, EventBody::RideStarted { ride_id: RideId::new("r1").expect("a ride id") });
        let committed = Committed {
            announcements: vec![
                Announcement::DriverChanged(driver),
                due.clone(),
                Announcement::Recorded { account, id: EventId(7), job: Some(JOB) },
                Announcement::AccessRevoked { account, but: None },
                Announcement::Search(assigned.clone()),
                queued.clone(),
            ],
            events: vec![event(7, offer()), started],
            happenings: vec![happening()],
        };
        let expected = [
            Telling::Push(&due),
            Telling::Access(account),
            Telling::Push(&queued),
            Telling::Offered { account, event: EventId(7), job: JOB, until: at(15) },
            Telling::Searches(vec![assigned]),
            Telling::Drivers(vec![driver]),
            Telling::Sessions,
            Telling::Rooms,
            Telling::Log(&committed.happenings[0]),
        ];
        assert_eq!(in_order(&committed), expected);
    }

    #[test]
    fn the_matcher_hears_nothing_of_what_is_not_its_own() {
        let started = event(8, EventBody::RideStarted { ride_id: RideId::new("r1").expect("a ride id") });
        let committed = Committed { events: vec![started], ..Committed::default() };
        assert_eq!(in_order(&committed), [Telling::Sessions, Telling::Rooms]);
    }

    /// A commit whose answer the connection lost, and then 40 s without the database: the looks since then had failed, and
    /// the first that did not began 30 s ago. The driver, connected all the time, heard of the order on their next event.
    #[test]
    fn the_repair_look_goes_back_to_before_the_outage() {
        let mut look = RepairLook::default();
        assert_eq!(look.since(at(0)), at(0) - REPAIR_WINDOW);
        look.done(at(0));
        assert_eq!(look.since(at(1)), at(0) - REPAIR_WINDOW);
        assert_eq!(look.since(at(40)), at(0) - REPAIR_WINDOW, "none succeeded meanwhile");
        look.done(at(40));
        assert_eq!(look.since(at(5)), at(5) - REPAIR_WINDOW, "a clock that was set back");
    }
}
