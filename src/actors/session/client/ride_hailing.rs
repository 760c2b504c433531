//! The hailing apps' part of a conversation: passengers, drivers and admins. Rides are joined and left, drivers go
//! online and offline, and the two participants of a ride talk to each other. Connecting changes nobody's status.

use super::part::{Opening, Out, Part, Place, Reading};
use super::{Client, ClientContext, Opened, Recipient};
use crate::actors::room::{Follower, Member, Membership, Snapshot};
use crate::actors::session::{Link, SessionHandle, ToClient};
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::ride_hailing::{self, DriverLocation};
use crate::contracts::ride_rest::Ride;
use crate::contracts::{BadMessage, Contract, Inbound, driver_app};
use crate::domain::contact::Contact;
use crate::domain::driver::{DriverStatus, Wants};
use crate::domain::ids::{DriverId, EventId};
use crate::domain::ride::RideId;
use crate::domain::role::Role;
use crate::operations::authentication::{self, Principal};
use crate::operations::rides::{self, Viewer};
use crate::operations::tokens::VerifiedClaims;
use crate::operations::{self, Refusal, drivers};
use crate::presenters;
use crate::store::reads::{self, RideStanding, RidesOf};
use crate::store::{Conn, Job, StoreError, Tx};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Rides that the current state shows: nobody has more open ones.
const OPEN_RIDES_MAX: i64 = 50;

pub struct RideHailing {
    who: Principal,
    viewer: Viewer,
    /// The rides that this connection follows.
    joined: HashMap<RideId, Membership>,
}

impl Client<RideHailing> {
    /// `last_event_id` is what the app named at the door. `None` for a role that has no part in rides.
    pub fn ride_hailing(
        who: Principal,
        claims: VerifiedClaims,
        last_event_id: Option<EventId>,
        context: Arc<ClientContext>,
    ) -> Option<Self> {
        let viewer = Viewer::of(&who)?;
        let recipient = Recipient::new(&who, claims);
        let part = RideHailing { who, viewer, joined: HashMap::new() };
        Some(Self::new(part, Some(recipient), last_event_id, context))
    }
}

impl RideHailing {
    fn follower(&self) -> Follower {
        match self.viewer {
            Viewer::Passenger(_) => Follower::Passenger,
            Viewer::Driver(driver) => Follower::Driver(driver, self.who.account),
            Viewer::Admin => Follower::Admin,
        }
    }

    /// Leaving what was not joined is as good as leaving.
    fn leave(&mut self, ride: &RideId, now: DateTime<Utc>) -> Vec<Out> {
        let left = self.joined.remove(ride).map(Out::Leave);
        left.into_iter().chain([Out::text(ride_hailing::ride_left(ride, now))]).collect()
    }
}

impl Part for RideHailing {
    const CONTRACT: Contract = Contract::RideHailing;
    /// The account's open rides, and also the orders that a driver holds.
    type State = State;

    fn role(&self) -> Role {
        self.who.role
    }

    fn part_in(&self, named: Option<RideId>) -> Option<(RideId, Viewer)> {
        Some((named?, self.viewer))
    }

    fn driver(&self) -> Option<DriverId> {
        self.who.driver
    }

    fn open(&self, recipient: Recipient, context: Arc<ClientContext>) -> Opening {
        Box::pin(open(recipient, context))
    }

    fn connected(&self, _: Uuid, newest: EventId, now: DateTime<Utc>) -> Vec<Out> {
        let Principal { public_id, phone_number, driver, .. } = &self.who;
        let phone_number = phone_number.as_deref();
        vec![Out::text(ride_hailing::connected(*public_id, phone_number, driver.is_some(), newest, now))]
    }

    fn read_state(&self, context: &Arc<ClientContext>) -> Option<Reading<State>> {
        let (database, viewer) = (context.database.clone(), self.viewer);
        Some(Box::pin(async move { database.read(move |conn| state_of(conn, viewer)).await }))
    }

    fn state(&mut self, (open, held): State, place: Place<'_>, context: &ClientContext) -> Vec<Out> {
        let sight = context.sight(self.viewer);
        let rides: Vec<Ride> =
            open.into_iter().map(|standing| presenters::ride_for(sight, standing)).collect();
        let mut said = vec![Out::text(ride_hailing::rides(&rides, place.now))];
        if !held.is_empty() {
            said.push(Out::text(driver_app::orders(&presenters::orders_held(held), place.now)));
        }
        said
    }

    fn sent_away(&mut self, ride: &RideId, membership: u64, now: DateTime<Utc>) -> Vec<Out> {
        match self.joined.get(ride) {
            Some(joined) if joined.id == membership => self.leave(ride, now),
            _ => Vec::new(),
        }
    }

