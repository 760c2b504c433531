//! One person: all data about them as a document, and their erasure.
//!
//! Invariant: nothing by which the person is known finds erased data. Jobs, times and sums stay, and so do the ids that
//! join them, which lead to nobody once the rows are emptied.

mod export;
mod redaction;

pub use export::Export;

use crate::domain::announcement::Announcement;
use crate::domain::audit::Subject;
use crate::domain::event::EventBody;
use crate::domain::ids::{AccountId, CustomerId, DriverId, EventId, JobId};
use crate::operations::accounts::{self, AccountPatch};
use crate::operations::driver_changes::{self, DriverPatch};
use crate::operations::error::{Error, Refusal};
use crate::operations::idempotency::KEPT_FOR;
use crate::store::personal::{self, Held, Ids};
use crate::store::{Account, Conn, StoreError, Tx, sql};
use redaction::Forgotten;

/// Positions removed in one transaction: a driver has hundreds of thousands.
const STEP_ROWS: usize = 2_000;
/// Open jobs that a refusal names.
const OPEN_MAX: usize = 50;

/// The person. Operators are not included: they are suspended, and their actions stay recorded under their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    Customer(CustomerId),
    Driver(DriverId),
}

/// Whether a person can be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erasing {
    GoesOn,
    /// Somebody is on the way, or is waited for: these come first.
    OpenJobs(Vec<JobId>),
}

impl Person {
    pub fn subject(self) -> Subject {
        match self {
            Person::Customer(id) => Subject::customer(id),
            Person::Driver(id) => Subject::driver(id),
        }
    }

    /// The side of the person, in the words of a refusal.
    fn kind(self) -> &'static str {
        match self {
            Person::Customer(_) => "customer",
            Person::Driver(_) => "driver",
        }
    }

    fn tables(self) -> &'static [Held] {
        match self {
            Person::Customer(_) => personal::OF_CUSTOMER,
            Person::Driver(_) => personal::OF_DRIVER,
        }
    }

    fn account(self, conn: &mut Conn<'_>) -> Result<Option<Account>, StoreError> {
        Ok(match self {
            Person::Customer(id) => sql!(conn, customers::find(id))?.map(|(_, account)| account),
            Person::Driver(id) => sql!(conn, drivers::find(id))?.map(|(_, account)| account),
        })
    }

    fn ids(self, account: AccountId) -> Ids {
        let id = match self {
            Person::Customer(id) => id.0,
            Person::Driver(id) => id.0,
        };
        Ids { id, account: account.0 }
    }
}

fn known(tx: &mut Tx<'_>, person: Person) -> Result<Account, Error> {
    Ok(person.account(tx.conn())?.ok_or(Refusal::NotFound(person.kind()))?)
}

fn open_jobs(tx: &mut Tx<'_>, person: Person, ids: Ids) -> Result<Erasing, Error> {
    let is_customer = matches!(person, Person::Customer(_));
    let open = personal::open_jobs(tx.conn(), is_customer, ids, OPEN_MAX)?;
    Ok(if open.is_empty() { Erasing::GoesOn } else { Erasing::OpenJobs(open) })
}

/// The first step: nobody goes on as this person. Their sessions end with it, and their tokens.
pub fn begin(tx: &mut Tx<'_>, person: Person) -> Result<Erasing, Error> {
    let account = known(tx, person)?;
    tx.concerns(person.subject());
    let open = open_jobs(tx, person, person.ids(account.id))?;
    if open != Erasing::GoesOn {
        return Ok(open);
    }
    let suspended = AccountPatch { suspended: Some(true), ..AccountPatch::default() };
    match person {
        Person::Driver(id) => {
            let patch = DriverPatch { account: suspended, ..DriverPatch::default() };
            driver_changes::patch(tx, id, &patch)?;
        }
        // A guest's, too.
        Person::Customer(_) => accounts::change(tx, account.id, &suspended)?,
    }
    Ok(Erasing::GoesOn)
}

/// Removes a part of where the driver was. Returns how many rows went; 0 when none is left.
pub fn forget_positions(tx: &mut Tx<'_>, driver: DriverId) -> Result<usize, StoreError> {
    personal::zero_pages(tx.conn(), true)?;
    let rows = personal::forget_positions(tx.conn(), driver.0, STEP_ROWS)?;
    personal::zero_pages(tx.conn(), false)?;
    Ok(rows)
}

/// The last step: everything else, at once.
pub fn finish(tx: &mut Tx<'_>, person: Person) -> Result<Erasing, Error> {
    let account = known(tx, person)?;
    let ids = person.ids(account.id);
    let open = open_jobs(tx, person, ids)?;
    if open != Erasing::GoesOn {
        return Ok(open);
    }
    personal::zero_pages(tx.conn(), true)?;
    let is_customer = matches!(person, Person::Customer(_));
    let forgotten = Forgotten { public_id: account.public_id, is_customer };
    redact(tx, &forgotten, is_customer, ids)?;
    let kept_since = (tx.now() - KEPT_FOR).naive_utc();
    personal::forget_answers(tx.conn(), is_customer, ids, account.public_id, kept_since)?;
    for held in person.tables() {
        personal::erase(tx.conn(), held, ids)?;
    }
    let valid_from = tx.now().timestamp() + 1;
    personal::end_tokens(tx.conn(), ids, valid_from)?;
    personal::zero_pages(tx.conn(), false)?;
    match person {
        Person::Driver(id) => tx.announce(Announcement::DriverChanged(id)),
        Person::Customer(id) => tx.announce(Announcement::DevicesChanged(id)),
    }
    Ok(Erasing::GoesOn)
}

/// Takes the person out of what others were told of their jobs. Before their own events go, which say which jobs those were.
fn redact(tx: &mut Tx<'_>, forgotten: &Forgotten, is_customer: bool, ids: Ids) -> Result<(), Error> {
    for told in personal::told_to_others(tx.conn(), is_customer, ids)? {
        let (to, event) = (AccountId(told.account_id), EventId(told.event_id));
        let Ok(body) = serde_json::from_str::<EventBody>(&told.body) else {
            // Of a version that is not this one: nobody can say what is in it.
            personal::forget_event(tx.conn(), to.0, event.0)?;
            continue;
        };
        let left = forgotten.taken_out_of(body.clone());
        if left != body {
            let left = serde_json::to_string(&left).expect("an event has no map keys but strings");
            sql!(tx, payments::rewrite_event(to, event, &left))?;
            // It was pushed in words that were made of it.
            personal::forget_notifications(tx.conn(), to.0, event.0)?;
        }
    }
    Ok(())
}
