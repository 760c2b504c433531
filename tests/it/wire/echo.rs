//! A server whose conversation echoes its input, on the product's sessions.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytestring::ByteString;
use fleetwire::actors::session::{
    Connections, Conversation, Ended, Link, Reaper, TransportLimits, TransportMetrics, upgrade,
};
use fleetwire::rate_limit::Rate;

const SWEEP: Duration = Duration::from_millis(50);
/// The largest message of a case, and room for it to be echoed.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

struct Echoing;

impl Conversation for Echoing {
    type Message = Infallible;

    fn opened(&mut self, _: &mut Link<'_, Self>) {}

    fn text(&mut self, text: &str, link: &mut Link<'_, Self>) {
        let _ = link.send_text(ByteString::from(text));
    }

    fn pong(&mut self, _: &[u8], _: &mut Link<'_, Self>) {}

    fn message(&mut self, message: Infallible, _: &mut Link<'_, Self>) {
        match message {}
    }

    fn closed(&mut self, _: Ended) {}
}

pub struct Echo {
    port: u16,
    panics: Arc<AtomicU64>,
    handle: ServerHandle,
}

impl Echo {
    /// On a port of the system's choosing where it is 0.
    pub async fn start(port: u16) -> Self {
        let million = NonZeroU32::new(1_000_000).expect("not zero");
        let limits = Arc::new(TransportLimits {
            message_bytes_max: MESSAGE_BYTES_MAX,
            message_fragments_max: 100_000,
            messages: Rate::per_second(million, million),
            outbox_shed_bytes: 64 << 20,
            outbox_bytes_max: 64 << 20,
            ..TransportLimits::default()
        });
        let panics = Arc::new(AtomicU64::new(0));
        let counter = metrics::Counter::from_arc(panics.clone());
        let metrics = TransportMetrics { panics: counter, ..TransportMetrics::new() };
        let data = (limits, Reaper::start(SWEEP, metrics));
        let server = HttpServer::new(move || {
            App::new().app_data(web::Data::new(data.clone())).default_service(web::get().to(open))
        })
        .workers(1)
        .disable_signals()
        .on_connect(Connections::new(usize::MAX, Duration::from_secs(30)).on_connect())
        .bind(("127.0.0.1", port))
        .expect("a port can be bound");
        let port = server.addrs()[0].port();
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Echo { port, panics, handle }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::SeqCst)
    }

    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn open(
    request: HttpRequest,
    payload: web::Payload,
    data: web::Data<(Arc<TransportLimits>, Reaper)>,
) -> actix_web::Result<HttpResponse> {
    let (limits, reaper) = data.get_ref();
    upgrade(&request, payload, Echoing, limits, reaper)
}
