//! The conversation on a client's socket: commands in, events out. It is the same for all contracts; each contract's
//! differences are its [`Part`]. Its decisions are in `domain::delivery` and in the contract.
//!
//! | file | owns |
//! | --- | --- |
//! | `asking` | how much an account may ask for |
//! | `delivering` | delivery, the same for all |
//! | `part` | what a contract's part is asked, and may want done |
//! | `driver_app`, `ride_hailing`, `ride_matching` | the contract's part |
//! | `riding` | what is said of a ride on more than one contract's socket |
//! | `search_limits` | how often the matching app may ask |

mod asking;
mod delivering;
mod driver_app;
mod part;
mod ride_hailing;
mod ride_matching;
mod riding;
mod search_limits;

pub use ride_matching::Arrival;
pub use search_limits::SearchLimits;

use crate::actors::dispatcher::{Deregister, Dispatcher, Renewed};
use crate::actors::matcher::MatcherHandle;
use crate::actors::positions::Positions;
use crate::actors::recorder::RecorderHandle;
use crate::actors::room::Rooms;
use crate::actors::session::{Conversation, Ended, Link, Sent, ToClient};
use crate::clock::SharedClock;
use crate::contracts::close_codes::CloseCode;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::{BadMessage, Inbound, Reading};
use crate::domain::delivery::{Delivery, Standing};
use crate::domain::ids::{AccountId, EventId};
use crate::domain::offer_detail::OfferDetail;
use crate::domain::ride::RideId;
use crate::metrics::Metrics;
use crate::operations;
use crate::operations::authentication::{self, Principal};
use crate::operations::guests::Passenger;
use crate::operations::rides::{self, Viewer};
use crate::operations::tokens::{TokenKeys, Use, VerifiedClaims};
use crate::presenters::{self, Sight};
use crate::rate_limit::AccountLimits;
use crate::store::{Chain, Conn, Database, StoreError, standing};
use actix::Addr;
use bytestring::ByteString;
use chrono::{DateTime, TimeDelta, Utc};
use delivering::Past;
use part::{Opened, Part};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A socket is told so often at most of what can't be read of its positions.
const ADJUSTED_EVERY: Duration = Duration::from_secs(60);

/// The services and settings that all clients share.
pub struct ClientContext {
    pub database: Database,
    pub dispatcher: Addr<Dispatcher>,
    pub recorder: RecorderHandle,
    pub matcher: MatcherHandle,
    pub rooms: Rooms,
    pub positions: Positions,
    pub clock: SharedClock,
    pub tokens: Arc<TokenKeys>,
    pub metrics: Arc<Metrics>,
    /// Shown of a ride that is only offered.
    pub offer_detail: OfferDetail,
    /// Whether the final fare is made of the way that was driven.
    pub fare_is_of_the_track: bool,
    /// At most this many of the newest unconfirmed events are replayed …
    pub replay_events_max: u32,
    /// … that are not older than this.
    pub replay_age_max: TimeDelta,
    /// Rides that one connection may follow.
    pub rides_joined_max: usize,
    pub search_limits: SearchLimits,
    pub account_limits: Arc<AccountLimits>,
    /// Sockets of a driver or customer.
    pub sockets_max: usize,
}

impl ClientContext {
    /// How one sees rides now.
    fn sight(&self, viewer: Viewer) -> Sight {
        Sight { viewer, at: Some(self.clock.now()), detail: self.offer_detail }
    }

    /// The state of an account's events. Marks must have been flushed.
    fn standing(
        &self,
        conn: &mut Conn<'_>,
        account: AccountId,
        now: DateTime<Utc>,
    ) -> Result<Standing, StoreError> {
        standing(conn, account, now, self.replay_events_max, self.replay_age_max)
    }

    /// The same, and then what goes on with the ride whose socket it is.
    fn look(
        &self,
        conn: &mut Conn<'_>,
        account: AccountId,
        of_ride: Option<&(RideId, Passenger)>,
        now: DateTime<Utc>,
    ) -> Result<Opened, StoreError> {
        let standing = self.standing(conn, account, now)?;
        let under_way = match of_ride {
            Some((ride, passenger)) => rides::under_way(conn, ride, *passenger)?,
            None => None,
        };
        Ok(Opened { standing, under_way })
    }
}

/// The account whose events a conversation delivers.
#[derive(Clone, Debug)]
pub struct Recipient {
    pub account: AccountId,
    /// The token's claims; `None` for a guest, who has no token.
    pub claims: Option<VerifiedClaims>,
}

impl Recipient {
    pub fn new(principal: &Principal, claims: VerifiedClaims) -> Self {
        Self { account: principal.account, claims: Some(claims) }
    }
}

/// The same without the token, which the registry keeps.
#[derive(Clone, Copy, Debug)]
struct Owner {
    account: AccountId,
    /// A guest has none.
    has_token: bool,
}

impl Owner {
    fn of(recipient: &Recipient) -> Self {
        Self { account: recipient.account, has_token: recipient.claims.is_some() }
    }
}

