//! Plain reads for REST, actors and operations: the content of a list or a page, assembled from the queries. They
//! decide nothing.

use crate::domain::contact::Contact;
use crate::domain::ids::{CustomerId, DriverId, JobId, SearchId};
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::ride::RideId;
use crate::store::connection::Conn;
use crate::store::error::StoreError;
use crate::store::people_ids::people_ids_of;
use crate::store::people_search::PeopleSearch;
use crate::store::ride_standing::contact_by;
use crate::store::rows::{
    Account, Booking, CandidateRow, Customer, Driver, EventTrace, Job, Location, OfferRow, Ride, SearchRecord,
};
use crate::store::sql;
use chrono::{DateTime, NaiveDateTime, Utc};
use std::collections::{HashMap, HashSet};

pub use crate::store::people_ids::{PeopleIds, people_ids};
pub use crate::store::ride_standing::RideStanding;

/// Rows that one request for people by a part of their name looks at: some 20 ms.
const SEARCHED_MAX: i64 = 20_000;
/// Ids in one statement. SQLite takes 32,766.
const IDS_MAX: usize = 1000;

/// A driver, their account, and the ids of their open jobs, ascending.
pub type DriverStanding = (Driver, Account, Vec<JobId>);

pub fn driver(conn: &mut Conn<'_>, id: DriverId) -> Result<Option<DriverStanding>, StoreError> {
    let Some((driver, account)) = sql!(conn, drivers::find(id))? else { return Ok(None) };
    let held = sql!(conn, jobs::held(id))?.into_iter().map(|(job, _, _)| job).collect();
    Ok(Some((driver, account, held)))
}

/// Ascending by id, after `after`.
pub fn drivers(conn: &mut Conn<'_>, after: DriverId, limit: i64) -> Result<Vec<DriverStanding>, StoreError> {
    let page = sql!(conn, drivers::page(after, limit))?;
    with_jobs(conn, page)
}

/// A driver as the matcher sees them.
#[derive(Clone, Debug)]
pub struct Matchable {
    pub driver: Driver,
    pub account: Account,
    /// Holds deliveries.
    pub is_carrying: bool,
}

/// Ascending by id, after `after`.
pub fn matchable_drivers(
    conn: &mut Conn<'_>,
    after: DriverId,
    limit: i64,
) -> Result<Vec<Matchable>, StoreError> {
    let page = sql!(conn, drivers::page(after, limit))?;
    matchable(conn, page)
}

/// These drivers, as far as there are such.
pub fn matchable_among(conn: &mut Conn<'_>, ids: &[DriverId]) -> Result<Vec<Matchable>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(sql!(conn, drivers::find(*id))?);
    }
    matchable(conn, found)
}

/// Drivers with changes other than the position since then, and their times.
pub fn drivers_changed_since(
    conn: &mut Conn<'_>,
    since: DateTime<Utc>,
) -> Result<Vec<(DriverId, NaiveDateTime)>, StoreError> {
    Ok(sql!(conn, drivers::changed_since(since.naive_utc()))?)
}

fn matchable(conn: &mut Conn<'_>, drivers: Vec<(Driver, Account)>) -> Result<Vec<Matchable>, StoreError> {
    let carrying: HashSet<DriverId> = match &drivers[..] {
        // A single driver's statement stays prepared, a list's does not.
        [(one, _)] => carries(conn, one.id)?.then_some(one.id).into_iter().collect(),
        several => {
            let mut carrying = HashSet::new();
            for some in several.chunks(IDS_MAX) {
                let ids: Vec<i64> = some.iter().map(|(driver, _)| driver.id.0).collect();
                carrying.extend(sql!(conn, jobs::carrying_among(&ids))?);
            }
            carrying
        }
    };
    let with = |(driver, account): (Driver, Account)| Matchable {
        is_carrying: carrying.contains(&driver.id),
        driver,
        account,
    };
    Ok(drivers.into_iter().map(with).collect())
}

