//! REST: routes, extractors, error bodies, the console. A handler reads its input into types that can't be wrong, calls one
//! operation or one read on the database's threads, and answers; nothing is decided here.
//!
//! | file | owns |
//! | --- | --- |
//! | `extract` | who asks |
//! | `client_address` | from where |
//! | `input` | body, query, `Idempotency-Key` |
//! | `fields`, `rules` | reading fields, all that is wrong at once |
//! | `answer` | decisions under a key, pages, JSON |
//! | `problem` | what a refused request is answered with |
//! | `around` | what is the same for every request: the log line, CORS, what the framework refuses |
//! | `request_id` | by what a request is found in the log |
//! | `sockets` | the doors of the sockets |
//! | `auth`, `driver_app`, `orders`, `rides`, `bookings`, `nearby`, `stats`, `operators`, `payments`, `push`, `health`, `console` | the handlers |

mod answer;
mod around;
mod auth;
mod bookings;
mod client_address;
mod console;
mod driver_app;
pub mod extract;
mod fields;
mod health;
pub mod import;
mod input;
mod nearby;
mod operators;
mod orders;
mod payments;
mod principals;
pub mod problem;
mod push;
pub mod request_id;
mod rides;
#[cfg(test)]
mod route_tests;
mod rules;
pub mod sockets;
mod stats;

use crate::actors::matcher::{Candidate, MatcherHandle, Nearest};
use crate::actors::positions::Positions;
use crate::actors::push::PushHandle;
use crate::actors::recorder::RecorderHandle;
use crate::actors::registry::Registry;
use crate::actors::session::Reaper;
use crate::clock::SharedClock;
use crate::config::{Profile, Settings};
use crate::contracts::error_codes::ErrorCode;
use crate::domain::currency::Currency;
use crate::domain::ids::{AccountId, CustomerId, DriverId};
use crate::domain::position::Position;
use crate::metrics::Metrics;
use crate::operations;
use crate::operations::passwords::Passwords;
use crate::operations::tokens::TokenKeys;
use crate::providers::payments::PaymentService;
use crate::rate_limit::{KeyedLimiter, Rate};
use crate::store::{Conn, Database, Probe, StoreError, Tx};
use actix_web::{HttpRequest, Resource, web};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use around::{around, cors};
use client_address::came_through_a_proxy;
pub use client_address::client_address;

use self::problem::Problem;
pub use principals::Principals;

use operators::{customers, demo, drivers, traces};

/// What handlers work with. Made once; every worker has the same.
pub struct Context {
    pub database: Database,
    /// How the database is.
    pub probe: Probe,
    pub clock: SharedClock,
    pub settings: Arc<Settings>,
    pub tokens: Arc<TokenKeys>,
    pub passwords: Passwords,
    pub limiters: Limiters,
    pub registry: Arc<Registry>,
    pub recorder: RecorderHandle,
    pub push: PushHandle,
    /// Who tells of payments, if anybody does.
    pub payments: Option<Arc<dyn PaymentService>>,
    pub principals: Arc<Principals>,
    pub matcher: MatcherHandle,
    pub positions: Positions,
    /// Every socket there is.
    pub reaper: Reaper,
    pub metrics: Arc<Metrics>,
    pub prometheus: PrometheusHandle,
    /// The server is stopping: no new work is wanted.
    pub draining: Arc<AtomicBool>,
}

impl Context {
    /// The nearest available drivers, of any vehicle.
    async fn nearest(
        &self,
        at: Position,
        radius_m: f64,
        count: usize,
        except: Vec<DriverId>,
    ) -> Result<Vec<Candidate>, Problem> {
        self.search(Nearest { at, radius_m, count, vehicle_type: None, except }).await
    }

    async fn search(&self, search: Nearest) -> Result<Vec<Candidate>, Problem> {
        let gone = |_| Problem::new(ErrorCode::Unavailable, "The matcher is not there.");
        self.matcher.matcher.send(search).await.map_err(gone)
    }

    fn currency(&self) -> Currency {
        self.settings.region.currency
    }

    fn deliveries_max(&self) -> i64 {
        self.settings.deliveries_max()
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnMut(&mut Conn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        Ok(self.database.read(query).await?)
    }

    async fn write<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, operations::Error> + Send + 'static,
    ) -> Result<T, Problem> {
        Ok(self.database.write(operation).await?)
    }
}

