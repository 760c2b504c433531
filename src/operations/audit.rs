//! The audit: which changes operators, their programs and users of the command line made to whom, and whose data they
//! read.
//!
//! Invariant: an acknowledged change has its row, since both are in one transaction. A row has only ids and words of
//! ours.

use crate::domain::audit::{Actor, Subject};
use crate::domain::ids::AccountId;
use crate::domain::role::Role;
use crate::store::{AuditFilter, AuditRow, Conn, NewAudit, StoreError, Tx, sql};
use chrono::NaiveDateTime;
use std::collections::HashMap;
use std::net::IpAddr;

/// A call: its actor, action and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub actor: Actor,
    pub role: Option<Role>,
    /// The route or the subcommand.
    pub action: String,
    /// Its subject, if the call itself names one.
    pub subject: Option<Subject>,
    pub address: Option<IpAddr>,
    pub request_id: Option<String>,
}

impl Call {
    /// Of a subcommand, by a user of this machine.
    pub fn local(user: String, action: &str) -> Self {
        Self {
            actor: Actor::Local(user),
            role: None,
            action: format!("fleetwire {action}"),
            subject: None,
            address: None,
            request_id: None,
        }
    }

    pub fn row(&self, subject: Option<&Subject>, at: NaiveDateTime) -> NewAudit {
        NewAudit {
            at,
            actor: self.actor.to_string(),
            role: self.role.map(Role::as_str),
            action: self.action.clone(),
            subject: subject.map(ToString::to_string),
            address: self.address.map(|address| address.to_string()),
            request_id: self.request_id.clone(),
        }
    }
}

/// Writes down what this transaction did: a row for each whom it concerns, at least one.
pub fn record(tx: &mut Tx<'_>, call: &Call) -> Result<(), StoreError> {
    let mut subjects: Vec<Option<Subject>> = call.subject.iter().cloned().map(Some).collect();
    for subject in tx.take_subjects() {
        if call.subject.as_ref() != Some(&subject) {
            subjects.push(Some(subject));
        }
    }
    if subjects.is_empty() {
        subjects.push(None);
    }
    let at = tx.at();
    for subject in subjects {
        sql!(tx, audit::insert(&call.row(subject.as_ref(), at)))?;
    }
    Ok(())
}

/// Rows that were gathered elsewhere.
pub fn write(tx: &mut Tx<'_>, rows: &[NewAudit]) -> Result<(), StoreError> {
    for row in rows {
        sql!(tx, audit::insert(row))?;
    }
    Ok(())
}

/// A page, the newest first, and the user names of those accounts in it that are still there.
pub fn page(
    conn: &mut Conn<'_>,
    filter: &AuditFilter,
    limit: i64,
) -> Result<(Vec<AuditRow>, HashMap<AccountId, String>), StoreError> {
    let rows = sql!(conn, audit::page(filter, limit))?;
    let mut names = HashMap::new();
    for row in &rows {
        if let Some(Actor::Account(account)) = Actor::parse(&row.actor)
            && !names.contains_key(&account)
            && let Some(found) = sql!(conn, accounts::find(account))?
        {
            names.insert(account, found.username);
        }
    }
    Ok((rows, names))
}

/// The actor whose rows are wanted: as in the rows, or by user name.
pub fn actor_named(conn: &mut Conn<'_>, text: &str) -> Result<Option<Actor>, StoreError> {
    if let Some(actor) = Actor::parse(text) {
        return Ok(Some(actor));
    }
    Ok(sql!(conn, accounts::by_username(text))?.map(|account| Actor::Account(account.id)))
}
