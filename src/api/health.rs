//! The questions of those who run the server: is it alive, is it ready, how is it doing.

use crate::api::Context;
use crate::api::extract::Caller;
use crate::api::respond::{Answer, Answered};
use crate::contracts::health::{PlainText, Readiness};
use actix_web::body::BoxBody;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, web};
use std::sync::atomic::Ordering;

/// Readiness under a status of its own: 200, or 503 with the same body.
pub struct ReadyOrNot(Readiness);

impl Responder for ReadyOrNot {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        match self.0.ready {
            true => HttpResponse::Ok().json(self.0),
            false => HttpResponse::ServiceUnavailable().json(self.0),
        }
    }
}

/// `GET /healthz`: the process serves, also while it drains.
pub async fn alive() -> Answered<PlainText> {
    Ok(Answer::of(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok")))
}

/// `GET /readyz`: new work is welcome, and can be done.
pub async fn ready(ctx: web::Data<Context>) -> ReadyOrNot {
    let draining = ctx.draining.load(Ordering::Relaxed);
    let (database, reason) = match ctx.probe.unfit().await {
        None => ("ok", None),
        Some(unfit) => (unfit.state, Some(unfit.reason)),
    };
    let ready = reason.is_none() && !draining;
    ReadyOrNot(Readiness { ready, database, reason, draining })
}

/// `GET /metrics`, in Prometheus' text format. They tell how much business there is, so they may need an admin's token.
pub async fn metrics(ctx: web::Data<Context>, req: HttpRequest) -> Answered<PlainText> {
    if !ctx.settings.listen.metrics_public {
        Caller::extract(&req).await?;
    }
    ctx.metrics.database_queue.set(ctx.database.waiting() as f64);
    let response = HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(ctx.prometheus.render());
    Ok(Answer::of(response))
}
