//! The doors of the sockets: they decide who is let in, for each contract. The handshake completes before any 4xxx
//! close, because an app can't see a code on a refused one.

mod ride_matching;

pub(super) use ride_matching::ride;

use crate::actors::ride_access::RideAccess;
use crate::actors::session::client::{Client, ClientContext, Recipient};
use crate::actors::session::{self, Conversation, Reaper, TransportLimits, bearer_from_request};
use crate::api::Context;
use crate::api::fields::Fields;
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request};
use crate::api::routes;
use crate::api::rules::{self, Rule};
use crate::api::{audited, client_address};
use crate::contracts::Contract;
use crate::contracts::close_codes::CloseCode;
use crate::contracts::error_codes::ErrorCode;
use crate::domain::ids::{DriverId, EventId};
use crate::domain::whole;
use crate::operations::authentication::{self, Principal};
use crate::operations::tokens::{Use, VerifiedClaims};
use crate::rate_limit::{Census, Counted, Limit, RetryAfter, address_key};
use crate::store::Party;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Said to a request that is none.
const HANDSHAKE: &str = "This address wants a WebSocket handshake: a GET without a body, with Connection: Upgrade, \
    Upgrade: websocket, Sec-WebSocket-Version: 13 and a Sec-WebSocket-Key of 16 bytes in base64.";

/// When to try again if an address has reached its limit of open sockets: some of them will have been found dead by
/// then.
const STRANGERS_RETRY_AFTER: RetryAfter = RetryAfter::new(Duration::from_secs(10));

/// The state that the doors share.
pub struct Sockets {
    pub clients: Arc<ClientContext>,
    pub driver_limits: Arc<TransportLimits>,
    /// Of the ride apps, which need not send anything while they follow a ride.
    pub ride_limits: Arc<TransportLimits>,
    pub access: RideAccess,
    /// Sockets of those who have no account, or are refused, by where they come from.
    pub strangers: Census<IpAddr>,
    pub reaper: Reaper,
}

/// `GET /api/v1/ws/driver/{driver_id}?token=…&last_event_id=…`, the driver app's socket.
pub(super) async fn driver(
    req: HttpRequest,
    payload: web::Payload,
    path: web::Path<String>,
    query: Asked<SocketAsked>,
    context: web::Data<Context>,
    sockets: web::Data<Sockets>,
) -> Result<HttpResponse, actix_web::Error> {
    let door = Door { contract: Contract::DriverApp, req, context, sockets };
    let wanted = whole::of_text(&path).map(DriverId);
    let known = match door.known().await? {
        Some(known) if known.principal.driver == wanted => known,
        _ => return door.refuse_unknown(payload),
    };
    let Some(driver) = wanted else { return door.refuse_unknown(payload) };
    if !door.admits(&known.principal) {
        return door.refuse(payload, CloseCode::Policy, "too many handshakes");
    }
    let recipient = Recipient::new(&known.principal, known.claims);
    let clients = door.sockets.clients.clone();
    let client = Client::driver_app(driver, recipient, query.read()?.last_event_id, clients);
    door.open(payload, client, &door.sockets.driver_limits)
}

/// `GET /api/v1/ws/connect?token=…&last_event_id=…`, the hailing apps' socket: passengers, drivers, admins and dispatchers.
pub(super) async fn connect(
    req: HttpRequest,
    payload: web::Payload,
    query: Asked<SocketAsked>,
    context: web::Data<Context>,
    sockets: web::Data<Sockets>,
) -> Result<HttpResponse, actix_web::Error> {
    let door = Door { contract: Contract::RideHailing, req, context, sockets };
    let Some(known) = door.known().await? else {
        return door.refuse_unknown(payload);
    };
    if !door.admits(&known.principal) {
        return door.refuse(payload, CloseCode::Policy, "too many handshakes");
    }
    audited::begin(&door.req, &door.context, &known.principal)?;
    let clients = door.sockets.clients.clone();
    let client = Client::ride_hailing(known.principal, known.claims, query.read()?.last_event_id, clients);
    match client {
        Some(client) => door.open(payload, client, &door.sockets.ride_limits),
        None => door.refuse_unknown(payload),
    }
}

/// The common part of the doors of all contracts.
struct Door {
    contract: Contract,
    req: HttpRequest,
    context: web::Data<Context>,
    sockets: web::Data<Sockets>,
}

/// Somebody with a good token.
struct Authenticated {
    principal: Principal,
    claims: VerifiedClaims,
}

