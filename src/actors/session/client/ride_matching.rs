//! The matching app's part of a conversation: one socket serves one ride, under an id that the app chose. A client
//! without a token has no account until its first `find_driver`, which makes it a guest; the ride's other sockets are
//! told then.
//!
//! Invariant: each part of the ride's state is sent once on a connection, as its event or without a number
//! (`domain::recap`).

use super::delivering::Past;
use super::part::{Opened, Opening, Out, Part, Place, Reading};
use super::{Client, ClientContext, Recipient};
use crate::actors::ride_access::RideGuard;
use crate::actors::room::{Follower, Membership, Snapshot};
use crate::actors::session::{Lane, Link, SessionHandle, ToClient};
use crate::contracts::close_codes::CloseCode;
use crate::contracts::ride_matching::is_of;
use crate::contracts::{Contract, FindDriver, Inbound, ride_matching};
use crate::domain::delivery::{Delivery, Read, Selection, Step};
use crate::domain::event::{Event, EventBody, RideAssignment};
use crate::domain::ids::{EventId, JobId};
use crate::domain::payment::Terms;
use crate::domain::recap::{self, Recap};
use crate::domain::ride::{ANY_VEHICLE, CancelledBy, RideId};
use crate::domain::role::Role;
use crate::domain::search_policy::Patience;
use crate::operations::authentication;
use crate::operations::guests::{self, Passenger};
use crate::operations::rides::{self, Asker, RideRequest, UnderWay, Viewer};
use crate::operations::{self, Refusal};
use crate::rate_limit::Counted;
use crate::store::Party;
use crate::store::reads::RideStanding;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// The reason given when a passenger cancels their ride: the app sends none.
const CALLED_OFF: &str = "Cancelled by the passenger";

pub struct RideMatching {
    // identity
    ride: RideId,
    address: IpAddr,
    /// Among the sockets of its address, where it has no account.
    _place: Option<Counted<IpAddr>>,
    guard: RideGuard,
    /// None while the ride is nobody's.
    passenger: Option<Passenger>,
    // state
    /// The ride's state, until it has been sent.
    recap: Option<Box<(Recap, RideStanding)>>,
    /// The app has just been told that its search has begun.
    is_searching_said: bool,
    /// The room of the ride, once the app was told of its driver: where they are is said there.
    room: Option<Membership>,
}

/// A client that the matching door has let in.
pub struct Arrival {
    pub ride: RideId,
    pub address: IpAddr,
    /// Among the sockets of this address, for those without a token.
    pub place: Option<Counted<IpAddr>>,
    pub guard: RideGuard,
    /// With a token, or of a ride that is a guest's already.
    pub passenger: Option<(Passenger, Recipient)>,
    /// The number that the app named.
    pub last_event_id: Option<EventId>,
}

impl Client<RideMatching> {
    pub fn ride_matching(arrival: Arrival, context: Arc<ClientContext>) -> Self {
        let Arrival { ride, address, place, guard, passenger, last_event_id } = arrival;
        let (passenger, recipient) = passenger.unzip();
        let part = RideMatching {
            ride,
            address,
            _place: place,
            guard,
            passenger,
            recap: None,
            is_searching_said: false,
            room: None,
        };
        Self::new(part, recipient, last_event_id, context)
    }
}

/// Reads the state at opening. It checks the token again, which may have been revoked since the door did.
async fn open(
    of_ride: Option<(RideId, Passenger)>,
    recipient: Recipient,
    context: Arc<ClientContext>,
) -> Result<Option<Opened>, operations::Error> {
    let (inner, now) = (context.clone(), context.clock.now());
    let reading = context.database.read(move |conn| {
        if let Some(claims) = &recipient.claims
            && authentication::principal(conn, claims)?.is_none()
        {
            return Ok(None);
        }
        inner.look(conn, recipient.account, of_ride.as_ref(), now).map(Some)
    });
    Ok(reading.await?)
}

impl Part for RideMatching {
    const CONTRACT: Contract = Contract::RideMatching;
    type State = Opened;

    fn role(&self) -> Role {
        Role::Customer
    }

    /// That one ride, which a message may name; before its first search it is nobody's.
    fn part_in(&self, named: Option<RideId>) -> Option<(RideId, Viewer)> {
        let (ride, passenger) = self.of_ride()?;
        let is_it = named.is_none_or(|named| named == ride);
        is_it.then_some((ride, Viewer::Passenger(passenger.customer)))
    }

    fn ride(&self) -> Option<&RideId> {
        Some(&self.ride)
    }

    fn of_ride(&self) -> Option<(RideId, Passenger)> {
        Some((self.ride.clone(), self.passenger?))
    }

    fn party(&self) -> Option<Party> {
        Some(Party::Address(self.address))
    }

    fn delivery(&self) -> Delivery {
        let ride = self.ride.clone();
        Delivery::of(move |event| is_of(event, &ride))
    }

