//! Rows of log-ins: the grant, its name, and the second factor.

use crate::domain::ids::AccountId;
use crate::store::schema::{grants, second_factors};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A grant of access to an account: a log-in with a password and all the tokens that descend from it, or one token that
/// was made for a program or an operator.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = grants)]
pub struct Grant {
    /// The `sid` of its tokens.
    pub id: String,
    pub account_id: AccountId,
    /// `password` or `token`.
    pub kind: String,
    pub name: String,
    pub began_at: NaiveDateTime,
    /// To a minute or so.
    pub last_used_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    pub revoked_at: Option<NaiveDateTime>,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = grants)]
pub struct NewGrant<'a> {
    pub id: &'a str,
    pub account_id: i64,
    pub kind: &'static str,
    pub name: &'a str,
    pub began_at: NaiveDateTime,
    pub last_used_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
}

/// The secret of an account's authenticator app, and how far its codes were used.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = second_factors)]
pub struct SecondFactor {
    pub account_id: i64,
    /// The one in force.
    pub secret: Option<String>,
    /// One that waits for a code of it.
    pub pending_secret: Option<String>,
    pub last_step: i64,
    /// Wrong codes in a row.
    pub failures: i64,
    pub blocked_until: Option<NaiveDateTime>,
}
