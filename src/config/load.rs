//! From values to [`Settings`]: one function for each group, and checks for values that are valid alone but not
//! together.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::hosts::AllowedHosts;
use super::notifications::notifications;
use super::payments::payments;
use super::push::push;
use super::reader::{
    Defaults, Reader, SettingsProblems, count, count_usize, flag, millis, one_of, path, secs, text, whole,
};
use super::secret::{JwtSecret, SecretSource};
use super::values::{
    AllowedOrigins, ClientAddressHeader, DatabaseUrl, Durability, LogFormat, Profile, TrustedProxies,
};
use super::{
    AnonymousRideSettings, AutoAssign, DatabaseSettings, DeliverySettings, FinalFare, LimitSettings,
    ListenSettings, MatchSettings, OutsideIssuer, RecorderSettings, RegionSettings, RetentionSettings,
    RideSettings, SessionSettings, Settings, TlsFiles, TokenSettings, are_loopback,
};
use crate::domain::currency::Currency;
use crate::domain::fare_source::FareSource;
use crate::domain::job_rules::OpenJobs;
use crate::domain::money::Amount;
use crate::domain::offer_detail::OfferDetail;
use crate::domain::ride::{Tariff, Travel};
use crate::domain::ride_book::RideKeyRule;
use crate::domain::role::{Role, Roles};
use crate::domain::search_policy::{Mode, Radii};

const HOUR_SECS: u64 = 3600;
const DAY_SECS: u64 = 24 * HOUR_SECS;
const TEN_YEARS_SECS: u64 = 3650 * DAY_SECS;
const COUNT_MAX: u64 = 1_000_000;
/// Positions are no better than the least; nobody comes for a ride from further away than the most.
const SEARCH_RADIUS_M: RangeInclusive<f64> = 50.0..=200_000.0;

impl Settings {
    /// Reads every setting through `lookup`.
    pub fn load(lookup: impl Fn(&str) -> Option<String>) -> Result<Settings, SettingsProblems> {
        let mut reader = Reader::new(&lookup);
        let profile = reader.value(
            "FLEETWIRE_PROFILE",
            one_of(&[("development", Profile::Development), ("production", Profile::Production)]),
        );
        let bind = reader.value("BIND", addresses);
        reader.defaults = match profile {
            Profile::Production => Defaults::Production,
            Profile::Development if are_loopback(&bind) => Defaults::Development,
            Profile::Development => Defaults::Exposed,
        };
        // The log has it already (`config::log_format`); here a word that is no form becomes a problem.
        reader.value("LOG_FORMAT", LogFormat::parse);
        let database = database(&mut reader);
        let is_loopback_only = are_loopback(&bind);
        let region = region(&mut reader);
        let settings = Settings {
            profile,
            listen: listen(&mut reader, bind),
            tokens: tokens(&mut reader, profile, &database.url),
            database,
            limits: limits(&mut reader),
            sessions: sessions(&mut reader),
            delivery: delivery(&mut reader),
            recorder: recorder(&mut reader),
            rides: rides(&mut reader, region.currency),
            region,
            matching: matching(&mut reader),
            anonymous_rides: anonymous_rides(&mut reader),
            push: push(&mut reader),
            notifications: notifications(&mut reader, is_loopback_only),
            payments: payments(&mut reader),
            retention: retention(&mut reader),
        };
        settings.check_together(&mut reader);
        if reader.problems.is_empty() { Ok(settings) } else { Err(SettingsProblems(reader.problems)) }
    }

    /// Checks values that are valid alone but not together.
    fn check_together(&self, reader: &mut Reader<'_>) {
        if self.delivery.replay_age_max > self.retention.events {
            let given = reader.given("REPLAY_HOURS_MAX").unwrap_or_default();
            let expected = "no longer than EVENT_RETENTION_DAYS: what is pruned can't be replayed";
            reader.problem("REPLAY_HOURS_MAX", Some(&given), expected);
        }
        if self.delivery.drain + self.sessions.close_timeout > Duration::from_secs(6) {
            let expected =
                "at most 6 s together with CLOSE_TIMEOUT_MS: the process ends within 10 s of being told to";
            let given =
                reader.given("DRAIN_SECS").unwrap_or_else(|| self.delivery.drain.as_secs().to_string());
            reader.problem("DRAIN_SECS", Some(&given), expected);
        }
    }
}

fn addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    let parsed: Result<Vec<SocketAddr>, _> = text.split(',').map(|entry| entry.trim().parse()).collect();
    let addresses = parsed.map_err(|_| {
        "comma-separated addresses with their ports, such as 127.0.0.1:8000,[::1]:8000 (0.0.0.0:8000 for all)"
    })?;
    for (at, address) in addresses.iter().enumerate() {
        if address.port() != 0 && addresses[..at].contains(address) {
            return Err(format!("each address once, and {address} appears twice"));
        }
    }
    Ok(addresses)
}

