//! Copies of a SQLite database: a backup made while a server may run, and a restored one that replaces the database.
//! Either is readable by its owner alone, and gets its final name only once it is complete and on disk.

use crate::store::checkpoint::beside;
use crate::store::executor::Where;
use crate::store::lock::{ServeLock, ServeLockError};
use crate::store::migrations::{self, MigrationError};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("{path}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} already exists; name a new file")]
    Exists { path: PathBuf },
    #[error("{path} is the database itself")]
    Itself { path: PathBuf },
    #[error("a server is running on this database; stop it first")]
    Served,
    #[error("another program has the database open; stop it first")]
    InUse,
    #[error("can't lock the database")]
    Lock(#[source] ServeLockError),
    #[error("{path} is not a Fleetwire database")]
    NotOurs { path: PathBuf },
    #[error("{path} is damaged: {finding}")]
    Damaged { path: PathBuf, finding: String },
    #[error("{path} can't be used")]
    Version { path: PathBuf, source: MigrationError },
    #[error("{path} can't be opened as a database")]
    Open { path: PathBuf, source: ConnectionError },
    #[error("{path} can't be read as a database")]
    Read { path: PathBuf, source: diesel::result::Error },
}

/// The fate of the replaced database.
pub struct Restored {
    /// Where it is now; none where there was none.
    pub kept_as: Option<PathBuf>,
}

/// Writes a copy of the database as it is at this moment to `copy`, which must not exist. Neither a server nor anybody else
/// waits for it.
pub fn back_up(database: &Path, copy: &Path) -> Result<(), CopyError> {
    if copy.symlink_metadata().is_ok() {
        return Err(CopyError::Exists { path: copy.to_owned() });
    }
    // A connection would make one.
    fs::metadata(database).map_err(failed(database))?;
    let partial = Scratch::new(copy, ".partial")?;
    let mut conn = open(database)?;
    let target = partial.path.to_string_lossy().replace('\'', "''");
    let read = |source| CopyError::Read { path: database.to_owned(), source };
    conn.batch_execute(&format!("PRAGMA busy_timeout = 10000; VACUUM INTO '{target}'")).map_err(read)?;
    partial.become_file(copy)
}

/// Replaces the database with a copy, if the copy is complete and ours and nobody has the database open. The old
/// database is kept next to it, under a name with `stamp`. The copy itself stays unchanged.
pub fn restore(database: &Path, backup: &Path, stamp: &str) -> Result<Restored, CopyError> {
    let source = fs::metadata(backup).map_err(failed(backup))?;
    let former = fs::metadata(database).ok();
    if former.as_ref().is_some_and(|former| (former.dev(), former.ino()) == (source.dev(), source.ino())) {
        return Err(CopyError::Itself { path: backup.to_owned() });
    }
    // Makes an empty file if there is none, so that a server that starts now is refused.
    let lock = ServeLock::take(&Where::Sqlite(database.to_owned())).map_err(|error| match error {
        ServeLockError::Taken => CopyError::Served,
        other => CopyError::Lock(other),
    })?;
    let real = database.canonicalize().map_err(failed(database))?;
    let fresh = Scratch::new(&real, ".restoring")?;
    take_over(backup, &fresh.path)?;
    if let Some(former) = &former {
        chown(&fresh.path, Some(former.uid()), Some(former.gid())).map_err(failed(&fresh.path))?;
    }
    let kept_as = former.is_some().then(|| beside(&real, &format!(".before-restore-{stamp}")));
    set_aside(&real, kept_as.as_deref())?;
    fresh.become_file(&real)?;
    drop(lock);
    Ok(Restored { kept_as })
}

/// Copies the backup, with its log where it has one, and checks the copy.
fn take_over(backup: &Path, fresh: &Path) -> Result<(), CopyError> {
    let log = beside(backup, "-wal");
    copy_into(backup, fresh)?;
    if log.exists() {
        copy_into(&log, &private(&beside(fresh, "-wal"))?)?;
    }
    let said_of = backup.to_owned();
    let mut conn = open(fresh)?;
    let finding = text(&mut conn, "PRAGMA integrity_check(1)");
    match finding {
        Ok(finding) if finding == "ok" => {}
        Ok(finding) => return Err(CopyError::Damaged { path: said_of, finding }),
        Err(source) => return Err(CopyError::Read { path: said_of, source }),
    }
    match has_migrations(&mut conn) && is_ours(&mut conn, backup)? {
        true => {}
        false => return Err(CopyError::NotOurs { path: said_of }),
    }
    // All in one file.
    let whole = text(&mut conn, "PRAGMA journal_mode = DELETE");
    whole.map(drop).map_err(|source| CopyError::Read { path: said_of, source })
}

/// Asking the migrations makes their table, so this comes first.
fn has_migrations(conn: &mut SqliteConnection) -> bool {
    let found = text(conn, "SELECT name FROM sqlite_master WHERE name = '__diesel_schema_migrations'");
    found.is_ok()
}

