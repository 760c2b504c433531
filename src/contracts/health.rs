//! What whoever runs the server is answered by `healthz`, `readyz` and `metrics`.

use schemars::JsonSchema;
use serde::Serialize;

/// Text for programs: `ok`, or Prometheus' format.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(extend("contentMediaType" = "text/plain"))]
pub struct PlainText(pub String);

/// Whether new work is welcome, and can be done.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Readiness {
    pub ready: bool,
    pub database: &'static str,
    /// The reason why the database can't decide, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub draining: bool,
}
