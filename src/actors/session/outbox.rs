//! The messages that wait to be sent on one session: two lanes and one count of bytes. Pure; `handle` has the lock
//! around it.
//!
//! Senders on any thread put messages in, the session's actor takes them out, durable ones first. An actor whose client
//! does not read is no longer polled, so a slow consumer is noticed here: by bytes, at the sender. The invariant:
//! nothing is queued that would take the count above `bytes_max`, and nothing at all once the outbox has overflowed or
//! was shut.

use std::collections::VecDeque;

/// How much a queued message costs beyond its own bytes (frame header, queue entry), so that empty ones are not free.
const ENTRY_BYTES: usize = 64;

/// Which queue a message waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Durable events and replies: in order, before positions, and never dropped while the session lives.
    Durable,
    /// Latest wins: a newer position takes the place of the same subject's (a driver's) older one, if that still waits.
    Position { subject: u64 },
}

/// The result of giving a message to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    Queued,
    /// A position that a slow client does not get; the next one will do.
    Shed,
    /// This message was one too many: the client is closed with 4013 and can resume. It was not sent.
    Overflowed,
    /// The session is over or closing. It was not sent.
    Gone,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct OutboxLimits {
    pub shed_bytes: usize,
    pub bytes_max: usize,
}

struct Entry<M> {
    message: M,
    cost: usize,
}

/// The waiting messages, in order.
struct Queues<M> {
    durable: VecDeque<Entry<M>>,
    positions: VecDeque<(u64, Entry<M>)>,
}

// Derived, it would ask the same of `M`.
impl<M> Default for Queues<M> {
    fn default() -> Self {
        Self { durable: VecDeque::new(), positions: VecDeque::new() }
    }
}

/// An idle session has no queues: most sessions are idle most of the time, and there are many.
pub(super) struct Outbox<M> {
    queues: Option<Box<Queues<M>>>,
    queued_bytes: usize,
    /// Handed to the connection and, as far as is known, not yet taken by the kernel.
    writing_bytes: usize,
    shut: bool,
}

/// The queued messages, for the caller to drop after releasing its lock.
pub(super) struct Dropped<M> {
    _queues: Option<Box<Queues<M>>>,
}

impl<M> Outbox<M> {
    pub fn new() -> Self {
        Self { queues: None, queued_bytes: 0, writing_bytes: 0, shut: false }
    }

    /// Queues a message. The second value is what fell out: the older position, or the message itself.
    pub fn push(&mut self, limits: OutboxLimits, message: M, bytes: usize, lane: Lane) -> (Sent, Option<M>) {
        if self.shut {
            return (Sent::Gone, Some(message));
        }
        let entry = Entry { message, cost: bytes.saturating_add(ENTRY_BYTES) };
        match lane {
            Lane::Durable => self.push_durable(limits, entry),
            Lane::Position { subject } => self.push_position(limits, subject, entry),
        }
    }

    fn push_durable(&mut self, limits: OutboxLimits, entry: Entry<M>) -> (Sent, Option<M>) {
        if self.bytes().saturating_add(entry.cost) > limits.bytes_max {
            // Shut already here, so that of two senders at once only one finds a slow consumer.
            self.shut = true;
            return (Sent::Overflowed, Some(entry.message));
        }
        self.queued_bytes += entry.cost;
        self.queues().durable.push_back(entry);
        (Sent::Queued, None)
    }

    fn push_position(&mut self, limits: OutboxLimits, subject: u64, entry: Entry<M>) -> (Sent, Option<M>) {
        let bytes = self.bytes();
        let mut waiting = self.queues.iter_mut().flat_map(|queues| &mut queues.positions);
        if let Some((_, older)) = waiting.find(|(queued, _)| *queued == subject) {
            if bytes - older.cost + entry.cost > limits.bytes_max {
                return (Sent::Shed, Some(entry.message));
            }
            self.queued_bytes = self.queued_bytes - older.cost + entry.cost;
            let older = std::mem::replace(older, entry);
            return (Sent::Queued, Some(older.message));
        }
        if bytes.saturating_add(entry.cost) > limits.shed_bytes {
            return (Sent::Shed, Some(entry.message));
        }
        self.queued_bytes += entry.cost;
        self.queues().positions.push_back((subject, entry));
        (Sent::Queued, None)
    }

    fn queues(&mut self) -> &mut Queues<M> {
        self.queues.get_or_insert_default()
    }

    /// The next message to send.
    pub fn pop(&mut self) -> Option<M> {
        let queues = self.queues.as_mut()?;
        let durable = queues.durable.pop_front();
        let Some(entry) = durable.or_else(|| queues.positions.pop_front().map(|(_, entry)| entry)) else {
            self.queues = None;
            return None;
        };
        self.queued_bytes -= entry.cost;
        Some(entry.message)
    }

    /// Counts bytes handed to the connection; false when one turn of the actor made more than a client may have
    /// waiting. Messages queued meanwhile are judged at the next push: if they were counted here, too, a sender that is
    /// faster than the actor would look like a client that does not read.
    pub fn writing(&mut self, limits: OutboxLimits, bytes: usize) -> bool {
        self.writing_bytes = self.writing_bytes.saturating_add(bytes);
        self.writing_bytes <= limits.bytes_max
    }

