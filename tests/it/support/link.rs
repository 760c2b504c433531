//! The network between a server and PostgreSQL, in the test's hands: it can be cut, silent or slow, or lose the answer to a
//! COMMIT.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Sound,
    /// Connections are reset, new ones as soon as they are there.
    Cut,
    /// Nothing comes through, and nobody is told.
    Silent,
    /// Each piece takes so long, either way.
    Slow(Duration),
    /// The next COMMIT reaches the database; of its answer one byte comes back, then the connection is reset.
    LosesCommit,
}

pub struct Link {
    port: u16,
    /// Of the database itself, as the server's URL has it.
    upstream: String,
    network: Arc<watch::Sender<Network>>,
    accepting: JoinHandle<()>,
}

impl Link {
    /// To the PostgreSQL that the tests run on; none where they run on SQLite.
    pub async fn to_postgres() -> Option<Link> {
        let url = std::env::var("FLEETWIRE_TEST_POSTGRES").ok()?;
        let (_, rest) = url.split_once("://").expect("a URL");
        let host = rest.split('/').next().expect("a URL names a host");
        let upstream = host.rsplit('@').next().expect("a host").to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let network = Arc::new(watch::Sender::new(Network::Sound));
        let accepting = tokio::spawn(accept(listener, upstream.clone(), network.clone()));
        Some(Link { port, upstream, network, accepting })
    }

    /// The address in the database's URL, and the one that takes its place.
    pub fn detour(&self) -> [String; 2] {
        [self.upstream.clone(), format!("127.0.0.1:{}", self.port)]
    }

    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, upstream: String, network: Arc<watch::Sender<Network>>) {
    loop {
        let (client, _) = listener.accept().await.expect("it listens");
        reset_when_dropped(&client);
        if *network.borrow() == Network::Cut {
            continue;
        }
        let (upstream, network) = (upstream.clone(), network.clone());
        tokio::spawn(async move {
            let server = TcpStream::connect(upstream).await.expect("PostgreSQL listens");
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            carry(client, server, &network).await;
        });
    }
}

/// A close with no time to linger sends RST instead of FIN.
fn reset_when_dropped(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

async fn carry(client: TcpStream, server: TcpStream, network: &watch::Sender<Network>) {
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let has_committed = AtomicBool::new(false);
    tokio::select! {
        () = ask(from_client, to_server, network, &has_committed) => {}
        () = answer(from_server, to_client, network, &has_committed) => {}
        () = cut(network) => {}
    }
}

async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    network: &watch::Sender<Network>,
    has_committed: &AtomicBool,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut chunk).await {
        let chunk = &chunk[..bytes];
        pass(network).await;
        let commits = chunk.windows(6).any(|word| word == b"COMMIT");
        if commits && *network.borrow() == Network::LosesCommit {
            has_committed.store(true, Ordering::SeqCst);
            network.send_replace(Network::Sound);
        }
        if to.write_all(chunk).await.is_err() {
            return;
        }
    }
}

async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    network: &watch::Sender<Network>,
    has_committed: &AtomicBool,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut chunk).await {
        pass(network).await;
        if has_committed.load(Ordering::SeqCst) {
            let _ = to.write_all(&chunk[..1]).await;
            return;
        }
        if to.write_all(&chunk[..bytes]).await.is_err() {
            return;
        }
    }
}

/// Waits as long as the network takes for one piece.
async fn pass(network: &watch::Sender<Network>) {
    let mut changes = network.subscribe();
    let now = *changes.borrow();
    if let Network::Slow(time) = now {
        tokio::time::sleep(time).await;
    }
    let _ = changes.wait_for(|network| *network != Network::Silent).await;
}

async fn cut(network: &watch::Sender<Network>) {
    let _ = network.subscribe().wait_for(|network| *network == Network::Cut).await;
}
