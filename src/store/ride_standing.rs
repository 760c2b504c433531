//! A ride with its participants, as it is read.

use crate::domain::contact::Contact;
use crate::domain::ids::DriverId;
use crate::store::rows::{Account, Customer, Driver, Ride};

/// A ride, its passenger's account, and the driver who has it.
#[derive(Clone, Debug)]
pub struct RideStanding {
    pub ride: Ride,
    /// None for a ride that nobody with an account asked for.
    pub passenger: Option<Account>,
    pub passenger_external_id: Option<String>,
    pub driver: Option<(Driver, Account)>,
}

impl RideStanding {
    pub(super) fn new(
        ride: Ride,
        passenger: Option<(Customer, Account)>,
        driver: Option<(Driver, Account)>,
    ) -> Self {
        let (passenger_external_id, passenger) = match passenger {
            Some((customer, account)) => (customer.external_id, Some(account)),
            None => (None, None),
        };
        Self { ride, passenger, passenger_external_id, driver }
    }

    /// The passenger; for the driver who has the ride, and for nobody else.
    pub fn contact(&self) -> Contact {
        let account = self.passenger.as_ref().map(contact_by).unwrap_or_default();
        Contact { phone: self.ride.passenger_phone.clone().or(account.phone), ..account }
    }

    pub fn is_held_by(&self, driver: DriverId) -> bool {
        self.ride.job.driver_id == Some(driver) && self.ride.job.status.is_held()
    }
}

/// A guest has a number for each ride, and no name.
pub(super) fn contact_by(account: &Account) -> Contact {
    let name = (!account.is_guest).then(|| account.name.clone());
    Contact { name, phone: account.phone_number.clone() }
}
