//! `openapi.json` and `asyncapi.json`. Each document is made when it is first asked for, and kept: it is the same for
//! everybody, as long as the server runs.

use crate::api::console::kept_by_browser;
use crate::api::respond::{Answer, Answered};
use crate::contracts::documents::WireDocument;
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use std::sync::OnceLock;

/// Both documents.
pub struct Documents {
    openapi: Document,
    asyncapi: Document,
}

struct Document {
    make: fn() -> Value,
    made: OnceLock<Made>,
}

struct Made {
    text: Bytes,
    sha256: [u8; 32],
}

impl Documents {
    /// By what makes each of them.
    pub fn new(openapi: fn() -> Value, asyncapi: fn() -> Value) -> Self {
        Self { openapi: Document::new(openapi), asyncapi: Document::new(asyncapi) }
    }
}

impl Document {
    fn new(make: fn() -> Value) -> Self {
        Self { make, made: OnceLock::new() }
    }

    fn answer(&self, req: &HttpRequest) -> Answer<WireDocument> {
        let Made { text, sha256 } = self.made.get_or_init(|| {
            let text = (self.make)().to_string();
            let mut sha256 = [0; 32];
            sha256.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
            Made { text: text.into(), sha256 }
        });
        Answer::of(kept_by_browser(req, sha256, |response| {
            response.content_type("application/json").body(text.clone())
        }))
    }
}

/// `GET /openapi.json`.
pub async fn openapi(req: HttpRequest, documents: web::Data<Documents>) -> Answered<WireDocument> {
    Ok(documents.openapi.answer(&req))
}

/// `GET /asyncapi.json`.
pub async fn asyncapi(req: HttpRequest, documents: web::Data<Documents>) -> Answered<WireDocument> {
    Ok(documents.asyncapi.answer(&req))
}
