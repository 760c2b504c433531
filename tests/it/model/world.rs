//! The world: a server's memory, taken apart so that each of its threads, tasks and timers moves only when a command
//! says so, over the product's own operations, store, delivery, searches and push decisions. It also plays the network,
//! the clock and the machine. A crash drops the memory and opens the database again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fleetwire::clock::{Clock, Manual};
use fleetwire::domain::announcement::{Announcement, Committed};
use fleetwire::domain::ids::{AccountId, EventId};
use fleetwire::domain::ride::RideId;
use fleetwire::domain::search_policy::Mode;
use fleetwire::metrics::Metrics;
use fleetwire::operations::Error;
use fleetwire::operations::push;
use fleetwire::store::{Conn, Database, Durability, Mark, OperationError, Options, StoreError, Tx, Where};
use futures_util::FutureExt;

use super::faults::Fault;
use super::matching::Matching;
use super::place::{self, CUSTOMERS, DRIVERS, PHONES_OF, People, Place};
use super::pushing::Attempt;
use super::reference::{Outcome, Push, Reference, Who};
use super::sockets::{Phone, Session};

/// Err: what the model and the server do not agree on.
pub type Checked<T = ()> = Result<T, String>;

/// How long a customer's device has to confirm before it is pushed to.
pub const MOMENT: TimeDelta = TimeDelta::seconds(5);
pub const DELIVERIES_MAX: usize = 2;

/// Presence, as far as it decides when a push is due.
#[derive(Default)]
pub struct Presence {
    pub connected: HashMap<AccountId, usize>,
    pub left_at: HashMap<AccountId, DateTime<Utc>>,
}

/// All that a crash takes.
pub struct Server {
    pub database: Database,
    /// Published by the database, and not yet looked at here.
    committed: Arc<Mutex<Vec<Committed>>>,
    /// The announcements still to be made, a batch for each commit.
    pub announced: VecDeque<Committed>,
    /// By account: the highest id that was told to sessions.
    pub told: HashMap<AccountId, EventId>,
    pub presence: Arc<Mutex<Presence>>,
    pub sessions: Vec<Session>,
    pub marks: Vec<Mark>,
    pub matching: Matching,
    pub attempts: Vec<Attempt>,
    pub repaired_until: Option<DateTime<Utc>>,
}

pub struct World<'a> {
    // outlives a crash
    pub place: &'a mut Place,
    pub people: People,
    pub clock: Manual,
    pub began_at: DateTime<Utc>,
    pub phones: Vec<Phone>,
    /// Orders by the key under which they were asked for.
    pub keys: Vec<(String, i64)>,
    pub ride_ids: BTreeMap<i64, RideId>,
    pub sessions_begun: u64,
    // settings
    pub push_rules: push::PushRules,
    mode: Mode,
    // the server's memory
    pub server: Server,
    // the model
    pub model: Reference,
    /// How many of an account's events were seen to be committed.
    heard: BTreeMap<Who, usize>,
    pub fault: Fault,
    pub fails_next: bool,
}

/// Nothing waits where the database works on the spot.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the database works on the spot")
}

impl<'a> World<'a> {
    pub fn begin(place: &'a mut Place, mode: Mode, fault: Fault) -> Self {
        let began_at = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        let clock = Manual::new(began_at);
        let people = place.fresh(&clock);
        place.plant(fault);
        let push_rules = place.push_rules();
        let server = Server::start(place, &clock, mode, fault);
        let phones = (1..=DRIVERS).map(|id| Phone::of(Who::Driver(id)));
        let of_customer = |(id, count): (i64, &usize)| vec![Phone::of(Who::Customer(id)); (*count).max(1)];
        let phones = phones.chain((1..=CUSTOMERS).zip(&PHONES_OF).flat_map(of_customer)).collect();
        let model = Reference::new(DRIVERS, CUSTOMERS, DELIVERIES_MAX);
        let heard = model.log.keys().map(|who| (*who, 0)).collect();
        let (keys, sessions_begun, fails_next) = (Vec::new(), 0, false);
        World {
            place,
            people,
            clock,
            began_at,
            phones,
            keys,
            ride_ids: BTreeMap::new(),
            sessions_begun,
            push_rules,
            mode,
            server,
            model,
            heard,
            fault,
            fails_next,
        }
    }

    /// Everything in memory is lost; the machine comes back after a while.
    pub fn crash(&mut self, away: TimeDelta) -> Checked {
        self.phones.iter_mut().for_each(|phone| phone.session = None);
        // The last connection is gone before the next one comes.
        self.server.database = nowhere(&self.clock);
        if self.fault == Fault::AnnouncedBeforeTheCommit {
            self.place.back_to_the_copy();
        }
        self.clock.advance(away);
        self.server = Server::start(self.place, &self.clock, self.mode, self.fault);
        self.check_books()
    }

