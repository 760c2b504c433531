//! `admin/audit`: for admins, who changed or read which data about whom.

use crate::api::Context;
use crate::api::description::Description;
use crate::api::extract::Caller;
use crate::api::fields::{Fields, describe};
use crate::api::request::{Asked, Described};
use crate::api::respond::{Answered, json, page, page_limit};
use crate::api::rules::{self, Rule};
use crate::contracts::operators::{AuditItem, Page};
use crate::domain::audit::{Actor, Subject};
use crate::domain::ids::AccountId;
use crate::operations::audit;
use crate::store::{AuditFilter, AuditRow, Conn};
use actix_web::web;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::json;
use std::collections::HashMap;

/// Another process's clock may run ahead of ours by less.
const AHEAD: TimeDelta = TimeDelta::minutes(2);

/// The input of `GET admin/audit`.
#[derive(Debug, PartialEq)]
pub struct AuditAsked {
    /// A user name, or as rows have it.
    actor: Option<String>,
    subject: Option<Subject>,
    from: NaiveDateTime,
    before: (NaiveDateTime, i64),
    limit: usize,
}

/// `GET admin/audit?actor&subject&from&to&limit&cursor`: the newest first.
pub async fn list(ctx: web::Data<Context>, _: Caller, query: Asked<AuditAsked>) -> Answered<Page<AuditItem>> {
    let now = ctx.clock.now();
    let asked = query.read_with(|fields| AuditAsked::read(fields, now))?;
    let AuditAsked { actor, subject, from, before, limit } = asked;
    let reading = move |conn: &mut Conn<'_>| {
        let actor = match &actor {
            Some(text) => match audit::actor_named(conn, text)? {
                Some(actor) => Some(actor.to_string()),
                None => return Ok((Vec::new(), HashMap::new())),
            },
            None => None,
        };
        let subject = subject.as_ref().map(ToString::to_string);
        audit::page(conn, &AuditFilter { actor, subject, from, before }, limit as i64 + 1)
    };
    let (rows, names) = ctx.read(reading).await?;
    Ok(json(&page(rows, limit, cursor_after, |row| item(row, &names))))
}

impl AuditAsked {
    fn read(fields: &mut Fields<'_>, now: DateTime<Utc>) -> Option<Self> {
        let actor = fields.optional("actor", rules::name());
        let subject = fields.optional("subject", subject());
        let from = fields.optional("from", rules::instant()).unwrap_or(DateTime::UNIX_EPOCH);
        let to = fields.optional("to", rules::instant()).unwrap_or(now + AHEAD);
        if from > to {
            fields.refuse("from", "must not be after to");
        }
        let (cursor, limit) = (fields.optional("cursor", rules::cursor(place_of)), page_limit(fields));
        // No row is outside of these, and both databases compare what is within.
        let bounded = |time: DateTime<Utc>| time.clamp(DateTime::UNIX_EPOCH, now + AHEAD).naive_utc();
        let before = cursor.unwrap_or((bounded(to), i64::MAX));
        Some(Self { actor, subject, from: bounded(from), before, limit })
    }
}

impl Described for AuditAsked {
    fn description() -> Description {
        describe(|fields| Self::read(fields, DateTime::UNIX_EPOCH).is_some())
    }
}

fn subject() -> impl Rule<Subject> {
    rules::rule(
        || json!({"type": "string", "format": "kind:id"}),
        |value| {
            let subject = value.as_str().and_then(Subject::parse);
            subject.ok_or_else(|| {
                "must be a kind and an id such as customer:7, driver:7, job:7, account:7".to_owned()
            })
        },
    )
}

/// Microseconds and row id of the last row of the page before.
fn cursor_after(row: &AuditRow) -> String {
    format!("{}.{}", row.at.and_utc().timestamp_micros(), row.id)
}

fn place_of(cursor: &str) -> Option<(NaiveDateTime, i64)> {
    let (micros, id) = cursor.split_once('.')?;
    // The time of a row, so not before the epoch and not in another age.
    let micros: i64 = micros.parse().ok().filter(|micros| (0..1 << 53).contains(micros))?;
    Some((DateTime::from_timestamp_micros(micros)?.naive_utc(), id.parse().ok()?))
}

fn item(row: AuditRow, names: &HashMap<AccountId, String>) -> AuditItem {
    let actor_username = match Actor::parse(&row.actor) {
        Some(Actor::Account(account)) => names.get(&account).cloned(),
        _ => None,
    };
    AuditItem {
        id: row.id,
        at: row.at.into(),
        actor: row.actor,
        actor_username,
        role: row.role,
        action: row.action,
        subject: row.subject,
        address: row.address,
        request_id: row.request_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request::read_with;
    use serde_json::Value;

    fn read(query: Value) -> Result<AuditAsked, u16> {
        let Value::Object(query) = query else { panic!("an object") };
        let now = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        let read = read_with(&query, |fields| AuditAsked::read(fields, now));
        read.map_err(|problem| problem.code().status())
    }

    #[test]
    fn a_page_goes_on_after_the_last_row_of_the_page_before() {
        let row = AuditRow {
            id: 7,
            at: DateTime::from_timestamp_micros(1_799_999_000_123_456).expect("a time").naive_utc(),
            actor: "account:1".to_owned(),
            role: None,
            action: String::new(),
            subject: None,
            address: None,
            request_id: None,
        };
        let asked = read(json!({"cursor": cursor_after(&row), "actor": "anna"})).expect("a query");
        assert_eq!((asked.before, asked.actor.as_deref()), ((row.at, 7), Some("anna")));
        for wrong in ["", "1", "-1.7", "99999999999999999.7", "a.b"] {
            assert_eq!(read(json!({"cursor": wrong})).expect_err(wrong), 422);
        }
        for wrong in [
            json!({"subject": "Anna Smith"}),
            json!({"from": "2027-01-02T00:00:00Z", "to": "2027-01-01T00:00:00Z"}),
        ] {
            assert_eq!(read(wrong.clone()).expect_err("wrong"), 422, "{wrong}");
        }
    }
}
