//! How much an account may ask for over its sockets: the same limits as by REST, and together with that.

use super::{Client, Part};
use crate::actors::session::Link;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::{BadMessage, Inbound};
use crate::domain::role::Role;
use crate::rate_limit::RetryAfter;
use std::time::Instant;

impl Part {
    /// As whom somebody is limited.
    pub(super) fn role(&self) -> Role {
        match self {
            Part::DriverApp(_) => Role::Driver,
            Part::RideHailing(hailing) => hailing.who().role,
            Part::RideMatching(_) => Role::Customer,
        }
    }
}

impl Client {
    /// Whether the account may ask for this, too, just now. What somebody does who is nobody yet has limits of its own.
    pub(super) fn within_limits(&self, inbound: &Inbound) -> Result<(), RetryAfter> {
        let Some(recipient) = self.recipient.as_ref().filter(|_| !inbound.is_light()) else { return Ok(()) };
        let (limits, account, now) = (&self.context.account_limits, recipient.account, Instant::now());
        limits.request(account, self.part.role(), now)?;
        match inbound {
            Inbound::Chat { .. } => limits.chat(account, now),
            Inbound::FindDriver(_) if recipient.claims.is_some() => limits.job(account, now),
            _ => Ok(()),
        }
    }

    pub(super) fn too_often(&mut self, wait: RetryAfter, link: &mut Link<'_, Self>) {
        let message = format!("too much at once; send it again in {} s", wait.as_secs());
        self.refuse(&BadMessage::new(ErrorCode::RateLimited, message).again_after(wait.as_secs()), link);
    }
}