    /// An operation in its transaction.
    fn write<T: Send + 'static>(
        &mut self,
        mut operation: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let fails = std::mem::take(&mut self.fails_next);
        if self.fault == Fault::AnnouncedBeforeTheCommit {
            self.place.copy();
        }
        at_once(self.server.database.write(move |tx| {
            let value = operation(tx)?;
            match fails {
                true => Err(StoreError::Unavailable("it was meant to fail").into()),
                false => Ok(value),
            }
        }))
    }

    pub fn read<T: Send + 'static, E: OperationError + std::fmt::Display>(
        &self,
        query: impl FnMut(&mut Conn<'_>) -> Result<T, E> + Send + 'static,
    ) -> Checked<T> {
        at_once(self.server.database.read(query)).map_err(|error| format!("not read: {error}"))
    }

    /// A decision, which the model makes, too: whether it happens and who hears of it must be the same. None where it was refused,
    /// or failed because it was meant to.
    pub fn decide<T: Send + 'static>(
        &mut self,
        what: &str,
        expected: impl FnOnce(&mut Reference) -> Outcome,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Checked<Option<T>> {
        let is_to_fail = self.fails_next;
        let real = match self.write(operation) {
            Err(Error::Store(_)) if is_to_fail => {
                self.hear()?;
                return Ok(None);
            }
            Err(Error::Store(error)) => return Err(format!("{what}: the store failed: {error}")),
            Err(Error::Refused(refusal)) => Err(refusal),
            Ok(value) => Ok(value),
        };
        let expected = expected(&mut self.model);
        if real.is_ok() != expected.is_ok() {
            let real = real.map(|_| "it happens");
            return Err(format!("{what}: the server says {real:?}, the model {expected:?}"));
        }
        self.hear()?;
        Ok(real.ok())
    }

    /// Takes over what was committed. Each account must hear exactly what the model says, in its order.
    pub fn hear(&mut self) -> Checked {
        let batches = std::mem::take(&mut *self.server.committed.lock().expect("whole"));
        for batch in batches {
            let mut due_at = None;
            let mut events = batch.events.iter();
            for announcement in &batch.announcements {
                match announcement {
                    Announcement::PushDue(at) => due_at = Some(*at),
                    Announcement::Recorded { account, id, job } => {
                        let event = events.next().ok_or("an event is announced and not there")?;
                        if (*account, *id, *job) != (event.account, event.id, event.job) {
                            return Err(format!("{event:?} is announced as {announcement:?}"));
                        }
                        let who = self.people.who(event.account);
                        let name = event.body.name();
                        let place = self.heard.get_mut(&who).expect("everybody is there");
                        *place += 1;
                        let told = self.model.log[&who].get(*place - 1);
                        let is_right = event.id.0 == *place as i64
                            && told.is_some_and(|told| {
                                told.name == name && Some(told.job) == event.job.map(i64::from)
                            });
                        if !is_right {
                            let (id, job) = (event.id, event.job);
                            return Err(format!(
                                "{who:?} hears {name} of {job:?} as event {id}; the model says {told:?} as {place}"
                            ));
                        }
                        if let Some(due_at) = due_at.take() {
                            let push = Push { due_at: Some(due_at), ..Push::default() };
                            self.model.pushes.insert((who, event.id.0), push);
                        } else if matches!(who, Who::Customer(_)) {
                            return Err(format!("nobody would push {name} to {who:?}"));
                        }
                    }
                    _ => {}
                }
            }
            self.server.announced.push_back(batch);
        }
        for (who, log) in &self.model.log {
            if self.heard[who] != log.len() {
                return Err(format!("{who:?} does not hear {:?}", &log[self.heard[who]..]));
            }
        }
        Ok(())
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// On the caller's own thread, with the world's clock.
pub fn database(at: &Where, clock: &Manual) -> Database {
    let options = Options {
        connections: 1,
        queue_max: 16,
        timeout: Duration::from_secs(20),
        decisions: Durability::Normal,
        positions: Durability::Normal,
        rules: place::job_rules(),
    };
    Database::on_the_spot(at, options, Arc::new(clock.clone()), Arc::new(Metrics::new()))
}

fn nowhere(clock: &Manual) -> Database {
    database(&Where::Sqlite(":memory:".into()), clock)
}

impl Server {
    fn start(place: &Place, clock: &Manual, mode: Mode, fault: Fault) -> Self {
        let database = database(place.at(), clock);
        let committed: Arc<Mutex<Vec<Committed>>> = Arc::default();
        let publish = committed.clone();
        database.publish_to(move |batch| publish.lock().expect("whole").push(batch));
        let presence: Arc<Mutex<Presence>> = Arc::default();
        let (present, of_presence, began_at) = (presence.clone(), clock.clone(), clock.steady());
        database.push_due_by(move |account, now| {
            let (presence, steady) = (present.lock().expect("whole"), of_presence.steady());
            let is_back_soon =
                presence.left_at.get(&account).is_some_and(|left_at| steady - *left_at < MOMENT);
            let may_confirm =
                presence.connected.contains_key(&account) || is_back_soon || steady < began_at + MOMENT;
            if may_confirm { now + MOMENT } else { now }
        });
        at_once(database.write(push::release_all)).expect("nobody else holds the database");
        let matching = Matching::start(&database, clock, mode, fault);
        Server {
            database,
            committed,
            announced: VecDeque::new(),
            told: HashMap::new(),
            presence,
            sessions: Vec::new(),
            marks: Vec::new(),
            matching,
            attempts: Vec::new(),
            repaired_until: None,
        }
    }
}
