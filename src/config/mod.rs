//! The settings: read once at start from the environment and `.env`, checked as a whole, and handed out in groups. All
//! problems are reported at once. Reading is pure (the values come through a look-up function); files named by settings
//! are opened by [`from_environment`] and by their users.
//!
//! Invariant: a [`Settings`] that exists is usable; no part of it shows a secret.

pub mod env_file;
mod example;
mod hosts;
mod load;
pub mod notifications;
pub mod payments;
pub mod push;
mod reader;
pub mod secret;
mod table;
mod values;

use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;

use self::notifications::NotificationSettings;
use self::payments::PaymentSettings;
use self::push::{FcmCredentials, PrivateKey, PushSettings};
use crate::domain::currency::Currency;
use crate::domain::fare_source::FareSource;
use crate::domain::job_rules::{JobRules, OpenJobs};
use crate::domain::offer_detail::OfferDetail;
use crate::domain::ride::{Tariff, Travel};
use crate::domain::ride_book::RideKeyRule;
use crate::domain::role::Roles;
use crate::domain::search_policy::{Mode, Patience, Policy, Radii};

pub use self::example::env_example;
pub use self::hosts::{AllowedHosts, Host};
pub use self::reader::{Problem, SettingsProblems};
pub use self::secret::{JwtSecret, SecretError, SecretSource};
pub use self::table::{SETTINGS, Section, Setting};
pub use self::values::{
    AllowedOrigins, ClientAddressHeader, DatabaseUrl, Durability, LogFormat, Profile, TrustedProxies,
};

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub profile: Profile,
    pub listen: ListenSettings,
    pub database: DatabaseSettings,
    pub tokens: TokenSettings,
    pub region: RegionSettings,
    pub limits: LimitSettings,
    pub sessions: SessionSettings,
    pub delivery: DeliverySettings,
    pub recorder: RecorderSettings,
    pub rides: RideSettings,
    pub matching: MatchSettings,
    pub anonymous_rides: AnonymousRideSettings,
    pub push: PushSettings,
    pub notifications: NotificationSettings,
    pub payments: PaymentSettings,
    pub retention: RetentionSettings,
}

/// Where the server listens, and whom it trusts there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSettings {
    /// At least one, none twice.
    pub bind: Vec<SocketAddr>,
    pub tls: Option<TlsFiles>,
    pub workers: NonZeroUsize,
    pub trusted_proxies: TrustedProxies,
    /// Believed from those, and from nobody else.
    pub client_address_header: ClientAddressHeader,
    /// Of a connection between two requests.
    pub keep_alive: Duration,
    pub cors_allowed_origins: AllowedOrigins,
    /// `None` for any.
    pub allowed_hosts: Option<AllowedHosts>,
    pub console: bool,
    pub metrics_public: bool,
}

impl ListenSettings {
    /// Whether nobody but this machine can connect.
    pub fn is_loopback_only(&self) -> bool {
        are_loopback(&self.bind)
    }
}

fn are_loopback(addresses: &[SocketAddr]) -> bool {
    addresses.iter().all(|address| address.ip().to_canonical().is_loopback())
}

/// PEM files for https and wss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate_chain: PathBuf,
    pub private_key: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSettings {
    pub url: DatabaseUrl,
    /// SQLite: those that read, besides the one that writes. PostgreSQL: all.
    pub connections: NonZeroU32,
    /// Waiting decisions.
    pub queue_max: NonZeroUsize,
    pub timeout: Duration,
    pub decision_durability: Durability,
    pub position_durability: Durability,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    pub secret: SecretSource,
    /// Tokens signed with it before are still valid.
    pub previous_secret: Option<JwtSecret>,
    pub outside: Option<OutsideIssuer>,
    pub access_ttl: Duration,
    pub refresh_ttl: Duration,
    pub allow_registration: bool,
    pub operators_need_second_factor: bool,
}

/// Somebody else whose tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideIssuer {
    pub public_key_file: PathBuf,
    pub issuer: Option<String>,
    pub audience: Option<String>,
    /// The roles whose accounts its tokens may let in.
    pub roles: Roles,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionSettings {
    pub time_zone: Tz,
    pub currency: Currency,
}

/// The limits of one client, account or address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSettings {
    pub connections_max: NonZeroUsize,
    /// That carry no socket.
    pub http_connections_max: NonZeroUsize,
    pub handshakes_per_minute_per_address: NonZeroU32,
    pub handshakes_per_minute_per_account: NonZeroU32,
    pub logins_per_minute_per_address: NonZeroU32,
    pub logins_per_minute_per_account: NonZeroU32,
    /// Of a driver or customer; the oldest goes.
    pub sockets_per_account_max: NonZeroUsize,
    /// Without an account.
    pub sockets_per_address_max: NonZeroUsize,
    pub requests_per_minute_per_account: NonZeroU32,
    /// Of an operator or a program.
    pub operator_requests_per_minute: NonZeroU32,
    pub jobs_per_minute_per_customer: NonZeroU32,
    pub open: OpenJobs,
    pub chat_per_minute: NonZeroU32,
    pub nearby_per_minute: NonZeroU32,
    pub positions_per_minute_by_rest: NonZeroU32,
    pub message_bytes_max: usize,
    pub messages_per_second: NonZeroU32,
    pub held_back_max: Duration,
    pub bad_messages_per_minute: NonZeroU32,
    /// Of one ride, over matching sockets.
    pub find_driver_per_minute: NonZeroU32,
    /// `find_driver`s without an account, from one address.
    pub anonymous_rides_per_minute: NonZeroU32,
    pub deliveries_per_driver_max: NonZeroU32,
    pub bookings_per_driver_max: NonZeroU32,
}

