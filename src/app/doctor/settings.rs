//! Findings from the settings alone: problems that stop the start, and values that are valid and dangerous.

use crate::app::doctor::finding::Finding;
use crate::config::{ClientAddressHeader, Host, Problem, Profile, SecretSource, Settings, SettingsProblems};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const CHECK: &str = "settings";
/// Below this many different bytes, somebody typed a secret, or repeated one letter.
const DIFFERENT_BYTES_MIN: usize = 10;
/// Words of secrets that were copied from somewhere.
const COPIED: [&str; 7] =
    ["secret", "password", "changeme", "change-me", "change_me", "example", "fleetwire"];
/// Addresses that belong to nobody's proxy: a list that has all of them trusts everybody.
const STRANGERS: [[u8; 4]; 3] = [[8, 8, 8, 8], [93, 184, 216, 34], [203, 0, 113, 7]];

/// Every problem that stops the start.
pub fn problems(problems: &SettingsProblems) -> Vec<Finding> {
    let fault = |problem: &Problem| {
        Finding::fault(CHECK, problem.to_string(), format!("correct {}; see .env.example", problem.name))
    };
    problems.0.iter().map(fault).collect()
}

/// Settings that can be used, and those of them that would do harm.
pub fn settings(settings: &Settings) -> Vec<Finding> {
    let mut findings =
        vec![Finding::ok(CHECK, format!("the settings can be used, profile {}", settings.profile))];
    findings.extend(profile(settings));
    findings.extend(openness(settings));
    findings.extend(secrets(settings));
    findings.push(proxies(settings));
    findings.push(hosts(settings));
    findings.push(Finding::ok(
        "time-zone",
        format!("TIME_ZONE {} and CURRENCY {}", settings.region.time_zone, settings.region.currency),
    ));
    findings
}

fn profile(settings: &Settings) -> Option<Finding> {
    let is_open = !settings.listen.is_loopback_only();
    (settings.profile == Profile::Development).then(|| {
        let says = match is_open {
            true => "the profile is development, with demo data, and other machines can connect",
            false => "the profile is development, with demo data and comforts",
        };
        let remedy = "set FLEETWIRE_PROFILE=production for a server that is used";
        match is_open {
            true => Finding::fault("profile", says, remedy),
            false => Finding::warning("profile", says, remedy),
        }
    })
}

/// Doors that are open to strangers.
fn openness(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_production = settings.profile == Profile::Production;
    if settings.anonymous_rides.allowed {
        let says = "rides without a token are allowed";
        let remedy = "set ALLOW_ANONYMOUS_RIDES=false unless the matching app is used";
        findings.push(Finding::warning("anonymous-rides", says, remedy));
    }
    if settings.notifications.allow_anonymous {
        let says = "push without a token is allowed from this machine, so also through a proxy on it";
        let remedy = "set ALLOW_ANONYMOUS_PUSH=false";
        findings.push(match is_production {
            true => Finding::fault("anonymous-push", says, remedy),
            false => Finding::warning("anonymous-push", says, remedy),
        });
    }
    if settings.listen.metrics_public && is_production {
        let says = "/metrics is public: it tells how much business there is";
        findings.push(Finding::warning(
            "metrics",
            says,
            "set METRICS_PUBLIC=false, or keep it from strangers",
        ));
    }
    if settings.listen.console && is_production {
        findings.push(Finding::warning("console", "the console is served at /", "set CONSOLE=false"));
    }
    findings
}

fn secrets(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut judge = |setting: &'static str, secret: &[u8]| {
        findings.push(match is_guessable(secret) {
            false => Finding::ok("secrets", format!("{setting} can't be guessed")),
            true => {
                let says = format!("{setting} looks typed or copied; who guesses it is any account");
                Finding::fault("secrets", says, "replace it by the output of: openssl rand -base64 48")
            }
        });
    };
    if let SecretSource::Given(secret) = &settings.tokens.secret {
        judge("JWT_SECRET", secret.as_bytes());
    }
    if let Some(previous) = &settings.tokens.previous_secret {
        judge("JWT_SECRET_PREVIOUS", previous.as_bytes());
    }
    for secret in &settings.payments.webhook_secrets {
        judge("PAYMENT_WEBHOOK_SECRET", secret.as_str().as_bytes());
    }
    findings
}

