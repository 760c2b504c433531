//! The matching app's part of a conversation: one socket is one ride, under an id that the app chose. Who came without a token
//! is nobody until the first `find_driver`, which makes them a guest; the other sockets of the ride are told of it then.
//!
//! Invariant: of the ride's state each part is said once on a connection, by its event or without a number (`domain::recap`).

use super::delivering::Past;
use super::{Client, ClientContext, Opened, Part, Recipient};
use crate::actors::entrance::Admission;
use crate::actors::room::{Follower, Member, Membership, Seen};
use crate::actors::session::{Lane, Link, ToClient};
use crate::contracts::close_codes::CloseCode;
use crate::contracts::{Contract, FindDriver, Inbound, ride_matching};
use crate::domain::delivery::{Read, Selection, Step};
use crate::domain::event::{Event, EventBody, RideAssignment};
use crate::domain::ids::{EventId, JobId};
use crate::domain::payment::Terms;
use crate::domain::recap::{self, Recap};
use crate::domain::ride::{ANY_VEHICLE, CancelledBy, RideId};
use crate::domain::search_policy::Patience;
use crate::operations::authentication;
use crate::operations::guests::{self, Opening, Passenger};
use crate::operations::rides::{self, Asker, Request, UnderWay};
use crate::operations::{self, Refusal};
use crate::rate_limit::Counted;
use crate::store::reads::RideStanding;
use crate::store::{Party, StoreError};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// What everybody is told of a ride that its passenger cancels: the app sends no reason.
const CALLED_OFF: &str = "Cancelled by the passenger";

pub(super) struct RideMatching {
    // identity
    pub ride: RideId,
    address: IpAddr,
    /// Among the sockets of its address, where it has no account.
    _place: Option<Counted<IpAddr>>,
    admission: Admission,
    /// None while the ride is nobody's.
    pub passenger: Option<Passenger>,
    // state
    /// What the ride's state is, until it was said.
    recap: Option<Box<(Recap, RideStanding)>>,
    /// The app has just been told that its search has begun.
    is_searching_said: bool,
    /// The room of the ride, once the app was told of its driver: where they are is said there.
    room: Option<Membership>,
}

/// Who comes in by the matching door.
pub struct Arrival {
    pub ride: RideId,
    pub address: IpAddr,
    /// Among the sockets of this address, for those without a token.
    pub place: Option<Counted<IpAddr>>,
    pub admission: Admission,
    /// With a token, or of a ride that is a guest's already.
    pub passenger: Option<(Passenger, Recipient)>,
    /// What the app named.
    pub last_event_id: Option<EventId>,
}

impl Client {
    pub fn ride_matching(arrival: Arrival, context: Arc<ClientContext>) -> Self {
        let Arrival { ride, address, place, admission, passenger, last_event_id } = arrival;
        let (passenger, recipient) = passenger.unzip();
        let part = RideMatching {
            ride,
            address,
            _place: place,
            admission,
            passenger,
            recap: None,
            is_searching_said: false,
            room: None,
        };
        Self::new(Part::RideMatching(Box::new(part)), recipient, last_event_id, context)
    }
}

/// Before anything is read.
pub(super) fn opened(app: &RideMatching, link: &mut Link<'_, Client>) -> String {
    link.act_for(Party::Address(app.address));
    app.admission.seated(link.handle());
    let key = app.admission.key.as_ref().map(|key| &*key.text);
    ride_matching::connection_established(&app.ride, key)
}

/// Nobody's ride may have become a guest's since the door looked, by another of its sockets. From now on that one tells us, so
/// one of the two ways we hear of it.
pub(super) fn look_for_guest(client: &mut Client, link: &mut Link<'_, Client>) {
    let Part::RideMatching(app) = &client.part else { return };
    let (database, ride) = (client.context.database.clone(), app.ride.clone());
    let looking = async move { database.read(move |conn| guests::of_ride(conn, &ride)).await };
    link.wait(looking, |client, found: Result<_, StoreError>, link| match found {
        Ok(Some(guest)) => bound(client, guest, Past::Kept, link),
        Ok(None) => {
            // Whatever the app remembers of this ride is no longer there.
            if let Some(last) = client.last_event_id.take() {
                client.resume(last, link);
            }
        }
        Err(error) => client.give_up(&error.into(), link),
    });
}

/// The ride is this guest's, and so is the conversation.
pub(super) fn bound(client: &mut Client, guest: Passenger, past: Past, link: &mut Link<'_, Client>) {
    if client.recipient.is_some() {
        return;
    }
    if let Part::RideMatching(app) = &mut client.part {
        app.passenger = Some(guest);
        client.enter(Recipient { account: guest.account, claims: None }, past, link);
    }
}

