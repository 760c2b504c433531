//! REST: routes, extractors, error bodies, the console. A handler reads its input into types that can't be wrong, calls one
//! operation or one read on the database's threads, and answers; nothing is decided here.
//!
//! | file | owns |
//! | --- | --- |
//! | `routes` | the table of all routes: who may call each, which codes refuse it, and what its handler's type says |
//! | `extract` | who asks |
//! | `client_address` | from where |
//! | `input` | body, query, `Idempotency-Key` |
//! | `request`, `description` | what a request is read into, a named type for each, and what is told of it |
//! | `fields`, `rules` | reading fields, all that is wrong at once, and describing what is read |
//! | `openapi`, `asyncapi` | REST and the sockets, described for programs |
//! | `respond` | decisions under a key, pages, JSON |
//! | `problem` | what a refused request is answered with |
//! | `middleware` | what is the same for every request: the log line, CORS, what the framework refuses |
//! | `audited` | what operators' requests leave in the audit |
//! | `host` | under which name and over what a request came |
//! | `request_id` | by what a request is found in the log |
//! | `sockets` | the doors of the sockets |
//! | `log_in_limits` | how often somebody may try to log in |
//! | `auth`, `own_access`, `second_factor`, `driver_app`, `orders`, `rides`, `bookings`, `nearby`, `stats`, `operators`, `payments`, `push`, `health`, `documents`, `console` | the handlers |

pub mod asyncapi;
mod audited;
mod auth;
mod bookings;
mod client_address;
mod console;
pub mod description;
#[cfg(test)]
mod document_tests;
mod documents;
mod driver_app;
pub mod extract;
mod fields;
#[cfg(test)]
mod fuzz_tests;
mod health;
mod host;
pub mod import;
mod input;
mod log_in_limits;
mod middleware;
mod nearby;
pub mod openapi;
mod operators;
mod orders;
mod own_access;
mod payments;
pub mod problem;
mod push;
mod request;
pub mod request_id;
mod respond;
mod rides;
#[cfg(test)]
mod route_tests;
pub mod routes;
mod rules;
mod second_factor;
pub mod sockets;
mod stats;
pub mod traffic;

use crate::actors::matcher::{Choose, FreeDriver, MatcherHandle, Nearest};
use crate::actors::positions::Positions;
use crate::actors::presence::Presence;
use crate::actors::principals::Principals;
use crate::actors::push::PushHandle;
use crate::actors::reads::ReadLog;
use crate::actors::recorder::RecorderHandle;
use crate::actors::session::Reaper;
use crate::clock::SharedClock;
use crate::config::{Profile, Settings};
use crate::contracts::error_codes::ErrorCode;
use crate::domain::candidate::Considered;
use crate::domain::ids::{AccountId, CustomerId};
use crate::metrics::Metrics;
use crate::operations;
use crate::operations::passwords::Passwords;
use crate::operations::tokens::TokenKeys;
use crate::providers::payments::PaymentService;
use crate::rate_limit::{AccountLimits, Guesses, KeyedLimiter, Rate};
use crate::store::{Conn, Database, Probe, StoreError, Tx};
use actix_web::{HttpRequest, web};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use client_address::came_through_a_proxy;
pub use client_address::client_address;
pub use middleware::{around, cors};

use self::problem::Problem;
use self::traffic::Traffic;

/// The services and settings of handlers. Made once; every worker has the same.
pub struct Context {
    pub database: Database,
    /// How the database is.
    pub probe: Probe,
    pub clock: SharedClock,
    pub settings: Arc<Settings>,
    pub tokens: Arc<TokenKeys>,
    pub passwords: Passwords,
    pub limiters: Limiters,
    /// Of each account, the same for its sockets.
    pub account_limits: Arc<AccountLimits>,
    pub presence: Arc<Presence>,
    pub recorder: RecorderHandle,
    pub push: PushHandle,
    /// The payment service, if one is set up.
    pub payments: Option<Arc<dyn PaymentService>>,
    pub principals: Arc<Principals>,
    pub matcher: MatcherHandle,
    pub positions: Positions,
    /// The log of operators' reads.
    pub reads: ReadLog,
    /// Every socket there is.
    pub reaper: Reaper,
    pub metrics: Arc<Metrics>,
    pub prometheus: PrometheusHandle,
    /// The maker of simulated traffic, where there may be any.
    pub traffic: Option<Arc<dyn Traffic>>,
    /// The server is stopping: no new work is wanted.
    pub draining: Arc<AtomicBool>,
}

