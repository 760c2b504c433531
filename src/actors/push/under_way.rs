//! The attempts that were claimed here and are not settled yet: each row's id and attempt. There are at most as many as
//! the lanes have places.

use parking_lot::Mutex;
use std::collections::HashMap;

#[derive(Default)]
pub struct UnderWay(Mutex<HashMap<i64, i64>>);

impl UnderWay {
    /// Notes an attempt that begins here; false where an earlier one of the same row waits to be written. That one counts,
    /// under the new number.
    pub fn begin(&self, id: i64, attempt: i64) -> bool {
        self.0.lock().insert(id, attempt).is_none()
    }

    /// The attempt that a row is at.
    pub fn attempt_of(&self, id: i64) -> Option<i64> {
        self.0.lock().get(&id).copied()
    }

    /// Notes that the outcomes of these attempts are written, and returns what a lane has claimed once more meanwhile: the
    /// commit that queues a row for its next attempt wakes the lane at once. `begin` refused it, so it is not on its way.
    pub fn end(&self, written: impl IntoIterator<Item = (i64, i64)>) -> Vec<(i64, i64)> {
        let mut under_way = self.0.lock();
        let newer = |(id, attempt)| Some((id, under_way.remove(&id)?)).filter(|(_, at)| *at != attempt);
        written.into_iter().filter_map(newer).collect()
    }

    pub fn all(&self) -> Vec<(i64, i64)> {
        self.0.lock().iter().map(|(id, attempt)| (*id, *attempt)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_again_before_its_outcome_is_struck_off_is_given_back() {
        let under_way = UnderWay::default();
        assert!(under_way.begin(1, 1) && under_way.begin(2, 1));
        // The outcome of the first is committed and queues it anew; a lane claims it before that is known here.
        assert!(!under_way.begin(1, 2));
        assert_eq!(under_way.end([(1, 1), (2, 1)]), [(1, 2)]);
        assert_eq!(under_way.all(), []);
        assert!(under_way.begin(1, 3), "given back, it begins as any other");
    }

    #[test]
    fn what_is_claimed_again_before_its_outcome_is_written_counts_under_the_new_number() {
        let under_way = UnderWay::default();
        assert!(under_way.begin(1, 1) && !under_way.begin(1, 2));
        assert_eq!(under_way.attempt_of(1), Some(2));
        assert_eq!(under_way.end([(1, 2)]), []);
    }
}