/// What opening reads. The token is looked at again: it may have been revoked since the door did.
pub(super) async fn open(
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

/// After `resume_failed`. At its beginning a replay has the state with it; in the midst of one (what should have followed was
/// pruned meanwhile) it is read anew.
pub(super) fn snapshot(client: &mut Client, rest: Vec<Step>, link: &mut Link<'_, Client>) {
    let Part::RideMatching(app) = &client.part else { return };
    let (Some(of_ride), None) = (app.of_ride(), &app.recap) else {
        return client.carry_out(rest, None, link);
    };
    let (context, now) = (client.context.clone(), client.context.clock.now());
    let reading = async move {
        let (database, account) = (context.database.clone(), of_ride.1.account);
        database.read(move |conn| context.look(conn, account, Some(&of_ride), now)).await
    };
    link.wait(reading, move |client, opened: Result<Opened, StoreError>, link| match opened {
        Ok(Opened { standing, under_way }) => {
            let first = rest.iter().find_map(|step| match step {
                Step::Send(event) => Some(event.id.previous()),
                _ => None,
            });
            let read = Read {
                after: first.unwrap_or(client.delivery.sent()),
                up_to: standing.newest,
                selection: Selection::Everything,
                generation: 0,
            };
            recall(client, under_way, standing.newest, Some(&read));
            client.carry_out(rest, None, link);
        }
        Err(error) => client.give_up(&error.into(), link),
    });
}

/// What goes on is to be said beside what is replayed, but for a search of which the app has just been told.
pub(super) fn recall(client: &mut Client, under_way: Option<UnderWay>, newest: EventId, read: Option<&Read>) {
    let Part::RideMatching(app) = &mut client.part else { return };
    let is_said = std::mem::take(&mut app.is_searching_said);
    let is_to_say = |under_way: &UnderWay| !is_said || under_way.standing.ride.job.status.is_held();
    app.recap = under_way.filter(is_to_say).map(|UnderWay { standing, told }| {
        let job = &standing.ride.job;
        Box::new((Recap::new(job.id, job.status, &told, newest, read), standing))
    });
}

/// Says what has to be said before this event.
pub(super) fn before(client: &mut Client, event: &Event, link: &mut Link<'_, Client>) {
    let Part::RideMatching(app) = &mut client.part else { return };
    if let Some(mut recap) = app.recap.take() {
        say(client, recap.0.before(event), &recap.1, link);
        if let Part::RideMatching(app) = &mut client.part {
            app.recap = Some(recap);
        }
    }
}

/// Says what has to be said once everything up to `sent` was.
pub(super) fn after(client: &mut Client, sent: EventId, link: &mut Link<'_, Client>) {
    let Part::RideMatching(app) = &mut client.part else { return };
    if let Some(recap) = app.recap.take_if(|recap| sent >= recap.0.newest()) {
        let (recap, standing) = *recap;
        say(client, recap.rest(), &standing, link);
    }
}

/// Says parts of the state, without a number.
fn say(client: &mut Client, parts: Vec<recap::Part>, standing: &RideStanding, link: &mut Link<'_, Client>) {
    for part in parts {
        client.send(shown(part, standing), link);
        if part == recap::Part::DriverAssigned {
            follow(client, standing.ride.job.id, link);
        }
    }
}

/// An event of the ride was sent. The app follows a ride without asking to, as long as it knows of a driver who has it: it is not
/// shown where somebody is of whom it has not heard.
pub(super) fn sent(client: &mut Client, event: &Event, link: &mut Link<'_, Client>) {
    match (&event.body, event.job) {
        (EventBody::RideAccepted(_), Some(job)) => follow(client, job, link),
        (
            EventBody::DriverCancelled { .. }
            | EventBody::RideCompleted { .. }
            | EventBody::RideCancelled { .. },
            Some(job),
        ) => {
            if let Part::RideMatching(app) = &mut client.part {
                app.room.take_if(|room| room.job == job);
            }
        }
        _ => {}
    }
}

/// `job` may be one that had the ride's id before; the numbers of those are lower.
fn follow(client: &mut Client, job: JobId, link: &mut Link<'_, Client>) {
    let Part::RideMatching(app) = &mut client.part else { return };
    if app.room.as_ref().is_some_and(|room| room.job >= job) {
        return;
    }
    let member =
        Member { handle: link.handle(), contract: Contract::RideMatching, follower: Follower::Passenger };
    // A room that is full was counted; the ride goes on without positions.
    let Ok((membership, seen)) = client.context.rooms.enter(job, &app.ride, member) else { return };
    app.room = Some(membership);
    link.spawn(seen, |client, seen, link| {
        if let (Part::RideMatching(app), Ok(Seen { driver: Some((_, sighting)), .. })) = (&client.part, seen)
        {
            let location = ride_matching::driver_location(&app.ride, &sighting);
            client.send(location, link);
        }
    });
}

impl RideMatching {
    pub fn of_ride(&self) -> Option<(RideId, Passenger)> {
        Some((self.ride.clone(), self.passenger?))
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
            ride_matching::driver_assigned(&assignment, None)
        }
        // A held ride has a driver, says the database.
        (recap::Part::Searching | recap::Part::DriverAssigned, _) => ride_matching::searching(ride_id),
        (recap::Part::DriverArrived, _) => ride_matching::driver_arrived(ride_id, None),
        (recap::Part::RideStarted, _) => {
            let started_at = job.started_at.unwrap_or(job.requested_at).and_utc();
            ride_matching::ride_started(ride_id, started_at, None)
        }
    }
}

