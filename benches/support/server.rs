//! A bench's own server, and its output.

use std::path::Path;
use std::process::Stdio;

use fleetwire::simulate::socket::{self, Incoming, Stream};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;
pub type Socket = Stream;

const BINARY: &str = env!("CARGO_BIN_EXE_fleetwire");
const LISTENING: &str = "Fleetwire is listening on http://";

/// The program on a database, with nothing of this process's environment.
pub fn command(url: &str, directory: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .current_dir(directory)
        .env_clear()
        .envs([("DATABASE_URL", url), ("BIND", "127.0.0.1:0"), ("RUST_LOG", "warn")])
        .envs(settings.iter().copied())
        .kill_on_drop(true);
    command
}

/// Starts a server, and returns it with its address once it listens.
pub async fn start(
    url: &str,
    directory: &Path,
    settings: &[(&str, &str)],
) -> Result<(Child, String), Failure> {
    let mut server = command(url, directory, settings).arg("serve").stdout(Stdio::piped()).spawn()?;
    let stdout = server.stdout.take().ok_or("the server has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = line.strip_prefix(LISTENING) {
            let address = address.split_whitespace().next().unwrap_or(address).to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((server, address));
        }
    }
    Err("the server has ended".into())
}

/// A socket on this path of the server, before anything was heard.
pub async fn connect(address: &str, path: &str) -> Result<Socket, Failure> {
    Ok(socket::open(address, path).await?)
}

/// The next message of a socket.
pub async fn next(stream: &mut Socket) -> Result<Value, Failure> {
    match socket::next(stream).await {
        Incoming::Text(text) => Ok(serde_json::from_str(&text)?),
        Incoming::Closed(code) => Err(format!("closed: {code:?}").into()),
    }
}
