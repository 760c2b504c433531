//! The server is killed, or its machine loses power, at random moments under load, and afterwards the books are
//! compared: the acknowledged changes, the database, and the events that reached the drivers. `KILLS` and `POWER_CUTS`
//! say how often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::Builder;
use crate::support::{Door, Fault, Heard, NewOrder, Operator, Reply, Server, api, rounds, wait_until};

const DRIVERS: usize = 20;
const OPERATORS: usize = 4;
const BETWEEN_KILLS_MS: std::ops::Range<u64> = 200..1200;
/// An order that is made and assigned takes a dozen.
const CALLS_TO_POWER_CUT: std::ops::Range<u32> = 1..2000;
/// A restart takes a second or two, on a loaded machine more; no answer after that is a bug.
const ATTEMPTS_MAX: usize = 1500;
const PAUSE: Duration = Duration::from_millis(20);

/// The events that one driver's app has seen, over all its connections.
#[derive(Default)]
struct Seen {
    events: BTreeMap<i64, Value>,
    broken_promises: Vec<String>,
}

/// The answers that operators got, each line after a 2xx.
#[derive(Default)]
struct Acknowledged {
    created: Vec<i64>,
    assigned: Vec<(i64, i64)>,
    cancelled: Vec<i64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_lose_nothing() {
    let kill = async |server: &mut Server| {
        tokio::time::sleep(Duration::from_millis(rand::random_range(BETWEEN_KILLS_MS))).await;
        server.kill();
    };
    survive(builder(), rounds("KILLS", 3), kill).await;
}

/// Some unsynced writes are on the disk, some are not, and some pages are torn. PostgreSQL's disk is not tested here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_at_random_moments_lose_nothing() {
    let cut = async |server: &mut Server| {
        let (calls, seed) = (rand::random_range(CALLS_TO_POWER_CUT), rand::random());
        eprintln!("the power goes after {calls} calls; seed {seed}");
        server.disk().order(Fault::PowerCut { calls, seed });
        server.ended().await;
        server.disk().mend();
    };
    if !Server::is_on_postgres() {
        survive(builder().on_faulty_disk(), rounds("POWER_CUTS", 4), cut).await;
    }
}

fn builder() -> Builder {
    Server::builder().stable_port().setting("MAX_DELIVERIES_PER_DRIVER", 1000)
}

/// Operators and drivers at work on a server that is ended so often.
async fn survive(builder: Builder, rounds: usize, mut end: impl AsyncFnMut(&mut Server)) {
    let mut server = builder.start().await;
    let operator = server.operator().await;
    let driver_ids = server.more_drivers(DRIVERS).await;
    let mut apps = tokio::task::JoinSet::new();
    let mut seen = BTreeMap::new();
    for (index, driver_id) in driver_ids.iter().enumerate() {
        let own: Arc<Mutex<Seen>> = Arc::default();
        seen.insert(*driver_id, own.clone());
        apps.spawn(keep_connected(server.door(*driver_id).await, own, index % 2 == 1));
    }

    let stopping = Arc::new(AtomicBool::new(false));
    let acknowledged: Arc<Mutex<Acknowledged>> = Arc::default();
    let mut operators = tokio::task::JoinSet::new();
    for _ in 0..OPERATORS {
        operators.spawn(work(operator.clone(), driver_ids.clone(), acknowledged.clone(), stopping.clone()));
    }
    for _ in 0..rounds {
        end(&mut server).await;
        server.restart().await;
    }
    tokio::time::sleep(PAUSE * 10).await;
    stopping.store(true, Ordering::Relaxed);
    while let Some(ended) = operators.join_next().await {
        ended.expect("an operator's work does not fail");
    }

    let stored = || server.database().event_numbers().iter().map(|account| account.events).sum::<i64>();
    let reached =
        || seen.values().map(|own| own.lock().expect("unpoisoned").events.len() as i64).sum::<i64>();
    wait_until("every event has reached its driver", async || reached() == stored()).await;
    apps.shutdown().await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock().expect("unpoisoned"));
    assert!(acknowledged.assigned.len() >= OPERATORS, "the operators got something done");
    server.database().check_event_numbers();
    server.database().check_integrity();
    check_apps(&seen, &acknowledged);
    check_orders(&operator, &acknowledged).await;
}

