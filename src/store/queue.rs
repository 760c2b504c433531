//! A bounded queue of work for database threads, with two urgencies.

use crate::store::connection::Conn;
use crate::store::decision::Decision;
use crate::store::error::StoreError;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
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
}

pub struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Of each urgency.
    max: usize,
}

#[derive(Default)]
struct State {
    high: VecDeque<Queued>,
    low: VecDeque<Queued>,
    closed: bool,
}

impl Queue {
    pub fn new(max: usize) -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), max }
    }

    /// A task that is not taken is dropped.
    pub fn push(&self, urgency: Urgency, task: Task) -> Result<(), NotTaken> {
        let mut state = self.state();
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
        lane.push_back(Queued { task, since: Instant::now() });
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for work; `None` when the queue is closed and empty.
    pub fn pop(&self) -> Option<Queued> {
        let mut state = self.state();
        loop {
            if let Some(queued) = state.high.pop_front() {
                return Some(queued);
            }
            if let Some(queued) = state.low.pop_front() {
                return Some(queued);
            }
            if state.closed {
                return None;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The decision that is next, if it waits already, is urgent, and is one that `is_wanted`.
    pub fn next_decision(
        &self,
        is_wanted: impl Fn(&dyn Decision, Instant) -> bool,
    ) -> Option<Box<dyn Decision>> {
        let mut state = self.state();
        match state.high.front() {
            Some(Queued { task: Task::Decide(decision), since }) if is_wanted(&**decision, *since) => {}
            _ => return None,
        }
        match state.high.pop_front()?.task {
            Task::Decide(decision) => Some(decision),
            Task::Run(_) => None,
        }
    }

    pub fn len(&self) -> usize {
        let state = self.state();
        state.high.len() + state.low.len()
    }

    /// Takes nothing more; what is in it will still be done.
    pub fn close(&self) {
        self.state().closed = true;
        self.wake.notify_all();
    }

    // No task runs under the lock, so a poisoned one is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn note(order: &Arc<Mutex<Vec<u32>>>, number: u32) -> Task {
        let order = order.clone();
        Task::Run(Box::new(move |_| order.lock().expect("not poisoned").push(number)))
    }

    #[test]
    fn decisions_go_before_bulk_and_closing_loses_nothing() {
        let queue = Queue::new(10);
        let order = Arc::new(Mutex::new(Vec::new()));
        for (urgency, number) in
            [(Urgency::Low, 3), (Urgency::High, 1), (Urgency::Low, 4), (Urgency::High, 2)]
        {
            assert_eq!(queue.push(urgency, note(&order, number)), Ok(()));
        }
        queue.close();
        assert_eq!(queue.push(Urgency::High, note(&order, 5)), Err(NotTaken::Closed));
        while let Some(queued) = queue.pop() {
            queued.task.run(Err(StoreError::Unavailable("none is needed")));
        }
        assert_eq!(*order.lock().expect("not poisoned"), [1, 2, 3, 4]);
    }

    #[test]
    fn a_full_lane_refuses_and_leaves_the_other_open() {
        let queue = Queue::new(1);
        let done = Arc::new(AtomicUsize::new(0));
        let task = || -> Task {
            let done = done.clone();
            Task::Run(Box::new(move |_| {
                done.fetch_add(1, Ordering::SeqCst);
            }))
        };
        assert_eq!(queue.push(Urgency::Low, task()), Ok(()));
        assert_eq!(queue.push(Urgency::Low, task()), Err(NotTaken::Full));
        assert_eq!(queue.push(Urgency::High, task()), Ok(()));
        assert_eq!(queue.len(), 2);
    }
}
