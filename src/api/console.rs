//! The console, and the pages that show the wire's descriptions: static files out of the binary, and the facts that the
//! console needs at its start. A page may load nothing from elsewhere and talk only to its own server.

use crate::api::Context;
use crate::api::problem::Problem;
use crate::api::respond::{Answer, Answered, json};
use crate::config::{Profile, Settings};
use crate::contracts::console::{ConsoleConfig, ConsoleFile, ConsoleNetwork, DemoAccount};
use crate::operations::authentication;
use crate::operations::seed::DEMO_PASSWORD;
use crate::store::{Conn, StoreError, reads};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// `'self'` is the sockets' address, too. For another server, open that server's console. No other page may frame this
/// one, so that clicks can't be hijacked.
const POLICY: &str = "default-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// The same for the page that shows REST's description: the style of somebody else's code has its pictures in itself.
const DOCUMENTS_POLICY: &str = "default-src 'self'; img-src 'self' data:; connect-src 'self'; object-src 'none'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// An address of documentation (RFC 5737), which is nobody's.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Log-ins to offer: the named ones. A fleet made in bulk follows them.
const DEMO_ACCOUNTS_MAX: i64 = 20;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// `GET /`.
pub async fn index(req: HttpRequest) -> Answered<ConsoleFile> {
    file(&req, "index.html").map(Answer::of)
}

/// `GET /console/{path}`.
pub async fn asset(req: HttpRequest, path: web::Path<String>) -> Answered<ConsoleFile> {
    file(&req, &format!("console/{path}")).map(Answer::of)
}

/// `GET /docs`, where somebody leaves out its slash.
pub async fn documents_root(req: HttpRequest) -> Answered<ConsoleFile> {
    file(&req, "docs/index.html").map(Answer::of)
}

/// `GET /docs/{path}`.
pub async fn document_page(req: HttpRequest, path: web::Path<String>) -> Answered<ConsoleFile> {
    let name = match path.as_str() {
        "" => "index.html",
        "sockets" => "sockets.html",
        other => other,
    };
    file(&req, &format!("docs/{name}")).map(Answer::of)
}

fn file(req: &HttpRequest, path: &str) -> Result<HttpResponse, Problem> {
    let found: Option<EmbeddedFile> = Static::get(path);
    let (Some(file), Some(media_type)) = (found, media_type(path)) else {
        return Err(Problem::not_found("page"));
    };
    Ok(kept_by_browser(req, &file.metadata.sha256_hash(), |response| {
        response
            .insert_header((CONTENT_SECURITY_POLICY, policy(path)))
            .insert_header((X_FRAME_OPTIONS, "DENY"))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .content_type(media_type)
            .body(file.data.into_owned())
    }))
}

fn policy(path: &str) -> &'static str {
    if path.starts_with("docs/") { DOCUMENTS_POLICY } else { POLICY }
}

/// An answer that a browser keeps, and asks for again each time whether it is still the same: a page of another version than
/// its server misleads. `with_body` makes the rest, where the browser does not have it.
pub fn kept_by_browser(
    req: &HttpRequest,
    sha256: &[u8; 32],
    with_body: impl FnOnce(&mut HttpResponseBuilder) -> HttpResponse,
) -> HttpResponse {
    let etag = etag(sha256);
    let is_known = req.headers().get(IF_NONE_MATCH).is_some_and(|known| names(known.as_bytes(), &etag));
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, etag))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if is_known { response.finish() } else { with_body(&mut response) }
}

/// By the end of the name; what is of no known kind is not served.
fn media_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

/// Half of the hash tells any two versions apart.
fn etag(hash: &[u8; 32]) -> String {
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Whether an `If-None-Match` names the tag, weakly or not.
fn names(known: &[u8], etag: &str) -> bool {
    let Ok(known) = std::str::from_utf8(known) else { return false };
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// `GET /console/config.json`. Demo log-ins are told in development only, and to nobody but this machine.
pub async fn config(ctx: web::Data<Context>) -> Answered<ConsoleConfig> {
    let settings = &ctx.settings;
    let is_trial = settings.profile == Profile::Development && settings.listen.is_loopback_only();
    let demo_accounts = match is_trial {
        true => ctx.read(demo_accounts).await?,
        false => Vec::new(),
    };
    Ok(json(&ConsoleConfig {
        profile: settings.profile.as_str(),
        currency: settings.region.currency.as_str().to_owned(),
        network: (settings.profile == Profile::Development).then(|| network(settings)),
        demo_accounts,
        demo_password: is_trial.then_some(DEMO_PASSWORD),
    }))
}

fn network(settings: &Settings) -> ConsoleNetwork {
    let mut named = settings.listen.bind.iter().map(SocketAddr::ip);
    let named = named.find(|address| !address.is_loopback() && !address.is_unspecified());
    ConsoleNetwork {
        loopback_only: settings.listen.is_loopback_only(),
        tls: settings.listen.tls.is_some(),
        anonymous_rides: settings.anonymous_rides.allowed,
        address: named.or_else(sending_address),
    }
}

/// The address that this machine would send from: choosing one is all that connecting a UDP socket does, nothing is sent. `None`
/// where there is no way out.
fn sending_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((ELSEWHERE, 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

fn demo_accounts(conn: &mut Conn<'_>) -> Result<Vec<DemoAccount>, StoreError> {
    let accounts = reads::demo_accounts(conn, DEMO_ACCOUNTS_MAX)?;
    let with_ids = accounts.into_iter().map(|account| {
        let username = account.username.clone();
        let principal = authentication::principal_of(conn, account)?;
        Ok(DemoAccount {
            username,
            role: principal.role,
            name: principal.name,
            driver_id: principal.driver,
            customer_id: principal.customer,
        })
    });
    with_ids.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn get(path: &str, known: Option<&str>) -> Result<HttpResponse, u16> {
        let mut req = TestRequest::default();
        if let Some(known) = known {
            req = req.insert_header((IF_NONE_MATCH, known));
        }
        file(&req.to_http_request(), path).map_err(|problem| problem.code().status())
    }

    #[test]
    fn every_file_of_the_console_has_a_media_type_and_its_headers() {
        for path in Static::iter() {
            let response = get(&path, None).unwrap_or_else(|status| panic!("{path}: {status}"));
            assert_eq!(response.headers().get(CONTENT_SECURITY_POLICY).unwrap(), policy(&path), "{path}");
            assert_eq!(response.headers().get(X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff", "{path}");
        }
        assert_eq!(
            get("index.html", None).unwrap().headers().get("content-type").unwrap(),
            "text/html; charset=utf-8"
        );
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let first = get("console/app.js", None).unwrap();
        let etag = first.headers().get(ETAG).unwrap().to_str().unwrap();
        for known in [etag.to_owned(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            assert_eq!(get("console/app.js", Some(&known)).unwrap().status(), 304, "{known}");
        }
        assert_eq!(get("console/app.js", Some("\"other\"")).unwrap().status(), 200);
    }

    #[test]
    fn what_is_not_in_the_binary_is_not_found() {
        for path in ["console/../../Cargo.toml", "console/", "console/nothing.js", "/etc/passwd", ""] {
            assert_eq!(get(path, None).map(drop), Err(404), "{path}");
        }
    }
}
