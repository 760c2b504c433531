//! One operation: its callers, its input and its answers.

use crate::api::openapi::components::{Components, without_paths};
use crate::api::openapi::examples::{Example, example};
use crate::api::openapi::refusals::refusals;
use crate::api::openapi::request::{body, groups_in_words, parameters};
use crate::api::push::shape::ROOT as PUSH;
use crate::api::routes::{AnswerShape, Recorded, Route, Shape, Who};
use crate::contracts::console::ConsoleFile;
use crate::domain::role::Role;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

pub fn operation(route: &Route, tag: &str, components: &mut Components) -> Value {
    let shape = route.shape();
    let example = example(route.method, route.path);
    let mut operation = json!({
        "operationId": route.operation_id(),
        "tags": [tag],
        "summary": route.summary,
        "description": description(route, &shape),
        "security": security(route.who),
        "x-callers": callers(route.who),
        "responses": responses(route, &shape, example.as_ref(), components),
    });
    let parameters = parameters(route, &shape, components);
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = shape.body.as_ref().and_then(|shape| body(shape, components)) {
        operation["requestBody"] = body;
        if let Some(Example { request: Some(request), .. }) = example {
            operation["requestBody"]["content"]["application/json"]["example"] = request;
        }
    }
    operation
}

/// The words of the roles; null where no account is needed.
fn callers(who: Who) -> Value {
    match who {
        Who::Anybody => Value::Null,
        Who::Roles(roles) | Who::RolesOrNobody(roles) => {
            json!(roles.iter().map(|role| role.as_str()).collect::<Vec<_>>())
        }
    }
}

/// An empty object is a call without a token.
fn security(who: Who) -> Value {
    match who {
        Who::Anybody => json!([]),
        Who::Roles(_) => json!([{"bearer": []}]),
        Who::RolesOrNobody(_) => json!([{"bearer": []}, {}]),
    }
}

fn description(route: &Route, shape: &Shape) -> String {
    let mut said = vec![callers_in_words(route)];
    said.extend(match route.recorded {
        Recorded::Nothing => None,
        Recorded::Reads => Some("The audit has each such read by an operator or a program.".to_owned()),
        Recorded::Changes => Some("The audit has each such change by an operator or a program.".to_owned()),
    });
    if shape.body.as_ref().is_some_and(|body| body.read.is_none()) {
        said.push("A body is not read, only compared with those of repetitions.".to_owned());
    }
    said.extend(shape.query.as_ref().and_then(|query| groups_in_words(&query.description)));
    said.join(" ")
}

fn callers_in_words(route: &Route) -> String {
    let named = |roles: &[Role]| match roles.len() == Role::ALL.len() {
        true => "every account".to_owned(),
        false => {
            let words: Vec<String> = roles.iter().map(|role| format!("`{role}`")).collect();
            words.join(", ")
        }
    };
    match route.who {
        Who::Anybody => "For anybody.".to_owned(),
        Who::Roles(roles) => format!("For {}.", named(roles)),
        // A developer's own machine: the push contract's app has no account there.
        Who::RolesOrNobody(roles) if route.path.starts_with(PUSH) => format!(
            "For {}; where the settings allow it, from the server's own machine and through no proxy, without an account, too.",
            named(roles)
        ),
        Who::RolesOrNobody(roles) => {
            format!("For {}; where the settings allow it without an account, too.", named(roles))
        }
    }
}

fn responses(route: &Route, shape: &Shape, example: Option<&Example>, components: &mut Components) -> Value {
    let mut responses = Map::new();
    for answer in &shape.answers {
        responses.insert(answer.status.to_string(), response(answer, example, components));
    }
    for (status, refusal) in refusals(route) {
        // A status that says more than one thing: the body's media type tells which.
        match responses.get_mut(&status.to_string()) {
            Some(known) => {
                if let Some(body) = refusal.body(components) {
                    known["content"][refusal.media_type()] = body;
                }
            }
            None => {
                responses.insert(status.to_string(), refusal.response(components));
            }
        }
    }
    Value::Object(responses)
}

fn response(answer: &AnswerShape, example: Option<&Example>, components: &mut Components) -> Value {
    let id = components.header(
        "X-Request-Id",
        "By this the request's lines are found in the log: the request's own, or one that the server made.",
        json!({"type": "string", "minLength": 1, "maxLength": 128}),
    );
    let mut response =
        json!({"description": status_in_words(answer.status), "headers": {"X-Request-Id": id}});
    let Some(schema) = &answer.schema else { return response };
    let description = schema.get("description").and_then(Value::as_str);
    if let Some(said) = description {
        response["description"] = json!(plain(said));
    }
    if is_a_file(schema) {
        response["headers"]["ETag"] =
            components.header("ETag", "The file's version.", json!({"type": "string"}));
    }
    response["content"] = content(schema, components);
    if let Some(Example { response: shown, .. }) = example {
        response["content"]["application/json"]["example"] = shown.clone();
    }
    for other in schema.get("x-other-media-types").and_then(Value::as_array).into_iter().flatten() {
        response["content"][other.as_str().unwrap_or_default()] = json!({"schema": {"type": "string"}});
        let link = components.header("Link", "`rel=\"next\"`: the next part.", json!({"type": "string"}));
        response["headers"]["Link"] = link;
    }
    response
}

fn plain(text: &str) -> String {
    without_paths(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_a_file(schema: &Schema) -> bool {
    schema.get("title").and_then(Value::as_str) == Some(&*ConsoleFile::schema_name())
}

/// Text has its media type in its schema; everything else is JSON.
fn content(schema: &Schema, components: &mut Components) -> Value {
    match schema.get("contentMediaType").and_then(Value::as_str) {
        Some(media_type) => {
            let mut content = Map::new();
            content.insert(media_type.to_owned(), json!({"schema": {"type": "string"}}));
            Value::Object(content)
        }
        None => json!({"application/json": {"schema": components.root(schema)}}),
    }
}

fn status_in_words(status: u16) -> &'static str {
    match status {
        201 => "It was made.",
        202 => "It was taken.",
        204 => "It is done; there is nothing to say.",
        503 => "It can't be done now.",
        _ => "It is done.",
    }
}
