//! What is said on a client's socket: commands in, events out. One kind of conversation for all contracts, so that the
//! registry holds one kind of handle; what differs by contract is its [`Part`]. Everything it decides by itself is in
//! `domain::delivery` and in the contract.
//!
//! | file | owns |
//! | --- | --- |
//! | `asking` | how much an account may ask for |
//! | `delivering` | delivery, the same for all |
//! | `driver_app`, `ride_hailing`, `ride_matching` | the contract's part |
//! | `riding` | what is said of a ride on more than one contract's socket |
//! | `search_limits` | how often the matching app may ask |

mod asking;
mod delivering;
mod driver_app;
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
use crate::actors::words::{self, Sight};
use crate::clock::SharedClock;
use crate::contracts::close_codes::CloseCode;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::ride_matching::is_of;
use crate::contracts::{BadMessage, Contract, Inbound, Reading};
use crate::domain::delivery::{Delivery, Standing, Step};
use crate::domain::ids::{AccountId, DriverId, EventId};
use crate::domain::ride::{RideId, Rules};
use crate::metrics::Metrics;
use crate::operations;
use crate::operations::authentication::{self, Principal};
use crate::operations::guests::Passenger;
use crate::operations::rides::{self, UnderWay, Viewer};
use crate::operations::tokens::{TokenKeys, Use, VerifiedClaims};
use crate::rate_limit::AccountLimits;
use crate::store::{Chain, Conn, Database, StoreError, standing};
use actix::Addr;
use bytestring::ByteString;
use chrono::{DateTime, TimeDelta, Utc};
use delivering::Past;
use driver_app::DriverApp;
use ride_hailing::RideHailing;
use ride_matching::RideMatching;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A socket is told so often at most of what can't be read of its positions.
const ADJUSTED_EVERY: Duration = Duration::from_secs(60);

/// What all clients share.
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
    pub deliveries_max: i64,
    pub rides: Rules,
    /// Whether the final fare is made of the way that was driven.
    pub fare_is_of_the_track: bool,
    /// Of what is unconfirmed, at most so many of the newest are replayed …
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
        Sight { viewer, at: Some(self.clock.now()), detail: self.rides.offer_detail }
    }

    /// Where an account's events stand. Marks must have been flushed.
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

/// Whose events a conversation delivers.
#[derive(Clone, Debug)]
pub struct Recipient {
    pub account: AccountId,
    /// What their token says; `None` for a guest, who has none.
    pub claims: Option<VerifiedClaims>,
}

impl Recipient {
    pub fn new(principal: &Principal, claims: VerifiedClaims) -> Self {
        Self { account: principal.account, claims: Some(claims) }
    }
}

/// What differs by contract, and what each has to remember.
enum Part {
    DriverApp(DriverApp),
    RideHailing(Box<RideHailing>),
    RideMatching(Box<RideMatching>),
}

/// What opening brings, or `None` where the token is no good any more.
type Opening = Pin<Box<dyn Future<Output = Result<Option<Opened>, operations::Error>>>>;

/// What a conversation goes on from.
struct Opened {
    /// Where the account's events stand.
    standing: Standing,
    /// The ride whose socket it is, if that goes on.
    under_way: Option<UnderWay>,
}

impl From<Standing> for Opened {
    fn from(standing: Standing) -> Self {
        Self { standing, under_way: None }
    }
}

impl Part {
    fn contract(&self) -> Contract {
        match self {
            Part::DriverApp(_) => Contract::DriverApp,
            Part::RideHailing(_) => Contract::RideHailing,
            Part::RideMatching(_) => Contract::RideMatching,
        }
    }

    /// The driver whose positions and status are told here.
    fn driver(&self) -> Option<DriverId> {
        match self {
            Part::DriverApp(app) => Some(app.driver),
            Part::RideHailing(hailing) => hailing.who().driver,
            Part::RideMatching(_) => None,
        }
    }

