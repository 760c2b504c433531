//! A small HTTP client for looks at services, at a server that runs here, and at the public address.

use reqwest::{Client, ClientBuilder};
use rustls::ClientConfig;
use std::error::Error;
use std::time::Duration;

/// Of one request: somebody is waiting for the findings.
const TIMEOUT: Duration = Duration::from_secs(4);
/// More is no answer that says anything to us.
const BODY_BYTES_MAX: usize = 1 << 16;

pub struct Web {
    client: Client,
}

/// An answer, as far as it matters.
pub struct WebAnswer {
    pub status: u16,
    pub date: Option<String>,
    pub body: Vec<u8>,
}

impl Web {
    /// Certificates are verified as this says.
    pub fn verifying(mut tls: ClientConfig) -> reqwest::Result<Self> {
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Web { client: patient().tls_backend_preconfigured(tls).build()? })
    }

    /// For this machine, which asks itself by an address that no certificate names: any certificate is good.
    pub fn of_this_machine() -> reqwest::Result<Self> {
        // reqwest asks for a process's default where it is given none.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Web { client: patient().danger_accept_invalid_certs(true).build()? })
    }

    /// Any answer is one, whatever its status.
    pub async fn get(&self, url: &str) -> Result<WebAnswer, String> {
        let mut response = self.client.get(url).send().await.map_err(|error| reason(&error))?;
        let status = response.status().as_u16();
        let date = response.headers().get(reqwest::header::DATE);
        let date = date.and_then(|date| Some(date.to_str().ok()?.to_owned()));
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_BYTES_MAX {
                break;
            }
        }
        Ok(WebAnswer { status, date, body })
    }
}

fn patient() -> ClientBuilder {
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.connect_timeout(TIMEOUT / 2).timeout(TIMEOUT)
}

/// The innermost cause; the outer ones repeat the address.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
