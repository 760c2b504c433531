//! The walks of docs/PROTOCOL.md, without a socket: a phone that hears what its conversation would write, a server with
//! a real database, and no network, no transport and no matcher that would find anybody. Messages to a session wait at
//! a real mailbox.

mod driver_app;
mod ride_hailing;
mod ride_matching;

use super::part::Part;
use super::{Arrival, Client, ClientContext, Recipient, SearchLimits};
use crate::actors::dispatcher::{self, Dispatcher};
use crate::actors::foundation::Foundation;
use crate::actors::matcher;
use crate::actors::positions::{Positions, Tracks};
use crate::actors::presence::Presence;
use crate::actors::recorder::{self, RecorderOptions};
use crate::actors::registry::Registry;
use crate::actors::ride_access::RideAccess;
use crate::actors::room::{self, RoomOptions, Rooms};
use crate::actors::session::conversation::{Carrier, Conversation, Link, Work};
use crate::actors::session::handle::{Ended, SessionHandle, Shared, Task, Waker, Watched};
use crate::actors::session::{Sent, ToClient, TransportLimits, TransportMetrics};
use crate::actors::silence::{self, SilenceOptions};
use crate::clock::{Clock, Manual, SharedClock};
use crate::config::Settings;
use crate::contracts::close_codes::CloseCode;
use crate::domain::driver::DriverStatus;
use crate::domain::ids::{AccountId, DriverId, EventId, JobId};
use crate::domain::job_rules::JobRules;
use crate::domain::money::Amount;
use crate::domain::payment::Terms;
use crate::domain::ride_book::RideKeyRule;
use crate::metrics::Metrics;
use crate::operations::authentication::{self, Principal};
use crate::operations::tokens::{Subject, TokenKeys, TokenLifetimes, Use, VerifiedClaims};
use crate::operations::{Error, orders, seed};
use crate::rate_limit::AccountLimits;
use crate::store::{Database, Durability, Options, Party, StoreError, Tx, Where, migrate, sql};
use actix::{Addr, Arbiter};
use bytestring::ByteString;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

/// Long enough for a busy machine; nothing waits for it unless it fails.
const DEADLINE: Duration = Duration::from_secs(20);
const DRIVER: DriverId = DriverId(123);

/// An empty database, to be copied.
static EMPTY: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("fleetwire-walks-{}.db", std::process::id()));
    let _ = std::fs::remove_file(&path);
    migrate(&Where::Sqlite(path.clone()), DEADLINE).unwrap();
    path
});

/// All that a conversation speaks to, on a database with the demo's people.
struct House {
    context: Arc<ClientContext>,
    presence: Arc<Presence>,
    access: RideAccess,
    clock: Manual,
    directory: PathBuf,
}

fn copy_of_empty(directory: &Path, name: &str) -> Where {
    let path = directory.join(name);
    std::fs::copy(&*EMPTY, &path).unwrap();
    Where::Sqlite(path)
}

fn options(rules: JobRules) -> Options {
    Options {
        connections: 1,
        queue_max: 100,
        timeout: DEADLINE,
        decisions: Durability::Normal,
        positions: Durability::Normal,
        rules,
    }
}

impl House {
    async fn open() -> House {
        let settings = Settings::load(|_: &str| None).unwrap();
        let directory = std::env::temp_dir().join(format!("fleetwire-walk-{}", Uuid::new_v4()));
        std::fs::create_dir(&directory).unwrap();
        let clock = Manual::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let shared: SharedClock = Arc::new(clock.clone());
        let metrics = Arc::new(Metrics::new());
        let foundation = |database| Foundation { database, clock: shared.clone(), metrics: metrics.clone() };
        let options = options(settings.job_rules());
        let database = Database::open(
            &copy_of_empty(&directory, "house"),
            options.clone(),
            shared.clone(),
            metrics.clone(),
        );
        let seeding = database.write(move |tx| seed::seed(tx, "no hash", "no hash"));
        seeding.await.map_err(|error: Error| error.to_string()).unwrap();
        // Of another house: it finds nobody, and ends no search.
        let elsewhere = Database::on_the_spot(
            &copy_of_empty(&directory, "elsewhere"),
            options,
            shared.clone(),
            metrics.clone(),
        );
        let tracks = Arc::new(Tracks::new(clock.now()));
        let matcher = matcher::start(&settings, &foundation(elsewhere), tracks.clone()).await;
        let foundation = foundation(database.clone());
        let options = RoomOptions { members_max: 10, stale_after: TimeDelta::seconds(45) };
        let rooms = room::start(options, &foundation);
        let recording = RecorderOptions {
            queue_max: 100,
            flush_interval: Duration::from_millis(1),
            live_position_interval: DEADLINE,
        };
        let recorder = recorder::start(recording, &foundation);
        let positions =
            Positions::new(tracks, rooms.clone(), recorder.clone(), shared.clone(), metrics.clone());
        let registry = Arc::new(Registry::default());
        publish(&database, registry.clone(), rooms.clone());
        let lifetimes =
            TokenLifetimes { access: settings.tokens.access_ttl, refresh: settings.tokens.refresh_ttl };
        let presence = Arc::new(Presence::new(shared.clone(), TimeDelta::hours(1)));
        let dispatcher = dispatcher(&foundation, &registry, &presence, &positions);
        let context = ClientContext {
            database,
            dispatcher,
            recorder,
            matcher: matcher.unwrap(),
            rooms,
            positions,
            clock: shared,
            tokens: Arc::new(TokenKeys::new(b"thirty-two bytes for these tests", lifetimes, None)),
            metrics: metrics.clone(),
            offer_detail: settings.matching.offer_detail,
            fare_is_of_the_track: false,
            replay_events_max: 100,
            replay_age_max: TimeDelta::hours(1),
            rides_joined_max: 2,
            search_limits: SearchLimits::new(
                settings.limits.find_driver_per_minute,
                settings.limits.anonymous_rides_per_minute,
            ),
            account_limits: Arc::new(AccountLimits::new(&settings.limits)),
            sockets_max: 10,
        };
        let access = RideAccess::new(RideKeyRule::Required, 100, metrics);
        House { context: Arc::new(context), presence, access, clock, directory }
    }

