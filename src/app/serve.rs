//! The server: its parts made in order, and torn down in reverse.

use crate::actors::dispatcher::{Dispatcher, DispatcherLimits};
use crate::actors::entrance::Entrance;
use crate::actors::matcher::{self, Changed, Matcher, MatcherHandle, News};
use crate::actors::positions::{Positions, Tracks};
use crate::actors::push::PushHandle;
use crate::actors::reads::{self, ReadLog};
use crate::actors::recorder::{self, RecorderHandle, RecorderOptions};
use crate::actors::registry::Registry;
use crate::actors::room::{self, RoomOptions, Rooms};
use crate::actors::session::client::{ClientContext, SearchLimits};
use crate::actors::session::{Activity, Connections, Reaper, TransportLimits, TransportMetrics};
use crate::api::sockets::Sockets;
use crate::api::{self, Context, Limiters, Principals};
use crate::app::capacity::{self, Capacity};
use crate::app::guard::{self, Guard};
use crate::app::signals::{self, Hangups};
use crate::app::start_up::{self, KeyFiles, LogIns};
use crate::app::tls::Tls;
use crate::app::{Foundation, Outcome, commands, place, settle_currency, time_delta, token_keys};
use crate::app::{grant_use, logging, push};
use crate::clock::SharedClock;
use crate::config::{FinalFare, Settings};
use crate::contracts::close_codes::CloseCode;
use crate::domain::event::{Announcement, Event, EventBody};
use crate::domain::ids::DriverId;
use crate::domain::open_search::SearchNews;
use crate::metrics::Metrics;
use crate::operations::passwords::Passwords;
use crate::operations::tokens::TokenKeys;
use crate::providers::payments::{PaymentService, SignedWebhook};
use crate::rate_limit::{AccountLimits, Census};
use crate::store::{Chain, Database, Probe, ServeLock};
use actix::prelude::*;
use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often sessions are looked at from outside.
const SWEEP: Duration = Duration::from_secs(1);
/// A client that does not take its answer or end its connection is cut after this.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than the keep-alive by this, a connection has begun a request and does not end it: the framework itself gives up
/// [`DISCONNECT_TIMEOUT`] after the keep-alive.
const OVERDUE: Duration = Duration::from_secs(5);
/// How often histograms are folded; samples pile up between, also where nobody scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// What requests under way may take once the sessions are closed.
const REQUESTS_TIMEOUT_SECS: u64 = 2;
/// What notifications under way may take for their answers.
const PUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// What the recorder may take for what is left.
const RECORDER_TIMEOUT: Duration = Duration::from_secs(2);
/// Who stops us may kill us after 10 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(9);
/// What the database may take at least for what is queued, whatever the rest took.
const DATABASE_TIMEOUT_MIN: Duration = Duration::from_millis(500);

/// Everything that lives as long as the server.
struct Parts {
    settings: Arc<Settings>,
    database: Database,
    clock: SharedClock,
    recorder: RecorderHandle,
    reads: ReadLog,
    positions: Positions,
    push: PushHandle,
    dispatcher: Addr<Dispatcher>,
    reaper: Reaper,
    draining: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    prometheus: PrometheusHandle,
}

/// How clients come in.
struct Entry {
    tls: Option<Arc<Tls>>,
    capacity: Capacity,
}

