//! The common part of the doubles: accepted messages, refused ones with their reasons, known devices, and the ways in
//! which they were told to fail.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use fleetwire::clock::SharedClock;
use serde_json::Value;

use super::server::{Act, Reply};

/// A notification that a double has taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub token: String,
    /// `notificationId` of the data.
    pub notification_id: String,
    pub collapse_id: String,
    pub title: String,
    pub body: String,
    pub data: Value,
    /// When the service forgets it, in seconds since 1970 (Apple's) or from now (the others').
    pub expiration: i64,
    pub at: Instant,
}

/// A service's knowledge about a device, other than that it is fine.
#[derive(Debug, Clone, PartialEq)]
pub enum Device {
    /// Its app is gone; Apple says since when.
    Dead { since: Option<DateTime<Utc>> },
    /// Of another project, app or sender.
    Foreign,
    /// Of the other environment, or no token at all.
    Bad,
    /// Sent too much.
    Limited,
}

pub struct Desk {
    pub clock: SharedClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: Vec<Taken>,
    refused: Vec<String>,
    requests: usize,
    devices: HashMap<String, Device>,
    next: VecDeque<Fault>,
    always: Option<Fault>,
    of_token: HashMap<String, Fault>,
    delay: Duration,
}

/// How to fail, and whether the notification is taken all the same: then only the answer gets lost.
#[derive(Debug, Clone)]
struct Fault {
    act: Act,
    takes: bool,
}

impl Desk {
    pub fn new(clock: SharedClock) -> Desk {
        Desk { clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }

    /// Everything taken so far, in order.
    pub fn taken(&self) -> Vec<Taken> {
        self.state().taken.clone()
    }

    /// How often each notification was taken.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for taken in &self.state().taken {
            *counts.entry(taken.notification_id.clone()).or_default() += 1;
        }
        counts
    }

    /// The sender's mistakes, which the real service refuses.
    pub fn refused(&self) -> Vec<String> {
        self.state().refused.clone()
    }

    pub fn requests(&self) -> usize {
        self.state().requests
    }

    pub fn forget(&self) {
        let mut state = self.state();
        state.taken.clear();
        state.refused.clear();
        state.requests = 0;
    }

    pub fn set_device(&self, token: &str, device: Device) {
        self.state().devices.insert(token.to_owned(), device);
    }

    pub fn forget_device(&self, token: &str) {
        self.state().devices.remove(token);
    }

    pub fn device(&self, token: &str) -> Option<Device> {
        self.state().devices.get(token).cloned()
    }

    /// The next `count` good requests fail so.
    pub fn fail_next(&self, count: usize, act: Act) {
        self.state().next.extend(std::iter::repeat_n(Fault { act, takes: false }, count));
    }

    /// The next `count` are taken, and their answers get lost so.
    pub fn lose_next(&self, count: usize, act: Act) {
        self.state().next.extend(std::iter::repeat_n(Fault { act, takes: true }, count));
    }

    /// All good requests fail so, until [`Desk::work`].
    pub fn fail(&self, act: Act) {
        self.state().always = Some(Fault { act, takes: false });
    }

    pub fn fail_token(&self, token: &str, act: Act) {
        self.state().of_token.insert(token.to_owned(), Fault { act, takes: false });
    }

    pub fn work(&self) {
        let mut state = self.state();
        state.always = None;
        state.next.clear();
        state.of_token.clear();
    }

    /// All answers take so long.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    pub(super) fn count_request(&self) {
        self.state().requests += 1;
    }

    /// A mistake of the sender; the reply says so.
    pub(super) fn refuse(&self, why: impl Into<String>, reply: Reply) -> Act {
        self.state().refused.push(why.into());
        Act::Answer(reply)
    }

    /// Takes what is good, or fails as told; `reply` is what the service says to it.
    pub(super) fn take(&self, taken: Vec<Taken>, tokens: &[&str], reply: Reply) -> Act {
        let mut state = self.state();
        let of_token = tokens.iter().find_map(|token| state.of_token.get(*token).cloned());
        let fault = of_token.or_else(|| state.next.pop_front()).or_else(|| state.always.clone());
        if fault.as_ref().is_none_or(|fault| fault.takes) {
            state.taken.extend(taken);
        }
        match fault {
            Some(fault) => fault.act,
            None if state.delay > Duration::ZERO => Act::AnswerAfter(state.delay, reply),
            None => Act::Answer(reply),
        }
    }
}

/// A header that asks for patience, both ways it may be said.
pub fn retry_after(reply: Reply, secs: u64) -> Reply {
    reply.with("retry-after", secs)
}

pub fn retry_after_date(reply: Reply, at: DateTime<Utc>) -> Reply {
    reply.with("retry-after", at.format("%a, %d %b %Y %H:%M:%S GMT"))
}
