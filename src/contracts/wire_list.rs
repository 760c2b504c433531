//! The list of all that is said on the three sockets, `docs/wire/sockets.txt`: a walk over the schemas of the
//! contracts' enums, so that the list can't differ from the code, and a change of the wire is seen in review.

use crate::contracts::Contract;
use crate::contracts::catalogue::{Direction, MessageSchema, meaning, messages};
use crate::contracts::close_codes::CloseCode;
use crate::contracts::error_codes::{ErrorCode, Retry};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One message of one contract, as its type describes it.
#[derive(Debug)]
pub struct Description {
    /// Its `type`.
    pub kind: String,
    pub meaning: String,
    /// By their paths: `data.orders[].order_id`.
    pub fields: BTreeMap<String, Field>,
}

#[derive(Debug)]
pub struct Field {
    pub json_type: String,
    pub is_required: bool,
    pub meaning: String,
}

/// Every message of a contract in one direction, sorted by its type.
pub fn described(contract: Contract, direction: Direction) -> Vec<Description> {
    messages(contract, direction).into_iter().map(description).collect()
}

fn description(message: MessageSchema) -> Description {
    let mut fields = BTreeMap::new();
    collect("", &message.schema, false, &mut fields);
    fields.remove("type");
    Description { meaning: message.meaning(), kind: message.kind, fields }
}

/// The fields of an object, and of the objects in it. Of a choice between objects each field may be missing; one that
/// says nothing itself means what its choice does.
fn collect(path: &str, schema: &Value, is_choice: bool, fields: &mut BTreeMap<String, Field>) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let of_choice = if is_choice { meaning(schema) } else { String::new() };
    for (name, property) in schema["properties"].as_object().unwrap_or(&Map::new()) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let is_required = !is_choice && required.iter().any(|required| required == name);
        let meaning = Some(meaning(property)).filter(|own| !own.is_empty()).unwrap_or(of_choice.clone());
        fields.insert(path.clone(), Field { json_type: json_type(property), is_required, meaning });
        collect_below(&path, property, fields);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(path, part, is_choice, fields);
    }
    for choice in ["oneOf", "anyOf"].iter().filter_map(|word| schema[*word].as_array()).flatten() {
        collect(path, choice, true, fields);
    }
}

/// Collects the fields below one that is an object, null or an object, or a list of objects.
fn collect_below(path: &str, property: &Value, fields: &mut BTreeMap<String, Field>) {
    if let Some(items) = property.get("items") {
        return collect_below(&format!("{path}[]"), items, fields);
    }
    match not_null(property) {
        Some(one) => collect(path, one, false, fields),
        None => collect(path, property, false, fields),
    }
}

/// Of a choice between null and something else, that.
fn not_null(schema: &Value) -> Option<&Value> {
    let choices = schema["anyOf"].as_array()?;
    let is_null = |choice: &&Value| choice["type"] == "null";
    choices.iter().find(is_null).and(choices.iter().find(|choice| !is_null(choice)))
}

fn json_type(schema: &Value) -> String {
    if let Some(one) = not_null(schema) {
        return format!("{} or null", json_type(one));
    }
    if let Some(items) = schema.get("items") {
        return format!("array of {}", json_type(items));
    }
    if let Some(words) = words(schema) {
        return words.join(" | ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    match schema["format"].as_str().filter(|_| types.contains(&"string")) {
        Some(format) => types.join(" or ").replace("string", &format!("string ({format})")),
        None => types.join(" or "),
    }
}

/// The words that a text may be; the error codes have a list of their own.
fn words(schema: &Value) -> Option<Vec<String>> {
    let of = |value: &Value| (value.is_string() || value.is_null()).then(|| value.to_string());
    if let Some(word) = schema.get("const") {
        return of(word).map(|word| vec![word]);
    }
    match schema["enum"].as_array() {
        Some(words) if words.len() == ErrorCode::ALL.len() => return Some(vec!["error code".to_owned()]),
        Some(words) => return words.iter().map(of).collect(),
        None => {}
    }
    schema["oneOf"].as_array()?.iter().map(words).collect::<Option<Vec<_>>>().map(|words| words.concat())
}

fn list() -> String {
    let mut list = HEAD.to_owned();
    for contract in Contract::ALL {
        for direction in Direction::ALL {
            described(contract, direction)
                .iter()
                .for_each(|message| block(&mut list, contract, direction, message));
        }
    }
    list.push_str("\nclose codes\n");
    for code in CloseCode::ALL {
        let (number, reason, reconnect) = (code.number(), code.reason(), format!("{:?}", code.reconnect()));
        line(&mut list, &format!("    {number}  {reason:36}  reconnect: {reconnect}"));
    }
    list.push_str("\nerror codes\n");
    for code in ErrorCode::ALL {
        let retry = if code.retry() == Retry::Later { "later" } else { "no" };
        line(
            &mut list,
            &format!("    {:24}  {}  retry: {retry:5}  {}", code.as_str(), code.status(), code.title()),
        );
    }
    list
}

const HEAD: &str = "\
All that is said on Fleetwire's sockets, by contract, direction and type. Made from the code: the types in
src/contracts; `UPDATE_WIRE=1 cargo test --lib wire_list` writes it. Each message has `type` besides what is listed.
A field: its path, its JSON type, whether it is always there, and what it means.
";

fn block(list: &mut String, contract: Contract, direction: Direction, message: &Description) {
    let direction = match direction {
        Direction::FromTheApp => "from the app",
        Direction::ToTheApp => "to the app",
    };
    line(list, &format!("\n{}, {direction}: {}", contract.name(), message.kind));
    line(list, &format!("    {}", message.meaning));
    for (path, Field { json_type, is_required, meaning }) in &message.fields {
        let presence = if *is_required { "required" } else { "optional" };
        line(list, &format!("    {path:40}  {json_type:24}  {presence}  {meaning}"));
    }
}

fn line(list: &mut String, text: &str) {
    writeln!(list, "{}", text.trim_end()).expect("a text takes everything");
}

#[test]
fn the_list_in_the_documents_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/wire/sockets.txt");
    let list = list();
    if std::env::var_os("UPDATE_WIRE").is_some() {
        std::fs::write(path, &list).expect("the list can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let differs = list.lines().zip(kept.lines()).find(|(now, kept)| now != kept);
    assert!(
        list == kept,
        "the wire differs from docs/wire/sockets.txt, first here (now, in the file): {differs:#?}\n\
         If that is meant, run `UPDATE_WIRE=1 cargo test --lib wire_list` and commit the file."
    );
}

#[test]
fn each_message_and_each_of_its_fields_says_what_it_means() {
    let mut silent = Vec::new();
    for (contract, direction) in
        Contract::ALL.into_iter().flat_map(|contract| Direction::ALL.map(|it| (contract, it)))
    {
        for Description { kind, meaning, fields } in described(contract, direction) {
            let of_fields =
                fields.iter().map(|(path, field)| (path.as_str(), &field.meaning, &field.json_type));
            for (path, meaning, json_type) in [("", &meaning, &kind)].into_iter().chain(of_fields) {
                if meaning.is_empty() || json_type.is_empty() {
                    silent.push(format!("{contract:?} {direction:?} {kind} {path} ({json_type})"));
                }
            }
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}
