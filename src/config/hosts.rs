//! The host names that the server answers to. If somebody else's page has a name that is made to resolve to this
//! machine (DNS rebinding), only the name that the browser asked for tells it apart from ours.

use std::net::{Ipv4Addr, Ipv6Addr};

/// In the list for every address that is written as one: nobody can make such a name lead elsewhere.
const IP_LITERALS: &str = "ip-literals";
/// In the list for every name without a dot, such as this machine's own or a container's: no public name is one.
const SINGLE_WORDS: &str = "single-words";
const EVERY: &str = "*";

/// The setting `ALLOWED_HOSTS`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    every: bool,
    ip_literals: bool,
    single_words: bool,
    /// In lower case, without a dot at the end.
    names: Vec<String>,
    /// Domains below which every name is allowed, each with a leading dot.
    domains: Vec<String>,
}

/// A host as a request names it, without its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Address,
    /// In lower case, without a dot at the end.
    Name(String),
}

impl AllowedHosts {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut hosts = Self::default();
        for entry in text.split(',').map(|entry| entry.trim().to_ascii_lowercase()) {
            match entry.as_str() {
                EVERY => hosts.every = true,
                IP_LITERALS => hosts.ip_literals = true,
                SINGLE_WORDS => hosts.single_words = true,
                entry => match (entry.strip_prefix("*."), Host::parse(entry)) {
                    (Some(domain), _) if is_name(domain) => hosts.domains.push(format!(".{domain}")),
                    (None, Some(Host::Name(name))) if name == entry => hosts.names.push(name),
                    _ => return Err(EXPECTED.to_owned()),
                },
            }
        }
        Ok(hosts)
    }

    pub fn allows(&self, host: &Host) -> bool {
        match host {
            _ if self.every => true,
            Host::Address => self.ip_literals,
            Host::Name(name) => {
                self.names.contains(name)
                    || self.domains.iter().any(|domain| name.ends_with(domain.as_str()))
                    || (self.single_words && !name.contains('.'))
            }
        }
    }
}

const EXPECTED: &str = "comma-separated names such as fleet.example.com, *.example.com for all below one, ip-literals for \
    addresses, single-words for names without a dot, or * for every name; no scheme, no port";

impl Host {
    /// Reads a `Host` header: `10.0.2.2:8080`, `[::1]:8080`, `Localhost.`. `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.parse::<Ipv6Addr>().is_ok() {
            return Some(Host::Address);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            // Of a link-local one, its zone: it means something to the client alone.
            let address = address.split('%').next()?;
            return (is_port(port) && address.parse::<Ipv6Addr>().is_ok()).then_some(Host::Address);
        }
        let (host, port) = text.find(':').map_or((text, ""), |colon| text.split_at(colon));
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match is_port(port) {
            true if name.parse::<Ipv4Addr>().is_ok() => Some(Host::Address),
            true if is_name(&name) => Some(Host::Name(name)),
            _ => None,
        }
    }

    /// Whether it is this machine's own whatever the network says: browsers keep promises about it for every port.
    pub fn is_local(&self) -> bool {
        match self {
            Host::Address => true,
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

/// Nothing, or a colon and what may be a port.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()),
        None => text.is_empty(),
    }
}

/// Labels of letters, digits, `-` and (containers have them) `_`. One whose last label is a number would be an address.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && label.bytes().all(is_known)
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn name(name: &str) -> Option<Host> {
        Some(Host::Name(name.to_owned()))
    }

    #[test]
    fn a_host_is_read_as_apps_and_browsers_write_it() {
        for address in [
            "10.0.2.2:8080",
            "192.168.1.5",
            "127.0.0.1.:80",
            "[::1]:8080",
            "[::1]",
            "::1",
            "[fe80::1%25en0]:80",
            "[::ffff:10.0.2.2]:1",
        ] {
            assert_eq!(Host::parse(address), Some(Host::Address), "{address}");
        }
        for (written, read) in [
            ("localhost:8080", "localhost"),
            ("LOCALHOST.:8080", "localhost"),
            ("host.docker.internal:8000", "host.docker.internal"),
            ("my_service", "my_service"),
            ("localhost:", "localhost"),
        ] {
            assert_eq!(Host::parse(written), name(read), "{written}");
        }
        for none in
            ["", ".", "a..b", "localhost:x", "[::1", "[::1]x", "user@localhost", "1.2.3", "[localhost]", "-a"]
        {
            assert_eq!(Host::parse(none), None, "{none}");
        }
    }

    /// DNS rebinding read the demo password: the page of a name that leads here is of that name's origin.
    #[test]
    fn development_answers_under_this_machines_names_and_addresses_and_production_under_any() {
        let settings = Settings::load(|_| None).unwrap();
        let hosts = settings.listen.allowed_hosts.expect("a list");
        let allows = |host: &str| hosts.allows(&Host::parse(host).expect("a host"));
        for allowed in [
            "localhost:8000",
            "app.localhost",
            "127.0.0.1:8067",
            "10.0.2.2:8000",
            "192.168.1.5:8000",
            "[::1]:8000",
            "host.docker.internal:8000",
            "host.containers.internal",
            "my-laptop:8000",
        ] {
            assert!(allows(allowed), "{allowed}");
        }
        for refused in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.internal.example"]
        {
            assert!(!allows(refused), "{refused}");
        }
        let production = |name: &str| match name {
            "FLEETWIRE_PROFILE" => Some("production".to_owned()),
            "JWT_SECRET" => Some("x".repeat(32)),
            _ => None,
        };
        assert_eq!(Settings::load(production).unwrap().listen.allowed_hosts, None);
    }

    #[test]
    fn a_list_has_names_domains_and_kinds() {
        let hosts = AllowedHosts::parse("Fleet.example.com, *.apps.example.com").unwrap();
        let allows = |host: &str| hosts.allows(&Host::parse(host).expect("a host"));
        assert!(allows("fleet.example.com:443") && allows("a.b.apps.example.com"));
        for refused in ["apps.example.com", "example.com", "x.fleet.example.com", "10.0.0.1", "fleet"] {
            assert!(!allows(refused), "{refused}");
        }
        let every = AllowedHosts::parse("*").unwrap();
        assert!(every.allows(&Host::Address) && every.allows(&name("any.example").expect("a name")));
        for wrong in
            ["https://a.example", "a.example:80", "*.", "a.*.example", "10.0.0.1", "", "a.example,,b.example"]
        {
            assert!(AllowedHosts::parse(wrong).is_err(), "{wrong}");
        }
    }
}