pub async fn serve(settings: Settings) -> Outcome {
    let hangups = Hangups::catch()?;
    let settings = Arc::new(settings);
    let prometheus = install_metrics()?;
    let KeyFiles { tls, outside } = start_up::key_files(&settings)?;
    let entry = Entry { tls: tls.clone(), capacity: capacity::capacity(&settings) };
    let lock = ServeLock::take(&place(&settings.database.url))?;
    let foundation = Foundation::open(&settings)?;
    actix_web::rt::spawn(hangups.reload(tls));
    let jobs = settle_currency(&settings)?;
    if jobs > 0 {
        log::info!("amounts without a currency are in {} now jobs={jobs}", settings.region.currency);
    }
    let prepared = push::prepare(&settings, &foundation)?;
    let log_ins = start_up::prepare(&settings, &foundation).await?;
    let tokens = Arc::new(token_keys(&settings, outside)?);
    let database = foundation.database.clone();
    // By now the database's connections are open, and with them the files that SQLite keeps beside it.
    let guard = Guard::start(lock, database.clone());
    let outcome = run(settings, foundation, prepared, tokens, prometheus, log_ins, entry).await;
    let stopping_since = outcome.as_ref().map_or_else(|_| Instant::now(), |since| *since);
    guard.end();
    let patience = STOP_TIMEOUT.saturating_sub(stopping_since.elapsed()).max(DATABASE_TIMEOUT_MIN);
    if !database.close_within(patience) {
        log::error!("the database did not answer; what it was asked last may be done or not");
    }
    log::info!("stopped");
    outcome.map(drop)
}

/// Serves until a signal comes, and says when it came.
async fn run(
    settings: Arc<Settings>,
    foundation: Foundation,
    prepared: push::Prepared,
    tokens: Arc<TokenKeys>,
    prometheus: PrometheusHandle,
    log_ins: LogIns,
    entry: Entry,
) -> Result<Instant, Box<dyn Error>> {
    let registry = Arc::new(Registry::default());
    let principals = Arc::new(Principals::default());
    let tracks = Arc::new(Tracks::new(foundation.clock.now()));
    let matcher = matcher::start(
        foundation.database.clone(),
        foundation.clock.clone(),
        foundation.metrics.clone(),
        tracks.clone(),
        &settings,
    )
    .await?;
    let rooms = start_rooms(&settings, &foundation);
    let parts = start_actors(&settings, &foundation, prepared, &registry, &rooms, tracks, &prometheus)?;
    let hearers = Hearers {
        registry: registry.clone(),
        principals: principals.clone(),
        matcher: matcher.clone(),
        rooms: rooms.clone(),
        push: parts.push.clone(),
    };
    publish(&foundation.database, hearers);
    let account_limits = Arc::new(AccountLimits::new(&settings.limits));
    let sockets = sockets(&settings, &foundation, &parts, &matcher, &rooms, &tokens, &account_limits);
    let matching = matcher.matcher.clone();
    let context = Context {
        limiters: Limiters::new(&settings),
        account_limits,
        settings: settings.clone(),
        probe: Probe::new(foundation.database.clone()),
        database: foundation.database,
        clock: foundation.clock,
        tokens,
        passwords: Passwords::default(),
        registry,
        recorder: parts.recorder.clone(),
        reads: parts.reads.clone(),
        push: parts.push.clone(),
        payments: payments(&settings),
        principals: principals.clone(),
        matcher,
        positions: parts.positions.clone(),
        reaper: parts.reaper.clone(),
        metrics: foundation.metrics,
        prometheus,
        draining: parts.draining.clone(),
    };
    entry.tls.clone().into_iter().for_each(|tls| drop(actix_web::rt::spawn(tls.follow())));
    let connections = Connections::new(entry.capacity.http_max, settings.listen.keep_alive + OVERDUE);
    let (server, addresses) = bind(&settings, context, sockets, &connections, entry)?;
    start_up::announce(&settings, &addresses, &log_ins);
    start_up::warn_of_what_is_open(&settings);
    log::info!("started addresses={addresses:?} profile={}", settings.profile);
    keep_house(&parts, matching, connections, principals);
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);
    signals::terminated().await?;
    let stopping_since = Instant::now();
    stop(&parts, handle).await;
    serving.await??;
    Ok(stopping_since)
}

/// The metric handles bind to the recorder that is installed when they are made, so this comes first.
fn install_metrics() -> Result<PrometheusHandle, Box<dyn Error>> {
    let seconds =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 300.0];
    Ok(PrometheusBuilder::new().set_buckets(&seconds)?.install_recorder()?)
}