/// As the log names it: the driver where there is one, and the ride whose socket it is.
impl<P: Part> fmt::Display for Client<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.part.driver(), self.owner) {
            (Some(driver), _) => write!(f, "driver={driver}")?,
            (None, Some(owner)) => write!(f, "account={}", owner.account)?,
            (None, None) => f.write_str("account=none")?,
        }
        write!(f, " session={}", self.session)?;
        self.part.ride().map_or(Ok(()), |ride| write!(f, " ride={ride}"))
    }
}

/// One conversation, with the part of its contract.
pub struct Client<P> {
    // identity
    session: Uuid,
    part: P,
    /// `None` while it is not known whose the conversation is.
    owner: Option<Owner>,
    /// The same with their token, until the session is registered.
    recipient: Option<Box<Recipient>>,
    // state
    last_event_id: Option<EventId>,
    delivery: Delivery,
    /// When it was last said that a position could not be read as a whole.
    adjusted_at: Option<Instant>,
    // peers
    context: Arc<ClientContext>,
}

impl<P: Part> Client<P> {
    /// `last_event_id` is what the client named at the door.
    fn new(
        part: P,
        recipient: Option<Recipient>,
        last_event_id: Option<EventId>,
        context: Arc<ClientContext>,
    ) -> Self {
        Self {
            session: Uuid::nil(),
            delivery: part.delivery(),
            part,
            owner: recipient.as_ref().map(Owner::of),
            recipient: recipient.map(Box::new),
            last_event_id,
            adjusted_at: None,
            context,
        }
    }
}

impl<P: Part> Conversation for Client<P> {
    type Message = ToClient;

    fn opened(&mut self, link: &mut Link<'_, Self>) {
        self.session = link.session_id();
        log::info!("session opened contract={} {self}", P::CONTRACT.name());
        if let Some(party) = self.part.party() {
            link.act_for(party);
        }
        let first = self.part.opened(link.handle());
        self.put_out(first, link);
        match self.recipient.take() {
            Some(recipient) => self.enter(*recipient, Past::Kept, link),
            None => self.look_for_owner(link),
        }
    }

    fn text(&mut self, text: &str, link: &mut Link<'_, Self>) {
        let now = self.context.clock.now();
        let inbound = match P::CONTRACT.parse(text, now) {
            Ok(inbound) => inbound,
            Err(bad) => {
                self.refuse(&bad, link);
                return link.bad_message();
            }
        };
        if let Err(wait) = self.within_limits(&inbound) {
            return self.too_often(wait, link);
        }
        match inbound {
            Inbound::Position(reading) => self.position(&reading, now, link),
            Inbound::Ping { timestamp } => {
                let pong = P::CONTRACT.pong(timestamp.as_ref(), self.context.clock.now());
                self.send(pong, link);
            }
            Inbound::Ack(id) => {
                let steps = self.delivery.acked(id);
                self.carry_out(steps, None, link);
            }
            Inbound::Resume(last) => self.resume(last, link),
            Inbound::Authenticate(token) => self.authenticate(token, link),
            other => self.said(other, link),
        }
    }

    fn pong(&mut self, payload: &[u8], link: &mut Link<'_, Self>) {
        let steps = self.delivery.ponged(payload);
        self.carry_out(steps, None, link);
    }

    fn message(&mut self, message: ToClient, link: &mut Link<'_, Self>) {
        match message {
            ToClient::Event(event, text) => {
                let prepared = Some((event.id, text));
                let steps = self.delivery.published(*event);
                self.carry_out(steps, prepared, link);
            }
            ToClient::HeardOf(newest) => {
                let steps = self.delivery.heard_of(newest);
                self.carry_out(steps, None, link);
            }
            ToClient::Text(text) => self.send(text, link),
            ToClient::SentAway(ride, membership) => {
                let left = self.part.sent_away(&ride, membership, self.context.clock.now());
                self.put_out(left, link);
            }
            ToClient::Bound(guest) => self.bound(guest, Past::None, link),
        }
    }

    fn closed(&mut self, ended: Ended) {
        log::info!("session closed {self} {ended}");
        if let Some(owner) = self.owner {
            let gone = Deregister { account: owner.account, session: self.session, ended };
            self.context.dispatcher.do_send(gone);
        }
    }
}

impl<P: Part> Client<P> {
    /// The ride may have become somebody's since the door looked, by another of its sockets. From now on that one tells us, so we
    /// hear of it one way or the other.
    fn look_for_owner(&mut self, link: &mut Link<'_, Self>) {
        link.wait(self.part.owner(&self.context), |client, found, link| match found {
            Ok(Some(owner)) => client.bound(owner, Past::Kept, link),
            Ok(None) => {
                // The history that the app remembers is gone.
                if let Some(last) = client.last_event_id.take() {
                    client.resume(last, link);
                }
            }
            Err(error) => client.give_up(&error.into(), link),
        });
    }

    /// The ride is this passenger's, and so is the conversation.
    fn bound(&mut self, passenger: Passenger, past: Past, link: &mut Link<'_, Self>) {
        if self.owner.is_some() {
            return;
        }
        self.part.bound(passenger);
        self.enter(Recipient { account: passenger.account, claims: None }, past, link);
    }

