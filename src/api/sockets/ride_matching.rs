//! The door of the matching sockets: one for each ride, under an id that the app chose, with a token or without.

use super::{Authenticated, Door, SocketAsked, Sockets};
use crate::actors::ride_access::RideGuard;
use crate::actors::session::bearer_from_request;
use crate::actors::session::client::{Arrival, Client, Recipient};
use crate::api::Context;
use crate::api::fields::Fields;
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request};
use crate::api::rules;
use crate::contracts::Contract;
use crate::contracts::close_codes::CloseCode;
use crate::contracts::error_codes::ErrorCode;
use crate::domain::ride::RideId;
use crate::domain::ride_book::{Applicant, NotAdmitted, RideKey, RideOwner};
use crate::operations::guests::{self, Passenger};
use crate::rate_limit::address_key;
use actix_web::{HttpRequest, HttpResponse, web};

/// The parameters of the socket's address besides the path.
pub struct RideSocketAsked {
    socket: SocketAsked,
    /// Of an earlier connection of somebody without an account.
    ride_key: Option<String>,
}

impl Request for RideSocketAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let socket = SocketAsked::read(fields)?;
        let ride_key = fields.optional("ride_key", rules::opaque()).filter(|key| !key.is_empty());
        Some(Self { socket, ride_key })
    }
}

/// `GET /ws/ride/{ride_id}/?ride_key=…&last_event_id=…`, with `token=…` where the passenger has an account.
pub async fn ride(
    req: HttpRequest,
    payload: web::Payload,
    path: web::Path<String>,
    query: Asked<RideSocketAsked>,
    context: web::Data<Context>,
    sockets: web::Data<Sockets>,
) -> Result<HttpResponse, actix_web::Error> {
    let RideSocketAsked { socket, ride_key } = query.read()?;
    let ride = RideId::new(path.into_inner()).map_err(|_| Problem::not_found("ride"))?;
    let has_token = bearer_from_request(&req).is_some();
    let door = Door { contract: Contract::RideMatching, req, context, sockets };
    let known = door.known().await?;
    let account = match known {
        Some(Authenticated { principal, claims }) => {
            let Some(customer) = principal.customer else {
                // Drivers and operators follow rides over their own sockets.
                return door.refuse_unknown(payload);
            };
            if !door.admits(&principal) {
                return door.refuse(payload, CloseCode::Policy, "too many handshakes");
            }
            let passenger = Passenger { customer, account: principal.account };
            Some((passenger, Recipient::new(&principal, claims)))
        }
        None if has_token || !door.context.settings.anonymous_rides.allowed => {
            return door.refuse_unknown(payload);
        }
        None => None,
    };
    let place = match &account {
        Some(_) => None,
        None => Some(door.stranger_enters()?),
    };
    let applicant = match &account {
        Some((passenger, _)) => Applicant::Account(passenger.account),
        None => door.stranger(ride_key),
    };
    let Some((guard, guest)) = door.enter_ride(&ride, &applicant).await? else {
        drop(place);
        return door.refuse_unknown(payload);
    };
    let guest = guest.map(|guest| (guest, Recipient { account: guest.account, claims: None }));
    let arrival = Arrival {
        ride,
        address: address_key(door.address()),
        place,
        guard,
        passenger: account.or(guest),
        last_event_id: socket.last_event_id,
    };
    let client = Client::ride_matching(arrival, door.sockets.clients.clone());
    door.open(payload, client, &door.sockets.ride_limits)
}

impl Door {
    /// Somebody without an account, with the key of an earlier connection or without.
    fn stranger(&self, key: Option<String>) -> Applicant {
        Applicant::Anonymous {
            key: key.map(|key| guests::key(&self.context.tokens, key)),
            address: address_key(self.address()),
        }
    }

    /// A place in the book, and the guest whose ride it is if it is one's already; `None` where the ride is somebody else's.
    async fn enter_ride(
        &self,
        ride: &RideId,
        applicant: &Applicant,
    ) -> Result<Option<(RideGuard, Option<Passenger>)>, Problem> {
        let asked = ride.clone();
        let found = self.context.read(move |conn| guests::claim(conn, &asked)).await?;
        let (passenger, claim) = found.unzip();
        let guest = passenger.filter(|_| matches!(claim, Some(RideOwner::Guest { .. })));
        let access = &self.sockets.access;
        let mut entered = access.enter(ride.clone(), applicant, claim.clone(), self.new_key()?);
        if matches!(entered, Err(NotAdmitted::Occupied)) && access.give_up_the_silent(ride).await {
            entered = access.enter(ride.clone(), applicant, claim, self.new_key()?);
        }
        let guard = match entered {
            Ok(guard) => guard,
            Err(NotAdmitted::Stranger | NotAdmitted::Occupied) => return Ok(None),
            Err(NotAdmitted::Full) => {
                log::warn!("{} rides held=too many", self.refused());
                return Err(Problem::new(
                    ErrorCode::Unavailable,
                    "The server holds too many rides. Try again in a few seconds.",
                ));
            }
        };
        if let (true, Some(guest), Some(key)) = (guard.is_key_new, guest, &guard.key) {
            // A client that is given a key may rely on it.
            let hash = key.hash.clone();
            self.context.write(move |tx| Ok(guests::keep_key(tx, guest.account, &hash)?)).await?;
        }
        Ok(Some((guard, guest)))
    }

    fn new_key(&self) -> Result<RideKey, Problem> {
        guests::new_key(&self.context.tokens).map_err(|error| {
            log::error!("the system has no randomness for a ride's key: {error}");
            Problem::new(ErrorCode::Unavailable, "The ride's key can't be made right now. Try again.")
        })
    }
}
