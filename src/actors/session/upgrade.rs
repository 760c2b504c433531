//! From an HTTP request to a running session, and the session's output on its way back into the HTTP connection.

use std::{
    convert::Infallible,
    error::Error as StdError,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    error::{ErrorInternalServerError, PayloadError},
    http::header::{CONTENT_TYPE, RETRY_AFTER},
    web::{self, Bytes},
};
use actix_web_actors::ws::WsResponseBuilder;
use bytestring::ByteString;
use futures_core::Stream;

use super::{
    connections::Place,
    conversation::{Conversation, Link},
    handle::Ended,
    handshake,
    limits::TransportLimits,
    reaper::Reaper,
    transport::{Session, SharedOf},
};
use crate::contracts::close_codes::CloseCode;

/// Answers a WebSocket handshake and starts the session.
///
/// # Errors
///
/// The framework's objections to the handshake (400, 405), and 500 if `on_connect` is not installed on the server. A
/// bad key or version, a full or a draining server are answered, not errors.
pub fn upgrade<C: Conversation>(
    req: &HttpRequest,
    payload: web::Payload,
    conversation: C,
    limits: &Arc<TransportLimits>,
    reaper: &Reaper,
) -> Result<HttpResponse, actix_web::Error> {
    if let Err(bad) = handshake::check(req) {
        return Ok(bad.response());
    }
    if reaper.is_draining() || reaper.len() >= limits.sessions_max {
        return Ok(HttpResponse::ServiceUnavailable().insert_header((RETRY_AFTER, "5")).finish());
    }
    let place = req
        .conn_data::<Place>()
        .ok_or_else(|| ErrorInternalServerError("this connection can't carry a session"))?;
    let connection = Arc::downgrade(&place.connection);
    let shared = Arc::new(SharedOf::<C>::new(limits, reaper.metrics(), connection));
    let session = Session::new(conversation, payload, Arc::clone(&shared), reaper.clone());
    let mut response =
        WsResponseBuilder::new(session, req, NoPayload).protocols(&[handshake::BEARER_PROTOCOL]).start()?;
    response.headers_mut().remove(CONTENT_TYPE);
    // From now on the session's own time-outs count.
    place.leave();
    Ok(response.map_body(|_, frames| BoxBody::new(Outgoing { frames, shared })))
}

/// Completes the handshake and closes at once: an app can't see a code on a refused handshake. `held` lives as long as the socket.
///
/// # Errors
///
/// Those of [`upgrade`].
pub fn refuse(
    req: &HttpRequest,
    payload: web::Payload,
    code: CloseCode,
    reason: &str,
    held: impl Unpin + 'static,
    limits: &Arc<TransportLimits>,
    reaper: &Reaper,
) -> Result<HttpResponse, actix_web::Error> {
    upgrade(req, payload, RefusedHandshake { code, reason: reason.into(), _held: held }, limits, reaper)
}

/// Says nothing but why.
struct RefusedHandshake<T> {
    code: CloseCode,
    reason: ByteString,
    _held: T,
}

impl<T: Unpin + 'static> Conversation for RefusedHandshake<T> {
    type Message = Infallible;

    fn opened(&mut self, link: &mut Link<'_, Self>) {
        link.close(self.code, &self.reason);
    }

    fn text(&mut self, _: &str, _: &mut Link<'_, Self>) {}

    fn pong(&mut self, _: &[u8], _: &mut Link<'_, Self>) {}

    fn message(&mut self, message: Infallible, _: &mut Link<'_, Self>) {
        match message {}
    }

    fn closed(&mut self, _: Ended) {}
}

/// The actor's output on its way to the connection. It sees when the connection asks for more, and when all was said.
struct Outgoing<C: Conversation> {
    frames: BoxBody,
    shared: Arc<SharedOf<C>>,
}

impl<C: Conversation> MessageBody for Outgoing<C> {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.shared.written();
        let next = Pin::new(&mut self.frames).poll_next(cx);
        if matches!(next, Poll::Ready(None)) {
            // Nothing more is wanted from the peer. The server would otherwise wait for the rest of the "request" until
            // its disconnect time-out, while a peer whose close handshake is complete waits for the server's end.
            self.shared.finish_reading();
        }
        next
    }
}

/// The framework insists on decoding a payload itself; it is given one that is over.
struct NoPayload;

impl Stream for NoPayload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}
