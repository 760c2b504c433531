//! The differences between contracts. Each contract has its own part in the conversation, whose hooks *return* what is
//! to be done, so that the conversation itself names no contract, and a contract's decisions are tested without a
//! socket.
//!
//! Invariant: a hook's default is to do nothing.

use super::{Client, ClientContext, Recipient};
use crate::actors::room::{Follower, Membership, Snapshot};
use crate::actors::session::{Link, SessionHandle, ToClient};
use crate::contracts::{Contract, Inbound};
use crate::domain::delivery::{Delivery, Read, Standing, Step};
use crate::domain::event::Event;
use crate::domain::ids::{DriverId, EventId, JobId};
use crate::domain::ride::RideId;
use crate::domain::role::Role;
use crate::operations;
use crate::operations::guests::Passenger;
use crate::operations::rides::{UnderWay, Viewer};
use crate::store::{Party, StoreError};
use bytestring::ByteString;
use chrono::{DateTime, Utc};
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use uuid::Uuid;

/// The actions that a part wants, in order.
pub enum Out {
    Text(ByteString),
    /// The connection is to follow this ride, if its room is not full.
    Enter {
        job: JobId,
        ride: RideId,
        follower: Follower,
    },
    /// It is to follow a ride no more.
    Leave(Membership),
}

impl Out {
    pub fn text(text: impl Into<ByteString>) -> Self {
        Self::Text(text.into())
    }
}

/// A read in progress.
pub type Reading<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>>>>;

/// The result of opening, or `None` if the token is no longer valid.
pub type Opening = Pin<Box<dyn Future<Output = Result<Option<Opened>, operations::Error>>>>;

/// The state from which a conversation continues.
pub struct Opened {
    /// The state of the account's events.
    pub standing: Standing,
    /// The ride whose socket it is, if that goes on.
    pub under_way: Option<UnderWay>,
}

impl From<Standing> for Opened {
    fn from(standing: Standing) -> Self {
        Self { standing, under_way: None }
    }
}

/// Where a delivery is when the state is said.
pub struct Place<'a> {
    pub now: DateTime<Utc>,
    /// The highest event that was sent.
    pub sent: EventId,
    /// The steps that follow.
    pub rest: &'a [Step],
}

pub trait Part: Sized + Unpin + 'static {
    const CONTRACT: Contract;
    /// The current state, as it is read where history can't tell it.
    type State: 'static;

    // what it is

    /// As whom somebody is limited.
    fn role(&self) -> Role;

    /// As whom this conversation has to do with which ride, which a message may name.
    fn part_in(&self, named: Option<RideId>) -> Option<(RideId, Viewer)>;

    /// The driver whose positions and status are told here.
    fn driver(&self) -> Option<DriverId> {
        None
    }

    /// The ride whose socket it is.
    fn ride(&self) -> Option<&RideId> {
        None
    }

    /// The same with its passenger, once it has one.
    fn of_ride(&self) -> Option<(RideId, Passenger)> {
        None
    }

    /// On whose behalf the database is asked before the account is known.
    fn party(&self) -> Option<Party> {
        None
    }

    /// Which of the account's events are sent.
    fn delivery(&self) -> Delivery {
        Delivery::default()
    }

    // opening

    /// First of all, before anything is read.
    fn opened(&mut self, _: SessionHandle<ToClient>) -> Vec<Out> {
        Vec::new()
    }

    /// The passenger it belongs to, where the door did not know.
    fn owner(&self, _: &ClientContext) -> Reading<Option<Passenger>> {
        Box::pin(ready(Ok(None)))
    }

    /// It is this passenger's from now on.
    fn bound(&mut self, _: Passenger) {}

    /// Decides and reads in the store what opening needs. The session hears of every later commit by then.
    fn open(&self, recipient: Recipient, context: Arc<ClientContext>) -> Opening;

    /// Said to a recipient whose newest event is `newest`.
    fn connected(&self, _session: Uuid, _newest: EventId, _now: DateTime<Utc>) -> Vec<Out> {
        Vec::new()
    }

    // delivery

    /// `under_way` continues; the events of `read` are replayed next to it.
    fn resumed(&mut self, _under_way: Option<UnderWay>, _newest: EventId, _read: Option<&Read>) {}

    /// This event is about to be sent.
    fn before(&mut self, _: &Event) -> Vec<Out> {
        Vec::new()
    }

    /// This event was sent.
    fn sent(&mut self, _: &Event) -> Vec<Out> {
        Vec::new()
    }

    /// Everything up to this event was sent.
    fn after(&mut self, _: EventId) -> Vec<Out> {
        Vec::new()
    }

    /// Reads the current state; `None` where nothing needs to be said.
    fn read_state(&self, context: &Arc<ClientContext>) -> Option<Reading<Self::State>>;

    /// Says the state that was read.
    fn state(&mut self, state: Self::State, place: Place<'_>, context: &ClientContext) -> Vec<Out>;

    // rooms

    /// The session follows a ride from now on.
    fn entered(&mut self, _: Membership) {}

    /// The state of the room that the session entered.
    fn seen(&self, _: Snapshot) -> Vec<Out> {
        Vec::new()
    }

    /// A room says that this connection no longer belongs in it.
    fn sent_away(&mut self, _ride: &RideId, _membership: u64, _now: DateTime<Utc>) -> Vec<Out> {
        Vec::new()
    }

    // the client's word

    /// A message that not every contract has.
    fn said(client: &mut Client<Self>, _: Inbound, link: &mut Link<'_, Client<Self>>) {
        client.misplaced(link);
    }
}
