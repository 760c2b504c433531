//! The external ids of a job's people, read together with it.

use crate::domain::ids::JobId;
use crate::store::connection::Conn;
use crate::store::error::StoreError;
use crate::store::rows::Job;
use crate::store::sql;
use std::collections::HashMap;

/// The external ids of a job's customer and its driver.
#[derive(Clone, Debug, Default)]
pub struct PeopleIds {
    pub customer: Option<String>,
    pub driver: Option<String>,
}

impl From<(Option<String>, Option<String>)> for PeopleIds {
    fn from((customer, driver): (Option<String>, Option<String>)) -> Self {
        Self { customer, driver }
    }
}

pub fn people_ids(conn: &mut Conn<'_>, job: &Job) -> Result<PeopleIds, StoreError> {
    match (job.customer_id, job.driver_id) {
        (None, None) => Ok(PeopleIds::default()),
        _ => Ok(sql!(conn, jobs::people_ids(job.id))?.unwrap_or_default().into()),
    }
}

/// The same of many, by job; a job without anybody is left out.
pub fn people_ids_of(conn: &mut Conn<'_>, jobs: &[JobId]) -> Result<HashMap<JobId, PeopleIds>, StoreError> {
    let ids: Vec<i64> = jobs.iter().map(|id| id.0).collect();
    let found = sql!(conn, jobs::people_ids_of(&ids))?;
    Ok(found.into_iter().map(|(job, ids)| (job, ids.into())).collect())
}
