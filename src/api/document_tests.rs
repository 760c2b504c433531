//! The documents of the wire are well-formed, have everything that the tables have, and show examples that are what they
//! say.

use crate::api::openapi::plain_path;
use crate::api::routes::{ANY_ROUTES_ERRORS, ROUTES};
use crate::api::{asyncapi, openapi};
use crate::contracts::Contract;
use crate::contracts::catalogue::{Direction, messages};
use crate::contracts::close_codes::CloseCode;
use boon::{Compiler, Draft, Schemas};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where a schema is, for the validator alone.
const ADDRESS: &str = "http://wire.example/document.json";

/// Each value in a document, whatever is around it.
fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    visit(value);
    match value {
        Value::Object(members) => members.values().for_each(|member| walk(member, visit)),
        Value::Array(several) => several.iter().for_each(|one| walk(one, visit)),
        _ => {}
    }
}

/// Each operation as `GET /path`, in order.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("it has paths") {
        for (method, operation) in item.as_object().expect("a path has operations") {
            found.push((format!("{} {path}", method.to_ascii_uppercase()), operation));
        }
    }
    found
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).expect("a reference leads somewhere"),
        None => value,
    }
}

#[test]
fn each_reference_leads_somewhere_and_each_component_is_referred_to() {
    for document in [openapi::document(), asyncapi::document()] {
        let mut referred = BTreeSet::new();
        walk(&document, &mut |value| {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').expect("within the document");
                assert!(document.pointer(pointer).is_some(), "{reference}");
                referred.insert(reference);
            }
        });
        for (kind, components) in document["components"].as_object().expect("it has components") {
            for name in components.as_object().expect("by their names").keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(kind == "securitySchemes" || referred.contains(&*reference), "{reference}");
                assert!(!name.ends_with('_'), "two differ under one name: {reference}");
            }
        }
    }
}

#[test]
fn each_route_is_in_one_document_once() {
    let (rest, sockets) = (openapi::document(), asyncapi::document());
    let is_socket = |path: &str| ROUTES.iter().any(|route| route.path == path && route.shape().is_socket());
    let mut expected: Vec<String> = ROUTES
        .iter()
        .filter(|route| !is_socket(route.path))
        .map(|route| format!("{} {}", route.method, plain_path(route.path)))
        .collect();
    let mut documented: Vec<String> = operations(&rest).into_iter().map(|(name, _)| name).collect();
    expected.sort();
    documented.sort();
    assert_eq!(documented, expected);
    let channels = sockets["channels"].as_object().expect("it has channels").values();
    let mut addresses: Vec<&str> = channels.filter_map(|channel| channel["address"].as_str()).collect();
    let mut expected: Vec<&str> =
        ROUTES.iter().map(|route| route.path).filter(|path| is_socket(path)).collect();
    addresses.sort_unstable();
    expected.sort_unstable();
    assert_eq!(addresses, expected);
}

#[test]
fn each_operation_has_an_id_of_its_own_a_summary_and_a_tag_that_is_described() {
    let document = openapi::document();
    let tags: Vec<&Value> =
        document["tags"].as_array().into_iter().flatten().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(ids.insert(id), "{name}: {id} is twice");
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}: {id}");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{name}: {summary}");
        assert!(tags.contains(&&operation["tags"][0]), "{name}");
    }
    let used: BTreeSet<&str> =
        operations(&document).iter().filter_map(|(_, operation)| operation["tags"][0].as_str()).collect();
    assert_eq!(used.len(), tags.len(), "each tag is used, and described once");
}

#[test]
fn each_parameter_of_a_path_is_described() {
    let document = openapi::document();
    for (name, operation) in operations(&document) {
        let given = operation["parameters"].as_array().into_iter().flatten();
        let given: BTreeSet<&str> =
            given.filter(|one| one["in"] == "path").filter_map(|one| one["name"].as_str()).collect();
        let in_path: BTreeSet<&str> =
            name.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(given, in_path, "{name}");
    }
}

