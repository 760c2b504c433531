//! An account's line to the server: one socket after the other, and the book of what has come over them.

use crate::contracts::client_messages::Ack;
use crate::contracts::close_codes::CloseCode;
use crate::contracts::{Contract, driver_app, envelope, ride_hailing, ride_matching};
use crate::domain::ids::EventId;
use crate::simulate::board::Stage;
use crate::simulate::book::{Book, Connection, Receipt};
use crate::simulate::hearing::{self, Heard, Said};
use crate::simulate::report::Figures;
use crate::simulate::socket::{self, Incoming, NotOpened, Stream};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::Duration;

/// An event that was committed less than that before the audit may still be on its way.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(3);
/// How long an event may take that the audit has shown.
const ARRIVES_WITHIN: Duration = Duration::from_secs(5);
/// How long the whole of an account's events may take when it is read again.
const AUDIT_MAX: Duration = Duration::from_secs(30);
/// Handshakes of one address are limited, and at the end everybody makes one.
const AUDIT_TRIES: u32 = 60;
const FIRST_MESSAGE_MAX: Duration = Duration::from_secs(20);
/// Where the server does not say when to come again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The way in.
#[derive(Clone)]
pub struct Door {
    pub contract: Contract,
    /// With a slash at its beginning, and without a query.
    pub path: String,
    pub token: String,
    /// Whether the app names the last event that it knows when it connects again.
    pub names_last_event: bool,
}

/// One account's line.
pub struct Line {
    stage: Arc<Stage>,
    door: Door,
    /// `None` until the first connection has said where the run begins.
    book: Option<Book>,
    open: Option<Open>,
    was_open: bool,
}

struct Open {
    stream: Stream,
    connection: Connection,
    since: DateTime<Utc>,
}

/// One thing that an app gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    Said(Said),
    /// With the close code, where there was one.
    Closed(Option<u16>),
}

/// Why an app is not connected.
#[derive(Debug)]
pub enum NoLine {
    NotOpened(NotOpened),
    /// Closed before anything was said.
    Closed(Option<u16>),
}

impl NoLine {
    /// When it makes sense to try again.
    pub fn retry_after(&self) -> Duration {
        match self {
            NoLine::NotOpened(NotOpened::Refused { retry_after: Some(wait), .. }) => *wait,
            _ => RETRY_AFTER,
        }
    }
}

impl Door {
    /// The hailing app's, which is open to every account that the simulation has.
    pub fn hailing(token: String, names_last_event: bool) -> Self {
        Self {
            contract: Contract::RideHailing,
            path: "/api/v1/ws/connect".to_owned(),
            token,
            names_last_event,
        }
    }

    fn path(&self, last_event: Option<i64>) -> String {
        let last_event = last_event.map_or(String::new(), |id| format!("&last_event_id={id}"));
        format!("{}?token={}{last_event}", self.path, self.token)
    }
}

impl Line {
    pub fn new(stage: Arc<Stage>, door: Door, book: Option<Book>) -> Self {
        Self { stage, door, book, open: None, was_open: false }
    }