fn with_jobs(
    conn: &mut Conn<'_>,
    drivers: Vec<(Driver, Account)>,
) -> Result<Vec<DriverStanding>, StoreError> {
    let ids: Vec<i64> = drivers.iter().map(|(driver, _)| driver.id.0).collect();
    let mut jobs: HashMap<DriverId, Vec<JobId>> = HashMap::new();
    for (driver, job) in sql!(conn, jobs::held_by_any(&ids))? {
        jobs.entry(driver).or_default().push(job);
    }
    let standing = |(driver, account): (Driver, Account)| {
        let mut held = jobs.remove(&driver.id).unwrap_or_default();
        held.sort_unstable();
        (driver, account, held)
    };
    Ok(drivers.into_iter().map(standing).collect())
}

/// Ascending by id, after `after`.
pub fn customers(
    conn: &mut Conn<'_>,
    after: CustomerId,
    limit: i64,
) -> Result<Vec<(Customer, Account)>, StoreError> {
    sql!(conn, customers::page(after, limit))
}

pub fn customer(conn: &mut Conn<'_>, id: CustomerId) -> Result<Option<(Customer, Account)>, StoreError> {
    Ok(sql!(conn, customers::find(id))?.filter(|(_, account)| !account.is_guest))
}

pub type CustomerStanding = (Customer, Account);

/// A page of those who were found, and how far was looked where more are left.
pub type Found<Row, Id> = (Vec<Row>, Option<Id>);

/// Drivers who are looked for, as a page of them, and how far was looked where more are left: a substring has no index, so
/// each request looks at [`SEARCHED_MAX`] rows at most.
pub fn drivers_found(
    conn: &mut Conn<'_>,
    search: &PeopleSearch,
    after: DriverId,
    limit: i64,
) -> Result<Found<DriverStanding, DriverId>, StoreError> {
    let up_to = sql!(conn, drivers::nth_after(after, SEARCHED_MAX))?;
    let page = sql!(conn, drivers::search(search, after, up_to, limit))?;
    Ok((with_jobs(conn, page)?, up_to))
}

/// The same of customers.
pub fn customers_found(
    conn: &mut Conn<'_>,
    search: &PeopleSearch,
    after: CustomerId,
    limit: i64,
) -> Result<Found<CustomerStanding, CustomerId>, StoreError> {
    let up_to = sql!(conn, customers::nth_after(after, SEARCHED_MAX))?;
    Ok((sql!(conn, customers::search(search, after, up_to, limit))?, up_to))
}

/// An order as operators see it: with what other systems call whom it concerns.
pub type OperatorsOrder = (Job, PeopleIds);

pub fn operators_order(conn: &mut Conn<'_>, job: Job) -> Result<OperatorsOrder, StoreError> {
    let people = people_ids(conn, &job)?;
    Ok((job, people))
}

pub fn order(conn: &mut Conn<'_>, id: JobId) -> Result<Option<Job>, StoreError> {
    Ok(sql!(conn, jobs::find(id))?.filter(|job| job.kind == JobKind::Delivery))
}

/// Newest first, before the id `before`.
pub fn orders(
    conn: &mut Conn<'_>,
    status: Option<JobStatus>,
    external_id: Option<&str>,
    before: JobId,
    limit: i64,
) -> Result<Vec<OperatorsOrder>, StoreError> {
    let jobs = sql!(conn, jobs::page(JobKind::Delivery, None, status, external_id, before, limit))?;
    let mut people = people_ids_of(conn, &jobs.iter().map(|job| job.id).collect::<Vec<_>>())?;
    let standing = |job: Job| {
        let people = people.remove(&job.id).unwrap_or_default();
        (job, people)
    };
    Ok(jobs.into_iter().map(standing).collect())
}

/// The orders that a driver holds, oldest assignment first, each with whom to call.
pub fn orders_of(conn: &mut Conn<'_>, driver: DriverId) -> Result<Vec<(Job, Contact)>, StoreError> {
    let held = sql!(conn, jobs::held_by(driver, JobKind::Delivery))?;
    held.into_iter().map(|job| Ok((job.clone(), customer_of(conn, &job)?))).collect()
}

/// An order, and who brings it.
#[derive(Clone, Debug)]
pub struct OrderStanding {
    pub job: Job,
    pub driver: Option<(Driver, Account)>,
}

pub fn order_standing(conn: &mut Conn<'_>, id: JobId) -> Result<Option<OrderStanding>, StoreError> {
    let Some(job) = order(conn, id)? else { return Ok(None) };
    let driver = match job.driver_id {
        Some(driver) => sql!(conn, drivers::find(driver))?,
        None => None,
    };
    Ok(Some(OrderStanding { job, driver }))
}

