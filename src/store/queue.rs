//! A bounded queue of work for database threads, with two urgencies. Within each the parties take turns.
//!
//! Invariants: no party has all the threads, if there are several, nor all the places.

use crate::store::connection::Conn;
use crate::store::decision::Decision;
use crate::store::error::StoreError;
use crate::store::lane::Lane;
use crate::store::party::Party;
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::time::Instant;

type Run = dyn FnOnce(Result<Conn<'_>, StoreError>) + Send;

/// Work: handed a connection, or the reason why there is none.
pub enum Task {
    Run(Box<Run>),
    Decide(Box<dyn Decision>),
}

impl Task {
    pub fn run(self, conn: Result<Conn<'_>, StoreError>) {
        match self {
            Task::Run(run) => run(conn),
            Task::Decide(decision) => decision.alone(conn),
        }
    }
}

/// Why a task is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    Full,
    /// As much of this party waits as may.
    TooManyOfOne,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    High,
    Low,
}

pub struct Queued {
    pub task: Task,
    pub since: Instant,
    /// Where it is one that [`Queue::done`] is to be told of.
    pub party: Option<Party>,
}

struct Waiting {
    task: Task,
    since: Instant,
}

pub struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Of each urgency.
    max: usize,
    /// Of one party in each urgency.
    of_one_max: usize,
    /// Threads that may work for one party at a time.
    threads_for_one: usize,
}

#[derive(Default)]
struct State {
    high: Lane<Waiting>,
    low: Lane<Waiting>,
    /// For how many threads each party is busy.
    running: HashMap<Party, usize>,
    closed: bool,
}

impl Queue {
    /// For so many threads.
    pub fn new(max: usize, threads: usize) -> Self {
        let (of_one_max, threads_for_one) = ((max / 2).max(1), threads.saturating_sub(1).max(1));
        Self { state: Mutex::default(), wake: Condvar::new(), max, of_one_max, threads_for_one }
    }

    /// A task that is not taken is dropped.
    pub fn push(&self, urgency: Urgency, party: Option<Party>, task: Task) -> Result<(), NotTaken> {
        let mut state = self.state.lock();
        let closed = state.closed;
        let lane = match urgency {
            Urgency::High => &mut state.high,
            Urgency::Low => &mut state.low,
        };
        if closed {
            return Err(NotTaken::Closed);
        }
        if lane.len() >= self.max {
            return Err(NotTaken::Full);
        }
        if party.is_some_and(|party| lane.of(party) >= self.of_one_max) {
            return Err(NotTaken::TooManyOfOne);
        }
        lane.push(party, Waiting { task, since: Instant::now() });
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for work; `None` when the queue is closed and empty.
    pub fn pop(&self) -> Option<Queued> {
        let mut state = self.state.lock();
        loop {
            let State { high, low, running, closed } = &mut *state;
            let is_busy = |party| running.get(&party).is_some_and(|threads| *threads >= self.threads_for_one);
            if let Some((party, Waiting { task, since })) = high.pop(is_busy).or_else(|| low.pop(is_busy)) {
                if let Some(party) = party {
                    *running.entry(party).or_default() += 1;
                }
                return Some(Queued { task, since, party });
            }
            if *closed && high.is_empty() && low.is_empty() {
                return None;
            }
            self.wake.wait(&mut state);
        }
    }

    /// A thread is free again of what it was given.
    pub fn done(&self, party: Option<Party>) {
        let Some(party) = party else { return };
        let state = &mut *self.state.lock();
        if let Some(threads) = state.running.get_mut(&party) {
            *threads -= 1;
            if *threads == 0 {
                state.running.remove(&party);
            }
        }
        // Somebody may have passed over what waits of it.
        if state.high.of(party) + state.low.of(party) > 0 || state.closed {
            self.wake.notify_all();
        }
    }

    /// The decision that is next, if it waits already, is urgent, and is one that `is_wanted`.
    pub fn next_decision(
        &self,
        is_wanted: impl Fn(&dyn Decision, Instant) -> bool,
    ) -> Option<Box<dyn Decision>> {
        let mut state = self.state.lock();
        match state.high.front() {
            Some(Waiting { task: Task::Decide(decision), since }) if is_wanted(&**decision, *since) => {}
            _ => return None,
        }
        match state.high.pop(|_| false)?.1.task {
            Task::Decide(decision) => Some(decision),
            Task::Run(_) => None,
        }
    }

    pub fn len(&self) -> usize {
        let state = self.state.lock();
        state.high.len() + state.low.len()
    }

    /// Takes nothing more; what is in it will still be done.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AccountId;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn note(order: &Arc<Mutex<Vec<u32>>>, number: u32) -> Task {
        let order = order.clone();
        Task::Run(Box::new(move |_| order.lock().push(number)))
    }

    #[test]
    fn decisions_go_before_bulk_and_closing_loses_nothing() {
        let queue = Queue::new(10, 1);
        let order = Arc::new(Mutex::new(Vec::new()));
        for (urgency, number) in
            [(Urgency::Low, 3), (Urgency::High, 1), (Urgency::Low, 4), (Urgency::High, 2)]
        {
            assert_eq!(queue.push(urgency, None, note(&order, number)), Ok(()));
        }
        queue.close();
        assert_eq!(queue.push(Urgency::High, None, note(&order, 5)), Err(NotTaken::Closed));
        while let Some(queued) = queue.pop() {
            queued.task.run(Err(StoreError::Unavailable("none is needed")));
        }
        assert_eq!(*order.lock(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_full_lane_refuses_and_leaves_the_other_open() {
        let queue = Queue::new(1, 1);
        let done = Arc::new(AtomicUsize::new(0));
        let task = || -> Task {
            let done = done.clone();
            Task::Run(Box::new(move |_| {
                done.fetch_add(1, Ordering::SeqCst);
            }))
        };
        assert_eq!(queue.push(Urgency::Low, None, task()), Ok(()));
        assert_eq!(queue.push(Urgency::Low, None, task()), Err(NotTaken::Full));
        assert_eq!(queue.push(Urgency::High, None, task()), Ok(()));
        assert_eq!(queue.len(), 2);
    }

    /// One account's crowd had all the places and all the threads.
    #[test]
    fn one_party_has_neither_all_places_nor_all_threads() {
        let queue = Queue::new(10, 2);
        let order = Arc::new(Mutex::new(Vec::new()));
        let [crowd, other] = [1, 2].map(|id| Some(Party::Account(AccountId(id))));
        let taken = (0..10).filter(|number| {
            let taken = queue.push(Urgency::High, crowd, note(&order, *number));
            assert!(taken.is_ok() || taken == Err(NotTaken::TooManyOfOne), "{taken:?}");
            taken.is_ok()
        });
        assert_eq!(taken.count(), 5);
        assert_eq!(queue.push(Urgency::Low, other, note(&order, 100)), Ok(()));
        let first = queue.pop().expect("the crowd's first");
        // While a thread works for the crowd, the other thread is not given more of it, however urgent.
        let second = queue.pop().expect("the other's");
        assert_eq!((first.party, second.party), (crowd, other));
        queue.done(first.party);
        assert_eq!(queue.pop().expect("the crowd's second").party, crowd);
    }
}
