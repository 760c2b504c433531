//! The recipients of notifications: a cache of the devices and preferences of customers who were needed recently. A
//! customer whose devices or preferences change is forgotten right after the commit, so a hit is always the last
//! committed state.

use crate::domain::ids::CustomerId;
use crate::operations::push::{Recipient, recipients};
use crate::store::{Database, StoreError};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Some 5 MB; past it all are forgotten, which costs each a read.
const KEPT_MAX: usize = 10_000;

#[derive(Default)]
pub struct Recipients {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<CustomerId, Arc<Recipient>>,
    /// Rises with each customer that is forgotten.
    forgotten: u64,
}

impl Recipients {
    pub fn forget(&self, customer: CustomerId) {
        let mut state = self.state.lock();
        state.forgotten += 1;
        state.known.remove(&customer);
    }

    /// Those of these customers that there are; who is not known is read.
    pub async fn find(
        &self,
        customers: impl Iterator<Item = CustomerId>,
        database: &Database,
    ) -> Result<HashMap<CustomerId, Arc<Recipient>>, StoreError> {
        let (mut found, unknown, began) = self.known(customers);
        if unknown.is_empty() {
            return Ok(found);
        }
        let read = database.read(move |conn| recipients(conn, &unknown)).await?;
        let read: Vec<_> = read.into_iter().map(|(id, recipient)| (id, Arc::new(recipient))).collect();
        self.keep(&read, began);
        found.extend(read);
        Ok(found)
    }

    fn known(
        &self,
        customers: impl Iterator<Item = CustomerId>,
    ) -> (HashMap<CustomerId, Arc<Recipient>>, Vec<i64>, u64) {
        let state = self.state.lock();
        let (mut found, mut unknown) = (HashMap::new(), Vec::new());
        for customer in customers {
            match state.known.get(&customer) {
                Some(recipient) => drop(found.insert(customer, recipient.clone())),
                None => unknown.push(customer.0),
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        (found, unknown, state.forgotten)
    }

    /// Unless a customer was forgotten since the read began: it may be one of these.
    fn keep(&self, read: &[(CustomerId, Arc<Recipient>)], began: u64) {
        let mut state = self.state.lock();
        if state.forgotten != began {
            return;
        }
        if state.known.len() + read.len() > KEPT_MAX {
            state.known.clear();
        }
        state.known.extend(read.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Vec<(CustomerId, Arc<Recipient>)> {
        vec![(CustomerId(7), Arc::new(Recipient::default()))]
    }

    /// The devices are read, then a phone registers, then the read is kept: the phone would not have been reached.
    #[test]
    fn a_read_that_a_registration_came_during_is_not_kept() {
        let recipients = Recipients::default();
        let (_, unknown, began) = recipients.known([CustomerId(7), CustomerId(7)].into_iter());
        assert_eq!(unknown, [7]);
        recipients.forget(CustomerId(9));
        recipients.keep(&one(), began);
        let (found, _, began) = recipients.known([CustomerId(7)].into_iter());
        assert!(found.is_empty());
        recipients.keep(&one(), began);
        assert_eq!(recipients.known([CustomerId(7)].into_iter()).0.len(), 1);
    }
}
