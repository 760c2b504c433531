//! What whoever runs the server asks it: is it alive, is it ready, how is it.

use crate::api::Context;
use crate::api::answer::Answered;
use crate::api::extract::Admin;
use crate::store::{StoreError, reads};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A database that takes longer for one row is not ready for anybody's work.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    database: &'static str,
    draining: bool,
}

/// `GET /healthz`: the process serves, also while it drains.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok")
}

/// `GET /readyz`: new work is welcome.
pub async fn ready(ctx: web::Data<Context>) -> HttpResponse {
    let draining = ctx.draining.load(Ordering::Relaxed);
    let database = match tokio::time::timeout(PROBE_TIMEOUT, probe(&ctx)).await {
        Ok(Ok(())) => "ok",
        Ok(Err(error)) if error.may_pass() => "busy",
        Ok(Err(_)) => "failing",
        Err(_) => "no answer within a second",
    };
    let ready = database == "ok" && !draining;
    let body = Readiness { ready, database, draining };
    match ready {
        true => HttpResponse::Ok().json(body),
        false => HttpResponse::ServiceUnavailable().json(body),
    }
}

/// Reads, and opens a transaction that changes nothing: a database that only answers questions decides nothing.
async fn probe(ctx: &Context) -> Result<(), StoreError> {
    ctx.database.read(reads::probe).await?;
    ctx.database.write(|_| Ok(())).await
}

/// `GET /metrics`, in Prometheus' text format. They tell how much business there is, so they may need an admin's token.
pub async fn metrics(ctx: web::Data<Context>, req: HttpRequest) -> Answered {
    if !ctx.settings.listen.metrics_public {
        Admin::extract(&req).await?;
    }
    ctx.metrics.database_queue.set(ctx.database.waiting() as f64);
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(ctx.prometheus.render()))
}
