//! Delivery without a network: named interleavings first, then any interleaving.

use super::*;
use crate::domain::event::EventBody;
use crate::domain::ids::{AccountId, JobId};
use chrono::TimeZone;
use proptest::prelude::*;

fn at() -> DateTime<Utc> {
    Utc.timestamp_opt(1_700_000_000, 0).single().expect("a time")
}

fn event(id: i64) -> Event {
    Event {
        account: AccountId(1),
        id: EventId(id),
        job: None,
        created_at: at(),
        pushed: false,
        external_id: None,
        body: EventBody::OrderCancelled { order_id: JobId(id), reason: String::new() },
        contact: None,
    }
}

fn standing(oldest: i64, newest: i64, unconfirmed_after: i64) -> Standing {
    Standing {
        oldest: EventId(oldest),
        newest: EventId(newest),
        unconfirmed_after: EventId(unconfirmed_after),
        not_before: at(),
        left_out: false,
    }
}

fn read_of(steps: &[Step]) -> Read {
    steps
        .iter()
        .find_map(|step| match step {
            Step::Read(read) => Some(*read),
            _ => None,
        })
        .expect("a read")
}

fn sent_ids(steps: &[Step]) -> Vec<i64> {
    steps
        .iter()
        .filter_map(|step| match step {
            Step::Send(event) => Some(event.id.0),
            _ => None,
        })
        .collect()
}

fn confirmed_ids(steps: &[Step]) -> Vec<i64> {
    steps
        .iter()
        .flat_map(|step| match step {
            Step::Confirm(sent) => sent.iter().map(|sent| sent.id.0).collect(),
            _ => Vec::new(),
        })
        .collect()
}

fn live(newest: i64) -> Delivery {
    let mut delivery = Delivery::default();
    assert_eq!(delivery.begin(None, standing(1, newest, newest)), vec![]);
    delivery
}

#[test]
fn the_next_is_sent_a_lower_one_dropped_and_a_higher_one_reads_the_gap() {
    let mut delivery = live(3);
    assert_eq!(delivery.published(event(4)), vec![Step::Send(event(4)), Step::Ping(EventId(4))]);
    assert_eq!(delivery.published(event(4)), vec![]);
    let read = read_of(&delivery.published(event(7)));
    assert_eq!((read.after, read.up_to), (EventId(4), EventId(7)));
    let page = Page { read, events: vec![event(5), event(6), event(7)], complete: true };
    assert_eq!(sent_ids(&delivery.page(page)), [5, 6, 7]);
}

#[test]
fn what_is_published_while_the_session_still_opens_is_read_afterwards() {
    let mut delivery = Delivery::default();
    assert_eq!(delivery.published(event(6)), vec![]);
    let read = read_of(&delivery.begin(None, standing(1, 5, 2)));
    let page = Page { read, events: vec![event(3), event(5)], complete: true };
    let steps = delivery.page(page);
    assert_eq!(sent_ids(&steps), [3, 5]);
    assert_eq!(read_of(&steps).after, EventId(5));
}

#[test]
fn a_last_event_id_beyond_the_newest_is_told_and_hides_nothing() {
    let mut delivery = Delivery::default();
    let steps = delivery.begin(Some(EventId(99)), standing(1, 5, 4));
    assert_eq!(steps[0], Step::ResumeFailed { oldest: EventId(1), newest: EventId(5) });
    assert_eq!(steps[1], Step::Snapshot);
    let page = Page { read: read_of(&steps), events: vec![event(5)], complete: true };
    assert_eq!(sent_ids(&delivery.page(page)), [5]);
    assert_eq!(sent_ids(&delivery.published(event(6))), [6]);
}

#[test]
fn a_last_event_id_before_what_is_kept_is_told() {
    let mut delivery = Delivery::default();
    let steps = delivery.begin(Some(EventId(3)), standing(10, 12, 12));
    assert_eq!(steps, vec![Step::ResumeFailed { oldest: EventId(10), newest: EventId(12) }, Step::Snapshot]);
    // Nothing is missing where the first that is kept is the next one.
    let mut delivery = Delivery::default();
    let steps = delivery.begin(Some(EventId(9)), standing(10, 12, 12));
    assert_eq!(read_of(&steps).after, EventId(9));
}

#[test]
fn everything_pruned_and_nothing_missed_is_no_failure() {
    let mut delivery = Delivery::default();
    assert_eq!(delivery.begin(Some(EventId(12)), standing(13, 12, 12)), vec![]);
    assert_eq!(sent_ids(&delivery.published(event(13))), [13]);
}

