//! The document with all data about a person, made part by part, so that no part is large and no transaction is long.

use super::Person;
use crate::domain::event::EventBody;
use crate::operations::error::{Error, Refusal};
use crate::store::personal::{self, Ids};
use crate::store::{Conn, StoreError};
use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// About half a megabyte.
const PART_ROWS: usize = 2_000;

/// Where it has come to. The parts, one after the other, are one JSON object.
#[derive(Clone, Debug)]
pub struct Export {
    person: Person,
    ids: Ids,
    public_id: Uuid,
    /// The table whose rows come next.
    table: usize,
    offset: usize,
    at: DateTime<Utc>,
    is_begun: bool,
    is_ended: bool,
}

impl Export {
    pub fn of(conn: &mut Conn<'_>, person: Person, at: DateTime<Utc>) -> Result<Self, Error> {
        let account = person.account(conn)?.ok_or(Refusal::NotFound(person.kind()))?;
        let ids = person.ids(account.id);
        let public_id = account.public_id;
        Ok(Self { person, ids, public_id, table: 0, offset: 0, at, is_begun: false, is_ended: false })
    }

    /// The next part; `None` once all is said.
    pub fn part(&mut self, conn: &mut Conn<'_>) -> Result<Option<String>, StoreError> {
        if !self.is_begun {
            self.is_begun = true;
            let at = self.at.to_rfc3339_opts(SecondsFormat::Millis, true);
            let (person, written) = (self.person.subject(), Value::from(self.written(conn)?));
            return Ok(Some(format!(
                r#"{{"person":"{person}","exported_at":"{at}","messages_written":{written}"#
            )));
        }
        let tables = self.person.tables();
        let Some(held) = tables.get(self.table) else {
            let is_more = !std::mem::replace(&mut self.is_ended, true);
            return Ok(is_more.then(|| "}\n".to_owned()));
        };
        let rows = personal::rows(conn, held, self.ids, PART_ROWS, self.offset)?;
        let mut part = match self.offset {
            0 => format!(",\"{}\":[", held.table),
            _ => String::new(),
        };
        for (index, row) in rows.iter().enumerate() {
            if self.offset + index > 0 {
                part.push(',');
            }
            part.push_str(&readable(row).to_string());
        }
        if rows.len() < PART_ROWS {
            part.push(']');
            (self.table, self.offset) = (self.table + 1, 0);
        } else {
            self.offset += rows.len();
        }
        Ok(Some(part))
    }

    /// Messages that they wrote are stored with the recipient's events.
    fn written(&self, conn: &mut Conn<'_>) -> Result<Vec<Value>, StoreError> {
        let is_customer = matches!(self.person, Person::Customer(_));
        let told = personal::told_to_others(conn, is_customer, self.ids)?;
        let written = told.into_iter().filter_map(|told| match serde_json::from_str(&told.body) {
            Ok(EventBody::ChatMessage { ride_id, from, text }) if from == self.public_id => {
                Some(json!({"ride_id": ride_id, "text": text, "at": time(told.created_at)}))
            }
            _ => None,
        });
        Ok(written.collect())
    }
}

fn time(at: NaiveDateTime) -> String {
    at.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A row as the databases write it, each in its own way, as the wire has such things.
fn readable(row: &str) -> Value {
    let Ok(Value::Object(fields)) = serde_json::from_str(row) else { return Value::Null };
    let readable = |(name, value): (String, Value)| {
        let value = match value {
            Value::Number(number) if name.starts_with("is_") || name == "position_measured" => {
                Value::Bool(number.as_i64() != Some(0))
            }
            Value::String(text) if personal::is_json(&name) => {
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
            Value::String(text) if is_time(&name) => {
                let read = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
                    .iter()
                    .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok());
                Value::String(read.map_or(text, time))
            }
            other => other,
        };
        (name, value)
    };
    Value::Object(fields.into_iter().map(readable).collect::<Map<_, _>>())
}

fn is_time(column: &str) -> bool {
    column == "at" || column == "deadline" || column.ends_with("_at")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_the_same_from_both_databases() {
        let sqlite = r#"{"id":7,"is_demo":0,"created_at":"2026-12-01 02:03:04.567","opt_out":"[\"x\"]","name":"Anna"}"#;
        let postgres = r#"{"id" : 7, "is_demo" : false, "created_at" : "2026-12-01T02:03:04.567", "opt_out" : "[\"x\"]", "name" : "Anna"}"#;
        let expected = json!({"id": 7, "is_demo": false, "created_at": "2026-12-01T02:03:04.567Z", "opt_out": ["x"],
            "name": "Anna"});
        assert_eq!((readable(sqlite), readable(postgres)), (expected.clone(), expected));
    }
}
