//! The subcommands that run next to a server, or without one.

use crate::app::cli::{IdRange, Seed, Token};
use crate::app::{
    CommandResult, Foundation, local_user, outside_key, place, say, settle_currency, time_delta, token_keys,
};
use crate::clock::SharedClock;
use crate::config::{Profile, Settings};
use crate::domain::audit::Subject as AuditSubject;
use crate::domain::ids::{CustomerId, DriverId};
use crate::domain::role::Role;
use crate::domain::username::Username;
use crate::operations::accounts;
use crate::operations::audit::{self, Call};
use crate::operations::authentication::Principal;
use crate::operations::passwords::{Password, hash_now};
use crate::operations::retention::{Retention, prune_step};
use crate::operations::tokens::{Subject, TokenKeys};
use crate::operations::{self, grants, seed as seeding};
use crate::store::{self, Database, StoreError, Tx};
use chrono::TimeDelta;
use std::error::Error;
use std::io::Write;
use std::time::Duration;
use uuid::Uuid;

/// How a token is called that nobody gave a name.
const TOKEN_NAME: &str = "fleetwire token";

/// Accounts made in one transaction.
const SEED_BATCH: usize = 500;

pub fn migrate(settings: &Settings) -> CommandResult {
    let run = store::migrate(&place(&settings.database.url), settings.database.timeout)?;
    match run.as_slice() {
        [] => say(&format!("The schema of {} is up to date.", settings.database.url))?,
        run => run.iter().try_for_each(|migration| say(&format!("Ran migration {migration}.")))?,
    }
    let jobs = settle_currency(settings)?;
    if jobs > 0 {
        let currency = settings.region.currency;
        say(&format!("The amounts of {jobs} jobs had no currency and are now in {currency}."))?;
    }
    Ok(())
}

pub async fn seed(settings: &Settings, options: Seed) -> CommandResult {
    let foundation = Foundation::open(settings)?;
    let outcome = seed_database(settings, &foundation.database, options).await;
    foundation.database.close();
    outcome
}

async fn seed_database(settings: &Settings, database: &Database, options: Seed) -> CommandResult {
    if options.remove {
        let removed = database.write(seeding::remove).await?;
        return say(&format!("Removed {removed} demo accounts; their open orders are cancelled."));
    }
    if settings.profile == Profile::Production {
        return Err("demo data is not allowed in production; remove it with `fleetwire seed --remove`".into());
    }
    let hash = hash_now(&Password::new(seeding::DEMO_PASSWORD)?)?;
    let demo_hash = hash.clone();
    // Where others than this machine can connect, `serve` gives the operator a password of its own at each start.
    let admin_hash = match settings.listen.is_loopback_only() {
        true => hash.clone(),
        false => hash_now(&Password::new(Uuid::new_v4().simple().to_string())?)?,
    };
    database.write(move |tx| seeding::seed(tx, &demo_hash, &admin_hash)).await?;
    say("Demo accounts are ready: admin, driver1, driver2, driver3, driver123, passenger1, customer123.")?;
    seed_drivers(database, options.drivers, &hash).await?;
    seed_customers(database, options.customers, &hash).await
}

async fn seed_drivers(database: &Database, count: usize, hash: &str) -> CommandResult {
    let used = database.read(accounts::driver_ids).await?;
    let ids: Vec<(usize, DriverId)> =
        seeding::lowest_free(&used, count).into_iter().map(DriverId).enumerate().collect();
    for batch in ids.chunks(SEED_BATCH) {
        let (batch, hash) = (batch.to_vec(), hash.to_owned());
        database.write(move |tx| seeding::seed_drivers(tx, &batch, count, &hash)).await?;
    }
    if let (Some((_, first)), Some((_, last))) = (ids.first(), ids.last()) {
        say(&format!("Made {count} drivers, ids {first} to {last}."))?;
    }
    Ok(())
}

async fn seed_customers(database: &Database, count: usize, hash: &str) -> CommandResult {
    let used = database.read(accounts::customer_ids).await?;
    let ids: Vec<CustomerId> = seeding::lowest_free(&used, count).into_iter().map(CustomerId).collect();
    for batch in ids.chunks(SEED_BATCH) {
        let (batch, hash) = (batch.to_vec(), hash.to_owned());
        database.write(move |tx| seeding::seed_customers(tx, &batch, &hash)).await?;
    }
    if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
        say(&format!("Made {count} customers, ids {first} to {last}."))?;
    }
    Ok(())
}

pub async fn token(settings: &Settings, options: Token) -> CommandResult {
    let keys = token_keys(settings, outside_key(settings)?)?;
    let foundation = Foundation::open(settings)?;
    let tokens = tokens(settings, &keys, &foundation, &options).await;
    foundation.database.close();
    let mut out = std::io::stdout().lock();
    for token in tokens? {
        writeln!(out, "{token}")?;
    }
    Ok(())
}

