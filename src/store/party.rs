//! The party on whose behalf the database is asked. Parties take turns, so that one party's crowd does not hold up the
//! others. All code that runs within a request's or a session's future knows it, without being handed it.

use crate::domain::ids::AccountId;
use std::cell::Cell;
use std::net::IpAddr;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    Account(AccountId),
    /// An account as its token names it, until its row is read.
    Bearer(Uuid),
    /// All who have not said who they are and come from one address.
    Address(IpAddr),
}

tokio::task_local! {
    static CURRENT: Cell<Option<Party>>;
}

impl Party {
    /// Runs `work` on behalf of `party`; for nobody it is the server's own.
    pub async fn within<F: Future>(party: Option<Party>, work: F) -> F::Output {
        CURRENT.scope(Cell::new(party), work).await
    }

    /// From now on this request or session acts on behalf of this party, which has become known.
    pub fn is_known(self) {
        // Outside of both nobody is served.
        let _ = CURRENT.try_with(|current| current.set(Some(self)));
    }

    pub(super) fn current() -> Option<Party> {
        CURRENT.try_with(Cell::get).ok().flatten()
    }
}