/// An app that is always online: connects again whenever its connection ends.
async fn keep_connected(door: Door, seen: Arc<Mutex<Seen>>, remembers: bool) {
    loop {
        let newest = seen.lock().expect("unpoisoned").events.keys().next_back().copied();
        let door = match newest {
            Some(newest) if remembers => door.clone().after(newest),
            _ => door.clone(),
        };
        if let Ok(mut app) = door.try_connect().await {
            while let Some(heard) = app.wait().await {
                match heard {
                    Heard::Message(event) if event["id"].is_i64() => {
                        seen.lock().expect("unpoisoned").add(event, remembers);
                    }
                    Heard::Message(_) => {}
                    Heard::Closed { .. } | Heard::Lost(_) => break,
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Seen {
    /// An app that names what it saw gets nothing twice; one that does not may get again what it had no time to
    /// answer for, and then it must be the same.
    fn add(&mut self, event: Value, remembers: bool) {
        let id = event["id"].as_i64().expect("an event has its number");
        match self.events.get(&id) {
            Some(_) if remembers => self.broken_promises.push(format!("{id} came twice")),
            Some(first) if *first != event => self.broken_promises.push(format!("{first} became {event}")),
            _ => {}
        }
        let newest = self.events.keys().next_back().copied().unwrap_or(0);
        if id > newest + 1 {
            self.broken_promises.push(format!("{id} came after {newest}"));
        }
        self.events.insert(id, event);
    }
}

/// Creates orders, assigns them and, at times, somebody else's too, cancels some; each until it is answered.
async fn work(
    operator: Operator,
    driver_ids: Vec<i64>,
    acknowledged: Arc<Mutex<Acknowledged>>,
    stopping: Arc<AtomicBool>,
) {
    let note = |record: &dyn Fn(&mut Acknowledged)| record(&mut acknowledged.lock().expect("unpoisoned"));
    while !stopping.load(Ordering::Relaxed) {
        let created = insist(&operator, "admin/orders", &NewOrder::default().body()).await.expect(201);
        let own = created.id("order_id");
        note(&|books| books.created.push(own));
        let somebodys = *acknowledged.lock().expect("unpoisoned").created.last().expect("there is one");
        for order_id in BTreeSet::from([own, somebodys]) {
            let driver_id = driver_ids[rand::random_range(0..driver_ids.len())];
            let path = format!("admin/orders/{order_id}/assign");
            let reply = insist(&operator, &path, &json!({ "driver_id": driver_id })).await;
            match reply.status {
                200 => note(&|books| books.assigned.push((order_id, driver_id))),
                _ => drop(reply.expect(409)),
            }
        }
        if rand::random_ratio(1, 2) {
            let path = format!("admin/orders/{own}/cancel");
            insist(&operator, &path, &json!({"reason": "Customer cancelled"})).await.expect(200);
            note(&|books| books.cancelled.push(own));
        }
    }
}

/// Sends a request under one key until it is answered, however often the server dies meanwhile.
async fn insist(operator: &Operator, path: &str, body: &Value) -> Reply {
    let key = uuid::Uuid::new_v4().to_string();
    for _ in 0..ATTEMPTS_MAX {
        match api::try_send(operator.keyed(path, &key, body)).await {
            Ok(reply) if reply.status != 503 => return reply,
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    panic!("{path} was never answered");
}

/// Each assignment and each cancellation that was acknowledged reached the one driver it concerns, once.
fn check_apps(seen: &BTreeMap<i64, Arc<Mutex<Seen>>>, acknowledged: &Acknowledged) {
    let mut holders: BTreeMap<i64, i64> = BTreeMap::new();
    let mut told_of_cancelling = BTreeSet::new();
    for (driver_id, own) in seen {
        let own = own.lock().expect("unpoisoned");
        assert!(own.broken_promises.is_empty(), "driver {driver_id}: {:?}", own.broken_promises);
        for event in own.events.values() {
            let order_id = event["data"]["order_id"].as_i64().expect("each event is about an order");
            if event["type"] == "order_assigned" {
                let earlier = holders.insert(order_id, *driver_id);
                assert_eq!(earlier, None, "order {order_id} was given to {driver_id}, too");
            } else {
                assert_eq!(event["type"], "order_cancelled");
                assert!(told_of_cancelling.insert(order_id), "order {order_id} was cancelled twice");
            }
        }
    }
    for (order_id, driver_id) in &acknowledged.assigned {
        assert_eq!(holders.get(order_id), Some(driver_id), "order {order_id}");
    }
    for order_id in acknowledged.cancelled.iter().filter(|order_id| holders.contains_key(order_id)) {
        assert!(told_of_cancelling.contains(order_id), "nobody was told that {order_id} is cancelled");
    }
}

/// Each acknowledged change is in the database.
async fn check_orders(operator: &Operator, acknowledged: &Acknowledged) {
    let orders: BTreeMap<i64, Value> = operator
        .list("admin/orders")
        .await
        .into_iter()
        .map(|order| (order["order_id"].as_i64().expect("an order has its id"), order))
        .collect();
    for order_id in &acknowledged.created {
        assert!(orders.contains_key(order_id), "order {order_id} is lost");
    }
    for (order_id, driver_id) in &acknowledged.assigned {
        if !acknowledged.cancelled.contains(order_id) {
            assert_eq!(orders[order_id]["status"], "assigned", "order {order_id}");
            assert_eq!(orders[order_id]["driver_id"], *driver_id, "order {order_id}");
        }
    }
    for order_id in &acknowledged.cancelled {
        assert_eq!(orders[order_id]["status"], "cancelled", "order {order_id}");
    }
}
