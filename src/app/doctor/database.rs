//! The database: whether it can be reached, is ours and sound, and holds what it is given.

use crate::app::doctor::finding::Finding;
use crate::app::doctor::{clocks, files};
use crate::app::place;
use crate::clock::SharedClock;
use crate::config::{DatabaseUrl, Durability, Profile, Settings};
use crate::operations::accounts;
use crate::store::{Chain, Inspection, PostgresFacts, Schema, reads};
use chrono::{DateTime, TimeDelta, Utc};
use std::path::Path;

/// The oldest version that its makers still mend, as of this program's making.
const POSTGRES_MIN: i64 = 140_000;
/// Two machines that follow a time service differ by milliseconds; events' times are the server's.
const DATABASE_CLOCK_MAX: TimeDelta = TimeDelta::seconds(1);
/// The threads for bulk writes, the lock of `serve`, and one of another subcommand.
const OTHER_CONNECTIONS: i64 = 3;

/// Looks only, also while a server runs on it.
pub fn database(settings: &Settings, clock: &SharedClock) -> Vec<Finding> {
    let url = &settings.database.url;
    let mut findings = match url {
        DatabaseUrl::Sqlite(file) => files::database(file),
        DatabaseUrl::Postgres(_) => Vec::new(),
    };
    if let DatabaseUrl::Sqlite(file) = url
        && !file.exists()
    {
        findings.push(Finding::ok("database", format!("{url} is not there yet; the first start makes it")));
        return findings;
    }
    match Inspection::open(&place(url), settings.database.timeout) {
        Ok(inspection) => findings.extend(inspected(settings, clock, inspection)),
        Err(error) => findings.push(Finding::fault(
            "database",
            format!("{url}: {}", Chain(&error)),
            "see that it runs, and that DATABASE_URL names it and a user who may connect",
        )),
    }
    findings
}

fn inspected(settings: &Settings, clock: &SharedClock, mut inspection: Inspection) -> Vec<Finding> {
    let url = &settings.database.url;
    let mut findings = Vec::new();
    match inspection.schema() {
        Ok(schema) => {
            let is_current = schema == Schema::UpToDate;
            findings.push(Finding::ok("database", format!("{url} answers")));
            findings.push(schema_finding(&schema));
            if is_current {
                findings.extend(accounts_in(settings, &mut inspection));
            }
        }
        Err(error) => {
            let remedy = "see that it is Fleetwire's database and not damaged; `fleetwire restore` brings a backup back";
            findings.push(Finding::fault("database", format!("{url}: {}", Chain(&error)), remedy));
            return findings;
        }
    }
    if let DatabaseUrl::Sqlite(file) = url {
        findings.extend(inspection.journal_mode().ok().flatten().map(|mode| journal(&mode)));
        findings.push(soundness(inspection.damage().map_err(|error| Chain(&error).to_string()), file));
    }
    let before = clock.now();
    match inspection.postgres() {
        Ok(Some(facts)) => findings.extend(postgres(settings, &facts, before, clock.now())),
        Ok(None) => {}
        Err(error) => findings.push(Finding::warning(
            "postgresql",
            format!("its settings can't be read: {}", Chain(&error)),
            "let the user read them",
        )),
    }
    findings
}

fn schema_finding(schema: &Schema) -> Finding {
    const CHECK: &str = "schema";
    match schema {
        Schema::UpToDate => Finding::ok(CHECK, "the schema is this program's"),
        Schema::Behind(missing) => Finding::warning(
            CHECK,
            format!("{missing} migrations have not run"),
            "make a backup; the next start runs them, or `fleetwire migrate`",
        ),
        Schema::Newer(version) => Finding::fault(
            CHECK,
            format!("the database is newer than this program: migration {version} is unknown here"),
            "start the newer version of Fleetwire, or restore a backup from before the upgrade",
        ),
        Schema::Empty => Finding::warning(
            CHECK,
            "the database has no schema yet",
            "the first start makes it, or `fleetwire migrate`",
        ),
    }
}

