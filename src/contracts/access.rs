//! Access: the shapes of answers about operators, programs, log-ins and passwords.

use crate::contracts::time::WireTime;
use crate::domain::role::Role;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;
use uuid::Uuid;

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OperatorItem {
    pub user_id: String,
    pub name: String,
    pub username: String,
    pub phone_number: Option<String>,
    pub role: Role,
    pub suspended: bool,
}

/// A program of the operator's. It logs in with tokens that are made for it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProgramItem {
    pub user_id: String,
    pub name: String,
    pub role: Role,
    pub suspended: bool,
}

/// A session: a log-in, or a token that was made for a program or an operator.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SessionItem {
    pub session_id: String,
    /// `password` or `token`.
    pub kind: String,
    pub name: String,
    pub began_at: WireTime,
    /// To a minute or so.
    pub last_used_at: WireTime,
    pub expires_at: WireTime,
    /// A socket of it is open.
    pub connected: bool,
    /// The one that asks.
    pub current: bool,
}

/// Told once; nobody can read it again.
#[derive(Clone, Serialize, JsonSchema)]
pub struct PasswordReset {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_time_password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_until: Option<WireTime>,
}

/// No password reaches a log.
impl fmt::Debug for PasswordReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordReset").field("good_until", &self.good_until).finish_non_exhaustive()
    }
}

/// A token for a program. Told once.
#[derive(Clone, Serialize, JsonSchema)]
pub struct TokenMade {
    pub session_id: Uuid,
    pub name: String,
    pub token: String,
    pub expires_at: WireTime,
}

/// No token reaches a log.
impl fmt::Debug for TokenMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenMade").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

/// How an operator is with the second factor.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FactorShown {
    pub confirmed: bool,
    /// No operator is let in without.
    pub required: bool,
    /// Recovery codes that were not used yet.
    pub recovery_codes: i64,
}

/// The input of an authenticator app. Shown only to its owner.
#[derive(Clone, Serialize, JsonSchema)]
pub struct ToEnrol {
    pub secret: String,
    pub otpauth_uri: String,
}

/// Told once.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Confirmed {
    pub recovery_codes: Vec<String>,
}
