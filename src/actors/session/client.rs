//! What is said on a client's socket: commands in, events out. Everything it decides by itself is in
//! `domain::delivery` and in the contract; this carries it out.

use crate::actors::dispatcher::{Deregister, Dispatcher, Register, Renewed};
use crate::actors::matcher::MatcherHandle;
use crate::actors::recorder::RecorderHandle;
use crate::actors::registry::Registered;
use crate::actors::session::{Conversation, Ended, Link, Sent};
use crate::clock::SharedClock;
use crate::contracts::close_codes::CloseCode;
use crate::contracts::driver_rest::{AssignedOrders, DriverOrder, order_word};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::{BadMessage, Contract, Inbound, driver_app};
use crate::domain::delivery::{self, Delivery, Page, Read, Standing, Step};
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, DriverId, EventId};
use crate::domain::position::Fix;
use crate::metrics::Metrics;
use crate::operations::authentication::{self, Principal};
use crate::operations::tokens::{TokenKeys, Use, VerifiedClaims};
use crate::operations::{self, drivers, orders};
use crate::store::{Chain, Database, Job, Mark, StoreError, Tx, page_of, reads, standing};
use actix::Addr;
use bytestring::ByteString;
use chrono::TimeDelta;
use std::sync::Arc;
use uuid::Uuid;

/// What all clients share.
pub struct ClientContext {
    pub database: Database,
    pub dispatcher: Addr<Dispatcher>,
    pub recorder: RecorderHandle,
    pub matcher: MatcherHandle,
    pub clock: SharedClock,
    pub tokens: Arc<TokenKeys>,
    pub metrics: Arc<Metrics>,
    pub deliveries_max: i64,
    /// Of what is unconfirmed, at most so many of the newest are replayed …
    pub replay_events_max: u32,
    /// … that are not older than this.
    pub replay_age_max: TimeDelta,
}

/// What the dispatcher tells a client's session.
pub enum ToClient {
    /// An event, and how it reads in the session's contract.
    Event(Event, ByteString),
    /// Events up to this id exist.
    HeardOf(EventId),
}

/// One authenticated conversation.
pub struct Client {
    // identity
    contract: Contract,
    account: AccountId,
    driver: DriverId,
    public_id: Uuid,
    session: Uuid,
    // state
    last_event_id: Option<EventId>,
    claims: VerifiedClaims,
    delivery: Delivery,
    // peers
    context: Arc<ClientContext>,
}

impl Client {
    /// `last_event_id` is what the client named at the door, `claims` what its token says.
    pub fn new(
        principal: &Principal,
        driver: DriverId,
        last_event_id: Option<EventId>,
        claims: VerifiedClaims,
        context: Arc<ClientContext>,
    ) -> Self {
        Self {
            contract: Contract::DriverApp,
            account: principal.account,
            driver,
            public_id: principal.public_id,
            session: Uuid::nil(),
            last_event_id,
            claims,
            delivery: Delivery::default(),
            context,
        }
    }
}

impl Conversation for Client {
    type Message = ToClient;

    /// Registers first and reads afterwards: what is committed from here on is heard of, what was before is read.
    fn opened(&mut self, link: &mut Link<'_, Self>) {
        self.session = link.session_id();
        log::info!("session opened driver={} session={}", self.driver, self.session);
        let session = Registered {
            driver: Some(self.driver),
            contract: self.contract,
            handle: link.handle(),
            expires_at: self.claims.session_ends_at(),
        };
        let context = self.context.clone();
        let (account, driver, claims) = (self.account, self.driver, self.claims.clone());
        let opening = async move {
            let register = Register { account, session };
            if context.dispatcher.send(register).await.is_err() {
                return Err(StoreError::Unavailable("the dispatcher is gone").into());
            }
            context.recorder.flush_marks().await;
            let inner = context.clone();
            context.database.write(move |tx| open(tx, account, driver, &claims, &inner)).await
        };
        link.wait(opening, |client, outcome, link| match outcome {
            Ok(Some(standing)) => client.begin(standing, link),
            Ok(None) => link.close(CloseCode::AuthenticationFailed, "access revoked"),
            Err(error) => client.give_up(&error, link),
        });
    }

