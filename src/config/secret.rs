//! The secret that signs our tokens: given by the operator, or, in development, made at the first start and kept in a
//! file next to the database, so that yesterday's tokens are valid today and a token made by another subcommand is
//! valid for the running server.
//!
//! Invariant: the file is complete or absent, however many processes start at once and wherever one of them is killed.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rand::TryRngCore;
use rand::rngs::OsRng;

/// HS256 wants a key at least as long as its hash.
pub const SECRET_BYTES_MIN: usize = 32;

/// Random bytes in a secret of our making; written in hexadecimal, which is what signs.
const RANDOM_BYTES: usize = 32;

/// The raw bytes that sign. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct JwtSecret(Vec<u8>);

impl JwtSecret {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() < SECRET_BYTES_MIN {
            return Err(format!(
                "at least {SECRET_BYTES_MIN} bytes, such as the output of: openssl rand -base64 48"
            ));
        }
        Ok(JwtSecret(text.as_bytes().to_vec()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(..)")
    }
}

/// Where the secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    Given(JwtSecret),
    /// Development: read from this file, made if it is not there.
    KeptIn(PathBuf),
}

impl SecretSource {
    /// The secret itself. The one thing about settings that may write a file.
    pub fn obtain(&self) -> Result<JwtSecret, SecretError> {
        match self {
            SecretSource::Given(secret) => Ok(secret.clone()),
            SecretSource::KeptIn(path) => load_or_create(path),
        }
    }
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("can't read the signing secret in {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("can't store a signing secret in {}: make the directory writable or set JWT_SECRET", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the system provides no randomness for a signing secret: set JWT_SECRET")]
    Randomness(#[source] rand::rand_core::OsError),
    #[error("{} holds fewer than {SECRET_BYTES_MIN} bytes: delete it, or set JWT_SECRET", path.display())]
    TooShort { path: PathBuf },
}

/// The secret kept in the file; makes one if there is no file. Of several that start at once all get the same.
pub fn load_or_create(path: &Path) -> Result<JwtSecret, SecretError> {
    if let Some(secret) = load(path)? {
        return Ok(secret);
    }
    match create(path, &random_text()?) {
        Ok(()) => {}
        // Another was faster: theirs it is.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(source) => return Err(SecretError::Write { path: path.to_owned(), source }),
    }
    let vanished = || SecretError::Read { path: path.to_owned(), source: ErrorKind::NotFound.into() };
    load(path)?.ok_or_else(vanished)
}

fn load(path: &Path) -> Result<Option<JwtSecret>, SecretError> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SecretError::Read { path: path.to_owned(), source }),
    };
    bytes.truncate(bytes.trim_ascii_end().len());
    if bytes.len() < SECRET_BYTES_MIN {
        return Err(SecretError::TooShort { path: path.to_owned() });
    }
    Ok(Some(JwtSecret(bytes)))
}

fn random_text() -> Result<String, SecretError> {
    let mut bytes = [0; RANDOM_BYTES];
    OsRng.try_fill_bytes(&mut bytes).map_err(SecretError::Randomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes the file aside and links it to its name, which fails if there is one: a name never refers to half a secret.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let aside = aside(path);
    let written = write_new(&aside, text).and_then(|()| match fs::hard_link(&aside, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            // A file system without links (exFAT, some network ones): nearly as good.
            write_new(path, text)
        }
        linked => linked,
    });
    // Left over only if the process is killed right here; it has a name of its own and hinders nobody.
    let _ = fs::remove_file(&aside);
    written
}

/// A name that no other start uses at the same time.
fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.jwt-secret", uuid::Uuid::new_v4()));
    PathBuf::from(name)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = open_new(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn open_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own, removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("fleetwire-secret-{}", uuid::Uuid::new_v4()));
            fs::create_dir(&path).unwrap();
            Directory(path)
        }

        fn secret(&self) -> PathBuf {
            self.0.join("fleetwire.db.jwt-secret")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_secret_is_made_once_and_then_kept() {
        let directory = Directory::new();
        let made = load_or_create(&directory.secret()).unwrap();
        assert_eq!(made.as_bytes().len(), 2 * RANDOM_BYTES);
        assert_eq!(load_or_create(&directory.secret()).unwrap(), made);
        assert_eq!(SecretSource::KeptIn(directory.secret()).obtain().unwrap(), made);
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1, "nothing else is left behind");
        assert_ne!(load_or_create(&Directory::new().secret()).unwrap(), made);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = Directory::new();
        load_or_create(&directory.secret()).unwrap();
        let mode = fs::metadata(directory.secret()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    /// The race: two find no file, both make a secret, one signs with what the other overwrote.
    #[test]
    fn all_who_start_at_once_get_the_same() {
        let directory = Directory::new();
        let path = directory.secret();
        let barrier = std::sync::Barrier::new(8);
        let secrets: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                load_or_create(&path).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }

    #[test]
    fn a_file_that_is_too_short_is_not_overwritten() {
        let directory = Directory::new();
        fs::write(directory.secret(), "short\n").unwrap();
        assert!(matches!(load_or_create(&directory.secret()), Err(SecretError::TooShort { .. })));
        assert_eq!(fs::read(directory.secret()).unwrap(), b"short\n");
    }

    #[test]
    fn a_directory_that_is_not_there_is_said() {
        let directory = Directory::new();
        let path = directory.0.join("missing").join("s.jwt-secret");
        let error = load_or_create(&path).unwrap_err();
        assert!(matches!(&error, SecretError::Write { .. }) && error.to_string().contains("JWT_SECRET"));
    }

    #[test]
    fn debug_output_has_no_secret() {
        let secret = JwtSecret::parse("0123456789abcdef0123456789abcdef").unwrap();
        assert!(!format!("{:?}", SecretSource::Given(secret)).contains("0123"));
    }
}