impl LimitSettings {
    /// Messages that may come at once: an app that was offline sends what it has gathered.
    pub fn messages_burst(&self) -> NonZeroU32 {
        self.messages_per_second.saturating_mul(NonZeroU32::new(4).expect("four"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    pub idle_timeout: Duration,
    /// At most half of the idle time-out.
    pub heartbeat: Duration,
    pub close_timeout: Duration,
    /// Less than `outbox_bytes_max`.
    pub outbox_shed_bytes: usize,
    pub outbox_bytes_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySettings {
    /// How long a device has to confirm an event before it is pushed.
    pub confirm_timeout: Duration,
    pub replay_events_max: NonZeroU32,
    pub replay_age_max: Duration,
    pub drain: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecorderSettings {
    /// Waiting positions.
    pub queue_max: NonZeroUsize,
    pub flush_interval: Duration,
    pub live_position_interval: Duration,
    /// The greatest age of a position with which a driver may be matched.
    pub position_age_max: Duration,
    pub driver_offline_after: Duration,
}

/// Fares, travel times and followers of rides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RideSettings {
    pub tariff: Tariff,
    pub fare_source: FareSource,
    pub travel: Travel,
    /// Without a position of its driver.
    pub stale_after: Duration,
    /// Connections that follow one ride.
    pub members_max: NonZeroUsize,
    /// Rides that one connection follows.
    pub joined_max: NonZeroUsize,
    pub final_fare: FinalFare,
    /// Without a position and a connection, before the pickup.
    pub driver_lost_after: Duration,
    pub offers_lost_rides_again: bool,
}

/// The cost of a completed ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalFare {
    /// The estimate from before it began.
    Estimated,
    /// The tariff for the way that was recorded, where enough of it was.
    Track,
}

/// How a ride's driver is found.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchSettings {
    pub mode: Mode,
    pub offer_detail: OfferDetail,
    pub offer_batch_size: NonZeroUsize,
    /// More than `offer_receipt`.
    pub offer_window: TimeDelta,
    pub offer_receipt: TimeDelta,
    pub offers_per_driver_max: NonZeroUsize,
    /// More than `offer_receipt`.
    pub search_span: TimeDelta,
    pub radii: Radii,
    pub auto_assign: AutoAssign,
}

/// Among whom an order's driver is looked for when an operator leaves it to the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AutoAssign {
    /// Around the pickup.
    pub radius_m: f64,
    /// Of the nearest; each may be taken by another order since the search.
    pub tries: NonZeroUsize,
}

/// A driver who has come near since the last look is asked within this time.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(3);

impl MatchSettings {
    /// The rules of a search.
    pub fn policy(&self, patience: Patience) -> Policy {
        Policy {
            mode: self.mode,
            patience,
            batch_size: self.offer_batch_size,
            window: self.offer_window,
            receipt: self.offer_receipt,
            radii: self.radii.clone(),
            driver_offers_max: self.offers_per_driver_max,
            look_every: LOOK_EVERY,
        }
    }
}

impl Settings {
    /// The rules by which jobs are decided.
    pub fn job_rules(&self) -> JobRules {
        JobRules {
            tariff: self.rides.tariff,
            fare_source: self.rides.fare_source,
            offer_detail: self.matching.offer_detail,
            travel: self.rides.travel,
            search_span: self.matching.search_span,
            deliveries_max: i64::from(self.limits.deliveries_per_driver_max.get()),
            bookings_max: i64::from(self.limits.bookings_per_driver_max.get()),
            open: self.limits.open,
        }
    }
}

/// Rules for rides without an account, and for entering them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnonymousRideSettings {
    pub allowed: bool,
    pub key: RideKeyRule,
    /// Of all matching sockets, with a token or without.
    pub rides_held_max: NonZeroUsize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionSettings {
    pub events: Duration,
    pub locations: Duration,
    pub audit: Duration,
    /// The drivers that searches considered, and why they were not asked.
    pub traces: Duration,
    /// Ended ones; none for ever.
    pub jobs: Option<Duration>,
}

/// The settings of this process: its environment, and below that `.env` in the working directory, if there is one. A variable
/// that is empty in the environment hides the file's line.
pub fn from_environment() -> Result<Settings, SettingsProblems> {
    let mut problems = Vec::new();
    let file = read_env_file(Path::new(".env")).unwrap_or_else(|problem| {
        problems.push(problem);
        HashMap::new()
    });
    for name in
        file.keys().filter(|name| *name != "RUST_LOG" && !SETTINGS.iter().any(|known| known.name == **name))
    {
        log::warn!(".env names {name}, which is not a setting of this version");
    }
    let mut environment = HashMap::new();
    for setting in SETTINGS.iter() {
        match std::env::var_os(setting.name).map(|value| value.into_string()) {
            None => {}
            Some(Ok(value)) => {
                environment.insert(setting.name, value);
            }
            Some(Err(_)) => problems.push(Problem {
                name: setting.name.to_owned(),
                given: None,
                expected: "holds bytes that are not UTF-8".to_owned(),
            }),
        }
    }
    match Settings::load(|name| environment.get(name).or_else(|| file.get(name)).cloned()) {
        Ok(settings) => {
            problems.extend(unreadable_files(&settings));
            if problems.is_empty() { Ok(settings) } else { Err(SettingsProblems(problems)) }
        }
        Err(more) => {
            problems.extend(more.0);
            Err(SettingsProblems(problems))
        }
    }
}

/// The log's filter, if somebody chose one: `RUST_LOG`, which is not a setting. It may change in `.env` while the
/// process runs.
pub fn log_setting() -> Option<String> {
    chosen_now("RUST_LOG")
}

/// The form of the log's lines, `LOG_FORMAT`. The log begins before the settings are read, and it may change in `.env`
/// while the process runs. A word that is no form is a problem of the settings; until that is reported, lines are text.
pub fn log_format() -> LogFormat {
    chosen_now("LOG_FORMAT").and_then(|word| LogFormat::parse(word.trim()).ok()).unwrap_or_default()
}

/// What the environment, or below that `.env`, says at this moment.
fn chosen_now(name: &str) -> Option<String> {
    let chosen = match std::env::var_os(name) {
        Some(value) => value.into_string().ok(),
        None => read_env_file(Path::new(".env")).ok().and_then(|mut file| file.remove(name)),
    };
    chosen.filter(|chosen| !chosen.trim().is_empty())
}

fn read_env_file(path: &Path) -> Result<HashMap<String, String>, Problem> {
    let problem = |expected| Problem { name: ".env".to_owned(), given: None, expected };
    match std::fs::read_to_string(path) {
        Ok(text) => env_file::parse(&text).map_err(|error| problem(error.to_string())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => Err(problem(format!("can't be read: {error}"))),
    }
}

/// The files that settings name; better said now than at the first handshake.
fn unreadable_files(settings: &Settings) -> Vec<Problem> {
    let tls = settings.listen.tls.as_ref();
    let push = &settings.push;
    let google = push.fcm.as_ref().and_then(|fcm| match &fcm.credentials {
        FcmCredentials::File { path, .. } => Some(path),
        FcmCredentials::Given { .. } => None,
    });
    let apple = push.apns.as_ref().and_then(|apns| match &apns.private_key {
        PrivateKey::File(path) => Some(path),
        PrivateKey::Given(_) => None,
    });
    let named = [
        ("TLS_CERT_FILE", tls.map(|tls| &tls.certificate_chain)),
        ("TLS_KEY_FILE", tls.map(|tls| &tls.private_key)),
        ("PUSH_TEXTS_FILE", settings.notifications.texts_file.as_ref()),
        ("JWT_PUBLIC_KEY_FILE", settings.tokens.outside.as_ref().map(|outside| &outside.public_key_file)),
        ("GOOGLE_APPLICATION_CREDENTIALS", google),
        ("APNS_PRIVATE_KEY_FILE", apple),
        ("PUSH_CA_FILE", push.ca_file.as_ref()),
    ];
    let unreadable = named.into_iter().filter_map(|(name, path)| {
        let path = path?;
        let error = File::open(path).err()?;
        let expected = format!("a file that can be read ({error})");
        Some(Problem {
            name: name.to_owned(),
            given: Some(format!("{:?}", path.display().to_string())),
            expected,
        })
    });
    unreadable.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_env_file_is_none_and_one_that_cannot_be_read_is_a_problem() {
        let missing = std::env::temp_dir().join("no such directory").join(".env");
        assert_eq!(read_env_file(&missing), Ok(HashMap::new()));
        let problem = read_env_file(&std::env::temp_dir()).unwrap_err();
        assert_eq!(problem.name, ".env");
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example");
        assert_eq!(read_env_file(&example), Ok(HashMap::new()));
    }

    #[test]
    fn files_that_are_not_there_are_said_by_the_names_of_their_settings() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let settings = Settings::load(|name| match name {
            "TLS_CERT_FILE" => Some(here.to_owned()),
            "TLS_KEY_FILE" | "JWT_PUBLIC_KEY_FILE" => Some("no such file.pem".to_owned()),
            _ => None,
        });
        let problems = unreadable_files(&settings.unwrap());
        let names: Vec<_> = problems.iter().map(|problem| problem.name.as_str()).collect();
        assert_eq!(names, ["TLS_KEY_FILE", "JWT_PUBLIC_KEY_FILE"]);
        assert!(problems[0].to_string().contains("no such file.pem"), "{}", problems[0]);
    }
}
