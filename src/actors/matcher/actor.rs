//! The actor around the core: its mailbox, its timers, its reads, and its tasks. It passes the messages of sessions and
//! the rows of the store to the core, carries out the core's tasks, and answers look-ups.
//!
//! Positions are judged where they arrive (`actors::positions`), and new ones are fetched from there a few times a
//! second and before each search: a position costs no message. Changes in the store are announced after their commit;
//! changes by another process, and lost announcements, are found by a look every 2 s. One timer serves all searches.
//! They run by the steady clock.

use crate::actors::foundation::Foundation;
use crate::actors::matcher::carry_out::{carry_out, note};
use crate::actors::matcher::handle::{Choose, FreeDriver, MatcherHandle, Nearest};
use crate::actors::matcher::reading::{PAGE_DRIVERS, read_fleet, read_searches, standing};
use crate::actors::matcher::receipts::Receipts;
use crate::actors::matcher::times::{by_steady, look_by_wall, work_by_wall};
use crate::actors::positions::Tracks;
use crate::clock::SharedClock;
use crate::config::Settings;
use crate::domain::announcement::SearchNews;
use crate::domain::ids::{DriverId, JobId};
use crate::domain::open_search::OpenSearch;
use crate::domain::position::Position;
use crate::matching::core::{Core, Happened, Input, Task};
use crate::matching::fleet::Wanted;
use crate::matching::plausible::Plausibility;
use crate::matching::searches::Searches;
use crate::matching::store_look::StoreLook;
use crate::matching::work::{Done, Work};
use crate::metrics::Metrics;
use crate::operations::{self, searches};
use crate::store::reads::{self, Matchable};
use crate::store::{Chain, Database, StoreError};
use actix::prelude::*;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::Duration;

/// How often positions are taken over where nobody searches, and searches' looks are noted.
const TAKE_INTERVAL: Duration = Duration::from_millis(100);
/// How often changes of other processes, lost announcements and rides that are due are looked for …
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// … and how long a transaction may have taken that wrote the time of its change before it committed.
const TRANSACTION_MAX: TimeDelta = TimeDelta::seconds(30);
/// Rides for later whose searches are begun in one transaction; more are in the next look's.
const DUE_MAX: i64 = 50;

pub struct Matcher {
    // peers
    database: Database,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    tracks: Arc<Tracks>,
    receipts: Arc<Receipts>,
    // limits
    position_age_max: TimeDelta,
    // state
    core: Core,
    /// Read at start, to go on with.
    unfinished: Vec<OpenSearch>,
    /// The timer that is set, for the earliest of all searches.
    wake: Option<(DateTime<Utc>, SpawnHandle)>,
    look: StoreLook,
    is_noting: bool,
}

/// Starts the matcher on an arbiter of its own, with the fleet and the open searches read from the store.
pub async fn start(
    settings: &Settings,
    foundation: &Foundation,
    tracks: Arc<Tracks>,
) -> Result<MatcherHandle, StoreError> {
    let Foundation { database, clock, metrics } = foundation.clone();
    let began = clock.moment();
    let fleet = read_fleet(&database, began).await?;
    let unfinished = database.read(read_searches).await?;
    log::info!("matcher ready drivers={} searches={}", fleet.matchable(), unfinished.len());
    let (receipts, of_handle) = (Arc::new(Receipts::default()), clock.clone());
    let position_age_max = TimeDelta::from_std(settings.recorder.position_age_max).unwrap_or(TimeDelta::MAX);
    let searches = Searches::new(|patience| settings.matching.policy(patience), position_age_max);
    let matcher = Matcher {
        database,
        clock,
        metrics,
        tracks,
        receipts: receipts.clone(),
        position_age_max,
        core: Core::new(fleet, searches),
        unfinished,
        wake: None,
        look: StoreLook::new(began.wall),
        is_noting: false,
    };
    let matcher = Matcher::start_in_arbiter(&Arbiter::new().handle(), |_| matcher);
    Ok(MatcherHandle::new(receipts, of_handle, matcher))
}