fn start_actors(
    settings: &Arc<Settings>,
    foundation: &Foundation,
    prepared: push::Prepared,
    registry: &Arc<Registry>,
    rooms: &Rooms,
    tracks: Arc<Tracks>,
    prometheus: &PrometheusHandle,
) -> Result<Parts, Box<dyn Error>> {
    let database = foundation.database.clone();
    let options = RecorderOptions {
        queue_max: settings.recorder.queue_max.get(),
        flush_interval: settings.recorder.flush_interval,
        live_position_interval: settings.recorder.live_position_interval,
    };
    let (clock, metrics) = (foundation.clock.clone(), foundation.metrics.clone());
    let recorder = recorder::start(options, database.clone(), metrics.clone());
    let positions = Positions::new(tracks, rooms.clone(), recorder.clone(), clock, metrics);
    push_by_presence(settings, foundation, registry.clone());
    let push = push::start(prepared, settings, foundation, recorder.clone())?;
    let dispatcher = Dispatcher::new(
        database.clone(),
        registry.clone(),
        rooms.clone(),
        positions.clone(),
        foundation.clock.clone(),
        foundation.metrics.clone(),
        DispatcherLimits {
            deliveries_max: settings.deliveries_max(),
            offline_after: time_delta(settings.recorder.driver_offline_after),
            lost_after: time_delta(settings.rides.driver_lost_after),
            offers_again: settings.rides.offers_lost_rides_again,
        },
    );
    let dispatcher = Dispatcher::start_in_arbiter(&Arbiter::new().handle(), |_| dispatcher);
    Ok(Parts {
        settings: settings.clone(),
        reads: reads::start(database.clone(), foundation.clock.clone(), foundation.metrics.clone()),
        database,
        clock: foundation.clock.clone(),
        recorder,
        positions,
        push,
        dispatcher,
        reaper: Reaper::start(SWEEP, TransportMetrics::new()),
        draining: Arc::new(AtomicBool::new(false)),
        metrics: foundation.metrics.clone(),
        prometheus: prometheus.clone(),
    })
}

/// An event of a customer who could confirm it is given the time to be confirmed before it is pushed. Who was connected
/// to the server that ran before is given it, too.
fn push_by_presence(settings: &Settings, foundation: &Foundation, registry: Arc<Registry>) {
    let moment = time_delta(settings.delivery.confirm_timeout);
    let clock = foundation.clock.clone();
    let began_at = clock.steady();
    foundation.database.push_due_by(move |account, now| {
        let steady = clock.steady();
        let may_confirm = steady < began_at + moment || registry.may_confirm(account, steady, moment);
        if may_confirm { now + moment } else { now }
    });
}

/// Who hears of what was committed.
struct Hearers {
    registry: Arc<Registry>,
    principals: Arc<Principals>,
    matcher: MatcherHandle,
    rooms: Rooms,
    push: PushHandle,
}

/// Says what was committed to whom it concerns, on the thread that committed it and before the answer. What is committed
/// is bounded by the database's queue, so the matcher's mailbox is, too.
fn publish(database: &Database, hearers: Hearers) {
    let Hearers { registry, principals, matcher, rooms, push } = hearers;
    database.publish_to(move |announcements| {
        let (mut changed, mut news): (Vec<DriverId>, Vec<SearchNews>) = Default::default();
        for announcement in &announcements {
            push.heard(announcement);
            match announcement {
                Announcement::AccessRevoked { account, .. } | Announcement::GrantRevoked { account, .. } => {
                    principals.forget(*account);
                }
                Announcement::DriverChanged(driver) => changed.push(*driver),
                Announcement::Search(one) => news.push(one.clone()),
                Announcement::Event(event) => expect_receipt(event, &matcher),
                Announcement::PushDue(_)
                | Announcement::PushQueued
                | Announcement::DevicesChanged(_)
                | Announcement::Happened(_) => {}
            }
        }
        // Whoever took a ride is its driver first, and then no longer free for others.
        if !news.is_empty() {
            matcher.matcher.do_send(News(news));
        }
        if !changed.is_empty() {
            matcher.matcher.do_send(Changed(changed));
        }
        registry.publish(&announcements);
        // What a room makes of an event comes after the event itself.
        rooms.publish(&announcements);
        tell_the_log(&announcements);
    });
}

