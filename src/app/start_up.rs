//! The checks and preparations before the first client is let in, and the messages about them.

use crate::app::tls::Tls;
use crate::app::{Foundation, outside_key, say};
use crate::config::{ClientAddressHeader, Profile, SecretSource, Settings};
use crate::domain::ride_book::RideKeyRule;
use crate::operations::passwords::{Password, hash_now, matches_now};
use crate::operations::tokens::OutsideKey;
use crate::operations::{self, accounts, seed};
use crate::store::{Database, StoreError, reads};
use std::error::Error;
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use uuid::Uuid;

/// The start-up message's part about log-ins.
pub enum LogIns {
    /// Nothing of ours to say.
    None,
    /// Nobody could make an order: there is no operator.
    NoOperator,
    /// Demo accounts, all with the demo password.
    Demo,
    /// Demo accounts, but `admin` has this password: others than this machine can connect.
    DemoWithAdmin(String),
}

/// The contents of the files that settings name.
pub struct KeyFiles {
    pub tls: Option<Arc<Tls>>,
    pub outside: Option<OutsideKey>,
}

/// Reads the files that settings name, or returns all problems with them. Called before the database is touched.
pub fn key_files(settings: &Settings) -> Result<KeyFiles, Box<dyn Error>> {
    let tls = settings.listen.tls.as_ref().map(Tls::read).transpose();
    let tls = tls.map_err(|error| format!("TLS_CERT_FILE, TLS_KEY_FILE: {error}"));
    match (tls, outside_key(settings)) {
        (Ok(tls), Ok(outside)) => Ok(KeyFiles { tls, outside }),
        (Err(one), Err(other)) => Err(format!("{one}; {other}").into()),
        (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => Err(problem.into()),
    }
}

/// Development gets its demo data; production refuses to have any.
pub async fn prepare(settings: &Settings, foundation: &Foundation) -> Result<LogIns, Box<dyn Error>> {
    let database = &foundation.database;
    let demo: Result<_, StoreError> = database.read(|conn| reads::demo_accounts(conn, 1)).await;
    let demo = demo?;
    if settings.profile == Profile::Production {
        if let Some(account) = demo.first() {
            return Err(format!(
                "the demo account {} is enabled, and its password is public; \
                 `fleetwire seed --remove` takes the demo accounts away",
                account.username
            )
            .into());
        }
        return without_demo(database).await;
    }
    let any: Result<bool, StoreError> = database.read(accounts::any).await;
    let is_new = !any?;
    if is_new {
        let hash = hash_now(&Password::new(seed::DEMO_PASSWORD)?)?;
        let seeded: Result<(), operations::Error> =
            database.write(move |tx| seed::seed(tx, &hash, &hash)).await;
        seeded?;
        log::info!("demo data made database={}", settings.database.url);
    }
    if !is_new && demo.is_empty() {
        return without_demo(database).await;
    }
    if settings.listen.is_loopback_only() {
        restore_admin_password(database).await?;
        return Ok(LogIns::Demo);
    }
    let password = Uuid::new_v4().simple().to_string();
    Ok(match set_admin_password(database, &password).await? {
        true => LogIns::DemoWithAdmin(password),
        false => LogIns::None,
    })
}

async fn without_demo(database: &Database) -> Result<LogIns, Box<dyn Error>> {
    let operator: Result<_, StoreError> = database.read(accounts::first_admin).await;
    Ok(if operator?.is_some() { LogIns::None } else { LogIns::NoOperator })
}

/// An earlier start, with others able to connect, may have left a password that nobody knows any longer. If it is the
/// demo password, nothing is changed: that would revoke the operator's tokens.
async fn restore_admin_password(database: &Database) -> Result<(), Box<dyn Error>> {
    let stored = database.read(seed::admin_hash).await?;
    let demo = Password::new(seed::DEMO_PASSWORD)?;
    if stored.is_some_and(|stored| !matches_now(&demo, Some(&stored))) {
        set_admin_password(database, seed::DEMO_PASSWORD).await?;
    }
    Ok(())
}

async fn set_admin_password(database: &Database, password: &str) -> Result<bool, Box<dyn Error>> {
    let hash = hash_now(&Password::new(password)?)?;
    let changed: Result<bool, operations::Error> =
        database.write(move |tx| seed::set_admin_password(tx, &hash)).await;
    Ok(changed?)
}

/// Warns in the log, where it is found long after the start, of settings that let in people without an account.
pub fn warn_of_what_is_open(settings: &Settings) {
    let listen = &settings.listen;
    if listen.trusted_proxies.is_empty() && listen.client_address_header != ClientAddressHeader::XForwardedFor
    {
        log::warn!(
            "CLIENT_ADDRESS_HEADER is ignored because TRUSTED_PROXIES is not set: name the proxies that may send it"
        );
    }
    if settings.notifications.allow_anonymous {
        log::info!("push without a token is allowed from this machine ALLOW_ANONYMOUS_PUSH=true");
    }
    let rides = settings.anonymous_rides;
    if !rides.allowed {
        return;
    }
    let level = match settings.listen.is_loopback_only() {
        true => log::Level::Info,
        false => log::Level::Warn,
    };
    log::log!(level, "rides without a token are allowed ALLOW_ANONYMOUS_RIDES=true");
    if rides.key == RideKeyRule::Optional {
        log::log!(level, "anyone who knows such a ride's id is let in as its passenger RIDE_KEY=optional");
    }
}

/// Says on standard output where the server is, who can log in, and what to try next.
/// Nobody may be reading that, which is no reason not to serve.
pub fn announce(settings: &Settings, addresses: &[SocketAddr], log_ins: &LogIns) {
    let mut text = String::new();
    // A text takes all that it is given.
    let _ = write_announcement(&mut text, settings, addresses, log_ins);
    if let Err(error) = say(text.trim_end()) {
        log::warn!("can't announce the server's addresses: {error}");
    }
}

fn write_announcement(
    out: &mut String,
    settings: &Settings,
    addresses: &[SocketAddr],
    log_ins: &LogIns,
) -> fmt::Result {
    let scheme = if settings.listen.tls.is_some() { "https" } else { "http" };
    for address in addresses {
        writeln!(out, "Fleetwire is listening on {scheme}://{address}")?;
    }
    writeln!(out, "  profile   {}", settings.profile)?;
    writeln!(out, "  database  {}", settings.database.url)?;
    if let SecretSource::KeptIn(path) = &settings.tokens.secret {
        writeln!(
            out,
            "  secret    {}, made at the first start; anyone who has it can impersonate any account",
            path.display()
        )?;
    }
    let Some(first) = addresses.first() else { return Ok(()) };
    if settings.listen.console {
        writeln!(out, "  console   {scheme}://{first}/")?;
    }
    match log_ins {
        LogIns::None => return Ok(()),
        LogIns::NoOperator => {
            writeln!(out, "  accounts  no operator yet")?;
            return writeln!(
                out,
                "Try next:   fleetwire admin create --username NAME, with the password on standard input"
            );
        }
        LogIns::Demo => writeln!(
            out,
            "  accounts  admin, driver1, driver2, driver3, driver123, passenger1, customer123 (password {})",
            seed::DEMO_PASSWORD
        )?,
        LogIns::DemoWithAdmin(password) => writeln!(
            out,
            "  accounts  admin (password {password}, for this run only, since other machines can connect),\n            \
             driver1, driver2, driver3, driver123, passenger1, customer123 (password {})",
            seed::DEMO_PASSWORD
        )?,
    }
    writeln!(
        out,
        "Try next:   curl -s {scheme}://{first}/api/v1/auth/login -H 'content-type: application/json' \
         -d '{{\"username\":\"driver123\",\"password\":\"{}\"}}'",
        seed::DEMO_PASSWORD
    )
}
