//! The hailing apps' part of a conversation: passengers, drivers and admins. Rides are joined and left, drivers come to
//! work and go, and the two of a ride talk to each other. Connecting changes nobody's status.

use super::{Client, ClientContext, Opened, Part, Recipient};
use crate::actors::room::{Follower, Member, Membership, Seen};
use crate::actors::session::{Link, SessionHandle, ToClient};
use crate::actors::words;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::ride_hailing::{self, DriverLocation};
use crate::contracts::ride_rest::Ride;
use crate::contracts::{BadMessage, Contract, Inbound, driver_app};
use crate::domain::contact::Contact;
use crate::domain::delivery::Step;
use crate::domain::driver::{DriverStatus, Wants};
use crate::domain::ids::EventId;
use crate::domain::ride::RideId;
use crate::operations::authentication::{self, Principal};
use crate::operations::rides::{self, Viewer};
use crate::operations::tokens::VerifiedClaims;
use crate::operations::{self, Refusal, drivers};
use crate::store::reads::{self, RideStanding, RidesOf};
use crate::store::{Conn, Job, StoreError, Tx};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// Rides that the current state shows: nobody has more open ones.
const OPEN_RIDES_MAX: i64 = 50;

pub(super) struct RideHailing {
    who: Principal,
    viewer: Viewer,
    /// The rides that this connection follows.
    joined: HashMap<RideId, Membership>,
}

impl Client {
    /// `last_event_id` is what the app named at the door. `None` for a role that has no part in rides.
    pub fn ride_hailing(
        who: Principal,
        claims: VerifiedClaims,
        last_event_id: Option<EventId>,
        context: Arc<ClientContext>,
    ) -> Option<Self> {
        let viewer = Viewer::of(&who)?;
        let recipient = Recipient::new(&who, claims);
        let part = Part::RideHailing(Box::new(RideHailing { who, viewer, joined: HashMap::new() }));
        Some(Self::new(part, Some(recipient), last_event_id, context))
    }
}

impl RideHailing {
    pub fn who(&self) -> &Principal {
        &self.who
    }

    pub fn viewer(&self) -> Viewer {
        self.viewer
    }

    pub fn connected(&self, newest: EventId, now: DateTime<Utc>) -> String {
        let Principal { public_id, phone_number, driver, .. } = &self.who;
        ride_hailing::connected(*public_id, phone_number.as_deref(), driver.is_some(), newest, now)
    }

    fn follower(&self) -> Follower {
        match self.viewer {
            Viewer::Passenger(_) => Follower::Passenger,
            Viewer::Driver(driver) => Follower::Driver(driver, self.who.account),
            Viewer::Admin => Follower::Admin,
        }
    }
}

/// The token may have been revoked after the door looked at it and before the session was registered, so that nobody told
/// the session: what is revoked from now on, it hears.
pub(super) async fn open(
    recipient: Recipient,
    context: Arc<ClientContext>,
) -> Result<Option<Opened>, operations::Error> {
    let Some(claims) = recipient.claims else { return Ok(None) };
    let inner = context.clone();
    let reading = move |conn: &mut Conn<'_>| match authentication::principal(conn, &claims)? {
        Some(principal) => inner.look(conn, principal.account, None, inner.clock.now()).map(Some),
        None => Ok(None),
    };
    Ok(context.database.read(reading).await?)
}

/// A message that only this contract has.
pub(super) fn said(client: &mut Client, inbound: Inbound, link: &mut Link<'_, Client>) {
    match inbound {
        Inbound::JoinRide(ride) => join(client, ride, link),
        Inbound::LeaveRide(ride) => leave(client, &ride, link),
        Inbound::DriverOnline => set_wish(client, Wants::Online, link),
        Inbound::DriverOffline => set_wish(client, Wants::Offline, link),
        _ => client.misplaced(link),
    }
}

/// What somebody finds who joins a ride.
struct Joined {
    membership: Membership,
    seen: Seen,
    ride: Ride,
}

/// Why somebody could not join.
enum NotJoined {
    Refused(BadMessage),
    Failed(StoreError),
}