    /// A message that not every contract has.
    fn said(&mut self, inbound: Inbound, link: &mut Link<'_, Self>) {
        if let Some(inbound) = riding::said(self, inbound, link) {
            P::said(self, inbound, link);
        }
    }

    /// Contracts read only messages that they have, so this does not happen; if it did, the client would be told.
    fn misplaced(&mut self, link: &mut Link<'_, Self>) {
        log::error!("message that the contract does not have contract={} {self}", P::CONTRACT.name());
        let bad = BadMessage::new(ErrorCode::UnknownType, "this contract has no such message");
        self.refuse(&bad, link);
    }
}

/// The same for all.
impl<P: Part> Client<P> {
    /// `now` is the time of day that it was read by.
    fn position(&mut self, reading: &Reading, now: DateTime<Utc>, link: &mut Link<'_, Self>) {
        let fix = &reading.fix;
        let Some(driver) = self.part.driver() else {
            let bad = BadMessage::new(ErrorCode::Forbidden, "only a driver can send positions here");
            return self.refuse(&bad, link);
        };
        if self.context.positions.tell(driver, fix, now).is_err() {
            let bad =
                BadMessage::new(ErrorCode::Busy, "the position was not accepted; send the next one as usual");
            self.refuse(&bad, link);
        } else if let Some(adjusted) = reading.adjusted() {
            self.say_adjusted(&adjusted, link);
        }
    }

    /// An app that writes a field wrongly does so in each position, and once in a while is enough to find it.
    fn say_adjusted(&mut self, adjusted: &BadMessage, link: &mut Link<'_, Self>) {
        let now = Instant::now();
        if self.adjusted_at.is_none_or(|said_at| now - said_at >= ADJUSTED_EVERY) {
            self.adjusted_at = Some(now);
            let error = P::CONTRACT.error(adjusted, self.context.clock.now());
            self.send(error, link);
        }
    }

    /// A fresh token keeps the session open; an invalid one changes nothing. A client that came without a token has no
    /// use for one.
    fn authenticate(&mut self, token: String, link: &mut Link<'_, Self>) {
        let context = self.context.clone();
        let checking = async move {
            let Ok(claims) = context.tokens.verify(&token, Use::Access, context.clock.now()) else {
                return Ok(None);
            };
            let asked = claims.clone();
            let principal =
                context.database.read(move |conn| authentication::principal(conn, &asked)).await?;
            Ok(principal.map(|principal| (principal.account, claims)))
        };
        let renewable = self.owner.filter(|owner| owner.has_token).map(|owner| owner.account);
        link.spawn(checking, move |client, outcome: Result<_, StoreError>, link| match outcome {
            Ok(Some((account, claims))) if Some(account) == renewable => {
                let expires_at = claims.expires_at;
                let renewed = Renewed { account, session: client.session, claims };
                client.context.dispatcher.do_send(renewed);
                let authenticated = P::CONTRACT.authenticated(expires_at, client.context.clock.now());
                client.send(authenticated, link);
            }
            Ok(_) => {
                let bad = BadMessage::new(ErrorCode::Unauthorized, "the token is not valid here");
                client.refuse(&bad, link);
            }
            Err(error) => {
                log::warn!("token not checked {client}: {}", Chain(&error));
                let bad =
                    BadMessage::new(ErrorCode::Unavailable, "the token can't be checked now; send it again");
                client.refuse(&bad, link);
            }
        });
    }

    fn refuse(&mut self, bad: &BadMessage, link: &mut Link<'_, Self>) {
        self.context.metrics.messages_refused.increment(1);
        log::debug!("message refused {self} code={}", bad.code.as_str());
        let error = P::CONTRACT.error(bad, self.context.clock.now());
        self.send(error, link);
    }

    /// An operation was refused, or could not be carried out now.
    fn not_done(&mut self, error: &operations::Error, link: &mut Link<'_, Self>) {
        let bad = match error {
            operations::Error::Refused(refusal) => presenters::refusal(*refusal),
            operations::Error::Store(error) => {
                log::warn!("message put off {self}: {}", Chain(error));
                BadMessage::new(ErrorCode::Unavailable, "the server can't do it right now; send it again")
            }
        };
        self.refuse(&bad, link);
    }

    fn send(&mut self, text: impl Into<ByteString>, link: &mut Link<'_, Self>) {
        match link.send_text(text.into()) {
            // Events that were not sent are unconfirmed, and are replayed on the next connection.
            Sent::Queued | Sent::Shed | Sent::Overflowed | Sent::Gone => {}
        }
    }

    /// The client's missed events can't be read now; it reconnects and tries again.
    fn give_up(&mut self, error: &operations::Error, link: &mut Link<'_, Self>) {
        log::warn!("session given up {self}: {}", Chain(error));
        link.close(CloseCode::GoingAway, "temporarily unavailable");
    }
}

#[cfg(test)]
mod walk_tests;