fn is_ours(conn: &mut SqliteConnection, backup: &Path) -> Result<bool, CopyError> {
    let path = backup.to_owned();
    migrations::is_ours(conn).map_err(|source| CopyError::Version { path, source })
}

/// Afterwards nobody has the database open, it has another name besides, `kept_as`, and no log next to it that the next
/// one could take for its own.
fn set_aside(database: &Path, kept_as: Option<&Path>) -> Result<(), CopyError> {
    let log = beside(database, "-wal");
    // Opening a damaged database loses its log.
    let kept_log = kept_as.filter(|_| log.exists()).map(|kept_as| beside(kept_as, "-wal"));
    if let Some(kept_log) = &kept_log {
        copy_into(&log, &private(kept_log)?)?;
    }
    let journal = made_whole(database);
    if let (Ok(true) | Err(_), Some(kept_log)) = (&journal, &kept_log) {
        remove(kept_log);
    }
    if !journal? {
        remove_companions(database);
    }
    match kept_as {
        Some(kept_as) => fs::hard_link(database, kept_as).map_err(failed(kept_as)),
        None => Ok(()),
    }
}

/// Applies the log to the database, which only an exclusive user can do; false for a damaged database.
fn made_whole(database: &Path) -> Result<bool, CopyError> {
    let Ok(mut conn) = open(database) else { return Ok(false) };
    match text(&mut conn, "PRAGMA journal_mode = DELETE") {
        Ok(mode) if mode == "delete" => Ok(true),
        Ok(_) => Err(CopyError::InUse),
        Err(error) if error.to_string().contains("locked") => Err(CopyError::InUse),
        Err(_) => Ok(false),
    }
}

/// A file that is removed again, unless it becomes what it was made for.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new(beside_what: &Path, suffix: &str) -> Result<Self, CopyError> {
        let path = beside(beside_what, suffix);
        // Left by a run that was killed.
        remove(&path);
        Ok(Self { path: private(&path)? })
    }

    fn become_file(self, path: &Path) -> Result<(), CopyError> {
        let on_disk = File::open(&self.path).and_then(|file| file.sync_all());
        on_disk.map_err(failed(&self.path))?;
        fs::rename(&self.path, path).map_err(failed(path))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    remove_companions(path);
}

/// Removes the files that SQLite keeps next to a database.
fn remove_companions(database: &Path) {
    for suffix in ["-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(database, suffix));
    }
}

/// Makes an empty file that its owner alone can read.
fn private(path: &Path) -> Result<PathBuf, CopyError> {
    File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed(path))?;
    Ok(path.to_owned())
}

fn copy_into(from: &Path, to: &Path) -> Result<(), CopyError> {
    let mut source = File::open(from).map_err(failed(from))?;
    let mut target = File::options().write(true).open(to).map_err(failed(to))?;
    io::copy(&mut source, &mut target).map(drop).map_err(failed(to))
}

fn open(path: &Path) -> Result<SqliteConnection, CopyError> {
    SqliteConnection::establish(&path.to_string_lossy())
        .map_err(|source| CopyError::Open { path: path.to_owned(), source })
}