impl Actor for Matcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let unfinished = std::mem::take(&mut self.unfinished);
        self.go_on_with(unfinished, ctx);
        ctx.run_interval(TAKE_INTERVAL, |matcher, ctx| {
            matcher.take_moves(ctx);
            matcher.note_looks(ctx);
        });
        ctx.run_interval(LOOK_INTERVAL, |matcher, ctx| matcher.look_at_store(ctx));
    }
}

/// The stored data of these drivers has changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Changed(pub Vec<DriverId>);

impl Handler<Changed> for Matcher {
    /// Searches wait until it is known: who became free a moment ago is to be found.
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Changed(drivers): Changed, _: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        let reading = async move { database.read(move |conn| reads::matchable_among(conn, &drivers)).await };
        let applied = reading.into_actor(self).map(|rows, matcher, ctx| match rows {
            Ok(rows) => {
                rows.iter().for_each(|row| matcher.look.read(row.driver.id));
                // A driver who sent a position and then went online is found there.
                matcher.take_moves(ctx);
                matcher.take_over(rows, ctx);
            }
            // The last to leave say so when the server has stopped.
            Err(StoreError::Closed) => {}
            // The look at the store finds them when the database is back.
            Err(error) => log::warn!("changed drivers not read: {}", Chain(&error)),
        });
        AtomicResponse::new(Box::pin(applied))
    }
}

/// Committed changes of searches.
#[derive(Message)]
#[rtype(result = "()")]
pub struct News(pub Vec<SearchNews>);

impl Handler<News> for Matcher {
    type Result = ();

    fn handle(&mut self, News(news): News, ctx: &mut Self::Context) {
        self.take_moves(ctx);
        let (now, mut reopened) = (self.clock.steady(), Vec::new());
        for one in news {
            if let SearchNews::Assigned { job, .. } = one
                && let Some(opened_at) = self.core.searches().opened_at(job)
            {
                self.metrics.match_seconds.record((now - opened_at).to_std().unwrap_or_default());
            }
            match one {
                SearchNews::Opened(opened) => self.go_on_with(vec![opened.into()], ctx),
                SearchNews::Reopened(job) => reopened.push(job),
                other => self.tell(Happened::Committed(other), ctx),
            }
        }
        if !reopened.is_empty() {
            // The next message may be of its end.
            ctx.wait(self.read_searches(reopened));
        }
    }
}

/// The driver's device has the offer.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct OfferReceived {
    pub job: JobId,
    pub driver: DriverId,
}

impl Handler<OfferReceived> for Matcher {
    type Result = ();

    fn handle(&mut self, OfferReceived { job, driver }: OfferReceived, ctx: &mut Self::Context) {
        self.tell(Happened::Confirmed { job, driver }, ctx);
    }
}

/// A search's work is over.
#[derive(Message)]
#[rtype(result = "()")]
struct WorkDone {
    job: JobId,
    done: Done,
}

impl Handler<WorkDone> for Matcher {
    type Result = ();

    fn handle(&mut self, WorkDone { job, done }: WorkDone, ctx: &mut Self::Context) {
        match &done {
            Done::Offered(drivers) => self.metrics.offers_made.increment(drivers.len() as u64),
            Done::ClaimLost(_) => self.metrics.claims_lost.increment(1),
            Done::Carried | Done::Failed => {}
        }
        self.tell(Happened::Done { job, done }, ctx);
    }
}

impl Handler<Nearest> for Matcher {
    type Result = MessageResult<Nearest>;

    fn handle(&mut self, search: Nearest, ctx: &mut Self::Context) -> Self::Result {
        self.take_moves(ctx);
        let fleet = self.core.fleet();
        let Nearest { at, radius_m, count, vehicle_type } = search;
        let measured_since_ms = fleet.since_ms(self.position_age_max);
        let wanted = Wanted { at, radius_m, count, vehicle_type, takes_carrying: true, measured_since_ms };
        let found = fleet.nearest(&wanted, |_| true);
        let candidates = found.into_iter().map(|nearby| FreeDriver {
            driver: nearby.driver,
            vehicle_type: nearby.vehicle_type,
            distance_m: nearby.distance_m,
            position: nearby.fix.position,
            age_secs: nearby.age_secs,
        });
        MessageResult(candidates.collect())
    }
}

