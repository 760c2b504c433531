//! Sockets: sessions as the server has them, the phones at their other ends, and the wires between. A session's
//! delivery is the product's; the messages that a phone gets are judged here.

use std::collections::{BTreeSet, VecDeque};

use chrono::TimeDelta;
use fleetwire::clock::Clock;
use fleetwire::domain::announcement::Announcement;
use fleetwire::domain::delivery::{Delivery, Page, Read, Step};
use fleetwire::domain::driver::Wants;
use fleetwire::domain::event::{Event, EventBody};
use fleetwire::domain::ids::{AccountId, DriverId, EventId};
use fleetwire::operations::drivers;
use fleetwire::store::{Mark, MarkKind, StoreError, Tx, bulk, newest_events, page_of, standing};

use super::faults::Fault;
use super::matching::Letter;
use super::reference::{Reference, Who};
use super::world::{Checked, World, at_once};

/// As the server has them by default.
const REPLAY_EVENTS_MAX: u32 = 500;
const REPLAY_AGE_MAX: TimeDelta = TimeDelta::hours(24);
/// As the dispatcher has them.
const REPAIR_WINDOW: TimeDelta = TimeDelta::seconds(30);
const ANNOUNCED_WITHIN: TimeDelta = TimeDelta::seconds(1);

/// From the server to a phone.
#[derive(Clone, Debug)]
pub enum Down {
    Event {
        id: i64,
        name: &'static str,
        job: i64,
        /// The session's, when it sent this: a resume that comes later does not count for what is already on its way.
        read_at: (i64, u64),
    },
    Ping(EventId),
    ResumeFailed,
    /// No frame: from here on the server answers what the phone asked for.
    Resumed(EventId),
}

#[derive(Clone, Debug)]
pub enum Up {
    Pong(EventId),
    Ack(EventId),
    Resume(EventId),
}

enum Phase {
    Entering,
    Reading(Read),
    Open,
}

enum Said {
    Event(Box<Event>),
    HeardOf(EventId),
}

pub struct Session {
    id: u64,
    pub who: Who,
    account: AccountId,
    last_event_id: Option<EventId>,
    delivery: Delivery,
    phase: Phase,
    inbox: VecDeque<Said>,
    down: VecDeque<Down>,
    up: VecDeque<Up>,
    /// Nobody is at the other end, and the server does not know yet.
    pub is_cut: bool,
    /// The newest event and the changes of the model when it read the account's state; also for the last resume.
    read_at: (i64, u64),
}

#[derive(Clone, Debug)]
pub struct Phone {
    pub who: Who,
    pub session: Option<u64>,
    /// All that it ever saw.
    pub seen: BTreeSet<i64>,
    // of this connection
    asked_after: Option<i64>,
    last: i64,
    has_any: bool,
    pub told_of_a_gap: bool,
}

impl Phone {
    pub fn of(who: Who) -> Self {
        let seen = BTreeSet::new();
        Phone { who, session: None, seen, asked_after: None, last: 0, has_any: false, told_of_a_gap: false }
    }
}

