//! The server under load: started by this tool or already running, with the figures of the system and of its own
//! metrics.

use std::ops::Range;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection, sql_query, sql_types::BigInt};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::{Failure, Options, process};

const BINARY: &str = env!("CARGO_BIN_EXE_fleetwire");
const LISTENING: &str = "Fleetwire is listening on http://";
const START_MAX: Duration = Duration::from_secs(60);
const REPLY_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// The fields of the CPU time of a process's children that have ended and of theirs, user and system.
const ENDED: Range<usize> = 13..15;
/// Limits that protect a server from strangers. This fleet looks like them, since it comes from one address.
const LIMITS_OUT_OF_THE_WAY: [(&str, &str); 7] = [
    ("HANDSHAKES_PER_MINUTE_PER_ADDRESS", "1000000"),
    ("REQUESTS_PER_MINUTE_PER_ACCOUNT", "1000000"),
    ("OPERATOR_REQUESTS_PER_MINUTE", "1000000"),
    ("MAX_SOCKETS_PER_ACCOUNT", "1000000"),
    ("HANDSHAKES_PER_MINUTE_PER_ACCOUNT", "1000000"),
    ("MESSAGES_PER_SECOND", "1000000"),
    ("MAX_DELIVERIES_PER_DRIVER", "1000"),
];

pub struct Target {
    address: String,
    pid: u32,
    operator: Operator,
    own: Option<Own>,
    database_url: Option<String>,
    database_pid: Option<u32>,
    has_metrics: bool,
}

/// A server that this tool started: it ends with its value, and so does its directory.
struct Own {
    server: Child,
    directory: PathBuf,
    settings: Vec<(String, String)>,
}

#[derive(Clone)]
pub struct Operator {
    client: reqwest::Client,
    base: String,
    token: String,
}

#[derive(Clone, Copy)]
pub struct Counters {
    pub accepted: u64,
    pub stored: u64,
    pub dropped: u64,
    /// The rows in the table, if the database is known.
    pub rows: Option<u64>,
}

impl Counters {
    pub fn since(self, before: Counters) -> Counters {
        Counters {
            accepted: self.accepted - before.accepted,
            stored: self.stored - before.stored,
            dropped: self.dropped - before.dropped,
            rows: self.rows.zip(before.rows).map(|(now, then)| now - then),
        }
    }
}

