//! A WebSocket client made of bytes, for things that a proper client cannot do: broken frames, no pongs, odd fragments.
//! It answers nothing by itself.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{DEADLINE, Door};

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The payload of no message that a server sends in these scenarios is longer.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const MASK: [u8; 4] = [0x1f, 0x2e, 0x3d, 0x4c];

pub struct RawSocket {
    stream: TcpStream,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl RawSocket {
    /// Connects and completes the handshake.
    pub async fn upgrade(door: &Door) -> RawSocket {
        let (head, stream) = handshake(door).await;
        assert!(head.starts_with("HTTP/1.1 101"), "no upgrade: {head}");
        RawSocket { stream }
    }

    pub async fn send(&mut self, is_final: bool, opcode: u8, payload: &[u8]) {
        let mut frame = vec![u8::from(is_final) << 7 | opcode];
        match payload.len() {
            short @ 0..=125 => frame.push(0x80 | short as u8),
            medium @ 126..=65_535 => {
                frame.push(0x80 | 126);
                frame.extend((medium as u16).to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        // The server may close before it has read everything: that is what the reply is about.
        let _ = timeout(DEADLINE, self.stream.write_all(&frame)).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.send(true, TEXT, text.as_bytes()).await;
    }

    /// The next frame, or none at the end of the connection.
    pub async fn receive(&mut self) -> Option<Frame> {
        timeout(DEADLINE, self.receive_now()).await.expect("a frame comes in time")
    }

    async fn receive_now(&mut self) -> Option<Frame> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = match head[1] & 0x7f {
            126 => usize::from(self.stream.read_u16().await.ok()?),
            127 => usize::try_from(self.stream.read_u64().await.ok()?).ok()?,
            short => usize::from(short),
        };
        assert!(length <= PAYLOAD_BYTES_MAX, "a frame of {length} bytes");
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame { opcode: head[0] & 0x0f, payload })
    }

    /// The next text message of this type; frames of other kinds are passed over.
    pub async fn expect_text(&mut self, expected: &str) -> serde_json::Value {
        loop {
            let frame = self.receive().await.unwrap_or_else(|| panic!("the end instead of {expected}"));
            assert_ne!(frame.opcode, CLOSE, "closed instead of {expected}: {:?}", close_code(&frame.payload));
            if frame.opcode != TEXT {
                continue;
            }
            let message: serde_json::Value = serde_json::from_slice(&frame.payload).expect("a text is JSON");
            if message["type"] == expected {
                return message;
            }
        }
    }

    /// The payload of the next ping.
    pub async fn expect_ping(&mut self) -> Vec<u8> {
        loop {
            let frame = self.receive().await.expect("a ping comes before the end");
            assert_ne!(frame.opcode, CLOSE, "closed instead of a ping: {:?}", close_code(&frame.payload));
            if frame.opcode == PING {
                return frame.payload;
            }
        }
    }

    pub async fn expect_close(&mut self, expected: u16) {
        loop {
            let frame =
                self.receive().await.unwrap_or_else(|| panic!("the end without a close frame {expected}"));
            if frame.opcode == CLOSE {
                assert_eq!(close_code(&frame.payload), Some(expected));
                return;
            }
        }
    }
}

fn close_code(payload: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]))
}

/// Asks for an upgrade and returns the head of the answer, whatever it is.
pub async fn handshake(door: &Door) -> (String, TcpStream) {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", door.port())).await.expect("the server listens");
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            door.path()
        );
        stream.write_all(request.as_bytes()).await.expect("the request can be sent");
        let mut head = Vec::new();
        // Byte by byte, so that nothing of the first frame is taken.
        while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
            head.push(stream.read_u8().await.expect("the answer has a whole head"));
        }
        (String::from_utf8_lossy(&head).into_owned(), stream)
    };
    timeout(DEADLINE, exchange).await.expect("a handshake is answered in time")
}
