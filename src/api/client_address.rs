//! The address that a request came from, for limits and for the log. A proxy is believed only if the settings name its
//! network, and only in the one header that they name: otherwise anybody could claim any address with each request.
//! Nothing else in the server reads addresses from headers.

use crate::config::{ClientAddressHeader, ListenSettings, TrustedProxies};
use actix_web::HttpRequest;
use actix_web::http::header::{FORWARDED, HeaderMap, VIA, X_FORWARDED_FOR};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Proxies in a row that are walked past; no real chain is as long.
const HOPS_MAX: usize = 16;
/// Usual marks of proxies that are no list of addresses.
const OTHER_MARKS: [&str; 3] = ["x-real-ip", "x-forwarded-host", "x-forwarded-proto"];

pub fn client_address(req: &HttpRequest, listen: &ListenSettings) -> IpAddr {
    // Only a request that was made by a test has no peer.
    let peer = req.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    if !listen.trusted_proxies.contains(peer) {
        return peer;
    }
    match &listen.client_address_header {
        ClientAddressHeader::XForwardedFor => {
            let hops = elements(req.headers(), X_FORWARDED_FOR.as_str());
            walk(peer, &hops, parse_address, &listen.trusted_proxies)
        }
        ClientAddressHeader::Forwarded => {
            let hops = elements(req.headers(), FORWARDED.as_str());
            walk(peer, &hops, node_of, &listen.trusted_proxies)
        }
        ClientAddressHeader::Single(name) => single(req.headers(), name).unwrap_or(peer),
    }
}

/// Whether any proxy left a mark, trusted or not, for doors that are open to this machine alone.
pub fn came_through_a_proxy(req: &HttpRequest, listen: &ListenSettings) -> bool {
    let has = |name: &str| req.headers().contains_key(name);
    has(FORWARDED.as_str())
        || has(X_FORWARDED_FOR.as_str())
        || has(VIA.as_str())
        || OTHER_MARKS.into_iter().any(has)
        || matches!(&listen.client_address_header, ClientAddressHeader::Single(name) if has(name))
}

/// Walks from the peer towards the client, past each trusted proxy: each hop wrote down the address from which it got
/// the request. If a hop hides that, the hop itself is the best known address. The client may have written the entries
/// further left itself.
fn walk(
    peer: IpAddr,
    hops: &[&str],
    read: impl Fn(&str) -> Option<IpAddr>,
    trusted: &TrustedProxies,
) -> IpAddr {
    let mut address = peer;
    for hop in hops.iter().rev().take(HOPS_MAX) {
        match read(hop) {
            Some(previous) if trusted.contains(address) => address = previous,
            _ => break,
        }
    }
    address
}

/// The elements of a list in the order of its lines, the client's first. A line that is no text hides what it says.
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).flat_map(|line| line.to_str().unwrap_or("").split(',')).collect()
}

/// The one address in the one line that the proxy sets in place of whatever the client sent. With several lines or addresses the
/// proxy does not do that, and nobody knows which is its own.
fn single(headers: &HeaderMap, name: &str) -> Option<IpAddr> {
    let mut lines = headers.get_all(name);
    let line = lines.next()?;
    if lines.next().is_some() { None } else { parse_address(line.to_str().ok()?) }
}

/// `for=192.0.2.7;proto=https`, `for="[2001:db8::1]:4711"`.
fn node_of(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let node = pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("for"))?.1;
    parse_address(node.trim().trim_matches('"'))
}