/// A customer's, newest first, before the id `before`.
pub fn orders_for(
    conn: &mut Conn<'_>,
    customer: CustomerId,
    status: Option<JobStatus>,
    external_id: Option<&str>,
    before: JobId,
    limit: i64,
) -> Result<Vec<OrderStanding>, StoreError> {
    let page = sql!(conn, jobs::page(JobKind::Delivery, Some(customer), status, external_id, before, limit))?;
    let drivers: Vec<i64> = page.iter().filter_map(|job| job.driver_id).map(i64::from).collect();
    let drivers = drivers_by_id(conn, &drivers)?;
    let standing =
        |job: Job| OrderStanding { driver: job.driver_id.and_then(|id| drivers.get(&id).cloned()), job };
    Ok(page.into_iter().map(standing).collect())
}

fn drivers_by_id(
    conn: &mut Conn<'_>,
    ids: &[i64],
) -> Result<HashMap<DriverId, (Driver, Account)>, StoreError> {
    let found = sql!(conn, rides::drivers(ids))?;
    Ok(found.into_iter().map(|(driver, account)| (driver.id, (driver, account))).collect())
}

/// The contact for the driver of a job; `None` unless the job is theirs now.
pub fn contact(conn: &mut Conn<'_>, job: JobId, driver: DriverId) -> Result<Option<Contact>, StoreError> {
    let Some(job) = sql!(conn, jobs::find(job))? else { return Ok(None) };
    if job.driver_id != Some(driver) || !job.status.is_held() {
        return Ok(None);
    }
    let customer = customer_of(conn, &job)?;
    let of_ride = match job.kind {
        JobKind::Ride => sql!(conn, rides::find(job.id))?.and_then(|ride| ride.passenger_phone),
        JobKind::Delivery | JobKind::Service => None,
    };
    Ok(Some(Contact { phone: of_ride.or(customer.phone), ..customer }))
}

fn customer_of(conn: &mut Conn<'_>, job: &Job) -> Result<Contact, StoreError> {
    let account = match job.customer_id {
        Some(id) => sql!(conn, customers::find(id))?.map(|(_, account)| account),
        None => None,
    };
    Ok(account.as_ref().map(contact_by).unwrap_or_default())
}

/// A driver's recorded positions from `from` (a time and the id of the row before) until `to`, oldest first; `None` where
/// there is no such driver.
pub fn track(
    conn: &mut Conn<'_>,
    driver: DriverId,
    from: (NaiveDateTime, i64),
    to: NaiveDateTime,
    limit: i64,
) -> Result<Option<Vec<Location>>, StoreError> {
    match sql!(conn, drivers::find(driver))? {
        Some(_) => sql!(conn, locations::track(driver, from, to, limit)).map(Some),
        None => Ok(None),
    }
}

/// The newest ride under this id.
pub fn ride(conn: &mut Conn<'_>, ride_id: &RideId) -> Result<Option<RideStanding>, StoreError> {
    match sql!(conn, rides::id_of(ride_id.as_str()))? {
        Some(id) => ride_of(conn, id),
        None => Ok(None),
    }
}

/// The same by its job.
pub fn ride_of(conn: &mut Conn<'_>, job: JobId) -> Result<Option<RideStanding>, StoreError> {
    sql!(conn, rides::find(job))?.map(|ride| with_its_people(conn, ride)).transpose()
}

/// The owner of the rides in a list.
#[derive(Clone, Copy, Debug)]
pub enum RidesOf {
    Passenger(CustomerId),
    Driver(DriverId),
    Everybody,
}

/// Newest first, before the id `before`.
pub fn rides(
    conn: &mut Conn<'_>,
    of: RidesOf,
    statuses: Option<&[JobStatus]>,
    external_id: Option<&str>,
    before: JobId,
    limit: i64,
) -> Result<Vec<RideStanding>, StoreError> {
    let (passenger, driver) = match of {
        RidesOf::Passenger(passenger) => (Some(passenger), None),
        RidesOf::Driver(driver) => (None, Some(driver)),
        RidesOf::Everybody => (None, None),
    };
    // In several statuses by a walk for each: one of them all would sort whatever is in any.
    let statuses = statuses.map_or(vec![None], |statuses| statuses.iter().copied().map(Some).collect());
    let mut page: Vec<Ride> = Vec::new();
    for status in statuses {
        page.extend(sql!(conn, rides::page(passenger, driver, status, external_id, before, limit))?);
    }
    page.sort_unstable_by_key(|ride| std::cmp::Reverse(ride.job.id));
    page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    with_people(conn, page)
}