fn is_guessable(secret: &[u8]) -> bool {
    let mut different = secret.to_vec();
    different.sort_unstable();
    different.dedup();
    let text = String::from_utf8_lossy(secret).to_ascii_lowercase();
    different.len() < DIFFERENT_BYTES_MIN || COPIED.iter().any(|word| text.contains(word))
}

fn proxies(settings: &Settings) -> Finding {
    const CHECK: &str = "proxy";
    let listen = &settings.listen;
    let trusted = &listen.trusted_proxies;
    if trusted.is_empty() {
        if listen.client_address_header != ClientAddressHeader::XForwardedFor {
            let says = "CLIENT_ADDRESS_HEADER is ignored: TRUSTED_PROXIES is not set";
            return Finding::warning(CHECK, says, "name the proxies that may send it in TRUSTED_PROXIES");
        }
        if listen.is_loopback_only() && settings.profile == Profile::Production {
            let says = "only this machine can connect and no proxy is trusted: all clients share its limits";
            return Finding::warning(
                CHECK,
                says,
                "set TRUSTED_PROXIES=127.0.0.1,::1 for a proxy on this machine",
            );
        }
        return Finding::ok(CHECK, "no proxy is trusted: a client's address is the connection's");
    }
    if STRANGERS.iter().all(|address| trusted.contains((*address).into())) {
        let says = "TRUSTED_PROXIES trusts everybody: any client can choose its address and evade the limits";
        return Finding::fault(CHECK, says, "name the addresses of your proxies alone");
    }
    let locals: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let is_local = locals.into_iter().any(|address| trusted.contains(address));
    if listen.is_loopback_only() && !is_local {
        let says = "only this machine can connect, and TRUSTED_PROXIES does not have its addresses";
        return Finding::warning(
            CHECK,
            says,
            "add 127.0.0.1 and ::1, or the address by which the proxy comes",
        );
    }
    Finding::ok(CHECK, "the proxies of TRUSTED_PROXIES are believed, and nobody else")
}

