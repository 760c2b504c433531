//! The questions of those who run the server: is it alive, is it ready, how is it doing.

use crate::api::Context;
use crate::api::answer::Answered;
use crate::api::extract::Caller;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::sync::atomic::Ordering;

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    database: &'static str,
    /// The reason why the database can't decide, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    draining: bool,
}

/// `GET /healthz`: the process serves, also while it drains.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok")
}

/// `GET /readyz`: new work is welcome, and can be done.
pub async fn ready(ctx: web::Data<Context>) -> HttpResponse {
    let draining = ctx.draining.load(Ordering::Relaxed);
    let (database, reason) = match ctx.probe.unfit().await {
        None => ("ok", None),
        Some(unfit) => (unfit.state, Some(unfit.reason)),
    };
    let ready = reason.is_none() && !draining;
    let body = Readiness { ready, database, reason, draining };
    match ready {
        true => HttpResponse::Ok().json(body),
        false => HttpResponse::ServiceUnavailable().json(body),
    }
}

/// `GET /metrics`, in Prometheus' text format. They tell how much business there is, so they may need an admin's token.
pub async fn metrics(ctx: web::Data<Context>, req: HttpRequest) -> Answered {
    if !ctx.settings.listen.metrics_public {
        Caller::extract(&req).await?;
    }
    ctx.metrics.database_queue.set(ctx.database.waiting() as f64);
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(ctx.prometheus.render()))
}
