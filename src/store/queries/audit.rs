//! The audit: written once, never changed.

use super::Db;
use crate::store::audit_rows::{AuditFilter, AuditRow, NewAudit};
use crate::store::schema::audit_log;
use chrono::NaiveDateTime;
use diesel::prelude::*;

pub fn insert(conn: &mut Db, row: &NewAudit) -> QueryResult<usize> {
    diesel::insert_into(audit_log::table).values(row).execute(conn)
}

/// The newest first: one walk of the index of what is asked for.
pub fn page(conn: &mut Db, filter: &AuditFilter, limit: i64) -> QueryResult<Vec<AuditRow>> {
    let (at, id) = filter.before;
    let mut rows = audit_log::table
        .filter(audit_log::at.ge(filter.from).and(audit_log::at.le(at)))
        .filter(audit_log::at.lt(at).or(audit_log::id.lt(id)))
        .order((audit_log::at.desc(), audit_log::id.desc()))
        .limit(limit)
        .select(AuditRow::as_select())
        .into_boxed();
    if let Some(actor) = &filter.actor {
        rows = rows.filter(audit_log::actor.eq(actor));
    }
    if let Some(subject) = &filter.subject {
        rows = rows.filter(audit_log::subject.eq(subject));
    }
    rows.load(conn)
}

/// Removes at most `limit` rows from before then.
pub fn prune(conn: &mut Db, before: NaiveDateTime, limit: i64) -> QueryResult<usize> {
    let old: Vec<i64> = audit_log::table
        .filter(audit_log::at.lt(before))
        .order((audit_log::at, audit_log::id))
        .limit(limit)
        .select(audit_log::id)
        .load(conn)?;
    diesel::delete(audit_log::table.filter(audit_log::id.eq_any(&old))).execute(conn)
}