fn listen(reader: &mut Reader<'_>, bind: Vec<SocketAddr>) -> ListenSettings {
    ListenSettings {
        bind,
        tls: tls(reader),
        workers: reader.optional("WORKERS", count_usize(256)).unwrap_or_else(cores),
        trusted_proxies: reader.optional("TRUSTED_PROXIES", TrustedProxies::parse).unwrap_or_default(),
        client_address_header: reader.value("CLIENT_ADDRESS_HEADER", ClientAddressHeader::parse),
        keep_alive: reader.value("KEEP_ALIVE_SECS", secs(1..=HOUR_SECS)),
        cors_allowed_origins: reader.value("CORS_ALLOWED_ORIGINS", |text| {
            if text.is_empty() { Ok(AllowedOrigins::default()) } else { AllowedOrigins::parse(text) }
        }),
        allowed_hosts: reader.value("ALLOWED_HOSTS", |text| match text {
            "" => Ok(None),
            list => AllowedHosts::parse(list).map(Some),
        }),
        console: reader.value("CONSOLE", flag),
        metrics_public: reader.value("METRICS_PUBLIC", flag),
    }
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn tls(reader: &mut Reader<'_>) -> Option<TlsFiles> {
    let certificate_chain = reader.optional("TLS_CERT_FILE", path);
    let private_key = reader.optional("TLS_KEY_FILE", path);
    match (certificate_chain, private_key) {
        (Some(certificate_chain), Some(private_key)) => Some(TlsFiles { certificate_chain, private_key }),
        (Some(_), None) => {
            reader.problem("TLS_KEY_FILE", None, "not set, but TLS_CERT_FILE is: set both or neither");
            None
        }
        (None, Some(_)) => {
            reader.problem("TLS_CERT_FILE", None, "not set, but TLS_KEY_FILE is: set both or neither");
            None
        }
        (None, None) => None,
    }
}

fn database(reader: &mut Reader<'_>) -> DatabaseSettings {
    let url = reader.value("DATABASE_URL", DatabaseUrl::parse);
    check_pg_tls(reader, &url, cfg!(feature = "pg-tls"));
    let connections = reader.optional("DB_CONNECTIONS", count(200));
    let durability = || one_of(&[("full", Durability::Full), ("normal", Durability::Normal)]);
    DatabaseSettings {
        connections: connections.unwrap_or_else(|| connections_for(&url)),
        url,
        queue_max: reader.value("DB_QUEUE_MAX", count_usize(COUNT_MAX)),
        timeout: reader.value("DB_TIMEOUT_MS", millis(10..=60_000)),
        decision_durability: reader.value("DECISION_DURABILITY", durability()),
        position_durability: reader.value("POSITION_DURABILITY", durability()),
    }
}

fn connections_for(url: &DatabaseUrl) -> NonZeroU32 {
    let connections = match url {
        DatabaseUrl::Sqlite(_) => cores().get().clamp(2, 8),
        DatabaseUrl::Postgres(_) => 8,
    };
    u32::try_from(connections).ok().and_then(NonZeroU32::new).expect("from 2 to 8")
}

/// libpq itself would only say that the value is invalid.
fn check_pg_tls(reader: &mut Reader<'_>, url: &DatabaseUrl, has_tls: bool) {
    if has_tls {
        return;
    }
    if let Some(sslmode) = url.demanded_tls() {
        let expected = format!(
            "a URL without sslmode={sslmode}: this binary has no TLS towards PostgreSQL (build it with the cargo \
             feature pg-tls)"
        );
        let given = reader.given("DATABASE_URL");
        reader.problem("DATABASE_URL", given.as_deref(), expected);
    }
}

fn tokens(reader: &mut Reader<'_>, profile: Profile, database: &DatabaseUrl) -> TokenSettings {
    let is_given = reader.given("JWT_SECRET").is_some();
    let secret = match reader.optional("JWT_SECRET", JwtSecret::parse) {
        Some(secret) => SecretSource::Given(secret),
        None => SecretSource::KeptIn(database.secret_path()),
    };
    if profile == Profile::Production && !is_given {
        let expected = "not set, and production makes no secret of its own: set it to at least 32 bytes that nobody can \
                        guess and that stay the same, such as the output of: openssl rand -base64 48";
        reader.problem("JWT_SECRET", None, expected);
    }
    let previous_secret = reader.optional("JWT_SECRET_PREVIOUS", JwtSecret::parse);
    if previous_secret.is_some()
        && matches!(&secret, SecretSource::Given(now) if Some(now) == previous_secret.as_ref())
    {
        let expected = "the secret before JWT_SECRET, which is the same; leave it out where there was none";
        reader.problem("JWT_SECRET_PREVIOUS", None, expected);
    }
    TokenSettings {
        secret,
        previous_secret,
        outside: outside_issuer(reader, profile),
        access_ttl: reader.value("ACCESS_TOKEN_TTL_SECS", secs(1..=TEN_YEARS_SECS)),
        refresh_ttl: reader.value("REFRESH_TOKEN_TTL_SECS", secs(1..=TEN_YEARS_SECS)),
        allow_registration: reader.value("ALLOW_REGISTRATION", flag),
        operators_need_second_factor: reader.value("OPERATORS_NEED_SECOND_FACTOR", flag),
    }
}

fn roles(text: &str) -> Result<Roles, String> {
    let roles: Result<Vec<Role>, _> = text.split(',').map(|word| word.trim().parse()).collect();
    roles.map(Roles::of).map_err(|_| {
        "some of driver, customer, admin, dispatcher, viewer, service, with commas between".to_owned()
    })
}

fn outside_issuer(reader: &mut Reader<'_>, profile: Profile) -> Option<OutsideIssuer> {
    let public_key_file = reader.optional("JWT_PUBLIC_KEY_FILE", path);
    let issuer = reader.optional("JWT_ISSUER", text);
    let audience = reader.optional("JWT_AUDIENCE", text);
    for (name, value) in [("JWT_ISSUER", &issuer), ("JWT_AUDIENCE", &audience)] {
        if public_key_file.is_none() && value.is_some() {
            let expected =
                "JWT_PUBLIC_KEY_FILE beside it: without the key no outside token is accepted at all";
            reader.problem(name, value.as_deref(), expected);
        }
        if profile == Profile::Production && public_key_file.is_some() && value.is_none() {
            let expected = "not set, but JWT_PUBLIC_KEY_FILE is: set it to what the issuer's tokens for this server say, \
                            or its tokens for others would be good here";
            reader.problem(name, None, expected);
        }
    }
    let roles = reader.value("JWT_ROLES", roles);
    public_key_file.map(|public_key_file| OutsideIssuer { public_key_file, issuer, audience, roles })
}

fn region(reader: &mut Reader<'_>) -> RegionSettings {
    let time_zone = |text: &str| {
        text.parse::<Tz>().map_err(|_| "an IANA time zone, such as UTC or Africa/Douala".to_owned())
    };
    RegionSettings {
        time_zone: reader.value("TIME_ZONE", time_zone),
        currency: reader.value("CURRENCY", currency),
    }
}

fn limits(reader: &mut Reader<'_>) -> LimitSettings {
    LimitSettings {
        connections_max: reader.value("MAX_CONNECTIONS", count_usize(COUNT_MAX)),
        http_connections_max: reader.value("MAX_HTTP_CONNECTIONS", count_usize(COUNT_MAX)),
        handshakes_per_minute_per_address: reader
            .value("HANDSHAKES_PER_MINUTE_PER_ADDRESS", count(COUNT_MAX)),
        handshakes_per_minute_per_account: reader
            .value("HANDSHAKES_PER_MINUTE_PER_ACCOUNT", count(COUNT_MAX)),
        logins_per_minute_per_address: reader.value("LOGINS_PER_MINUTE_PER_ADDRESS", count(COUNT_MAX)),
        logins_per_minute_per_account: reader.value("LOGINS_PER_MINUTE_PER_ACCOUNT", count(COUNT_MAX)),
        sockets_per_account_max: reader.value("MAX_SOCKETS_PER_ACCOUNT", count_usize(COUNT_MAX)),
        sockets_per_address_max: reader.value("MAX_SOCKETS_PER_ADDRESS", count_usize(COUNT_MAX)),
        requests_per_minute_per_account: reader.value("REQUESTS_PER_MINUTE_PER_ACCOUNT", count(COUNT_MAX)),
        operator_requests_per_minute: reader.value("OPERATOR_REQUESTS_PER_MINUTE", count(COUNT_MAX)),
        jobs_per_minute_per_customer: reader.value("JOBS_PER_MINUTE_PER_CUSTOMER", count(COUNT_MAX)),
        open: OpenJobs {
            rides_of_customer_max: reader.value("MAX_OPEN_RIDES_PER_CUSTOMER", whole(1..=COUNT_MAX)),
            bookings_of_customer_max: reader.value("MAX_OPEN_BOOKINGS_PER_CUSTOMER", whole(1..=COUNT_MAX)),
            rides_of_address_max: reader.value("MAX_OPEN_RIDES_PER_ADDRESS", whole(1..=COUNT_MAX)),
        },
        chat_per_minute: reader.value("CHAT_PER_MINUTE", count(COUNT_MAX)),
        nearby_per_minute: reader.value("NEARBY_PER_MINUTE", count(COUNT_MAX)),
        positions_per_minute_by_rest: reader.value("POSITIONS_PER_MINUTE_BY_REST", count(COUNT_MAX)),
        message_bytes_max: reader.value("MESSAGE_BYTES_MAX", whole(1024..=1 << 20)),
        messages_per_second: reader.value("MESSAGES_PER_SECOND", count(COUNT_MAX)),
        held_back_max: reader.value("HELD_BACK_MAX_SECS", secs(1..=DAY_SECS)),
        bad_messages_per_minute: reader.value("BAD_MESSAGES_PER_MINUTE", count(COUNT_MAX)),
        find_driver_per_minute: reader.value("FIND_DRIVER_PER_MINUTE", count(COUNT_MAX)),
        anonymous_rides_per_minute: reader.value("ANONYMOUS_RIDES_PER_MINUTE", count(COUNT_MAX)),
        deliveries_per_driver_max: reader.value("MAX_DELIVERIES_PER_DRIVER", count(1000)),
        bookings_per_driver_max: reader.value("MAX_BOOKINGS_PER_DRIVER", count(10_000)),
    }
}

fn sessions(reader: &mut Reader<'_>) -> SessionSettings {
    let idle_timeout = reader.value("IDLE_TIMEOUT_SECS", secs(1..=DAY_SECS));
    let heartbeat = reader.value("HEARTBEAT_SECS", secs(1..=HOUR_SECS));
    let outbox_bytes_max: usize = reader.value("OUTBOX_BYTES_MAX", whole(4096..=1 << 28));
    let mut outbox_shed_bytes: usize = reader.value("OUTBOX_SHED_BYTES", whole(1024..=1 << 28));
    match reader.given("OUTBOX_SHED_BYTES") {
        None => outbox_shed_bytes = outbox_shed_bytes.min(outbox_bytes_max / 4),
        Some(given) if outbox_shed_bytes >= outbox_bytes_max => {
            let expected =
                format!("less than OUTBOX_BYTES_MAX ({outbox_bytes_max}): shedding has to come first");
            reader.problem("OUTBOX_SHED_BYTES", Some(&given), expected);
        }
        Some(_) => {}
    }
    SessionSettings {
        idle_timeout,
        // Or an app that only listens would be closed between two pings.
        heartbeat: heartbeat.min(idle_timeout / 2),
        close_timeout: reader.value("CLOSE_TIMEOUT_MS", millis(10..=9000)),
        outbox_shed_bytes,
        outbox_bytes_max,
    }
}

fn delivery(reader: &mut Reader<'_>) -> DeliverySettings {
    let hours: u64 = reader.value("REPLAY_HOURS_MAX", whole(1..=24 * 3650));
    DeliverySettings {
        confirm_timeout: reader.value("CONFIRM_TIMEOUT_MS", millis(100..=60_000)),
        replay_events_max: reader.value("REPLAY_EVENTS_MAX", count(100_000)),
        replay_age_max: Duration::from_secs(hours * HOUR_SECS),
        drain: reader.value("DRAIN_SECS", secs(0..=8)),
    }
}

fn recorder(reader: &mut Reader<'_>) -> RecorderSettings {
    RecorderSettings {
        queue_max: reader.value("RECORDER_QUEUE_MAX", count_usize(10 * COUNT_MAX)),
        flush_interval: reader.value("RECORDER_FLUSH_MS", millis(1..=10_000)),
        live_position_interval: reader.value("LIVE_POSITION_SECS", secs(1..=HOUR_SECS)),
        position_age_max: reader.value("POSITION_MAX_AGE_SECS", secs(1..=24 * HOUR_SECS)),
        driver_offline_after: reader.value("DRIVER_OFFLINE_AFTER_SECS", secs(1..=24 * HOUR_SECS)),
    }
}

fn rides(reader: &mut Reader<'_>, currency: Currency) -> RideSettings {
    let base = reader.value("FARE_BASE", |text| payable(text, currency));
    let tariff = Tariff::new(base, reader.value("FARE_PER_KM", amount), currency);
    let detour_factor = reader.value("DETOUR_FACTOR", number(1.0..=10.0));
    let speed_kmh = reader.value("TRAVEL_SPEED_KMH", number(1.0..=300.0));
    let travel = Travel::new(detour_factor, speed_kmh).expect("both are within Travel's own bounds");
    RideSettings {
        tariff,
        fare_source: fare_source(reader),
        travel,
        final_fare: reader
            .value("FINAL_FARE", one_of(&[("estimated", FinalFare::Estimated), ("track", FinalFare::Track)])),
        driver_lost_after: reader.value("DRIVER_LOST_AFTER_SECS", secs(1..=HOUR_SECS)),
        offers_lost_rides_again: reader.value("OFFER_LOST_RIDES_AGAIN", flag),
        stale_after: reader.value("ROOM_STALE_SECS", secs(1..=HOUR_SECS)),
        members_max: reader.value("ROOM_MEMBERS_MAX", count_usize(COUNT_MAX)),
        joined_max: reader.value("RIDES_JOINED_MAX", count_usize(COUNT_MAX)),
    }
}

fn fare_source(reader: &mut Reader<'_>) -> FareSource {
    let percent = reader.value("FARE_BAND_PERCENT", whole(0..=1000));
    let within = FareSource::AppWithin { percent };
    let sources = [("app", FareSource::App), ("server", FareSource::Server), ("app_within", within)];
    reader.value("FARE_SOURCE", |text| {
        let found = sources.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, source)| *source).ok_or_else(|| "app or server or app_within".to_owned())
    })
}

