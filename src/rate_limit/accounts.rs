//! The number of requests that one account may make in a minute, by REST and over its sockets together. Operators and
//! their programs have a limit of their own, high enough for a console that polls and for bursts of orders.

use super::{KeyedLimiter, Limit, Rate, RetryAfter};
use crate::config::LimitSettings;
use crate::domain::ids::AccountId;
use crate::domain::role::Role;
use std::time::Instant;
use uuid::Uuid;

/// Keys of each limiter: some 10 MB at most, and more accounts than ask within a minute.
const KEYS_MAX: usize = 100_000;

pub struct AccountLimits {
    requests: KeyedLimiter<AccountId>,
    operator_requests: KeyedLimiter<AccountId>,
    refreshes: KeyedLimiter<Uuid>,
    jobs: KeyedLimiter<AccountId>,
    chat: KeyedLimiter<AccountId>,
    nearby: KeyedLimiter<AccountId>,
    positions: KeyedLimiter<AccountId>,
}

impl AccountLimits {
    pub fn new(limits: &LimitSettings) -> Self {
        let by = |count| KeyedLimiter::new(Rate::per_minute(count), KEYS_MAX);
        Self {
            requests: by(limits.requests_per_minute_per_account),
            operator_requests: by(limits.operator_requests_per_minute),
            refreshes: KeyedLimiter::new(Rate::per_minute(limits.requests_per_minute_per_account), KEYS_MAX),
            jobs: by(limits.jobs_per_minute_per_customer),
            chat: by(limits.chat_per_minute),
            nearby: by(limits.nearby_per_minute),
            positions: by(limits.positions_per_minute_by_rest),
        }
    }

    /// Anything at all but a position, a ping or an ack of a socket.
    pub fn request(&self, account: AccountId, role: Role, now: Instant) -> Result<(), RetryAfter> {
        match role.is_user() {
            true => Limit::Requests.of(self.requests.check(account, now)),
            false => Limit::OperatorRequests.of(self.operator_requests.check(account, now)),
        }
    }

    /// A refresh token that is presented, by the account that it names: each is a decision, used up or not.
    pub fn refresh(&self, account: Uuid, now: Instant) -> Result<(), RetryAfter> {
        Limit::Requests.of(self.refreshes.check(account, now))
    }

    /// A ride or a booking that a customer asks for.
    pub fn job(&self, account: AccountId, now: Instant) -> Result<(), RetryAfter> {
        Limit::Jobs.of(self.jobs.check(account, now))
    }

    pub fn chat(&self, account: AccountId, now: Instant) -> Result<(), RetryAfter> {
        Limit::Chat.of(self.chat.check(account, now))
    }

    /// A look at who is about; operators look as they like.
    pub fn nearby(&self, account: AccountId, role: Role, now: Instant) -> Result<(), RetryAfter> {
        match role.is_user() {
            true => Limit::Nearby.of(self.nearby.check(account, now)),
            false => Ok(()),
        }
    }

    /// A request with so many positions. It is taken as a whole while there is room for one, so that a limit below a hundred
    /// shuts nobody out for ever.
    pub fn positions(&self, account: AccountId, count: usize, now: Instant) -> Result<(), RetryAfter> {
        Limit::Positions.of(self.positions.charge(account, count as u32, now))
    }
}
