//! Doubles of the push services, on loopback: they check what the real ones check, answer as they do, fail in every way
//! that a test wants, and remember the messages that they accepted. FCM and Expo over HTTP or HTTPS, Apple's over HTTPS
//! with HTTP/2 only, all with an authority that lives as long as the test.

// Shared by scenarios, by the tests of the doubles and by the benchmark; each uses its part.
#![allow(dead_code, unused_imports)]

pub mod apple;
pub mod desk;
pub mod expo;
mod fcm_message;
pub mod google;
pub mod keys;
mod schema;
pub mod server;
mod wire;

use std::sync::Arc;

use fleetwire::clock::{SharedClock, System};
use fleetwire::domain::push::PushService;

use self::apple::Apple;
use self::desk::Desk;
use self::expo::Expo;
use self::google::{Google, TOKEN_PATH};
use self::keys::{Authority, EC_PRIVATE, RSA_PRIVATE};
use self::server::Listener;

pub use self::desk::{Device, Taken, retry_after, retry_after_date};
pub use self::server::{Act, Reply};

pub struct PushDouble {
    pub google: Arc<Google>,
    pub apple: Arc<Apple>,
    pub expo: Arc<Expo>,
    google_at: Listener,
    apple_at: Listener,
    expo_at: Listener,
    authority: Authority,
    is_tls: bool,
}

impl PushDouble {
    /// FCM and Expo over plain HTTP/1.1.
    pub async fn start() -> PushDouble {
        Self::start_with(false, Arc::new(System)).await
    }

    /// All with TLS and HTTP/2.
    pub async fn start_tls() -> PushDouble {
        Self::start_with(true, Arc::new(System)).await
    }

    pub async fn start_with(is_tls: bool, clock: SharedClock) -> PushDouble {
        let authority = Authority::new();
        let tls = is_tls.then(|| authority.server(&["h2", "http/1.1"]));
        let desk = || Arc::new(Desk::new(clock.clone()));
        let google = Arc::new(Google::new(desk()));
        let apple = Arc::new(Apple::new(desk()));
        let expo = Arc::new(Expo::new(desk()));
        let google_at = Listener::start(tls.clone(), false, google.clone()).await;
        let apple_at = Listener::start(Some(authority.server(&["h2"])), true, apple.clone()).await;
        let expo_at = Listener::start(tls, false, expo.clone()).await;
        let double = PushDouble { google, apple, expo, google_at, apple_at, expo_at, authority, is_tls };
        double.google.set_audience(double.url(PushService::Fcm) + TOKEN_PATH);
        double
    }

    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The common part of a double.
    pub fn desk(&self, service: PushService) -> &Desk {
        match service {
            PushService::Fcm => &self.google.desk,
            PushService::Apns => &self.apple.desk,
            PushService::Expo => &self.expo.desk,
        }
    }

    fn listener(&self, service: PushService) -> &Listener {
        match service {
            PushService::Fcm => &self.google_at,
            PushService::Apns => &self.apple_at,
            PushService::Expo => &self.expo_at,
        }
    }

    pub fn url(&self, service: PushService) -> String {
        let scheme = if self.is_tls || service == PushService::Apns { "https" } else { "http" };
        format!("{scheme}://{}", self.listener(service).address)
    }

    /// Connections that were ever opened to a service.
    pub fn connections(&self, service: PushService) -> usize {
        self.listener(service).connections()
    }

    /// The settings of a product that sends to these doubles, with good credentials for all of them.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let fcm = self.url(PushService::Fcm);
        vec![
            ("FIREBASE_PROJECT_ID", google::PROJECT.to_owned()),
            ("FIREBASE_CLIENT_EMAIL", google::CLIENT_EMAIL.to_owned()),
            ("FIREBASE_PRIVATE_KEY", RSA_PRIVATE.replace('\n', "\\n")),
            ("GOOGLE_TOKEN_URL", format!("{fcm}{TOKEN_PATH}")),
            ("FCM_BASE_URL", fcm),
            ("FCM_RETRY_FLOOR_MS", "100".to_owned()),
            ("APNS_KEY_ID", apple::KEY_ID.to_owned()),
            ("APNS_TEAM_ID", apple::TEAM_ID.to_owned()),
            ("APNS_PRIVATE_KEY", EC_PRIVATE.to_owned()),
            ("APNS_TOPIC", apple::TOPIC.to_owned()),
            ("APNS_BASE_URL", self.url(PushService::Apns)),
            ("EXPO_ACCESS_TOKEN", expo::ACCESS_TOKEN.to_owned()),
            ("EXPO_BASE_URL", self.url(PushService::Expo)),
            ("PUSH_CA_FILE", self.authority.file.display().to_string()),
        ]
    }
}
