//! The messages at start about credentials that can't be used.

use super::*;
use crate::clock::System;
use crate::config::push::{
    ApnsSettings, BaseUrl, ExpoSettings, FcmCredentials, FcmSettings, PrivateKey, SecretText,
};
use crate::domain::push::PushService;
use std::num::NonZeroUsize;
use std::time::Duration;

const RSA: &str = include_str!("../operations/testdata/rs256-private.pem");
const EC: &str = include_str!("../operations/testdata/es256-private.pem");

fn at(text: &str) -> BaseUrl {
    BaseUrl::parse(text).unwrap()
}

fn settings(rsa: &str, ec: &str) -> PushSettings {
    PushSettings {
        fcm: Some(FcmSettings {
            credentials: FcmCredentials::Given {
                project_id: "fleet".to_owned(),
                client_email: "push@fleet.example".to_owned(),
                private_key: SecretText::new(rsa),
            },
            base_url: at("http://127.0.0.1:1"),
            token_url: Some(at("http://127.0.0.1:1/token")),
            connections: NonZeroUsize::MIN,
            retry_floor: Duration::ZERO,
        }),
        apns: Some(ApnsSettings {
            key_id: "ABC123DEFG".to_owned(),
            team_id: "DEF123GHIJ".to_owned(),
            private_key: PrivateKey::Given(SecretText::new(ec)),
            topic: "example.app".to_owned(),
            base_url: at("http://127.0.0.1:1"),
            connections: NonZeroUsize::MIN,
        }),
        expo: Some(ExpoSettings {
            access_token: SecretText::new("token"),
            base_url: at("http://127.0.0.1:1"),
            requests_max: NonZeroUsize::MIN,
        }),
        ca_file: None,
        timeout: Duration::from_secs(10),
    }
}

fn make(settings: &PushSettings) -> Result<Providers, ProviderProblems> {
    Providers::from_settings(settings, Arc::new(System), Arc::new(Metrics::new()))
}

#[test]
fn each_service_with_credentials_has_a_provider_and_none_shows_a_secret() {
    let providers = make(&settings(RSA, EC)).unwrap();
    for service in PushService::ALL {
        assert_eq!(providers.get(service).unwrap().service(), service);
    }
    let shown = format!("{providers:?}");
    assert!(!shown.contains("PRIVATE KEY") && !shown.contains("Bearer"), "{shown}");
    let none = PushSettings { fcm: None, apns: None, expo: None, ..settings(RSA, EC) };
    assert_eq!(make(&none).unwrap().iter().count(), 0);
}

#[test]
fn keys_that_cannot_sign_are_all_said_at_once() {
    let broken = RSA.lines().enumerate().map(|(at, line)| if at == 5 { "AAAA" } else { line });
    let broken: String = broken.map(|line| format!("{line}\n")).collect();
    let problems = make(&settings(&broken, "no key")).unwrap_err().to_string();
    assert!(problems.contains("FIREBASE_PRIVATE_KEY: expected an RSA"), "{problems}");
    assert!(problems.contains("APNS_PRIVATE_KEY: expected a P-256"), "{problems}");
}

#[test]
fn files_that_are_not_what_they_should_be_are_said_by_their_settings() {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let mut wrong = settings(RSA, EC);
    if let Some(fcm) = &mut wrong.fcm {
        fcm.credentials = FcmCredentials::File { path: here.into(), project_id: None };
    }
    if let Some(apns) = &mut wrong.apns {
        apns.private_key = PrivateKey::File("no such file.p8".into());
    }
    let problems = make(&wrong).unwrap_err().to_string();
    assert!(problems.contains("GOOGLE_APPLICATION_CREDENTIALS: no JSON"), "{problems}");
    assert!(problems.contains("APNS_PRIVATE_KEY_FILE: the file can't be read"), "{problems}");
    wrong.ca_file = Some(here.into());
    assert!(make(&wrong).unwrap_err().to_string().contains("PUSH_CA_FILE"));
}