    fn opened(&mut self, handle: SessionHandle<ToClient>) -> Vec<Out> {
        self.guard.seated(handle);
        let key = self.guard.key.as_ref().map(|key| &*key.text);
        vec![Out::text(ride_matching::connection_established(&self.ride, key))]
    }

    fn owner(&self, context: &ClientContext) -> Reading<Option<Passenger>> {
        let (database, ride) = (context.database.clone(), self.ride.clone());
        Box::pin(async move { database.read(move |conn| guests::of_ride(conn, &ride)).await })
    }

    fn bound(&mut self, passenger: Passenger) {
        self.passenger = Some(passenger);
    }

    fn open(&self, recipient: Recipient, context: Arc<ClientContext>) -> Opening {
        Box::pin(open(self.of_ride(), recipient, context))
    }

    /// The current state is sent besides the replay, except for a search that the app has just been told about.
    fn resumed(&mut self, under_way: Option<UnderWay>, newest: EventId, read: Option<&Read>) {
        let is_said = std::mem::take(&mut self.is_searching_said);
        let is_to_say = |under_way: &UnderWay| !is_said || under_way.standing.ride.job.status.is_held();
        self.recap = under_way.filter(is_to_say).map(|UnderWay { standing, told }| {
            let job = &standing.ride.job;
            Box::new((Recap::new(job.id, job.status, &told, newest, read), standing))
        });
    }

    fn before(&mut self, event: &Event) -> Vec<Out> {
        let Some(mut recap) = self.recap.take() else { return Vec::new() };
        let said = self.say(recap.0.before(event), &recap.1);
        self.recap = Some(recap);
        said
    }

    /// The app follows a ride without asking, as long as it knows the ride's driver: it is not shown the position of a
    /// driver whom it does not know.
    fn sent(&mut self, event: &Event) -> Vec<Out> {
        let Some(job) = event.job else { return Vec::new() };
        let change = match &event.body {
            EventBody::RideAccepted(_) => self.follow(job),
            EventBody::DriverCancelled { .. }
            | EventBody::RideCompleted { .. }
            | EventBody::RideCancelled { .. } => self.room.take_if(|room| room.job == job).map(Out::Leave),
            _ => None,
        };
        change.into_iter().collect()
    }

    fn after(&mut self, sent: EventId) -> Vec<Out> {
        match self.recap.take_if(|recap| sent >= recap.0.newest()) {
            Some(recap) => {
                let (recap, standing) = *recap;
                self.say(recap.rest(), &standing)
            }
            None => Vec::new(),
        }
    }

    /// At its beginning a replay has the state with it; in the midst of one (what should have followed was pruned meanwhile) it
    /// is read anew.
    fn read_state(&self, context: &Arc<ClientContext>) -> Option<Reading<Opened>> {
        let (of_ride, None) = (self.of_ride()?, &self.recap) else { return None };
        let (context, now) = (context.clone(), context.clock.now());
        Some(Box::pin(async move {
            let (database, account) = (context.database.clone(), of_ride.1.account);
            database.read(move |conn| context.look(conn, account, Some(&of_ride), now)).await
        }))
    }

    fn state(&mut self, opened: Opened, place: Place<'_>, _: &ClientContext) -> Vec<Out> {
        let Opened { standing, under_way } = opened;
        let first = place.rest.iter().find_map(|step| match step {
            Step::Send(event) => Some(event.id.previous()),
            _ => None,
        });
        let read = Read {
            after: first.unwrap_or(place.sent),
            up_to: standing.newest,
            selection: Selection::Everything,
            generation: 0,
        };
        self.resumed(under_way, standing.newest, Some(&read));
        Vec::new()
    }

    fn entered(&mut self, membership: Membership) {
        self.room = Some(membership);
    }

    fn seen(&self, seen: Snapshot) -> Vec<Out> {
        let location = |(_, sighting)| Out::text(ride_matching::driver_location(&self.ride, &sighting));
        seen.driver.map(location).into_iter().collect()
    }

    fn said(client: &mut Client<Self>, inbound: Inbound, link: &mut Link<'_, Client<Self>>) {
        match inbound {
            Inbound::FindDriver(asked) => client.find_driver(*asked, link),
            Inbound::CancelRide => client.cancel_ride(link),
            _ => client.misplaced(link),
        }
    }
}

impl RideMatching {
    /// Says parts of the state, without a number.
    fn say(&self, parts: Vec<recap::Part>, standing: &RideStanding) -> Vec<Out> {
        let mut said = Vec::new();
        for part in parts {
            said.push(Out::text(shown(part, standing)));
            if part == recap::Part::DriverAssigned {
                said.extend(self.follow(standing.ride.job.id));
            }
        }
        said
    }

    /// `job` may be one that had the ride's id before; the numbers of those are lower.
    fn follow(&self, job: JobId) -> Option<Out> {
        let is_new = self.room.as_ref().is_none_or(|room| room.job < job);
        is_new.then(|| Out::Enter { job, ride: self.ride.clone(), follower: Follower::Passenger })
    }
}

