//! Reading what a client sent, field by field, into types that can't be wrong. All that is missing or wrong is gathered
//! and said at once. A null optional field counts as absent, an unknown one is ignored; `rules` has what a field may
//! be. The same reading, run on nothing, describes what it takes.

use crate::api::description::{Description, FieldsDescription, Needs};
use crate::api::problem::{FieldProblem, Problem};
use crate::api::rules::{self, Rule};
use crate::domain::external_id::Named;
use crate::domain::position::Position;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A JSON object, or a query string as one of texts.
pub type Object = Map<String, Value>;

/// Reads one object.
pub struct Fields<'a> {
    object: &'a Object,
    problems: Vec<FieldProblem>,
    /// The names that were asked for.
    read: Vec<&'static str>,
    /// The object is a row of a file.
    is_cells: bool,
    /// Nothing is there to be read: what would be is written down.
    description: Option<FieldsDescription>,
}

/// The message for an id of ours in a creation.
pub const GIVEN_HERE: &str = "is assigned by the server; send an id of your own as external_id";
/// The message for a column that no rule reads.
pub const UNKNOWN: &str = "is not a field of this request";

/// Describes a reading: it is run on nothing, and the fields that it asks for are noted. Its result does not matter.
pub fn describe(read: impl FnOnce(&mut Fields<'_>) -> bool) -> Description {
    let nothing = Object::new();
    let mut fields = Fields { description: Some(FieldsDescription::default()), ..Fields::of(&nothing) };
    read(&mut fields);
    Description::Fields(fields.description.unwrap_or_default())
}

impl<'a> Fields<'a> {
    pub fn of(object: &'a Object) -> Self {
        Self { object, problems: Vec::new(), read: Vec::new(), is_cells: false, description: None }
    }

    /// Of texts: one that its rule does not take as it is may be written as a spreadsheet writes numbers, or true and false.
    pub fn of_cells(object: &'a Object) -> Self {
        Self { is_cells: true, ..Self::of(object) }
    }

    /// `None` is among the problems.
    pub fn required<T>(&mut self, name: &'static str, rule: impl Rule<T>) -> Option<T> {
        self.require(&[name]);
        self.optional(name, rule)
    }

    /// Says of each of these that it must be there, and of each that is not that it is missing.
    pub fn require(&mut self, names: &[&'static str]) {
        for name in names {
            if let Some(description) = &mut self.description {
                description.require(name);
            }
            if !self.has(name) {
                self.refuse(name, "is missing");
            }
        }
    }

    /// `None` where it is absent or among the problems.
    pub fn optional<T>(&mut self, name: &'static str, rule: impl Rule<T>) -> Option<T> {
        self.ask_for(name, &rule);
        let sent = self.present(name)?;
        let scalar = if self.is_cells { scalar(sent) } else { None };
        let as_scalar = |message| scalar.as_ref().and_then(|value| rule.read(value).ok()).ok_or(message);
        match rule.read(sent).or_else(as_scalar) {
            Ok(value) => Some(value),
            Err(message) => {
                self.refuse(name, message);
                None
            }
        }
    }

    /// The same where something else counts if it is absent.
    pub fn optional_or<T: Serialize>(&mut self, name: &'static str, rule: impl Rule<T>, otherwise: T) -> T {
        let read = self.optional(name, rule);
        if let Some(description) = &mut self.description {
            description.set_default(name, json!(otherwise));
        }
        read.unwrap_or(otherwise)
    }

    /// The same, not looked at where that is so.
    pub fn optional_unless<T>(
        &mut self,
        is_ignored: bool,
        name: &'static str,
        rule: impl Rule<T>,
    ) -> Option<T> {
        match is_ignored {
            true => {
                self.ask_for(name, &rule);
                None
            }
            false => self.optional(name, rule),
        }
    }

    /// A position needs both of its numbers.
    pub fn position(
        &mut self,
        latitude_name: &'static str,
        longitude_name: &'static str,
    ) -> Option<Position> {
        self.group(Needs::AllOrNone, &[latitude_name, longitude_name]);
        for (name, other) in [(latitude_name, longitude_name), (longitude_name, latitude_name)] {
            if !self.has(name) && self.has(other) {
                self.refuse(name, format!("must be sent together with {other}"));
            }
        }
        let latitude = self.optional(latitude_name, rules::latitude());
        let longitude = self.optional(longitude_name, rules::longitude());
        Position::new(latitude?, longitude?).ok()
    }

    /// Something that is there, by our id or, under one of the names `theirs`, by another system's.
    pub fn named<Id: From<i64>>(&mut self, ours: &'static str, theirs: &[&'static str]) -> Option<Named<Id>> {
        self.group(Needs::AtMostOne, &with(ours, theirs));
        self.one_named(ours, theirs)
    }

    /// The same where something must be named.
    pub fn required_named<Id: From<i64>>(
        &mut self,
        ours: &'static str,
        theirs: &[&'static str],
    ) -> Option<Named<Id>> {
        self.group(Needs::ExactlyOne, &with(ours, theirs));
        if !self.has(ours) && !theirs.iter().any(|name| self.has(name)) {
            self.refuse(
                ours,
                format!("is missing, and so is {}", theirs.first().copied().unwrap_or_default()),
            );
        }
        self.one_named(ours, theirs)
    }

    fn one_named<Id: From<i64>>(&mut self, ours: &'static str, theirs: &[&'static str]) -> Option<Named<Id>> {
        self.ask_for(ours, &rules::id::<Id>());
        for name in theirs {
            self.ask_for(name, &rules::external_id());
        }
        let present: Vec<&str> = theirs.iter().copied().filter(|name| self.has(name)).collect();
        let also = if self.has(ours) { &present[..] } else { present.get(1..).unwrap_or_default() };
        for name in also {
            self.refuse(
                name,
                format!("names it a second time; send only one of {ours} and {}", theirs.join(", ")),
            );
        }
        match theirs.iter().find(|name| self.has(name)) {
            Some(name) if also.is_empty() => self.optional(name, rules::external_id()).map(Named::Theirs),
            _ => self.optional(ours, rules::id()).map(Named::Ours),
        }
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
        let is_known = |name: &String| {
            self.read.contains(&name.as_str()) || self.problems.iter().any(|problem| problem.field == *name)
        };
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

    /// For others: what fields say about each other. That it is so, the reading checks.
    pub fn group(&mut self, needs: Needs, names: &[&'static str]) {
        if let Some(description) = &mut self.description {
            description.group(needs, names);
        }
    }

    /// The value that was read, or all the problems. `None` means that a required field is missing, which is among
    /// them.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Problem> {
        if !self.problems.is_empty() {
            return Err(Problem::fields(self.problems));
        }
        Ok(read.expect("a required field that is not there is among the problems"))
    }

    /// The names that were asked for and are not in the description.
    pub fn not_in(&self, description: &Description) -> Vec<&'static str> {
        let Description::Fields(described) = description else { return self.read.clone() };
        self.read.iter().copied().filter(|name| !described.has(name)).collect()
    }

    fn ask_for<T>(&mut self, name: &'static str, rule: &impl Rule<T>) {
        self.read.push(name);
        if let Some(description) = &mut self.description {
            description.field(name, rule);
        }
    }

    fn present(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }
}

fn with(ours: &'static str, theirs: &[&'static str]) -> Vec<&'static str> {
    [&[ours], theirs].concat()
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
            fields.required("name", rules::name());
            fields.required("reason", rules::reason());
            fields.optional("address", rules::name());
        });
        assert_eq!(wrong, ["name", "reason"]);
    }

    #[test]
    fn a_reading_describes_itself() {
        let reading = |fields: &mut Fields<'_>| {
            let name = fields.required("name", rules::name());
            let place = fields.position("latitude", "longitude");
            let driver: Option<Named<i64>> = fields.required_named("driver_id", &["external_id"]);
            name.is_some() && place.is_some() && driver.is_some()
        };
        let Description::Fields(described) = describe(reading) else { panic!("an object") };
        let fields: Vec<_> = described.fields.iter().map(|field| (field.name, field.is_required)).collect();
        assert_eq!(
            fields,
            [
                ("name", true),
                ("latitude", false),
                ("longitude", false),
                ("driver_id", false),
                ("external_id", false)
            ]
        );
        let groups: Vec<_> = described.groups.iter().map(|group| group.needs).collect();
        assert_eq!(groups, [Needs::AllOrNone, Needs::ExactlyOne]);
        assert_eq!(described.fields[0].schema, json!({"type": "string", "minLength": 1, "maxLength": 200}));
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
