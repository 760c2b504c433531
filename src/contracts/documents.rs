//! The descriptions of the wire, as they are served.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A description of the wire for programs: an OpenAPI or an AsyncAPI document.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WireDocument(pub Map<String, Value>);