#[test]
fn each_code_of_a_row_is_among_the_operations_refusals() {
    let document = openapi::document();
    let operations = operations(&document);
    for route in ROUTES.iter().filter(|route| !route.shape().is_socket()) {
        let name = format!("{} {}", route.method, plain_path(route.path));
        let (_, operation) = operations.iter().find(|(known, _)| *known == name).expect("documented");
        let responses = operation["responses"].as_object().expect("it has answers").values();
        let said: Vec<String> = responses.map(|response| resolved(&document, response).to_string()).collect();
        for code in route.errors().into_iter().chain(ANY_ROUTES_ERRORS) {
            let is_said = said.iter().any(|response| response.contains(code.as_str()));
            assert!(is_said, "{name} does not say {}", code.as_str());
        }
    }
}

#[test]
fn each_message_of_each_contract_is_in_the_document_with_an_example_and_each_close_code() {
    let document = asyncapi::document();
    let documented: BTreeSet<&str> = document["components"]["messages"]
        .as_object()
        .expect("it has messages")
        .keys()
        .map(|name| &**name)
        .collect();
    let mut expected = BTreeSet::new();
    for contract in Contract::ALL {
        for (direction, word) in
            [(Direction::FromTheApp, "from_the_app"), (Direction::ToTheApp, "to_the_app")]
        {
            for message in messages(contract, direction) {
                expected.insert(format!("{}.{word}.{}", contract.name(), message.kind));
            }
        }
    }
    assert_eq!(documented, expected.iter().map(|name| &**name).collect());
    for (name, message) in document["components"]["messages"].as_object().into_iter().flatten() {
        assert!(message["examples"].as_array().is_some_and(|examples| !examples.is_empty()), "{name}");
    }
    let codes = document["x-close-codes"].as_array().expect("a list").iter();
    let codes: Vec<u64> = codes.filter_map(|code| code["code"].as_u64()).collect();
    assert_eq!(codes, CloseCode::ALL.map(|code| u64::from(code.number())));
}

/// Fails where the value is not what the schema says, or the schema is none.
fn assert_valid(document: &Value, schema: &Value, value: &Value, what: &str) {
    let resource = json!({"components": document["components"], "schema": schema});
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.add_resource(ADDRESS, resource).expect("the address is one");
    let mut schemas = Schemas::new();
    let index = compiler.compile(&format!("{ADDRESS}#/schema"), &mut schemas);
    let index = index.unwrap_or_else(|error| panic!("{what}: {error:#}"));
    if let Err(error) = schemas.validate(value, index) {
        panic!("{what}: {error}\n{value:#}");
    }
}

#[test]
fn each_example_is_what_its_schema_says() {
    let rest = openapi::document();
    let mut count = 0;
    walk(&rest, &mut |value| {
        if let (Some(schema), Some(example)) = (value.get("schema"), value.get("example")) {
            assert_valid(&rest, schema, example, &schema.to_string());
            count += 1;
        }
    });
    assert!(count > 7, "refusals, and the calls of the vectors");
    let sockets = asyncapi::document();
    for (name, message) in sockets["components"]["messages"].as_object().into_iter().flatten() {
        for example in message["examples"].as_array().into_iter().flatten() {
            assert_valid(&sockets, &message["payload"], &example["payload"], name);
        }
    }
}

#[test]
fn no_text_names_paths_of_the_code() {
    for document in [openapi::document(), asyncapi::document()] {
        walk(&document, &mut |value| {
            let text = value.as_str().unwrap_or_default();
            assert!(!text.contains("crate::") && !text.contains("[`"), "{text}");
        });
    }
}

#[test]
fn calls_and_answers_of_the_vectors_are_shown() {
    let document = openapi::document();
    let shown =
        &document["paths"]["/api/Push/sendToCustomer"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(shown["example"]["data"]["bookingId"], "456");
    let answer =
        &document["paths"]["/api/v1/ws/stats"]["get"]["responses"]["200"]["content"]["application/json"];
    assert_eq!(answer["example"]["online_drivers"], 45);
}