#[test]
fn a_pong_confirms_what_was_sent_before_it_and_nothing_else() {
    let mut delivery = live(0);
    delivery.published(event(1));
    delivery.published(event(2));
    delivery.published(event(3));
    for bogus in [&b"4"[..], b"", b"+2", b"hb", b"99999999999999999999999"] {
        assert_eq!(delivery.ponged(bogus), vec![], "{bogus:?}");
    }
    assert_eq!(confirmed_ids(&delivery.ponged(b"2")), [1, 2]);
    assert_eq!(delivery.ponged(b"2"), vec![]);
    assert_eq!(confirmed_ids(&delivery.ponged(b"3")), [3]);
}

#[test]
fn an_ack_beyond_what_was_sent_says_nothing() {
    let mut delivery = live(0);
    delivery.published(event(1));
    assert_eq!(delivery.acked(EventId(2)), vec![]);
    assert_eq!(delivery.acked(EventId(0)), vec![]);
    let steps = delivery.acked(EventId(1));
    assert_eq!(confirmed_ids(&steps), [1]);
    assert!(steps.contains(&Step::Processed(EventId(1))));
}

#[test]
fn a_resume_in_the_middle_supersedes_the_read_under_way() {
    let mut delivery = live(5);
    let first = read_of(&delivery.heard_of(EventId(8)));
    let second = read_of(&delivery.begin(Some(EventId(2)), standing(1, 8, 8)));
    assert_eq!(delivery.page(Page { read: first, events: vec![event(6)], complete: true }), vec![]);
    let events: Vec<Event> = (3..=8).map(event).collect();
    assert_eq!(sent_ids(&delivery.page(Page { read: second, events, complete: true })), [3, 4, 5, 6, 7, 8]);
}

/// A session of one ride hears of the even numbers only.
fn choosing(newest: i64) -> Delivery {
    let mut delivery = Delivery::of(|event| event.id.0 % 2 == 0);
    assert_eq!(delivery.begin(None, standing(1, newest, newest)), vec![]);
    delivery
}

#[test]
fn what_is_not_wanted_is_passed_over_and_hides_nothing() {
    let mut delivery = choosing(0);
    assert_eq!(delivery.published(event(1)), vec![]);
    assert_eq!(delivery.published(event(2)), vec![Step::Send(event(2)), Step::Ping(EventId(2))]);
    let read = read_of(&delivery.published(event(5)));
    assert_eq!((read.after, read.up_to), (EventId(2), EventId(5)));
    let steps = delivery.page(Page { read, events: vec![event(3), event(4), event(5)], complete: true });
    assert_eq!(sent_ids(&steps), [4]);
    assert_eq!(sent_ids(&delivery.published(event(6))), [6]);
    let mut delivery = choosing(2);
    let read = read_of(&delivery.heard_of(EventId(3)));
    let page = Page { read, events: vec![event(3)], complete: true };
    assert_eq!(delivery.page(page), vec![], "no ping where nothing was sent");
}

#[test]
fn only_what_was_sent_is_marked() {
    let mut delivery = choosing(0);
    for id in 1..=5 {
        delivery.published(event(id));
    }
    for never_sent in [1, 3, 5] {
        assert_eq!(delivery.acked(EventId(never_sent)), vec![]);
    }
    assert_eq!(confirmed_ids(&delivery.ponged(b"4")), [2, 4]);
    assert_eq!(delivery.acked(EventId(4)), vec![Step::Processed(EventId(4))], "although it is confirmed");
    // On another connection it was sent; here it was not.
    assert_eq!(choosing(4).acked(EventId(4)), vec![]);
}

#[test]
fn nobody_has_missed_anything_and_can_not_resume_from_what_never_was() {
    let mut delivery = Delivery::default();
    assert_eq!(delivery.begin(Some(EventId(0)), Standing::empty(at())), vec![]);
    let steps = delivery.begin(Some(EventId(7)), Standing::empty(at()));
    assert_eq!(steps, vec![Step::ResumeFailed { oldest: EventId(1), newest: EventId(0) }, Step::Snapshot]);
    assert_eq!(sent_ids(&delivery.published(event(1))), [1], "an account came");
}

/// The things that can happen to an account with one device, in any order.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Commit,
    /// Publishes the oldest pending announcement, or a later one first.
    Publish {
        skip: usize,
    },
    LoseAnnouncement,
    RepairLook,
    ReadDone,
    Pong,
    Reconnect,
    ReconnectNaming,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        4 => Just(Happening::Commit),
        4 => (0usize..3).prop_map(|skip| Happening::Publish { skip }),
        1 => Just(Happening::LoseAnnouncement),
        1 => Just(Happening::RepairLook),
        3 => Just(Happening::ReadDone),
        2 => Just(Happening::Pong),
        1 => Just(Happening::Reconnect),
        1 => Just(Happening::ReconnectNaming),
    ];
    prop::collection::vec(one, 1..120)
}

