//! What a call can be refused with: by status the codes, each with its meaning, as a response that the operations with
//! the same codes share.

use crate::api::openapi::components::{Components, said};
use crate::api::problem::uri;
use crate::api::push::shape;
use crate::api::routes::{ANY_ROUTES_ERRORS, Route};
use crate::contracts::error_codes::{ErrorCode, Retry};
use crate::contracts::push::Done;
use schemars::schema_for;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The codes of one status.
pub struct Refusal {
    status: u16,
    codes: Vec<ErrorCode>,
    /// In the push contract's own shape, which has no code.
    is_pushs: bool,
}

/// By status.
pub fn refusals(route: &Route) -> BTreeMap<u16, Refusal> {
    let is_pushs = route.path.starts_with(shape::ROOT);
    let status_of = |code: ErrorCode| match is_pushs {
        true => shape::status_of(code).as_u16(),
        false => code.status(),
    };
    let mut refusals = BTreeMap::new();
    for code in route.errors().into_iter().chain(ANY_ROUTES_ERRORS) {
        let status = status_of(code);
        let refusal =
            refusals.entry(status).or_insert_with(|| Refusal { status, codes: Vec::new(), is_pushs });
        refusal.codes.push(code);
    }
    refusals
}

impl Refusal {
    pub fn media_type(&self) -> &'static str {
        if self.is_pushs { "application/json" } else { "application/problem+json" }
    }

    /// Refers to a response that is named for its codes.
    pub fn response(&self, components: &mut Components) -> Value {
        let mut headers = json!({});
        headers["X-Request-Id"] = json!({"$ref": "#/components/headers/X-Request-Id"});
        if self.codes.iter().any(|code| code.retry() == Retry::Later) && self.status != 409 {
            let schema = json!({"type": "integer", "minimum": 0});
            headers["Retry-After"] =
                components.header("Retry-After", "Seconds after which to try again.", schema);
        }
        if self.status == 401 {
            let schema = json!({"type": "string", "const": "Bearer"});
            headers["WWW-Authenticate"] =
                components.header("WWW-Authenticate", "The scheme of the token.", schema);
        }
        let each: Vec<String> =
            self.codes.iter().map(|code| format!("- `{}`: {}", code.as_str(), said(*code))).collect();
        let mut response = json!({"description": each.join("\n"), "headers": headers});
        response["content"][self.media_type()] = self.body(components).unwrap_or_default();
        components.response(&self.name(), response)
    }

    /// The body by its media type.
    pub fn body(&self, components: &mut Components) -> Option<Value> {
        let first = self.codes.first()?;
        if self.is_pushs {
            let done = components.root(&schema_for!(Done<'static>));
            let example = json!({"success": false, "message": format!("{}.", first.title())});
            return Some(json!({"schema": done, "example": example}));
        }
        let words: Vec<&str> = self.codes.iter().map(|code| code.as_str()).collect();
        let schema = json!({"allOf": [
            components.problem(),
            {"type": "object", "properties": {"status": {"const": self.status}, "code": {"enum": words}}},
        ]});
        let example = json!({
            "type": uri(*first),
            "title": first.title(),
            "status": self.status,
            "detail": format!("{}.", first.title()),
            "code": first.as_str(),
        });
        Some(json!({"schema": schema, "example": example}))
    }

    fn name(&self) -> String {
        let words: Vec<&str> = self.codes.iter().map(|code| code.as_str()).collect();
        let words = words.join(".");
        if self.is_pushs { format!("push.{words}") } else { words }
    }
}
