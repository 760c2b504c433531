//! A driver's status: it follows from the driver's wish, which is stored, and from the jobs that they hold.

use crate::domain::words::words;

words! {
    /// The driver's latest wish.
    Wants {
        Online = "online",
        Paused = "paused",
        Offline = "offline",
    }
}

words! {
    /// The resulting status, in the apps' words.
    DriverStatus {
        /// Work may come.
        Available = "available",
        /// At work, and nothing new is given to them.
        Busy = "busy",
        /// Not at work.
        Offline = "offline",
    }
}

/// Open jobs bound to one driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    pub deliveries: i64,
    pub rides: i64,
    /// Assigned, the journey not started: such a booking may be for tomorrow.
    pub services_ahead: i64,
    /// From StartJourney to its end.
    pub services_under_way: i64,
}

impl Holding {
    /// Holds anything that going offline has to wait for. A booking for next month waits for its journey instead.
    pub fn keeps_at_work(self) -> bool {
        self.deliveries + self.rides + self.services_under_way > 0
    }
}

/// The status of a driver. Going offline takes effect when the last job ends; until then such a driver is
/// `busy`, so that nothing new is matched to somebody who asked to stop.
pub fn status(wants: Wants, holding: Holding, deliveries_max: i64) -> DriverStatus {
    let occupied =
        holding.rides > 0 || holding.services_under_way > 0 || holding.deliveries >= deliveries_max;
    match wants {
        Wants::Offline if !holding.keeps_at_work() => DriverStatus::Offline,
        Wants::Offline | Wants::Paused => DriverStatus::Busy,
        Wants::Online if occupied => DriverStatus::Busy,
        Wants::Online => DriverStatus::Available,
    }
}

impl Wants {
    /// The words of `PUT driver/status`: `available` is online, `busy` is a pause.
    pub fn from_wire(word: &str) -> Option<Self> {
        match word {
            "online" | "available" => Some(Wants::Online),
            "busy" | "paused" => Some(Wants::Paused),
            "offline" => Some(Wants::Offline),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_follows_from_the_wish_and_the_jobs() {
        let idle = Holding::default();
        let one = Holding { deliveries: 1, ..idle };
        let full = Holding { deliveries: 5, ..idle };
        let booked = Holding { services_ahead: 1, ..idle };
        for (wants, holding, expected) in [
            (Wants::Online, idle, DriverStatus::Available),
            (Wants::Online, one, DriverStatus::Available),
            (Wants::Online, full, DriverStatus::Busy),
            (Wants::Online, booked, DriverStatus::Available),
            (Wants::Online, Holding { rides: 1, ..idle }, DriverStatus::Busy),
            (Wants::Online, Holding { services_under_way: 1, ..idle }, DriverStatus::Busy),
            (Wants::Paused, idle, DriverStatus::Busy),
            (Wants::Offline, idle, DriverStatus::Offline),
            (Wants::Offline, one, DriverStatus::Busy),
            (Wants::Offline, booked, DriverStatus::Offline),
            (Wants::Offline, Holding { services_under_way: 1, ..booked }, DriverStatus::Busy),
        ] {
            assert_eq!(status(wants, holding, 5), expected, "{wants:?} {holding:?}");
        }
    }
}