impl Target {
    pub async fn reach(options: &Options) -> Result<Target, Failure> {
        let (own, address, pid, database_url) = match (&options.url, options.pid) {
            (Some(url), Some(pid)) => {
                let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
                (None, address, pid, options.database_url.clone())
            }
            _ => {
                let (own, address, database_url) = start(options).await?;
                let pid = own.server.id().ok_or("the server has ended")?;
                (Some(own), address, pid, Some(database_url))
            }
        };
        let token = run(own.as_ref(), &["token", "--admin"]).await?.trim().to_owned();
        let client = reqwest::Client::builder().timeout(REPLY_MAX).build()?;
        let operator = Operator { client, base: format!("http://{address}"), token };
        let (database_pid, has_metrics) = (options.database_pid, !options.peer);
        Ok(Target { address, pid, operator, own, database_url, database_pid, has_metrics })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn operator(&self) -> Operator {
        self.operator.clone()
    }

    /// Tokens of the drivers 1 to `drivers`, in this order; a server of our own gets those drivers first.
    pub async fn driver_tokens(&self, drivers: u32) -> Result<Vec<String>, Failure> {
        if self.own.is_some() {
            run(self.own.as_ref(), &["seed", "--drivers", &drivers.to_string()]).await?;
        }
        let printed = run(self.own.as_ref(), &["token", "--driver", &format!("1-{drivers}")]).await?;
        let tokens: Vec<String> = printed.lines().map(str::to_owned).collect();
        if tokens.len() != drivers as usize {
            return Err(format!("{} tokens for {drivers} drivers", tokens.len()).into());
        }
        Ok(tokens)
    }

    pub fn rss_kib(&self) -> Result<u64, Failure> {
        process::rss_kib(self.pid)
    }

    /// CPU time of the whole process so far, user and system.
    pub fn cpu_us(&self) -> Result<u64, Failure> {
        Ok(Process::read(self.pid)?.own_us)
    }

    /// CPU time of the database server's processes so far, those that have ended included.
    pub fn database_cpu_us(&self) -> Result<Option<u64>, Failure> {
        self.database_pid.map(family_us).transpose()
    }

    pub async fn counters(&self) -> Result<Counters, Failure> {
        let rows = || self.database_url.as_deref().map(rows).transpose();
        if !self.has_metrics {
            let stored = rows()?.ok_or("a peer without its database")?;
            return Ok(Counters { accepted: stored, stored, dropped: 0, rows: Some(stored) });
        }
        let metrics = self.operator.metrics().await?;
        let counter = |name: &str| {
            let name = format!("fleetwire_positions_{name}_total");
            let samples = metrics.lines().filter(|line| line.starts_with(&name));
            samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
        };
        Ok(Counters {
            accepted: counter("accepted"),
            stored: counter("stored"),
            dropped: counter("dropped"),
            // Last: what was stored by then is in the table.
            rows: rows()?,
        })
    }
}

/// The figures of a process in `/proc`.
struct Process {
    parent: u32,
    own_us: u64,
    /// Of its children that have ended and of theirs.
    ended_us: u64,
}

impl Process {
    fn read(pid: u32) -> Result<Process, Failure> {
        let stat = process::stat(pid)?;
        Ok(Process {
            parent: stat[1].parse()?,
            own_us: process::cpu_us(&stat, process::OWN)?,
            ended_us: process::cpu_us(&stat, ENDED)?,
        })
    }
}

/// CPU time of a process and its children, living and ended.
fn family_us(pid: u32) -> Result<u64, Failure> {
    let first = Process::read(pid)?;
    let pids = std::fs::read_dir("/proc")?.flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // One that ends while it is looked at is in its parent's time at the next look.
    let children = pids.filter_map(|pid| Process::read(pid).ok()).filter(|process| process.parent == pid);
    Ok(first.own_us + first.ended_us + children.map(|child| child.own_us).sum::<u64>())
}

impl Operator {
    pub async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        let request =
            self.client.post(format!("{}/api/v1/{path}", self.base)).bearer_auth(&self.token).json(&body);
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            return Err(format!("{path}: {status} {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }

    async fn metrics(&self) -> Result<String, Failure> {
        let request = self.client.get(format!("{}/metrics", self.base)).bearer_auth(&self.token);
        Ok(request.send().await?.error_for_status()?.text().await?)
    }
}

async fn start(options: &Options) -> Result<(Own, String, String), Failure> {
    let name = format!("load-{}", std::process::id());
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory)?;
    let file = format!("sqlite://{}", directory.join("fleetwire.db").display());
    let database_url = options.database_url.clone().unwrap_or(file);
    let mut settings = vec![
        ("BIND".to_owned(), "127.0.0.1:0".to_owned()),
        ("DATABASE_URL".to_owned(), database_url.clone()),
        ("JWT_SECRET".to_owned(), uuid::Uuid::new_v4().to_string()),
    ];
    settings.extend(LIMITS_OUT_OF_THE_WAY.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let stdout = directory.join("stdout");
    let mut command = Command::new(BINARY);
    command.arg("serve").current_dir(&directory).envs(settings.iter().cloned()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(std::fs::File::create(&stdout)?);
    command.stderr(std::fs::File::create(directory.join("log"))?);
    let mut own = Own { server: command.spawn()?, directory, settings };
    let give_up = Instant::now() + START_MAX;
    loop {
        let printed = std::fs::read_to_string(&stdout)?;
        let complete = &printed[..printed.rfind('\n').unwrap_or(0)];
        if let Some(address) = complete.lines().find_map(|line| line.strip_prefix(LISTENING)) {
            return Ok((own, address.trim().to_owned(), database_url));
        }
        if own.server.try_wait()?.is_some() || Instant::now() > give_up {
            let log = std::fs::read_to_string(own.directory.join("log"))?;
            return Err(format!("the server did not start:\n{log}").into());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Runs a subcommand with the settings of our own server, or with those of this tool's environment.
async fn run(own: Option<&Own>, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new(BINARY);
    command.args(arguments).stdin(Stdio::null());
    if let Some(own) = own {
        command.current_dir(&own.directory).envs(own.settings.iter().cloned());
    }
    let output = command.output().await?;
    if !output.status.success() {
        return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

fn rows(database_url: &str) -> Result<u64, Failure> {
    let query = sql_query("SELECT COUNT(*) AS value FROM driver_locations");
    let count: Count = match database_url.strip_prefix("sqlite://") {
        Some(file) => query.get_result(&mut SqliteConnection::establish(file)?)?,
        None => query.get_result(&mut PgConnection::establish(database_url)?)?,
    };
    Ok(count.value.try_into()?)
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.server.start_kill();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