    pub fn contract(&self) -> Contract {
        self.door.contract
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The book so far; an empty one for an account that was never connected.
    pub fn into_book(self) -> Book {
        self.book.unwrap_or_else(|| Book::new(0))
    }

    /// Connects, and waits for the first message.
    pub async fn connect(&mut self) -> Result<(), NoLine> {
        let named = self.book.as_ref().filter(|_| self.door.names_last_event && self.was_open);
        let named = named.map(Book::newest);
        let (stream, newest) = open(&self.stage.address, &self.door, named).await?;
        if self.was_open {
            self.stage.board.count(|figures| figures.reconnects += 1);
        }
        self.was_open = true;
        self.book.get_or_insert_with(|| Book::new(newest.unwrap_or(0)));
        let since = self.stage.clock.now();
        self.open = Some(Open { stream, connection: Connection::new(named), since });
        Ok(())
    }

    /// The next message, once its number is in the book. Waits for ever while there is no connection.
    pub async fn hear(&mut self) -> Came {
        let Some(open) = &mut self.open else { return std::future::pending().await };
        match socket::next(&mut open.stream).await {
            Incoming::Closed(code) => {
                self.open = None;
                Came::Closed(code)
            }
            Incoming::Text(text) => Came::Said(self.read(&text)),
        }
    }

    fn read(&mut self, text: &str) -> Said {
        let Some(said) = hearing::read(self.door.contract, text) else {
            self.stage.board.count(|figures| count_error(figures, "unknown_message"));
            return Said::Other;
        };
        match &said {
            Said::Event(event) => self.note(event),
            Said::Error(code) => self.stage.board.count(|figures| count_error(figures, code.as_str())),
            _ => {}
        }
        said
    }

    fn note(&mut self, event: &Heard) {
        let (Some(id), Some(open), Some(book)) = (event.id, &mut self.open, &mut self.book) else { return };
        let receipt = book.receive(&mut open.connection, id);
        let now = self.stage.clock.now();
        // An event that is sent again after a reconnect has waited for the app, not for the server.
        let live = event.happened_at.filter(|at| *at >= open.since);
        self.stage.board.count(|figures| match receipt {
            Receipt::New => {
                figures.events.received += 1;
                let took = live.and_then(|at| u64::try_from((now - at).num_milliseconds()).ok());
                figures.received_in_ms.extend(took);
            }
            Receipt::Repeated => figures.events.repeated += 1,
            Receipt::Earlier => {}
            Receipt::Doubled => {
                figures.events.doubled_after_confirmation += 1;
                figures.breaks(format!("{} got event {id} again", self.door.path));
            }
            Receipt::OutOfOrder => {
                figures.events.received += 1;
                figures.events.out_of_order += 1;
                figures.breaks(format!("{} got event {id} after a newer one", self.door.path));
            }
        });
    }

    /// Whether it could be sent. A line that breaks on it is heard of by [`Line::hear`].
    pub async fn send(&mut self, text: String) -> bool {
        match &mut self.open {
            Some(open) => socket::send(&mut open.stream, text).await,
            None => false,
        }
    }

    /// Confirms an event in the words of the contract.
    pub async fn acknowledge(&mut self, id: i64) {
        let ack = Ack { event_id: EventId(id) };
        let text = match self.door.contract {
            Contract::DriverApp => envelope::text(&driver_app::ClientMessage::Ack(ack)),
            Contract::RideHailing => envelope::text(&ride_hailing::ClientMessage::Ack(ack)),
            Contract::RideMatching => envelope::text(&ride_matching::ClientMessage::Ack(ack)),
        };
        self.send(text).await;
    }

    /// The network is gone: the server hears no goodbye.
    pub fn lose_network(&mut self) {
        self.open = None;
    }

    /// Says goodbye.
    pub async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            socket::close(open.stream).await;
        }
    }

    /// Compares the book with all that the server has for the account, and counts what never came. The line itself stays
    /// open meanwhile: what is on its way arrives.
    pub async fn audit(&mut self) {
        let Some(book) = &self.book else { return };
        let (at, token) = (self.stage.clock.now(), self.door.token.clone());
        let Some(committed) = committed(&self.stage, token, book.begins_after()).await else {
            self.stage.board.count(|figures| count_error(figures, "audit_failed"));
            return;
        };
        let due = committed.into_iter().filter(|event| is_due(event, at)).filter_map(|event| event.id);
        let due: Vec<i64> = due.collect();
        let _ = tokio::time::timeout(ARRIVES_WITHIN, self.hear_all(&due)).await;
        let Some(book) = &self.book else { return };
        let lost: Vec<i64> = due.into_iter().filter(|id| !book.knows(*id)).collect();
        let gaps = book.missing(book.newest()).into_iter().filter(|_| self.has_every_number());
        let gaps: Vec<i64> = gaps.filter(|id| !lost.contains(id)).collect();
        self.stage.board.count(|figures| {
            figures.events.lost += (lost.len() + gaps.len()) as u64;
            for id in lost.iter().chain(&gaps) {
                figures.breaks(format!("{} never got event {id}", self.door.path));
            }
        });
    }

    /// Whether each event of the account comes over this line: a matching socket has those of one ride alone.
    fn has_every_number(&self) -> bool {
        self.door.contract != Contract::RideMatching
    }

    async fn hear_all(&mut self, due: &[i64]) {
        while self.book.as_ref().is_some_and(|book| due.iter().any(|id| !book.knows(*id))) {
            if let Came::Closed(_) = self.hear().await {
                return;
            }
        }
    }
}

fn count_error(figures: &mut Figures, code: &str) {
    *figures.errors.entry(code.to_owned()).or_default() += 1;
}

/// Whether it was committed so long before the audit that it must have come by now.
fn is_due(event: &Heard, audited_at: DateTime<Utc>) -> bool {
    event.happened_at.is_none_or(|at| at < audited_at - ON_ITS_WAY)
}

/// A socket whose first message has come, and the newest number that it says.
async fn open(address: &str, door: &Door, named: Option<i64>) -> Result<(Stream, Option<i64>), NoLine> {
    let mut stream = socket::open(address, &door.path(named)).await.map_err(NoLine::NotOpened)?;
    let first = tokio::time::timeout(FIRST_MESSAGE_MAX, socket::next(&mut stream)).await;
    match first.unwrap_or(Incoming::Closed(None)) {
        Incoming::Closed(code) => Err(NoLine::Closed(code)),
        Incoming::Text(text) => match hearing::read(door.contract, &text) {
            Some(Said::Connected { newest }) => Ok((stream, newest)),
            _ => Err(NoLine::Closed(None)),
        },
    }
}

/// The newest number of an account.
pub async fn newest_of(stage: &Stage, token: String) -> Result<i64, NoLine> {
    let door = Door::hailing(token, false);
    let (stream, newest) = open(&stage.address, &door, None).await?;
    socket::close(stream).await;
    Ok(newest.unwrap_or(0))
}

/// All events of an account after a number, as another app of the account is told them; `None` where it can't be asked.
async fn committed(stage: &Stage, token: String, after: i64) -> Option<Vec<Heard>> {
    let door = Door::hailing(token, true);
    for _ in 0..AUDIT_TRIES {
        match open(&stage.address, &door, Some(after)).await {
            Ok((mut stream, newest)) => {
                let newest = newest.unwrap_or(0);
                let replayed = replayed(&mut stream, after, newest);
                let replayed = tokio::time::timeout(AUDIT_MAX, replayed).await.ok().flatten();
                socket::close(stream).await;
                return replayed;
            }
            Err(NoLine::Closed(Some(code))) if code == CloseCode::AuthenticationFailed.number() => {
                return None;
            }
            Err(no_line) => tokio::time::sleep(no_line.retry_after()).await,
        }
    }
    None
}

async fn replayed(stream: &mut Stream, after: i64, newest: i64) -> Option<Vec<Heard>> {
    let (mut events, mut last) = (Vec::new(), after);
    while last < newest {
        let Incoming::Text(text) = socket::next(stream).await else { return None };
        if let Some(Said::Event(event)) = hearing::read(Contract::RideHailing, &text) {
            last = event.id.unwrap_or(last);
            events.push(event);
        }
    }
    Some(events)
}
