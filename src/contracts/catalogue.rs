//! Every message of every socket's contract as JSON Schema, read off the contracts' enums. Lists and documents of the
//! wire are walks over it.

use crate::contracts::{Contract, driver_app, ride_hailing, ride_matching};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    FromTheApp,
    ToTheApp,
}

impl Direction {
    pub const ALL: [Direction; 2] = [Direction::FromTheApp, Direction::ToTheApp];
}

/// One message of one contract.
#[derive(Clone, Debug)]
pub struct MessageSchema {
    /// Its `type`.
    pub kind: String,
    /// Whole: it refers to nothing outside.
    pub schema: Value,
}

impl MessageSchema {
    /// What the message says, on one line.
    pub fn meaning(&self) -> String {
        meaning(&self.schema)
    }
}

/// Every message of a contract in one direction, sorted by its type.
pub fn messages(contract: Contract, direction: Direction) -> Vec<MessageSchema> {
    let schema = match (contract, direction) {
        (Contract::DriverApp, Direction::FromTheApp) => read_by_us::<driver_app::ClientMessage>(),
        (Contract::DriverApp, Direction::ToTheApp) => written_by_us::<driver_app::ServerMessage<'_>>(),
        (Contract::RideHailing, Direction::FromTheApp) => read_by_us::<ride_hailing::ClientMessage>(),
        (Contract::RideHailing, Direction::ToTheApp) => written_by_us::<ride_hailing::ServerMessage<'_>>(),
        (Contract::RideMatching, Direction::FromTheApp) => read_by_us::<ride_matching::ClientMessage>(),
        (Contract::RideMatching, Direction::ToTheApp) => written_by_us::<ride_matching::ServerMessage<'_>>(),
    };
    let mut found = Vec::new();
    gather(schema.as_value(), &mut found);
    found.sort_by(|one, other| one.kind.cmp(&other.kind));
    found
}

/// A schema's doc comment, on one line.
pub fn meaning(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read_by_us<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.with(|settings| settings.inline_subschemas = true).into_generator().into_root_schema_for::<T>()
}

fn written_by_us<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.with(|settings| settings.inline_subschemas = true).into_generator().into_root_schema_for::<T>()
}

/// An enum is a choice of messages, and of other enums.
fn gather(schema: &Value, found: &mut Vec<MessageSchema>) {
    if schema["properties"]["type"].get("const").is_none() {
        let choices = ["oneOf", "anyOf"].iter().filter_map(|word| schema[*word].as_array()).flatten();
        return choices.for_each(|choice| gather(choice, found));
    }
    let kind = schema["properties"]["type"]["const"].as_str().expect("a type is a text").to_owned();
    found.push(MessageSchema { kind, schema: schema.clone() });
}
