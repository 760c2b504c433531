//! The machine's part: open files, the addresses to listen on, and the way in from outside.

use crate::app::capacity;
use crate::app::doctor::finding::Finding;
use crate::app::doctor::web::{Web, WebAnswer};
use crate::config::{Host, Settings};
use serde::Deserialize;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// The answer of `GET /readyz`, as far as it is read.
#[derive(Deserialize)]
struct Ready {
    ready: bool,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    draining: bool,
}

/// The limit of open files against what the settings want.
pub fn open_files(settings: &Settings) -> Finding {
    match rlimit::Resource::NOFILE.get_hard() {
        Ok(limit) => {
            open_files_within(capacity::wanted(settings), limit, capacity::places_within(settings, limit))
        }
        Err(error) => {
            Finding::warning("open-files", format!("the limit can't be read: {error}"), "see ulimit -Hn")
        }
    }
}

fn open_files_within(wanted: u64, limit: u64, places: usize) -> Finding {
    const CHECK: &str = "open-files";
    let says = format!("a process of this shell may open {limit} files, the settings want {wanted}");
    match limit < wanted {
        true => Finding::warning(
            CHECK,
            format!("{says}: enough for {places} connections"),
            "raise the limit (ulimit -n, LimitNOFILE of the unit), or lower MAX_CONNECTIONS and MAX_HTTP_CONNECTIONS",
        ),
        false => Finding::ok(CHECK, says),
    }
}

/// Each address of `BIND`: free, or served by a Fleetwire that is ready.
pub async fn addresses(settings: &Settings, web: &Web) -> Vec<Finding> {
    let scheme = if settings.listen.tls.is_some() { "https" } else { "http" };
    let mut findings = Vec::new();
    for address in &settings.listen.bind {
        let bound = TcpListener::bind(address).map(drop);
        findings.push(match bound {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let url = format!("{scheme}://{}/readyz", reachable(*address));
                served(*address, web.get(&url).await)
            }
            other => bindable(*address, other),
        });
    }
    findings
}

/// An address of every interface is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn bindable(address: SocketAddr, bound: io::Result<()>) -> Finding {
    const CHECK: &str = "address";
    match bound {
        Ok(()) => Finding::ok(CHECK, format!("{address} is free to listen on")),
        Err(error) => {
            let remedy = match error.kind() {
                ErrorKind::PermissionDenied => {
                    "take a port from 1024 up, or give the process CAP_NET_BIND_SERVICE"
                }
                ErrorKind::AddrNotAvailable => "name an address of this machine in BIND",
                _ => "choose another address in BIND",
            };
            Finding::fault(CHECK, format!("{address} can't be listened on: {error}"), remedy)
        }
    }
}

fn served(address: SocketAddr, answer: Result<WebAnswer, String>) -> Finding {
    const CHECK: &str = "address";
    let foreign = |why: String| {
        Finding::fault(
            CHECK,
            format!("another program has {address}: {why}"),
            "stop it, or choose another address in BIND",
        )
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => return foreign(format!("/readyz is not answered ({reason})")),
    };
    match readiness(&answer) {
        None => foreign(format!("/readyz is answered with {} by no Fleetwire", answer.status)),
        Some(ready) => ready_or_not(CHECK, &format!("a Fleetwire that runs on {address}"), &ready),
    }
}

fn readiness(answer: &WebAnswer) -> Option<Ready> {
    serde_json::from_slice(&answer.body).ok()
}

fn ready_or_not(check: &'static str, who: &str, ready: &Ready) -> Finding {
    match ready.ready {
        true => Finding::ok(check, format!("{who} is ready")),
        false if ready.draining => {
            Finding::warning(check, format!("{who} is stopping"), "wait until it has stopped")
        }
        false => {
            let reason = ready.reason.as_deref().unwrap_or("it gives no reason");
            Finding::fault(
                check,
                format!("{who} is not ready: {reason}"),
                "see the findings about the database",
            )
        }
    }
}