impl Handler<Choose> for Matcher {
    type Result = MessageResult<Choose>;

    fn handle(&mut self, choose: Choose, ctx: &mut Self::Context) -> Self::Result {
        self.take_moves(ctx);
        let Choose { at, radius_m, count, except } = choose;
        let measured_since_ms = self.core.fleet().since_ms(self.position_age_max);
        let wanted =
            Wanted { at, radius_m, count, vehicle_type: None, takes_carrying: true, measured_since_ms };
        MessageResult(self.core.choose(&wanted, &except))
    }
}

/// Everything known about one driver.
#[derive(Message)]
#[rtype(result = "DriverView")]
pub struct Explain(pub DriverId);

/// As searches see a driver.
#[derive(Clone, Debug, Default, PartialEq, MessageResponse)]
pub struct DriverView {
    pub position: Option<Position>,
    /// `None` where no app measured it.
    pub age_secs: Option<i64>,
    /// Why a newer position that the app has told is not believed, if there is one.
    pub doubt: Option<Plausibility>,
    pub open_offers: usize,
}

impl Handler<Explain> for Matcher {
    type Result = DriverView;

    fn handle(&mut self, Explain(driver): Explain, ctx: &mut Self::Context) -> DriverView {
        self.take_moves(ctx);
        let (fleet, searches) = (self.core.fleet(), self.core.searches());
        let fix = fleet.fix(driver);
        DriverView {
            position: fix.map(|fix| fix.position),
            age_secs: fix.and_then(|fix| fleet.age_secs(&fix)),
            doubt: fleet.doubt(driver),
            open_offers: searches.offers_of(driver).len(),
        }
    }
}

impl Matcher {
    /// Tells the core what has happened, and sees to what it wants done.
    fn tell(&mut self, what: Happened, ctx: &mut Context<Self>) {
        for task in self.core.tell(Input { at: self.clock.steady(), what }) {
            match task {
                Task::CarryOut { job, work, seen_at } => self.carry_out(job, work, seen_at, ctx),
                Task::Read(jobs) => {
                    ctx.spawn(self.read_searches(jobs));
                }
                Task::JudgeAnew(driver) => self.tracks.begin_anew(driver),
            }
        }
        let searches = self.core.searches();
        self.metrics.searches_open.set(searches.len() as f64);
        self.metrics.offers_open.set(searches.open_offers() as f64);
        self.keep_timer(ctx);
    }

    fn carry_out(&self, job: JobId, work: Work, seen_at: Option<Position>, ctx: &mut Context<Self>) {
        let work = work_by_wall(work, self.clock.moment());
        let (database, matcher) = (self.database.clone(), ctx.address());
        // Outside the actor's context, which polls each of its futures at every message. At most one for each search.
        actix::spawn(async move {
            let done = carry_out(database, job, work, seen_at).await;
            matcher.do_send(WorkDone { job, done });
        });
    }

    /// Sets the timer for when the core next wants to be woken.
    fn keep_timer(&mut self, ctx: &mut Context<Self>) {
        let wanted = self.core.wake_at();
        if wanted == self.wake.map(|(at, _)| at) {
            return;
        }
        if let Some((_, timer)) = self.wake.take() {
            ctx.cancel_future(timer);
        }
        let now = self.clock.steady();
        self.wake = wanted.map(|at| {
            let wait = (at - now).to_std().unwrap_or_default();
            let timer = ctx.run_later(wait, |matcher, ctx| {
                matcher.wake = None;
                matcher.take_moves(ctx);
                matcher.tell(Happened::Woken, ctx);
            });
            (at, timer)
        });
    }

    /// Together: each transaction of its own would be in some decision's way.
    fn note_looks(&mut self, ctx: &mut Context<Self>) {
        if self.is_noting {
            return;
        }
        let looks = self.core.take_looks();
        if looks.is_empty() {
            return;
        }
        self.is_noting = true;
        let now = self.clock.moment();
        let looks = looks.into_iter().map(|look| look_by_wall(look, now)).collect();
        let noting = note(self.database.clone(), looks).into_actor(self);
        ctx.spawn(noting.map(|(), matcher, _| matcher.is_noting = false));
    }