    /// Which of the account's events are sent.
    fn delivery(&self) -> Delivery {
        match self {
            Part::DriverApp(_) | Part::RideHailing(_) => Delivery::default(),
            Part::RideMatching(app) => {
                let ride = app.ride.clone();
                Delivery::of(move |event| is_of(event, &ride))
            }
        }
    }

    /// Decides and reads in the store what opening needs. The session hears of every later commit by then.
    fn open(&self, recipient: Recipient, context: Arc<ClientContext>) -> Opening {
        match self {
            Part::DriverApp(app) => Box::pin(driver_app::open(app.driver, recipient, context)),
            Part::RideHailing(_) => Box::pin(ride_hailing::open(recipient, context)),
            Part::RideMatching(app) => Box::pin(ride_matching::open(app.of_ride(), recipient, context)),
        }
    }

    /// The first message to a recipient, whose newest event is `newest`.
    fn connected(&self, session: Uuid, newest: EventId, now: DateTime<Utc>) -> Option<String> {
        match self {
            Part::DriverApp(app) => Some(app.connected(session, newest, now)),
            Part::RideHailing(hailing) => Some(hailing.connected(newest, now)),
            // Said at once, since it may be nobody's conversation.
            Part::RideMatching(_) => None,
        }
    }

    /// Whose ride it is a socket of, where it is one.
    fn of_ride(&self) -> Option<(RideId, Passenger)> {
        match self {
            Part::DriverApp(_) | Part::RideHailing(_) => None,
            Part::RideMatching(app) => app.of_ride(),
        }
    }
}

/// As the log names it: the driver where there is one, and the ride whose socket it is.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.part.driver(), &self.recipient) {
            (Some(driver), _) => write!(f, "driver={driver}")?,
            (None, Some(recipient)) => write!(f, "account={}", recipient.account)?,
            (None, None) => f.write_str("account=none")?,
        }
        write!(f, " session={}", self.session)?;
        match &self.part {
            Part::RideMatching(app) => write!(f, " ride={}", app.ride),
            Part::DriverApp(_) | Part::RideHailing(_) => Ok(()),
        }
    }
}

/// One conversation.
pub struct Client {
    // identity
    session: Uuid,
    part: Part,
    /// `None` while it is not known whose the conversation is.
    recipient: Option<Recipient>,
    // state
    last_event_id: Option<EventId>,
    delivery: Delivery,
    /// When it was last said that a position could not be read as a whole.
    adjusted_at: Option<Instant>,
    // peers
    context: Arc<ClientContext>,
}

impl Client {
    /// `last_event_id` is what the client named at the door.
    fn new(
        part: Part,
        recipient: Option<Recipient>,
        last_event_id: Option<EventId>,
        context: Arc<ClientContext>,
    ) -> Self {
        let delivery = part.delivery();
        Self { session: Uuid::nil(), part, recipient, last_event_id, delivery, adjusted_at: None, context }
    }
}

impl Conversation for Client {
    type Message = ToClient;

    fn opened(&mut self, link: &mut Link<'_, Self>) {
        self.session = link.session_id();
        log::info!("session opened contract={} {self}", self.contract().name());
        if let Part::RideMatching(app) = &self.part {
            let established = ride_matching::opened(app, link);
            self.send(established, link);
        }
        match self.recipient.clone() {
            Some(recipient) => self.enter(recipient, Past::Kept, link),
            None => ride_matching::look_for_guest(self, link),
        }
    }

    fn text(&mut self, text: &str, link: &mut Link<'_, Self>) {
        let now = self.context.clock.now();
        let inbound = match self.contract().parse(text, now) {
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
                let pong = self.contract().pong(timestamp.as_ref(), self.context.clock.now());
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
            ToClient::SentAway(ride, membership) => ride_hailing::sent_away(self, &ride, membership, link),
            ToClient::Bound(guest) => ride_matching::bound(self, guest, Past::None, link),
        }
    }

    fn closed(&mut self, ended: Ended) {
        log::info!("session closed {self} {ended}");
        if let Some(recipient) = &self.recipient {
            let gone = Deregister { account: recipient.account, session: self.session, ended };
            self.context.dispatcher.do_send(gone);
        }
    }
}