/// Those that have not ended, newest first.
pub fn open_rides(conn: &mut Conn<'_>, of: RidesOf, limit: i64) -> Result<Vec<RideStanding>, StoreError> {
    let open: Vec<JobStatus> = JobStatus::ALL.into_iter().filter(|status| status.is_open()).collect();
    rides(conn, of, Some(&open), None, JobId(i64::MAX), limit)
}

/// Adds to rides who takes part in them, in the same order.
fn with_people(conn: &mut Conn<'_>, rides: Vec<Ride>) -> Result<Vec<RideStanding>, StoreError> {
    let passengers: Vec<i64> = rides.iter().filter_map(|ride| ride.job.customer_id).map(i64::from).collect();
    let drivers: Vec<i64> = rides.iter().filter_map(|ride| ride.job.driver_id).map(i64::from).collect();
    let passengers: HashMap<CustomerId, CustomerStanding> = sql!(conn, rides::passengers(&passengers))?
        .into_iter()
        .map(|(customer, account)| (customer.id, (customer, account)))
        .collect();
    let drivers = drivers_by_id(conn, &drivers)?;
    let standing = |ride: Ride| {
        let passenger = ride.job.customer_id.and_then(|id| passengers.get(&id).cloned());
        let driver = ride.job.driver_id.and_then(|id| drivers.get(&id).cloned());
        RideStanding::new(ride, passenger, driver)
    };
    Ok(rides.into_iter().map(standing).collect())
}

/// The same of one ride, by statements that stay prepared; a list's do not.
pub fn with_its_people(conn: &mut Conn<'_>, ride: Ride) -> Result<RideStanding, StoreError> {
    let passenger = match ride.job.customer_id {
        Some(id) => sql!(conn, customers::find(id))?,
        None => None,
    };
    let driver = match ride.job.driver_id {
        Some(id) => sql!(conn, drivers::find(id))?,
        None => None,
    };
    Ok(RideStanding::new(ride, passenger, driver))
}

/// A booking, and the account of the technician who has it.
#[derive(Clone, Debug)]
pub struct BookingStanding {
    pub booking: Booking,
    pub technician: Option<Account>,
    pub people: PeopleIds,
}

pub fn booking(conn: &mut Conn<'_>, id: JobId) -> Result<Option<BookingStanding>, StoreError> {
    let Some(booking) = sql!(conn, bookings::find(id))? else { return Ok(None) };
    let technician = match booking.job.driver_id {
        Some(id) => sql!(conn, drivers::find(id))?.map(|(_, account)| account),
        None => None,
    };
    let people = people_ids(conn, &booking.job)?;
    Ok(Some(BookingStanding { booking, technician, people }))
}

/// The owner of the bookings in a list.
#[derive(Clone, Copy, Debug)]
pub enum BookingsOf {
    Customer(CustomerId),
    Technician(DriverId),
    Everybody,
}

impl BookingsOf {
    pub fn technician(self) -> Option<DriverId> {
        match self {
            BookingsOf::Technician(driver) => Some(driver),
            BookingsOf::Customer(_) | BookingsOf::Everybody => None,
        }
    }
}

/// Newest first, before the id `before`.
pub fn bookings(
    conn: &mut Conn<'_>,
    of: BookingsOf,
    status: Option<JobStatus>,
    external_id: Option<&str>,
    before: JobId,
    limit: i64,
) -> Result<Vec<BookingStanding>, StoreError> {
    let (customer, technician) = match of {
        BookingsOf::Customer(customer) => (Some(customer), None),
        BookingsOf::Technician(driver) => (None, Some(driver)),
        BookingsOf::Everybody => (None, None),
    };
    let page = sql!(conn, bookings::page(customer, technician, status, external_id, before, limit))?;
    with_technicians(conn, page)
}

