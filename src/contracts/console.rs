//! What the console's pages are served, and what they need to know at their start.

use crate::domain::ids::{CustomerId, DriverId};
use crate::domain::role::Role;
use schemars::JsonSchema;
use serde::Serialize;
use std::net::IpAddr;

/// A file of the console or of the pages that show the wire's descriptions, in its own media type.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(extend("contentMediaType" = "*/*"))]
pub struct ConsoleFile(pub String);

/// The answer of `console/config.json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConsoleConfig {
    pub profile: &'static str,
    /// Of amounts that come without one.
    pub currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<ConsoleNetwork>,
    pub demo_accounts: Vec<DemoAccount>,
    pub demo_password: Option<&'static str>,
}

/// How a phone gets here. Told in development only.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConsoleNetwork {
    /// Whether nobody but this machine can connect.
    pub loopback_only: bool,
    pub tls: bool,
    pub anonymous_rides: bool,
    /// Where others in the same network are likely to find this machine.
    #[schemars(with = "Option<String>")]
    pub address: Option<IpAddr>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DemoAccount {
    pub username: String,
    pub role: Role,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_id: Option<DriverId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
}
