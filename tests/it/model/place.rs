//! The database, on the backend that the environment chose, and the people in it. Each run begins with the same rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use fleetwire::clock::Manual;
use fleetwire::domain::currency::Currency;
use fleetwire::domain::device::Platform;
use fleetwire::domain::driver::Wants;
use fleetwire::domain::fare_source::FareSource;
use fleetwire::domain::ids::{AccountId, CustomerId, DriverId};
use fleetwire::domain::job_rules::{JobRules, OpenJobs};
use fleetwire::domain::money::Amount;
use fleetwire::domain::notification::Texts;
use fleetwire::domain::offer_detail::OfferDetail;
use fleetwire::domain::position::Position;
use fleetwire::domain::push::{PushService, PushToken};
use fleetwire::domain::ride::{Tariff, Travel};
use fleetwire::operations::accounts::{
    CustomerDetails, DriverDetails, Person, create_customer, create_driver,
};
use fleetwire::operations::{Error, push};
use fleetwire::store::{Tx, Where, migrate};

use super::faults::Fault;
use super::reference::Who;
use super::world::{self, DELIVERIES_MAX, at_once};
use crate::support::database;

pub const DRIVERS: i64 = 4;
pub const CUSTOMERS: i64 = 3;
/// Of each customer: so many phones are registered for push. One has none, and a socket all the same.
pub const PHONES_OF: [usize; CUSTOMERS as usize] = [2, 1, 0];
pub const SEARCH_SPAN: TimeDelta = TimeDelta::seconds(120);
const TIMEOUT: Duration = Duration::from_secs(20);

/// The owners of the accounts.
#[derive(Clone, Debug, Default)]
pub struct People {
    accounts: BTreeMap<Who, AccountId>,
    whose: BTreeMap<AccountId, Who>,
}

impl People {
    pub fn account(&self, who: Who) -> AccountId {
        self.accounts[&who]
    }

    pub fn who(&self, account: AccountId) -> Who {
        self.whose[&account]
    }
}

pub struct Place {
    directory: PathBuf,
    /// Files so far: each run has its own, since the one before may be closed by a thread of its pool a moment later.
    files: usize,
    database: database::Database,
    at: Where,
    people: People,
}

