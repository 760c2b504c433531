//! Makes the decisions of searches durable, one piece of work at a time.

use crate::domain::candidate::Look;
use crate::domain::ids::JobId;
use crate::domain::position::Position;
use crate::matching::work::{Done, Work};
use crate::operations::{Error, rides, searches};
use crate::store::{Chain, Database, Tx};
use std::sync::Arc;
use std::time::Duration;

/// Waited before work is tried again that the database did not take.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Looks noted in one transaction. On SQLite decisions wait for the one that is running: a look takes 20 µs.
const LOOKS_MAX: usize = 50;

/// Does a search's work. Each is an operation of its own that changes nothing where the rows are no longer as they were.
/// `seen_at` is where a driver is who is to be bound.
pub async fn carry_out(database: Database, job: JobId, work: Work, seen_at: Option<Position>) -> Done {
    let work = Arc::new(work);
    let wanted = work.clone();
    match database.write(move |tx| decide(tx, job, &wanted, seen_at)).await {
        Ok(done) => done,
        Err(Error::Refused(refusal)) => {
            log::debug!("a search's step was refused job={job}: {refusal}");
            lost_or(Done::Carried, &work)
        }
        Err(Error::Store(error)) => {
            log::warn!("a search waits for the database job={job}: {}", Chain(&error));
            tokio::time::sleep(RETRY_AFTER).await;
            lost_or(Done::Failed, &work)
        }
    }
}

/// A claim with an unknown outcome also counts as lost: if the driver has the ride, the next claim finds that out.
fn lost_or(other: Done, work: &Work) -> Done {
    match work {
        Work::Claim(driver) => Done::ClaimLost(*driver),
        _ => other,
    }
}

fn decide(tx: &mut Tx<'_>, job: JobId, work: &Work, seen_at: Option<Position>) -> Result<Done, Error> {
    match work {
        Work::Offer { drivers, expires_at } => {
            return searches::offer(tx, job, drivers, *expires_at).map(Done::Offered);
        }
        Work::Claim(driver) => rides::claim(tx, job, *driver, seen_at)?,
        Work::Close { driver, reason } => searches::close_offer(tx, job, *driver, *reason)?,
        Work::Widen(step) => searches::widen(tx, job, *step)?,
        Work::GiveUp => searches::give_up(tx, job)?,
    }
    Ok(Done::Carried)
}

/// Writes down whom searches looked at, after all that somebody waits for. It is there to explain, so it is not tried twice.
pub async fn note(database: Database, looks: Vec<Look>) {
    for batch in looks.chunks(LOOKS_MAX) {
        let batch = batch.to_vec();
        if let Err(error) = database.write_bulk(move |tx| searches::note(tx, &batch)).await {
            log::warn!("the drivers that searches considered were not recorded: {}", Chain(&error));
        }
    }
}