fn matching(reader: &mut Reader<'_>) -> MatchSettings {
    let receipt_ms: i64 = reader.value("OFFER_RECEIPT_MS", whole(100..=60_000));
    let offer_receipt = TimeDelta::milliseconds(receipt_ms);
    let mut longer_than_receipt = |name| {
        let secs: i64 = reader.value(name, whole(1..=HOUR_SECS));
        let duration = TimeDelta::seconds(secs);
        if duration <= offer_receipt {
            let given = reader.given(name).unwrap_or_else(|| secs.to_string());
            let expected = "more than OFFER_RECEIPT_MS: a device needs that long to say that it has an offer";
            reader.problem(name, Some(&given), expected);
        }
        duration
    };
    MatchSettings {
        offer_window: longer_than_receipt("OFFER_WINDOW_SECS"),
        search_span: longer_than_receipt("SEARCH_DEADLINE_SECS"),
        offer_receipt,
        mode: reader.value("MATCH_MODE", one_of(&[("auto", Mode::Auto), ("offer", Mode::Offer)])),
        offer_detail: reader
            .value("OFFER_DETAIL", one_of(&[("full", OfferDetail::Full), ("rounded", OfferDetail::Rounded)])),
        offer_batch_size: reader.value("OFFER_BATCH_SIZE", count_usize(100)),
        offers_per_driver_max: reader.value("MAX_OFFERS_PER_DRIVER", count_usize(100)),
        radii: reader.value("SEARCH_RADIUS_M", radii),
        auto_assign: AutoAssign {
            radius_m: reader.value("AUTO_ASSIGN_RADIUS_M", number(SEARCH_RADIUS_M)),
            tries: reader.value("AUTO_ASSIGN_TRIES", count_usize(1000)),
        },
    }
}

