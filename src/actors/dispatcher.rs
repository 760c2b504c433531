//! The dispatcher: every session registers with it and leaves through it, one after the other, so that presence and the
//! registry always have the same sessions. It owns nothing, sends nothing and looks for nothing.
//!
//! A session is answered once it will hear of every later commit; only then does it read the store.

use crate::actors::foundation::Foundation;
use crate::actors::presence::{Arrival, Presence};
use crate::actors::registry::{Listener, Registered, Registry};
use crate::actors::session::Ended;
use crate::actors::silence::{Goodbye, Silence};
use crate::clock::SharedClock;
use crate::contracts::close_codes::CloseCode;
use crate::domain::ids::AccountId;
use crate::metrics::Metrics;
use crate::operations::tokens::VerifiedClaims;
use actix::prelude::*;
use std::sync::Arc;
use uuid::Uuid;

pub struct Dispatcher {
    // peers
    registry: Arc<Registry>,
    presence: Arc<Presence>,
    silence: Addr<Silence>,
    clock: SharedClock,
    metrics: Arc<Metrics>,
}

pub fn start(
    foundation: &Foundation,
    registry: Arc<Registry>,
    presence: Arc<Presence>,
    silence: Addr<Silence>,
    arbiter: &ArbiterHandle,
) -> Addr<Dispatcher> {
    let Foundation { clock, metrics, .. } = foundation.clone();
    let dispatcher = Dispatcher { registry, presence, silence, clock, metrics };
    Dispatcher::start_in_arbiter(arbiter, |_| dispatcher)
}

impl Actor for Dispatcher {
    type Context = Context<Self>;
}

/// A session has opened. Answered when it will hear of every later commit.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Register {
    pub account: AccountId,
    pub session: Registered,
}

impl Handler<Register> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Register { account, session }: Register, _: &mut Self::Context) {
        let Registered { handle, contract, driver, expires_at, sessions_max, claims } = session;
        let log_in = claims.as_ref().and_then(|claims| claims.session);
        let session = handle.session_id();
        // Before they hear of anything: an event that they hear of is not pushed at once.
        let ghosts = self
            .presence
            .came(account, Arrival { session, contract, driver, log_in, expires_at, sessions_max });
        let gone: Vec<Uuid> = ghosts.iter().map(|ghost| ghost.session).collect();
        for older in self.registry.enter(account, Listener { handle, contract, claims }, &gone) {
            older.close(CloseCode::LoggedInElsewhere, CloseCode::LoggedInElsewhere.reason());
        }
        let now = self.clock.steady();
        for ghost in ghosts {
            let driver = ghost.driver.map_or(0, i64::from);
            let connected_secs = (now - ghost.since).num_seconds();
            log::info!(
                "session ghosted driver={driver} session={} connected_secs={connected_secs}",
                ghost.session
            );
            self.metrics.sessions_ghosted.increment(1);
        }
    }
}

/// A session has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Deregister {
    pub account: AccountId,
    pub session: Uuid,
    pub ended: Ended,
}

impl Handler<Deregister> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Deregister { account, session, ended }: Deregister, _: &mut Self::Context) {
        self.registry.leave(account, session);
        let Some(left) = self.presence.left(account, session) else { return };
        let said_goodbye = ended == Ended::PeerClosed(Some(CloseCode::Normal.number()));
        if let Some(driver) = left.driver.filter(|_| said_goodbye && left.contract.goodbye_is_offline()) {
            self.silence.do_send(Goodbye { account, driver });
        }
    }
}

/// A session has brought a fresh token.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Renewed {
    pub account: AccountId,
    pub session: Uuid,
    pub claims: VerifiedClaims,
}

impl Handler<Renewed> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Renewed { account, session, claims }: Renewed, _: &mut Self::Context) {
        self.presence.renewed(account, session, claims.session, claims.session_ends_at());
        self.registry.renew(account, session, claims);
    }
}
