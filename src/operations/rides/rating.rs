//! A passenger's rating of a ride, and its effect on the driver's rating.

use super::{lock, standing};
use crate::domain::ids::CustomerId;
use crate::domain::job::JobStatus;
use crate::domain::ride::{RideId, Stars};
use crate::operations::drivers;
use crate::operations::error::{Error, Refusal};
use crate::operations::jobs::not_in_state;
use crate::store::reads::RideStanding;
use crate::store::{Tx, sql};

/// The passenger rates a completed ride, once. The driver's rating becomes the mean of theirs.
pub fn rate(
    tx: &mut Tx<'_>,
    ride_id: &RideId,
    passenger: CustomerId,
    stars: Stars,
    comment: Option<&str>,
) -> Result<RideStanding, Error> {
    let ride = lock(tx, ride_id)?;
    let job = &ride.job;
    if job.customer_id != Some(passenger) {
        return Err(Refusal::NotFound("ride").into());
    }
    if job.status != JobStatus::Completed {
        return Err(not_in_state(job));
    }
    let (stars, at) = (i64::from(stars.count()), tx.at());
    if sql!(tx, rides::rate(job.id, stars, comment, at))? == 0 {
        return Err(Refusal::AlreadyRated.into());
    }
    if let Some(driver) = job.driver_id {
        drivers::lock(tx, driver)?;
        let (mean, count) = sql!(tx, rides::rating_of(driver))?;
        let (mean, count) = mean_with(mean, count, stars);
        sql!(tx, rides::set_rating(driver, mean, count))?;
    }
    standing(tx, job.id)
}

/// A mean of `count` ratings with one more. A driver's initial value is not a rating, so the first rating replaces it.
fn mean_with(mean: f64, count: i64, stars: i64) -> (f64, i64) {
    let sum = mean * count as f64 + stars as f64;
    (sum / (count + 1) as f64, count + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rating_replaces_what_a_driver_begins_with() {
        assert_eq!(mean_with(5.0, 0, 2), (2.0, 1));
        assert_eq!(mean_with(2.0, 1, 5), (3.5, 2));
        assert_eq!(mean_with(3.5, 2, 5), (4.0, 3));
    }
}
