//! `fleetwire admin`: manages access, also for an operator who is locked out of everything. It runs next to a server,
//! which closes the sockets of revoked sessions within a second or two.

use crate::app::cli::{Admin, Sessions};
use crate::app::{CommandResult, Foundation, local_user, say};
use crate::config::Settings;
use crate::contracts::time::WireTime;
use crate::domain::role::Role;
use crate::domain::username::Username;
use crate::operations::accounts::{self, Person};
use crate::operations::audit::{self, Call};
use crate::operations::authentication::{self, Login};
use crate::operations::passwords::{Password, hash_now};
use crate::operations::{self, grants, staff};
use crate::store::{Account, Database, Grant, StoreError, Tx};
use std::error::Error;
use std::io::{BufRead, IsTerminal};
use uuid::Uuid;

/// Maximum number of sessions listed. An account with more can revoke all.
const LISTED_MAX: i64 = 1000;

pub async fn admin(settings: &Settings, command: Admin) -> CommandResult {
    // Asked for before the database is opened: somebody may think about it for a while.
    let password = match &command {
        Admin::Create { username, .. } => Some(read_password(username)?),
        Admin::Password { of, one_time: false } => Some(read_password(&of.name)?),
        _ => None,
    };
    let foundation = Foundation::open(settings)?;
    let outcome = carry_out(&foundation, command, password).await;
    foundation.database.close();
    outcome
}

async fn carry_out(foundation: &Foundation, command: Admin, password: Option<Password>) -> CommandResult {
    let database = &foundation.database;
    match command {
        Admin::Create { username, role } => create(database, &username, role, password).await,
        Admin::Suspend(of) => set_suspended(database, &of.name, true).await,
        Admin::Unlock(of) => set_suspended(database, &of.name, false).await,
        Admin::Password { of, .. } => set_password(database, &of.name, password).await,
        Admin::TotpReset(of) => reset_second_factor(database, &of.name).await,
        Admin::Sessions { command: Sessions::List(of) } => {
            list(foundation, anybody(database, &of.name).await?).await
        }
        Admin::Tokens { command: Sessions::List(of) } => {
            list(foundation, program(database, &of.name).await?).await
        }
        Admin::Sessions { command: Sessions::Revoke { of, id, .. } } => {
            revoke(database, anybody(database, &of.name).await?, id).await
        }
        Admin::Tokens { command: Sessions::Revoke { of, id, .. } } => {
            revoke(database, program(database, &of.name).await?, id).await
        }
    }
}

fn read_password(of: &str) -> Result<Password, Box<dyn Error>> {
    if std::io::stdin().is_terminal() {
        eprint!("Password of {of}: ");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(Password::new(line.trim_end_matches(['\r', '\n']))?)
}

async fn create(
    database: &Database,
    username: &str,
    role: Role,
    password: Option<Password>,
) -> CommandResult {
    let username = Username::parse(username).map_err(|error| format!("a user name {error}"))?.into_string();
    let password_hash = password.as_ref().map(hash_now).transpose()?;
    let person =
        Person { name: username.clone(), username, phone_number: None, password_hash, is_demo: false };
    let name = person.username.clone();
    change(database, "admin create", move |tx| accounts::create_account(tx, &person, role)).await?;
    say(&format!("Operator {name} ({role}) can log in now."))
}

async fn set_suspended(database: &Database, name: &str, suspended: bool) -> CommandResult {
    let id = anybody(database, name).await?.public_id;
    let action = if suspended { "admin suspend" } else { "admin unlock" };
    let account = change(database, action, move |tx| staff::set_suspended(tx, id, suspended)).await?;
    say(&match suspended {
        true => format!("{} is suspended; all sessions have ended.", account.username),
        false => format!("{} can be let in again.", account.username),
    })
}

/// The password that was read, or one for one time.
async fn set_password(database: &Database, name: &str, password: Option<Password>) -> CommandResult {
    let id = anybody(database, name).await?.public_id;
    let one_time = password.is_none().then(|| staff::one_time_password(Uuid::new_v4()));
    let password = password.or(one_time.clone().map(Password::claimed)).expect("one of the two");
    let (hash, is_one_time) = (hash_now(&password)?, one_time.is_some());
    let reset = move |tx: &mut Tx<'_>| staff::reset_password(tx, None, id, &hash, is_one_time);
    let account = change(database, "admin password", reset).await?;
    match one_time {
        // Alone on its line, so that it can be copied or piped.
        Some(password) => say(&password),
        None => say(&format!("{} has another password; all sessions have ended.", account.username)),
    }
}

async fn reset_second_factor(database: &Database, name: &str) -> CommandResult {
    let id = anybody(database, name).await?.public_id;
    let reset = move |tx: &mut Tx<'_>| staff::reset_second_factor(tx, None, id);
    let account = change(database, "admin totp-reset", reset).await?;
    say(&format!("{} has no second factor; all sessions have ended.", account.username))
}

async fn list(foundation: &Foundation, account: Account) -> CommandResult {
    let (id, now) = (account.id, foundation.clock.now());
    let rows: Result<Vec<Grant>, StoreError> =
        foundation.database.read(move |conn| grants::page(conn, id, now, None, LISTED_MAX)).await;
    for row in rows? {
        let [began_at, used_at, until] = [row.began_at, row.last_used_at, row.expires_at].map(WireTime::from);
        say(&format!("{} {began_at} {used_at} {until} {}", row.id, row.name))?;
    }
    Ok(())
}

async fn revoke(database: &Database, account: Account, session: Option<Uuid>) -> CommandResult {
    let id = account.id;
    let revoke = move |tx: &mut Tx<'_>| match session {
        Some(session) => grants::revoke(tx, id, session),
        None => grants::revoke_all(tx, id, None),
    };
    change(database, "admin sessions revoke", revoke).await?;
    say(&match session {
        Some(session) => format!("Session {session} of {} has ended.", account.username),
        None => format!("All sessions and tokens of {} have ended.", account.username),
    })
}

/// A change, and who made it by hand on this machine.
async fn change<T: Send + 'static>(
    database: &Database,
    action: &str,
    mut operation: impl FnMut(&mut Tx<'_>) -> Result<T, operations::Error> + Send + 'static,
) -> Result<T, Box<dyn Error>> {
    let call = Call::local(local_user(), action);
    let recorded = move |tx: &mut Tx<'_>| {
        let done = operation(tx)?;
        audit::record(tx, &call)?;
        Ok::<_, operations::Error>(done)
    };
    Ok(database.write(recorded).await?)
}

async fn anybody(database: &Database, name: &str) -> Result<Account, Box<dyn Error>> {
    let login = Login::Username(name.to_owned());
    let found: Result<Option<Account>, StoreError> =
        database.read(move |conn| authentication::find_login(conn, &login)).await;
    Ok(found?
        .filter(|account| !account.is_guest)
        .ok_or_else(|| format!("there is no account named {name:?}"))?)
}

async fn program(database: &Database, name: &str) -> Result<Account, Box<dyn Error>> {
    let name = name.strip_prefix(accounts::PROGRAM).unwrap_or(name);
    let username = Username::parse(name).map_err(|error| format!("a program's name {error}"))?;
    anybody(database, &format!("{}{}", accounts::PROGRAM, username.as_str())).await
}