fn hosts(settings: &Settings) -> Finding {
    const CHECK: &str = "hosts";
    let stranger = Host::Name("a-name-that-nobody-gave.example".to_owned());
    match &settings.listen.allowed_hosts {
        Some(hosts) if !hosts.allows(&stranger) => Finding::ok(CHECK, "ALLOWED_HOSTS names who is meant"),
        _ if settings.profile == Profile::Production => Finding::warning(
            CHECK,
            "the server answers to any host name: ALLOWED_HOSTS is absent, or has *",
            "set it to the names that the apps and the proxy ask for",
        ),
        _ => Finding::ok(CHECK, "any host name is answered to, in development"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::finding::Level;

    const SECRET: &str = "q9Zt4vLw0pXc7RbJ2mKf8sYh5nGd1eUa";

    fn loaded(changes: &[(&str, &str)]) -> Settings {
        let lookup = |name: &str| {
            let given = changes.iter().find(|(changed, _)| *changed == name);
            given.map(|(_, value)| (*value).to_owned())
        };
        Settings::load(lookup).unwrap()
    }

    fn production(changes: &[(&str, &str)]) -> Settings {
        let mut all = vec![("FLEETWIRE_PROFILE", "production"), ("JWT_SECRET", SECRET)];
        all.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        all.extend(changes);
        loaded(&all)
    }

    fn level_of(settings: &Settings, check: &str) -> Level {
        let found = super::settings(settings);
        found
            .iter()
            .filter(|finding| finding.check == check)
            .map(|finding| finding.level)
            .max()
            .unwrap_or(Level::Ok)
    }

    #[test]
    fn a_good_installation_has_nothing_to_complain_of() {
        let good = production(&[("ALLOWED_HOSTS", "fleet.example.org"), ("TRUSTED_PROXIES", "127.0.0.1")]);
        let worst = super::settings(&good).into_iter().max_by_key(|finding| finding.level).unwrap();
        assert_eq!(worst.level, Level::Ok, "{worst}");
    }

    #[test]
    fn every_problem_is_a_fault_of_its_own() {
        let wrong = |name: &str| match name {
            "BIND" => Some("here".to_owned()),
            "TIME_ZONE" => Some("Mars".to_owned()),
            _ => None,
        };
        let found = problems(&Settings::load(wrong).unwrap_err());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|finding| finding.level == Level::Fault));
        assert!(found.iter().any(|finding| finding.says.contains("TIME_ZONE")));
    }

    #[test]
    fn development_is_for_one_machine() {
        assert_eq!(level_of(&loaded(&[]), "profile"), Level::Warning);
        assert_eq!(level_of(&loaded(&[("BIND", "0.0.0.0:8000")]), "profile"), Level::Fault);
        assert_eq!(level_of(&production(&[]), "profile"), Level::Ok);
    }

    #[test]
    fn strangers_are_let_in_to_nothing_in_production() {
        let rides = production(&[("ALLOW_ANONYMOUS_RIDES", "true")]);
        assert_eq!(level_of(&rides, "anonymous-rides"), Level::Warning);
        let push = production(&[("ALLOW_ANONYMOUS_PUSH", "true")]);
        assert_eq!(level_of(&push, "anonymous-push"), Level::Fault);
        assert_eq!(level_of(&production(&[("METRICS_PUBLIC", "true")]), "metrics"), Level::Warning);
        assert_eq!(level_of(&production(&[("CONSOLE", "true")]), "console"), Level::Warning);
    }

    #[test]
    fn a_secret_that_somebody_typed_is_found() {
        for typed in [
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "change-me-change-me-change-me-0123",
            "my fleetwire password is long 7351",
        ] {
            assert_eq!(level_of(&production(&[("JWT_SECRET", typed)]), "secrets"), Level::Fault, "{typed}");
        }
        assert_eq!(level_of(&production(&[]), "secrets"), Level::Ok);
        let webhook = "0101010101010101010101010101010101";
        assert_eq!(level_of(&production(&[("PAYMENT_WEBHOOK_SECRET", webhook)]), "secrets"), Level::Fault);
    }

    #[test]
    fn a_proxy_is_trusted_by_its_address_alone() {
        let of = |trusted| level_of(&production(&[("TRUSTED_PROXIES", trusted)]), "proxy");
        assert_eq!(of("0.0.0.0/0"), Level::Fault);
        assert_eq!(of("10.0.0.1"), Level::Warning, "it listens on loopback");
        assert_eq!(of("127.0.0.0/8"), Level::Ok);
        assert_eq!(level_of(&production(&[]), "proxy"), Level::Warning);
        let header = [("CLIENT_ADDRESS_HEADER", "X-Real-IP"), ("BIND", "192.0.2.1:8000")];
        assert_eq!(level_of(&production(&header), "proxy"), Level::Warning);
        assert_eq!(level_of(&production(&[("BIND", "192.0.2.1:8000")]), "proxy"), Level::Ok);
    }

    #[test]
    fn names_are_listed_in_production() {
        assert_eq!(level_of(&production(&[]), "hosts"), Level::Warning);
        assert_eq!(level_of(&production(&[("ALLOWED_HOSTS", "*")]), "hosts"), Level::Warning);
        assert_eq!(level_of(&production(&[("ALLOWED_HOSTS", "fleet.example.org")]), "hosts"), Level::Ok);
    }
}