/// The address by which apps come, through the proxy.
pub async fn public_url(settings: &Settings, url: &str, web: &Web) -> Vec<Finding> {
    const CHECK: &str = "public-url";
    let Ok(parsed) = reqwest::Url::parse(url) else {
        return vec![Finding::fault(
            CHECK,
            format!("{url} is no URL"),
            "give one such as https://fleet.example.org",
        )];
    };
    let host = parsed.host_str().unwrap_or_default().to_owned();
    let mut findings: Vec<Finding> = name_allowed(settings, &host).into_iter().collect();
    if parsed.scheme() != "https" {
        let says = format!("{url} is not https: tokens and positions can be read in transit");
        findings.push(Finding::warning(CHECK, says, "serve it over TLS"));
    }
    let ready = format!("{}/readyz", url.trim_end_matches('/'));
    findings.push(match web.get(&ready).await {
        Err(reason) => Finding::fault(
            CHECK,
            format!("{url} can't be reached from here: {reason}"),
            "see that the name, the certificate and the proxy are right, and that the server runs",
        ),
        Ok(answer) => match readiness(&answer) {
            Some(ready) => ready_or_not(CHECK, &format!("the Fleetwire behind {url}"), &ready),
            None => Finding::fault(
                CHECK,
                format!("{ready} is answered with {}, and not by a Fleetwire", answer.status),
                "let the proxy pass requests on to BIND",
            ),
        },
    });
    findings
}

fn name_allowed(settings: &Settings, host: &str) -> Option<Finding> {
    let allowed = settings.listen.allowed_hosts.as_ref()?;
    let is_allowed = Host::parse(host).is_some_and(|host| allowed.allows(&host));
    (!is_allowed).then(|| {
        let says = format!("{host} is not in ALLOWED_HOSTS: requests for it get 421");
        Finding::fault("public-url", says, format!("add {host} to ALLOWED_HOSTS"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::finding::Level;

    fn answer(body: &str) -> Result<WebAnswer, String> {
        Ok(WebAnswer { status: 200, date: None, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn too_few_files_are_a_warning_with_what_they_are_enough_for() {
        assert_eq!(open_files_within(1000, 2000, 400).level, Level::Ok);
        let few = open_files_within(60_264, 1024, 396);
        assert_eq!(few.level, Level::Warning);
        assert!(few.says.contains("enough for 396 connections"), "{few}");
    }

    #[test]
    fn an_address_is_free_ours_or_somebody_elses() {
        let address: SocketAddr = "127.0.0.1:8000".parse().unwrap();
        assert_eq!(bindable(address, Ok(())).level, Level::Ok);
        for kind in [ErrorKind::PermissionDenied, ErrorKind::AddrNotAvailable, ErrorKind::Other] {
            assert_eq!(bindable(address, Err(kind.into())).level, Level::Fault);
        }
        assert_eq!(served(address, answer(r#"{"ready":true,"database":"ok"}"#)).level, Level::Ok);
        let full = served(address, answer(r#"{"ready":false,"reason":"the disk is full","draining":false}"#));
        assert!(full.level == Level::Fault && full.says.contains("the disk is full"), "{full}");
        assert_eq!(served(address, answer(r#"{"ready":false,"draining":true}"#)).level, Level::Warning);
        assert_eq!(served(address, answer("<html>")).level, Level::Fault);
        assert_eq!(served(address, Err("reset".to_owned())).level, Level::Fault);
    }

    #[test]
    fn an_address_of_all_interfaces_is_asked_on_loopback() {
        let of = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(of("0.0.0.0:8000"), "127.0.0.1:8000");
        assert_eq!(of("[::]:8000"), "[::1]:8000");
        assert_eq!(of("192.0.2.1:8000"), "192.0.2.1:8000");
    }

    #[test]
    fn the_public_name_is_one_that_is_answered_to() {
        let lookup = |name: &str| (name == "ALLOWED_HOSTS").then(|| "fleet.example.org".to_owned());
        let settings = Settings::load(lookup).unwrap();
        assert_eq!(name_allowed(&settings, "fleet.example.org"), None);
        assert_eq!(name_allowed(&settings, "other.example.org").unwrap().level, Level::Fault);
    }
}
