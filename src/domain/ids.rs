//! Ids are newtypes, so that a driver's number never stands where an order's is wanted.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The row of an account. On the wire an account is named by its UUID.
    AccountId
}
id! {
    /// `driver_id` of the driver contract and of the operators' REST.
    DriverId
}
id! {
    /// `customer_id` of the operators' REST and of the push contract.
    CustomerId
}
id! {
    /// `order_id` of a delivery, `booking_id` of a ride or a service.
    JobId
}
id! {
    /// The row of a search for a ride's driver.
    SearchId
}
id! {
    /// The number of a durable event within one account: 1, 2, 3 … with no gap. 0 stands before the first.
    EventId
}

impl Default for EventId {
    fn default() -> Self {
        EventId::NONE
    }
}

impl EventId {
    /// Before the first event.
    pub const NONE: EventId = EventId(0);

    /// The number that follows.
    pub fn next(self) -> EventId {
        EventId(self.0 + 1)
    }

    /// The number before.
    pub fn previous(self) -> EventId {
        EventId(self.0 - 1)
    }
}
