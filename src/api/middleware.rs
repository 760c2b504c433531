//! The steps around every request: its id, one line in the log, CORS, HEAD, and problems where the framework would
//! answer with an empty body. Paths are logged without their query, since a socket's query contains a token.

use crate::actors::session;
use crate::api::problem::Problem;
use crate::api::request_id::{self, RequestId, X_REQUEST_ID};
use crate::api::{Context, audited, host, limited_address, push};
use crate::config::Settings;
use crate::store::Party;
use actix_cors::Cors;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, PathError};
use actix_web::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LINK,
    PRAGMA, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, UPGRADE,
};
use actix_web::http::uri::{PathAndQuery, Uri};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Seconds for which a browser may keep our answer about an origin: an hour.
const CORS_MAX_AGE_SECS: usize = 3600;

/// Headers that browser apps send besides those that they need: their libraries add them, mostly for tracing. If one is
/// not listed, each call of such an app fails.
const LIBRARIES_HEADERS: [&str; 5] =
    ["x-requested-with", "traceparent", "tracestate", "sentry-trace", "baggage"];

/// For `wrap(from_fn(around))`. Boxed, since the framework reserves space for this future with each connection for as
/// long as that lasts: a kilobyte, which is useless to a socket once it is open.
pub fn around(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Pin<Box<dyn Future<Output = Result<ServiceResponse<BoxBody>, actix_web::Error>>>> {
    Box::pin(with_an_id(req, next))
}

async fn with_an_id(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = RequestId::of(req.headers());
    let header = id.header();
    match request_id::within(id, audited::within(answered(req, next))).await {
        Ok(mut response) => {
            response.headers_mut().insert(X_REQUEST_ID, header);
            Ok(response)
        }
        Err(error) => {
            let mut response = error.error_response();
            response.headers_mut().insert(X_REQUEST_ID, header);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

async fn answered(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let _in_use = session::in_use(req.request());
    trim_slash(&mut req);
    let (method, path) = (req.method().clone(), req.path().to_owned());
    if method == Method::HEAD {
        ask_as_get(&mut req);
    }
    let context = req.app_data::<web::Data<Context>>().cloned();
    // Until it is known better: what is asked before the token is read is asked for the address.
    let party = context.as_ref().map(|ctx| Party::Address(limited_address(ctx, req.request())));
    let is_draining = || context.as_ref().is_some_and(|ctx| ctx.draining.load(Ordering::Relaxed));
    let listen = context.as_ref().map(|ctx| &ctx.settings.listen);
    let strict_transport = listen.and_then(|listen| host::strict_transport(req.request(), listen));
    let allowed_hosts = listen.and_then(|listen| listen.allowed_hosts.as_ref());
    let refusal = match is_draining() && !MAY_STILL_LOOK.contains(&req.path()) {
        true => Err(Problem::stopping()),
        false => host::check(req.request(), allowed_hosts),
    };
    let mut response = match refusal {
        Err(problem) => req.into_response(problem.error_response()),
        Ok(()) => with_problem(Party::within(party, next.call(req)).await?.map_into_boxed_body()),
    };
    if let Some(header) = strict_transport {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, header);
    }
    // The next request must not meet a connection that ends that very moment.
    if is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let response =
        if path.starts_with(push::shape::ROOT) { push::shape::reshaped(response) } else { response };
    if let Some(ctx) = &context {
        audited::end(ctx, response.status());
    }
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_millis());
    log::debug!("request method={method} path={path} status={status} ms={ms}");
    Ok(response)
}

/// A server that is stopping takes no new work; those who watch over it may still look.
const MAY_STILL_LOOK: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// HEAD is answered wherever GET is: with the same answer, whose head alone the framework sends. An upgrade can't
/// answer it.
fn ask_as_get(req: &mut ServiceRequest) {
    req.head_mut().method = Method::GET;
    req.headers_mut().remove(UPGRADE);
}

/// Pages whose addresses below them count from their slash.
const PAGES: [&str; 3] = ["/", "/console/", "/docs/"];

/// A slash at the end leads to the same: many HTTP clients and proxies write one. Sockets are among them, and the matching
/// app's has one of its own.
fn trim_slash(req: &mut ServiceRequest) {
    let path = req.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() || PAGES.contains(&path) {
        return;
    }
    let mut parts = req.uri().clone().into_parts();
    let query = req.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    // A part of what was one is one.
    let Ok(trimmed) = PathAndQuery::from_maybe_shared(format!("{trimmed}{query}")) else { return };
    parts.path_and_query = Some(trimmed);
    if let Ok(uri) = Uri::from_parts(parts) {
        req.match_info_mut().get_mut().update(&uri);
        req.head_mut().uri = uri;
    }
}

/// The framework's own 405 says which methods there are, and nothing else.
fn with_problem(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let is_bare = !response.headers().contains_key(CONTENT_TYPE);
    if response.status() != StatusCode::METHOD_NOT_ALLOWED || !is_bare {
        return response;
    }
    let allow = response.headers().get(ALLOW).map(with_head);
    let mut problem = response.into_response(Problem::method_not_allowed().error_response());
    if let Some(allow) = allow {
        problem.headers_mut().insert(ALLOW, allow);
    }
    problem
}

/// The framework lists the methods that have a handler of their own.
fn with_head(allow: &HeaderValue) -> HeaderValue {
    let methods: Vec<&str> = allow.to_str().unwrap_or_default().split(',').map(str::trim).collect();
    if !methods.contains(&"GET") || methods.contains(&"HEAD") {
        return allow.clone();
    }
    let all = methods.join(", ").replacen("GET", "GET, HEAD", 1);
    HeaderValue::try_from(all).unwrap_or_else(|_| allow.clone())
}

pub async fn unknown_route() -> HttpResponse {
    Problem::not_found("page").error_response()
}

/// A path whose id is no id leads nowhere.
pub fn unreadable_path(_: PathError, _: &HttpRequest) -> actix_web::Error {
    Problem::not_found("page").into()
}

/// Browser apps of the origins that the settings name may call us; everybody else's may not read what we answer. Requests without
/// an origin, and the console's own, are no matter of CORS.
pub fn cors(settings: &Settings) -> Cors {
    let origins = settings.listen.cors_allowed_origins.clone();
    Cors::default()
        .allowed_origin_fn(move |origin, _| origin.to_str().is_ok_and(|origin| origins.allows(origin)))
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE, CONTENT_ENCODING, CACHE_CONTROL, PRAGMA, X_REQUEST_ID])
        .allowed_header(HeaderName::from_static("idempotency-key"))
        .allowed_headers(LIBRARIES_HEADERS)
        .expose_headers([RETRY_AFTER, LINK, X_REQUEST_ID])
        .block_on_origin_mismatch(false)
        .max_age(CORS_MAX_AGE_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::current_request;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
    use actix_web::{App, web};
    use serde_json::Value;

    async fn answer(req: TestRequest) -> (u16, Option<String>, Value) {
        let settings = Settings::load(|_| None).unwrap();
        let app = App::new()
            .wrap(cors(&settings))
            .wrap(from_fn(around))
            .app_data(web::PathConfig::default().error_handler(unreadable_path))
            .service(web::resource("/orders/{id}").get(async |_: web::Path<i64>| HttpResponse::Ok().json(7)))
            .default_service(web::to(unknown_route));
        let response = call_service(&init_service(app).await, req.to_request()).await;
        let allow = response.headers().get(ALLOW).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), allow, read_body_json(response).await)
    }

    #[actix_web::test]
    async fn what_is_not_there_and_what_can_not_be_done_are_problems() {
        let (status, _, body) = answer(TestRequest::get().uri("/nowhere")).await;
        assert_eq!((status, body["code"].as_str()), (404, Some("not_found")));
        let (status, _, body) = answer(TestRequest::get().uri("/orders/seven")).await;
        assert_eq!((status, body["code"].as_str()), (404, Some("not_found")));
        let (status, allow, body) = answer(TestRequest::post().uri("/orders/7")).await;
        assert_eq!((status, body["code"].as_str()), (405, Some("method_not_allowed")));
        assert_eq!(allow.as_deref(), Some("GET, HEAD"));
    }

    #[actix_web::test]
    async fn head_is_asked_as_get_and_never_an_upgrade() {
        let req = TestRequest::default().method(Method::HEAD).uri("/orders/7");
        assert_eq!(answer(req).await, (200, None, Value::from(7)));
        let req = TestRequest::default().method(Method::HEAD).insert_header(("Upgrade", "websocket"));
        let mut req = req.to_srv_request();
        ask_as_get(&mut req);
        assert_eq!((req.method(), req.headers().contains_key(UPGRADE)), (&Method::GET, false));
    }

    /// Headers that an app's libraries added made the browser refuse each of its calls.
    #[actix_web::test]
    async fn a_preflight_lets_an_apps_headers_through_for_the_origins_that_are_allowed() {
        let settings = Settings::load(|_| None).unwrap();
        let app =
            init_service(App::new().wrap(cors(&settings)).default_service(web::to(unknown_route))).await;
        let preflight = async |origin: &'static str, headers: &str| {
            let req = TestRequest::default().method(Method::OPTIONS).uri("/api/v1/auth/login");
            let req = req
                .insert_header(("Origin", origin))
                .insert_header(("Access-Control-Request-Method", "POST"))
                .insert_header(("Access-Control-Request-Headers", headers.to_owned()));
            let response = call_service(&app, req.to_request()).await;
            let header = |name: &str| {
                response.headers().get(name).map(|value| value.to_str().unwrap().to_ascii_lowercase())
            };
            (
                header("access-control-allow-origin"),
                header("access-control-allow-headers").unwrap_or_default(),
            )
        };
        let asked = "authorization,content-type,content-encoding,idempotency-key,x-requested-with,cache-control,\
                     pragma,traceparent,tracestate,sentry-trace,baggage";
        for origin in
            ["http://localhost:3000", "https://localhost", "capacitor://localhost", "ionic://localhost"]
        {
            let (allowed, headers) = preflight(origin, asked).await;
            assert_eq!(allowed.as_deref(), Some(origin));
            for header in asked.split(',') {
                assert!(headers.split(',').any(|allowed| allowed.trim() == header), "{header}: {headers}");
            }
        }
        for origin in ["https://elsewhere.example", "capacitor://localhost.evil.example", "capacitor://other"]
        {
            assert_eq!(preflight(origin, asked).await.0, None, "{origin}");
        }
    }

    /// A user's complaint can be traced by the answer that the app got.
    #[actix_web::test]
    async fn every_answer_has_the_requests_id() {
        let settings = Settings::load(|_| None).unwrap();
        let app = App::new()
            .wrap(cors(&settings))
            .wrap(from_fn(around))
            .service(web::resource("/ids").get(async || current_request::id().unwrap().to_string()));
        let app = init_service(app).await;
        let req = TestRequest::get().uri("/ids").insert_header((X_REQUEST_ID, "from-a-proxy"));
        let response = call_service(&app, req.to_request()).await;
        assert_eq!(response.headers().get(X_REQUEST_ID).unwrap(), "from-a-proxy");
        assert_eq!(actix_web::test::read_body(response).await, "from-a-proxy");
        let refused = call_service(&app, TestRequest::get().uri("/nowhere").to_request()).await;
        assert!(refused.headers().contains_key(X_REQUEST_ID));
        assert!(current_request::id().is_none());
    }

    /// The console posts with its own origin, which no list of other origins has.
    #[actix_web::test]
    async fn a_request_of_an_origin_that_is_not_listed_is_answered_all_the_same() {
        let req = TestRequest::get().uri("/orders/7").insert_header(("Origin", "https://console.example"));
        assert_eq!(answer(req).await, (200, None, Value::from(7)));
    }
}
