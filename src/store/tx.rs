//! A transaction of a decision: its connection, its time, the installation's rules, and the durable events it will
//! record.

use crate::domain::announcement::{Announcement, Committed};
use crate::domain::audit::Subject;
use crate::domain::contact::Contact;
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{AccountId, CustomerId, EventId, JobId};
use crate::domain::job_rules::JobRules;
use crate::domain::notification::Occasion;
use crate::domain::role::Role;
use crate::domain::story::Happening;
use crate::store::connection::Conn;
use crate::store::error::StoreError;
use crate::store::rows::NewEvent;
use crate::store::sql;
use chrono::{DateTime, NaiveDateTime, Utc};

/// Handed to the closure of a write. Rows are locked in one order everywhere: jobs by id, drivers by id, then the
/// accounts' counters; the last are taken when the closure has returned, so no operation can get that wrong.
pub struct Tx<'a> {
    conn: Conn<'a>,
    now: DateTime<Utc>,
    rules: &'a JobRules,
    push_due: &'a PushDue,
    staged: Vec<Staged>,
    /// To be published after the commit.
    committed: Committed,
    /// The subjects of this transaction, for the audit.
    subjects: Vec<Subject>,
    /// Of the customers that were asked for: one in nearly all transactions, for the log and for the event.
    accounts: Vec<(CustomerId, Option<AccountId>)>,
}

/// When it is to be decided whether an event that an account gets at this time is pushed: at once where nobody is
/// connected who could confirm it.
pub(super) type PushDue = dyn Fn(AccountId, DateTime<Utc>) -> DateTime<Utc> + Send + Sync;

struct Staged {
    account: AccountId,
    job: Option<JobId>,
    body: EventBody,
    contact: Option<Box<Contact>>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(
        conn: Conn<'a>,
        now: DateTime<Utc>,
        rules: &'a JobRules,
        push_due: &'a PushDue,
    ) -> Self {
        Self {
            conn,
            now,
            rules,
            push_due,
            staged: Vec::new(),
            committed: Committed::default(),
            subjects: Vec::new(),
            accounts: Vec::new(),
        }
    }

    pub(crate) fn conn(&mut self) -> &mut Conn<'a> {
        &mut self.conn
    }

    /// The time of this transaction, one for all it writes.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The same as the columns have it.
    pub fn at(&self) -> NaiveDateTime {
        self.now.naive_utc()
    }

    /// The installation's rules, the same in every transaction of this process.
    pub fn rules(&self) -> &'a JobRules {
        self.rules
    }

    /// Records a durable event for an account: numbered and written with this transaction, published after it.
    pub fn record(&mut self, account: AccountId, job: Option<JobId>, body: EventBody) {
        self.staged.push(Staged { account, job, body, contact: None });
    }

    /// The same for the driver of the job, who is told at once whom to call; the row has none of it.
    pub fn record_with_contact(&mut self, account: AccountId, job: JobId, body: EventBody, contact: Contact) {
        self.staged.push(Staged { account, job: Some(job), body, contact: Some(Box::new(contact)) });
    }

    /// A customer's account.
    pub fn account_of(&mut self, customer: CustomerId) -> Result<Option<AccountId>, StoreError> {
        if let Some((_, account)) = self.accounts.iter().find(|(known, _)| *known == customer) {
            return Ok(*account);
        }
        let account = sql!(self, customers::account_of(customer))?;
        self.accounts.push((customer, account));
        Ok(account)
    }

    /// This is about them: where an operator asked for it, the audit says so.
    pub fn concerns(&mut self, subject: Subject) {
        if !self.subjects.contains(&subject) {
            self.subjects.push(subject);
        }
    }

    pub fn take_subjects(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.subjects)
    }

    /// Something to publish after the commit that is not a durable event.
    pub fn announce(&mut self, announcement: Announcement) {
        self.committed.announcements.push(announcement);
    }

    /// Something that the log tells after the commit.
    pub fn happened(&mut self, happening: Happening) {
        self.committed.happenings.push(happening);
    }

    /// Numbers and writes the staged events, by account id, and returns what to publish after the commit.
    pub(super) fn finish(mut self) -> Result<Committed, StoreError> {
        let mut staged = std::mem::take(&mut self.staged);
        // Stable: the events of one account keep the order in which they happened.
        staged.sort_by_key(|event| event.account);
        let mut remaining = staged.into_iter().peekable();
        while let Some(account) = remaining.peek().map(|event| event.account) {
            let mut batch = Vec::new();
            while let Some(event) = remaining.next_if(|event| event.account == account) {
                batch.push(event);
            }
            self.write(account, batch)?;
        }
        Ok(self.committed)
    }

    fn write(&mut self, account: AccountId, batch: Vec<Staged>) -> Result<(), StoreError> {
        // Its job is what other systems have an id for.
        let mut external_id = (None, None);
        let count = batch.len() as i64;
        let (last, role) = sql!(self, accounts::take_event_ids(account, count))?;
        let first = last.0 - count + 1;
        for (id, staged) in (first..).zip(batch) {
            if let Some(job) = staged.job.filter(|job| external_id.0 != Some(*job)) {
                external_id = (Some(job), sql!(self, jobs::external_id(job))?);
            }
            let push_due_at = self.push_due_at(account, role, &staged.body);
            let row = NewEvent {
                account_id: account.0,
                event_id: id,
                job_id: staged.job.map(i64::from),
                name: staged.body.name(),
                body: serde_json::to_string(&staged.body).expect("an event has no map keys but strings"),
                created_at: self.at(),
                push_due_at: push_due_at.map(|at| at.naive_utc()),
            };
            sql!(self, events::insert(&row))?;
            let (id, job) = (EventId(id), staged.job);
            self.committed.announcements.extend(push_due_at.map(Announcement::PushDue));
            self.committed.announcements.push(Announcement::Recorded { account, id, job });
            self.committed.events.push(Event {
                account,
                id,
                job,
                created_at: self.now,
                pushed: false,
                external_id: job.and(external_id.1.clone()),
                body: staged.body,
                contact: staged.contact,
            });
        }
        Ok(())
    }

    /// Only customers are pushed to, and only of what there is a notification for.
    fn push_due_at(&self, account: AccountId, role: Role, body: &EventBody) -> Option<DateTime<Utc>> {
        (role == Role::Customer && Occasion::of(body).is_some()).then(|| (self.push_due)(account, self.now))
    }
}
