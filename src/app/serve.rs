//! The server: makes its parts in order, and tears them down in reverse.

use crate::actors::ride_access::RideAccess;
use crate::actors::session::client::{ClientContext, SearchLimits};
use crate::actors::session::{Activity, Connections, TransportLimits};
use crate::api::sockets::Sockets;
use crate::api::traffic::Traffic;
use crate::api::{self, Context, Limiters};
use crate::app::capacity::{self, Capacity};
use crate::app::guard::Guard;
use crate::app::housekeeping::keep_house;
use crate::app::parts::Parts;
use crate::app::signals::{self, Hangups};
use crate::app::start_up::{self, KeyFiles, LogIns};
use crate::app::tls::Tls;
use crate::app::traffic::LocalTraffic;
use crate::app::{CommandResult, Foundation, place, push, settle_currency, time_delta, token_keys};
use crate::config::{FinalFare, Settings};
use crate::contracts::close_codes::CloseCode;
use crate::operations::passwords::Passwords;
use crate::operations::tokens::TokenKeys;
use crate::providers::payments::{PaymentService, SignedWebhook};
use crate::rate_limit::{AccountLimits, Census, Rate};
use crate::store::{Probe, ServeLock};
use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A client that does not take its answer or end its connection is cut after this.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than the keep-alive by this, a connection has begun a request and does not end it: the framework itself gives up
/// [`DISCONNECT_TIMEOUT`] after the keep-alive.
const OVERDUE: Duration = Duration::from_secs(5);
/// How long requests in progress may take once the sessions are closed.
const REQUESTS_TIMEOUT_SECS: u64 = 2;
/// How long notifications in flight may wait for their answers.
const PUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the recorder may take for the rest of its buffer.
const RECORDER_TIMEOUT: Duration = Duration::from_secs(2);
/// The supervisor that stops us may kill us after 10 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(9);
/// The least time that the database gets for its queue, however long the rest took.
const DATABASE_TIMEOUT_MIN: Duration = Duration::from_millis(500);

/// How clients come in.
struct Entry {
    tls: Option<Arc<Tls>>,
    capacity: Capacity,
}

pub async fn serve(settings: Settings) -> CommandResult {
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
        log::info!("amounts without a currency are now in {} jobs={jobs}", settings.region.currency);
    }
    let prepared = push::prepare(&settings, &foundation)?;
    let log_ins = start_up::prepare(&settings, &foundation).await?;
    let tokens = Arc::new(token_keys(&settings, outside)?);
    let database = foundation.database.clone();
    // By now the database's connections are open, and with them the files that SQLite keeps next to it.
    let guard = Guard::start(lock, database.clone());
    let outcome = run(settings, foundation, prepared, tokens, prometheus, log_ins, entry).await;
    let stopping_since = outcome.as_ref().map_or_else(|_| Instant::now(), |since| *since);
    guard.end();
    let patience = STOP_TIMEOUT.saturating_sub(stopping_since.elapsed()).max(DATABASE_TIMEOUT_MIN);
    if !database.close_within(patience) {
        log::error!("the database did not answer; its last operations may or may not have been done");
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
    let parts = Arc::new(Parts::start(&settings, foundation, prepared).await?);
    let account_limits = Arc::new(AccountLimits::new(&settings.limits));
    let sockets = sockets(&parts, &tokens, &account_limits);
    let traffic = LocalTraffic::new(&settings, parts.clock.clone());
    let context = context(&parts, tokens, account_limits, prometheus.clone(), traffic.clone());
    entry.tls.clone().into_iter().for_each(|tls| drop(actix_web::rt::spawn(tls.follow())));
    let connections = Connections::new(entry.capacity.http_max, settings.listen.keep_alive + OVERDUE);
    let (server, addresses) = bind(&settings, context, sockets, &connections, entry)?;
    traffic.iter().for_each(|traffic| traffic.goes_to(&addresses));
    start_up::announce(&settings, &addresses, &log_ins);
    start_up::warn_of_what_is_open(&settings);
    log::info!("started addresses={addresses:?} profile={}", settings.profile);
    keep_house(&parts, connections, prometheus);
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);
    signals::terminated().await?;
    let stopping_since = Instant::now();
    traffic.iter().for_each(|traffic| traffic.abandon());
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

/// Nobody may tell of payments where no secret is set.
fn payments(settings: &Settings) -> Option<Arc<dyn PaymentService>> {
    let secrets = &settings.payments.webhook_secrets;
    let service = SignedWebhook::new(secrets.iter().map(|secret| secret.as_str().as_bytes()));
    (!secrets.is_empty()).then(|| Arc::new(service) as Arc<dyn PaymentService>)
}

/// The context of requests.
fn context(
    parts: &Parts,
    tokens: Arc<TokenKeys>,
    account_limits: Arc<AccountLimits>,
    prometheus: PrometheusHandle,
    traffic: Option<Arc<LocalTraffic>>,
) -> Context {
    Context {
        limiters: Limiters::new(&parts.settings),
        account_limits,
        settings: parts.settings.clone(),
        probe: Probe::new(parts.database.clone()),
        database: parts.database.clone(),
        clock: parts.clock.clone(),
        tokens,
        passwords: Passwords::default(),
        presence: parts.presence.clone(),
        recorder: parts.recorder.clone(),
        reads: parts.reads.clone(),
        push: parts.push.clone(),
        payments: payments(&parts.settings),
        principals: parts.principals.clone(),
        matcher: parts.matcher.clone(),
        positions: parts.positions.clone(),
        reaper: parts.reaper.clone(),
        metrics: parts.metrics.clone(),
        prometheus,
        traffic: traffic.map(|traffic| traffic as Arc<dyn Traffic>),
        draining: parts.draining.clone(),
    }
}

/// The doors of the sockets, and what the conversations behind them work with.
fn sockets(parts: &Parts, tokens: &Arc<TokenKeys>, account_limits: &Arc<AccountLimits>) -> Sockets {
    let settings = &parts.settings;
    let clients = ClientContext {
        database: parts.database.clone(),
        dispatcher: parts.dispatcher.clone(),
        recorder: parts.recorder.clone(),
        matcher: parts.matcher.clone(),
        rooms: parts.rooms.clone(),
        positions: parts.positions.clone(),
        clock: parts.clock.clone(),
        tokens: tokens.clone(),
        metrics: parts.metrics.clone(),
        offer_detail: settings.matching.offer_detail,
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
        access: RideAccess::new(rides.key, rides.rides_held_max.get(), parts.metrics.clone()),
        strangers: Census::new(settings.limits.sockets_per_address_max.get()),
        reaper: parts.reaper.clone(),
    }
}

fn limits(settings: &Settings, activity: Activity) -> TransportLimits {
    TransportLimits {
        sessions_max: settings.limits.connections_max.get(),
        message_bytes_max: settings.limits.message_bytes_max,
        messages: Rate::per_second(settings.limits.messages_per_second, settings.limits.messages_burst()),
        held_back_max: settings.limits.held_back_max,
        bad_messages: Rate::per_minute(settings.limits.bad_messages_per_minute),
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
