//! A client made of bytes that plays a case: it sends the case's bytes, and reads until the end of the connection.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::cases::{Case, End};
use crate::support::DEADLINE;

const MASK: [u8; 4] = [0x51, 0x62, 0x73, 0x84];
const CLOSE: u8 = 0x88;

pub struct Client {
    stream: TcpStream,
}

/// A masked frame; `first` is its first byte as it is on the wire.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
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
    frame
}

impl Client {
    pub async fn connect(port: u16) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the echo listens");
        let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("it takes the request");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(DEADLINE, stream.read_u8()).await.expect("in time").expect("a whole head"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Client { stream }
    }

    /// Err says what was otherwise than the case expects.
    pub async fn play(&mut self, case: &Case) -> Result<(), String> {
        let (mut reading, mut writing) = self.stream.split();
        let sending = async {
            for piece in case.sent.chunks(case.chop.max(1)) {
                // The server may have closed by now; what it said is what counts.
                if writing.write_all(piece).await.is_err() {
                    return;
                }
                if case.chop < case.sent.len() {
                    tokio::task::yield_now().await;
                }
            }
        };
        let hearing = async {
            let mut heard = Vec::new();
            while let Some(next) = next_frame(&mut reading).await {
                let is_over = next.0 == CLOSE;
                heard.push(next);
                if is_over {
                    break;
                }
            }
            heard
        };
        let late = |_| "it does not end in time".to_owned();
        let both = timeout(DEADLINE, async { tokio::join!(hearing, sending) });
        let (mut heard, ()) = both.await.map_err(late)?;
        // A client that closed says no more by this; any other answers. The end follows, and nothing before it.
        let ending = async {
            let _ = writing.write_all(&frame(CLOSE, &[])).await;
            next_frame(&mut reading).await
        };
        heard.extend(timeout(DEADLINE, ending).await.map_err(late)?);
        judge(case, &heard)
    }
}

fn judge(case: &Case, heard: &[(u8, Vec<u8>)]) -> Result<(), String> {
    let Some(((CLOSE, payload), echoed)) = heard.split_last() else {
        return Err(format!("it ends without a close; heard {}", brief(heard)));
    };
    if echoed != case.echoed {
        return Err(format!("heard {} instead of {}", brief(echoed), brief(&case.echoed)));
    }
    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
    let is_right = match case.end {
        End::Closed(expected) => code == Some(expected),
        End::WithoutCode => payload.is_empty(),
    };
    if is_right { Ok(()) } else { Err(format!("closed with {code:?} instead of {:?}", case.end)) }
}

fn brief(frames: &[(u8, Vec<u8>)]) -> String {
    let one = |(first, payload): &(u8, Vec<u8>)| {
        let begin = String::from_utf8_lossy(&payload[..payload.len().min(12)]).into_owned();
        format!("{first:#x} {} B {begin:?}", payload.len())
    };
    format!("{} frames {:?}", frames.len(), frames.iter().take(4).map(one).collect::<Vec<_>>())
}

/// None at the end of the connection, however it ends.
async fn next_frame(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let length = match stream.read_u8().await.ok()? {
        126 => usize::from(stream.read_u16().await.ok()?),
        127 => usize::try_from(stream.read_u64().await.ok()?).ok()?,
        short => usize::from(short),
    };
    assert!(length <= super::echo::MESSAGE_BYTES_MAX, "a frame of {length} bytes, or one that is masked");
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.ok()?;
    Some((first, payload))
}
