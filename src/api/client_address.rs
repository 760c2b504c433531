//! The address that a request came from, for limits. A proxy's `Forwarded` (RFC 7239) or `X-Forwarded-For` is believed
//! only from networks that the settings name: anybody else could take on any address with each request.

use crate::config::TrustedProxies;
use actix_web::HttpRequest;
use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Proxies in a row that are walked past; no real chain is as long.
const HOPS_MAX: usize = 16;

pub fn client_address(req: &HttpRequest, trusted: &TrustedProxies) -> IpAddr {
    // Only a request that was made by a test has no peer.
    let peer = req.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    if trusted.is_empty() {
        return peer;
    }
    walk(peer, &forwarded(req.headers()), trusted)
}

/// From the peer towards the client, past each proxy that is trusted: each hop wrote down whom it got the request from. Where a
/// hop hides that, the hop itself is the best that is known.
fn walk(peer: IpAddr, forwarded: &[Option<IpAddr>], trusted: &TrustedProxies) -> IpAddr {
    let mut address = peer;
    for hop in forwarded.iter().rev().take(HOPS_MAX) {
        match hop {
            Some(previous) if trusted.contains(address) => address = *previous,
            _ => break,
        }
    }
    address
}

/// The addresses that were written down, the client's first; `None` for one that can't be read.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    if headers.contains_key(FORWARDED) {
        return elements(headers, FORWARDED).map(node_of).collect();
    }
    elements(headers, X_FORWARDED_FOR).map(parse_address).collect()
}

fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    // A line that is no text hides whatever it says.
    headers.get_all(name).flat_map(|line| line.to_str().unwrap_or("").split(','))
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
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use actix_web::test::TestRequest;

    fn client(headers: &[(&'static str, &'static str)]) -> String {
        let settings = Settings::load(|name| (name == "TRUSTED_PROXIES").then(|| "10.0.0.0/8".to_owned()));
        let mut req = TestRequest::default().peer_addr("10.0.0.1:4711".parse().unwrap());
        for header in headers {
            req = req.append_header(*header);
        }
        client_address(&req.to_http_request(), &settings.unwrap().listen.trusted_proxies).to_string()
    }

    #[test]
    fn the_first_address_from_the_right_that_is_no_proxy_of_ours_is_the_client() {
        assert_eq!(client(&[]), "10.0.0.1");
        // What stands further left the client wrote itself.
        assert_eq!(client(&[("X-Forwarded-For", "203.0.113.9, 192.0.2.7, 10.9.9.9")]), "192.0.2.7");
        assert_eq!(client(&[("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-For", "10.2.2.2")]), "192.0.2.7");
        assert_eq!(client(&[("X-Forwarded-For", "10.3.3.3, 10.2.2.2")]), "10.3.3.3");
        assert_eq!(client(&[("X-Forwarded-For", "192.0.2.7:55555")]), "192.0.2.7");
    }

    #[test]
    fn forwarded_goes_before_and_hidden_hops_end_the_walk() {
        let both =
            [("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=192.0.2.7;proto=https, For=10.2.2.2")];
        assert_eq!(client(&both), "192.0.2.7");
        assert_eq!(client(&[("Forwarded", "for=\"[2001:db8::1]:4711\"")]), "2001:db8::1");
        assert_eq!(client(&[("Forwarded", "for=192.0.2.7, for=unknown, for=10.2.2.2")]), "10.2.2.2");
        assert_eq!(client(&[("X-Forwarded-For", "rubbish")]), "10.0.0.1");
    }

    #[test]
    fn nobody_else_is_believed() {
        let settings = Settings::load(|_| None).unwrap();
        let req = TestRequest::default()
            .peer_addr("192.0.2.1:4711".parse().unwrap())
            .insert_header(("X-Forwarded-For", "203.0.113.9"))
            .to_http_request();
        assert_eq!(client_address(&req, &settings.listen.trusted_proxies).to_string(), "192.0.2.1");
    }
}
