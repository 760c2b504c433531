//! The request for a run, and the reasons for which it can't be made.

use crate::simulate::city::City;
use crate::simulate::plan::Scale;
use crate::simulate::rest::{NoClient, Refusal};

#[derive(Clone, Debug)]
pub struct Options {
    /// `http://127.0.0.1:8000`.
    pub url: String,
    pub operator: OperatorLogIn,
    pub city: &'static City,
    pub seed: u64,
    pub scale: Scale,
}

/// How the operator who makes the accounts and the orders is let in. They must be an admin.
#[derive(Clone)]
pub enum OperatorLogIn {
    Password {
        username: String,
        password: String,
    },
    /// An access token that the caller has.
    Token(String),
}

/// Passwords and tokens never reach a log.
impl std::fmt::Debug for OperatorLogIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorLogIn").finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CantRun {
    #[error("{0:?} is no address to simulate on: it must be http:// with a host and a port")]
    Address(String),
    #[error("can't make requests")]
    Client(#[from] NoClient),
    #[error("{url}: {why}")]
    Unreachable { url: String, why: Refusal },
    /// The simulation's accounts all have one password, which is in this program's source.
    #[error(
        "the server does not say that it is in development, and the simulation's accounts have a known password; \
         simulate on a server with FLEETWIRE_PROFILE=development and CONSOLE=true"
    )]
    NotInDevelopment,
    #[error("the operator can't log in: {0}")]
    OperatorRefused(Refusal),
    #[error("can't make or log in {who}: {why}")]
    Account { who: String, why: Refusal },
}
