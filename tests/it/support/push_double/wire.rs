//! A double's actions on a connection below HTTP: it lowers and raises the number of streams while the connection
//! lives, goes away before it has begun a request, and resets. HTTP/2 libraries can't do the first two, so they are
//! written as frames between the library's own, and the library does not see the answers to them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PREFACE_LEN: usize = 24;
const HEADER_LEN: usize = 9;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK_OR_END_STREAM: u8 = 1;

pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Told by requests, heeded by the connection.
#[derive(Default)]
pub struct Wire {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whole frames that wait for a gap between the library's.
    frames: Vec<u8>,
    /// Limits on streams that were sent, and not yet acknowledged.
    limits: VecDeque<usize>,
    /// The newest limit that the client has acknowledged.
    limit: Option<usize>,
    /// What it was when each request began that the library has not handed over yet.
    limits_of_requests: VecDeque<Option<usize>>,
    /// Goes away with this code once all answers are on their way.
    goes_away: Option<u32>,
    has_gone: bool,
    answers: usize,
    answers_written: usize,
    /// A descriptor of the socket, to reset it with.
    socket: Option<std::net::TcpStream>,
    is_killed: bool,
    waker: Option<Waker>,
}

impl Wire {
    pub fn new(socket: std::net::TcpStream) -> Arc<Wire> {
        let wire = Wire::default();
        wire.state().socket = Some(socket);
        Arc::new(wire)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// `SETTINGS_MAX_CONCURRENT_STREAMS`, from now on.
    pub fn limit_streams(&self, limit: usize) {
        self.change(|state| {
            let value = u32::try_from(limit).expect("a limit is small").to_be_bytes();
            state.frames.extend([0, 0, 6, SETTINGS, 0, 0, 0, 0, 0, 0, 3]);
            state.frames.extend(value);
            state.limits.push_back(limit);
        });
    }

    /// A limit that holds from the first request on, also before the client has heard of it.
    pub fn begin_with_limit(&self, limit: usize) {
        self.limit_streams(limit);
        self.state().limit = Some(limit);
    }

    /// What the client knew that it must not go beyond when it began the next of the requests that the library hands over, which
    /// it does in the order in which they came. By then the client may have acknowledged another limit.
    pub fn limit_of_request(&self) -> Option<usize> {
        let mut state = self.state();
        state.limits_of_requests.pop_front().unwrap_or(state.limit)
    }

    pub fn last_limit_sent(&self) -> Option<usize> {
        let state = self.state();
        state.limits.back().copied().or(state.limit)
    }

    /// GOAWAY, after all answers so far, that says that nothing else was begun. The client ends the connection.
    pub fn go_away(&self, code: u32) {
        self.change(|state| state.goes_away = Some(code));
    }

    pub fn is_going(&self) -> bool {
        let state = self.state();
        state.goes_away.is_some() || state.has_gone || state.is_killed
    }

    /// An answer is handed to the library.
    pub fn answers(&self) {
        self.state().answers += 1;
    }

    /// RST instead of an orderly end.
    pub fn reset(&self) {
        self.change(|state| {
            if let Some(socket) = state.socket.take() {
                let socket = socket2::Socket::from(socket);
                socket.set_linger(Some(Duration::ZERO)).expect("a socket can be told to reset");
            }
            state.is_killed = true;
        });
    }
}

/// A connection's bytes, both ways.
pub struct Tap {
    inner: Box<dyn Io>,
    wire: Arc<Wire>,
    inbound: Frames,
    outbound: Frames,
    /// Ours, on their way.
    writing: VecDeque<u8>,
    /// The client's, for the library.
    ready: VecDeque<u8>,
    /// SETTINGS that the client has acknowledged; the first are the library's own.
    acks: usize,
}

/// The position of a stream of bytes within a frame.
#[derive(Default)]
struct Frames {
    /// Not part of any frame.
    preface_left: usize,
    header: Vec<u8>,
    payload_left: usize,
    /// Frames that have ended.
    count: usize,
}

struct Head {
    kind: u8,
    flags: u8,
}

impl Frames {
    fn is_between(&self) -> bool {
        self.preface_left == 0 && self.header.is_empty() && self.payload_left == 0
    }

