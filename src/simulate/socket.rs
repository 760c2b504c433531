//! One WebSocket to a server, as an app opens it.

use futures_util::{SinkExt, StreamExt};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

pub type Stream = WebSocketStream<TcpStream>;

/// The library's default is 128 KiB for each connection: a fleet would need more memory than the server.
const READ_BUFFER_BYTES: usize = 4 * 1024;
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
const CLOSE_MAX: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    #[error("can't connect")]
    Unreachable(#[source] io::Error),
    #[error("no answer to the handshake")]
    TimedOut,
    #[error("the handshake was refused with {status}")]
    Refused { status: u16, retry_after: Option<Duration> },
    #[error("the handshake failed")]
    Failed(#[source] Box<tungstenite::Error>),
}

/// One thing that comes over a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    Text(String),
    /// Closed by the server, with its code, or broken without one.
    Closed(Option<u16>),
}

/// `address` is a host and a port, `path` begins with a slash and has the query.
pub async fn open(address: &str, path: &str) -> Result<Stream, NotOpened> {
    let opening = async {
        let tcp = TcpStream::connect(address).await.map_err(NotOpened::Unreachable)?;
        tcp.set_nodelay(true).map_err(NotOpened::Unreachable)?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
        let opened = client_async_with_config(format!("ws://{address}{path}"), tcp, Some(config)).await;
        opened.map(|(stream, _)| stream).map_err(refusal)
    };
    tokio::time::timeout(HANDSHAKE_MAX, opening).await.map_err(|_| NotOpened::TimedOut)?
}

fn refusal(error: tungstenite::Error) -> NotOpened {
    let tungstenite::Error::Http(response) = error else { return NotOpened::Failed(Box::new(error)) };
    let header = response.headers().get("retry-after");
    let secs = header.and_then(|value| value.to_str().ok()?.parse().ok());
    NotOpened::Refused { status: response.status().as_u16(), retry_after: secs.map(Duration::from_secs) }
}

/// The next message. Pings are answered on the way, as every client does.
pub async fn next(stream: &mut Stream) -> Incoming {
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => return Incoming::Text(text.as_str().to_owned()),
            Some(Ok(Message::Close(frame))) => {
                return Incoming::Closed(frame.map(|frame| u16::from(frame.code)));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Incoming::Closed(None),
        }
    }
}

/// Whether it could be sent.
pub async fn send(stream: &mut Stream, text: String) -> bool {
    stream.send(Message::text(text)).await.is_ok()
}

/// With 1000, as an app that is closed by its user.
pub async fn close(mut stream: Stream) {
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    let closing = async {
        if stream.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    // A server that does not answer is left all the same.
    let _ = tokio::time::timeout(CLOSE_MAX, closing).await;
}
