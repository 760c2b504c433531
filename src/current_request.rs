//! The id of the request that is being processed. All code that runs within the request's future knows it without being
//! handed it, and work for the request on another thread takes it along; so each log line that is written for the
//! request can have it.

use bytestring::ByteString;

tokio::task_local! {
    static CURRENT: ByteString;
}

/// Runs `work` as the request of this id.
pub async fn within<F: Future>(id: ByteString, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// Runs `work` for the request that asked for it, where there was one.
pub fn on_behalf_of<T>(id: Option<ByteString>, work: impl FnOnce() -> T) -> T {
    match id {
        Some(id) => CURRENT.sync_scope(id, work),
        None => work(),
    }
}

pub fn id() -> Option<ByteString> {
    CURRENT.try_with(ByteString::clone).ok()
}