/// One account's store, one device, and what is on its way between them.
#[derive(Default)]
struct World {
    committed: i64,
    confirmed: Vec<i64>,
    announcements: Vec<i64>,
    delivery: Delivery,
    pending: Option<Read>,
    pings: Vec<i64>,
    /// The events that the device received, connection by connection.
    received: Vec<Vec<i64>>,
    confirmed_at_connect: Vec<i64>,
}

const PAGE: usize = 2;

impl World {
    fn new() -> Self {
        let mut world = World { received: vec![Vec::new()], ..World::default() };
        world.connect(None);
        world
    }

    fn unconfirmed(&self, after: i64, up_to: i64) -> Vec<i64> {
        (after + 1..=up_to).filter(|id| !self.confirmed.contains(id)).collect()
    }

    fn connect(&mut self, last: Option<i64>) {
        self.delivery = Delivery::default();
        self.pending = None;
        self.pings.clear();
        self.received.push(Vec::new());
        self.confirmed_at_connect = if last.is_none() { self.confirmed.clone() } else { Vec::new() };
        let first = self.unconfirmed(0, self.committed).first().map_or(self.committed, |id| id - 1);
        let steps = self.delivery.begin(last.map(EventId), standing(1, self.committed, first));
        self.carry_out(steps);
    }

    fn carry_out(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Send(event) => {
                    let connection = self.received.last_mut().expect("a connection");
                    if let Some(last) = connection.last() {
                        assert!(event.id.0 > *last, "{} after {last}", event.id);
                    }
                    assert!(!self.confirmed_at_connect.contains(&event.id.0), "{} came again", event.id);
                    connection.push(event.id.0);
                }
                Step::Ping(id) => self.pings.push(id.0),
                Step::Read(read) => self.pending = Some(read),
                Step::Confirm(sent) => self.confirmed.extend(sent.iter().map(|sent| sent.id.0)),
                Step::Processed(_) => {}
                Step::ResumeFailed { .. } | Step::Snapshot => panic!("nothing was pruned here"),
            }
        }
    }

    fn read_done(&mut self) {
        let Some(read) = self.pending.take() else { return };
        let ids: Vec<i64> = match read.selection {
            Selection::Everything => (read.after.0 + 1..=read.up_to.0).collect(),
            Selection::Unconfirmed { .. } => self.unconfirmed(read.after.0, read.up_to.0),
        };
        let complete = ids.len() <= PAGE;
        let events = ids.into_iter().take(PAGE).map(event).collect();
        let steps = self.delivery.page(Page { read, events, complete });
        self.carry_out(steps);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Commit => {
                self.committed += 1;
                self.announcements.push(self.committed);
            }
            Happening::Publish { skip } if skip < self.announcements.len() => {
                let id = self.announcements.remove(skip);
                let steps = self.delivery.published(event(id));
                self.carry_out(steps);
            }
            Happening::Publish { .. } => {}
            Happening::LoseAnnouncement => drop(self.announcements.pop()),
            Happening::RepairLook => {
                let steps = self.delivery.heard_of(EventId(self.committed));
                self.carry_out(steps);
            }
            Happening::ReadDone => self.read_done(),
            Happening::Pong => {
                if let Some(id) = self.pings.pop() {
                    let steps = self.delivery.ponged(id.to_string().as_bytes());
                    self.carry_out(steps);
                }
            }
            Happening::Reconnect => self.connect(None),
            Happening::ReconnectNaming => {
                let last = self.received.last().and_then(|ids| ids.last().copied());
                self.connect(last);
            }
        }
    }
}

proptest! {
    /// Any interleaving of commits, publications (late, out of turn, lost), reads, pongs and cuts: each event is
    /// received at least once, in order within a connection, and never again once it was confirmed.
    #[test]
    fn every_event_arrives_in_order_whatever_happens(happenings in happenings()) {
        let mut world = World::new();
        for happening in happenings {
            world.happen(happening);
        }
        world.happen(Happening::RepairLook);
        for _ in 0..1000 {
            world.read_done();
        }
        for id in 1..=world.committed {
            prop_assert!(world.received.iter().flatten().any(|received| *received == id), "{id} never came");
        }
        prop_assert_eq!(world.delivery.sent(), EventId(world.committed));
    }
}
