//! Files of the installation: the readers of secrets, the database's directory and how fast it is written, backups.

use crate::app::doctor::finding::Finding;
use crate::config::push::{FcmCredentials, PrivateKey};
use crate::config::{SecretSource, Settings};
use rustix::fs::{Access, access, statvfs};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Decisions wait for a sync of this kind. etcd, which waits for its log in the same way, asks of a disk that 99 of 100 take less:
/// https://etcd.io/docs/v3.5/faq/ ("p99 duration should be less than 10ms").
const SYNC_MAX: Duration = Duration::from_millis(10);
const SYNCS: usize = 50;
/// A page of SQLite.
const SYNC_BYTES: usize = 4096;
/// SQLite's log alone may take 160 MiB.
const FREE_BYTES_MIN: u64 = 256 << 20;
const FREE_BYTES_GOOD: u64 = 2 << 30;
/// A daily backup, and two hours for it to be made.
const BACKUP_AGE_MAX: Duration = Duration::from_secs(26 * 3600);

/// The readers of a file, by its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    Owner,
    Group,
    Everybody,
}

fn readers(mode: u32) -> Readers {
    match (mode & 0o007 != 0, mode & 0o070 != 0) {
        (true, _) => Readers::Everybody,
        (false, true) => Readers::Group,
        (false, false) => Readers::Owner,
    }
}

/// The files that hold secrets, each with the setting that names it.
pub fn secrets(settings: &Settings) -> Vec<Finding> {
    let mut files: Vec<(&str, PathBuf)> = vec![(".env", PathBuf::from(".env"))];
    if let SecretSource::KeptIn(path) = &settings.tokens.secret {
        files.push(("signing secret", path.clone()));
    }
    files.extend(settings.listen.tls.iter().map(|tls| ("TLS_KEY_FILE", tls.private_key.clone())));
    if let Some(FcmCredentials::File { path, .. }) = settings.push.fcm.as_ref().map(|fcm| &fcm.credentials) {
        files.push(("GOOGLE_APPLICATION_CREDENTIALS", path.clone()));
    }
    if let Some(PrivateKey::File(path)) = settings.push.apns.as_ref().map(|apns| &apns.private_key) {
        files.push(("APNS_PRIVATE_KEY_FILE", path.clone()));
    }
    // One that is not there is another check's business.
    files.into_iter().filter_map(|(named, path)| readable_by("secret-files", named, &path)).collect()
}

/// None for a file that is not there.
pub fn readable_by(check: &'static str, named: &str, path: &Path) -> Option<Finding> {
    let mode = path.metadata().ok()?.permissions().mode();
    let (shown, mode) = (path.display(), mode & 0o777);
    let remedy = format!("chmod 600 {shown}");
    Some(match readers(mode) {
        Readers::Owner => Finding::ok(check, format!("{named}: {shown} is its owner's alone")),
        Readers::Group => {
            Finding::warning(check, format!("{named}: {shown} is open to its group (mode {mode:o})"), remedy)
        }
        Readers::Everybody => {
            Finding::fault(check, format!("{named}: {shown} is open to everybody (mode {mode:o})"), remedy)
        }
    })
}

/// The file of a SQLite database and its directory.
pub fn database(file: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let directory = directory_of(file);
    let unwritable = |path: &Path, what: &str| {
        let error = access(path, Access::WRITE_OK | Access::READ_OK).err()?;
        let remedy = format!("give the user that the server runs as the right to write {}", path.display());
        Some(Finding::fault(
            "database-files",
            format!("the {what} {} can't be written: {error}", path.display()),
            remedy,
        ))
    };
    findings.extend(unwritable(directory, "directory"));
    if file.exists() {
        findings.extend(unwritable(file, "file"));
        findings.extend(readable_by("database-files", "database", file));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("database-files", format!("{} can be written", directory.display())));
    }
    findings.extend(space(file, directory));
    if access(directory, Access::WRITE_OK).is_ok() {
        findings.push(match measure(directory) {
            Ok(syncs) => sync_cost(&syncs),
            Err(error) => Finding::fault(
                "fsync",
                format!("a file can't be written and synced in {}: {error}", directory.display()),
                "look at the disk, its quota and its mount options",
            ),
        });
    }
    findings
}

fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn space(file: &Path, directory: &Path) -> Option<Finding> {
    let system = statvfs(directory).ok()?;
    let used = file.metadata().map_or(0, |metadata| metadata.len());
    Some(free_space(system.f_bavail.saturating_mul(system.f_frsize), used))
}

fn free_space(free: u64, database: u64) -> Finding {
    const CHECK: &str = "disk";
    let (free_mib, database_mib) = (free >> 20, database >> 20);
    let says = format!("{free_mib} MiB are free, the database has {database_mib} MiB");
    match free {
        _ if free < FREE_BYTES_MIN => {
            Finding::fault(CHECK, format!("{says}: its log alone may need 160 MiB"), "make room on the disk")
        }
        _ if free < FREE_BYTES_GOOD || free < database => {
            Finding::warning(CHECK, says, "make room: a migration or a backup beside it needs as much again")
        }
        _ => Finding::ok(CHECK, says),
    }
}

