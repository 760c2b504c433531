//! Bytes to frames: a stream over the request's payload. A faulty frame is recognised by its header, before its payload
//! is kept, so no client makes this buffer larger than one permitted frame plus what the kernel delivered with it.
//!
//! (The web framework's own stream waits for a complete frame before it checks the size, and reports the end of the
//! connection and bad UTF-8 as the same error.)
//!
//! A client that sends too fast is not polled for a while: its data stays in the kernel's buffers, and then in its own.
//!
//! After a fault the stream continues frame by frame without looking inside, only to find the peer's Close: input must
//! still be read, or the kernel answers unread data with a reset, which destroys our own Close frame on its way.

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_http::ws::{OpCode, Parser};
use actix_web::web::Payload;
use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use tokio::time::{Sleep, sleep};

use super::{epoch::now_ms, flood::Pace, reassembly::Fault};

/// A buffer larger than this is given back when it is empty.
const BUFFER_BYTES_KEPT: usize = 1024;

/// One frame, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub opcode: OpCode,
    pub last: bool,
    pub payload: Bytes,
}

/// Cuts bytes into frames; apart from the payload's stream, so that it can be tested without one.
pub(super) struct FrameBuffer {
    bytes: BytesMut,
    frame_bytes_max: usize,
    /// Some after a fault: so many bytes still belong to a frame that nobody wants.
    skipping: Option<u64>,
}