/// Whom the rows let in.
fn accounts_in(settings: &Settings, inspection: &mut Inspection) -> Vec<Finding> {
    let mut findings = Vec::new();
    let demo = reads::demo_accounts(&mut inspection.conn(), 1);
    if settings.profile == Profile::Production
        && let Ok(demo) = &demo
        && let Some(account) = demo.first()
    {
        findings.push(Finding::fault(
            "demo-accounts",
            format!("the demo account {} is enabled, and its password is public", account.username),
            "run `fleetwire seed --remove`",
        ));
    }
    if let Ok(None) = accounts::first_admin(&mut inspection.conn()) {
        findings.push(Finding::warning(
            "operator",
            "there is no operator",
            "run `fleetwire admin create --username NAME`",
        ));
    }
    if let Err(error) = demo {
        findings.push(Finding::fault(
            "accounts",
            format!("the accounts can't be read: {}", Chain(&error)),
            "see the other findings about the database",
        ));
    }
    findings
}

fn journal(mode: &str) -> Finding {
    match mode.eq_ignore_ascii_case("wal") {
        true => Finding::ok("wal", "the database has a write-ahead log"),
        false => Finding::warning(
            "wal",
            format!("the journal mode is {mode}: readers would wait for writers"),
            "the next start switches it to WAL; if it is still so then, the disk's file system is unfit (network drives are)",
        ),
    }
}

fn soundness(damage: Result<Vec<String>, String>, file: &Path) -> Finding {
    const CHECK: &str = "integrity";
    let remedy = "stop the server, keep a copy of the file, and `fleetwire restore` the newest good backup";
    match damage {
        Ok(found) if found.is_empty() => {
            Finding::ok(CHECK, format!("{} is sound (quick_check)", file.display()))
        }
        Ok(found) => {
            Finding::fault(CHECK, format!("{} is damaged: {}", file.display(), found.join("; ")), remedy)
        }
        Err(error) => Finding::fault(CHECK, format!("{} can't be checked: {error}", file.display()), remedy),
    }
}

fn postgres(
    settings: &Settings,
    facts: &PostgresFacts,
    asked_at: DateTime<Utc>,
    answered_at: DateTime<Utc>,
) -> Vec<Finding> {
    let (major, minor) = (facts.version / 10_000, facts.version % 10_000);
    let version = match facts.version < POSTGRES_MIN {
        true => Finding::warning(
            "postgresql",
            format!("PostgreSQL {major}.{minor} is no longer mended by its makers"),
            "upgrade it",
        ),
        false => Finding::ok("postgresql", format!("PostgreSQL {major}.{minor}")),
    };
    let mut findings = vec![version, connections(settings, facts)];
    if let Some(theirs) = DateTime::from_timestamp_millis(facts.now_ms) {
        let middle = asked_at + (answered_at - asked_at) / 2;
        findings.push(clocks::difference("the database", theirs - middle, DATABASE_CLOCK_MAX));
    }
    findings.push(durability(settings, facts));
    findings
}

fn connections(settings: &Settings, facts: &PostgresFacts) -> Finding {
    const CHECK: &str = "connections";
    let pool = i64::from(settings.database.connections.get().max(2)) + OTHER_CONNECTIONS;
    let places = facts.connections_max - facts.connections_reserved;
    let says = format!("the server needs up to {pool} connections, PostgreSQL has {places} for everybody");
    match pool {
        _ if pool > places => {
            Finding::fault(CHECK, says, "lower DB_CONNECTIONS, or raise max_connections of PostgreSQL")
        }
        _ if pool * 2 > places => Finding::warning(
            CHECK,
            says,
            "leave room for others: lower DB_CONNECTIONS, or raise max_connections",
        ),
        _ => Finding::ok(CHECK, says),
    }
}

