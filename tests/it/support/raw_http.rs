//! An HTTP client made of bytes on one connection, for things that a proper client hides: unprocessed heads, half a
//! request, a connection that is kept and reused, and its end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::DEADLINE;

const HEAD_BYTES_MAX: usize = 16 * 1024;

pub struct RawHttp {
    stream: TcpStream,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case, with its last line break.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Of the header's first line; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default()
    }
}

impl RawHttp {
    pub async fn connect(port: u16) -> RawHttp {
        let stream = timeout(DEADLINE, TcpStream::connect(("127.0.0.1", port))).await;
        RawHttp { stream: stream.expect("a connection comes in time").expect("the server listens") }
    }

    /// The server may have ended the connection: that is what the answer, or none, is about.
    pub async fn send(&mut self, text: &str) {
        let _ = timeout(DEADLINE, self.stream.write_all(text.as_bytes())).await;
    }

    /// Asks, and reads the whole answer; none where the connection ends instead.
    pub async fn ask(&mut self, method: &str, path: &str, more: &str, body: &str) -> Option<Answer> {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}{length}\r\n{body}")).await;
        let mut answer = self.head().await?;
        let length: usize = answer.header("content-length").parse().unwrap_or(0);
        if method != "HEAD" {
            let mut body = vec![0; length];
            let read = timeout(DEADLINE, self.stream.read_exact(&mut body)).await;
            read.expect("a body comes in time").expect("a body is as long as it says");
            answer.body = String::from_utf8_lossy(&body).into_owned();
        }
        Some(answer)
    }

    /// The head of an answer. Byte by byte, so that nothing of what follows is taken.
    pub async fn head(&mut self) -> Option<Answer> {
        let read = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
                head.push(self.stream.read_u8().await.ok()?);
            }
            Some(String::from_utf8_lossy(&head).to_ascii_lowercase())
        };
        let head = timeout(DEADLINE, read).await.expect("an answer, or the end, comes in time")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        Some(Answer { status, head, body: String::new() })
    }

    /// Waits for the server to end the connection, past whatever it still says.
    pub async fn expect_end(&mut self) {
        let end = async {
            let mut rest = [0; 1024];
            while matches!(self.stream.read(&mut rest).await, Ok(bytes) if bytes > 0) {}
        };
        timeout(DEADLINE, end).await.expect("the server ends the connection in time");
    }
}
