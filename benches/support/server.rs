//! A bench's own server, and its output.

use std::path::Path;
use std::process::Stdio;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;
pub type Socket = WebSocketStream<TcpStream>;

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
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let (socket, _) = client_async_with_config(format!("ws://{address}{path}"), stream, Some(config)).await?;
    Ok(socket)
}

/// The next message of a socket.
pub async fn next(socket: &mut Socket) -> Result<Value, Failure> {
    loop {
        match socket.next().await.ok_or("the socket has ended")?? {
            Message::Text(text) => return Ok(serde_json::from_str(&text)?),
            Message::Close(frame) => return Err(format!("closed: {frame:?}").into()),
            _ => {}
        }
    }
}
