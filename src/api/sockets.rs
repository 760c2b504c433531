//! The doors of the sockets: who comes in, on which contract. The handshake completes before any 4xxx close, because an
//! app can't see a code on a refused one.

use crate::actors::session::client::{Client, ClientContext, Recipient};
use crate::actors::session::{self, Reaper, TransportLimits, bearer_from_request};
use crate::api::Context;
use crate::api::client_address;
use crate::api::input::Query;
use crate::api::problem::Problem;
use crate::contracts::close_codes::CloseCode;
use crate::domain::ids::{DriverId, EventId};
use crate::operations::authentication::{self, Principal};
use crate::operations::tokens::{Use, VerifiedClaims};
use crate::rate_limit::address_key;
use crate::store::StoreError;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

/// What the doors share.
pub struct Sockets {
    pub clients: Arc<ClientContext>,
    pub driver_limits: Arc<TransportLimits>,
    pub reaper: Reaper,
}

pub fn configure(routes: &mut web::ServiceConfig) {
    routes.route("/api/v1/ws/driver/{driver_id}", web::get().to(driver));
}

/// `GET /api/v1/ws/driver/{driver_id}?token=…&last_event_id=…`, the driver app's socket.
async fn driver(
    req: HttpRequest,
    payload: web::Payload,
    path: web::Path<String>,
    query: Query,
    context: web::Data<Context>,
    sockets: web::Data<Sockets>,
) -> Result<HttpResponse, actix_web::Error> {
    let address = client_address(&req, &context.settings.listen.trusted_proxies);
    if let Err(wait) = context.limiters.handshakes_by_address.check(address_key(address), Instant::now()) {
        context.metrics.handshakes_limited.increment(1);
        return Err(Problem::limited(wait).into());
    }
    let wanted = path.parse().map(DriverId);
    let (principal, claims) = match caller(&req, &context).await.map_err(Problem::from)? {
        Some((principal, claims)) if wanted.is_ok() && principal.driver == wanted.ok() => (principal, claims),
        _ => {
            context.metrics.sessions_refused.increment(1);
            log::info!("socket refused contract=driver_app address={address} code=4001");
            return refuse(&req, payload, CloseCode::AuthenticationFailed, &sockets);
        }
    };
    let Some(driver) = principal.driver else {
        return refuse(&req, payload, CloseCode::AuthenticationFailed, &sockets);
    };
    if context.limiters.handshakes_by_account.check(principal.account, Instant::now()).is_err() {
        context.metrics.handshakes_limited.increment(1);
        log::warn!("socket refused contract=driver_app driver={driver} code=1008 handshakes=too many");
        return refuse(&req, payload, CloseCode::Policy, &sockets);
    }
    let last_event_id = query.0.get("last_event_id").and_then(Value::as_str).map(last_event_id);
    let recipient = Recipient::new(&principal, claims);
    let client = Client::driver_app(driver, recipient, last_event_id, sockets.clients.clone());
    let response = session::upgrade(&req, payload, client, &sockets.driver_limits, &sockets.reaper)?;
    if response.status() == StatusCode::SERVICE_UNAVAILABLE && !sockets.reaper.is_draining() {
        context.metrics.connections_limited.increment(1);
        log::warn!("socket refused contract=driver_app driver={driver} connections=too many");
    }
    Ok(response)
}

/// Who the token is, if anybody.
async fn caller(
    req: &HttpRequest,
    context: &Context,
) -> Result<Option<(Principal, VerifiedClaims)>, StoreError> {
    let Some(token) = bearer_from_request(req) else { return Ok(None) };
    let claims = match context.tokens.verify(token.expose(), Use::Access, context.clock.now()) {
        Ok(claims) => claims,
        Err(reason) => {
            log::debug!("token refused reason={reason}");
            return Ok(None);
        }
    };
    let asked = claims.clone();
    let principal = context.database.read(move |conn| authentication::principal(conn, &asked)).await?;
    Ok(principal.map(|principal| (principal, claims)))
}

/// What is no number names no event of ours: the client is told that it can't resume from there.
fn last_event_id(text: &str) -> EventId {
    EventId(text.parse().unwrap_or(-1))
}

fn refuse(
    req: &HttpRequest,
    payload: web::Payload,
    code: CloseCode,
    sockets: &Sockets,
) -> Result<HttpResponse, actix_web::Error> {
    session::refuse(req, payload, code, code.reason(), &sockets.driver_limits, &sockets.reaper)
}
