//! Holds what really travels to the documents of the wire: each request that was carried out, each answer, and each
//! message in both directions must be what the documents' schemas say. What was seen is noted in a file of this process,
//! so that `tests/documented` can say what no test has exercised.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use fleetwire::api::openapi::plain_path;
use fleetwire::api::routes::{self, Route};
use fleetwire::api::{asyncapi, openapi};
use fleetwire::contracts::{Contract, driver_app, ride_hailing, ride_matching};
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Reply;

/// Where the schemas are, for the validator alone.
const ADDRESS: &str = "http://wire.example/wire.json";
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// Of these a part may be rejected, while the rest is taken.
const POSITIONS: &str = "PUT /api/v1/driver/location";

static WIRE: LazyLock<Wire> = LazyLock::new(Wire::new);
/// Differences that were found where a panic would be heard by nobody.
static FAULTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static SEEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// A request as it was sent.
pub struct Asked {
    pub method: String,
    pub url: Url,
    /// None where there is none, or where it is compressed.
    pub body: Option<Vec<u8>>,
}

/// A schema's key: what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Of {
    Body(String),
    Parameter(String, String),
    Answer(String, u16, String),
    Message(String),
}

struct Wire {
    openapi: Value,
    /// As the document has it, and compiled.
    schemas: HashMap<Of, (Value, SchemaIndex)>,
    compiled: Schemas,
}

impl Wire {
    fn new() -> Self {
        let (openapi, asyncapi) = (openapi::document(), asyncapi::document());
        let mut found = schemas_of_rest(&openapi);
        found.extend(schemas_of_sockets(&asyncapi));
        let all: Vec<&Value> = found.iter().map(|(_, schema)| schema).collect();
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        let resource = json!({"components": openapi["components"], "all": all});
        compiler.add_resource(ADDRESS, resource).expect("the address is one");
        let mut compiled = Schemas::new();
        let mut schemas = HashMap::new();
        for (place, (of, schema)) in found.into_iter().enumerate() {
            let index = compiler.compile(&format!("{ADDRESS}#/all/{place}"), &mut compiled);
            let index = index.unwrap_or_else(|error| panic!("{of:?} has no schema: {error:#}"));
            schemas.insert(of, (schema, index));
        }
        Self { openapi, schemas, compiled }
    }

    /// What differs from the schema; nothing where there is no schema.
    fn difference(&self, of: &Of, value: &Value) -> Option<String> {
        let (_, index) = self.schemas.get(of)?;
        let error = self.compiled.validate(value, *index).err()?;
        Some(format!("{of:?} is not as its document says: {error}\n{value:#}"))
    }
}

fn schemas_of_rest(openapi: &Value) -> Vec<(Of, Value)> {
    let mut found = Vec::new();
    for (path, item) in openapi["paths"].as_object().expect("it has paths") {
        for (method, operation) in item.as_object().expect("a path has operations") {
            let name = format!("{} {path}", method.to_ascii_uppercase());
            if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
                found.push((Of::Body(name.clone()), schema.clone()));
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if let (Some("query"), Some(named)) = (parameter["in"].as_str(), parameter["name"].as_str()) {
                    found.push((Of::Parameter(name.clone(), named.to_owned()), parameter["schema"].clone()));
                }
            }
            for (status, response) in operation["responses"].as_object().expect("there are answers") {
                let status = status.parse().expect("a status is a number");
                let content = resolved(openapi, response)["content"].as_object();
                for (media_type, content) in content.into_iter().flatten() {
                    let of = Of::Answer(name.clone(), status, media_type.clone());
                    found.push((of, content["schema"].clone()));
                }
            }
        }
    }
    found
}

fn schemas_of_sockets(asyncapi: &Value) -> Vec<(Of, Value)> {
    let messages = asyncapi["components"]["messages"].as_object().expect("it has messages");
    messages.iter().map(|(name, message)| (Of::Message(name.clone()), message["payload"].clone())).collect()
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or(value),
        None => value,
    }
}

/// A request and its answer. A request that is refused may be wrong in any way.
pub fn exchange(asked: &Asked, reply: &Reply) {
    let path = asked.url.path();
    let find = |path: &str| routes::find(&asked.method, path);
    let Some(route) = find(path).or_else(|| find(path.trim_end_matches('/'))) else { return };
    if route.shape().is_socket() {
        return;
    }
    let name = format!("{} {}", route.method, plain_path(route.path));
    if let Some(code) = reply.body["code"].as_str().filter(|_| reply.status >= 400) {
        saw(&format!("code {code}"));
    }
    let media_type = reply.header("content-type").split(';').next().unwrap_or_default().to_owned();
    if [JSON, PROBLEM].contains(&&*media_type) {
        let of = Of::Answer(name.clone(), reply.status, media_type);
        let is_good = (200..300).contains(&reply.status);
        assert!(!is_good || WIRE.schemas.contains_key(&of), "the document has no {of:?}: {}", reply.text);
        assert_none(WIRE.difference(&of, &reply.body));
    }
    if (200..300).contains(&reply.status) {
        saw(&format!("{name} {}", reply.status));
        assert_none(query_difference(&name, &asked.url));
        assert_none(body_difference(&name, asked, reply));
    }
}

#[track_caller]
fn assert_none(difference: Option<String>) {
    if let Some(difference) = difference {
        panic!("{difference}");
    }
}