    async fn decide<T: Send + 'static>(
        &self,
        decision: impl FnMut(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> T {
        self.context.database.write(decision).await.map_err(|error| error.to_string()).unwrap()
    }

    /// Somebody of the demo, and a token of theirs.
    async fn token(&self, username: &'static str) -> (Principal, String) {
        let found = self.context.database.read(move |conn| {
            let account = sql!(conn, accounts::by_username(username))?.expect("somebody of the demo");
            authentication::principal_of(conn, account)
        });
        let who: Principal = found.await.map_err(|error: StoreError| error.to_string()).unwrap();
        let subject = Subject {
            account_id: who.public_id,
            role: who.role,
            driver_id: who.driver.map(|id| id.0),
            customer_id: who.customer.map(|id| id.0),
            session: None,
        };
        let token = self.context.tokens.issue_access(&subject, self.clock.now(), Uuid::new_v4()).text;
        (who, token)
    }

    async fn known(&self, username: &'static str) -> (Principal, VerifiedClaims) {
        let (who, token) = self.token(username).await;
        let claims = self.context.tokens.verify(&token, Use::Access, self.clock.now());
        (who, claims.map_err(|error| error.to_string()).unwrap())
    }

    /// An order that driver 123 gets.
    async fn order(&self) -> JobId {
        self.decide(move |tx| {
            let order = orders::NewOrder {
                restaurant_name: "Burger King".to_owned(),
                pickup_address: "Koramangala".to_owned(),
                pickup: None,
                delivery_address: "Indiranagar".to_owned(),
                delivery: None,
                earnings: Amount::new(45.5).expect("an amount"),
                terms: Terms::default(),
                distance_km: 3.2,
                customer: None,
                external_id: None,
                is_demo: false,
            };
            let job = orders::create(tx, &order)?.id;
            orders::assign(tx, &[job], DRIVER)?;
            Ok(job)
        })
        .await
    }

    async fn status(&self) -> DriverStatus {
        let found = self.context.database.read(|conn| sql!(conn, drivers::find(DRIVER)));
        let found = found.await.map_err(|error: StoreError| error.to_string()).unwrap();
        found.expect("the demo's driver").0.status
    }

    /// Messages through mailboxes take a moment.
    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let waiting = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{what}"));
    }

    async fn until_gone(&self, account: AccountId) {
        self.until("the session leaves", async || !self.presence.is_connected(account)).await;
    }
}

/// With limits so long that nobody's duty ends by itself.
fn dispatcher(
    foundation: &Foundation,
    registry: &Arc<Registry>,
    presence: &Arc<Presence>,
    positions: &Positions,
) -> Addr<Dispatcher> {
    let options = SilenceOptions {
        offline_after: TimeDelta::hours(1),
        lost_after: TimeDelta::hours(1),
        offers_again: false,
    };
    let arbiter = Arbiter::current();
    let silence = silence::start(options, foundation, presence.clone(), positions.clone(), &arbiter);
    dispatcher::start(foundation, registry.clone(), presence.clone(), silence, &arbiter)
}

/// Says what was committed to sessions and rooms alone.
fn publish(database: &Database, registry: Arc<Registry>, rooms: Rooms) {
    database.publish_to(move |committed| {
        registry.publish(&committed);
        rooms.publish(&committed);
    });
}

