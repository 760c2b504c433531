//! Any bytes on the wire: however they are split on their way, they give the same frames and messages, and no panic.

use super::frames::FrameBuffer;
use super::handshake;
use super::reassembly::{MessageLimits, Reassembly};
use crate::fuzzing::each_bytes;
use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;

const FRAME_BYTES_MAX: usize = 600;
const LIMITS: MessageLimits = MessageLimits { bytes_max: 700, fragments_max: 8 };

/// The result of bytes that arrive in pieces of this size.
fn heard(bytes: &[u8], piece: usize) -> Vec<String> {
    let (mut buffer, mut messages) = (FrameBuffer::new(FRAME_BYTES_MAX), Reassembly::default());
    let mut heard = Vec::new();
    for chunk in bytes.chunks(piece) {
        buffer.extend(chunk);
        while let Some(frame) = buffer.next() {
            if let Ok(frame) = &frame {
                let message = messages.push(frame.opcode, frame.last, frame.payload.clone(), LIMITS);
                heard.push(format!("{message:?}"));
            }
            heard.push(format!("{frame:?}"));
        }
    }
    heard
}

#[test]
fn frames_are_the_same_however_they_are_cut() {
    let hello: &[u8] = b"\x81\x85\x01\x02\x03\x04igohn";
    let fragments: &[u8] = b"\x01\x82\0\0\0\0he\x89\x80\0\0\0\0\x80\x83\0\0\0\0llo";
    let close: &[u8] = b"\x88\x82\x01\x02\x03\x04\x02\xea";
    let long = [b"\x81\xfe\x01\x00\0\0\0\0".as_slice(), &[b'x'; 256]].concat();
    let too_long: &[u8] = b"\x81\xff\0\0\0\xff\xff\xff\xff\xff\0\0\0\0x";
    each_bytes("frames", &[hello, fragments, close, &long, too_long], |bytes| {
        let whole = heard(bytes, bytes.len().max(1));
        assert_eq!(heard(bytes, 1), whole);
        assert_eq!(heard(bytes, 7), whole);
    });
}

#[test]
fn handshakes() {
    let good: [&[u8]; 3] = [b"dGhlIHNhbXBsZSBub25jZQ==", b"13", b"websocket"];
    each_bytes("handshakes", &good, |bytes| {
        let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
        let names = ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Upgrade"];
        let request = names
            .iter()
            .fold(TestRequest::default(), |request, name| request.insert_header((*name, value.clone())));
        if let Err(bad) = handshake::check(&request.to_http_request()) {
            assert!(bad.response().status().is_client_error());
        }
    });
}
