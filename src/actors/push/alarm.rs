//! A loop's alarm clock: any thread sets it, and it goes off once at the set time. Setting it costs a short lock and no
//! message, so nothing queues however often it is set.

use crate::clock::SharedClock;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Default)]
pub struct Alarm {
    next: Mutex<Option<DateTime<Utc>>>,
    changed: Notify,
}

impl Alarm {
    /// Goes off at this time, if not before.
    pub fn set(&self, at: DateTime<Utc>) {
        let mut next = self.next.lock();
        if next.is_none_or(|next| at < next) {
            *next = Some(at);
            self.changed.notify_one();
        }
    }

    /// Waits until it is time, or for `look` at most, and says whether it was time. It is unset then.
    pub async fn wait(&self, clock: &SharedClock, look: Duration) -> bool {
        let give_up = tokio::time::Instant::now() + look;
        loop {
            let mut wait = look;
            if let Some(at) = *self.next.lock() {
                wait = (at - clock.now()).to_std().unwrap_or_default();
            }
            if wait.is_zero() {
                *self.next.lock() = None;
                return true;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = tokio::time::sleep_until(give_up) => return false,
                () = self.changed.notified() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Manual;
    use chrono::TimeDelta;
    use std::sync::Arc;

    #[tokio::test]
    async fn it_goes_off_once_at_the_earliest_time_and_is_looked_at_now_and_then() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        let clock = Manual::new(start);
        let shared: SharedClock = Arc::new(clock.clone());
        let alarm = Alarm::default();
        alarm.set(start + TimeDelta::seconds(60));
        alarm.set(start - TimeDelta::seconds(1));
        alarm.set(start + TimeDelta::seconds(5));
        assert!(alarm.wait(&shared, Duration::from_secs(60)).await);
        assert!(!alarm.wait(&shared, Duration::from_millis(1)).await, "it has gone off");
    }
}