pub(super) fn said(client: &mut Client, inbound: Inbound, link: &mut Link<'_, Client>) {
    match inbound {
        Inbound::FindDriver(asked) => find_driver(client, *asked, link),
        Inbound::CancelRide => cancel_ride(client, link),
        _ => client.misplaced(link),
    }
}

/// Nothing else is handled before it is decided, so `searching` is said before whatever the search comes to.
fn find_driver(client: &mut Client, asked: FindDriver, link: &mut Link<'_, Client>) {
    let Part::RideMatching(app) = &client.part else { return };
    let asker = match (&app.admission.key, app.passenger) {
        (Some(key), _) => Asker::Anonymous(Opening { key: key.hash.clone(), from: app.address }),
        (None, Some(passenger)) => Asker::Account(passenger),
        // The door gives each of them the one or the other.
        (None, None) => return client.misplaced(link),
    };
    let stranger = app.admission.key.as_ref().map(|_| app.address);
    if let Err(wait) = client.context.search_limits.check(&app.ride, stranger, Instant::now()) {
        client.context.metrics.searches_limited.increment(1);
        return client.too_often(wait, link);
    }
    let (context, ride) = (client.context.clone(), app.ride.clone());
    let (request, rules) = (request(asked), context.rides);
    let asking = async move {
        context.database.write(move |tx| rides::find_driver(tx, &ride, &asker, &request, &rules)).await
    };
    link.wait(asking, |client, outcome, link| match outcome {
        Ok(passenger) => searching(client, passenger, link),
        Err(operations::Error::Refused(Refusal::NotFound(_))) => {
            log::info!("session ended {client}: the ride is another's");
            link.close(CloseCode::AuthenticationFailed, CloseCode::AuthenticationFailed.reason());
        }
        Err(error) => client.not_done(&error, link),
    });
}

fn request(asked: FindDriver) -> Request {
    Request {
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

fn searching(client: &mut Client, passenger: Passenger, link: &mut Link<'_, Client>) {
    let Part::RideMatching(app) = &mut client.part else { return };
    let text = ride_matching::searching(&app.ride);
    if client.recipient.is_none() {
        app.is_searching_said = true;
        // As many as sockets of one ride are open, and once for each ride.
        for other in app.admission.others() {
            let _ = other.send(ToClient::Bound(passenger), 0, Lane::Durable);
        }
    }
    client.send(text, link);
    bound(client, passenger, Past::None, link);
}

fn cancel_ride(client: &mut Client, link: &mut Link<'_, Client>) {
    let Part::RideMatching(app) = &client.part else { return };
    let Some(passenger) = app.passenger else {
        return client.not_done(&Refusal::NotFound("ride").into(), link);
    };
    let (context, ride) = (client.context.clone(), app.ride.clone());
    let cancelling = async move {
        let deliveries_max = context.deliveries_max;
        context
            .database
            .write(move |tx| rides::call_off(tx, &ride, passenger.customer, CALLED_OFF, deliveries_max))
            .await
    };
    link.wait(cancelling, |client, outcome, link| match outcome {
        // Its event is the answer.
        Ok(None) => {}
        Ok(Some(standing)) => client.send(cancelled(&standing), link),
        Err(error) => client.not_done(&error, link),
    });
}

/// The answer to who cancels once more.
fn cancelled(standing: &RideStanding) -> String {
    let job = &standing.ride.job;
    let by = job.cancelled_by.clone().and_then(|word| CancelledBy::try_from(word).ok());
    let reason = job.cancel_reason.as_deref().unwrap_or_default();
    let by = by.unwrap_or(CancelledBy::Passenger);
    ride_matching::ride_cancelled(&standing.ride.ride_id, by, reason, None)
}