impl World<'_> {
    pub fn connect(&mut self, phone: usize, remembers: bool) -> Checked {
        let who = self.phones[phone].who;
        if matches!(who, Who::Driver(id) if self.model.drivers[&id].is_suspended) {
            return Ok(());
        }
        self.cut(phone);
        self.sessions_begun += 1;
        let (id, account) = (self.sessions_begun, self.people.account(who));
        let phone = &mut self.phones[phone];
        let newest = phone.seen.last().copied().unwrap_or(0);
        let last_event_id = remembers.then_some(EventId(newest));
        (phone.session, phone.asked_after) = (Some(id), remembers.then_some(newest));
        (phone.last, phone.has_any, phone.told_of_a_gap) = (newest, false, false);
        if matches!(who, Who::Driver(_)) {
            while let Some(older) = self.server.sessions.iter().position(|session| session.who == who) {
                self.end(older);
            }
        }
        let session = Session {
            id,
            who,
            account,
            last_event_id,
            delivery: Delivery::default(),
            phase: Phase::Entering,
            inbox: VecDeque::new(),
            down: VecDeque::new(),
            up: VecDeque::new(),
            is_cut: false,
            read_at: (0, 0),
        };
        self.server.sessions.push(session);
        *self.server.presence.lock().expect("whole").connected.entry(account).or_default() += 1;
        Ok(())
    }

    /// The network is gone, and what was on its way.
    pub fn cut(&mut self, phone: usize) {
        let Some(id) = self.phones[phone].session.take() else { return };
        if let Some(session) = self.server.sessions.iter_mut().find(|session| session.id == id) {
            session.is_cut = true;
            (session.down, session.up) = Default::default();
        }
    }

    /// The server lets a session go.
    pub fn end(&mut self, session: usize) {
        let gone = self.server.sessions.remove(session);
        let (account, now) = (gone.account, self.clock.steady());
        self.phones.iter_mut().filter(|phone| phone.session == Some(gone.id)).for_each(|p| p.session = None);
        let mut presence = self.server.presence.lock().expect("whole");
        let count = presence.connected.get_mut(&account).expect("it was let in");
        *count -= 1;
        if *count == 0 {
            presence.connected.remove(&account);
            presence.left_at.insert(account, now);
            drop(presence);
            self.server.told.remove(&account);
        }
    }

    pub fn notice(&mut self, session: usize) {
        if self.server.sessions.get(session).is_some_and(|session| session.is_cut) {
            self.end(session);
        }
    }

    /// Hands a batch to those it concerns.
    pub fn announce(&mut self, batch: usize) {
        let last = self.server.announced.len().saturating_sub(1);
        let Some(batch) = self.server.announced.remove(batch.min(last)) else { return };
        let (mut changed, mut news) = (Vec::new(), Vec::new());
        for announcement in batch.announcements {
            match announcement {
                Announcement::DriverChanged(driver) => changed.push(driver),
                Announcement::Search(one) => news.push(one),
                Announcement::AccessRevoked { account, but: _ } => {
                    while let Some(open) = self.server.sessions.iter().position(|one| one.account == account)
                    {
                        self.end(open);
                    }
                }
                _ => {}
            }
        }
        for event in batch.events {
            if let (EventBody::RideRequested(_), Some(job)) = (&event.body, event.job) {
                self.server.matching.receipts.insert((event.account, event.id), job);
            }
            for session in self.server.sessions.iter_mut().filter(|one| one.account == event.account) {
                let told = self.server.told.entry(event.account).or_insert(EventId::NONE);
                *told = event.id.max(*told);
                session.inbox.push_back(Said::Event(Box::new(event.clone())));
            }
        }
        let inbox = &mut self.server.matching.inbox;
        inbox.extend((!news.is_empty()).then_some(Letter::News(news)));
        inbox.extend((!changed.is_empty()).then_some(Letter::Changed(changed)));
    }

    /// The dispatcher's look for what was announced to nobody.
    pub fn repair(&mut self) -> Checked {
        let until = self.now() - ANNOUNCED_WITHIN;
        let done = self.server.repaired_until.map_or(until, |done| done.min(until));
        let since = done - REPAIR_WINDOW;
        let newest = self.read(move |conn| newest_events(conn, since, until))?;
        self.server.repaired_until = Some(until);
        for (account, id) in newest {
            if self.server.told.get(&account).is_some_and(|told| *told >= id) {
                continue;
            }
            for session in self.server.sessions.iter_mut().filter(|one| one.account == account) {
                self.server.told.insert(account, id);
                session.inbox.push_back(Said::HeardOf(id));
            }
        }
        Ok(())
    }

    /// A session does the next thing. False where it has nothing to do.
    pub fn converse(&mut self, index: usize, hears_first: bool) -> Checked<bool> {
        let Some(session) = self.server.sessions.get_mut(index) else { return Ok(false) };
        match session.phase {
            Phase::Entering => self.enter(index)?,
            Phase::Reading(read) => {
                let (account, now) = (session.account, self.now());
                let page = self.read::<_, StoreError>(move |conn| page_of(conn, account, read, now))?;
                self.take_page(index, page);
            }
            Phase::Open => {
                let first = if hears_first { session.inbox.pop_front() } else { None };
                let up = if first.is_none() { session.up.pop_front() } else { None };
                let said = match up {
                    Some(up) => return self.told_by_phone(index, up).map(|()| true),
                    None => first.or_else(|| session.inbox.pop_front()),
                };
                let steps = match said {
                    None => return Ok(false),
                    Some(Said::Event(event)) => session.delivery.published(*event),
                    Some(Said::HeardOf(id)) => session.delivery.heard_of(id),
                };
                self.carry_out(index, steps);
            }
        }
        Ok(true)
    }

    fn take_page(&mut self, index: usize, page: Page) {
        let session = &mut self.server.sessions[index];
        session.phase = Phase::Open;
        let steps = session.delivery.page(page);
        self.carry_out(index, steps);
    }

    fn told_by_phone(&mut self, index: usize, up: Up) -> Checked {
        let session = &mut self.server.sessions[index];
        let steps = match up {
            Up::Pong(id) => session.delivery.ponged(id.to_string().as_bytes()),
            Up::Ack(id) => session.delivery.acked(id),
            Up::Resume(last) => {
                session.down.push_back(Down::Resumed(last));
                return self.begin_after(index, Some(last));
            }
        };
        self.carry_out(index, steps);
        Ok(())
    }

    /// It hears of every later commit by now.
    fn enter(&mut self, index: usize) -> Checked {
        self.write_marks()?;
        let session = &self.server.sessions[index];
        let last = session.last_event_id;
        if let Who::Driver(id) = session.who {
            if self.model.drivers[&id].is_suspended {
                self.end(index);
                return Ok(());
            }
            if self.model.drivers[&id].wants == Wants::Offline {
                let online = move |tx: &mut Tx<'_>| drivers::set_wish(tx, DriverId(id), Wants::Online);
                let wish = |model: &mut Reference| {
                    model.wish(id, Wants::Online);
                    Ok(())
                };
                let wished = self.decide("connect", wish, online)?;
                if wished.is_none() {
                    self.end(index);
                    return Ok(());
                }
            }
        }
        self.begin_after(index, last)
    }

    fn begin_after(&mut self, index: usize, last: Option<EventId>) -> Checked {
        self.write_marks()?;
        let (account, now) = (self.server.sessions[index].account, self.now());
        let standing =
            self.read(move |conn| standing(conn, account, now, REPLAY_EVENTS_MAX, REPLAY_AGE_MAX))?;
        let session = &mut self.server.sessions[index];
        session.read_at = (standing.newest.0, self.model.changes);
        session.phase = Phase::Open;
        let steps = session.delivery.begin(last, standing);
        self.carry_out(index, steps);
        Ok(())
    }

    fn carry_out(&mut self, index: usize, steps: Vec<Step>) {
        let (fault, at) = (self.fault, self.now().naive_utc());
        let session = &mut self.server.sessions[index];
        let account = session.account;
        let mark = |event, kind| Mark { account, event, over: "driver_app", at, kind };
        let mut unread = None;
        for step in steps {
            let down = match step {
                Step::Send(event) => {
                    self.server.marks.push(mark(event.id, MarkKind::Sent));
                    if fault == Fault::ConfirmedWhenSent {
                        self.server.marks.push(mark(event.id, MarkKind::Confirmed));
                    }
                    let (name, job) = (event.body.name(), event.job.map_or(0, i64::from));
                    Down::Event { id: event.id.0, name, job, read_at: session.read_at }
                }
                Step::Ping(id) => Down::Ping(id),
                Step::Read(read) if fault == Fault::GapIsNotRead && read.after > EventId::NONE => {
                    unread = Some(read);
                    continue;
                }
                Step::Read(read) => {
                    session.phase = Phase::Reading(read);
                    continue;
                }
                Step::Confirm(sent) => {
                    let matching = &mut self.server.matching;
                    for one in sent {
                        self.server.marks.push(mark(one.id, MarkKind::Confirmed));
                        if let (Who::Driver(id), Some(job)) =
                            (session.who, matching.receipts.remove(&(account, one.id)))
                        {
                            matching.inbox.push_back(Letter::Seen { job, driver: DriverId(id) });
                        }
                    }
                    continue;
                }
                Step::Processed(id) => {
                    self.server.marks.push(mark(id, MarkKind::Processed));
                    continue;
                }
                Step::ResumeFailed { .. } => Down::ResumeFailed,
                Step::Snapshot => continue,
            };
            if !session.is_cut {
                session.down.push_back(down);
            }
        }
        if let Some(read) = unread {
            self.take_page(index, Page { read, events: Vec::new(), complete: true });
        }
    }

    /// The phone takes the next frame and answers it.
    pub fn receive(&mut self, phone: usize) -> Checked<bool> {
        let Some(id) = self.phones[phone].session else { return Ok(false) };
        let Some(session) = self.server.sessions.iter_mut().find(|session| session.id == id) else {
            return Ok(false);
        };
        let Some(frame) = session.down.pop_front() else { return Ok(false) };
        match frame {
            Down::Ping(id) => session.up.push_back(Up::Pong(id)),
            Down::Resumed(last) => {
                let phone = &mut self.phones[phone];
                (phone.asked_after, phone.last, phone.has_any) = (Some(last.0), last.0, false);
            }
            Down::ResumeFailed => {
                // There is no retention here, and nobody names what there never was.
                if self.now() - self.began_at < REPLAY_AGE_MAX {
                    return Err(format!("{:?} is told of a gap that there is not", self.phones[phone].who));
                }
                let phone = &mut self.phones[phone];
                (phone.told_of_a_gap, phone.asked_after) = (true, None);
            }
            Down::Event { id, name, job, read_at } => {
                self.judge(phone, id, name, job, read_at).map_err(|wrong| {
                    format!("{:?} gets event {id}, {name} of {job}: {wrong}", self.phones[phone].who)
                })?;
                let phone = &mut self.phones[phone];
                (phone.last, phone.has_any) = (id, true);
                phone.seen.insert(id);
            }
        }
        Ok(true)
    }

    /// Whether this is what may come now.
    fn judge(&self, phone: usize, id: i64, name: &str, job: i64, read_at: (i64, u64)) -> Checked {
        let phone = &self.phones[phone];
        let Some(told) = usize::try_from(id - 1).ok().and_then(|at| self.model.log[&phone.who].get(at))
        else {
            return Err("it has not happened".to_owned());
        };
        let is_over = told.name == "ride_requested" && name == "ride_unavailable";
        if told.job != job || (told.name != name && !is_over) {
            return Err(format!("{told:?} has happened"));
        }
        if phone.has_any && id <= phone.last {
            return Err(format!("after {} on the same connection", phone.last));
        }
        let (newest_then, changes_then) = read_at;
        let is_replay = phone.asked_after.is_none() && id <= newest_then;
        let was_confirmed = |id| self.model.confirmed.get(&(phone.who, id)).copied();
        if is_replay && was_confirmed(id).is_some_and(|at| at <= changes_then) {
            return Err("it was confirmed before".to_owned());
        }
        let from = if phone.has_any || phone.asked_after.is_some() { phone.last } else { 0 };
        let mut passed_over = from + 1..id;
        let is_lost = |missed: &i64| {
            let may_be = phone.asked_after.is_none() && *missed <= newest_then;
            !(may_be && was_confirmed(*missed).is_some())
        };
        match passed_over.find(is_lost).filter(|_| !phone.told_of_a_gap) {
            Some(missed) => Err(format!("{missed} is missing")),
            None => Ok(()),
        }
    }

    pub fn resume(&mut self, phone: usize) {
        let phone = &self.phones[phone];
        let newest = phone.seen.last().copied().unwrap_or(0);
        let open = self.server.sessions.iter_mut().find(|session| Some(session.id) == phone.session);
        if let Some(session) = open.filter(|session| !matches!(session.phase, Phase::Entering)) {
            session.up.push_back(Up::Resume(EventId(newest)));
        }
    }

    pub fn acknowledge(&mut self, phone: usize) {
        let phone = &self.phones[phone];
        let open = self.server.sessions.iter_mut().find(|session| Some(session.id) == phone.session);
        if let Some(session) = open.filter(|_| phone.has_any) {
            session.up.push_back(Up::Ack(EventId(phone.last)));
        }
    }

    /// Confirmations go into the database; of each the phone must have the event.
    pub fn write_marks(&mut self) -> Checked {
        let marks = std::mem::take(&mut self.server.marks);
        if marks.is_empty() {
            return Ok(());
        }
        let written = marks.clone();
        at_once(self.server.database.write_soon(move |tx| bulk::mark(tx, &written)))
            .map_err(|error: StoreError| format!("marks not written: {error}"))?;
        self.hear()?;
        for mark in marks.iter().filter(|mark| mark.kind == MarkKind::Confirmed) {
            self.confirmed(self.people.who(mark.account), mark.event)?;
        }
        Ok(())
    }

    pub fn confirmed(&mut self, who: Who, event: EventId) -> Checked {
        let is_there = |phone: &Phone| phone.who == who && phone.seen.contains(&event.0);
        if !self.phones.iter().any(is_there) {
            return Err(format!("event {event} of {who:?} is confirmed, and no phone of theirs has it"));
        }
        self.model.confirm(who, event.0);
        Ok(())
    }
}
