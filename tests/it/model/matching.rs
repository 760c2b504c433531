//! The matcher: the product's core, with the mailbox, the timer and the work in flight taken apart.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;

use chrono::{DateTime, TimeDelta, Utc};
use fleetwire::actors::matcher::{by_steady, carry_out, read_searches, standing, work_by_wall};
use fleetwire::clock::{Clock, Manual};
use fleetwire::domain::announcement::SearchNews;
use fleetwire::domain::ids::{AccountId, DriverId, EventId, JobId};
use fleetwire::domain::open_search::OpenSearch;
use fleetwire::domain::search_policy::{Mode, Policy, Radii};
use fleetwire::matching::core::{Core, Happened, Input, Task};
use fleetwire::matching::fleet::Fleet;
use fleetwire::matching::searches::Searches;
use fleetwire::matching::work::{Done, Work};
use fleetwire::store::reads::{self, Matchable};
use fleetwire::store::{Database, StoreError};

use super::faults::Fault;
use super::place::DRIVERS;
use super::world::{Checked, World, at_once};

/// As the matcher has it.
const TRANSACTION_MAX: TimeDelta = TimeDelta::seconds(30);

/// The messages that wait for the matcher.
pub enum Letter {
    News(Vec<SearchNews>),
    Changed(Vec<DriverId>),
    Seen { job: JobId, driver: DriverId },
    Done { job: JobId, done: Done },
}

pub struct Matching {
    pub core: Core,
    pub inbox: VecDeque<Letter>,
    pub under_way: Vec<(JobId, Work)>,
    /// Offers whose confirmation is awaited.
    pub receipts: HashMap<(AccountId, EventId), JobId>,
    looked_at: DateTime<Utc>,
}

impl Matching {
    /// As the matcher starts: with the fleet and the open searches of the store.
    pub fn start(database: &Database, clock: &Manual, mode: Mode, fault: Fault) -> Self {
        let now = clock.moment();
        let rows = at_once(database.read(|conn| reads::matchable_drivers(conn, DriverId(0), DRIVERS)));
        let mut fleet = Fleet::default();
        fleet.at(now.steady);
        for row in rows.unwrap_or_else(|error: StoreError| panic!("{error}")) {
            fleet.set(standing(row, now));
        }
        let policy = move |patience| Policy {
            mode,
            patience,
            batch_size: NonZeroUsize::new(2).expect("not zero"),
            window: TimeDelta::seconds(15),
            receipt: TimeDelta::seconds(2),
            radii: Radii::new(vec![300.0, 10_000.0]).expect("they ascend"),
            driver_offers_max: NonZeroUsize::new(2).expect("not zero"),
            look_every: TimeDelta::seconds(3),
        };
        let mut matching = Self {
            core: Core::new(fleet, Searches::new(policy, TimeDelta::seconds(120))),
            inbox: VecDeque::new(),
            under_way: Vec::new(),
            receipts: HashMap::new(),
            looked_at: now.wall,
        };
        let open = at_once(database.read(read_searches));
        let mut open = open.unwrap_or_else(|error: StoreError| panic!("{error}"));
        open.retain(|_| fault != Fault::SearchIsForgotten);
        matching.go_on_with(open, clock);
        matching
    }

    /// Returns the searches that the core wants read.
    fn tell(&mut self, at: DateTime<Utc>, what: Happened) -> Vec<JobId> {
        let mut unknown = Vec::new();
        for task in self.core.tell(Input { at, what }) {
            match task {
                Task::CarryOut { job, work, .. } => self.under_way.push((job, work)),
                Task::Read(jobs) => unknown.extend(jobs),
                // No phone tells positions here.
                Task::JudgeAnew(_) => {}
            }
        }
        unknown
    }

    fn go_on_with(&mut self, searches: Vec<OpenSearch>, clock: &Manual) {
        let now = clock.moment();
        let opened = searches.into_iter().map(|search| by_steady(search, now)).collect();
        self.tell(now.steady, Happened::Opened(opened));
    }

    fn take_over(&mut self, rows: Vec<Matchable>, clock: &Manual) {
        let now = clock.moment();
        let drivers = rows.into_iter().map(|row| standing(row, now)).collect();
        self.tell(now.steady, Happened::Drivers(drivers));
    }
}

