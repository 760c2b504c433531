//! What a request has: the parameters of path and query with their rules, the key of a repetition, and the body's fields.

use crate::api::description::{Description, FieldsDescription, Group, Needs};
use crate::api::input::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::api::openapi::components::Components;
use crate::api::routes::{self, BodyShape, Route, Shape};
use serde_json::{Map, Value, json};

/// All but the body.
pub fn parameters(route: &Route, shape: &Shape, components: &mut Components) -> Vec<Value> {
    let in_path = routes::parameters(route.path).zip(&shape.path).map(|(name, schema)| {
        let mut parameter = json!({"name": name, "in": "path", "required": true});
        let mut schema = schema.clone();
        if let Some(members) = schema.as_object_mut() {
            members.retain(|name, _| !["$schema", "title"].contains(&name.as_str()));
            if let Some(description) = members.remove("description") {
                parameter["description"] = description;
            }
        }
        parameter["schema"] = schema;
        parameter
    });
    let mut parameters: Vec<Value> = in_path.collect();
    if let Some(Description::Fields(FieldsDescription { fields, .. })) =
        shape.query.as_ref().map(|query| &query.description)
    {
        parameters.extend(fields.iter().map(|field| {
            json!({"name": field.name, "in": "query", "required": field.is_required, "schema": field.schema})
        }));
    }
    if shape.is_keyed {
        parameters.push(idempotency_key(components));
    }
    parameters
}

fn idempotency_key(components: &mut Components) -> Value {
    let description = "Under one key a change is made once: a repetition is given the first answer again, word for word, for 24 h. \
                       The key belongs to the account and to the method and path.";
    let schema = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": IDEMPOTENCY_KEY_BYTES_MAX,
        "pattern": "^[!-~]+$",
    });
    let parameter = json!({
        "name": "Idempotency-Key", "in": "header", "required": false, "description": description, "schema": schema,
    });
    components.parameter("IdempotencyKey", parameter)
}

/// None for a body that is not read.
pub fn body(shape: &BodyShape, components: &mut Components) -> Option<Value> {
    let (name, description) = shape.read.as_ref()?;
    let schema = match description {
        Description::Fields(fields) => object(fields),
        Description::Other(schema) => schema.clone(),
    };
    let schema = components.named(name, schema);
    Some(json!({
        "required": !shape.may_be_empty,
        "content": {"application/json": {"schema": schema}},
    }))
}

fn object(description: &FieldsDescription) -> Value {
    let FieldsDescription { fields, groups } = description;
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), field.schema.clone())).collect();
    let required: Vec<&str> =
        fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    let rules: Vec<Value> = groups.iter().map(rule_of).collect();
    if !rules.is_empty() {
        object["allOf"] = json!(rules);
    }
    object
}

fn rule_of(group: &Group) -> Value {
    let names = &group.names;
    let each: Vec<Value> = names.iter().map(|name| json!({"required": [name]})).collect();
    match group.needs {
        Needs::ExactlyOne => json!({"oneOf": each}),
        Needs::AtLeastOne => json!({"anyOf": each}),
        Needs::AtMostOne => {
            let pairs = names.iter().enumerate().flat_map(|(at, one)| {
                names[at + 1..].iter().map(move |other| json!({"not": {"required": [one, other]}}))
            });
            json!({"allOf": pairs.collect::<Vec<_>>()})
        }
        Needs::AllOrNone => {
            let others =
                |name: &str| names.iter().copied().filter(|other| *other != name).collect::<Vec<_>>();
            let needed: Map<String, Value> =
                names.iter().map(|name| ((*name).to_owned(), json!(others(name)))).collect();
            json!({"dependentRequired": needed})
        }
    }
}

/// The rules between the fields of a query, which no schema of a parameter can have.
pub fn groups_in_words(description: &Description) -> Option<String> {
    let Description::Fields(FieldsDescription { groups, .. }) = description else { return None };
    let each = groups.iter().map(|group| {
        let needs = match group.needs {
            Needs::ExactlyOne => "exactly one",
            Needs::AtLeastOne => "at least one",
            Needs::AtMostOne => "at most one",
            Needs::AllOrNone => "all or none",
        };
        let names: Vec<String> = group.names.iter().map(|name| format!("`{name}`")).collect();
        format!("Send {needs} of {}.", names.join(", "))
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| each.join(" "))
}
