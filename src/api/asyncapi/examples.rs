//! An example of each message: the contract's vector where it has one, with a value for what the vector leaves to the
//! server, or else one that is made from the message's schema.

use crate::contracts::Contract;
use crate::contracts::catalogue::{Direction, MessageSchema};
use serde_json::{Map, Value, json};

const DRIVER_APP: &str = include_str!("../../contracts/vectors/driver-app.json");
const RIDE_HAILING: &str = include_str!("../../contracts/vectors/ride-hailing.json");
const RIDE_MATCHING: &str = include_str!("../../contracts/vectors/ride-matching.json");

/// As AsyncAPI has them: each with a name.
pub fn examples(contract: Contract, direction: Direction, message: &MessageSchema) -> Vec<Value> {
    let file = match contract {
        Contract::DriverApp => DRIVER_APP,
        Contract::RideHailing => RIDE_HAILING,
        Contract::RideMatching => RIDE_MATCHING,
    };
    let vectors: Value = serde_json::from_str(file).expect("the vectors are JSON");
    let direction = match direction {
        Direction::FromTheApp => "client_to_server",
        Direction::ToTheApp => "server_to_client",
    };
    let of_kind = vectors[direction].as_array().into_iter().flatten();
    let of_kind = of_kind.filter(|vector| vector["message"]["type"] == *message.kind);
    let mut examples: Vec<Value> = of_kind.map(|vector| example(vector, &message.schema)).collect();
    if examples.is_empty() {
        examples.push(json!({"name": message.kind, "payload": sample("", &message.schema)}));
    }
    examples
}

fn example(vector: &Value, schema: &Value) -> Value {
    let mut payload = vector["message"].clone();
    complete(&mut payload, schema);
    for path in vector["added_fields"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        add(&mut payload, schema, path);
    }
    json!({"name": vector["name"], "payload": payload})
}

/// Puts a value in the place of each that the vector leaves open, and adds what is always there.
fn complete(value: &mut Value, schema: &Value) {
    let schema = not_null(schema);
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let of_member = property(schema, name);
                match member {
                    Value::String(text) if text.starts_with('<') => *member = sample(name, &of_member),
                    other => complete(other, &of_member),
                }
            }
            for name in required(schema) {
                if !members.contains_key(&name) {
                    members.insert(name.clone(), sample(&name, &property(schema, &name)));
                }
            }
        }
        Value::Array(several) => several.iter_mut().for_each(|one| complete(one, &schema["items"])),
        _ => {}
    }
}

/// Adds a field by its path, `data.sequence`.
fn add(value: &mut Value, schema: &Value, path: &str) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let of_member = property(not_null(schema), name);
    let Some(members) = value.as_object_mut() else { return };
    match rest {
        Some(rest) => {
            if let Some(member) = members.get_mut(name) {
                add(member, &of_member, rest);
            }
        }
        None => {
            members.entry(name).or_insert_with(|| sample(name, &of_member));
        }
    }
}

/// A value that the schema allows, in the simplest form that still says something.
fn sample(name: &str, schema: &Value) -> Value {
    let schema = not_null(schema);
    if let Some(word) = schema.get("const") {
        return word.clone();
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.first().cloned().unwrap_or_default();
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        one => vec![one.clone()],
    };
    match kinds.first().and_then(Value::as_str) {
        Some("object") => sample_object(schema),
        Some("array") => match schema.get("items") {
            Some(items) => json!([sample(name, items)]),
            None => json!([]),
        },
        Some("string") => json!(sample_text(name, schema)),
        Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(0).max(1)),
        Some("number") => json!(1.5),
        Some("boolean") => json!(true),
        _ if first_choice(schema).is_some() => sample_object(schema),
        _ => Value::Null,
    }
}

/// What is always there, and of a choice the first.
fn sample_object(schema: &Value) -> Value {
    if schema["properties"].is_null()
        && let Some(choice) = first_choice(schema)
    {
        return sample("", choice);
    }
    let members: Map<String, Value> = required(schema)
        .into_iter()
        .map(|name| (name.clone(), sample(&name, &property(schema, &name))))
        .collect();
    Value::Object(members)
}

fn sample_text(name: &str, schema: &Value) -> &'static str {
    match (schema["format"].as_str(), schema["pattern"].as_str(), name) {
        (Some("date-time"), ..) => "2026-11-20T10:30:00.123Z",
        (Some("date"), ..) => "2026-11-20",
        (Some("uuid"), ..) => "0190a5f0-7a7e-7bd0-8d0c-9f1d8a1f2b3c",
        (_, Some("^[A-Z]{3}$"), _) => "USD",
        (_, _, "ride_id") => "0190a5f0-7a7e-7bd0-8d0c-9f1d8a1f2b3d",
        (_, _, "token") => "eyJhbGciOiJIUzI1NiJ9.e30.signature",
        (_, _, "external_id") => "A-4711",
        (_, _, "status") => "requested",
        (_, _, "phone" | "phone_number" | "driver_phone" | "passenger_phone") => "+237123456789",
        _ => "text",
    }
}

/// The schema of a member, wherever among the parts of its object it is.
fn property(schema: &Value, name: &str) -> Value {
    if let Some(found) = schema["properties"].get(name) {
        return found.clone();
    }
    let found = parts(schema).into_iter().map(|part| property(part, name)).find(|found| !found.is_null());
    found.unwrap_or_default()
}

fn required(schema: &Value) -> Vec<String> {
    let own = schema["required"].as_array().into_iter().flatten();
    let own = own.filter_map(|name| name.as_str().map(str::to_owned));
    own.chain(parts(schema).into_iter().flat_map(required)).collect()
}

/// All that an object must be besides, and of a choice the first.
fn parts(schema: &Value) -> Vec<&Value> {
    let all = schema["allOf"].as_array().into_iter().flatten();
    all.chain(first_choice(schema)).collect()
}

fn first_choice(schema: &Value) -> Option<&Value> {
    ["oneOf", "anyOf"].iter().find_map(|word| schema[*word].as_array()?.first())
}

/// Of a choice between null and something else, that.
fn not_null(schema: &Value) -> &Value {
    let Some(choices) = schema["anyOf"].as_array() else { return schema };
    let is_null = |choice: &&Value| choice["type"] == "null";
    match (choices.iter().any(|choice| is_null(&choice)), choices.iter().find(|choice| !is_null(choice))) {
        (true, Some(other)) => other,
        _ => schema,
    }
}
