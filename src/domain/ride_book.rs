//! The book of rides at the door of the matching sockets: who owns a ride id, and who may enter with it. A ride is held
//! while a socket of it is open and for some minutes after. Once it was requested, the store knows it, too; the store's
//! knowledge of a ride that is not held comes in as a [`RideOwner`].
//!
//! Invariants: a ride that is held has one owner; never more rides are held than allowed; a slot is given back once.

use crate::domain::ids::AccountId;
use crate::domain::ride::RideId;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// How long a ride is held after its last socket: an app that changes networks is back by then.
pub const HELD_AFTER_LAST_SOCKET: Duration = Duration::from_secs(300);

/// Whether an anonymous ride wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RideKeyRule {
    /// Its key, or the address that opened it while no socket of it is open.
    Required,
    /// Its id is enough.
    Optional,
}

/// The stored form of a key. It comes from a keyed hash, so that a database alone opens nothing.
#[derive(Clone)]
pub struct KeyHash(String);

impl KeyHash {
    pub fn new(hash: impl Into<String>) -> Self {
        Self(hash.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In the same time wherever they differ.
    fn is(&self, other: &KeyHash) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

/// A key as its holder has it. Never shown.
#[derive(Clone)]
pub struct RideKey {
    pub text: String,
    pub hash: KeyHash,
    /// As it was kept before the server's secret was changed.
    pub previous: Option<KeyHash>,
}

impl RideKey {
    fn opens(&self, known: &KeyHash) -> bool {
        known.is(&self.hash) || self.previous.as_ref().is_some_and(|previous| known.is(previous))
    }
}

impl fmt::Debug for RideKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RideKey(..)")
    }
}

/// A client at the door.
#[derive(Clone, Debug)]
pub enum Applicant {
    Account(AccountId),
    Anonymous { key: Option<RideKey>, address: IpAddr },
}

/// The owner of the newest job under a ride id, according to the store.
#[derive(Clone, Debug)]
pub enum RideOwner {
    Account(AccountId),
    /// The keys that were given for it, and the address that opened it.
    Guest {
        keys: Vec<KeyHash>,
        opened_from: Option<IpAddr>,
    },
}

/// A place in the book, of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RideSlot(u64);

/// Somebody may enter.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub slot: RideSlot,
    /// That opens the ride again; none for who has an account.
    pub key: Option<RideKey>,
    /// The store does not know the key yet.
    pub is_key_new: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    #[error("the ride belongs to somebody else")]
    Stranger,
    /// They come from where the ride was opened, and may enter once the sockets that are open are gone.
    #[error("a socket of the ride is open")]
    Occupied,
    #[error("too many rides are held")]
    Full,
}

/// The book. `H` is by what a session that is open is spoken to.
pub struct RideBook<H> {
    rides: HashMap<RideId, Held<H>>,
    /// Rides without a socket, by the time since when.
    left: BTreeMap<(Instant, RideSlot), RideId>,
    next_slot: u64,
    rule: RideKeyRule,
    held_max: usize,
}

struct Held<H> {
    owner: Owner,
    /// Each open socket; without a handle until its session has begun.
    open: Vec<(RideSlot, Option<H>)>,
    left: Option<(Instant, RideSlot)>,
}

#[derive(Clone)]
enum Owner {
    Account(AccountId),
    Anonymous {
        opened_from: Option<IpAddr>,
        /// All that open it.
        keys: Vec<KeyHash>,
        /// The one for those who come without.
        gives: RideKey,
    },
}

impl<H: Clone> RideBook<H> {
    pub fn new(rule: RideKeyRule, held_max: usize) -> Self {
        Self { rides: HashMap::new(), left: BTreeMap::new(), next_slot: 0, rule, held_max }
    }

    /// Lets somebody in, or says why not. `claim` is what the store said just before; it counts where the ride is not held.
    /// `fresh` is a key that nobody has, for a ride that has none to give.
    pub fn enter(
        &mut self,
        ride: &RideId,
        applicant: &Applicant,
        claim: Option<RideOwner>,
        fresh: RideKey,
        now: Instant,
    ) -> Result<Admitted, NotAdmitted> {
        self.forget_the_expired(now);
        let slot = RideSlot(self.next_slot);
        let (key, is_key_new) = match self.rides.get(ride) {
            Some(held) => (held.owner.admits(applicant, held.open.is_empty(), self.rule)?, false),
            None => {
                let (owner, key, is_key_new) = Owner::of(applicant, claim, fresh, self.rule)?;
                self.make_room()?;
                self.rides.insert(ride.clone(), Held { owner, open: Vec::new(), left: None });
                (key, is_key_new)
            }
        };
        self.next_slot += 1;
        if let Some(held) = self.rides.get_mut(ride) {
            if let Some(left) = held.left.take() {
                self.left.remove(&left);
            }
            held.open.push((slot, None));
        }
        Ok(Admitted { slot, key, is_key_new })
    }

    /// The session of a slot has begun, and can be spoken to.
    pub fn seated(&mut self, ride: &RideId, slot: RideSlot, handle: H) {
        let open = self.rides.get_mut(ride).into_iter().flat_map(|held| &mut held.open);
        for (_, waiting) in open.filter(|(other, _)| *other == slot) {
            *waiting = Some(handle.clone());
        }
    }