/// One line for each thing that happened to a job, after all who wait for it have heard.
fn tell_the_log(announcements: &[Announcement]) {
    for announcement in announcements {
        if let Announcement::Happened(happening) = announcement {
            log::info!("{happening}");
        }
    }
}

/// Before the session hears of the offer: its device may answer at once.
fn expect_receipt(event: &Event, matcher: &MatcherHandle) {
    if let (EventBody::RideRequested(offer), Some(job)) = (&event.body, event.job) {
        matcher.offered(event.account, event.id, job, offer.expires_at);
    }
}

/// Nobody may tell of payments where no secret is set.
fn payments(settings: &Settings) -> Option<Arc<dyn PaymentService>> {
    let secrets = &settings.payments.webhook_secrets;
    let service = SignedWebhook::new(secrets.iter().map(|secret| secret.as_str().as_bytes()));
    (!secrets.is_empty()).then(|| Arc::new(service) as Arc<dyn PaymentService>)
}

fn start_rooms(settings: &Settings, foundation: &Foundation) -> Rooms {
    let options = RoomOptions {
        members_max: settings.rides.members_max.get(),
        stale_after: time_delta(settings.rides.stale_after),
    };
    let Foundation { database, clock, metrics } = foundation;
    room::start(options, database.clone(), clock.clone(), metrics.clone())
}

/// The doors of the sockets, and what the conversations behind them work with.
fn sockets(
    settings: &Settings,
    foundation: &Foundation,
    parts: &Parts,
    matcher: &MatcherHandle,
    rooms: &Rooms,
    tokens: &Arc<TokenKeys>,
    account_limits: &Arc<AccountLimits>,
) -> Sockets {
    let clients = ClientContext {
        database: foundation.database.clone(),
        dispatcher: parts.dispatcher.clone(),
        recorder: parts.recorder.clone(),
        matcher: matcher.clone(),
        rooms: rooms.clone(),
        positions: parts.positions.clone(),
        clock: foundation.clock.clone(),
        tokens: tokens.clone(),
        metrics: foundation.metrics.clone(),
        deliveries_max: settings.deliveries_max(),
        rides: settings.ride_rules(),
        fare_is_of_the_track: settings.rides.final_fare == FinalFare::Track,
        replay_events_max: settings.delivery.replay_events_max.get(),
        replay_age_max: time_delta(settings.delivery.replay_age_max),
        rides_joined_max: settings.rides.joined_max.get(),
        sockets_max: settings.limits.sockets_per_account_max.get(),
        account_limits: account_limits.clone(),
        search_limits: SearchLimits::new(
            settings.limits.find_driver_per_minute,
            settings.limits.anonymous_rides_per_minute,
        ),
    };
    let rides = settings.anonymous_rides;
    Sockets {
        clients: Arc::new(clients),
        driver_limits: Arc::new(limits(settings, Activity::TextOrPing)),
        ride_limits: Arc::new(limits(settings, Activity::AnyFrame)),
        entrance: Entrance::new(rides.key, rides.rides_held_max.get(), parts.metrics.clone()),
        strangers: Census::new(settings.limits.sockets_per_address_max.get()),
        reaper: parts.reaper.clone(),
    }
}

fn limits(settings: &Settings, activity: Activity) -> TransportLimits {
    TransportLimits {
        sessions_max: settings.limits.connections_max.get(),
        message_bytes_max: settings.limits.message_bytes_max,
        messages_per_second: settings.limits.messages_per_second.get(),
        messages_burst: settings.limits.messages_burst().get(),
        held_back_max: settings.limits.held_back_max,
        bad_messages_per_minute: settings.limits.bad_messages_per_minute.get(),
        outbox_shed_bytes: settings.sessions.outbox_shed_bytes,
        outbox_bytes_max: settings.sessions.outbox_bytes_max,
        idle_timeout: settings.sessions.idle_timeout,
        activity,
        heartbeat: settings.sessions.heartbeat,
        close_timeout: settings.sessions.close_timeout,
        ..TransportLimits::default()
    }
}

