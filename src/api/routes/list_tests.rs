//! The list of all routes in `docs/wire/rest.txt`, a walk over the table: each change of what apps and programs see of
//! REST is a change of that file. `UPDATE_WIRE=1 cargo test --lib routes_are_listed` writes it.

use super::{
    ANY_ROUTES_ERRORS, AnswerShape, BodyShape, QueryShape, ROUTES, Recorded, Route, Who, parameters,
};
use crate::api::description::{Description, FieldsDescription, Needs};
use crate::contracts::error_codes::ErrorCode;
use crate::domain::role::Role;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "\
REST as the server has it: each route, then each type of an answer. Made from the tables in src/api/routes by a test, which
fails where this file says otherwise; UPDATE_WIRE=1 cargo test --lib routes_are_listed writes it.

A field with ! must be sent, or is always in the answer; one with ? need not be there. What is sent as null counts as absent, and
words are read in any case.
";

/// The types of answers by their names.
type Types = BTreeMap<String, Value>;

#[test]
fn routes_are_listed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/wire/rest.txt");
    let list = list();
    if std::env::var_os("UPDATE_WIRE").is_some() {
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("it can be made");
        std::fs::write(&file, &list).expect("the list can be written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let differing = list.lines().zip(kept.lines()).position(|(one, other)| one != other);
    let line = differing.unwrap_or(list.lines().count().min(kept.lines().count())) + 1;
    assert!(
        list == kept,
        "docs/wire/rest.txt says something else than the routes, from line {line} on. If the change of the wire is meant, \
         write the list again: UPDATE_WIRE=1 cargo test --lib routes_are_listed"
    );
}

#[test]
fn what_is_described_is_whole() {
    for route in ROUTES {
        let shape = route.shape();
        assert_eq!(parameters(route.path).count(), shape.path.len(), "{route}");
        let body = shape.body.and_then(|body| body.read).map(|(_, description)| description);
        for description in body.into_iter().chain(shape.query.map(|query| query.description)) {
            let Description::Fields(FieldsDescription { fields, groups }) = description else { continue };
            let unread = fields.iter().find(|field| field.schema.is_null());
            assert_eq!(unread, None, "{route} requires what it does not read");
            let names = || fields.iter().map(|field| field.name);
            for group in groups {
                assert!(
                    group.names.iter().all(|name| names().any(|known| known == *name)),
                    "{route}: {group:?}"
                );
            }
        }
    }
}

/// A walk over the table: nothing of it is kept elsewhere.
fn list() -> String {
    let mut types = Types::new();
    let mut text = HEAD.to_owned();
    line(&mut text, 0, &format!("any route: {}", errors(&ANY_ROUTES_ERRORS)));
    for route in ROUTES {
        text.push('\n');
        write_route(&mut text, route, &mut types);
    }
    for (name, schema) in &types {
        text.push('\n');
        line(&mut text, 0, &format!("type {name}: {}", head_of(schema)));
        write_members(&mut text, 1, schema);
    }
    text
}

fn write_route(text: &mut String, route: &Route, types: &mut Types) {
    let shape = route.shape();
    line(text, 0, &route.to_string());
    line(text, 1, &format!("callers: {}", callers(route.who)));
    line(text, 1, &format!("recorded: {}", recorded(route.recorded)));
    for (name, schema) in parameters(route.path).zip(&shape.path) {
        line(text, 1, &format!("path {name} {}", type_of(schema)));
    }
    if shape.is_keyed {
        line(text, 1, "honours Idempotency-Key");
    }
    if let Some(QueryShape { name, description }) = &shape.query {
        line(text, 1, &format!("query {name}"));
        write_description(text, description);
    }
    if let Some(BodyShape { read, may_be_empty }) = &shape.body {
        let optional = if *may_be_empty { ", which may be absent" } else { "" };
        match read {
            Some((name, description)) => {
                line(text, 1, &format!("body {name}{optional}"));
                write_description(text, description);
            }
            None => line(text, 1, "body: not looked at"),
        }
    }
    for answer in &shape.answers {
        line(text, 1, &format!("{}: {}", answer.status, answer_name(answer, types)));
    }
    line(text, 1, &format!("refused: {}", errors(&route.errors())));
}

fn callers(who: Who) -> String {
    let named = |roles: &[Role]| match roles.len() == Role::ALL.len() {
        true => "every account".to_owned(),
        false => roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", "),
    };
    match who {
        Who::Anybody => "anybody".to_owned(),
        Who::Roles(roles) => named(roles),
        Who::RolesOrNobody(roles) => format!("{}; where settings allow it anybody", named(roles)),
    }
}

fn recorded(recorded: Recorded) -> &'static str {
    match recorded {
        Recorded::Nothing => "nothing",
        Recorded::Reads => "reads",
        Recorded::Changes => "changes",
    }
}

/// By status.
fn errors(codes: &[ErrorCode]) -> String {
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(code.as_str());
    }
    let each: Vec<String> =
        by_status.into_iter().map(|(status, words)| format!("{status} {}", words.join(" "))).collect();
    each.join(", ")
}

