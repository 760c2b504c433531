//! The one-channel rule: an event goes to push exactly if no device confirmed it over a socket in time. A third of the
//! customers are connected, a third are not, and a third are connected with sockets that answer nothing;
//! `PUSH_CUSTOMERS` sets their number, `PUSH_CONFIRM_MS` how long a device has to confirm.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use fleetwire::domain::push::PushService::Fcm;

use crate::support::push_double::PushDouble;
use crate::support::{Api, HailingApp, Heard, Server, rounds, wait_until};

struct Fleet {
    server: Server,
    double: PushDouble,
    operator: Api,
    connected: Vec<Person>,
    absent: Vec<Person>,
    frozen: Vec<Person>,
    confirm: Duration,
    /// When the server was killed in between.
    killed_at: Option<Instant>,
}

#[derive(Clone)]
struct Person {
    id: i64,
    token: String,
}

impl Person {
    fn device(&self) -> String {
        format!("phone-{}", self.id)
    }
}

impl Fleet {
    async fn new() -> Fleet {
        let double = PushDouble::start().await;
        let confirm_ms = rounds("PUSH_CONFIRM_MS", 2000);
        let server =
            Server::builder().pushing_to(&double).stable_port().setting("CONFIRM_TIMEOUT_MS", confirm_ms);
        let server = server.start().await;
        let operator = server.operator().await.api().clone();
        let ids = server.more_customers(rounds("PUSH_CUSTOMERS", 60)).await;
        let tokens = server.customer_tokens(&ids).await;
        let people: Vec<Person> =
            ids.iter().zip(tokens).map(|(id, token)| Person { id: *id, token }).collect();
        for person in &people {
            server.register(person.id, "android", json!({"fcmToken": person.device()})).await;
        }
        let third = people.len() / 3;
        Fleet {
            server,
            double,
            operator,
            connected: people[..third].to_vec(),
            absent: people[third..2 * third].to_vec(),
            frozen: people[2 * third..].to_vec(),
            confirm: Duration::from_millis(confirm_ms as u64),
            killed_at: None,
        }
    }

    async fn connect(&self, people: &[Person]) -> Vec<HailingApp> {
        let mut apps = Vec::new();
        for person in people {
            apps.push(self.server.hailing_door(person.token.clone()).connect().await);
        }
        apps
    }

    /// One event each. Returns before which moment each device has no push to get where it might confirm.
    async fn one_event_each(&self) -> BTreeMap<String, Instant> {
        let mut begun = BTreeMap::new();
        for person in self.frozen.iter().chain(&self.connected).chain(&self.absent) {
            begun.insert(person.device(), Instant::now());
            self.server.bring_about(&self.operator, person.id).await;
        }
        begun
    }

    /// Waits until everybody who did not confirm has `count` pushes, and checks that nobody has more, nor who confirmed any.
    async fn check_pushes(&self, count: usize) {
        self.server.push_settled().await;
        let taken = self.double.desk(Fcm).taken();
        // Notifications in flight at the kill may have come twice, before and after it: under one id, so that the
        // device shows them once.
        let mut seen = BTreeSet::new();
        for one in &taken {
            let is_after = self.killed_at.is_some_and(|killed_at| one.at > killed_at);
            let is_first = seen.insert((&one.token, &one.collapse_id, is_after));
            assert!(is_first, "{} was sent {} twice by one process", one.token, one.collapse_id);
        }
        let pushes = |person: &Person| {
            let own = taken.iter().filter(|taken| taken.token == person.device());
            own.map(|taken| &taken.collapse_id).collect::<BTreeSet<_>>().len()
        };
        for person in &self.connected {
            assert_eq!(pushes(person), 0, "customer {} confirmed", person.id);
        }
        for person in self.absent.iter().chain(&self.frozen) {
            assert_eq!(pushes(person), count, "customer {}", person.id);
        }
        self.double.check();
    }

    /// The frozen ones had all of their time to confirm. How much longer it took is printed, not judged.
    fn check_times(&self, begun: &BTreeMap<String, Instant>, since: Instant) {
        let mut slowest = Duration::ZERO;
        for taken in self.double.desk(Fcm).taken().iter().filter(|taken| taken.at >= since) {
            if self.frozen.iter().any(|person| person.device() == taken.token) {
                let took = taken.at - begun[&taken.token];
                assert!(took >= self.confirm, "{} was pushed after {took:?}", taken.token);
                slowest = slowest.max(took);
            }
        }
        println!(
            "frozen devices were pushed to {:?} at most after they could have confirmed",
            slowest - self.confirm
        );
    }

