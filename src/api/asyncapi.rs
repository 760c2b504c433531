//! The AsyncAPI 3.0 document of the sockets: a channel for each socket's row of [`routes`](crate::api::routes), and the
//! messages of its contract from the contract's own types. An action is the server's: it receives what an app sends.

mod examples;

use crate::api::asyncapi::examples::examples;
use crate::api::description::{Description, FieldsDescription};
use crate::api::openapi::{plain_path, settled};
use crate::api::routes::{self, ROUTES, Route, Who};
use crate::contracts::Contract;
use crate::contracts::catalogue::{Direction, MessageSchema, messages};
use crate::contracts::close_codes::CloseCode;
use crate::contracts::error_codes::{ErrorCode, Retry};
use serde_json::{Map, Value, json};

const DESCRIPTION: &str = "\
What is said over Fleetwire's sockets, by each of the three contracts.

- A message is a text frame with one JSON object, whose `type` says which it is. Unknown fields and types are to be ignored.
- A durable event has a number, `id`. The server sends each until the app has confirmed it, by the pong that answers the ping \
after it or by an `ack`: an event may come again, under its number.
- `last_event_id` in the address asks for everything after an event.
- The handshake completes before a close with 4001 or another code above 4000, since an app sees no code on a refused one.
- Numbers as texts, words in any case and the like are read, too; the schemas have what is best sent.

REST is described by [/openapi.json](/openapi.json).";

/// The beginning of a socket's path, and what is spoken there.
const SPOKEN: [(&str, Contract); 3] = [
    ("/api/v1/ws/driver/", Contract::DriverApp),
    ("/api/v1/ws/connect", Contract::RideHailing),
    ("/ws/ride/", Contract::RideMatching),
];

/// The document. It says the same on every server of this version.
pub fn document() -> Value {
    let (mut channels, mut operations) = (Map::new(), Map::new());
    for route in sockets() {
        let contract = contract_of(route);
        let name = channel_name(route);
        channels.insert(name.clone(), channel(route, contract));
        for direction in Direction::ALL {
            operations.insert(operation_name(&name, direction), operation(route, &name, contract, direction));
        }
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Fleetwire's sockets",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "contact": {"name": "The operator of this server"},
        },
        "defaultContentType": "application/json",
        "servers": {"plain": server("ws", "Without TLS, as in development"), "tls": server("wss", "With TLS")},
        "channels": channels,
        "operations": operations,
        "components": {"messages": all_messages(), "securitySchemes": security_schemes()},
        "x-close-codes": close_codes(),
        "x-error-codes": error_codes(),
    })
}

fn sockets() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.shape().is_socket())
}

/// The contract that is spoken on a socket.
pub fn contract_of(route: &Route) -> Contract {
    let spoken = SPOKEN.iter().find(|(beginning, _)| route.path.starts_with(beginning));
    spoken.unwrap_or_else(|| panic!("{route} speaks no contract")).1
}

/// The contract's name; that of the same socket's address with a slash at its end says so.
fn channel_name(route: &Route) -> String {
    let name = contract_of(route).name();
    if route.path.ends_with('/') { format!("{name}_slash") } else { name.to_owned() }
}

fn operation_name(channel: &str, direction: Direction) -> String {
    format!("{channel}_{}", word(direction))
}

const fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::FromTheApp => "from_the_app",
        Direction::ToTheApp => "to_the_app",
    }
}

/// The name of a message among all contracts'.
fn message_name(contract: Contract, direction: Direction, kind: &str) -> String {
    format!("{}.{}.{kind}", contract.name(), word(direction))
}

fn server(protocol: &str, description: &str) -> Value {
    json!({
        "host": "{host}",
        "protocol": protocol,
        "description": description,
        "variables": {"host": {"default": "localhost:8000", "description": "The server's name, and its port"}},
    })
}