impl Place {
    /// A database with everybody in it, in memory where the machine has such a directory.
    pub fn create(clock: &Manual) -> Self {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let directory = base.join(format!("fleetwire-model-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&directory).expect("a directory can be made");
        let database = database::Database::create(&directory);
        let at = match database.file() {
            Some(file) => Where::Sqlite(file),
            None => Where::Postgres(database.url().to_owned()),
        };
        migrate(&at, TIMEOUT).expect("a new database can be brought up to date");
        let mut place = Place { directory, files: 0, database, at, people: People::default() };
        place.people = place.populate(clock);
        if let Where::Sqlite(file) = &place.at {
            // A thread of the pool may still have it open, and the last rows are in the log then.
            place.database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
            std::fs::copy(file, place.template()).expect("a database whose log is empty is one file");
        }
        place
    }

    /// The database as it was at first.
    pub fn fresh(&mut self, clock: &Manual) -> People {
        let _ = std::fs::remove_file(self.copied(""));
        match &self.at {
            Where::Sqlite(_) => self.go_on_with(&self.template(), None),
            Where::Postgres(_) => {
                let tables = self.database.words(
                    "SELECT CAST(table_name AS TEXT) AS value FROM information_schema.tables \
                     WHERE table_schema = 'public' AND table_name <> '__diesel_schema_migrations'",
                );
                let sql = format!("TRUNCATE {} RESTART IDENTITY CASCADE", tables.join(", "));
                self.database.execute(&sql);
                self.people = self.populate(clock);
            }
        }
        self.people.clone()
    }

    pub fn at(&self) -> &Where {
        &self.at
    }

    pub fn books(&self) -> &database::Database {
        &self.database
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.at, Where::Sqlite(_))
    }

    /// Faults that are a rule of the database's.
    pub fn plant(&self, fault: Fault) {
        if fault == Fault::EventIsNotWritten {
            self.database.execute(
                "CREATE TRIGGER planted BEFORE INSERT ON events WHEN NEW.event_id % 17 = 0 \
                 BEGIN SELECT RAISE(IGNORE); END",
            );
        }
    }

    /// Remembers the database as it is, on SQLite.
    pub fn copy(&self) {
        if let Where::Sqlite(file) = &self.at {
            std::fs::copy(file, self.copied("")).expect("it is there");
            std::fs::copy(log_of(file), self.copied("-wal")).expect("whoever opens it makes one");
        }
    }

    /// From now on the database is as it was remembered.
    pub fn back_to_the_copy(&mut self) {
        if self.is_sqlite() && self.copied("").exists() {
            self.go_on_with(&self.copied(""), Some(&self.copied("-wal")));
        }
    }

    fn go_on_with(&mut self, from: &Path, log: Option<&Path>) {
        let older = self.directory.join(self.files.to_string());
        self.files += 1;
        let directory = self.directory.join(self.files.to_string());
        std::fs::create_dir(&directory).expect("a directory can be made");
        self.database = database::Database::create(&directory);
        let file = self.database.file().expect("it is SQLite");
        std::fs::copy(from, &file).expect("the directory is there");
        if let Some(log) = log {
            std::fs::copy(log, log_of(&file)).expect("it was remembered");
        }
        self.at = Where::Sqlite(file);
        let _ = std::fs::remove_dir_all(older);
    }

    fn template(&self) -> PathBuf {
        self.directory.join("template.db")
    }

    fn copied(&self, suffix: &str) -> PathBuf {
        self.directory.join(format!("copy.db{suffix}"))
    }

    pub fn push_rules(&self) -> push::PushRules {
        push::PushRules { texts: Arc::new(Texts::english()), configured: Arc::new([PushService::Fcm]) }
    }

    fn populate(&self, clock: &Manual) -> People {
        let database = world::database(&self.at, clock);
        let mut people = People::default();
        for who in (1..=DRIVERS).map(Who::Driver).chain((1..=CUSTOMERS).map(Who::Customer)) {
            let account = at_once(database.write(move |tx| enter(tx, who))).expect("a new person");
            people.accounts.insert(who, account);
            people.whose.insert(account, who);
        }
        people
    }
}

pub fn job_rules() -> JobRules {
    let amount = |major| Amount::new(major).expect("an amount");
    JobRules {
        tariff: Tariff::new(amount(2.0), amount(0.5), Currency::new("EUR").expect("a currency")),
        fare_source: FareSource::App,
        offer_detail: OfferDetail::Full,
        travel: Travel::new(1.3, 25.0).expect("a way to travel"),
        search_span: SEARCH_SPAN,
        deliveries_max: DELIVERIES_MAX as i64,
        bookings_max: i64::MAX,
        open: OpenJobs {
            rides_of_customer_max: u32::MAX,
            bookings_of_customer_max: u32::MAX,
            rides_of_address_max: u32::MAX,
        },
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn log_of(file: &Path) -> String {
    format!("{}-wal", file.display())
}

/// All within a kilometre of where every ride begins.
pub fn pickup() -> Position {
    Position::new(3.85, 11.5).expect("in Yaoundé")
}

fn enter(tx: &mut Tx<'_>, who: Who) -> Result<AccountId, Error> {
    let (Who::Driver(number) | Who::Customer(number)) = who;
    let person = Person {
        username: format!("{who:?}").to_lowercase(),
        name: "Somebody".to_owned(),
        phone_number: None,
        password_hash: None,
        is_demo: false,
    };
    match who {
        Who::Driver(_) => {
            let details = DriverDetails {
                vehicle_type: "car".to_owned(),
                license_number: None,
                vehicle_registration: None,
                vehicle_color: None,
                is_verified: true,
                position: Position::new(3.85 + 0.001 * number as f64, 11.5).ok(),
                wants: Wants::Online,
                rating: 5.0,
                external_id: None,
            };
            Ok(create_driver(tx, Some(DriverId(number)), &person, &details)?.account)
        }
        Who::Customer(_) => {
            let customer = CustomerId(number);
            let details = CustomerDetails::default();
            let created = create_customer(tx, Some(customer), &person, &details)?;
            for phone in 0..PHONES_OF[number as usize - 1] {
                let registration = push::Registration {
                    customer,
                    device: Some(format!("phone-{phone}")),
                    platform: Platform::Android,
                    fcm: PushToken::new(format!("token-{number}-{phone}")).ok(),
                    expo: None,
                    apns: None,
                    session: None,
                };
                push::register(tx, &registration, 10)?;
            }
            Ok(created.account)
        }
    }
}