/// Writes and syncs a file of its own next to the database, and removes it again.
fn measure(directory: &Path) -> io::Result<Vec<Duration>> {
    let path = directory.join(format!(".fleetwire-doctor-{}", uuid::Uuid::new_v4()));
    let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
    let outcome = sync_often(&file);
    std::fs::remove_file(&path)?;
    outcome
}

fn sync_often(mut file: &File) -> io::Result<Vec<Duration>> {
    let page = [0x5a; SYNC_BYTES];
    // The first write makes the file longer, which costs more than a log does that is written over.
    file.write_all(&page)?;
    file.sync_data()?;
    let mut syncs = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all_at(&page, 0)?;
        file.sync_data()?;
        syncs.push(began.elapsed());
    }
    Ok(syncs)
}

fn sync_cost(syncs: &[Duration]) -> Finding {
    let mut sorted = syncs.to_vec();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let worst = sorted.last().copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let says = format!(
        "a sync of the database's disk takes {:.2} ms (median), {:.2} ms at worst, of {}",
        ms(median),
        ms(worst),
        sorted.len()
    );
    match median > SYNC_MAX {
        true => Finding::warning(
            "fsync",
            says,
            format!("use a disk that syncs within {} ms: every decision waits for one", SYNC_MAX.as_millis()),
        ),
        false => Finding::ok("fsync", says),
    }
}

/// How old the newest file of a directory of backups is.
pub fn backups(directory: &Path, now: SystemTime) -> Finding {
    const CHECK: &str = "backup";
    let remedy = "run `fleetwire backup FILE` (or pg_dump) daily, and watch that it succeeds";
    let listed = match std::fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(error) => {
            return Finding::fault(CHECK, format!("{} can't be read: {error}", directory.display()), remedy);
        }
    };
    let newest = listed
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .filter(|metadata| metadata.is_file() && metadata.len() > 0)
        .filter_map(|metadata| metadata.modified().ok())
        .max();
    match newest {
        None => Finding::fault(CHECK, format!("{} has no backup", directory.display()), remedy),
        Some(newest) => backup_age(now.duration_since(newest).unwrap_or_default()),
    }
}

fn backup_age(age: Duration) -> Finding {
    let says = format!("the newest backup is {} h old", age.as_secs() / 3600);
    match age > BACKUP_AGE_MAX {
        true => Finding::warning("backup", says, "find out why no newer one was made"),
        false => Finding::ok("backup", says),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::finding::Level;
    use std::fs::Permissions;

    /// A directory of its own, removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("fleetwire-doctor-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir(&path).unwrap();
            Directory(path)
        }

        fn file(&self, mode: u32) -> PathBuf {
            let path = self.0.join("file");
            std::fs::write(&path, "x").unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_secret_is_its_owners_alone() {
        let directory = Directory::new();
        for (mode, level) in [(0o600, Level::Ok), (0o640, Level::Warning), (0o644, Level::Fault)] {
            let found = readable_by("secret-files", "TLS_KEY_FILE", &directory.file(mode)).unwrap();
            assert_eq!(found.level, level, "{found}");
        }
        assert_eq!(readable_by("secret-files", "x", &directory.0.join("none")), None);
    }

    #[test]
    fn a_directory_that_is_not_there_can_not_be_written() {
        let directory = Directory::new();
        let found = database(&directory.0.join("missing").join("fleetwire.db"));
        assert!(found.iter().any(|finding| finding.level == Level::Fault), "{found:?}");
    }

    #[test]
    fn a_sound_directory_is_measured_and_left_as_it_was() {
        let directory = Directory::new();
        let found = database(&directory.0.join("fleetwire.db"));
        assert!(found.iter().any(|finding| finding.check == "fsync"), "{found:?}");
        assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0);
    }

    #[test]
    fn room_is_needed_for_the_log_and_for_a_copy() {
        assert_eq!(free_space(100 << 20, 0).level, Level::Fault);
        assert_eq!(free_space(1 << 30, 0).level, Level::Warning);
        assert_eq!(free_space(10 << 30, 20 << 30).level, Level::Warning);
        assert_eq!(free_space(10 << 30, 1 << 30).level, Level::Ok);
    }

    #[test]
    fn a_slow_disk_is_one_that_is_usually_slow() {
        let ms = Duration::from_millis;
        assert_eq!(sync_cost(&[ms(1), ms(2), ms(90)]).level, Level::Ok);
        let slow = sync_cost(&[ms(1), ms(12), ms(90)]);
        assert_eq!(slow.level, Level::Warning);
        assert!(slow.says.contains("12.00 ms (median), 90.00 ms at worst"), "{slow}");
    }

    #[test]
    fn a_backup_is_of_today() {
        let directory = Directory::new();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        assert_eq!(backups(&directory.0, now).level, Level::Fault, "there is none");
        directory.file(0o600);
        assert_eq!(backups(&directory.0, now).level, Level::Warning, "the clock is far ahead");
        assert_eq!(backup_age(Duration::from_secs(3600)).level, Level::Ok);
        assert_eq!(backups(&directory.0.join("none"), now).level, Level::Fault);
    }
}
