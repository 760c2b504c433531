//! A job's story in the log: one line for each thing that happened to it, with ids to search by and the milliseconds
//! since it was requested. It contains nothing personal: no name, number, address or position, and nothing that anybody
//! wrote.

use crate::domain::ids::{AccountId, DriverId, JobId};
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::payment::PaymentStatus;
use crate::domain::ride::RideId;
use chrono::TimeDelta;
use std::fmt;

/// Something that happened to a job, and was committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    pub job: JobId,
    pub kind: JobKind,
    /// By which apps know a ride.
    pub ride: Option<RideId>,
    /// The customer's.
    pub account: Option<AccountId>,
    /// The driver who has the job, or had it until now.
    pub driver: Option<DriverId>,
    /// The request.
    pub since: TimeDelta,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Requested,
    /// A driver is looked for; so many were found, where that is known.
    Searched {
        found: Option<usize>,
    },
    /// To these drivers, at a time.
    Offered(Vec<DriverId>),
    /// The driver does not want what they were offered.
    Declined(DriverId),
    /// The job has this status, by whose doing if it was cancelled.
    Moved {
        to: JobStatus,
        by: Option<String>,
    },
    /// The driver is no longer heard from.
    Unreachable,
    /// The payment has this status.
    Payment(PaymentStatus),
}

impl What {
    /// In the words of the contract that has such jobs.
    fn word(&self, kind: JobKind) -> &'static str {
        match self {
            What::Requested => "requested",
            What::Searched { .. } => "searched",
            What::Offered(_) => "offered",
            What::Declined(_) => "declined",
            What::Moved { to, .. } => moved(kind, *to),
            What::Unreachable => "driver_unreachable",
            What::Payment(_) => "payment",
        }
    }
}

fn moved(kind: JobKind, to: JobStatus) -> &'static str {
    match (to, kind) {
        // The previous driver no longer has it.
        (JobStatus::Requested, _) => "given_back",
        (JobStatus::Assigned, JobKind::Ride) => "accepted",
        (JobStatus::Assigned, _) => "assigned",
        (JobStatus::EnRoute, JobKind::Delivery) => "accepted",
        (JobStatus::EnRoute, _) => "set_out",
        (JobStatus::Arrived, _) => "arrived",
        (JobStatus::InProgress, JobKind::Delivery) => "picked_up",
        (JobStatus::InProgress, _) => "started",
        (JobStatus::Completed, JobKind::Delivery) => "delivered",
        (JobStatus::Completed, _) => "completed",
        (JobStatus::Cancelled, _) => "cancelled",
        (JobStatus::Unmatched, _) => "no_drivers",
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.noun(), self.what.word(self.kind))?;
        if let Some(ride) = &self.ride {
            write!(f, " ride={ride}")?;
        }
        write!(f, " job={}", self.job)?;
        let driver = match &self.what {
            // Each in a field of its own, so that a search for one of them finds it.
            What::Offered(drivers) => {
                write!(f, " count={}", drivers.len())?;
                drivers.iter().try_for_each(|driver| write!(f, " driver={driver}"))?;
                None
            }
            What::Declined(driver) => Some(*driver),
            _ => self.driver,
        };
        if let Some(driver) = driver {
            write!(f, " driver={driver}")?;
        }
        if let Some(account) = self.account {
            write!(f, " account={account}")?;
        }
        match &self.what {
            What::Searched { found: Some(found) } => write!(f, " found={found}")?,
            What::Moved { by: Some(by), .. } => write!(f, " by={by}")?,
            What::Payment(status) => write!(f, " payment_status={}", status.as_str())?,
            _ => {}
        }
        write!(f, " since_ms={}", self.since.num_milliseconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(kind: JobKind, what: What) -> String {
        let ride = (kind == JobKind::Ride).then(|| RideId::new("r1").expect("a ride id"));
        let (account, driver) = (Some(AccountId(5)), Some(DriverId(7)));
        let since = TimeDelta::milliseconds(1250);
        Happening { job: JobId(17), kind, ride, account, driver, since, what }.to_string()
    }

    #[test]
    fn a_line_has_every_id_that_somebody_may_look_for() {
        assert_eq!(
            happening(JobKind::Ride, What::Moved { to: JobStatus::Assigned, by: None }),
            "ride accepted ride=r1 job=17 driver=7 account=5 since_ms=1250"
        );
        assert_eq!(
            happening(JobKind::Ride, What::Offered(vec![DriverId(1), DriverId(2)])),
            "ride offered ride=r1 job=17 count=2 driver=1 driver=2 account=5 since_ms=1250"
        );
        assert_eq!(
            happening(
                JobKind::Delivery,
                What::Moved { to: JobStatus::Cancelled, by: Some("admin".to_owned()) }
            ),
            "order cancelled job=17 driver=7 account=5 by=admin since_ms=1250"
        );
        assert_eq!(
            happening(JobKind::Service, What::Payment(PaymentStatus::Paid)),
            "booking payment job=17 driver=7 account=5 payment_status=paid since_ms=1250"
        );
    }

    #[test]
    fn a_status_is_told_in_the_word_of_its_contract() {
        let words = |kind| JobStatus::ALL.map(|to| moved(kind, to));
        let order = ["given_back", "assigned", "accepted", "arrived", "picked_up", "delivered"];
        assert_eq!(words(JobKind::Delivery)[..6], order);
        let ride = [
            "given_back",
            "accepted",
            "set_out",
            "arrived",
            "started",
            "completed",
            "cancelled",
            "no_drivers",
        ];
        assert_eq!(words(JobKind::Ride), ride);
        assert_eq!(words(JobKind::Service)[1..3], ["assigned", "set_out"]);
    }
}