impl World<'_> {
    /// The matcher takes its next letter. False where there is none.
    pub fn match_one(&mut self) -> Checked<bool> {
        let now = self.clock.steady();
        let Some(letter) = self.server.matching.inbox.pop_front() else { return Ok(false) };
        let rows = match &letter {
            Letter::Changed(drivers) => {
                let drivers = drivers.clone();
                self.read::<_, StoreError>(move |conn| reads::matchable_among(conn, &drivers))?
            }
            _ => Vec::new(),
        };
        let reopened: Vec<OpenSearch> = match &letter {
            Letter::News(news) if news.iter().any(|one| matches!(one, SearchNews::Reopened(_))) => {
                let is_reopened = |job| news.contains(&SearchNews::Reopened(job));
                let open = self.read::<_, StoreError>(read_searches)?;
                open.into_iter().filter(|search| is_reopened(search.job)).collect()
            }
            _ => Vec::new(),
        };
        let matching = &mut self.server.matching;
        match letter {
            Letter::News(news) => {
                for one in news {
                    match one {
                        SearchNews::Opened(opened) => matching.go_on_with(vec![opened.into()], &self.clock),
                        SearchNews::Reopened(_) => {}
                        other => drop(matching.tell(now, Happened::Committed(other))),
                    }
                }
                matching.go_on_with(reopened, &self.clock);
            }
            Letter::Changed(_) => matching.take_over(rows, &self.clock),
            Letter::Seen { job, driver } => {
                matching.tell(now, Happened::Confirmed { job, driver });
            }
            Letter::Done { job, done } => {
                matching.tell(now, Happened::Done { job, done });
            }
        }
        // Who was looked at is there to explain, and nothing depends on it.
        drop(matching.core.take_looks());
        Ok(true)
    }

    /// Carries out one piece of the work in flight. The model says what its result is.
    pub fn work(&mut self, nth: usize) -> Checked<bool> {
        let under_way = &mut self.server.matching.under_way;
        if under_way.is_empty() {
            return Ok(false);
        }
        let (job, work) = under_way.remove(nth % under_way.len());
        let work = work_by_wall(work, self.clock.moment());
        let (id, model) = (job.0, &mut self.model);
        let expected = match &work {
            Work::Offer { drivers, expires_at } => {
                let drivers: Vec<i64> = drivers.iter().map(|driver| driver.0).collect();
                let told = model.offer(id, &drivers, *expires_at);
                Done::Offered(told.into_iter().map(DriverId).collect())
            }
            Work::Claim(driver) => match model.claim(id, driver.0) {
                Ok(()) => Done::Carried,
                Err(_) => Done::ClaimLost(*driver),
            },
            Work::Close { driver, .. } => {
                model.close_offer(id, driver.0);
                Done::Carried
            }
            Work::Widen(_) => Done::Carried,
            Work::GiveUp => {
                model.give_up(id);
                Done::Carried
            }
        };
        let what = format!("{work:?} of {job}");
        let database = self.server.database.clone();
        let done = at_once(carry_out(database, job, work, None));
        if done != expected {
            return Err(format!("{what}: the server says {done:?}, the model {expected:?}"));
        }
        self.hear().map_err(|wrong| format!("{what}: {wrong}"))?;
        self.server.matching.inbox.push_back(Letter::Done { job, done });
        Ok(true)
    }

    pub fn tick(&mut self) {
        self.server.matching.tell(self.clock.steady(), Happened::Woken);
    }

    /// The matcher's regular look.
    pub fn look_at_store(&mut self) -> Checked {
        let (now, since) = (self.now(), self.server.matching.looked_at - TRANSACTION_MAX);
        let changed = self.read(move |conn| reads::drivers_changed_since(conn, since))?;
        let open = self.read(read_searches)?;
        let compared = Happened::Compared(open.iter().map(|search| search.job).collect());
        let matching = &mut self.server.matching;
        let unknown = matching.tell(self.clock.steady(), compared);
        let is_unknown = |search: &OpenSearch| unknown.contains(&search.job);
        let taken_up = |search: &OpenSearch| is_unknown(search) && self.fault != Fault::SearchIsForgotten;
        matching.go_on_with(open.into_iter().filter(taken_up).collect(), &self.clock);
        let is_news = |(driver, at): &(DriverId, _)| !matching.core.fleet().is_current(*driver, *at);
        let changed: Vec<DriverId> = changed.into_iter().filter(is_news).map(|(driver, _)| driver).collect();
        let rows = self.read::<_, StoreError>(move |conn| reads::matchable_among(conn, &changed))?;
        self.server.matching.take_over(rows, &self.clock);
        self.server.matching.looked_at = now;
        Ok(())
    }
}
