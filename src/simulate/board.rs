//! The common knowledge of one run's actors: the stage they act on, where each driver is, where each order goes, and
//! the figures. Locks are short and never held across an await.

use crate::clock::SharedClock;
use crate::domain::ids::{DriverId, JobId};
use crate::domain::position::Position;
use crate::simulate::city::City;
use crate::simulate::report::Figures;
use crate::simulate::rest::Refusal;
use crate::simulate::work::Trip;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Instant;
use tokio::sync::watch;
use uuid::Uuid;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Running,
    /// No new work; everybody comes back online, and what is open is ended.
    Ending,
    /// Everybody compares their book with the server's and leaves.
    Auditing,
}

/// One server, one city and one run.
pub struct Stage {
    /// The server's host and port.
    pub address: String,
    pub city: &'static City,
    pub clock: SharedClock,
    pub board: Board,
    pub phase: watch::Receiver<Phase>,
    began: Instant,
}

impl Stage {
    pub fn new(
        address: String,
        city: &'static City,
        clock: SharedClock,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self { address, city, clock, board: Board::default(), phase, began: Instant::now() }
    }

    /// Seconds since the run began.
    pub fn secs(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }
}

#[derive(Default)]
pub struct Board {
    figures: Mutex<Figures>,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    /// Where each driver's phone saw itself last, by account.
    drivers: HashMap<Uuid, Position>,
    accounts: HashMap<DriverId, Uuid>,
    /// The addresses of an order are for people; this is where they are.
    orders: HashMap<JobId, Trip>,
}

impl Board {
    pub fn count<T>(&self, change: impl FnOnce(&mut Figures) -> T) -> T {
        change(&mut self.figures.lock())
    }

    pub fn figures(&self) -> Figures {
        self.figures.lock().clone()
    }

    /// A request was refused.
    pub fn refused(&self, refusal: &Refusal) {
        self.count(|figures| *figures.refused.entry(refusal.code().to_owned()).or_default() += 1);
    }

    pub fn is_driver(&self, driver: DriverId, account: Uuid) {
        self.places.lock().accounts.insert(driver, account);
    }

    pub fn driver_is_at(&self, account: Uuid, position: Position) {
        self.places.lock().drivers.insert(account, position);
    }

    pub fn place_of(&self, account: Uuid) -> Option<Position> {
        self.places.lock().drivers.get(&account).copied()
    }

    pub fn place_of_driver(&self, driver: DriverId) -> Option<Position> {
        let places = self.places.lock();
        places.drivers.get(places.accounts.get(&driver)?).copied()
    }

    pub fn order_goes(&self, order: JobId, trip: Trip) {
        self.places.lock().orders.insert(order, trip);
    }

    /// Where an order goes; unknown of one that the simulation has not made.
    pub fn trip_of(&self, order: JobId) -> Option<Trip> {
        self.places.lock().orders.get(&order).copied()
    }
}
