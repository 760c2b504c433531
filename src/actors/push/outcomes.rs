//! Those who wait for a notification's outcome: operators who sent one by hand. The ids of one sending differ only in
//! the last byte, so the waiting operator is known before anything is queued, and no outcome is missed.

use crate::domain::notification::NotificationStatus;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

/// The outcome of one notification.
pub type NotificationOutcome = (Uuid, NotificationStatus);

#[derive(Clone, Default)]
pub struct Outcomes {
    waiting: Arc<Mutex<HashMap<u128, UnboundedSender<NotificationOutcome>>>>,
}

/// Somebody who waits; no more once it is dropped.
pub struct Waiting {
    group: u128,
    outcomes: Outcomes,
    /// At most one for each notification that was sent, so its length is bounded.
    pub heard: UnboundedReceiver<NotificationOutcome>,
}

/// A new group's id, whose last byte is for counting.
pub fn new_group() -> Uuid {
    Uuid::from_u128(group_of(Uuid::new_v4()))
}

fn group_of(notification: Uuid) -> u128 {
    notification.as_u128() & !0xff
}

impl Outcomes {
    pub fn wait_for(&self, group: Uuid) -> Waiting {
        let (tell, heard) = unbounded_channel();
        self.waiting.lock().insert(group_of(group), tell);
        Waiting { group: group_of(group), outcomes: self.clone(), heard }
    }

    /// A notification has an outcome.
    pub fn tell(&self, notification: Uuid, status: NotificationStatus) {
        if let Some(waiting) = self.waiting.lock().get(&group_of(notification)) {
            // A caller who has stopped waiting is about to remove itself.
            let _ = waiting.send((notification, status));
        }
    }

    /// The server stops: nobody is to wait any longer.
    pub fn give_up(&self) {
        self.waiting.lock().clear();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.outcomes.waiting.lock().remove(&self.group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_outcome_of_a_group_reaches_who_sent_it_and_nobody_else() {
        let outcomes = Outcomes::default();
        let (group, other) = (new_group(), new_group());
        let mut waiting = outcomes.wait_for(group);
        let second = Uuid::from_u128(group.as_u128() + 59);
        outcomes.tell(other, NotificationStatus::Sent);
        outcomes.tell(second, NotificationStatus::Failed);
        assert_eq!(waiting.heard.recv().await, Some((second, NotificationStatus::Failed)));
        outcomes.give_up();
        assert_eq!(waiting.heard.recv().await, None);
        drop(waiting);
        assert!(outcomes.waiting.lock().is_empty());
    }
}