/// The one text that a statement answers with.
fn text(conn: &mut SqliteConnection, sql: &str) -> QueryResult<String> {
    diesel::dsl::sql::<Text>(sql).get_result(conn)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> CopyError + use<> {
    let path = path.to_owned();
    move |source| CopyError::File { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate;
    use std::time::Duration;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("fleetwire-copies-{}", uuid::Uuid::new_v4()));
            fs::create_dir(&folder).expect("a folder");
            Self(folder)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).expect("it is there");
            let mut names: Vec<String> =
                entries.map(|entry| entry.expect("one").file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }

        /// A database of ours, whose one ride is this.
        fn database(&self, name: &str, probes: i64) -> PathBuf {
            let path = self.file(name);
            migrate(&Where::Sqlite(path.clone()), Duration::from_secs(5)).expect("the schema");
            set(&path, probes);
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn set(path: &Path, probes: i64) {
        let sql = format!("REPLACE INTO readiness (id, probes, filler) VALUES (1, {probes}, '')");
        open(path).expect("open").batch_execute(&sql).expect("a row");
    }

    fn probes(path: &Path) -> i64 {
        let mut conn = open(path).expect("open");
        let found = text(&mut conn, "SELECT CAST(probes AS TEXT) FROM readiness");
        found.expect("a row").parse().expect("a number")
    }

    /// By hand they were readable for everybody, password hashes and all.
    #[test]
    fn a_copy_has_what_is_in_the_log_and_is_its_owners_alone() {
        let folder = Folder::new();
        let database = folder.database("fleetwire.db", 1);
        let mut server = open(&database).expect("open");
        server.batch_execute("PRAGMA journal_mode = WAL; UPDATE readiness SET probes = 2").expect("written");
        let copy = folder.file("copy.db");
        back_up(&database, &copy).expect("beside the server");
        assert_eq!(probes(&copy), 2);
        assert_eq!(fs::metadata(&copy).expect("it is there").mode() & 0o777, 0o600);
        assert!(matches!(back_up(&database, &copy), Err(CopyError::Exists { .. })));
        let nowhere = back_up(&folder.file("nowhere.db"), &folder.file("other.db"));
        assert!(matches!(nowhere, Err(CopyError::File { .. })));
        drop(server);
        assert_eq!(folder.names(), ["copy.db", "fleetwire.db"], "and nothing else is left");
    }

    #[test]
    fn a_restored_copy_takes_the_place_of_what_is_kept() {
        let folder = Folder::new();
        let (database, copy) = (folder.database("fleetwire.db", 1), folder.file("copy.db"));
        back_up(&database, &copy).expect("a copy");
        set(&database, 2);
        let restored = restore(&database, &copy, "now").expect("nobody has it open");
        let kept = restored.kept_as.expect("there was one");
        assert_eq!((probes(&database), probes(&kept), probes(&copy)), (1, 2, 1));
        let names = ["copy.db", "fleetwire.db", "fleetwire.db.before-restore-now", "fleetwire.db.lock"];
        assert_eq!(folder.names(), names, "the log was taken over");
        let elsewhere = folder.file("new.db");
        assert!(restore(&elsewhere, &copy, "now").expect("there was none").kept_as.is_none());
        assert_eq!(probes(&elsewhere), 1);
    }

    /// A plain copy of a database that was in use has its newest changes in another file.
    #[test]
    fn a_copys_own_log_comes_with_it() {
        let folder = Folder::new();
        let (database, copy) = (folder.database("fleetwire.db", 1), folder.file("copy.db"));
        let mut other = open(&folder.database("other.db", 1)).expect("open");
        other.batch_execute("PRAGMA journal_mode = WAL; UPDATE readiness SET probes = 7").expect("written");
        for suffix in ["", "-wal"] {
            fs::copy(beside(&folder.file("other.db"), suffix), beside(&copy, suffix)).expect("copied");
        }
        restore(&database, &copy, "now").expect("nobody has it open");
        assert_eq!(probes(&database), 7);
    }

    #[test]
    fn what_is_in_use_and_what_is_no_copy_change_nothing() {
        let folder = Folder::new();
        let (database, copy) = (folder.database("fleetwire.db", 1), folder.database("copy.db", 2));
        let serving = ServeLock::take(&Where::Sqlite(database.clone())).expect("nobody has it");
        assert!(matches!(restore(&database, &copy, "now"), Err(CopyError::Served)));
        drop(serving);
        let mut shell = open(&database).expect("open");
        shell.batch_execute("PRAGMA journal_mode = WAL; UPDATE readiness SET probes = 1").expect("written");
        assert!(matches!(restore(&database, &copy, "now"), Err(CopyError::InUse)));
        drop(shell);
        assert!(matches!(restore(&database, &database, "now"), Err(CopyError::Itself { .. })));
        let foreign = folder.file("foreign.db");
        open(&foreign).expect("open").batch_execute("CREATE TABLE t (n)").expect("a table");
        assert!(matches!(restore(&database, &foreign, "now"), Err(CopyError::NotOurs { .. })));
        let noise = folder.file("noise.db");
        fs::write(&noise, "no database at all, but long enough to be asked ".repeat(100)).expect("written");
        assert!(matches!(restore(&database, &noise, "now"), Err(CopyError::Read { .. })));
        let cut = folder.file("cut.db");
        let bytes = fs::read(&copy).expect("a copy");
        fs::write(&cut, &bytes[..bytes.len() / 2]).expect("written");
        assert!(restore(&database, &cut, "now").is_err());
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
        open(&copy).expect("open").batch_execute(newer).expect("a row");
        assert!(matches!(restore(&database, &copy, "now"), Err(CopyError::Version { .. })));
        assert_eq!(probes(&database), 1);
        assert!(folder.names().iter().all(|name| !name.contains("restor")), "{:?}", folder.names());
    }

    /// A damaged database is the usual reason to restore one.
    #[test]
    fn a_damaged_database_is_kept_with_its_log() {
        let folder = Folder::new();
        let (database, copy) = (folder.file("fleetwire.db"), folder.database("copy.db", 2));
        fs::write(&database, "a torn page where the header was, repeated ".repeat(100)).expect("written");
        fs::write(beside(&database, "-wal"), "its log").expect("written");
        let kept = restore(&database, &copy, "now").expect("nobody has it open").kept_as.expect("kept");
        assert_eq!(probes(&database), 2);
        assert!(beside(&kept, "-wal").exists() && !beside(&database, "-wal").exists());
    }
}