fn shown(part: recap::Part, standing: &RideStanding) -> String {
    let (ride_id, job) = (&standing.ride.ride_id, &standing.ride.job);
    match (part, &standing.driver) {
        (recap::Part::DriverAssigned, Some((driver, account))) => {
            let assignment = RideAssignment {
                ride_id: ride_id.clone(),
                booking_id: job.id,
                driver: rides::card(driver, account),
                estimated_arrival: None,
            };
            ride_matching::driver_assigned(&assignment)
        }
        // A held ride has a driver, says the database.
        (recap::Part::Searching | recap::Part::DriverAssigned, _) => ride_matching::searching(ride_id),
        (recap::Part::DriverArrived, _) => ride_matching::driver_arrived(ride_id),
        (recap::Part::RideStarted, _) => {
            let started_at = job.started_at.unwrap_or(job.requested_at).and_utc();
            ride_matching::ride_started(ride_id, started_at)
        }
    }
}

impl Client<RideMatching> {
    /// Nothing else is handled before it is decided, so `searching` is said before whatever the search comes to.
    fn find_driver(&mut self, asked: FindDriver, link: &mut Link<'_, Self>) {
        let app = &self.part;
        let asker = match (&app.guard.key, app.passenger) {
            (Some(key), _) => Asker::Anonymous(guests::RideKeys { key: key.hash.clone(), from: app.address }),
            (None, Some(passenger)) => Asker::Account(passenger),
            // The door gives each of them the one or the other.
            (None, None) => return self.misplaced(link),
        };
        let stranger = app.guard.key.as_ref().map(|_| app.address);
        if let Err(wait) = self.context.search_limits.check(&app.ride, stranger, Instant::now()) {
            self.context.metrics.searches_limited.increment(1);
            return self.too_often(wait, link);
        }
        let (context, ride) = (self.context.clone(), app.ride.clone());
        let request = request(asked);
        let asking = async move {
            context.database.write(move |tx| rides::find_driver(tx, &ride, &asker, &request)).await
        };
        link.wait(asking, |client, outcome, link| match outcome {
            Ok(passenger) => client.searching(passenger, link),
            Err(operations::Error::Refused(Refusal::NotFound(_))) => {
                log::info!("session ended {client}: the ride is another's");
                link.close(CloseCode::AuthenticationFailed, CloseCode::AuthenticationFailed.reason());
            }
            Err(error) => client.not_done(&error, link),
        });
    }

    fn searching(&mut self, passenger: Passenger, link: &mut Link<'_, Self>) {
        let app = &mut self.part;
        let text = ride_matching::searching(&app.ride);
        if self.owner.is_none() {
            app.is_searching_said = true;
            // As many as sockets of one ride are open, and once for each ride.
            for other in app.guard.others() {
                let _ = other.send(ToClient::Bound(passenger), 0, Lane::Durable);
            }
        }
        self.send(text, link);
        self.bound(passenger, Past::None, link);
    }

    fn cancel_ride(&mut self, link: &mut Link<'_, Self>) {
        let app = &self.part;
        let Some(passenger) = app.passenger else {
            return self.not_done(&Refusal::NotFound("ride").into(), link);
        };
        let (context, ride) = (self.context.clone(), app.ride.clone());
        let cancelling = async move {
            context.database.write(move |tx| rides::call_off(tx, &ride, passenger.customer, CALLED_OFF)).await
        };
        link.wait(cancelling, |client, outcome, link| match outcome {
            // Its event is the answer.
            Ok(None) => {}
            Ok(Some(standing)) => client.send(cancelled(&standing), link),
            Err(error) => client.not_done(&error, link),
        });
    }
}

fn request(asked: FindDriver) -> RideRequest {
    RideRequest {
        ride_id: None,
        ride_type: ANY_VEHICLE.to_owned(),
        pickup: asked.pickup,
        dropoff: asked.dropoff,
        pickup_address: asked.pickup_address.unwrap_or_default(),
        dropoff_address: asked.dropoff_address.unwrap_or_default(),
        fare: asked.fare,
        terms: Terms { method: asked.payment_method, ..Terms::default() },
        distance_km: asked.distance_km,
        duration_minutes: asked.estimated_duration_minutes,
        scheduled_at: None,
        passenger_phone: asked.passenger_phone,
        patience: Patience::WhileAnybodyIsLeft,
        external_id: None,
    }
}

/// The answer to who cancels once more.
fn cancelled(standing: &RideStanding) -> String {
    let job = &standing.ride.job;
    let by = job.cancelled_by.clone().and_then(|word| CancelledBy::try_from(word).ok());
    let reason = job.cancel_reason.as_deref().unwrap_or_default();
    let by = by.unwrap_or(CancelledBy::Passenger);
    ride_matching::ride_cancelled(&standing.ride.ride_id, by, reason)
}