fn query_difference(name: &str, url: &Url) -> Option<String> {
    url.query_pairs().find_map(|(parameter, text)| {
        let of = Of::Parameter(name.to_owned(), parameter.into_owned());
        let (schema, _) = WIRE.schemas.get(&of)?;
        let mut value = of_query(schema, &text);
        make_regular(&mut value, schema);
        WIRE.difference(&of, &value)
    })
}

/// A query has texts alone: where a schema takes no text, it is a number.
fn of_query(schema: &Value, text: &str) -> Value {
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        one => vec![one.clone()],
    };
    let is_number = kinds.iter().all(|kind| kind == "integer" || kind == "number");
    match text.trim().parse().map(Value::Number) {
        Ok(number) if is_number => number,
        _ => Value::String(text.to_owned()),
    }
}

fn body_difference(name: &str, asked: &Asked, reply: &Reply) -> Option<String> {
    let is_partly_rejected =
        name == POSITIONS && (reply.body["rejected"] != json!([]) || reply.body.get("adjusted").is_some());
    let mut body: Value = serde_json::from_slice(asked.body.as_ref()?).ok()?;
    let of = Of::Body(name.to_owned());
    let (schema, _) = WIRE.schemas.get(&of)?;
    make_regular(&mut body, schema);
    if is_partly_rejected { None } else { WIRE.difference(&of, &body) }
}

/// What the description of the document says of all requests: null counts as absent, and words are read in any case.
fn make_regular(value: &mut Value, schema: &Value) {
    let schema = resolved(&WIRE.openapi, schema);
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            let none = Map::new();
            let properties = schema["properties"].as_object().unwrap_or(&none);
            for (name, member) in members {
                make_regular(member, properties.get(name).unwrap_or(&Value::Null));
            }
        }
        Value::Array(several) => several.iter_mut().for_each(|one| make_regular(one, &schema["items"])),
        Value::String(text) => {
            let mut words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            if let Some(word) = words.find(|word| word.eq_ignore_ascii_case(text.as_str())) {
                *text = word.to_owned();
            }
        }
        _ => {}
    }
    for choice in ["anyOf", "oneOf"].iter().filter_map(|word| schema[*word].as_array()).flatten() {
        make_regular(value, choice);
    }
}

/// The contract of a socket's address; none where no row has it.
pub fn contract_of(path: &str) -> Option<Contract> {
    let is_socket = |route: &&Route| route.shape().is_socket();
    routes::find("GET", path).filter(is_socket).map(asyncapi::contract_of)
}

/// A message that reached the app.
pub fn to_the_app(contract: Contract, message: &Value) {
    let kind = message["type"].as_str().unwrap_or_default();
    let code = message["code"].as_str().or_else(|| message["data"]["code"].as_str());
    if let Some(code) = code.filter(|_| kind == "error") {
        saw(&format!("code {code}"));
    }
    is_message(&format!("{}.to_the_app.{kind}", contract.name()), message);
}

/// A message that the app sends. One that the contract's own type would not write so is irregular: understood all the same,
/// or wrong on purpose.
pub fn from_the_app(contract: Contract, text: &str) {
    let Ok(message) = serde_json::from_str::<Value>(text) else { return };
    let is_regular = match contract {
        Contract::DriverApp => is_regular::<driver_app::ClientMessage>(&message),
        Contract::RideHailing => is_regular::<ride_hailing::ClientMessage>(&message),
        Contract::RideMatching => is_regular::<ride_matching::ClientMessage>(&message),
    };
    if is_regular {
        let kind = message["type"].as_str().unwrap_or_default();
        is_message(&format!("{}.from_the_app.{kind}", contract.name()), &message);
    }
}

fn is_regular<M: Serialize + DeserializeOwned>(message: &Value) -> bool {
    let read = serde_json::from_value::<M>(message.clone());
    read.is_ok_and(|read| is_of_form(message, &json!(read)))
}

/// Whether all that is written is there, in the same kind of JSON: a number is no text.
fn is_of_form(sent: &Value, written: &Value) -> bool {
    match (sent, written) {
        (Value::Object(sent), Value::Object(written)) => {
            written.iter().all(|(name, member)| sent.get(name).is_some_and(|one| is_of_form(one, member)))
        }
        (sent, written) => std::mem::discriminant(sent) == std::mem::discriminant(written),
    }
}

pub fn closed(code: u16) {
    saw(&format!("close {code}"));
}

fn is_message(name: &str, message: &Value) {
    let of = Of::Message(name.to_owned());
    let difference = match WIRE.schemas.contains_key(&of) {
        true => WIRE.difference(&of, message),
        false => Some(format!("the document has no {name}: {message}")),
    };
    match difference {
        Some(difference) => FAULTS.lock().expect("nobody panics with it").push(difference),
        None => saw(&format!("message {name}")),
    }
}

/// Those that have been found since the last call.
pub fn faults() -> Vec<String> {
    std::mem::take(&mut *FAULTS.lock().expect("nobody panics with it"))
}

/// A line for each thing that was seen, in a file of this process.
fn saw(what: &str) {
    if !SEEN.lock().expect("nobody panics with it").insert(what.to_owned()) {
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documented");
    std::fs::create_dir_all(&directory).expect("the target directory is writable");
    let file = directory.join(std::process::id().to_string());
    let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
    writeln!(file.expect("it can be opened"), "{what}").expect("it can be written");
}