impl Drop for House {
    fn drop(&mut self) {
        self.context.database.close();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Rings when something is put on the mailbox.
#[derive(Default)]
struct Bell(Notify);

impl Waker for Bell {
    fn wake(&self) {
        self.0.notify_one();
    }
}

/// The carrier of a conversation in tests: it keeps what is sent, and runs futures one after the other.
struct Paper<P: Part> {
    mailbox: Arc<Shared<ToClient, Bell>>,
    party: Option<Party>,
    said: VecDeque<Value>,
    pings: Vec<Vec<u8>>,
    closed: Option<CloseCode>,
    work: VecDeque<Work<Client<P>>>,
}

impl<P: Part> Carrier<Client<P>> for Paper<P> {
    fn send_text(&mut self, text: ByteString) -> Sent {
        self.said.push_back(serde_json::from_str(&text).unwrap());
        Sent::Queued
    }

    fn ping(&mut self, payload: &[u8]) {
        self.pings.push(payload.to_vec());
    }

    fn close(&mut self, code: CloseCode, _: &str) {
        self.closed.get_or_insert(code);
    }

    fn bad_message(&mut self) {}

    fn handle(&self) -> SessionHandle<ToClient> {
        SessionHandle(self.mailbox.clone())
    }

    fn session_id(&self) -> Uuid {
        self.mailbox.id
    }

    fn party(&mut self) -> &mut Option<Party> {
        &mut self.party
    }

    fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    fn spawn(&mut self, work: Work<Client<P>>) {
        self.work.push_back(work);
    }

    fn wait(&mut self, work: Work<Client<P>>) {
        self.work.push_back(work);
    }
}

/// An app in conversation.
struct Phone<P: Part> {
    client: Client<P>,
    paper: Paper<P>,
}

impl<P: Part> Phone<P> {
    async fn connects(client: Client<P>) -> Self {
        let limits = Arc::new(TransportLimits::default());
        let mailbox = Shared::new(&limits, &Arc::new(TransportMetrics::default()), Weak::new());
        let paper = Paper {
            mailbox: Arc::new(mailbox),
            party: None,
            said: VecDeque::new(),
            pings: Vec::new(),
            closed: None,
            work: VecDeque::new(),
        };
        let mut phone = Phone { client, paper };
        phone.client.opened(&mut Link(&mut phone.paper));
        phone.settle().await;
        phone
    }

    /// Runs what the conversation waits for and hands it what others have said, until nothing is left.
    async fn settle(&mut self) {
        loop {
            if let Some(work) = self.paper.work.pop_front() {
                let then = work.await;
                then(&mut self.client, &mut Link(&mut self.paper));
                continue;
            }
            match self.paper.mailbox.next_task() {
                Some(Task::Message(message)) => self.client.message(message, &mut Link(&mut self.paper)),
                Some(Task::Ping) => {}
                Some(Task::Close(code, _)) => {
                    self.paper.closed.get_or_insert(code);
                }
                Some(Task::Stop) | None => return,
            }
        }
    }

    async fn says(&mut self, message: Value) {
        self.client.text(&message.to_string(), &mut Link(&mut self.paper));
        self.settle().await;
    }

    /// The next message, which is of this type.
    #[track_caller]
    fn hears(&mut self, kind: &'static str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let hearing = async {
                loop {
                    self.settle().await;
                    if let Some(said) = self.paper.said.pop_front() {
                        return said;
                    }
                    self.paper.mailbox.waker().0.notified().await;
                }
            };
            let heard = timeout(DEADLINE, hearing).await;
            let heard = heard.unwrap_or_else(|_| panic!("{kind} was not said, {caller}"));
            assert_eq!(heard["type"], kind, "{heard}, {caller}");
            heard
        }
    }

    async fn hears_error(&mut self, code: &str) {
        let heard = self.hears("error").await;
        let found = heard["data"].get("code").unwrap_or(&heard["code"]);
        assert_eq!(found, code, "{heard}");
    }

    #[track_caller]
    fn hears_nothing(&mut self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            self.settle().await;
            assert!(self.paper.said.is_empty(), "{:?}, {caller}", self.paper.said);
        }
    }

    /// Its pongs come back.
    async fn confirms(&mut self) {
        for ping in std::mem::take(&mut self.paper.pings) {
            self.client.pong(&ping, &mut Link(&mut self.paper));
        }
        self.settle().await;
    }

    /// As the reaper does with one that says nothing.
    async fn falls_silent(mut self) {
        self.paper.mailbox.request_close(CloseCode::IdleTimeout, CloseCode::IdleTimeout.reason());
        self.settle().await;
        assert_eq!(self.paper.closed, Some(CloseCode::IdleTimeout));
        self.ends(Ended::WeClosed(CloseCode::IdleTimeout));
    }

    fn ends(mut self, ended: Ended) {
        self.client.closed(ended);
    }

    fn loses_its_network(self) {
        self.ends(Ended::Vanished);
    }
}

/// A fresh token keeps the session; another account's, and nonsense, change nothing.
async fn renews<P: Part>(house: &House, phone: &mut Phone<P>, own: &'static str, other: &'static str) {
    let (_, token) = house.token(own).await;
    phone.says(json!({"type": "authenticate", "token": token})).await;
    phone.hears("authenticated").await;
    let (_, token) = house.token(other).await;
    phone.says(json!({"type": "authenticate", "token": token})).await;
    phone.hears_error("unauthorized").await;
    phone.says(json!({"type": "authenticate", "token": "nonsense"})).await;
    phone.hears_error("unauthorized").await;
    assert_eq!(phone.paper.closed, None);
}