impl From<StoreError> for NotJoined {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl NotJoined {
    fn refused(code: ErrorCode, message: &str) -> Self {
        Self::Refused(BadMessage::new(code, message))
    }
}

fn join(client: &mut Client, ride: RideId, link: &mut Link<'_, Client>) {
    let context = client.context.clone();
    let handle = link.handle();
    let Some(hailing) = client.hailing() else { return };
    // Joining again is entering anew: it brings the current state.
    drop(hailing.joined.remove(&ride));
    if hailing.joined.len() >= context.rides_joined_max {
        context.metrics.rooms_full.increment(1);
        let bad = BadMessage::new(ErrorCode::TooManyRides, "this connection follows too many rides");
        return client.refuse(&bad, link);
    }
    let (viewer, follower, wanted) = (hailing.viewer, hailing.follower(), ride.clone());
    let joining = async move { enter(&context, wanted, viewer, follower, handle).await };
    link.wait(joining, move |client, outcome, link| match outcome {
        Ok(joined) => client.joined(ride, joined, link),
        Err(NotJoined::Refused(bad)) => client.refuse(&bad, link),
        Err(NotJoined::Failed(error)) => client.not_done(&error.into(), link),
    });
}

/// Enters first and reads afterwards: what is committed from here on is heard of, what was before is read. Who may enter,
/// and which room, has to be read before that.
async fn enter(
    context: &Arc<ClientContext>,
    ride: RideId,
    viewer: Viewer,
    follower: Follower,
    handle: SessionHandle<ToClient>,
) -> Result<Joined, NotJoined> {
    let job = follow(context, &ride, viewer).await?.ride.job.id;
    let member = Member { handle, contract: Contract::RideHailing, follower };
    let entered = context.rooms.enter(job, &ride, member);
    let (membership, seen) =
        entered.map_err(|_| NotJoined::refused(ErrorCode::RoomFull, "too many follow this ride"))?;
    let seen = seen.await.map_err(|_| StoreError::Unavailable("the room has ended"))?;
    let found = follow(context, &ride, viewer).await?;
    if found.ride.job.id != job {
        return Err(NotJoined::refused(ErrorCode::Unavailable, "the ride has just begun anew; join again"));
    }
    let ride = words::ride_for(context.sight(viewer), found);
    Ok(Joined { membership, seen, ride })
}

async fn follow(
    context: &Arc<ClientContext>,
    ride: &RideId,
    viewer: Viewer,
) -> Result<RideStanding, NotJoined> {
    let (ride, now) = (ride.clone(), context.clock.now());
    let found = context.database.read(move |conn| rides::view(conn, &ride, viewer, now)).await?;
    found.ok_or_else(|| NotJoined::Refused(words::refusal(Refusal::NotFound("ride"))))
}

/// Leaving what was not joined is as good as leaving.
fn leave(client: &mut Client, ride: &RideId, link: &mut Link<'_, Client>) {
    if let Some(hailing) = client.hailing() {
        drop(hailing.joined.remove(ride));
    }
    client.send(ride_hailing::ride_left(ride, client.context.clock.now()), link);
}

/// A driver comes to work, or goes.
fn set_wish(client: &mut Client, wants: Wants, link: &mut Link<'_, Client>) {
    let Some(driver) = client.part.driver() else {
        let bad = BadMessage::new(ErrorCode::Forbidden, "only a driver comes to work");
        return client.refuse(&bad, link);
    };
    let context = client.context.clone();
    let setting = async move {
        let deliveries_max = context.deliveries_max;
        let decision = move |tx: &mut Tx<'_>| match wants {
            Wants::Offline => drivers::leave_work(tx, driver, deliveries_max),
            wants => drivers::set_wish(tx, driver, wants, deliveries_max),
        };
        context.database.write(decision).await
    };
    link.wait(setting, |client, outcome: Result<DriverStatus, operations::Error>, link| match outcome {
        Ok(status) => client.send(ride_hailing::driver_status(status, client.context.clock.now()), link),
        Err(error) => client.not_done(&error, link),
    });
}

/// The account's open rides, and the orders that a driver holds beside.
pub(super) fn snapshot(client: &mut Client, rest: Vec<Step>, link: &mut Link<'_, Client>) {
    let database = client.context.database.clone();
    let Some(viewer) = client.hailing().map(|hailing| hailing.viewer) else { return };
    let reading = async move { database.read(move |conn| state_of(conn, viewer)).await };
    link.wait(reading, move |client, outcome: Result<_, StoreError>, link| match outcome {
        Ok((open, held)) => {
            let now = client.context.clock.now();
            let sight = client.context.sight(viewer);
            let rides: Vec<Ride> =
                open.into_iter().map(|standing| words::ride_for(sight, standing)).collect();
            client.send(ride_hailing::rides(&rides, now), link);
            if !held.is_empty() {
                client.send(driver_app::orders(&words::orders_held(held), now), link);
            }
            client.carry_out(rest, None, link);
        }
        Err(error) => client.give_up(&error.into(), link),
    });
}

type State = (Vec<RideStanding>, Vec<(Job, Contact)>);

fn state_of(conn: &mut Conn<'_>, viewer: Viewer) -> Result<State, StoreError> {
    let open = |conn: &mut Conn<'_>, of| reads::open_rides(conn, of, OPEN_RIDES_MAX);
    match viewer {
        Viewer::Passenger(passenger) => Ok((open(conn, RidesOf::Passenger(passenger))?, Vec::new())),
        Viewer::Driver(driver) => Ok((open(conn, RidesOf::Driver(driver))?, reads::orders_of(conn, driver)?)),
        // Nothing happens to an admin; they ask for what they want to see.
        Viewer::Admin => Ok((Vec::new(), Vec::new())),
    }
}

/// A room says that this connection does not belong in it any more.
pub(super) fn sent_away(client: &mut Client, ride: &RideId, membership: u64, link: &mut Link<'_, Client>) {
    let Some(hailing) = client.hailing() else { return };
    if hailing.joined.get(ride).is_some_and(|joined| joined.id == membership) {
        leave(client, ride, link);
    }
}

impl Client {
    fn hailing(&mut self) -> Option<&mut RideHailing> {
        match &mut self.part {
            Part::RideHailing(hailing) => Some(hailing),
            Part::DriverApp(_) | Part::RideMatching(_) => None,
        }
    }

    fn joined(&mut self, ride: RideId, joined: Joined, link: &mut Link<'_, Self>) {
        let now = self.context.clock.now();
        let Joined { membership, seen, ride: shown } = joined;
        let location = seen.driver.map(|(driver, sighting)| DriverLocation::new(&ride, driver, &sighting));
        self.send(ride_hailing::ride_joined(&shown, location.as_ref(), now), link);
        if let Some((driver, age_secs)) = seen.silence {
            self.send(ride_hailing::driver_location_stale(&ride, driver, age_secs, now), link);
        }
        if let Some(hailing) = self.hailing() {
            hailing.joined.insert(ride, membership);
        }
    }
}
