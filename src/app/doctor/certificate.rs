//! The certificate that is served: whether it parses and is the key's (as the start reads it), when it ends, and for
//! which names it is.

use crate::app::doctor::finding::Finding;
use crate::app::tls::{Tls, leaf};
use crate::config::TlsFiles;
use chrono::{DateTime, TimeDelta, Utc};
use std::net::IpAddr;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// Renewals are usually made 30 days before the end.
const SOON: TimeDelta = TimeDelta::days(30);

/// The parts of a certificate that matter here.
#[derive(Debug, PartialEq, Eq)]
struct Certificate {
    begins_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    names: Vec<String>,
}

pub fn certificate(files: &TlsFiles, now: DateTime<Utc>) -> Vec<Finding> {
    const CHECK: &str = "tls";
    let remedy = "put a certificate chain in PEM form and the key that belongs to it where the settings say";
    if let Err(error) = Tls::read(files) {
        return vec![Finding::fault(CHECK, format!("TLS_CERT_FILE, TLS_KEY_FILE: {error}"), remedy)];
    }
    let read = leaf(files).map_err(|error| error.to_string()).and_then(|der| parse(&der));
    match read {
        Err(error) => vec![Finding::fault(CHECK, format!("TLS_CERT_FILE: {error}"), remedy)],
        Ok(certificate) => {
            let mut findings = vec![Finding::ok(CHECK, "the certificate is the key's")];
            findings.push(life(&certificate, now));
            findings.push(names(&certificate));
            findings
        }
    }
}

fn parse(der: &[u8]) -> Result<Certificate, String> {
    let (_, certificate) = parse_x509_certificate(der).map_err(|error| error.to_string())?;
    let time = |seconds: i64| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let validity = certificate.validity();
    let mut names = Vec::new();
    if let Ok(Some(alternatives)) = certificate.subject_alternative_name() {
        for name in &alternatives.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => names.extend(address(bytes)),
                _ => {}
            }
        }
    }
    Ok(Certificate {
        begins_at: time(validity.not_before.timestamp()),
        ends_at: time(validity.not_after.timestamp()),
        names,
    })
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
    Some(address.to_string())
}

fn life(certificate: &Certificate, now: DateTime<Utc>) -> Finding {
    const CHECK: &str = "tls-expiry";
    let (begin, end) = (certificate.begins_at.date_naive(), certificate.ends_at.date_naive());
    let remedy = "renew it; a running server loads the new files by itself";
    match certificate.ends_at - now {
        left if left <= TimeDelta::zero() => {
            Finding::fault(CHECK, format!("the certificate ended on {end}: no app connects"), remedy)
        }
        _ if certificate.begins_at > now => {
            let says = format!("the certificate begins on {begin}, in the future");
            Finding::fault(CHECK, says, "set the clock, or use the certificate that is good now")
        }
        left if left < SOON => Finding::warning(
            CHECK,
            format!("the certificate ends on {end}, in {} days", left.num_days()),
            remedy,
        ),
        left => Finding::ok(CHECK, format!("the certificate is good until {end}, {} days", left.num_days())),
    }
}

fn names(certificate: &Certificate) -> Finding {
    const CHECK: &str = "tls-names";
    match certificate.names.is_empty() {
        true => Finding::fault(
            CHECK,
            "the certificate names no host (subjectAltName): no app accepts it",
            "have one made for the names that apps connect to",
        ),
        false => Finding::ok(CHECK, format!("the certificate is for {}", certificate.names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::finding::Level;

    fn certificate_of(from_days: i64, to_days: i64, names: &[&str]) -> (Certificate, DateTime<Utc>) {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let (begins_at, ends_at) = (now + TimeDelta::days(from_days), now + TimeDelta::days(to_days));
        (Certificate { begins_at, ends_at, names }, now)
    }

    #[test]
    fn an_end_is_a_fault_and_one_that_comes_soon_a_warning() {
        let level = |from, to| {
            let (certificate, now) = certificate_of(from, to, &["a.example"]);
            life(&certificate, now).level
        };
        assert_eq!(level(-90, -1), Level::Fault);
        assert_eq!(level(-60, 29), Level::Warning);
        assert_eq!(level(-1, 80), Level::Ok);
        assert_eq!(level(1, 80), Level::Fault);
    }

    #[test]
    fn a_certificate_is_for_somebody() {
        assert_eq!(names(&certificate_of(0, 90, &[]).0).level, Level::Fault);
        assert_eq!(names(&certificate_of(0, 90, &["a.example"]).0).level, Level::Ok);
    }

    #[test]
    fn names_and_addresses_are_read_off() {
        let names = vec!["fleet.example.org".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names.clone()).unwrap();
        assert_eq!(parse(made.cert.der()).unwrap().names, names);
        assert!(parse(b"no certificate").is_err());
    }
}