/// How often an account or an address may log in or connect.
pub struct Limiters {
    /// Whether there is such an account or not. Only wrong passwords count.
    pub logins_by_account: KeyedLimiter<auth::LoginKey>,
    pub logins_by_address: KeyedLimiter<IpAddr>,
    pub handshakes_by_account: KeyedLimiter<AccountId>,
    pub handshakes_by_address: KeyedLimiter<IpAddr>,
    pub push_by_caller: KeyedLimiter<push::CallerKey>,
    /// What is sent by hand.
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
            logins_by_account: KeyedLimiter::new(by(limits.logins_per_minute_per_account), LIMITER_KEYS_MAX),
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

/// Every route. Wants `web::Data<Context>` beside it, and [`around`] and [`cors`] around it; `around` answers HEAD wherever
/// there is GET.
#[rustfmt::skip]
pub fn configure(cfg: &mut web::ServiceConfig, settings: &Settings) {
    cfg.app_data(web::PathConfig::default().error_handler(around::unreadable_path));

    cfg.service(at("/api/v1/auth/login").post(auth::login));
    cfg.service(at("/api/v1/auth/refresh").post(auth::refresh));
    cfg.service(at("/api/v1/auth/logout").post(auth::logout));
    cfg.service(at("/api/v1/auth/register").post(auth::register));

    sockets::configure(cfg);

    cfg.service(at("/api/v1/ws/stats").get(stats::stats));

    cfg.service(at("/api/v1/driver/profile").get(driver_app::profile));
    cfg.service(at("/api/v1/driver/status").put(driver_app::set_status));
    cfg.service(at("/api/v1/orders/assigned").get(driver_app::assigned_orders));
    cfg.service(at("/api/v1/orders/mine").get(orders::list));
    // After those that are names where it has a number.
    cfg.service(at("/api/v1/orders/{id}").get(orders::show));
    cfg.service(at("/api/v1/orders/{id}/cancel").post(orders::cancel));
    cfg.service(at("/api/v1/orders/{id}/status").put(driver_app::set_order_status));
    cfg.service(at("/api/v1/earnings/today").get(driver_app::earnings_today));
    cfg.service(at("/api/v1/earnings/history").get(driver_app::earnings_history));

    cfg.service(at("/api/v1/drivers/nearby").get(nearby::nearby));

    cfg.service(at("/api/v1/driver/location").put(rides::set_location));
    cfg.service(at("/api/v1/rides").get(rides::list).post(rides::create));
    cfg.service(at("/api/v1/rides/{ride_id}").get(rides::show));
    cfg.service(at("/api/v1/rides/{ride_id}/accept").post(rides::accept));
    cfg.service(at("/api/v1/rides/{ride_id}/decline").post(rides::decline));
    cfg.service(at("/api/v1/rides/{ride_id}/arrive").post(rides::arrive));
    cfg.service(at("/api/v1/rides/{ride_id}/start").post(rides::start));
    cfg.service(at("/api/v1/rides/{ride_id}/complete").post(rides::complete));
    cfg.service(at("/api/v1/rides/{ride_id}/cancel").post(rides::cancel));
    cfg.service(at("/api/v1/rides/{ride_id}/rate").post(rides::rate));

    cfg.service(at("/api/v1/bookings").get(bookings::list).post(bookings::create));
    cfg.service(at("/api/v1/bookings/{id}").get(bookings::show));
    cfg.service(at("/api/v1/bookings/{id}/technician").put(bookings::assign));
    cfg.service(at("/api/v1/bookings/{id}/status").put(bookings::set_status));
    cfg.service(at("/api/v1/bookings/{id}/cancel").post(bookings::cancel));

    cfg.service(at("/api/v1/payments/webhook").post(payments::webhook));

    operators(cfg);
    if settings.profile == Profile::Development {
        cfg.service(at("/api/v1/admin/demo/restore").post(demo::restore));
    }

    cfg.service(at("/api/Push/register").post(push::register));
    cfg.service(at("/api/Push/sendToCustomer").post(push::send));
    cfg.service(at("/api/Push/test").post(push::test));
    cfg.service(at("/api/Push/preferences").get(push::preferences).put(push::set_preferences));
    cfg.service(at("/api/Push/history").get(push::history));
    cfg.service(at("/api/Push/opened").post(push::opened));
    cfg.service(at("/api/Push/stats").get(push::stats));
    cfg.service(at("/api/Push/devices").get(push::devices));

    cfg.service(at("/healthz").get(health::alive));
    cfg.service(at("/readyz").get(health::ready));
    cfg.service(at("/metrics").get(health::metrics));

    if settings.listen.console {
        cfg.service(at("/").get(console::index));
        cfg.service(at("/console/config.json").get(console::config));
        cfg.service(at("/console/{path:.*}").get(console::asset));
    }
    cfg.default_service(web::to(around::unknown_route));
}

/// Everything under `admin`.
#[rustfmt::skip]
fn operators(cfg: &mut web::ServiceConfig) {
    cfg.service(at("/api/v1/admin/bookings").get(bookings::list_all));
    cfg.service(at("/api/v1/admin/rides").get(rides::list_all));
    cfg.service(at("/api/v1/admin/drivers").get(drivers::list).post(drivers::create));
    cfg.service(at("/api/v1/admin/drivers/{id}").get(drivers::show).patch(drivers::change));
    cfg.service(at("/api/v1/admin/drivers/{id}/locations").get(drivers::locations));
    cfg.service(at("/api/v1/admin/drivers/{id}/why").get(traces::why));
    cfg.service(at("/api/v1/admin/jobs/{id}/trace").get(traces::trace));
    cfg.service(at("/api/v1/admin/jobs/{id}/payment").get(payments::show).patch(payments::change));
    cfg.service(at("/api/v1/admin/customers").get(customers::list).post(customers::create));
    cfg.service(at("/api/v1/admin/customers/{id}").get(customers::show).patch(customers::change));
    cfg.service(at("/api/v1/admin/orders").get(operators::orders::list).post(operators::orders::create));
    // Before the orders by id: it is a name where those have a number.
    cfg.service(at("/api/v1/admin/orders/batches").post(operators::orders::assign_batch));
    cfg.service(at("/api/v1/admin/orders/{id}").get(operators::orders::show));
    cfg.service(at("/api/v1/admin/orders/{id}/assign").post(operators::orders::assign));
    cfg.service(at("/api/v1/admin/orders/{id}/auto-assign").post(operators::orders::auto_assign));
    cfg.service(at("/api/v1/admin/orders/{id}/unassign").post(operators::orders::unassign));
    cfg.service(at("/api/v1/admin/orders/{id}/cancel").post(operators::orders::cancel));
}

fn at(path: &'static str) -> Resource {
    web::resource(path)
}

/// Where a request came from, as limits count it.
fn limited_address(ctx: &Context, req: &HttpRequest) -> IpAddr {
    crate::rate_limit::address_key(client_address(req, &ctx.settings.listen))
}