fn with_technicians(conn: &mut Conn<'_>, bookings: Vec<Booking>) -> Result<Vec<BookingStanding>, StoreError> {
    let drivers: Vec<i64> =
        bookings.iter().filter_map(|booking| booking.job.driver_id).map(i64::from).collect();
    let technicians = drivers_by_id(conn, &drivers)?;
    let account = |id: DriverId| technicians.get(&id).map(|(_, account)| account.clone());
    let mut people = people_ids_of(conn, &bookings.iter().map(|booking| booking.job.id).collect::<Vec<_>>())?;
    let standing = |booking: Booking| BookingStanding {
        technician: booking.job.driver_id.and_then(account),
        people: people.remove(&booking.job.id).unwrap_or_default(),
        booking,
    };
    Ok(bookings.into_iter().map(standing).collect())
}

/// Whether a driver gave this job back or let it pass.
pub fn has_declined(conn: &mut Conn<'_>, job: JobId, driver: DriverId) -> Result<bool, StoreError> {
    Ok(sql!(conn, jobs::declined_by(job))?.contains(&driver.0))
}

/// All that is known of a job's way.
#[derive(Clone, Debug)]
pub struct TracedJob {
    pub job: Job,
    pub arrived_at: Option<NaiveDateTime>,
    /// The first one first.
    pub searches: Vec<SearchRecord>,
    /// By search, the nearest first.
    pub candidates: Vec<CandidateRow>,
    /// Each with its search, and when the driver's device confirmed it.
    pub offers: Vec<(SearchId, OfferRow, Option<NaiveDateTime>)>,
    /// In the order in which they happened.
    pub events: Vec<EventTrace>,
    /// The external ids of the drivers among them.
    pub driver_external_ids: HashMap<DriverId, String>,
}

pub fn trace(conn: &mut Conn<'_>, id: JobId) -> Result<Option<TracedJob>, StoreError> {
    let Some(job) = sql!(conn, jobs::find(id))? else { return Ok(None) };
    let candidates = sql!(conn, traces::candidates_of(id))?;
    let offers = sql!(conn, offers::of_job(id))?;
    let offered = offers.iter().map(|(_, offer, _)| offer.driver_id.0);
    let mut drivers: Vec<i64> = candidates.iter().map(|row| row.driver_id.0).chain(offered).collect();
    drivers.sort_unstable();
    drivers.dedup();
    let mut driver_external_ids = HashMap::new();
    for page in drivers.chunks(IDS_MAX) {
        driver_external_ids.extend(sql!(conn, drivers::external_ids(page))?);
    }
    Ok(Some(TracedJob {
        job,
        arrived_at: sql!(conn, jobs::arrived_at(id))?,
        searches: sql!(conn, traces::searches_of(id))?,
        candidates,
        offers,
        driver_external_ids,
        events: sql!(conn, traces::events_of(id))?,
    }))
}

/// The last searches that looked at a driver, the newest first, each with its job and the offer that it made them.
pub fn looks_at(
    conn: &mut Conn<'_>,
    driver: DriverId,
    limit: i64,
) -> Result<Vec<(CandidateRow, SearchRecord, Option<OfferRow>)>, StoreError> {
    sql!(conn, traces::looks_at(driver, limit))
}

/// Whether a driver holds deliveries.
pub fn carries(conn: &mut Conn<'_>, driver: DriverId) -> Result<bool, StoreError> {
    let held = sql!(conn, jobs::held(driver))?;
    Ok(held.iter().any(|(_, kind, _)| *kind == JobKind::Delivery))
}

/// Drivers who are not offline, and rides that a driver has.
pub fn under_way(conn: &mut Conn<'_>) -> Result<(i64, i64), StoreError> {
    Ok((sql!(conn, drivers::count_online())?, sql!(conn, rides::count_held())?))
}

/// The first demo accounts that can log in, in the order they were made.
pub fn demo_accounts(conn: &mut Conn<'_>, limit: i64) -> Result<Vec<Account>, StoreError> {
    sql!(conn, accounts::first_demo(limit))
}

/// Whether the database answers at all.
pub fn probe(conn: &mut Conn<'_>) -> Result<(), StoreError> {
    sql!(conn, accounts::any()).map(drop)
}
