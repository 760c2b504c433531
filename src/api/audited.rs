//! The audit rows of an operator's or a program's request. A route whose row says so begins a call when it lets
//! somebody in. Everything that runs within the request's future knows the call, so a change writes its row in its own
//! transaction without being handed the call; a read is noted once it is answered.

use crate::api::problem::Problem;
use crate::api::routes::{self, Recorded};
use crate::api::{Context, client_address};
use crate::contracts::error_codes::ErrorCode;
use crate::current_request;
use crate::domain::audit::{Actor, Subject};
use crate::domain::role::Role;
use crate::operations::audit::Call;
use crate::operations::authentication::Principal;
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use std::cell::RefCell;
use std::sync::Arc;

tokio::task_local! {
    static UNDER_WAY: RefCell<Option<UnderWay>>;
}

struct UnderWay {
    call: Arc<Call>,
    recorded: Recorded,
    /// The people a read was about, besides the one that its path names.
    subjects: Vec<Subject>,
    is_written: bool,
}

/// Runs `work` as a request that may leave audit rows.
pub async fn within<F: Future>(work: F) -> F::Output {
    UNDER_WAY.scope(RefCell::default(), work).await
}

fn with<T>(look: impl FnOnce(&mut UnderWay) -> T) -> Option<T> {
    UNDER_WAY.try_with(|cell| cell.borrow_mut().as_mut().map(look)).ok().flatten()
}

/// An account was let in. Refused where it could read what would not be recorded.
pub fn begin(req: &HttpRequest, ctx: &Context, who: &Principal) -> Result<(), Problem> {
    let Some(route) = routes::of(req) else { return Ok(()) };
    let is_watched = who.role.is_operator() || who.role == Role::Service;
    if !is_watched || route.recorded == Recorded::Nothing {
        return Ok(());
    }
    if route.recorded == Recorded::Reads && !ctx.reads.has_room() {
        let detail = "What operators read can't be recorded at the moment. Try again in a minute.";
        return Err(Problem::new(ErrorCode::Unavailable, detail));
    }
    let id = req.match_info().iter().next().map(|(_, id)| id);
    let call = Call {
        actor: Actor::Account(who.account),
        role: Some(who.role),
        action: route.to_string(),
        subject: id.and_then(|id| Subject::of_path(route.path, id)),
        address: Some(client_address(req, &ctx.settings.listen)),
        request_id: current_request::id().map(|id| id.to_string()),
    };
    let under_way =
        UnderWay { call: Arc::new(call), recorded: route.recorded, subjects: Vec::new(), is_written: false };
    let _ = UNDER_WAY.try_with(|cell| *cell.borrow_mut() = Some(under_way));
    Ok(())
}

/// The change that is to be recorded in the transaction that makes it.
pub fn change() -> Option<Arc<Call>> {
    with(|under_way| (under_way.recorded == Recorded::Changes).then(|| under_way.call.clone())).flatten()
}

/// It is, and the transaction is committed.
pub fn written() {
    with(|under_way| under_way.is_written = true);
}

/// The data read belongs to somebody whom the path does not name.
pub fn concerns(subject: Subject) {
    with(|under_way| under_way.subjects.push(subject));
}

/// The request is answered.
pub fn end(ctx: &Context, status: StatusCode) {
    let Some(under_way) = UNDER_WAY.try_with(|cell| cell.borrow_mut().take()).ok().flatten() else { return };
    let UnderWay { call, recorded, mut subjects, is_written } = under_way;
    let is_done = status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS;
    match recorded {
        Recorded::Reads if is_done => {
            subjects.extend(call.subject.clone());
            ctx.reads.note(&call, &subjects);
        }
        Recorded::Changes if is_done && !is_written => {
            log::error!("a change was acknowledged but is not in the audit route=\"{}\"", call.action);
        }
        _ => {}
    }
}