    /// The marks of those who are there are in the database.
    async fn all_confirmed(&self) {
        let first = self.connected.first().expect("somebody is connected").id;
        let last = self.connected.last().expect("somebody is connected").id;
        let sql = format!(
            "SELECT COUNT(*) AS value FROM events JOIN customers ON customers.account_id = events.account_id \
             WHERE customers.id BETWEEN {first} AND {last} AND confirmed_at IS NULL"
        );
        wait_until("who is there has confirmed", async || self.server.database().number(&sql) == 0).await;
    }
}

async fn freeze(apps: &[HailingApp]) {
    for app in apps {
        app.freeze().await;
    }
}

/// The events that have reached an app so far.
fn events(app: &mut HailingApp) -> Vec<Value> {
    let messages = app.drain().into_iter().filter_map(|heard| match heard {
        Heard::Message(message) if message["id"].is_i64() => Some(message),
        _ => None,
    });
    messages.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_confirms_is_not_pushed_to_and_everybody_else_is_once_also_across_a_restart() {
    let mut fleet = Fleet::new().await;
    let mut present = fleet.connect(&fleet.connected).await;
    let sleepers = fleet.connect(&fleet.frozen).await;
    freeze(&sleepers).await;
    // Within its first moments a server takes nobody for absent.
    tokio::time::sleep(fleet.confirm).await;
    let since = Instant::now();
    let begun = fleet.one_event_each().await;
    fleet.all_confirmed().await;
    // In the middle of the others' time to confirm.
    fleet.server.kill();
    fleet.killed_at = Some(Instant::now());
    fleet.server.restart().await;
    fleet.check_pushes(1).await;
    fleet.check_times(&begun, since);
    for app in &mut present {
        assert_eq!(events(app).len(), 1);
    }

    // Back again, they hear of what was pushed for their state's sake, and say so; what they confirmed does not come again.
    let mut present = fleet.connect(&fleet.connected).await;
    let mut sleepers = fleet.connect(&fleet.frozen).await;
    for app in &mut sleepers {
        let replayed = app.expect("order_cancelled").await;
        assert_eq!(replayed["pushed"], true, "{replayed}");
    }
    fleet.server.push_settled().await;
    freeze(&sleepers).await;
    let since = Instant::now();
    let begun = fleet.one_event_each().await;
    fleet.check_pushes(2).await;
    fleet.check_times(&begun, since);
    for app in &mut present {
        let heard = app.expect("order_cancelled").await;
        assert_eq!((heard.get("pushed"), &heard["id"]), (None, &json!(2)), "{heard}");
    }
    // Thawed, they get the event over their socket, and no second push.
    for app in &mut sleepers {
        app.thaw();
        assert_eq!(app.expect("order_cancelled").await["id"], 2);
    }
    wait_until("the thawed ones confirm", async || {
        let sql = "SELECT COUNT(*) AS value FROM events WHERE confirmed_at IS NOT NULL";
        let confirmed = 2 * (fleet.connected.len() + fleet.frozen.len());
        fleet.server.database().number(sql) == confirmed as i64
    })
    .await;
    fleet.check_pushes(2).await;
}

/// The service is down, so the push waits; meanwhile the customer comes back, and has it.
#[tokio::test]
async fn a_late_confirmation_calls_off_what_was_not_sent_yet() {
    let fleet = Fleet::new().await;
    let person = fleet.absent.first().expect("there is one").clone();
    fleet
        .double
        .desk(Fcm)
        .fail(crate::support::push_double::Act::Answer(crate::support::push_double::google::unavailable()));
    fleet.server.bring_about(&fleet.operator, person.id).await;
    wait_until("it was tried", async || fleet.double.desk(Fcm).requests() > 0).await;
    let mut app = fleet.server.hailing_door(person.token.clone()).connect().await;
    assert_eq!(app.expect("order_cancelled").await.get("pushed"), None, "no service has it");
    fleet.server.push_settled().await;
    let history = fleet.server.push_history(person.id).await;
    assert_eq!(
        (&history[0]["status"], &history[0]["reason"]),
        (&json!("not_sent"), &json!("confirmed over the socket"))
    );
    fleet.double.desk(Fcm).work();
    assert!(fleet.double.desk(Fcm).taken().is_empty());
}