fn durability(settings: &Settings, facts: &PostgresFacts) -> Finding {
    const CHECK: &str = "durability";
    let wants_full = settings.database.decision_durability == Durability::Full;
    if facts.fsync != "on" {
        let says = "fsync is off: a power cut can destroy the whole database";
        return Finding::fault(CHECK, says, "set fsync = on in PostgreSQL");
    }
    match facts.synchronous_commit.as_str() {
        "off" if wants_full => Finding::fault(
            CHECK,
            "synchronous_commit is off: a power cut loses decisions that were answered",
            "set synchronous_commit = on for this database; DECISION_DURABILITY=normal says that it is meant",
        ),
        word => Finding::ok(CHECK, format!("fsync is on, synchronous_commit is {word}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::finding::Level;

    fn facts() -> PostgresFacts {
        PostgresFacts {
            version: 160_002,
            now_ms: 1_800_000_000_000,
            connections_max: 100,
            connections_reserved: 3,
            synchronous_commit: "on".to_owned(),
            fsync: "on".to_owned(),
        }
    }

    fn worst(facts: &PostgresFacts, changes: &[(&str, &str)], ahead_ms: i64) -> (&'static str, Level) {
        let lookup = |name: &str| {
            changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| (*value).to_owned())
        };
        let now = DateTime::from_timestamp_millis(facts.now_ms - ahead_ms).unwrap();
        let found = postgres(&Settings::load(lookup).unwrap(), facts, now, now);
        let worst = found.into_iter().max_by_key(|finding| finding.level).unwrap();
        (worst.check, worst.level)
    }

    #[test]
    fn a_good_postgresql_is_fine() {
        assert_eq!(worst(&facts(), &[], 200).1, Level::Ok);
    }

    #[test]
    fn each_fault_of_postgresql_is_named() {
        let old = PostgresFacts { version: 120_009, ..facts() };
        assert_eq!(worst(&old, &[], 0), ("postgresql", Level::Warning));
        let few = PostgresFacts { connections_max: 8, ..facts() };
        assert_eq!(worst(&few, &[("DB_CONNECTIONS", "8")], 0), ("connections", Level::Fault));
        let tight = PostgresFacts { connections_max: 20, ..facts() };
        assert_eq!(worst(&tight, &[("DB_CONNECTIONS", "8")], 0), ("connections", Level::Warning));
        let unsafe_one = PostgresFacts { fsync: "off".to_owned(), ..facts() };
        assert_eq!(worst(&unsafe_one, &[], 0), ("durability", Level::Fault));
        let lazy = PostgresFacts { synchronous_commit: "off".to_owned(), ..facts() };
        assert_eq!(worst(&lazy, &[], 0), ("durability", Level::Fault));
        assert_eq!(worst(&lazy, &[("DECISION_DURABILITY", "normal")], 0).1, Level::Ok);
        assert_eq!(worst(&facts(), &[], 5_000), ("clock", Level::Warning));
        assert_eq!(worst(&facts(), &[], -120_000), ("clock", Level::Fault));
    }

    #[test]
    fn a_schema_is_this_programs() {
        assert_eq!(schema_finding(&Schema::UpToDate).level, Level::Ok);
        assert_eq!(schema_finding(&Schema::Behind(2)).level, Level::Warning);
        assert_eq!(schema_finding(&Schema::Empty).level, Level::Warning);
        assert_eq!(schema_finding(&Schema::Newer("2099".to_owned())).level, Level::Fault);
    }

    #[test]
    fn damage_and_another_journal_are_named() {
        let file = Path::new("fleetwire.db");
        assert_eq!(soundness(Ok(Vec::new()), file).level, Level::Ok);
        assert_eq!(soundness(Ok(vec!["row 7 missing from index".to_owned()]), file).level, Level::Fault);
        assert_eq!(soundness(Err("malformed".to_owned()), file).level, Level::Fault);
        assert_eq!(journal("wal").level, Level::Ok);
        assert_eq!(journal("delete").level, Level::Warning);
    }
}
