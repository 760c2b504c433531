//! Passwords: the rules for a new one, Argon2id, and the executor that hashes off the workers' threads.
//!
//! One hash takes 19 MiB and about 20 ms of a core on purpose, so log-ins could use a lot of both: at most two run at a
//! time, a bounded number waits, and the rest are told to try again. Checking a password takes as long for an unknown
//! account as for a known one, so that the time does not reveal which names exist.

use std::fmt;
use std::sync::{Arc, LazyLock};

use argon2::password_hash;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, TryAcquireError};

/// Shorter ones are guessed.
pub const PASSWORD_BYTES_MIN: usize = 8;
/// Longer ones are not typed by anybody; hashing any length would be work for the asking.
pub const PASSWORD_BYTES_MAX: usize = 200;

/// Hashes that run at a time: 38 MiB and two cores at most, whatever comes.
const RUNNING_MAX: usize = 2;
/// Those that may wait for one: about half a second's work, and less than anybody waits for a log-in.
const WAITING_MAX: usize = 48;

/// A password as somebody wrote it. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// For a password that is to be set.
    pub fn new(text: impl Into<String>) -> Result<Self, PasswordRule> {
        let text = text.into();
        match text.len() {
            ..PASSWORD_BYTES_MIN => Err(PasswordRule::TooShort),
            PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX => Ok(Password(text)),
            _ => Err(PasswordRule::TooLong),
        }
    }

    /// For a password that is to be compared: one that breaks the rules is wrong like any other wrong one.
    pub fn claimed(text: impl Into<String>) -> Self {
        Password(text.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The rules for a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    #[error("a password must have at least {PASSWORD_BYTES_MIN} bytes")]
    TooShort,
    #[error("a password must have at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
}

/// Why no password was hashed or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many at once: 503, try again.
    #[error("too many log-ins at once")]
    Busy,
    #[error("hashing failed: {0}")]
    Hashing(String),
    /// The process is ending, or the thread was lost.
    #[error("hashing was interrupted")]
    BrokenOff,
}

/// Argon2id with the parameters that OWASP recommends first for a server: 19 MiB, two passes, one lane. They are part
/// of each hash, so that old hashes stay valid if they are changed here.
fn argon2id() -> Argon2<'static> {
    Argon2::default()
}

/// The working memory of hashes that are done, for those to come; at most one for each that runs at a time. Left to the
/// allocator, blocks this large stay with whatever thread of the pool allocated them: a minute of log-ins at the
/// limit took 1.5 GB and kept it.
static MEMORY: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

fn derive(argon2: &Argon2<'_>, password: &Password, salt: &[u8], output: &mut [u8]) -> argon2::Result<()> {
    // Only pushes and pops run under the lock, so a poisoned one is whole.
    let kept = || MEMORY.lock();
    let mut blocks = kept().pop().unwrap_or_default();
    blocks.resize(argon2.params().block_count(), Block::default());
    let derived = argon2.hash_password_into_with_memory(password.0.as_bytes(), salt, output, &mut blocks);
    if blocks.len() == argon2id().params().block_count() {
        let mut kept = kept();
        if kept.len() < RUNNING_MAX {
            kept.push(blocks);
        }
    }
    derived
}

/// The hash to store, in PHC form, with a salt from the system. Takes 20 ms: see [`Passwords`].
pub fn hash_now(password: &Password) -> Result<String, PasswordError> {
    hashed(password).map(|hash| hash.to_string()).map_err(|error| PasswordError::Hashing(error.to_string()))
}

fn hashed(password: &Password) -> password_hash::Result<PasswordHash> {
    let (argon2, salt) = (argon2id(), password_hash::try_generate_salt()?);
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    derive(&argon2, password, &salt, &mut output)?;
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params())?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(Output::new(&output)?),
    })
}

/// With the parameters in the stored hash.
fn verified(password: &Password, stored: &str) -> password_hash::Result<bool> {
    let stored = PasswordHash::new(stored)?;
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return Ok(false) };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
    let version = stored.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&stored)?);
    let mut output = vec![0; expected.len()];
    derive(&argon2, password, salt, &mut output)?;
    // Compared in constant time.
    Ok(Output::new(&output)? == *expected)
}

