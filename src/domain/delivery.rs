//! Delivery, the pure part: which events one session sends, given what it hears. The session's one rule is *the next
//! id: send; a lower one: drop; a higher one: read the gap from the store first*, and it serves resume, races and
//! restarts alike.
//!
//! The session calls one method for each thing that happens and carries out the steps in the order given. Invariant:
//! within one connection ids rise (except after an explicit resume), and nothing above `sent` is ever skipped silently.

use crate::domain::event::Event;
use crate::domain::ids::EventId;
use chrono::{DateTime, Utc};
use std::collections::VecDeque;
use std::fmt;

/// Sent events whose pong a session waits for. A client that never answers pings is forgotten here, not in the store:
/// what falls out stays unconfirmed there and is replayed on the next connection.
const AWAITED_MAX: usize = 4096;

/// Which part of the history a read is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Selection {
    /// All of it: the client named a last event id, or a gap is closed.
    Everything,
    /// Events that no device confirmed and that are not older than this, or belong to an open job.
    Unconfirmed { not_before: DateTime<Utc> },
}

/// A page to read from the store: ids in (`after`, `up_to`], ascending.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Read {
    pub after: EventId,
    pub up_to: EventId,
    pub selection: Selection,
    /// Handed back with the page; a page of a read that was superseded is ignored.
    pub generation: u32,
}

/// A page that was read. `complete` tells that nothing of the selection follows it up to `up_to`.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub read: Read,
    pub events: Vec<Event>,
    pub complete: bool,
}

/// The state of an account's history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The oldest id still kept; `newest + 1` where none is.
    pub oldest: EventId,
    pub newest: EventId,
    /// All unconfirmed events to replay lie above this id.
    pub unconfirmed_after: EventId,
    pub not_before: DateTime<Utc>,
    /// Unconfirmed events exist that are too old or too many to replay.
    pub left_out: bool,
}

impl Standing {
    /// Nobody's history: there is nothing to send, and nothing to be missed.
    pub fn empty(now: DateTime<Utc>) -> Self {
        Self {
            oldest: EventId::NONE.next(),
            newest: EventId::NONE,
            unconfirmed_after: EventId::NONE,
            not_before: now,
            left_out: false,
        }
    }
}

/// The session's next step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Send(Event),
    /// A WebSocket ping with this id as its payload.
    Ping(EventId),
    Read(Read),
    /// The device has these.
    Confirm(Vec<Sent>),
    /// The app says that it has processed this one.
    Processed(EventId),
    ResumeFailed {
        oldest: EventId,
        newest: EventId,
    },
    /// The current state, since history can't tell it.
    Snapshot,
}

/// An event that was sent here and awaits its pong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sent {
    pub id: EventId,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Opening,
    Reading(Read),
    Live,
}

/// Which of an account's events a session sends, where that is not all of them.
struct Choice {
    is_wanted: Box<dyn Fn(&Event) -> bool>,
    /// The events sent on this connection, ascending, at most the newest `AWAITED_MAX`.
    sent: VecDeque<EventId>,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").field("sent", &self.sent).finish_non_exhaustive()
    }
}

/// The delivery state of one session.
#[derive(Debug)]
pub struct Delivery {
    phase: Phase,
    /// `None`: everything is sent.
    choice: Option<Choice>,
    /// Everything up to here was sent, or needed no sending.
    sent: EventId,
    /// The highest id known to exist.
    heard: EventId,
    pinged: EventId,
    awaited: VecDeque<Sent>,
    generation: u32,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            phase: Phase::Opening,
            choice: None,
            sent: EventId::NONE,
            heard: EventId::NONE,
            pinged: EventId::NONE,
            awaited: VecDeque::new(),
            generation: 0,
        }
    }
}

impl Delivery {
    /// A delivery that passes over what is not wanted: such events are neither sent nor ever marked by this session, and
    /// hide nothing that follows them.
    pub fn of(is_wanted: impl Fn(&Event) -> bool + 'static) -> Self {
        let choice = Some(Choice { is_wanted: Box::new(is_wanted), sent: VecDeque::new() });
        Self { choice, ..Self::default() }
    }

    /// The account's standing has been read from the store. Also for `resume`, in the middle of a conversation.
    pub fn begin(&mut self, last_event_id: Option<EventId>, standing: Standing) -> Vec<Step> {
        self.heard = self.heard.max(standing.newest);
        let newest = standing.newest;
        match last_event_id {
            Some(last) if last <= newest && (last.next() >= standing.oldest || last == newest) => {
                self.rewind(last);
                self.read_up_to(newest, Selection::Everything)
            }
            Some(_) => self.start_over(standing, true),
            None => self.start_over(standing, standing.left_out),
        }
    }

    fn start_over(&mut self, standing: Standing, failed: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        if failed {
            steps.push(Step::ResumeFailed { oldest: standing.oldest, newest: standing.newest });
            steps.push(Step::Snapshot);
        }
        self.rewind(standing.unconfirmed_after);
        let selection = Selection::Unconfirmed { not_before: standing.not_before };
        steps.extend(self.read_up_to(standing.newest, selection));
        steps
    }