fn radii(text: &str) -> Result<Radii, String> {
    let steps: Result<Vec<f64>, _> = text.split(',').map(|step| step.trim().parse()).collect();
    let radii = steps.ok().filter(|steps| steps.iter().all(|step| SEARCH_RADIUS_M.contains(step)));
    radii.and_then(|steps| Radii::new(steps).ok()).ok_or_else(|| {
        "metres from 50 to 200000, or growing steps of them such as 3000,5000,10000".to_owned()
    })
}

fn anonymous_rides(reader: &mut Reader<'_>) -> AnonymousRideSettings {
    let rules = one_of(&[("required", RideKeyRule::Required), ("optional", RideKeyRule::Optional)]);
    AnonymousRideSettings {
        allowed: reader.value("ALLOW_ANONYMOUS_RIDES", flag),
        key: reader.value("RIDE_KEY", rules),
        rides_held_max: reader.value("RIDES_HELD_MAX", count_usize(10 * COUNT_MAX)),
    }
}

fn currency(code: &str) -> Result<Currency, String> {
    Currency::new(code).map_err(|_| {
        "an ISO 4217 code of three capital letters, such as USD, XAF or ZAR: it says how many decimals amounts have"
            .to_owned()
    })
}

fn amount(text: &str) -> Result<Amount, String> {
    let amount = text.parse().ok().and_then(|major| Amount::new(major).ok());
    amount.ok_or_else(|| "a number from 0 to 1000000000".to_owned())
}