/// Those of programs and operators are noted, so that each can be revoked by itself; a driver's or a customer's is for testing.
async fn tokens(
    settings: &Settings,
    keys: &TokenKeys,
    foundation: &Foundation,
    options: &Token,
) -> Result<Vec<String>, Box<dyn Error>> {
    let lifetime = options
        .ttl_secs
        .map_or(time_delta(settings.tokens.access_ttl), |secs| TimeDelta::seconds(i64::from(secs)));
    let is_noted = options.driver.is_none() && options.customer.is_none();
    let now = foundation.clock.now();
    let mut tokens = Vec::new();
    for principal in principals(&foundation.database, options).await? {
        let (subject, issued_at, id) = (principal.subject(), principal.issue_time(now), Uuid::new_v4());
        if !is_noted {
            tokens.push(keys.issue_until(&subject, issued_at, issued_at + lifetime, id).text);
            continue;
        }
        let name = options.name.clone().unwrap_or_else(|| TOKEN_NAME.to_owned());
        let (account, until) = (principal.account, issued_at + lifetime);
        let noted: Result<(), operations::Error> =
            foundation.database.write(move |tx| grants::note_token(tx, account, id, &name, until)).await;
        noted?;
        let subject = Subject { session: Some(id), ..subject };
        tokens.push(keys.issue_until(&subject, issued_at, until, id).text);
    }
    Ok(tokens)
}

/// The accounts that the tokens are for; an error if one of them does not exist.
async fn principals(database: &Database, options: &Token) -> Result<Vec<Principal>, Box<dyn Error>> {
    if let Some(range) = options.driver {
        return found(
            range,
            "driver",
            database.read(move |conn| accounts::drivers_within(conn, range.first, range.last)).await?,
        );
    }
    if let Some(range) = options.customer {
        return found(
            range,
            "customer",
            database.read(move |conn| accounts::customers_within(conn, range.first, range.last)).await?,
        );
    }
    if let Some(name) = options.service.clone() {
        let name = Username::parse(&name).map_err(|error| format!("a service's name {error}"))?;
        let role = options.role;
        let made = name.clone();
        let call = Call::local(local_user(), "token");
        let issue = move |tx: &mut Tx<'_>| {
            let program = accounts::service(tx, &made, role.unwrap_or(Role::Service))?;
            tx.concerns(AuditSubject::account(program.account));
            audit::record(tx, &call)?;
            Ok::<_, operations::Error>(program)
        };
        let program: Principal = database.write(issue).await?;
        return match role.filter(|role| *role != program.role) {
            None => Ok(vec![program]),
            Some(_) => {
                Err(format!("{} is a {} already; take another name", name.as_str(), program.role).into())
            }
        };
    }
    let admin: Option<Principal> = database.read(accounts::first_admin).await?;
    let admin = admin.ok_or("there is no operator yet; create one with `fleetwire admin create`")?;
    let call =
        Call { subject: Some(AuditSubject::account(admin.account)), ..Call::local(local_user(), "token") };
    let recorded: Result<(), StoreError> = database.write(move |tx| audit::record(tx, &call)).await;
    recorded?;
    Ok(vec![admin])
}

fn found(
    range: IdRange,
    what: &str,
    principals: Vec<(i64, Principal)>,
) -> Result<Vec<Principal>, Box<dyn Error>> {
    let mut there = principals.iter().map(|(id, _)| *id);
    match (range.first..=range.last).find(|id| there.next() != Some(*id)) {
        Some(missing) => Err(format!("there is no {what} with id {missing} that may log in").into()),
        None => Ok(principals.into_iter().map(|(_, principal)| principal).collect()),
    }
}

pub async fn prune(settings: &Settings) -> CommandResult {
    let retention = retention(settings);
    let foundation = Foundation::open(settings)?;
    let removed = prune_all(&foundation.database, retention, &foundation.clock).await;
    foundation.database.close();
    say(&format!("Removed {} rows.", removed?))
}

pub fn retention(settings: &Settings) -> Retention {
    Retention {
        events: time_delta(settings.retention.events),
        locations: time_delta(settings.retention.locations),
        audit: time_delta(settings.retention.audit),
        traces: time_delta(settings.retention.traces),
        jobs: settings.retention.jobs.map(time_delta),
        zone: settings.region.time_zone,
    }
}

/// Small steps until nothing is left to remove. Decisions go between the steps.
pub async fn prune_all(
    database: &Database,
    retention: Retention,
    clock: &SharedClock,
) -> Result<usize, StoreError> {
    let mut removed = 0;
    loop {
        let steady = clock.steady();
        match database.write_bulk(move |tx| prune_step(tx, retention, steady)).await? {
            0 => return Ok(removed),
            rows => removed += rows,
        }
    }
}

/// How often the server prunes.
pub const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);
