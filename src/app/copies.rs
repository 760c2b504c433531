//! `fleetwire backup` and `fleetwire restore`: copies of a SQLite database. PostgreSQL has tools of its own.

use crate::app::{CommandResult, log_time, say};
use crate::config::{DatabaseUrl, Settings};
use crate::store;
use std::path::Path;

/// Works whether or not a server runs.
pub fn back_up(settings: &Settings, copy: &Path) -> CommandResult {
    let database = file(settings, "pg_dump")?;
    store::back_up(database, copy)?;
    say(&format!("Copied {} to {}.", database.display(), copy.display()))
}

/// With the server stopped.
pub fn restore(settings: &Settings, backup: &Path) -> CommandResult {
    let database = file(settings, "pg_restore")?;
    let stamp = log_time().format("%Y%m%dT%H%M%SZ").to_string();
    let restored = store::restore(database, backup, &stamp)?;
    say(&format!("Restored {} from {}.", database.display(), backup.display()))?;
    match restored.kept_as {
        Some(kept) => say(&format!("The database that was there is kept as {}.", kept.display())),
        None => Ok(()),
    }
}

fn file<'a>(settings: &'a Settings, tool: &str) -> Result<&'a Path, String> {
    match &settings.database.url {
        DatabaseUrl::Sqlite(path) => Ok(path),
        DatabaseUrl::Postgres(_) => Err(format!("this is for SQLite; use PostgreSQL's own {tool}")),
    }
}