    /// Takes bytes and gives back those to pass on; `keep` says of each frame whether it is passed on. A frame that is not
    /// has no payload.
    fn take(&mut self, bytes: &[u8], mut keep: impl FnMut(Head) -> bool) -> Vec<u8> {
        let mut passed = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while !rest.is_empty() {
            let inside = (self.preface_left + self.payload_left).min(rest.len());
            if inside > 0 {
                passed.extend_from_slice(&rest[..inside]);
                rest = &rest[inside..];
                if self.preface_left > 0 {
                    self.preface_left -= inside.min(self.preface_left);
                } else {
                    self.payload_left -= inside;
                    self.count += usize::from(self.payload_left == 0);
                }
                continue;
            }
            self.header.push(rest[0]);
            rest = &rest[1..];
            if self.header.len() == HEADER_LEN {
                let header = std::mem::take(&mut self.header);
                let len = u32::from_be_bytes([0, header[0], header[1], header[2]]);
                self.payload_left = len as usize;
                self.count += usize::from(len == 0);
                if keep(Head { kind: header[3], flags: header[4] }) {
                    passed.extend(header);
                }
            }
        }
        passed
    }
}

impl Tap {
    pub fn new(inner: Box<dyn Io>, wire: Arc<Wire>) -> Tap {
        Tap {
            inner,
            wire,
            inbound: Frames { preface_left: PREFACE_LEN, ..Frames::default() },
            outbound: Frames::default(),
            writing: VecDeque::new(),
            ready: VecDeque::new(),
            acks: 0,
        }
    }

    /// Writes what is ours, where there is a gap for it.
    fn poll_own_frames(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outbound.is_between() && self.outbound.count > 0 {
            let mut state = self.wire.state();
            self.writing.extend(std::mem::take(&mut state.frames));
            if state.answers == state.answers_written
                && let Some(code) = state.goes_away.take()
            {
                self.writing.extend([0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                self.writing.extend(code.to_be_bytes());
                state.has_gone = true;
            }
        }
        while !self.writing.is_empty() {
            let bytes = self.writing.make_contiguous();
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
            self.writing.drain(..written);
        }
        // With TLS, what is written is not sent before that.
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn take_from_client(&mut self, bytes: &[u8]) {
        let (acks, wire) = (&mut self.acks, &self.wire);
        let passed = self.inbound.take(bytes, |head| {
            if head.kind == HEADERS {
                let mut state = wire.state();
                let limit = state.limit;
                state.limits_of_requests.push_back(limit);
            }
            if head.kind != SETTINGS || head.flags & ACK_OR_END_STREAM == 0 {
                return true;
            }
            *acks += 1;
            if *acks > 1 {
                let mut state = wire.state();
                state.limit = state.limits.pop_front().or(state.limit);
            }
            *acks == 1
        });
        self.ready.extend(passed);
    }
}

fn killed() -> io::Error {
    ErrorKind::ConnectionReset.into()
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wire.state().waker = Some(cx.waker().clone());
        let own = this.poll_own_frames(cx)?;
        if this.wire.state().is_killed && own.is_ready() {
            return Poll::Ready(Err(killed()));
        }
        while this.ready.is_empty() {
            let mut bytes = [0; 16 * 1024];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let is_first = this.inbound.preface_left == PREFACE_LEN;
            if is_first && !read.filled().starts_with(b"PRI") {
                // HTTP/1.1 has no frames.
                this.inbound.preface_left = usize::MAX;
            }
            this.take_from_client(read.filled());
        }
        let len = this.ready.len().min(buf.remaining());
        let bytes: Vec<u8> = this.ready.drain(..len).collect();
        buf.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let own = this.poll_own_frames(cx)?;
        if this.wire.state().is_killed && own.is_ready() {
            return Poll::Ready(Err(killed()));
        }
        ready!(own);
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, buf))?;
        // HTTP/1.1 is read as frames, too; nobody asks there.
        let mut ended = 0;
        this.outbound.take(&buf[..written], |head| {
            ended += usize::from(matches!(head.kind, 0 | 1) && head.flags & ACK_OR_END_STREAM != 0);
            true
        });
        let mut state = this.wire.state();
        state.answers_written += ended;
        if ended > 0
            && state.goes_away.is_some()
            && let Some(waker) = state.waker.take()
        {
            waker.wake();
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