fn bind(
    settings: &Arc<Settings>,
    context: Context,
    sockets: Sockets,
    connections: &Connections,
    entry: Entry,
) -> Result<(Server, Vec<SocketAddr>), Box<dyn Error>> {
    let context = web::Data::new(context);
    let sockets = web::Data::new(sockets);
    let app_settings = settings.clone();
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(context.clone())
            .app_data(sockets.clone())
            .wrap(api::cors(&app_settings))
            .wrap(actix_web::middleware::from_fn(api::around))
            .configure(|routes| api::configure(routes, &app_settings))
    })
    .workers(settings.listen.workers.get())
    .max_connections(entry.capacity.per_worker)
    .keep_alive(settings.listen.keep_alive)
    .on_connect(connections.on_connect())
    .client_disconnect_timeout(DISCONNECT_TIMEOUT)
    .shutdown_timeout(REQUESTS_TIMEOUT_SECS)
    .disable_signals();
    for address in &settings.listen.bind {
        let bound = match &entry.tls {
            Some(tls) => server.bind_rustls_0_23(address, tls.server_config()?),
            None => server.bind(address),
        };
        server = bound.map_err(|error| format!("can't listen on {address}: {error}"))?;
    }
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// What goes on beside the requests, on this thread.
fn keep_house(parts: &Parts, matcher: Addr<Matcher>, connections: Connections, principals: Arc<Principals>) {
    let (database, clock, metrics) = (parts.database.clone(), parts.clock.clone(), parts.metrics.clone());
    let retention = commands::retention(&parts.settings);
    actix_web::rt::spawn(async move {
        loop {
            match commands::prune_all(&database, retention, &clock).await {
                Ok(0) => {}
                Ok(rows) => {
                    metrics.rows_pruned.increment(rows as u64);
                    log::info!("pruned rows={rows}");
                }
                Err(error) => log::warn!("pruning failed, next try in an hour: {}", Chain(&error)),
            }
            tokio::time::sleep(commands::PRUNE_INTERVAL).await;
        }
    });
    actix_web::rt::spawn(grant_use::note(parts.database.clone(), principals));
    let (prometheus, metrics) = (parts.prometheus.clone(), parts.metrics.clone());
    actix_web::rt::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_INTERVAL).await;
            metrics.log_lines_dropped.absolute(logging::dropped());
            prometheus.run_upkeep();
        }
    });
    let dispatcher = parts.dispatcher.clone();
    actix_web::rt::spawn(async move {
        loop {
            tokio::time::sleep(SWEEP).await;
            connections.sweep();
            // An actor that panicked does not come back, and without these nobody hears of anything, or no ride finds a driver.
            // Their state is rebuilt from the store at start, so a new process is the cure.
            if !dispatcher.connected() || !matcher.connected() {
                log::error!(
                    "the dispatcher or the matcher has died; ending the process, so that it is started again"
                );
                logging::exit(guard::EXIT_CODE);
            }
        }
    });
}

/// Nobody new is let in, everybody is told, what was accepted is written.
async fn stop(parts: &Parts, server: ServerHandle) {
    parts.draining.store(true, Ordering::Relaxed);
    let over = parts.settings.delivery.drain;
    // Both at once: who listens over a socket and who is pushed to are told in the same seconds.
    let closing = parts.reaper.close_all(CloseCode::GoingAway, CloseCode::GoingAway.reason(), over);
    let (drained, ()) = tokio::join!(closing, parts.push.drain(Instant::now() + PUSH_TIMEOUT));
    log::info!("sessions closed told={} killed={}", drained.told, drained.killed);
    server.stop(true).await;
    let recorded = Instant::now() + RECORDER_TIMEOUT;
    tokio::join!(parts.recorder.drain(recorded), parts.reads.drain(recorded));
}