fn channel(route: &Route, contract: Contract) -> Value {
    let mut all = Map::new();
    for direction in Direction::ALL {
        for MessageSchema { kind, .. } in messages(contract, direction) {
            let name = message_name(contract, direction, &kind);
            let reference = json!({"$ref": format!("#/components/messages/{name}")});
            all.insert(format!("{}.{kind}", word(direction)), reference);
        }
    }
    let shape = route.shape();
    let mut channel = json!({
        "address": plain_path(route.path),
        "title": route.summary,
        "description": format!("{} `GET`, with an upgrade to WebSocket over HTTP/1.1.", callers(route.who)),
        "messages": all,
    });
    let parameters: Map<String, Value> = routes::parameters(route.path)
        .map(|name| (name.to_owned(), json!({"description": parameter_in_words(name)})))
        .collect();
    if !parameters.is_empty() {
        channel["parameters"] = Value::Object(parameters);
    }
    if let Some(Description::Fields(FieldsDescription { fields, .. })) =
        shape.query.map(|query| query.description)
    {
        let properties: Map<String, Value> =
            fields.iter().map(|field| (field.name.to_owned(), field.schema.clone())).collect();
        let query = json!({"type": "object", "properties": properties});
        channel["bindings"] = json!({"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}});
    }
    channel
}

fn callers(who: Who) -> String {
    let (roles, also) = match who {
        Who::Anybody => return "For anybody.".to_owned(),
        Who::Roles(roles) => (roles, ""),
        Who::RolesOrNobody(roles) => (roles, "; where the settings allow it without an account, too"),
    };
    let words: Vec<String> = roles.iter().map(|role| format!("`{role}`")).collect();
    format!("For {}{also}.", words.join(", "))
}

fn parameter_in_words(name: &str) -> &'static str {
    match name {
        "driver_id" => "The driver's number. Any other's than the token's is closed with 4001.",
        "ride_id" => "The ride's id, which the app chooses: 1 to 64 of `A-Z a-z 0-9 - _ .`.",
        _ => "",
    }
}

fn operation(route: &Route, channel: &str, contract: Contract, direction: Direction) -> Value {
    let (action, summary) = match direction {
        Direction::FromTheApp => ("receive", "What the app sends"),
        Direction::ToTheApp => ("send", "What the app is sent"),
    };
    let each = messages(contract, direction).into_iter();
    let references =
        each.map(|message| json!({"$ref": format!("#/channels/{channel}/messages/{}.{}", word(direction), message.kind)}));
    let mut security = vec![json!({"$ref": "#/components/securitySchemes/token"})];
    security.push(json!({"$ref": "#/components/securitySchemes/bearer"}));
    security.push(json!({"$ref": "#/components/securitySchemes/subprotocol"}));
    if matches!(route.who, Who::RolesOrNobody(_)) {
        security.push(json!({"$ref": "#/components/securitySchemes/ride_key"}));
    }
    json!({
        "action": action,
        "channel": {"$ref": format!("#/channels/{channel}")},
        "title": format!("{}: {}", contract.name(), word(direction)),
        "summary": summary,
        "security": security,
        "messages": references.collect::<Vec<_>>(),
    })
}

fn all_messages() -> Map<String, Value> {
    let mut all = Map::new();
    for contract in Contract::ALL {
        for direction in Direction::ALL {
            for message in messages(contract, direction) {
                all.insert(
                    message_name(contract, direction, &message.kind),
                    described(contract, direction, &message),
                );
            }
        }
    }
    all
}

fn described(contract: Contract, direction: Direction, message: &MessageSchema) -> Value {
    json!({
        "name": message.kind,
        "title": message.kind,
        "summary": message.meaning(),
        "contentType": "application/json",
        "payload": settled(message.schema.clone()),
        "examples": examples(contract, direction, message),
    })
}

/// The token is taken from the first place that has one.
fn security_schemes() -> Value {
    json!({
        "token": {
            "type": "httpApiKey", "in": "query", "name": "token",
            "description": "The access token of `auth/login`, in the address.",
        },
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The same as `Authorization`."},
        "subprotocol": {
            "type": "httpApiKey", "in": "header", "name": "Sec-WebSocket-Protocol",
            "description": "`bearer, TOKEN`, for browsers that must keep it out of addresses; `bearer` is answered.",
        },
        "ride_key": {
            "type": "httpApiKey", "in": "query", "name": "ride_key",
            "description": "Lets the passenger of a ride without an account in again; `connection_established` has it.",
        },
    })
}

fn close_codes() -> Vec<Value> {
    let each = CloseCode::ALL.iter().map(|code| {
        json!({
            "code": code.number(), "reason": code.reason(), "reconnect": code.reconnect().as_str(), "meaning": code.meaning(),
        })
    });
    each.collect()
}

fn error_codes() -> Vec<Value> {
    let each = ErrorCode::ALL.iter().map(|code| {
        let again = if code.retry() == Retry::Later { "later" } else { "no" };
        json!({"code": code.as_str(), "retry": again, "meaning": code.title()})
    });
    each.collect()
}