fn write_description(text: &mut String, description: &Description) {
    let FieldsDescription { fields, groups } = match description {
        Description::Fields(fields) => fields,
        Description::Other(schema) => return line(text, 2, &type_of(schema)),
    };
    for field in fields {
        let mark = if field.is_required { '!' } else { '?' };
        line(text, 2, &format!("{}{mark} {}", field.name, type_of(&field.schema)));
    }
    for group in groups {
        let needs = match group.needs {
            Needs::ExactlyOne => "exactly one of",
            Needs::AtLeastOne => "at least one of",
            Needs::AtMostOne => "at most one of",
            Needs::AllOrNone => "all or none of",
        };
        line(text, 2, &format!("({needs} {})", group.names.join(", ")));
    }
}

fn answer_name(answer: &AnswerShape, types: &mut Types) -> String {
    let Some(schema) = &answer.schema else {
        return if answer.status == 101 { "a socket".to_owned() } else { "nothing".to_owned() };
    };
    let mut schema = schema.as_value().clone();
    let definitions = schema.as_object_mut().and_then(|schema| schema.remove("$defs"));
    for (name, definition) in definitions.as_ref().and_then(Value::as_object).into_iter().flatten() {
        keep(types, name, definition);
    }
    let name = schema["title"].as_str().expect("a type has a name").to_owned();
    keep(types, &name, &schema);
    name
}

/// Two types of one name would be one in a document.
fn keep(types: &mut Types, name: &str, schema: &Value) {
    let mut schema = schema.clone();
    if let Some(members) = schema.as_object_mut() {
        members.retain(|key, _| !["$schema", "title", "description"].contains(&key.as_str()));
    }
    let known = types.entry(name.to_owned()).or_insert_with(|| schema.clone());
    assert_eq!(*known, schema, "two types of answers are called {name}");
}

/// The text after a type's name: its kind, unless it is an object whose members follow.
fn head_of(schema: &Value) -> String {
    match schema.get("properties") {
        Some(_) => match alternatives(schema) {
            Some(also) => format!("an object, and one of {also}"),
            None => "an object".to_owned(),
        },
        None => type_of(schema),
    }
}

fn write_members(text: &mut String, depth: usize, schema: &Value) {
    let Some(members) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, member) in members {
        line(text, depth, &format!("{name}{} {}", mark(schema, name), type_of(member)));
    }
}

fn mark(schema: &Value, name: &str) -> char {
    let required = schema.get("required").and_then(Value::as_array);
    if required.is_some_and(|names| names.iter().any(|one| one == name)) { '!' } else { '?' }
}

fn alternatives(schema: &Value) -> Option<String> {
    let found = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array());
    found.map(|found| found.iter().map(type_of).collect::<Vec<_>>().join(" | "))
}

/// A schema in a line.
fn type_of(schema: &Value) -> String {
    let Some(schema_of) = schema.as_object() else { return "anything".to_owned() };
    if let Some(name) = schema_of.get("$ref").and_then(Value::as_str) {
        return name.rsplit('/').next().unwrap_or(name).to_owned();
    }
    if let Some(word) = schema_of.get("const") {
        return word.to_string();
    }
    if let Some(words) = schema_of.get("enum").and_then(Value::as_array) {
        let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap_or("null")).collect();
        return words.join(" | ");
    }
    if let Some(either) = alternatives(schema) {
        return either;
    }
    let kinds: Vec<&str> = match schema_of.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(kind)) => vec![kind],
        _ => return "anything".to_owned(),
    };
    let named: Vec<String> = kinds.iter().map(|kind| kind_of(kind, schema, schema_of)).collect();
    named.join(" | ")
}

fn kind_of(kind: &str, schema: &Value, members: &Map<String, Value>) -> String {
    let form = ["format", "contentMediaType", "pattern"].iter().find_map(|key| members.get(*key)?.as_str());
    let form = form.map(|form| format!(" ({form})")).unwrap_or_default();
    match kind {
        "string" => format!("string{form}{}", range(members, "minLength", "maxLength")),
        "number" | "integer" => format!("{kind}{form}{}", range(members, "minimum", "maximum")),
        "array" => {
            let items = members.get("items").map_or("anything".to_owned(), type_of);
            format!("list of ({items}){}", range(members, "minItems", "maxItems"))
        }
        "object" => object_of(schema, members),
        other => other.to_owned(),
    }
}

fn object_of(schema: &Value, members: &Map<String, Value>) -> String {
    if let Some(fields) = members.get("properties").and_then(Value::as_object) {
        let field =
            |(name, field): (&String, &Value)| format!("{name}{} {}", mark(schema, name), type_of(field));
        return format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "));
    }
    match members.get("additionalProperties") {
        Some(value) if value.is_object() => format!("object of ({})", type_of(value)),
        _ => "object".to_owned(),
    }
}

fn range(members: &Map<String, Value>, least: &str, most: &str) -> String {
    let number = |key: &str| members.get(key).map(Value::to_string);
    match (number(least), number(most)) {
        (None, None) => String::new(),
        (from, to) => format!(" {}..{}", from.unwrap_or_default(), to.unwrap_or_default()),
    }
}

fn line(text: &mut String, depth: usize, line: &str) {
    let _ = writeln!(text, "{}{line}", "  ".repeat(depth));
}