impl Context {
    /// The drivers who would be given an order, and those who would be passed over.
    async fn choose(&self, choose: Choose) -> Result<Vec<Considered>, Problem> {
        let gone = |_| Problem::new(ErrorCode::Unavailable, "The matcher is not running.");
        self.matcher.choose(choose).await.map_err(gone)
    }

    /// The nearest available drivers.
    async fn search(&self, search: Nearest) -> Result<Vec<FreeDriver>, Problem> {
        let gone = |_| Problem::new(ErrorCode::Unavailable, "The matcher is not running.");
        self.matcher.nearest(search).await.map_err(gone)
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnMut(&mut Conn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        Ok(self.database.read(query).await?)
    }

    /// A change. Where it is to be recorded, its row is written with it.
    async fn write<T: Send + 'static>(
        &self,
        mut operation: impl FnMut(&mut Tx<'_>) -> Result<T, operations::Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(call) = audited::change() else { return Ok(self.database.write(operation).await?) };
        let recorded = move |tx: &mut Tx<'_>| {
            let done = operation(tx)?;
            operations::audit::record(tx, &call)?;
            Ok::<_, operations::Error>(done)
        };
        let done = self.database.write(recorded).await?;
        audited::written();
        Ok(done)
    }
}

/// How often an account or an address may log in or connect.
pub struct Limiters {
    /// Whether there is such an account or not.
    pub guesses: Guesses<log_in_limits::LoginKey, IpAddr>,
    pub logins_by_address: KeyedLimiter<IpAddr>,
    pub handshakes_by_account: KeyedLimiter<AccountId>,
    pub handshakes_by_address: KeyedLimiter<IpAddr>,
    pub push_by_caller: KeyedLimiter<push::CallerKey>,
    /// Limit on notifications sent by hand.
    pub push_by_customer: KeyedLimiter<CustomerId>,
}

/// Keys of each limiter: some 10 MB at most, and more addresses than connect within a minute.
const LIMITER_KEYS_MAX: usize = 100_000;

impl Limiters {
    pub fn new(settings: &Settings) -> Self {
        let (limits, push) = (&settings.limits, &settings.notifications);
        let by = |count| Rate::per_minute(count);
        Self {
            push_by_caller: KeyedLimiter::new(by(push.calls_per_minute_per_caller), LIMITER_KEYS_MAX),
            push_by_customer: KeyedLimiter::new(by(push.sends_per_minute_per_customer), LIMITER_KEYS_MAX),
            guesses: Guesses::new(limits.logins_per_minute_per_account, LIMITER_KEYS_MAX),
            logins_by_address: KeyedLimiter::new(by(limits.logins_per_minute_per_address), LIMITER_KEYS_MAX),
            handshakes_by_account: KeyedLimiter::new(
                by(limits.handshakes_per_minute_per_account),
                LIMITER_KEYS_MAX,
            ),
            handshakes_by_address: KeyedLimiter::new(
                by(limits.handshakes_per_minute_per_address),
                LIMITER_KEYS_MAX,
            ),
        }
    }
}

/// The router, made from the table of [`routes`]. Wants `web::Data<Context>` with it, and [`around`] and [`cors`] around it;
/// `around` answers HEAD wherever there is GET.
pub fn configure(cfg: &mut web::ServiceConfig, settings: &Settings) {
    static DOCUMENTS: LazyLock<web::Data<documents::Documents>> =
        LazyLock::new(|| web::Data::new(documents::Documents::new(openapi::document, asyncapi::document)));
    cfg.app_data(web::PathConfig::default().error_handler(middleware::unreadable_path));
    cfg.app_data(web::Data::clone(&DOCUMENTS));
    routes::apps(cfg);
    routes::operators(cfg);
    if settings.profile == Profile::Development {
        routes::development(cfg);
    }
    if settings.listen.console {
        routes::console_pages(cfg);
    }
    cfg.default_service(web::to(middleware::unknown_route));
}

/// Where a request came from, as limits count it.
fn limited_address(ctx: &Context, req: &HttpRequest) -> IpAddr {
    crate::rate_limit::address_key(client_address(req, &ctx.settings.listen))
}
