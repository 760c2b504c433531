//! How much an account may request over its sockets: the limits of REST, counted together with it.

use super::Client;
use super::part::Part;
use crate::actors::session::Link;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::{BadMessage, Inbound};
use crate::rate_limit::RetryAfter;
use std::time::Instant;

impl<P: Part> Client<P> {
    /// Whether the account may also make this request now. Clients without an account have limits of their own.
    pub(super) fn within_limits(&self, inbound: &Inbound) -> Result<(), RetryAfter> {
        let Some(owner) = self.owner.filter(|_| !inbound.is_light()) else { return Ok(()) };
        let (limits, account, now) = (&self.context.account_limits, owner.account, Instant::now());
        limits.request(account, self.part.role(), now)?;
        match inbound {
            Inbound::Chat { .. } => limits.chat(account, now),
            Inbound::FindDriver(_) if owner.has_token => limits.job(account, now),
            _ => Ok(()),
        }
    }

    pub(super) fn too_often(&mut self, wait: RetryAfter, link: &mut Link<'_, Self>) {
        let message = format!("too many messages in a short time; send it again in {} s", wait.as_secs());
        self.refuse(&BadMessage::new(ErrorCode::RateLimited, message).again_after(wait.as_secs()), link);
    }
}
