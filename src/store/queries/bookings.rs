//! Bookings of technicians: jobs plus the columns of bookings. They move as all jobs do, by `jobs::advance`.

use super::Db;
use crate::domain::ids::{CustomerId, DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus};
use crate::store::rows::{Booking, NewBooking};
use crate::store::schema::{bookings, jobs};
use diesel::prelude::*;

pub fn insert(conn: &mut Db, new: &NewBooking<'_>, service: &str) -> QueryResult<JobId> {
    let id: JobId = diesel::insert_into(jobs::table).values(new).returning(jobs::id).get_result(conn)?;
    diesel::insert_into(bookings::table)
        .values((bookings::job_id.eq(id.0), bookings::service.eq(service)))
        .execute(conn)?;
    Ok(id)
}

pub fn find(conn: &mut Db, id: JobId) -> QueryResult<Option<Booking>> {
    jobs::table
        .inner_join(bookings::table)
        .filter(jobs::id.eq(id.0))
        .select(Booking::as_select())
        .first(conn)
        .optional()
}

/// Newest first, before the id `before`; of a customer, of a technician or of all, in one status or in any.
pub fn page(
    conn: &mut Db,
    customer: Option<CustomerId>,
    technician: Option<DriverId>,
    status: Option<JobStatus>,
    external_id: Option<&str>,
    before: JobId,
    limit: i64,
) -> QueryResult<Vec<Booking>> {
    let mut query = jobs::table
        .inner_join(bookings::table)
        .filter(jobs::kind.eq(JobKind::Service.as_str()))
        .filter(jobs::id.lt(before.0))
        .order(jobs::id.desc())
        .limit(limit)
        .select(Booking::as_select())
        .into_boxed();
    if let Some(customer) = customer {
        query = query.filter(jobs::customer_id.eq(customer.0));
    }
    if let Some(technician) = technician {
        query = query.filter(jobs::driver_id.eq(technician.0));
    }
    if let Some(status) = status {
        query = query.filter(jobs::status.eq(status.as_str()));
    }
    if let Some(external_id) = external_id {
        query = query.filter(jobs::external_id.eq(external_id));
    }
    query.load(conn)
}