impl FrameBuffer {
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { bytes: BytesMut::new(), frame_bytes_max, skipping: None }
    }

    pub fn extend(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// The next frame, or the first fault; after that, only Close frames, without their payload.
    pub fn next(&mut self) -> Option<Result<Frame, Fault>> {
        if self.skipping.is_some() {
            return self.skip_to_close().map(Ok);
        }
        match self.parse() {
            Ok(frame) => frame.map(Ok),
            Err(fault) => {
                self.skipping = Some(0);
                Some(Err(fault))
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Frame>, Fault> {
        let Some(header) = Header::peek(&self.bytes) else {
            return Ok(None);
        };
        header.check(self.frame_bytes_max)?;
        match Parser::parse(&mut self.bytes, true, self.frame_bytes_max) {
            Ok(None) => Ok(None),
            Ok(Some((last, opcode, payload))) => {
                let payload = payload.map(BytesMut::freeze).unwrap_or_default();
                Ok(Some(Frame { opcode, last, payload }))
            }
            Err(_) => Err(Fault::Protocol("malformed frame")),
        }
    }

    fn skip_to_close(&mut self) -> Option<Frame> {
        loop {
            let left = self.skipping.unwrap_or(0);
            let now = left.min(self.bytes.len() as u64);
            self.bytes.advance(now as usize);
            self.skipping = Some(left - now);
            if left > now {
                return None;
            }
            let header = Header::peek(&self.bytes)?;
            let length = header.length?;
            self.skipping = Some(length.saturating_add(header.bytes as u64));
            if header.opcode == OpCode::Close {
                return Some(Frame { opcode: OpCode::Close, last: true, payload: Bytes::new() });
            }
        }
    }

    /// Gives memory back between messages; thousands of idle sessions are why.
    fn relax(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > BUFFER_BYTES_KEPT {
            self.bytes = BytesMut::new();
        }
    }
}

/// The content of a frame's first bytes.
struct Header {
    last: bool,
    reserved: bool,
    opcode: OpCode,
    masked: bool,
    /// None while the extended length has not arrived.
    length: Option<u64>,
    /// Of the header itself, with its mask.
    bytes: usize,
}

impl Header {
    fn peek(bytes: &[u8]) -> Option<Self> {
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let (length, length_bytes) = match second & 0x7f {
            126 => (bytes.get(2..4).map(|l| u64::from(u16::from_be_bytes([l[0], l[1]]))), 2),
            127 => (bytes.get(2..10).and_then(|l| l.try_into().ok()).map(u64::from_be_bytes), 8),
            short => (Some(u64::from(short)), 0),
        };
        let masked = second & 0x80 != 0;
        Some(Self {
            last: first & 0x80 != 0,
            reserved: first & 0x70 != 0,
            opcode: OpCode::from(first & 0x0f),
            masked,
            length,
            bytes: 2 + length_bytes + if masked { 4 } else { 0 },
        })
    }

    fn check(&self, frame_bytes_max: usize) -> Result<(), Fault> {
        let control = matches!(self.opcode, OpCode::Close | OpCode::Ping | OpCode::Pong);
        let length_bytes = self.bytes - 2 - if self.masked { 4 } else { 0 };
        let is_padded = self.length.is_some_and(|length| length_bytes > shortest_length_bytes(length));
        // RFC 6455 5.5: 125 bytes, so there is no more of a length to wait for.
        let long = length_bytes > 0;
        if self.reserved {
            Err(Fault::Protocol("reserved bit set"))
        } else if !self.masked {
            Err(Fault::Protocol("unmasked frame"))
        } else if self.opcode == OpCode::Bad {
            Err(Fault::Protocol("unknown opcode"))
        } else if control && (!self.last || long) {
            Err(Fault::Protocol("control frame fragmented or too long"))
        } else if is_padded {
            Err(Fault::Protocol("length not in its shortest form"))
        } else {
            match self.length {
                Some(length) if length > i64::MAX as u64 => Err(Fault::Protocol("length out of range")),
                Some(length) if length > frame_bytes_max as u64 => Err(Fault::TooBig),
                _ => Ok(()),
            }
        }
    }
}

/// RFC 6455 5.2: "the minimal number of bytes MUST be used". Two ways to say one thing are two readings of it.
fn shortest_length_bytes(length: u64) -> usize {
    match length {
        ..126 => 0,
        126..=0xffff => 2,
        _ => 8,
    }
}

/// The payload as frames, at the pace of its session. Ends when the peer's side of the connection does.
pub(super) struct FrameStream {
    payload: Payload,
    buffer: FrameBuffer,
    over: bool,
    pace: Rc<Pace>,
    /// While the client is held back.
    held: Option<Pin<Box<Sleep>>>,
}

impl FrameStream {
    pub fn new(payload: Payload, frame_bytes_max: usize, pace: Rc<Pace>) -> Self {
        Self { payload, buffer: FrameBuffer::new(frame_bytes_max), over: false, pace, held: None }
    }

    /// Ready when the next frame may be looked at.
    fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(until_ms) = self.pace.held_until_ms(now_ms) {
            let wait = Duration::from_millis(until_ms.saturating_sub(now_ms()));
            let held = self.held.get_or_insert_with(|| Box::pin(sleep(wait)));
            ready!(held.as_mut().poll(cx));
            self.held = None;
        }
        self.held = None;
        Poll::Ready(())
    }
}

impl Stream for FrameStream {
    type Item = Result<Frame, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        ready!(this.poll_free(cx));
        loop {
            if let Some(frame) = this.buffer.next() {
                return Poll::Ready(Some(frame));
            }
            if this.over {
                return Poll::Ready(None);
            }
            match Pin::new(&mut this.payload).poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => this.buffer.extend(&chunk),
                Poll::Ready(Some(Err(_)) | None) => this.over = true,
                Poll::Pending => {
                    this.buffer.relax();
                    return Poll::Pending;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 200;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..126 => bytes.push(0x80 | short as u8),
            long => {
                bytes.push(0x80 | 126);
                bytes.extend((long as u16).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    fn first_of(bytes: &[u8]) -> Option<Result<Frame, Fault>> {
        let mut buffer = FrameBuffer::new(MAX);
        buffer.extend(bytes);
        buffer.next()
    }

    #[test]
    fn a_frame_is_given_when_its_last_byte_is_there() {
        let bytes = frame(0x81, b"hello");
        let mut buffer = FrameBuffer::new(MAX);
        for byte in &bytes[..bytes.len() - 1] {
            buffer.extend(&[*byte]);
            assert_eq!(buffer.next(), None);
        }
        buffer.extend(&bytes[bytes.len() - 1..]);
        let hello = Frame { opcode: OpCode::Text, last: true, payload: Bytes::from_static(b"hello") };
        assert_eq!(buffer.next(), Some(Ok(hello)));
        assert_eq!(buffer.next(), None);
    }

    /// A frame was once judged only when it had arrived whole: a client could declare a terabyte and have all of it kept.
    #[test]
    fn too_big_is_known_from_the_header() {
        let mut terabyte = vec![0x81, 0xff];
        terabyte.extend((1u64 << 40).to_be_bytes());
        assert_eq!(first_of(&terabyte), Some(Err(Fault::TooBig)));
        assert_eq!(first_of(&frame(0x81, &[b'x'; MAX + 1])), Some(Err(Fault::TooBig)));
        assert!(matches!(first_of(&frame(0x81, &[b'x'; MAX])), Some(Ok(_))));
    }

    #[test]
    fn protocol_errors_are_known_from_two_bytes() {
        for header in [[0xc1, 0x80], [0x91, 0x80], [0xa1, 0x80], [0x81, 0x00], [0x83, 0x80], [0x8b, 0x80]] {
            assert!(matches!(first_of(&header), Some(Err(Fault::Protocol(_)))), "{header:x?}");
        }
        for control in [[0x09, 0x80], [0x08, 0x80], [0x89, 0x80 | 126], [0x88, 0x80 | 127]] {
            assert!(matches!(first_of(&control), Some(Err(Fault::Protocol(_)))), "{control:x?}");
        }
    }

    #[test]
    fn a_length_has_one_form() {
        let frame = |length: &[u8], payload: usize| [&[0x81][..], length, &vec![0; 4 + payload]].concat();
        let padded = Some(Err(Fault::Protocol("length not in its shortest form")));
        assert_eq!(first_of(&frame(&[0x80 | 126, 0, 125], 125)), padded);
        assert_eq!(first_of(&frame(&[0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 125], 125)), padded);
        assert_eq!(first_of(&frame(&[0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 126], 126)), padded);
        assert_eq!(first_of(&frame(&[0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 0)), padded);
        assert!(matches!(first_of(&frame(&[0x80 | 126, 0, 126], 126)), Some(Ok(_))));
    }

    #[test]
    fn a_length_beyond_63_bits_is_a_protocol_error() {
        let mut bytes = vec![0x81, 0xff];
        bytes.extend(u64::MAX.to_be_bytes());
        assert!(matches!(first_of(&bytes), Some(Err(Fault::Protocol(_)))));
    }

    #[test]
    fn after_a_fault_only_the_peers_close_is_seen_and_nothing_is_kept() {
        let mut buffer = FrameBuffer::new(MAX);
        let mut bytes = frame(0xc1, b"reserved bit");
        bytes.extend(frame(0x81, &[0x88; 3 * MAX]));
        bytes.extend(frame(0x89, b"ping"));
        bytes.extend(frame(0x88, b"\x03\xea"));
        let mut seen = Vec::new();
        for chunk in bytes.chunks(7) {
            buffer.extend(chunk);
            while let Some(next) = buffer.next() {
                seen.push(next.map(|frame| frame.opcode));
            }
            assert!(buffer.bytes.len() <= 14);
        }
        assert_eq!(seen, [Err(Fault::Protocol("reserved bit set")), Ok(OpCode::Close)]);
    }
}
