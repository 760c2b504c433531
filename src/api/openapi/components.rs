//! The parts of the document that operations share, each under its name: types, refusals, and the few headers and
//! parameters that are always the same. Only what is referred to is here.

use crate::api::problem;
use crate::contracts::error_codes::{ErrorCode, Retry};
use schemars::Schema;
use serde_json::{Map, Value, json};

/// Where schemars keeps the types that a type names, and where OpenAPI does.
const DEFINITIONS: &str = "#/$defs/";
const SCHEMAS: &str = "#/components/schemas/";

#[derive(Default)]
pub struct Components {
    schemas: Map<String, Value>,
    responses: Map<String, Value>,
    headers: Map<String, Value>,
    parameters: Map<String, Value>,
}

impl Components {
    /// A type with a name of its own, and those that it names. Returns what refers to it.
    pub fn root(&mut self, schema: &Schema) -> Value {
        let mut schema = schema.as_value().clone();
        let members = schema.as_object_mut().expect("a named type is no true or false");
        members.remove("$schema");
        let definitions = members.remove("$defs");
        let name = match members.remove("title") {
            Some(Value::String(name)) => name,
            _ => panic!("a named type has a name: {schema}"),
        };
        if let Some(Value::Object(definitions)) = definitions {
            for (name, definition) in definitions {
                self.named(&name, definition);
            }
        }
        self.named(&name, schema)
    }

    /// A type under this name. Two that differ never share one: the tests see to it that no name is used for both.
    pub fn named(&mut self, name: &str, mut schema: Value) -> Value {
        settle(&mut schema);
        let mut name = name.to_owned();
        while self.schemas.get(&name).is_some_and(|known| *known != schema) {
            name.push('_');
        }
        let reference = json!({"$ref": format!("{SCHEMAS}{name}")});
        self.schemas.insert(name, schema);
        reference
    }

    /// The body of a refusal.
    pub fn problem(&mut self) -> Value {
        if !self.schemas.contains_key("ErrorCode") {
            let meanings = ErrorCode::ALL.iter().map(|code| (code.as_str().to_owned(), json!(said(*code))));
            let meanings: Map<String, Value> = meanings.collect();
            let problem = self.root(&problem::schema());
            let code = self.schemas.get_mut("ErrorCode").expect("a problem has a code");
            code["description"] = json!("Why not. Fixed: programs compare it.");
            code["x-enumDescriptions"] = Value::Object(meanings);
            return problem;
        }
        json!({"$ref": format!("{SCHEMAS}Problem")})
    }

    pub fn response(&mut self, name: &str, response: Value) -> Value {
        self.responses.insert(name.to_owned(), response);
        json!({"$ref": format!("#/components/responses/{name}")})
    }

    pub fn header(&mut self, name: &str, description: &str, schema: Value) -> Value {
        self.headers.insert(name.to_owned(), json!({"description": description, "schema": schema}));
        json!({"$ref": format!("#/components/headers/{name}")})
    }

    pub fn parameter(&mut self, name: &str, parameter: Value) -> Value {
        self.parameters.insert(name.to_owned(), parameter);
        json!({"$ref": format!("#/components/parameters/{name}")})
    }

    pub fn finish(self) -> Value {
        json!({
            "schemas": self.schemas,
            "responses": self.responses,
            "headers": self.headers,
            "parameters": self.parameters,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of `auth/login`, or one that was made for a program.",
                },
            },
        })
    }
}

/// A code's meaning, and whether the same request may succeed later.
pub fn said(code: ErrorCode) -> String {
    match code.retry() {
        Retry::Later => format!("{}. The same request may succeed later.", code.title()),
        Retry::No => format!("{}.", code.title()),
    }
}

/// A schema as a document has it.
pub fn settled(mut schema: Value) -> Value {
    settle(&mut schema);
    schema
}

/// As a document has it: references lead to where its types are, and texts name no paths of the code.
fn settle(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" => *text = text.replace(DEFINITIONS, SCHEMAS),
                    Value::String(text) if name == "description" => *text = without_paths(text),
                    other => settle(other),
                }
            }
        }
        Value::Array(several) => several.iter_mut().for_each(settle),
        _ => {}
    }
}

/// A link of the code's documentation, which has an item's path in square brackets, is the item's name.
pub fn without_paths(text: &str) -> String {
    let mut parts = text.split("[`");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (link, rest) = part.split_once("`]").unwrap_or((part, ""));
        plain.push('`');
        plain.push_str(link.rsplit("::").next().unwrap_or(link));
        plain.push('`');
        plain.push_str(rest);
    }
    plain
}