/// One that can be paid as it is: what an operator sets is not rounded behind their back.
fn payable(text: &str, currency: Currency) -> Result<Amount, String> {
    let amount = amount(text)?;
    let finest = currency.digits() + 4;
    match amount.scaled(finest) % 10_i64.pow(4) {
        0 => Ok(amount),
        _ => Err(format!("an amount with at most {} decimals, as {currency} has", currency.digits())),
    }
}

fn number(bounds: RangeInclusive<f64>) -> impl Fn(&str) -> Result<f64, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.ok_or_else(|| format!("a number from {} to {}", bounds.start(), bounds.end()))
    }
}

fn retention(reader: &mut Reader<'_>) -> RetentionSettings {
    let jobs = reader.optional("JOB_RETENTION_DAYS", days);
    let mut of = |name| reader.value(name, days);
    RetentionSettings {
        events: of("EVENT_RETENTION_DAYS"),
        locations: of("LOCATION_RETENTION_DAYS"),
        audit: of("AUDIT_RETENTION_DAYS"),
        traces: of("TRACE_RETENTION_DAYS"),
        jobs,
    }
}

fn days(text: &str) -> Result<Duration, String> {
    let days: u64 = whole(1..=3650)(text)?;
    Ok(Duration::from_secs(days * DAY_SECS))
}

#[cfg(test)]
mod tests {
    use super::super::SETTINGS;
    use super::*;
    use std::path::PathBuf;

    const SECRET: (&str, &str) = ("JWT_SECRET", "0123456789abcdef0123456789abcdef");
    const PRODUCTION: (&str, &str) = ("FLEETWIRE_PROFILE", "production");