    /// A socket has gone. Returns its handle.
    pub fn leave(&mut self, ride: &RideId, slot: RideSlot, now: Instant) -> Option<H> {
        let held = self.rides.get_mut(ride)?;
        let index = held.open.iter().position(|(other, _)| *other == slot)?;
        let (_, handle) = held.open.swap_remove(index);
        if held.open.is_empty() {
            held.left = Some((now, slot));
            self.left.insert((now, slot), ride.clone());
        }
        self.forget_the_expired(now);
        handle
    }

    /// The sessions of a ride; `None` while one has not begun.
    pub fn sessions(&self, ride: &RideId) -> Option<Vec<H>> {
        let open = self.rides.get(ride).into_iter().flat_map(|held| &held.open);
        open.map(|(_, handle)| handle.clone()).collect()
    }

    /// The other sessions of a ride.
    pub fn others(&self, ride: &RideId, slot: RideSlot) -> Vec<H> {
        let open = self.rides.get(ride).into_iter().flat_map(|held| &held.open);
        open.filter(|(other, _)| *other != slot).filter_map(|(_, handle)| handle.clone()).collect()
    }

    /// Rides held.
    pub fn len(&self) -> usize {
        self.rides.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rides.is_empty()
    }

    /// Where as many rides are held as may be, the one whose last socket has gone longest ago is held no longer: what was asked for
    /// the store knows, and of what was not nothing is lost but a key. So sockets that come and go fill no book.
    fn make_room(&mut self) -> Result<(), NotAdmitted> {
        if self.rides.len() < self.held_max {
            return Ok(());
        }
        let first = self.left.first_entry().ok_or(NotAdmitted::Full)?;
        self.rides.remove(&first.remove());
        Ok(())
    }

    fn forget_the_expired(&mut self, now: Instant) {
        while let Some(first) = self.left.first_entry() {
            let (since, _) = *first.key();
            if now.saturating_duration_since(since) < HELD_AFTER_LAST_SOCKET {
                return;
            }
            self.rides.remove(&first.remove());
        }
    }
}

impl Owner {
    /// Decides about a ride that is not held: the store's answer counts, and a ride that it does not know belongs to
    /// the first client. Returns, besides the owner, the key of the entering client, and whether the store has to be
    /// told of it.
    fn of(
        applicant: &Applicant,
        claim: Option<RideOwner>,
        fresh: RideKey,
        rule: RideKeyRule,
    ) -> Result<(Self, Option<RideKey>, bool), NotAdmitted> {
        match (claim, applicant) {
            (None, Applicant::Account(account)) => Ok((Owner::Account(*account), None, false)),
            (None, Applicant::Anonymous { address, .. }) => {
                let keys = vec![fresh.hash.clone()];
                let owner = Owner::Anonymous { opened_from: Some(*address), keys, gives: fresh.clone() };
                Ok((owner, Some(fresh), false))
            }
            (Some(RideOwner::Account(owner)), _) => {
                let owner = Owner::Account(owner);
                owner.admits(applicant, true, rule)?;
                Ok((owner, None, false))
            }
            (Some(RideOwner::Guest { mut keys, opened_from }), _) => {
                let presented = applicant.key_among(&keys).cloned();
                if presented.is_none() && !applicant.enters_without_key(opened_from, true, rule) {
                    return Err(NotAdmitted::Stranger);
                }
                let is_key_new = presented.is_none();
                let gives = presented.unwrap_or(fresh);
                keys.push(gives.hash.clone());
                Ok((Owner::Anonymous { opened_from, keys, gives: gives.clone() }, Some(gives), is_key_new))
            }
        }
    }

    /// The key that the entering client has from now on.
    fn admits(
        &self,
        applicant: &Applicant,
        is_nobody_there: bool,
        rule: RideKeyRule,
    ) -> Result<Option<RideKey>, NotAdmitted> {
        match (self, applicant) {
            (Owner::Account(owner), Applicant::Account(account)) if owner == account => Ok(None),
            (Owner::Account(_), _) => Err(NotAdmitted::Stranger),
            (Owner::Anonymous { opened_from, keys, gives }, _) => match applicant.key_among(keys) {
                Some(key) => Ok(Some(key.clone())),
                None if applicant.enters_without_key(*opened_from, is_nobody_there, rule) => {
                    Ok(Some(gives.clone()))
                }
                None if applicant.comes_from(*opened_from) => Err(NotAdmitted::Occupied),
                None => Err(NotAdmitted::Stranger),
            },
        }
    }
}

impl Applicant {
    /// The key they brought, if it is one of these.
    fn key_among(&self, keys: &[KeyHash]) -> Option<&RideKey> {
        match self {
            Applicant::Account(_) => None,
            Applicant::Anonymous { key, .. } => {
                key.as_ref().filter(|key| keys.iter().any(|known| key.opens(known)))
            }
        }
    }

    /// Into an anonymous ride: an app that knows of no keys and comes back.
    fn enters_without_key(
        &self,
        opened_from: Option<IpAddr>,
        is_nobody_there: bool,
        rule: RideKeyRule,
    ) -> bool {
        match self {
            Applicant::Account(_) => false,
            Applicant::Anonymous { .. } => {
                rule == RideKeyRule::Optional || is_nobody_there && self.comes_from(opened_from)
            }
        }
    }

    /// Whether they have no account, and come from this address.
    fn comes_from(&self, opened_from: Option<IpAddr>) -> bool {
        matches!(self, Applicant::Anonymous { address, .. } if opened_from == Some(*address))
    }
}

#[cfg(test)]
#[path = "ride_book_tests.rs"]
mod tests;
