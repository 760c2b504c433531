//! The host name and scheme of a request: requests for names that are not ours are refused, and browsers that came by
//! TLS are told to use it from now on.

use crate::api::problem::Problem;
use crate::config::{AllowedHosts, ClientAddressHeader, Host, ListenSettings};
use crate::contracts::error_codes::ErrorCode;
use actix_web::HttpRequest;
use actix_web::http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A year. Not of the names below: they are others' to decide.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Watchers ask by whatever address they have, and learn nothing but that the server is there.
const FOR_ANY_NAME: [&str; 2] = ["/healthz", "/readyz"];

/// Refuses a request for a name that the settings do not have. One that names none is no browser's.
pub fn check(req: &HttpRequest, allowed: Option<&AllowedHosts>) -> Result<(), Problem> {
    let Some(allowed) = allowed.filter(|_| !FOR_ANY_NAME.contains(&req.path())) else { return Ok(()) };
    let refused = named(req).find(|name| {
        let host = Host::parse(name);
        !host.is_some_and(|host| allowed.allows(&host))
    });
    match refused {
        Some(name) => Err(misdirected(name)),
        None => Ok(()),
    }
}

fn misdirected(name: &str) -> Problem {
    // Whatever the name is, it goes into an answer.
    let name: String = name.chars().filter(|c| c.is_ascii_graphic()).take(100).collect();
    let detail = format!(
        "This server does not answer to the host name {name:?}. If it is right, add it to the setting ALLOWED_HOSTS."
    );
    Problem::new(ErrorCode::MisdirectedRequest, detail)
}

/// All names that the request has for us; several are as many as must be ours.
fn named(req: &HttpRequest) -> impl Iterator<Item = &str> {
    // HTTP/2 has it in place of a header; an address in full, before HTTP/2, besides one.
    let authority = req.uri().authority().map(|authority| authority.as_str());
    authority.into_iter().chain(req.headers().get_all(HOST).map(|host| host.to_str().unwrap_or("?")))
}

/// The header that makes browsers stay with TLS. Not for this machine's own names, where other servers under
/// development have no TLS.
pub fn strict_transport(req: &HttpRequest, listen: &ListenSettings) -> Option<HeaderValue> {
    let is_elsewhere = |name: &str| Host::parse(name).is_some_and(|host| !host.is_local());
    (came_by_tls(req, listen) && named(req).all(is_elsewhere)).then_some(STRICT_TRANSPORT)
}

/// To us, or to a proxy that is trusted to say so.
fn came_by_tls(req: &HttpRequest, listen: &ListenSettings) -> bool {
    if req.app_config().secure() {
        return true;
    }
    let is_proxy = req.peer_addr().is_some_and(|peer| listen.trusted_proxies.contains(peer.ip()));
    let said = match &listen.client_address_header {
        ClientAddressHeader::Forwarded => last(req.headers(), &FORWARDED).and_then(proto_of),
        ClientAddressHeader::XForwardedFor | ClientAddressHeader::Single(_) => {
            last(req.headers(), &X_FORWARDED_PROTO)
        }
    };
    is_proxy && said.is_some_and(|said| said.eq_ignore_ascii_case("https"))
}

/// The last element of a list: what the proxy before us wrote.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let line = headers.get_all(name).last()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim)
}

/// `for=192.0.2.7;proto=https`.
fn proto_of(element: &str) -> Option<&str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, proto) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("proto"))?;
    Some(proto.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use actix_web::test::TestRequest;

    fn listen(given: &[(&str, &str)]) -> ListenSettings {
        let value = |name: &str| given.iter().find(|(given, _)| *given == name);
        Settings::load(|name| value(name).map(|(_, value)| (*value).to_owned())).unwrap().listen
    }

    fn is_answered(uri: &str, hosts: &[&'static str]) -> bool {
        let mut req = TestRequest::with_uri(uri);
        for host in hosts {
            req = req.append_header((HOST, *host));
        }
        let listen = listen(&[]);
        check(&req.to_http_request(), listen.allowed_hosts.as_ref()).is_ok()
    }

    #[test]
    fn a_name_that_only_leads_here_is_refused_wherever_it_is_said() {
        assert!(is_answered("/", &["localhost:8000"]) && is_answered("/", &[]));
        assert!(!is_answered("/console/config.json", &["evil.example:8000"]));
        assert!(!is_answered("/ws/ride/1/", &["evil.example"]));
        assert!(!is_answered("http://evil.example/", &["localhost"]), "in full, before the header");
        assert!(!is_answered("/", &["localhost", "evil.example"]));
        assert!(!is_answered("/", &["evil.example\"@localhost"]));
        assert!(is_answered("/healthz", &["10-0-0-1.pods.example"]), "a watcher's name");
        let req = TestRequest::default().insert_header((HOST, "evil.example")).to_http_request();
        let problem = check(&req, listen(&[]).allowed_hosts.as_ref()).unwrap_err();
        assert_eq!(problem.code().status(), 421);
        assert!(problem.detail().contains("ALLOWED_HOSTS") && problem.detail().contains("evil.example"));
        assert!(check(&req, None).is_ok());
    }

    /// Whether a request from `peer` is answered so that its browser comes by TLS alone.
    fn is_strict(peer: &str, named: &'static str, host: &'static str, header: (&'static str, &str)) -> bool {
        let listen = listen(&[("TRUSTED_PROXIES", "10.0.0.0/8"), ("CLIENT_ADDRESS_HEADER", named)]);
        let req = TestRequest::default().peer_addr(peer.parse().unwrap());
        let req = req.insert_header((HOST, host)).insert_header(header).to_http_request();
        strict_transport(&req, &listen).is_some()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_that_a_request_came_by_tls() {
        let https = ("X-Forwarded-Proto", "https");
        let ours = "fleet.example.com";
        assert!(is_strict("10.0.0.1:1", "X-Forwarded-For", ours, https));
        assert!(is_strict("10.0.0.1:1", "X-Real-IP", ours, https));
        assert!(!is_strict("192.0.2.1:1", "X-Forwarded-For", ours, https));
        assert!(!is_strict("10.0.0.1:1", "X-Forwarded-For", ours, ("X-Forwarded-Proto", "https, http")));
        assert!(!is_strict("10.0.0.1:1", "Forwarded", ours, https), "the one header that is named");
        assert!(is_strict(
            "10.0.0.1:1",
            "Forwarded",
            ours,
            ("Forwarded", "for=1.2.3.4, for=x;Proto=\"https\"")
        ));
        assert!(!is_strict("10.0.0.1:1", "Forwarded", ours, ("Forwarded", "for=1.2.3.4;proto=http")));
    }

    #[test]
    fn a_browser_is_not_told_to_reach_localhost_by_tls_alone() {
        for local in ["localhost:8443", "127.0.0.1:8443", "[::1]", "app.localhost"] {
            assert!(
                !is_strict("10.0.0.1:1", "X-Forwarded-For", local, ("X-Forwarded-Proto", "https")),
                "{local}"
            );
        }
    }
}