    fn load(given: &[(&str, &str)]) -> Result<Settings, SettingsProblems> {
        for (name, _) in given {
            assert!(SETTINGS.iter().any(|setting| setting.name == *name), "{name} is no setting");
        }
        Settings::load(|name| {
            given.iter().rev().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn problems(given: &[(&str, &str)]) -> Vec<String> {
        load(given).unwrap_err().0.iter().map(ToString::to_string).collect()
    }

    /// The one problem with these settings.
    fn problem(given: &[(&str, &str)]) -> String {
        let mut problems = problems(given);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn what_rides_cost_is_an_amount_and_the_way_is_at_least_the_great_circle() {
        let settings = load(&[("FARE_BASE", "500.5"), ("DETOUR_FACTOR", "1")]).unwrap();
        assert_eq!(settings.rides.tariff.base().minor(), 50_050);
        let francs = load(&[("CURRENCY", "XAF"), ("FARE_BASE", "500"), ("FARE_PER_KM", "12.5")]).unwrap();
        assert_eq!(
            (francs.rides.tariff.fare(2000.0).minor(), francs.job_rules().currency()),
            (525, francs.region.currency)
        );
        assert!(
            problem(&[("CURRENCY", "XAF"), ("FARE_BASE", "500.5")])
                .contains("at most 0 decimals, as XAF has")
        );
        for (name, wrong) in [
            ("FARE_BASE", "-1"),
            ("FARE_BASE", "0.001"),
            ("FARE_PER_KM", "-0.001"),
            ("CURRENCY", "usd"),
            ("CURRENCY", "XYZ"),
            ("FARE_PER_KM", "NaN"),
            ("DETOUR_FACTOR", "0.9"),
            ("TRAVEL_SPEED_KMH", "inf"),
        ] {
            assert!(problem(&[(name, wrong)]).contains(name), "{name}={wrong}");
        }
    }

    #[test]
    fn anonymous_rides_are_for_a_developers_own_machine_unless_asked_for() {
        let is_allowed = |given: &[(&str, &str)]| load(given).unwrap().anonymous_rides.allowed;
        assert!(is_allowed(&[]));
        let bind = ("BIND", "0.0.0.0:8000");
        assert!(!is_allowed(&[bind]) && !is_allowed(&[PRODUCTION, SECRET]));
        let asked_for = ("ALLOW_ANONYMOUS_RIDES", "true");
        assert!(is_allowed(&[bind, asked_for]) && is_allowed(&[PRODUCTION, SECRET, asked_for]));
        assert_eq!(load(&[]).unwrap().anonymous_rides.key, RideKeyRule::Required);
        assert_eq!(load(&[("RIDE_KEY", "optional")]).unwrap().anonymous_rides.key, RideKeyRule::Optional);
        assert!(problem(&[("RIDE_KEY", "none")]).contains("required or optional"));
    }

    #[test]
    fn development_starts_with_nothing() {
        let settings = load(&[]).unwrap();
        assert_eq!(settings.profile, Profile::Development);
        assert_eq!(settings.listen.bind.len(), 2);
        assert!(settings.listen.is_loopback_only());
        assert!(settings.listen.console && settings.listen.metrics_public);
        assert!(settings.tokens.allow_registration);
        assert!(settings.listen.cors_allowed_origins.allows("http://localhost:5173"));
        assert_eq!(settings.database.url, DatabaseUrl::Sqlite(PathBuf::from("fleetwire.db")));
        assert_eq!(settings.tokens.secret, SecretSource::KeptIn(PathBuf::from("fleetwire.db.jwt-secret")));
        assert_eq!(settings.tokens.access_ttl, Duration::from_secs(3600));
        assert_eq!(settings.region.time_zone, Tz::UTC);
        assert_eq!(settings.limits.messages_burst().get(), 200);
        assert_eq!(settings.sessions.heartbeat, Duration::from_secs(30));
    }

    #[test]
    fn production_starts_with_a_secret_and_without_comforts() {
        let settings = load(&[PRODUCTION, SECRET]).unwrap();
        assert!(!settings.listen.console && !settings.listen.metrics_public);
        assert!(!settings.tokens.allow_registration);
        assert!(settings.listen.cors_allowed_origins.is_empty());
        assert!(
            matches!(&settings.tokens.secret, SecretSource::Given(secret) if secret.as_bytes() == SECRET.1.as_bytes())
        );
        let asked_for = load(&[PRODUCTION, SECRET, ("CONSOLE", "true")]).unwrap();
        assert!(asked_for.listen.console);
    }

    #[test]
    fn the_secret_before_is_another_one_and_as_long() {
        let (_, secret) = SECRET;
        assert!(problem(&[SECRET, ("JWT_SECRET_PREVIOUS", secret)]).contains("the same"));
        assert!(problem(&[SECRET, ("JWT_SECRET_PREVIOUS", "hunter2")]).contains("at least 32 bytes"));
        let other = ("JWT_SECRET_PREVIOUS", "fedcba9876543210fedcba9876543210");
        assert!(load(&[SECRET, other]).unwrap().tokens.previous_secret.is_some());
    }

    #[test]
    fn an_outside_issuer_lets_in_drivers_and_customers_unless_told() {
        let key = ("JWT_PUBLIC_KEY_FILE", "issuer.pem");
        let roles = |settings: &[(&str, &str)]| load(settings).unwrap().tokens.outside.unwrap().roles;
        assert_eq!(roles(&[key]), Roles::of([Role::Driver, Role::Customer]));
        assert_eq!(roles(&[key, ("JWT_ROLES", "admin, driver")]), Roles::of([Role::Admin, Role::Driver]));
        assert!(problem(&[key, ("JWT_ROLES", "root")]).contains("some of driver"));
    }

    #[test]
    fn production_without_a_secret_says_what_to_set() {
        for given in [&[PRODUCTION][..], &[PRODUCTION, ("JWT_SECRET", "")]] {
            let problem = problem(given);
            assert!(
                problem.starts_with("JWT_SECRET: not set") && problem.contains("openssl rand"),
                "{problem}"
            );
        }
    }

    #[test]
    fn development_beyond_loopback_keeps_its_metrics_to_itself_unless_told() {
        let bind = ("BIND", "127.0.0.1:8000,0.0.0.0:8067");
        let settings = load(&[bind]).unwrap();
        assert!(!settings.listen.is_loopback_only());
        assert!(!settings.listen.metrics_public && settings.listen.console);
        assert!(load(&[bind, ("METRICS_PUBLIC", "true")]).unwrap().listen.metrics_public);
        for loopback in ["127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(load(&[("BIND", loopback)]).unwrap().listen.is_loopback_only(), "{loopback}");
        }
    }

    #[test]
    fn all_problems_are_listed_at_once_in_the_order_of_reading() {
        let problems = problems(&[
            ("FLEETWIRE_PROFILE", "staging"),
            ("BIND", "localhost"),
            ("TIME_ZONE", "Mars/Olympus"),
            ("IDLE_TIMEOUT_SECS", "5m"),
            ("TLS_CERT_FILE", "cert.pem"),
        ]);
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert_eq!(problems[0], "FLEETWIRE_PROFILE=\"staging\": expected development or production");
        assert!(problems[4].starts_with("IDLE_TIMEOUT_SECS=\"5m\": expected a whole number from 1 to"));
    }

    #[test]
    fn every_setting_that_is_read_as_something_refuses_what_it_is_not() {
        let any_text = ["TLS_CERT_FILE", "TLS_KEY_FILE", "JWT_PUBLIC_KEY_FILE", "JWT_ISSUER", "JWT_AUDIENCE"];
        // Texts, files, and keys that are not asked for alone: src/config/push_tests.rs.
        let push = [
            "FIREBASE_",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "EXPO_ACCESS_TOKEN",
            "PUSH_CA_FILE",
            "PUSH_TEXTS",
        ];
        let apns = ["APNS_KEY_ID", "APNS_TEAM_ID", "APNS_TOPIC", "APNS_PRIVATE_KEY"];
        let is_text = |name: &str| {
            any_text.contains(&name) || push.iter().chain(&apns).any(|start| name.starts_with(start))
        };
        let decimals = ["FARE_BASE", "FARE_PER_KM", "DETOUR_FACTOR", "TRAVEL_SPEED_KMH"];
        for setting in SETTINGS.iter().filter(|setting| !is_text(setting.name)) {
            let fraction = if decimals.contains(&setting.name) { "1,5" } else { "1.5" };
            for nonsense in ["~", "-1", fraction] {
                let problem = problem(&[(setting.name, nonsense)]);
                assert!(problem.starts_with(&format!("{}=", setting.name)), "{problem}");
            }
        }
    }

    #[test]
    fn an_empty_value_is_none_and_blanks_around_one_do_not_matter() {
        let empty: Vec<_> = SETTINGS.iter().map(|setting| (setting.name, "")).collect();
        assert_eq!(load(&empty).unwrap(), load(&[]).unwrap());
        assert_eq!(load(&[("CURRENCY", " XAF ")]).unwrap().region.currency.as_str(), "XAF");
    }

    #[test]
    fn what_every_profile_defaults_to_is_the_table() {
        for profile in [&[][..], &[PRODUCTION, SECRET], &[("BIND", "0.0.0.0:8000")]] {
            let implied = load(profile).unwrap();
            let mut said = profile.to_vec();
            for setting in
                SETTINGS.iter().filter(|setting| profile.iter().all(|(name, _)| *name != setting.name))
            {
                let default = match profile.first() {
                    Some(&PRODUCTION) => setting.production,
                    Some(_) => setting.exposed,
                    None => None,
                };
                said.push((setting.name, default.unwrap_or(setting.default)));
            }
            assert_eq!(load(&said).unwrap(), implied);
        }
    }

    #[test]
    fn half_of_tls_is_refused_by_the_name_of_the_other_half() {
        assert!(problem(&[("TLS_CERT_FILE", "c.pem")]).starts_with("TLS_KEY_FILE: not set"));
        assert!(problem(&[("TLS_KEY_FILE", "k.pem")]).starts_with("TLS_CERT_FILE: not set"));
        let both = load(&[("TLS_CERT_FILE", "c.pem"), ("TLS_KEY_FILE", "k.pem")]).unwrap();
        assert_eq!(both.listen.tls.unwrap().private_key, PathBuf::from("k.pem"));
    }

    #[test]
    fn an_outside_key_in_production_wants_issuer_and_audience() {
        let key = ("JWT_PUBLIC_KEY_FILE", "issuer.pem");
        let (issuer, audience) = (("JWT_ISSUER", "https://issuer.example"), ("JWT_AUDIENCE", "fleet"));
        let outside = load(&[key]).unwrap().tokens.outside.unwrap();
        assert_eq!((outside.issuer, outside.audience), (None, None));
        assert_eq!(problems(&[PRODUCTION, SECRET, key]).len(), 2);
        assert!(problem(&[PRODUCTION, SECRET, key, issuer]).starts_with("JWT_AUDIENCE: not set"));
        assert!(load(&[PRODUCTION, SECRET, key, issuer, audience]).is_ok());
        assert!(problem(&[issuer]).contains("JWT_PUBLIC_KEY_FILE"));
    }

    #[test]
    fn a_secret_has_at_least_32_bytes_as_they_are_and_is_never_shown() {
        let short = problem(&[("JWT_SECRET", "hunter2hunter2")]);
        assert!(short.contains("14 bytes, not shown") && !short.contains("hunter2"), "{short}");
        let spaced = format!(" {}", "x".repeat(31));
        assert!(load(&[("JWT_SECRET", &spaced)]).is_ok(), "a blank is a byte");
        let shown = format!("{:?}", load(&[SECRET, ("DATABASE_URL", "postgres://u:hunter2@h/d")]).unwrap());
        assert!(!shown.contains(SECRET.1) && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_wrong_database_url_is_shown_without_its_password() {
        let wrong = problem(&[("DATABASE_URL", "mysql://fleet:hunter2@db/fleet")]);
        assert!(wrong.contains("mysql://fleet:***@db/fleet") && !wrong.contains("hunter2"), "{wrong}");
        let wrong = problem(&[("DATABASE_URL", "host=db password=hunter2")]);
        assert!(!wrong.contains("hunter2"), "{wrong}");
    }

    #[test]
    fn tls_towards_postgresql_needs_a_binary_that_has_it() {
        let url = DatabaseUrl::Postgres("postgres://u:hunter2@h/d?sslmode=verify-full".to_owned());
        let lookup = |_: &str| Some("postgres://u:hunter2@h/d?sslmode=verify-full".to_owned());
        let mut reader = Reader::new(&lookup);
        check_pg_tls(&mut reader, &url, true);
        assert_eq!(reader.problems.len(), 0);
        check_pg_tls(&mut reader, &url, false);
        let problem = reader.problems[0].to_string();
        assert!(problem.contains("sslmode=verify-full") && problem.contains("pg-tls"), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }

    #[test]
    fn addresses_are_there_once() {
        assert!(problem(&[("BIND", "127.0.0.1:8000, 127.0.0.1:8000")]).contains("twice"));
        assert!(load(&[("BIND", "127.0.0.1:0,127.0.0.1:0")]).is_ok(), "the system chooses two");
    }

    #[test]
    fn limits_that_belong_together_follow_each_other_or_are_refused() {
        let sessions = load(&[("IDLE_TIMEOUT_SECS", "2"), ("OUTBOX_BYTES_MAX", "8192")]).unwrap().sessions;
        assert_eq!(sessions.heartbeat, Duration::from_secs(1));
        assert_eq!(sessions.outbox_shed_bytes, 2048);
        let shed = problem(&[("OUTBOX_BYTES_MAX", "8192"), ("OUTBOX_SHED_BYTES", "8192")]);
        assert!(shed.starts_with("OUTBOX_SHED_BYTES="), "{shed}");
        assert!(problem(&[("REPLAY_HOURS_MAX", "48"), ("EVENT_RETENTION_DAYS", "1")]).contains("pruned"));
        assert!(problem(&[("DRAIN_SECS", "8")]).contains("CLOSE_TIMEOUT_MS"));
        assert!(load(&[("DRAIN_SECS", "0")]).is_ok());
    }

    #[test]
    fn postgresql_has_eight_connections_and_sqlite_at_least_two_that_read() {
        let connections = |url| load(&[("DATABASE_URL", url)]).unwrap().database.connections.get();
        assert_eq!(connections("postgres://h/d"), 8);
        assert!((2..=8).contains(&connections("sqlite://a.db")));
    }
}
