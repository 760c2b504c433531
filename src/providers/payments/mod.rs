//! Payment services behind one trait: they report the state of a payment by requests to our webhook. A service reads a
//! request into a verdict; others decide whether the job's amount agrees and whether the notice is a repetition.
//!
//! Invariants: no part of a request is believed before its signature is checked; data that is not needed is never
//! stored or shown, since it may be a card's.

mod signed;

pub use self::signed::{SignedWebhook, notice_schema};

use crate::domain::payment::Notice;
use chrono::{DateTime, Utc};
use std::fmt;

/// A payment service that sends us requests.
pub trait PaymentService: fmt::Debug + Send + Sync {
    /// Reads a request of this service. `header` returns the value of a header that the request has exactly once.
    fn read<'a>(
        &self,
        header: &dyn Fn(&str) -> Option<&'a str>,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Verdict, NotTaken>;
}

/// The content of a request that is believed.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Notice(Notice),
    /// Of a kind that says nothing about how far a payment is. Services add kinds; none is an error.
    NothingToUs,
}

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Not signed by the service, or not now. Nobody is told which: it would help only a forger.
    Unsigned,
    /// Signed, and not as it is agreed: each field, and what is wrong with it.
    Unreadable(Vec<(&'static str, &'static str)>),
}