    /// The connection asks for more, which it does only when it has written nearly all it was given.
    pub fn written(&mut self) {
        self.writing_bytes = 0;
    }

    /// Refuses everything from now on and gives back what waits.
    pub fn shut(&mut self) -> Dropped<M> {
        self.shut = true;
        self.queued_bytes = 0;
        Dropped { _queues: self.queues.take() }
    }

    /// Refuses everything from now on; what waits may still be sent.
    pub fn shut_intake(&mut self) {
        self.shut = true;
    }

    /// All that is counted against the limits.
    pub fn bytes(&self) -> usize {
        self.queued_bytes + self.writing_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: OutboxLimits = OutboxLimits { shed_bytes: 1_000, bytes_max: 2_000 };
    const DRIVER_7: Lane = Lane::Position { subject: 7 };
    const DRIVER_8: Lane = Lane::Position { subject: 8 };

    fn drain(outbox: &mut Outbox<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| outbox.pop()).collect()
    }

    #[test]
    fn durable_goes_before_positions_and_keeps_its_order() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.push(LIMITS, "position", 10, DRIVER_7).0, Sent::Queued);
        assert_eq!(outbox.push(LIMITS, "first", 10, Lane::Durable).0, Sent::Queued);
        assert_eq!(outbox.push(LIMITS, "second", 10, Lane::Durable).0, Sent::Queued);
        assert_eq!(drain(&mut outbox), ["first", "second", "position"]);
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn only_the_newest_position_of_each_driver_waits() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.push(LIMITS, "7 old", 10, DRIVER_7), (Sent::Queued, None));
        assert_eq!(outbox.push(LIMITS, "8", 10, DRIVER_8), (Sent::Queued, None));
        assert_eq!(outbox.push(LIMITS, "7 new", 20, DRIVER_7), (Sent::Queued, Some("7 old")));
        assert_eq!(outbox.bytes(), 10 + 20 + 2 * ENTRY_BYTES);
        assert_eq!(drain(&mut outbox), ["7 new", "8"]);
    }

    #[test]
    fn above_the_soft_bound_new_positions_are_shed_and_known_ones_stay_fresh() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.push(LIMITS, "7 old", 10, DRIVER_7).0, Sent::Queued);
        assert_eq!(outbox.push(LIMITS, "event", 900, Lane::Durable).0, Sent::Queued);
        assert_eq!(outbox.push(LIMITS, "8", 10, DRIVER_8), (Sent::Shed, Some("8")));
        assert_eq!(outbox.push(LIMITS, "7 new", 10, DRIVER_7), (Sent::Queued, Some("7 old")));
        assert_eq!(drain(&mut outbox), ["event", "7 new"]);
    }

    #[test]
    fn a_position_never_makes_a_client_a_slow_consumer() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.push(LIMITS, "7", 10, DRIVER_7).0, Sent::Queued);
        assert_eq!(outbox.push(LIMITS, "event", 1_800, Lane::Durable).0, Sent::Queued);
        assert_eq!(outbox.push(LIMITS, "7 huge", 1_000, DRIVER_7), (Sent::Shed, Some("7 huge")));
        assert!(outbox.bytes() <= LIMITS.bytes_max);
    }

    #[test]
    fn above_the_hard_bound_durable_overflows() {
        let mut outbox = Outbox::new();
        assert_eq!(
            outbox.push(LIMITS, "fits", LIMITS.bytes_max - ENTRY_BYTES, Lane::Durable).0,
            Sent::Queued
        );
        assert_eq!(outbox.push(LIMITS, "one more", 0, Lane::Durable), (Sent::Overflowed, Some("one more")));
    }

    #[test]
    fn bytes_that_are_being_written_count_until_the_connection_asks_for_more() {
        let mut outbox = Outbox::new();
        assert!(outbox.writing(LIMITS, 1_500));
        assert_eq!(outbox.push(LIMITS, "8", 0, DRIVER_8).0, Sent::Shed);
        outbox.written();
        assert_eq!(outbox.push(LIMITS, "event", 600, Lane::Durable).0, Sent::Queued);
        assert!(outbox.writing(LIMITS, 1_500));
        assert!(!outbox.writing(LIMITS, 600), "one turn made more than the bound");
        assert_eq!(outbox.push(LIMITS, "event", 600, Lane::Durable).0, Sent::Overflowed);
        assert_eq!(outbox.push(LIMITS, "event", 600, Lane::Durable).0, Sent::Gone);
    }

    #[test]
    fn a_shut_outbox_keeps_nothing() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.push(LIMITS, "event", 10, Lane::Durable).0, Sent::Queued);
        drop(outbox.shut());
        assert_eq!(outbox.bytes(), 0);
        assert_eq!(outbox.push(LIMITS, "late", 10, Lane::Durable).0, Sent::Gone);
        assert_eq!(outbox.pop(), None);
    }

    #[test]
    fn a_shut_intake_still_lets_out_what_waits() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.push(LIMITS, "event", 10, Lane::Durable).0, Sent::Queued);
        outbox.shut_intake();
        assert_eq!(outbox.push(LIMITS, "late", 10, Lane::Durable).0, Sent::Gone);
        assert_eq!(drain(&mut outbox), ["event"]);
    }
}
