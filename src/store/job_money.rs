//! The amounts of jobs and rides from their rows, each in the row's currency.

use crate::domain::money::Money;
use crate::store::rows::{Job, Ride};

impl Job {
    /// The driver's earnings from it.
    pub fn earnings(&self) -> Money {
        self.payment.money(self.earnings_minor)
    }

    /// The amount that the customer pays for an order or a booking, if known.
    pub fn payable(&self) -> Option<Money> {
        self.payment.amount_minor.map(|minor| self.payment.money(minor))
    }
}

impl Ride {
    pub fn estimated_fare(&self) -> Money {
        self.job.payment.money(self.estimated_fare_minor.unwrap_or(self.job.earnings_minor))
    }

    pub fn final_fare(&self) -> Option<Money> {
        self.final_fare_minor.map(|minor| self.job.payment.money(minor))
    }

    /// The amount that the passenger pays: the fare, unless another amount was set.
    pub fn payable(&self) -> Money {
        self.job.payable().or(self.final_fare()).unwrap_or(self.estimated_fare())
    }
}