    fn said(client: &mut Client<Self>, inbound: Inbound, link: &mut Link<'_, Client<Self>>) {
        match inbound {
            Inbound::JoinRide(ride) => client.join(ride, link),
            Inbound::LeaveRide(ride) => {
                let left = client.part.leave(&ride, client.context.clock.now());
                client.put_out(left, link);
            }
            Inbound::DriverOnline => client.set_wish(Wants::Online, link),
            Inbound::DriverOffline => client.set_wish(Wants::Offline, link),
            _ => client.misplaced(link),
        }
    }
}

/// The token may have been revoked after the door looked at it and before the session was registered, so that nobody told
/// the session: what is revoked from now on, it hears.
async fn open(
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

/// The state that a client finds on joining a ride.
struct Joined {
    membership: Membership,
    seen: Snapshot,
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

/// Enters first and reads afterwards: later commits are heard, earlier ones are read. Permission and the room have to
/// be read before that.
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
    let (membership, seen) = entered
        .map_err(|_| NotJoined::refused(ErrorCode::RoomFull, "too many connections follow this ride"))?;
    let seen = seen.await.map_err(|_| StoreError::Unavailable("the room has ended"))?;
    let found = follow(context, &ride, viewer).await?;
    if found.ride.job.id != job {
        return Err(NotJoined::refused(ErrorCode::Unavailable, "the ride has just restarted; join again"));
    }
    let ride = presenters::ride_for(context.sight(viewer), found);
    Ok(Joined { membership, seen, ride })
}

async fn follow(
    context: &Arc<ClientContext>,
    ride: &RideId,
    viewer: Viewer,
) -> Result<RideStanding, NotJoined> {
    let (ride, now) = (ride.clone(), context.clock.now());
    let found = context.database.read(move |conn| rides::view(conn, &ride, viewer, now)).await?;
    found.ok_or_else(|| NotJoined::Refused(presenters::refusal(Refusal::NotFound("ride"))))
}

pub type State = (Vec<RideStanding>, Vec<(Job, Contact)>);

fn state_of(conn: &mut Conn<'_>, viewer: Viewer) -> Result<State, StoreError> {
    let open = |conn: &mut Conn<'_>, of| reads::open_rides(conn, of, OPEN_RIDES_MAX);
    match viewer {
        Viewer::Passenger(passenger) => Ok((open(conn, RidesOf::Passenger(passenger))?, Vec::new())),
        Viewer::Driver(driver) => Ok((open(conn, RidesOf::Driver(driver))?, reads::orders_of(conn, driver)?)),
        // Nothing happens to an admin; they ask for what they want to see.
        Viewer::Admin => Ok((Vec::new(), Vec::new())),
    }
}

impl Client<RideHailing> {
    fn join(&mut self, ride: RideId, link: &mut Link<'_, Self>) {
        let (context, handle, hailing) = (self.context.clone(), link.handle(), &mut self.part);
        // Joining again is entering anew: it brings the current state.
        drop(hailing.joined.remove(&ride));
        if hailing.joined.len() >= context.rides_joined_max {
            context.metrics.rooms_full.increment(1);
            let bad = BadMessage::new(ErrorCode::TooManyRides, "this connection follows too many rides");
            return self.refuse(&bad, link);
        }
        let (viewer, follower, wanted) = (hailing.viewer, hailing.follower(), ride.clone());
        let joining = async move { enter(&context, wanted, viewer, follower, handle).await };
        link.wait(joining, move |client, outcome, link| match outcome {
            Ok(joined) => client.joined(ride, joined, link),
            Err(NotJoined::Refused(bad)) => client.refuse(&bad, link),
            Err(NotJoined::Failed(error)) => client.not_done(&error.into(), link),
        });
    }

    fn joined(&mut self, ride: RideId, joined: Joined, link: &mut Link<'_, Self>) {
        let now = self.context.clock.now();
        let Joined { membership, seen, ride: shown } = joined;
        let location = seen.driver.map(|(driver, sighting)| DriverLocation::new(&ride, driver, &sighting));
        self.send(ride_hailing::ride_joined(&shown, location.as_ref(), now), link);
        if let Some((driver, age_secs)) = seen.silence {
            self.send(ride_hailing::driver_location_stale(&ride, driver, age_secs, now), link);
        }
        self.part.joined.insert(ride, membership);
    }

    /// A driver comes to work, or goes.
    fn set_wish(&mut self, wants: Wants, link: &mut Link<'_, Self>) {
        let Some(driver) = self.part.driver() else {
            let bad = BadMessage::new(ErrorCode::Forbidden, "only a driver can go online or offline");
            return self.refuse(&bad, link);
        };
        let context = self.context.clone();
        let setting = async move {
            let decision = move |tx: &mut Tx<'_>| match wants {
                Wants::Offline => drivers::leave_work(tx, driver),
                wants => drivers::set_wish(tx, driver, wants),
            };
            context.database.write(decision).await
        };
        link.wait(setting, |client, outcome: Result<DriverStatus, operations::Error>, link| match outcome {
            Ok(status) => {
                client.send(ride_hailing::driver_status(status, client.context.clock.now()), link);
            }
            Err(error) => client.not_done(&error, link),
        });
    }
}