/// What each contract does in its own way, and what only one of them has.
impl Client {
    fn contract(&self) -> Contract {
        self.part.contract()
    }

    /// A message that not every contract has.
    fn said(&mut self, inbound: Inbound, link: &mut Link<'_, Self>) {
        let Some(inbound) = riding::said(self, inbound, link) else { return };
        match self.part {
            Part::DriverApp(_) => self.misplaced(link),
            Part::RideHailing(_) => ride_hailing::said(self, inbound, link),
            Part::RideMatching(_) => ride_matching::said(self, inbound, link),
        }
    }

    /// The current state, where history can't tell it; then the `rest` of the steps.
    fn snapshot(&mut self, rest: Vec<Step>, link: &mut Link<'_, Self>) {
        match &self.part {
            Part::DriverApp(app) => driver_app::snapshot(app.driver, self, rest, link),
            Part::RideHailing(_) => ride_hailing::snapshot(self, rest, link),
            Part::RideMatching(_) => ride_matching::snapshot(self, rest, link),
        }
    }

    /// Contracts read only messages that they have, so this does not happen; if it did, the client would be told.
    fn misplaced(&mut self, link: &mut Link<'_, Self>) {
        log::error!("message without a meaning contract={} {self}", self.contract().name());
        let bad = BadMessage::new(ErrorCode::UnknownType, "this contract has no such message");
        self.refuse(&bad, link);
    }
}

/// The same for all.
impl Client {
    /// `now` is the time of day that it was read by.
    fn position(&mut self, reading: &Reading, now: DateTime<Utc>, link: &mut Link<'_, Self>) {
        let fix = &reading.fix;
        let Some(driver) = self.part.driver() else {
            let bad = BadMessage::new(ErrorCode::Forbidden, "only a driver has positions here");
            return self.refuse(&bad, link);
        };
        if self.context.positions.tell(driver, fix, now).is_err() {
            let bad =
                BadMessage::new(ErrorCode::Busy, "the position was not taken; send the next one as usual");
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
            let error = self.contract().error(adjusted, self.context.clock.now());
            self.send(error, link);
        }
    }

    /// A fresh token keeps the session open; one that is no good changes nothing. Who came without one has no use for it.
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
        let renewable = self.recipient.as_ref().filter(|recipient| recipient.claims.is_some());
        let renewable = renewable.map(|recipient| recipient.account);
        link.spawn(checking, move |client, outcome: Result<_, StoreError>, link| match outcome {
            Ok(Some((account, claims))) if Some(account) == renewable => {
                let expires_at = claims.expires_at;
                let renewed = Renewed { account, session: client.session, claims };
                client.context.dispatcher.do_send(renewed);
                let authenticated = client.contract().authenticated(expires_at, client.context.clock.now());
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
        let error = self.contract().error(bad, self.context.clock.now());
        self.send(error, link);
    }

    /// An operation was refused, or could not be carried out now.
    fn not_done(&mut self, error: &operations::Error, link: &mut Link<'_, Self>) {
        let bad = match error {
            operations::Error::Refused(refusal) => words::refusal(*refusal),
            operations::Error::Store(error) => {
                log::warn!("message put off {self}: {}", Chain(error));
                BadMessage::new(ErrorCode::Unavailable, "the server can't do it just now; send it again")
            }
        };
        self.refuse(&bad, link);
    }

    fn send(&mut self, text: impl Into<ByteString>, link: &mut Link<'_, Self>) {
        match link.send_text(text.into()) {
            // Whatever was not sent is unconfirmed, and comes again on the next connection.
            Sent::Queued | Sent::Shed | Sent::Overflowed | Sent::Gone => {}
        }
    }

    /// What the client has missed can't be read now; it comes back and tries again.
    fn give_up(&mut self, error: &operations::Error, link: &mut Link<'_, Self>) {
        log::warn!("session given up {self}: {}", Chain(error));
        link.close(CloseCode::GoingAway, "temporarily unavailable");
    }
}