/// With or without a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address: Option<IpAddr> = bare.parse().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    // One client has one address, also where a proxy's socket for both kinds shows it as IPv6.
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use actix_web::test::TestRequest;

    /// The client of a request that came from `peer`, where 10.0.0.0/8 is trusted to say it in the named header.
    fn client_from(peer: &str, named: &str, headers: &[(&'static str, &'static str)]) -> String {
        let settings = Settings::load(|name| match name {
            "TRUSTED_PROXIES" => Some("10.0.0.0/8".to_owned()),
            "CLIENT_ADDRESS_HEADER" => Some(named.to_owned()),
            _ => None,
        });
        let mut req = TestRequest::default().peer_addr(peer.parse().unwrap());
        for header in headers {
            req = req.append_header(*header);
        }
        client_address(&req.to_http_request(), &settings.unwrap().listen).to_string()
    }

    fn client(headers: &[(&'static str, &'static str)]) -> String {
        client_from("10.0.0.1:4711", "X-Forwarded-For", headers)
    }

    #[test]
    fn the_first_address_from_the_right_that_is_no_proxy_of_ours_is_the_client() {
        assert_eq!(client(&[]), "10.0.0.1");
        // The client wrote the entries further left itself.
        assert_eq!(client(&[("X-Forwarded-For", "203.0.113.9, 192.0.2.7, 10.9.9.9")]), "192.0.2.7");
        assert_eq!(client(&[("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-For", "10.2.2.2")]), "192.0.2.7");
        // haproxy leaves the client's own line and adds another.
        assert_eq!(client(&[("X-Forwarded-For", "10.2.2.2"), ("X-Forwarded-For", "192.0.2.7")]), "192.0.2.7");
        assert_eq!(client(&[("X-Forwarded-For", ""), ("X-Forwarded-For", "192.0.2.7")]), "192.0.2.7");
        assert_eq!(client(&[("X-Forwarded-For", "10.3.3.3, 10.2.2.2")]), "10.3.3.3");
    }

    #[test]
    fn ports_brackets_and_both_kinds_of_address_are_read() {
        for (written, read) in [
            ("192.0.2.7:55555", "192.0.2.7"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            (" 192.0.2.7\t", "192.0.2.7"),
        ] {
            assert_eq!(client(&[("X-Forwarded-For", written)]), read, "{written}");
        }
    }

    #[test]
    fn rubbish_at_the_deciding_place_leaves_the_proxy_and_elsewhere_does_not_matter() {
        for rubbish in ["rubbish", "", "unknown", "192.0.2.7:port", "192.0.2", "192.0.2.7 10.1.1.1", "[::1"] {
            assert_eq!(client(&[("X-Forwarded-For", rubbish)]), "10.0.0.1", "{rubbish}");
        }
        assert_eq!(client(&[("X-Forwarded-For", "203.0.113.9, rubbish, 10.2.2.2")]), "10.2.2.2");
        assert_eq!(client(&[("X-Forwarded-For", "rubbish, 192.0.2.7")]), "192.0.2.7");
    }

    /// nginx, ALB, Caddy and Traefik write X-Forwarded-For and pass the client's own `Forwarded` on: it was believed over theirs.
    #[test]
    fn only_the_header_that_is_named_is_believed() {
        let all = [
            ("X-Forwarded-For", "192.0.2.1"),
            ("Forwarded", "for=192.0.2.2"),
            ("X-Real-IP", "192.0.2.3"),
            ("CF-Connecting-IP", "192.0.2.4"),
        ];
        let client = |named: &str| client_from("10.0.0.1:4711", named, &all);
        assert_eq!(client("X-Forwarded-For"), "192.0.2.1");
        assert_eq!(client("forwarded"), "192.0.2.2");
        assert_eq!(client("X-Real-IP"), "192.0.2.3");
        assert_eq!(client("CF-Connecting-IP"), "192.0.2.4");
        assert_eq!(client("True-Client-IP"), "10.0.0.1");
    }

    #[test]
    fn forwarded_is_read_from_the_right_and_hidden_hops_end_the_walk() {
        let client = |line: &'static str| client_from("10.0.0.1:4711", "Forwarded", &[("Forwarded", line)]);
        assert_eq!(client("for=203.0.113.9, for=192.0.2.7;proto=https, For=10.2.2.2"), "192.0.2.7");
        assert_eq!(client("for=\"[2001:db8::1]:4711\""), "2001:db8::1");
        assert_eq!(client("for=192.0.2.7, for=unknown, for=10.2.2.2"), "10.2.2.2");
        assert_eq!(client("proto=https;by=10.0.0.1"), "10.0.0.1");
        // A quote that the client leaves open must not swallow what the proxy adds.
        assert_eq!(client("for=\"203.0.113.9, for=192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn a_single_address_is_one_address_in_one_line() {
        let client = |lines: &[(&'static str, &'static str)]| client_from("10.0.0.1:1", "X-Real-IP", lines);
        assert_eq!(client(&[("X-Real-IP", "2001:db8::1")]), "2001:db8::1");
        assert_eq!(client(&[("X-Real-IP", "192.0.2.7, 192.0.2.8")]), "10.0.0.1");
        assert_eq!(client(&[("X-Real-IP", "192.0.2.7"), ("X-Real-IP", "192.0.2.8")]), "10.0.0.1");
        assert_eq!(client(&[("X-Real-IP", "")]), "10.0.0.1");
    }

    #[test]
    fn nobody_else_is_believed() {
        for named in ["X-Forwarded-For", "Forwarded", "X-Real-IP"] {
            let headers = [
                ("X-Forwarded-For", "203.0.113.9"),
                ("Forwarded", "for=203.0.113.9"),
                ("X-Real-IP", "203.0.113.9"),
            ];
            assert_eq!(client_from("192.0.2.1:4711", named, &headers), "192.0.2.1", "{named}");
        }
    }

    #[test]
    fn every_usual_mark_of_a_proxy_is_seen() {
        let settings =
            Settings::load(|name| (name == "CLIENT_ADDRESS_HEADER").then(|| "Fly-Client-IP".to_owned()));
        let listen = settings.unwrap().listen;
        let came = |name: &'static str| {
            came_through_a_proxy(
                &TestRequest::default().insert_header((name, "x")).to_http_request(),
                &listen,
            )
        };
        for mark in ["Forwarded", "X-Forwarded-For", "Via", "X-Real-IP", "X-Forwarded-Proto", "Fly-Client-IP"]
        {
            assert!(came(mark), "{mark}");
        }
        assert!(!came("User-Agent"));
    }
}