/// Whether the password is the one that was hashed; `None` for an account that is not there, which is false and takes
/// as long. A stored hash that can't be read matches nothing. Takes 20 ms: see [`Passwords`].
pub fn matches_now(password: &Password, stored: Option<&str>) -> bool {
    static DUMMY: LazyLock<Option<String>> =
        LazyLock::new(|| hash_now(&Password("nobody has this password".to_owned())).ok());
    if password.0.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    let (hash, is_real) = match stored {
        Some(hash) => (Some(hash), true),
        None => (DUMMY.as_deref(), false),
    };
    let matched = hash.is_some_and(|hash| verified(password, hash).unwrap_or(false));
    matched && is_real
}

/// Hashes and compares on threads that may block, a few at a time.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// Running or waiting.
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords::with_limits(RUNNING_MAX, WAITING_MAX)
    }
}

impl Passwords {
    fn with_limits(running_max: usize, waiting_max: usize) -> Self {
        Passwords {
            admitted: Arc::new(Semaphore::new(running_max + waiting_max)),
            running: Arc::new(Semaphore::new(running_max)),
        }
    }

    /// The hash to store.
    pub async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        self.run(move || hash_now(&password)).await?
    }

    /// Whether the password is right; `None` where there is no such account.
    pub async fn matches(&self, password: Password, stored: Option<String>) -> Result<bool, PasswordError> {
        self.run(move || matches_now(&password, stored.as_deref())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let admitted = match self.admitted.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => return Err(PasswordError::Busy),
            Err(TryAcquireError::Closed) => return Err(PasswordError::BrokenOff),
        };
        let running = self.running.clone().acquire_owned().await.map_err(|_| PasswordError::BrokenOff)?;
        // The permits go with the work, not with this future: a request that is dropped leaves its hash running.
        tokio::task::spawn_blocking(move || {
            let _permits = (admitted, running);
            work()
        })
        .await
        .map_err(|_| PasswordError::BrokenOff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    #[test]
    fn a_new_password_has_between_8_and_200_bytes() {
        assert_eq!(Password::new("1234567"), Err(PasswordRule::TooShort));
        assert!(Password::new("12345678").is_ok());
        assert!(Password::new("é".repeat(4)).is_ok(), "bytes count, not letters");
        assert!(Password::new("x".repeat(200)).is_ok());
        assert_eq!(Password::new("x".repeat(201)), Err(PasswordRule::TooLong));
    }

    #[test]
    fn a_hash_matches_its_password_alone_and_is_argon2id_with_its_own_salt() {
        let password = Password::new("password123").unwrap();
        let hash = hash_now(&password).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(matches_now(&password, Some(&hash)));
        assert!(!matches_now(&Password::claimed("password124"), Some(&hash)));
        assert!(!matches_now(&Password::claimed(""), Some(&hash)));
        assert_ne!(hash_now(&password).unwrap(), hash);
    }

    /// A hash that another program made from the published parameters.
    #[test]
    fn a_hash_made_with_other_parameters_stays_good() {
        let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(matches_now(&Password::claimed("password"), Some(hash)));
        assert!(!matches_now(&Password::claimed("Password"), Some(hash)));
    }

    #[test]
    fn what_is_no_hash_matches_nothing() {
        for stored in ["", "password123", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"] {
            assert!(!matches_now(&Password::claimed("password123"), Some(stored)), "{stored:?}");
        }
        assert!(!matches_now(&Password::claimed("nobody has this password"), None));
        assert!(!matches_now(&Password::claimed("x".repeat(100_000)), None));
    }

    /// Not a measurement: a missing dummy would be a thousand times faster, whatever else the machine does.
    #[test]
    fn an_account_that_is_not_there_takes_as_long() {
        let password = Password::claimed("password124");
        let hash = hash_now(&Password::claimed("password123")).unwrap();
        matches_now(&password, None);
        let took = |stored: Option<&str>| {
            let times = (0..5).map(|_| {
                let start = Instant::now();
                matches_now(&password, stored);
                start.elapsed()
            });
            times.min().expect("five of them")
        };
        let (there, not_there) = (took(Some(&hash)), took(None));
        assert!(not_there * 3 > there && there * 3 > not_there, "{there:?} there, {not_there:?} not");
    }

    #[test]
    fn debug_output_has_no_password() {
        assert_eq!(format!("{:?}", Password::claimed("hunter2hunter2")), "Password(..)");
    }

    /// The pool's threads each kept what they had allocated: 60 log-ins left 800 MB behind, 100 left 1.5 GB.
    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_flood_of_log_ins_leaves_no_more_memory_behind_than_runs_at_a_time() {
        let resident_kb = || {
            let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
        };
        let passwords = Passwords::default();
        matches_now(&Password::claimed("wrong"), None);
        let before_kb = resident_kb();
        let tasks = (0..50).map(|_| {
            let passwords = passwords.clone();
            tokio::spawn(async move { passwords.matches(Password::claimed("wrong"), None).await })
        });
        for task in tasks.collect::<Vec<_>>() {
            assert_eq!(task.await.unwrap(), Ok(false));
        }
        let grown_kb = resident_kb().saturating_sub(before_kb);
        assert!(grown_kb < 120 * 1024, "{grown_kb} kB");
    }

    #[tokio::test]
    async fn the_executor_hashes_and_compares() {
        let passwords = Passwords::default();
        let hash = passwords.hash(Password::new("password123").unwrap()).await.unwrap();
        let right = passwords.matches(Password::claimed("password123"), Some(hash.clone())).await;
        let wrong = passwords.matches(Password::claimed("password124"), Some(hash)).await;
        assert_eq!((right, wrong), (Ok(true), Ok(false)));
        assert_eq!(passwords.matches(Password::claimed("password123"), None).await, Ok(false));
    }

    #[tokio::test]
    async fn no_more_run_than_allowed_and_the_rest_is_busy() {
        let passwords = Passwords::with_limits(2, 1);
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let started = Arc::new(AtomicUsize::new(0));
        let spawn_one = || {
            let (passwords, gate, started) = (passwords.clone(), gate.clone(), started.clone());
            tokio::spawn(async move {
                let work = move || {
                    started.fetch_add(1, Ordering::SeqCst);
                    gate.lock().recv_timeout(Duration::from_secs(10)).is_ok()
                };
                passwords.run(work).await
            })
        };
        let tasks = [spawn_one(), spawn_one(), spawn_one()];
        let deadline = Instant::now() + Duration::from_secs(10);
        while started.load(Ordering::SeqCst) < 2 || passwords.admitted.available_permits() > 0 {
            assert!(Instant::now() < deadline, "they never started");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(passwords.run(|| ()).await, Err(PasswordError::Busy));
        assert_eq!(started.load(Ordering::SeqCst), 2, "the third waits");
        for _ in 0..3 {
            release.send(()).unwrap();
        }
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(true));
        }
        assert_eq!(passwords.run(|| 7).await, Ok(7));
    }

    /// A client that hangs up must not make room for more work than is allowed.
    #[tokio::test]
    async fn a_dropped_request_keeps_its_place_until_its_work_is_done() {
        let passwords = Passwords::with_limits(1, 0);
        let (release, gate) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel::<()>();
        let dropped = tokio::spawn({
            let passwords = passwords.clone();
            async move {
                let work = move || {
                    started.send(()).unwrap();
                    gate.recv_timeout(Duration::from_secs(10)).is_ok()
                };
                passwords.run(work).await
            }
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        while has_started.try_recv().is_err() {
            assert!(Instant::now() < deadline, "it never started");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        dropped.abort();
        assert!(dropped.await.unwrap_err().is_cancelled());
        assert_eq!(passwords.run(|| ()).await, Err(PasswordError::Busy));
        release.send(()).unwrap();
        while passwords.admitted.available_permits() == 0 {
            assert!(Instant::now() < deadline, "its place was never given back");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