    /// Committed and published.
    pub fn published(&mut self, event: Event) -> Vec<Step> {
        let id = event.id;
        if self.phase == Phase::Live && id == self.sent.next() {
            self.heard = self.heard.max(id);
            return match self.send(event) {
                Some(send) => vec![send, self.ping()],
                None => Vec::new(),
            };
        }
        self.heard_of(id)
    }

    /// Events up to this id exist, according to the repair look or to a publication out of turn.
    pub fn heard_of(&mut self, newest: EventId) -> Vec<Step> {
        self.heard = self.heard.max(newest);
        match self.phase {
            Phase::Live => self.read_up_to(self.heard, Selection::Everything),
            Phase::Opening | Phase::Reading(_) => Vec::new(),
        }
    }

    /// A page arrived.
    pub fn page(&mut self, page: Page) -> Vec<Step> {
        if self.phase != Phase::Reading(page.read) {
            return Vec::new();
        }
        let mut steps = Vec::with_capacity(page.events.len() + 2);
        if let Some(oldest) = self.gone(&page) {
            steps.push(Step::ResumeFailed { oldest, newest: page.read.up_to });
            steps.push(Step::Snapshot);
        }
        let before = steps.len();
        for event in page.events {
            steps.extend(self.send(event));
        }
        if steps.len() > before {
            steps.push(self.ping());
        }
        if !page.complete {
            steps.extend(self.read_up_to(page.read.up_to, page.read.selection));
            return steps;
        }
        self.sent = self.sent.max(page.read.up_to);
        steps.extend(self.read_up_to(self.heard, Selection::Everything));
        steps
    }

    /// A pong. Only an echo of a ping of ours says anything.
    pub fn ponged(&mut self, payload: &[u8]) -> Vec<Step> {
        match parse_id(payload) {
            Some(id) if id <= self.pinged => self.confirm_up_to(id),
            _ => Vec::new(),
        }
    }

    /// `{"type":"ack"}`. One that names an event that is not there yet says nothing: it must not hide it later.
    pub fn acked(&mut self, id: EventId) -> Vec<Step> {
        let is_passed_over =
            self.choice.as_ref().is_some_and(|choice| choice.sent.binary_search(&id).is_err());
        if id <= EventId::NONE || id > self.sent || is_passed_over {
            return Vec::new();
        }
        let mut steps = self.confirm_up_to(id);
        steps.push(Step::Processed(id));
        steps
    }

    /// The highest id that was sent or needed no sending.
    pub fn sent(&self) -> EventId {
        self.sent
    }

    fn rewind(&mut self, to: EventId) {
        self.sent = to;
        self.awaited.retain(|sent| sent.id <= to);
        if let Some(choice) = &mut self.choice {
            choice.sent.retain(|id| *id <= to);
        }
    }

    /// Reads from `sent` on, or is live where there is nothing to read.
    fn read_up_to(&mut self, up_to: EventId, selection: Selection) -> Vec<Step> {
        if up_to <= self.sent {
            self.phase = Phase::Live;
            return Vec::new();
        }
        self.generation += 1;
        let read = Read { after: self.sent, up_to, selection, generation: self.generation };
        self.phase = Phase::Reading(read);
        vec![Step::Read(read)]
    }

    /// The oldest id that is left where a page of everything does not begin with the id it should.
    fn gone(&self, page: &Page) -> Option<EventId> {
        if page.read.selection != Selection::Everything {
            return None;
        }
        match page.events.first() {
            Some(first) if first.id == page.read.after.next() => None,
            Some(first) => Some(first.id),
            None => Some(page.read.up_to.next()),
        }
    }

    /// Sends an event, or passes over it.
    fn send(&mut self, event: Event) -> Option<Step> {
        self.sent = event.id;
        if let Some(choice) = &mut self.choice {
            if !(choice.is_wanted)(&event) {
                return None;
            }
            push_newest(&mut choice.sent, event.id);
        }
        push_newest(&mut self.awaited, Sent { id: event.id, created_at: event.created_at });
        Some(Step::Send(event))
    }

    fn ping(&mut self) -> Step {
        self.pinged = self.pinged.max(self.sent);
        Step::Ping(self.sent)
    }

    fn confirm_up_to(&mut self, id: EventId) -> Vec<Step> {
        let known = self.awaited.iter().take_while(|sent| sent.id <= id).count();
        if known == 0 {
            return Vec::new();
        }
        vec![Step::Confirm(self.awaited.drain(..known).collect())]
    }
}

/// Appends to the kept events; the oldest drops out.
fn push_newest<T>(kept: &mut VecDeque<T>, newest: T) {
    if kept.len() == AWAITED_MAX {
        kept.pop_front();
    }
    kept.push_back(newest);
}

fn parse_id(payload: &[u8]) -> Option<EventId> {
    if payload.is_empty() || !payload.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(payload).ok()?.parse().ok().map(EventId)
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
