//! The TCP connection under a session or a request: its options, and a switch that ends it from outside.
//!
//! The switch exists because a session's actor can't always end itself: while its client does not read, the server does
//! not poll it. It works on a duplicate of the descriptor, owned by the connection's extensions, and so lives exactly
//! as long as the connection; sessions hold it weakly and can't keep a dead connection's socket open.

use std::{
    any::Any,
    net::Shutdown,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, Socket};

use super::epoch::now_ms;

/// How long the kernel waits for a peer that acknowledges nothing or keeps its window shut.
const USER_TIMEOUT: Duration = Duration::from_secs(20);
/// Small, so that a client that does not read is noticed after this much, and its positions are not older than this.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// A connection's socket, as far as others than the server may touch it.
#[derive(Debug)]
pub(super) struct Connection {
    switch: Socket,
    pub usage: Usage,
}

/// The state of a connection.
#[derive(Debug)]
pub(super) struct Usage {
    /// Under way.
    pub requests: AtomicU32,
    /// The end of the last request, or the beginning of the connection.
    pub idle_since_ms: AtomicU64,
}

impl Usage {
    fn beginning() -> Self {
        Self { requests: 0.into(), idle_since_ms: now_ms().into() }
    }

    /// None while a request is in progress.
    pub fn idle_since_ms(&self) -> Option<u64> {
        (self.requests.load(Relaxed) == 0).then(|| self.idle_since_ms.load(Relaxed))
    }
}

impl Connection {
    /// That of a connection that was just accepted, plain TCP or TLS; none where that can't be had, and the log says why.
    pub fn of(io: &dyn Any) -> Option<Self> {
        let tcp = match io.downcast_ref::<TcpStream>() {
            Some(tcp) => tcp,
            None => match io.downcast_ref::<TlsStream<TcpStream>>() {
                Some(tls) => tls.get_ref().0,
                None => {
                    log::error!("connection of an unknown kind: sessions on it will be refused");
                    return None;
                }
            },
        };
        let socket = SockRef::from(tcp);
        if let Err(error) = set_options(&socket) {
            log::debug!("socket options not set: {error}");
        }
        match socket.try_clone() {
            Ok(switch) => Some(Self { switch, usage: Usage::beginning() }),
            Err(error) => {
                log::warn!("no descriptor left for a connection's switch: {error}");
                None
            }
        }
    }

    /// Ends the connection now, in both directions; whatever the server waits for on it fails.
    pub fn kill(&self) {
        // An error means that it is no longer connected, which was the purpose.
        let _ = self.switch.shutdown(Shutdown::Both);
    }

    /// Declares that no more input is awaited. The server, which would otherwise wait for the peer's end or its
    /// disconnect time-out, then sends its own end as soon as it has written all it holds.
    pub fn finish_reading(&self) {
        let _ = self.switch.shutdown(Shutdown::Read);
    }
}

#[cfg(test)]
impl From<Socket> for Connection {
    fn from(switch: Socket) -> Self {
        Self { switch, usage: Usage::beginning() }
    }
}

fn set_options(socket: &Socket) -> std::io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}