    fn text(&mut self, text: &str, link: &mut Link<'_, Self>) {
        let inbound = match self.contract.parse(text, self.context.clock.now()) {
            Ok(inbound) => inbound,
            Err(bad) => {
                self.refuse(&bad, link);
                return link.bad_message();
            }
        };
        match inbound {
            Inbound::Position(fix) => self.position(&fix, link),
            Inbound::Ping { .. } => self.send(ByteString::from_static(driver_app::pong()), link),
            Inbound::Ack(id) => {
                let steps = self.delivery.acked(id);
                self.carry_out(steps, None, link);
            }
            Inbound::Resume(last) => self.resume(last, link),
            Inbound::Authenticate(token) => self.authenticate(token, link),
            Inbound::JoinRide(_)
            | Inbound::LeaveRide(_)
            | Inbound::DriverOnline
            | Inbound::DriverOffline
            | Inbound::Chat { .. }
            | Inbound::FindDriver(_)
            | Inbound::CancelRide => {
                let bad = BadMessage::new(ErrorCode::UnknownType, "this contract has no such message");
                self.refuse(&bad, link);
            }
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
                let steps = self.delivery.published(event);
                self.carry_out(steps, prepared, link);
            }
            ToClient::HeardOf(newest) => {
                let steps = self.delivery.heard_of(newest);
                self.carry_out(steps, None, link);
            }
        }
    }

    fn closed(&mut self, ended: Ended) {
        log::info!("session closed driver={} session={} ended={ended:?}", self.driver, self.session);
        let gone = Deregister { account: self.account, session: self.session, ended };
        self.context.dispatcher.do_send(gone);
    }
}

/// What opening a session decides and reads: the driver is there, and where their events stand. `None` where the token was
/// revoked since the door looked at it.
fn open(
    tx: &mut Tx<'_>,
    account: AccountId,
    driver: DriverId,
    claims: &VerifiedClaims,
    context: &ClientContext,
) -> Result<Option<Standing>, operations::Error> {
    if !drivers::connected(tx, driver, claims, context.deliveries_max)? {
        return Ok(None);
    }
    let now = tx.now();
    Ok(Some(standing(tx.conn(), account, now, context.replay_events_max, context.replay_age_max)?))
}

fn shown(job: &Job) -> DriverOrder {
    DriverOrder::new(orders::summary(job), order_word(job.status), job.assigned_at)
}

impl Client {
    fn begin(&mut self, standing: Standing, link: &mut Link<'_, Self>) {
        let now = self.context.clock.now();
        let connected = driver_app::connected(self.driver, self.session, standing.newest, now);
        self.send(connected.into(), link);
        let steps = self.delivery.begin(self.last_event_id, standing);
        self.carry_out(steps, None, link);
    }

    fn position(&mut self, fix: &Fix, link: &mut Link<'_, Self>) {
        self.context.matcher.moved(self.driver, fix);
        if self.context.recorder.record(self.driver, fix).is_err() {
            let bad =
                BadMessage::new(ErrorCode::Busy, "the position was not taken; send the next one as usual");
            self.refuse(&bad, link);
        }
    }

    fn resume(&mut self, last: EventId, link: &mut Link<'_, Self>) {
        let context = self.context.clone();
        let (account, now) = (self.account, context.clock.now());
        let reading = async move {
            context.recorder.flush_marks().await;
            let (events_max, age_max) = (context.replay_events_max, context.replay_age_max);
            context.database.read(move |conn| standing(conn, account, now, events_max, age_max)).await
        };
        link.wait(reading, move |client, outcome: Result<Standing, StoreError>, link| match outcome {
            Ok(standing) => {
                let steps = client.delivery.begin(Some(last), standing);
                client.carry_out(steps, None, link);
            }
            Err(error) => client.give_up(&error.into(), link),
        });
    }

    /// A fresh token keeps the session open; one that is no good changes nothing.
    fn authenticate(&mut self, token: String, link: &mut Link<'_, Self>) {
        let context = self.context.clone();
        let checking = async move {
            let Ok(claims) = context.tokens.verify(&token, Use::Access, context.clock.now()) else {
                return Ok(None);
            };
            let (expires_at, ends_at) = (claims.expires_at, claims.session_ends_at());
            let principal =
                context.database.read(move |conn| authentication::principal(conn, &claims)).await?;
            Ok(principal.map(|principal| (principal.public_id, expires_at, ends_at)))
        };
        link.spawn(checking, |client, outcome: Result<_, StoreError>, link| match outcome {
            Ok(Some((account, expires_at, ends_at))) if account == client.public_id => {
                let renewed =
                    Renewed { account: client.account, session: client.session, expires_at: ends_at };
                client.context.dispatcher.do_send(renewed);
                let now = client.context.clock.now();
                client.send(driver_app::authenticated(expires_at, now).into(), link);
            }
            Ok(_) => {
                let bad = BadMessage::new(ErrorCode::Unauthorized, "the token is not valid here");
                client.refuse(&bad, link);
            }
            Err(error) => {
                log::warn!("token not checked driver={}: {}", client.driver, Chain(&error));
                let bad =
                    BadMessage::new(ErrorCode::Unavailable, "the token can't be checked now; send it again");
                client.refuse(&bad, link);
            }
        });
    }