impl Door {
    /// The token's account, if it is valid. The address's limit is checked first, since this costs a read.
    async fn known(&self) -> Result<Option<Authenticated>, Problem> {
        let limiter = &self.context.limiters.handshakes_by_address;
        if let Err(wait) = limiter.check(address_key(self.address()), Instant::now()) {
            self.context.metrics.handshakes_limited.increment(1);
            return Err(Problem::limited(wait));
        }
        let Some(token) = bearer_from_request(&self.req) else { return Ok(None) };
        let claims = match self.context.tokens.verify(token.expose(), Use::Access, self.context.clock.now()) {
            Ok(claims) => claims,
            Err(reason) => {
                log::debug!("token refused reason=\"{reason}\"");
                return Ok(None);
            }
        };
        Party::Bearer(claims.sub).is_known();
        let asked = claims.clone();
        let principal = self.context.read(move |conn| authentication::principal(conn, &asked)).await?;
        // A role that has no part in this contract is as good as nobody.
        let admitted = principal.filter(|principal| routes::admits(&self.req, principal.role));
        Ok(admitted.map(|principal| {
            self.context.principals.note_use(&principal);
            Authenticated { principal, claims }
        }))
    }

    /// Whether the account does not connect too often.
    fn admits(&self, principal: &Principal) -> bool {
        let limiter = &self.context.limiters.handshakes_by_account;
        let admitted = limiter.check(principal.account, Instant::now()).is_ok();
        if !admitted {
            self.context.metrics.handshakes_limited.increment(1);
        }
        admitted
    }

    fn open(
        &self,
        payload: web::Payload,
        client: impl Conversation,
        limits: &Arc<TransportLimits>,
    ) -> Result<HttpResponse, actix_web::Error> {
        let answer = session::upgrade(&self.req, payload, client, limits, &self.sockets.reaper);
        self.answered(answer)
    }

    fn refuse_unknown(&self, payload: web::Payload) -> Result<HttpResponse, actix_web::Error> {
        self.context.metrics.sessions_refused.increment(1);
        let code = CloseCode::AuthenticationFailed;
        self.refuse(payload, code, code.reason())
    }

    /// Completes the handshake and closes at once.
    fn refuse(
        &self,
        payload: web::Payload,
        code: CloseCode,
        reason: &str,
    ) -> Result<HttpResponse, actix_web::Error> {
        let place = self.stranger_enters()?;
        log::info!("{} code={} reason=\"{reason}\"", self.refused(), code.number());
        let (limits, reaper) = (&self.sockets.driver_limits, &self.sockets.reaper);
        self.answered(session::refuse(&self.req, payload, code, reason, place, limits, reaper))
    }

    /// A place for the socket of somebody who has no account, or is refused, among those of their address.
    fn stranger_enters(&self) -> Result<Counted<IpAddr>, Problem> {
        self.sockets.strangers.enter(address_key(self.address())).ok_or_else(|| {
            Limit::SocketsOfAddress.exceeded();
            Problem::limited(STRANGERS_RETRY_AFTER)
        })
    }

    /// Turns bare statuses from sessions and the framework into the usual problems.
    fn answered(
        &self,
        answer: Result<HttpResponse, actix_web::Error>,
    ) -> Result<HttpResponse, actix_web::Error> {
        let status = match &answer {
            Ok(response) => response.status(),
            // The framework's errors have a status in their response alone.
            Err(error) => error.error_response().status(),
        };
        match status {
            StatusCode::BAD_REQUEST => Err(Problem::new(ErrorCode::BadRequest, HANDSHAKE).into()),
            StatusCode::SERVICE_UNAVAILABLE if self.sockets.reaper.is_draining() => {
                Err(Problem::stopping().into())
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                self.context.metrics.connections_limited.increment(1);
                log::warn!("{} reason=\"too many connections\"", self.refused());
                Err(Problem::full().into())
            }
            _ => answer,
        }
    }

    fn address(&self) -> IpAddr {
        client_address(&self.req, &self.context.settings.listen)
    }

    /// How the log begins to say that somebody was not let in.
    fn refused(&self) -> String {
        let mut line = format!("socket refused contract={} address={}", self.contract.name(), self.address());
        // One that is no id was answered with 404 before.
        if let Some(ride) = self.req.match_info().get("ride_id") {
            line.push_str(" ride=");
            line.push_str(ride);
        }
        line
    }
}

/// The parameters of a socket's address besides the path.
pub(super) struct SocketAsked {
    /// After which event the client goes on.
    last_event_id: Option<EventId>,
}

impl Request for SocketAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        // It may also be in a header: [`bearer_from_request`] reads it.
        fields.optional("token", rules::opaque());
        Some(Self { last_event_id: fields.optional("last_event_id", event_id()) })
    }
}

/// Anything but a number names no event of ours: the client is told that it can't resume from there.
fn event_id() -> impl Rule<EventId> {
    rules::rule(
        || json!({"type": "integer", "minimum": 0}),
        |value| Ok(EventId(value.as_str().and_then(whole::of_text).unwrap_or(-1))),
    )
}
