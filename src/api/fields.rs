//! Reads a client's input, field by field, into types that can't be wrong. All missing or wrong fields are gathered and
//! reported at once. A null optional field counts as absent, an unknown one is ignored; `rules` says what a field may
//! be.

use crate::api::problem::{FieldProblem, Problem};
use crate::api::rules;
use crate::domain::external_id::Named;
use crate::domain::position::Position;
use serde_json::{Map, Value};

/// A JSON object, or a query string as one of texts.
pub type Object = Map<String, Value>;

/// Reads one object.
pub struct Fields<'a> {
    object: &'a Object,
    problems: Vec<FieldProblem>,
    /// The names that were asked for, where others are to be refused.
    read: Option<Vec<String>>,
}

/// The message for an id of ours in a creation.
pub const GIVEN_HERE: &str = "is assigned by the server; send an id of your own as external_id";
/// The message for a column that no rule reads.
pub const UNKNOWN: &str = "is not a field of this request";

impl<'a> Fields<'a> {
    pub fn of(object: &'a Object) -> Self {
        Self { object, problems: Vec::new(), read: None }
    }

    /// Of texts: one that its rule does not take as it is may be written as a spreadsheet writes numbers, or true and false.
    pub fn of_cells(object: &'a Object) -> Self {
        Self { read: Some(Vec::new()), ..Self::of(object) }
    }

    /// `None` is among the problems.
    pub fn required<T>(&mut self, name: &str, rule: impl Fn(&Value) -> Result<T, String>) -> Option<T> {
        if !self.has(name) {
            self.refuse(name, "is missing");
        }
        self.optional(name, rule)
    }

    /// `None` where it is absent or among the problems.
    pub fn optional<T>(&mut self, name: &str, rule: impl Fn(&Value) -> Result<T, String>) -> Option<T> {
        let is_cell = self.read.as_mut().map(|read| read.push(name.to_owned())).is_some();
        let sent = self.present(name)?;
        let scalar = if is_cell { scalar(sent) } else { None };
        let as_scalar = |message| scalar.as_ref().and_then(|value| rule(value).ok()).ok_or(message);
        match rule(sent).or_else(as_scalar) {
            Ok(value) => Some(value),
            Err(message) => {
                self.refuse(name, message);
                None
            }
        }
    }

    /// A position needs both of its numbers.
    pub fn position(&mut self, latitude_name: &str, longitude_name: &str) -> Option<Position> {
        for (name, other) in [(latitude_name, longitude_name), (longitude_name, latitude_name)] {
            if !self.has(name) && self.has(other) {
                self.refuse(name, format!("must be sent together with {other}"));
            }
        }
        let latitude = self.optional(latitude_name, rules::latitude);
        let longitude = self.optional(longitude_name, rules::longitude);
        Position::new(latitude?, longitude?).ok()
    }

    /// Something that is there, by our id or, under one of the names `theirs`, by another system's.
    pub fn named<Id: From<i64>>(&mut self, ours: &str, theirs: &[&str]) -> Option<Named<Id>> {
        let present: Vec<&str> = theirs.iter().copied().filter(|name| self.has(name)).collect();
        let also = if self.has(ours) { &present[..] } else { present.get(1..).unwrap_or_default() };
        for name in also {
            self.refuse(
                name,
                format!("names it a second time; send only one of {ours} and {}", theirs.join(", ")),
            );
        }
        match present.first() {
            Some(name) if also.is_empty() => self.optional(name, rules::external_id).map(Named::Theirs),
            _ => self.optional(ours, rules::id).map(Named::Ours),
        }
    }

    /// The same where something must be named.
    pub fn required_named<Id: From<i64>>(&mut self, ours: &str, theirs: &[&str]) -> Option<Named<Id>> {
        if !self.has(ours) && !theirs.iter().any(|name| self.has(name)) {
            self.refuse(
                ours,
                format!("is missing, and so is {}", theirs.first().copied().unwrap_or_default()),
            );
        }
        self.named(ours, theirs)
    }

    /// Ids that we give. One that is sent with a creation is meant to be kept, and would be missed only when it is looked for.
    pub fn refuse_ours(&mut self, names: &[&str]) {
        for name in names {
            if self.has(name) {
                self.refuse(name, GIVEN_HERE);
            }
        }
    }

    /// Refuses what was not asked for: in a file nobody would notice that it counts for nothing.
    pub fn refuse_unread(&mut self) {
        let read = self.read.take().unwrap_or_default();
        let is_known =
            |name: &String| read.contains(name) || self.problems.iter().any(|problem| problem.field == *name);
        let unknown: Vec<String> = self.object.keys().filter(|name| !is_known(name)).cloned().collect();
        for name in unknown {
            self.refuse(&name, UNKNOWN);
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.present(name).is_some()
    }

    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem { field: name.to_owned(), message: message.into() });
    }

    /// The value that `make` builds from the fields, or all the problems. `make` may use `?` on required fields.
    pub fn finish<T>(self, make: impl FnOnce() -> Option<T>) -> Result<T, Problem> {
        if !self.problems.is_empty() {
            return Err(Problem::fields(self.problems));
        }
        Ok(make().expect("a required field that is not there is among the problems"))
    }

    fn present(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }
}

/// The value of a cell besides its text. A decimal comma is a single comma.
fn scalar(cell: &Value) -> Option<Value> {
    let text = cell.as_str()?;
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => {
            let is_comma = text.matches(',').count() == 1 && !text.contains('.');
            let text = if is_comma { text.replace(',', ".") } else { text.to_owned() };
            text.parse().ok().map(Value::Number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(value: Value, read: impl FnOnce(&mut Fields<'_>)) -> Vec<String> {
        let Value::Object(object) = value else { panic!("an object") };
        let mut fields = Fields::of(&object);
        read(&mut fields);
        fields.problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn everything_wrong_is_said_at_once_and_null_is_absent() {
        let body = json!({"name": 7, "reason": null, "unknown": []});
        let wrong = problems(body, |fields| {
            fields.required("name", rules::name);
            fields.required("reason", rules::reason);
            fields.optional("address", rules::name);
        });
        assert_eq!(wrong, ["name", "reason"]);
    }

    #[test]
    fn a_position_is_both_numbers_or_none() {
        let read = |fields: &mut Fields<'_>| {
            fields.position("latitude", "longitude");
        };
        assert_eq!(problems(json!({"latitude": 1}), read), ["longitude"]);
        assert_eq!(problems(json!({"longitude": 1, "latitude": null}), read), ["latitude"]);
        assert_eq!(problems(json!({"latitude": 91, "longitude": 181}), read), ["latitude", "longitude"]);
        assert_eq!(problems(json!({"latitude": 1, "longitude": -180}), read), [] as [&str; 0]);
        assert_eq!(problems(json!({}), read), [] as [&str; 0]);
    }
}