    /// `prepared` is the text of an event that may be among the steps.
    fn carry_out(
        &mut self,
        steps: Vec<Step>,
        prepared: Option<(EventId, ByteString)>,
        link: &mut Link<'_, Self>,
    ) {
        let mut steps = steps.into_iter();
        while let Some(step) = steps.next() {
            match step {
                Step::Send(event) => {
                    let text = match &prepared {
                        Some((id, text)) if *id == event.id => text.clone(),
                        _ => self.contract.event(&event).into(),
                    };
                    self.context.metrics.events_sent.increment(1);
                    self.send(text, link);
                }
                Step::Ping(id) => link.ping(id.to_string().as_bytes()),
                Step::Read(read) => self.read(read, link),
                Step::Confirm(sent) => self.confirm(&sent),
                Step::Processed(id) => self.mark([id], true),
                Step::ResumeFailed { oldest, newest } => {
                    let now = self.context.clock.now();
                    self.send(driver_app::resume_failed(oldest, newest, now).into(), link);
                }
                // The state first, then what follows it.
                Step::Snapshot => return self.snapshot(steps.collect(), link),
            }
        }
    }

    /// What the client says meanwhile is handled afterwards, so a replay comes before the answer to what follows it. The
    /// continuation is not run while the client does not read: a long replay goes at the client's pace.
    fn read(&mut self, read: Read, link: &mut Link<'_, Self>) {
        if !link.is_open() {
            return;
        }
        let (database, account) = (self.context.database.clone(), self.account);
        let now = self.context.clock.now();
        let reading = async move { database.read(move |conn| page_of(conn, account, read, now)).await };
        link.wait(reading, |client, outcome: Result<Page, StoreError>, link| match outcome {
            Ok(page) => {
                let steps = client.delivery.page(page);
                client.carry_out(steps, None, link);
            }
            Err(error) => client.give_up(&error.into(), link),
        });
    }

    fn confirm(&mut self, sent: &[delivery::Sent]) {
        let now = self.context.clock.now();
        for one in sent {
            let took = (now - one.created_at).to_std().unwrap_or_default();
            self.context.metrics.event_confirm_seconds.record(took);
        }
        self.context.metrics.events_confirmed.increment(sent.len() as u64);
        self.context.matcher.confirmed(self.driver, self.account, sent.iter().map(|one| one.id));
        self.mark(sent.iter().map(|one| one.id), false);
    }

    fn mark(&self, events: impl IntoIterator<Item = EventId>, processed: bool) {
        let at = self.context.clock.now().naive_utc();
        let (account, over) = (self.account, self.contract.name());
        let marks = events.into_iter().map(|event| Mark { account, event, over, at, processed });
        self.context.recorder.mark(marks);
    }

    fn snapshot(&mut self, rest: Vec<Step>, link: &mut Link<'_, Self>) {
        let (database, driver) = (self.context.database.clone(), self.driver);
        let reading = async move { database.read(move |conn| reads::orders_of(conn, driver)).await };
        link.wait(reading, move |client, outcome, link| match outcome {
            Ok(held) => {
                let held = AssignedOrders { orders: held.iter().map(shown).collect() };
                let now = client.context.clock.now();
                client.send(driver_app::orders(&held, now).into(), link);
                client.carry_out(rest, None, link);
            }
            Err::<_, StoreError>(error) => client.give_up(&error.into(), link),
        });
    }

    fn refuse(&mut self, bad: &BadMessage, link: &mut Link<'_, Self>) {
        self.context.metrics.messages_refused.increment(1);
        log::debug!(
            "message refused driver={} session={} code={}",
            self.driver,
            self.session,
            bad.code.as_str()
        );
        let now = self.context.clock.now();
        self.send(driver_app::error(bad, now).into(), link);
    }

    fn send(&mut self, text: ByteString, link: &mut Link<'_, Self>) {
        match link.send_text(text) {
            // Whatever was not sent is unconfirmed, and comes again on the next connection.
            Sent::Queued | Sent::Shed | Sent::Overflowed | Sent::Gone => {}
        }
    }

    /// What the client has missed can't be read now; it comes back and tries again.
    fn give_up(&mut self, error: &operations::Error, link: &mut Link<'_, Self>) {
        log::warn!("session given up driver={} session={}: {}", self.driver, self.session, Chain(error));
        link.close(CloseCode::GoingAway, "temporarily unavailable");
    }
}
