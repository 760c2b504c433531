//! The audit's rows.

use crate::store::schema::audit_log;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A row to be written.
#[derive(Clone, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = audit_log)]
pub struct NewAudit {
    pub at: NaiveDateTime,
    pub actor: String,
    pub role: Option<&'static str>,
    pub action: String,
    pub subject: Option<String>,
    pub address: Option<String>,
    pub request_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_log)]
pub struct AuditRow {
    pub id: i64,
    pub at: NaiveDateTime,
    pub actor: String,
    pub role: Option<String>,
    pub action: String,
    pub subject: Option<String>,
    pub address: Option<String>,
    pub request_id: Option<String>,
}

/// Which rows are asked for. Each of the first two has an index of its own, and so has time alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFilter {
    pub actor: Option<String>,
    pub subject: Option<String>,
    pub from: NaiveDateTime,
    /// Before this time or, at it, before this row.
    pub before: (NaiveDateTime, i64),
}
