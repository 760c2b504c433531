//! Access to the rides of the matching sockets: the book of rides, which the door and the sessions share. An admitted socket
//! holds an [`RideGuard`]; dropping it gives back its place in the book, even if no session was started.

use crate::actors::session::{SessionHandle, ToClient};
use crate::domain::ride::RideId;
use crate::domain::ride_book::{
    Admitted, Applicant, NotAdmitted, RideBook, RideKey, RideKeyRule, RideOwner, RideSlot,
};
use crate::metrics::Metrics;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a socket may take to answer for its app when the app seems to return: longer than a bad network delays a
/// ping and its pong, shorter than people wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub struct RideAccess {
    book: Arc<Mutex<RideBook<SessionHandle<ToClient>>>>,
    metrics: Arc<Metrics>,
}

/// A place in the book, for as long as it lives.
pub struct RideGuard {
    access: RideAccess,
    ride: RideId,
    slot: RideSlot,
    /// That opens the ride again; none for who has an account.
    pub key: Option<RideKey>,
    /// The store does not know the key yet.
    pub is_key_new: bool,
}

impl RideAccess {
    pub fn new(rule: RideKeyRule, held_max: usize, metrics: Arc<Metrics>) -> Self {
        Self { book: Arc::new(Mutex::new(RideBook::new(rule, held_max))), metrics }
    }

    /// `claim` is what the store says of the ride, `fresh` a key that nobody has.
    pub fn enter(
        &self,
        ride: RideId,
        applicant: &Applicant,
        claim: Option<RideOwner>,
        fresh: RideKey,
    ) -> Result<RideGuard, NotAdmitted> {
        let mut book = self.book.lock();
        let entered = book.enter(&ride, applicant, claim, fresh, Instant::now());
        self.metrics.rides_held.set(book.len() as f64);
        drop(book);
        if entered.as_ref().is_err_and(|refused| *refused == NotAdmitted::Full) {
            self.metrics.rides_held_refused.increment(1);
        }
        let Admitted { slot, key, is_key_new } = entered?;
        Ok(RideGuard { access: self.clone(), ride, slot, key, is_key_new })
    }

    /// An app that lost its network returns while its earlier socket is still open here: heartbeats would notice only
    /// after more than a minute. This asks each socket of the ride now, and gives them up if none answers; then it
    /// returns true. It returns false if one answers, or has not begun: then the newcomer is somebody else.
    pub async fn give_up_the_silent(&self, ride: &RideId) -> bool {
        let Some(sessions) = self.book.lock().sessions(ride) else { return false };
        let asked = Instant::now();
        sessions.iter().for_each(SessionHandle::ping);
        while asked.elapsed() < ANSWER_WITHIN {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.is_empty(ride) {
                return true;
            }
            if sessions.iter().any(|session| session.silent_for() < asked.elapsed()) {
                return false;
            }
        }
        sessions.iter().for_each(SessionHandle::give_up);
        // They leave their places as they end.
        let gave_up = Instant::now();
        while gave_up.elapsed() < ANSWER_WITHIN && !self.is_empty(ride) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }

    fn is_empty(&self, ride: &RideId) -> bool {
        self.book.lock().sessions(ride).is_some_and(|sessions| sessions.is_empty())
    }
}

impl RideGuard {
    /// The session has begun: the others of its ride can speak to it.
    pub fn seated(&self, handle: SessionHandle<ToClient>) {
        self.access.book.lock().seated(&self.ride, self.slot, handle);
    }

    /// The other sessions of the ride.
    pub fn others(&self) -> Vec<SessionHandle<ToClient>> {
        self.access.book.lock().others(&self.ride, self.slot)
    }
}

impl Drop for RideGuard {
    fn drop(&mut self) {
        let mut book = self.access.book.lock();
        let handle = book.leave(&self.ride, self.slot, Instant::now());
        self.access.metrics.rides_held.set(book.len() as f64);
        // A session's last handle frees what waits for it, which is nothing to do under a lock.
        drop(book);
        drop(handle);
    }
}