    fn take_moves(&mut self, ctx: &mut Context<Self>) {
        let news = self.tracks.take_news();
        self.tell(Happened::Moved(news), ctx);
    }

    fn take_over(&mut self, rows: Vec<Matchable>, ctx: &mut Context<Self>) {
        let now = self.clock.moment();
        self.tell(Happened::Drivers(rows.into_iter().map(|row| standing(row, now)).collect()), ctx);
        self.metrics.drivers_matchable.set(self.core.fleet().matchable() as f64);
    }

    /// Searches that were begun before a start, or were announced to nobody.
    fn go_on_with(&mut self, searches: Vec<OpenSearch>, ctx: &mut Context<Self>) {
        let now = self.clock.moment();
        self.tell(Happened::Opened(searches.into_iter().map(|search| by_steady(search, now)).collect()), ctx);
    }

    /// Finds changes by another process, lost announcements, and rides that are due.
    fn look_at_store(&mut self, ctx: &mut Context<Self>) {
        let Some(looked_at) = self.look.begin() else { return };
        let (now, since) = (self.clock.now(), looked_at - TRANSACTION_MAX);
        self.receipts.let_go(self.clock.steady());
        let database = self.database.clone();
        let look = async move {
            let changed = database.read(move |conn| reads::drivers_changed_since(conn, since)).await?;
            let open = database.read(searches::open_jobs).await?;
            if database.read(move |conn| searches::any_due(conn, now)).await? {
                // Their searches are announced as all are.
                database.write(move |tx| searches::open_due(tx, DUE_MAX)).await?;
            }
            Ok::<_, operations::Error>((changed, open))
        };
        ctx.spawn(look.into_actor(self).map(move |found, matcher, ctx| match found {
            Ok((changed, open)) => {
                matcher.tell(Happened::Compared(open.into_iter().collect()), ctx);
                matcher.read_changed(now, changed, ctx);
            }
            Err(error) => {
                matcher.look.failed();
                log::warn!("can't check the store for changes: {}", Chain(&error));
            }
        }));
    }

    /// Reads those drivers who are known otherwise than the store has them by now, and ends the look that began then.
    fn read_changed(
        &mut self,
        began_at: DateTime<Utc>,
        mut changed: Vec<(DriverId, NaiveDateTime)>,
        ctx: &mut Context<Self>,
    ) {
        changed.retain(|(driver, at)| !self.core.fleet().is_current(*driver, *at));
        let database = self.database.clone();
        let reading = async move {
            let mut rows = Vec::with_capacity(changed.len());
            for page in changed.chunks(PAGE_DRIVERS as usize) {
                let ids: Vec<DriverId> = page.iter().map(|(driver, _)| *driver).collect();
                rows.extend(database.read(move |conn| reads::matchable_among(conn, &ids)).await?);
            }
            Ok::<_, StoreError>(rows)
        };
        ctx.spawn(reading.into_actor(self).map(move |rows, matcher, ctx| match rows {
            Ok(mut rows) => {
                let newer = matcher.look.succeeded(began_at);
                rows.retain(|row| !newer.contains(&row.driver.id));
                matcher.take_over(rows, ctx);
            }
            Err(error) => {
                matcher.look.failed();
                log::warn!("changed drivers not read: {}", Chain(&error));
            }
        }));
    }

    /// Takes up searches that are open in the store and not known here.
    fn read_searches(&self, unknown: Vec<JobId>) -> ResponseActFuture<Self, ()> {
        let database = self.database.clone();
        let reading = async move { database.read(move |conn| searches::find_among(conn, &unknown)).await };
        Box::pin(reading.into_actor(self).map(|found, matcher, ctx| match found {
            Ok(found) => matcher.go_on_with(found, ctx),
            Err::<_, StoreError>(error) => log::warn!("open searches not read: {}", Chain(&error)),
        }))
    }
}
