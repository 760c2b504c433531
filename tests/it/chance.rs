//! Rounds at random moments: an order is assigned while its driver's connection is being cut. `ROUNDS` sets their
//! number.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Door, DriverApp, Heard, Operator, Server, rounds};

/// The race lies within this time after the connection is up.
const RACE_MS_MAX: u64 = 25;

#[derive(Debug, Clone, Copy)]
enum End {
    Close,
    Reset,
    Freeze,
}

/// A driver holds a thousand deliveries at most, so each serves for that many rounds.
const ROUNDS_OF_A_DRIVER: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_assigned_while_the_connection_is_cut_at_a_random_moment_arrives() {
    let server = Server::builder().setting("MAX_DELIVERIES_PER_DRIVER", ROUNDS_OF_A_DRIVER).start().await;
    let operator = server.operator().await;
    let rounds: Vec<usize> = (0..rounds("ROUNDS", 20)).collect();
    let shares = rounds.chunks(ROUNDS_OF_A_DRIVER);
    for (driver_id, share) in server.more_drivers(shares.len()).await.into_iter().zip(shares) {
        let course = Course {
            server: &server,
            operator: operator.clone(),
            door: server.door(driver_id).await,
            driver_id,
        };
        let mut newest_seen = course.door.connect().await.last_event_id;
        for round in share {
            let end = [End::Close, End::Reset, End::Freeze][round % 3];
            // Half of the apps remember what they saw; the others rely on the server's memory alone.
            let remembers = round % 2 == 1;
            newest_seen = course.one_round(newest_seen, end, remembers).await;
        }
    }
}

struct Course<'a> {
    server: &'a Server,
    operator: Operator,
    door: Door,
    driver_id: i64,
}

impl Course<'_> {
    /// Returns the newest event that the app has seen at the round's end.
    async fn one_round(&self, newest_seen: i64, end: End, remembers: bool) -> i64 {
        let Course { operator, door, driver_id, .. } = self;
        let mut app = door.clone().after(newest_seen).connect().await;
        let order_id = operator.create_order().await;
        let assigning = async {
            pause().await;
            operator.assign(order_id, *driver_id).await.expect(200);
        };
        let cutting = async {
            pause().await;
            cut(&app, end).await;
        };
        tokio::join!(assigning, cutting);

        // A frozen app stays, holding its connection, until the round is over.
        let mut seen = events(app.drain());
        let newest_of_first = seen.last().map_or(newest_seen, id);
        let again = if remembers { door.clone().after(newest_of_first) } else { door.clone() };
        let unconfirmed = self.server.database().unconfirmed_of_driver(*driver_id);
        let mut next = again.connect().await;
        let is_the_order = |event: &Value| event["data"]["order_id"] == order_id;
        let already_seen = seen.iter().any(is_the_order);
        let replayed = if already_seen { next.sync().await } else { next.events_until(is_the_order).await };

        let context = format!("{end:?}, remembers: {remembers}, seen before: {already_seen}");
        if remembers {
            let first_again = replayed.iter().find(|event| id(event) <= newest_of_first);
            assert!(first_again.is_none(), "seen twice ({context}): {first_again:?}");
        }
        // Events that no pong has confirmed are sent again to an app that does not say what it has; confirmed ones
        // never are.
        let confirmed =
            replayed.iter().find(|event| id(event) <= newest_seen && !unconfirmed.contains(&id(event)));
        assert!(confirmed.is_none(), "confirmed and sent again ({context}): {confirmed:?}");
        let in_order = replayed.is_sorted_by_key(id);
        assert!(in_order, "out of order ({context}): {replayed:?}");
        seen.extend(replayed);
        seen.retain(|event| id(event) > newest_seen);
        seen.sort_by_key(id);
        seen.dedup();
        let ids: Vec<i64> = seen.iter().map(id).collect();
        assert_eq!(ids, [newest_seen + 1], "one event, under one number ({context})");
        newest_seen + 1
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_micros(rand::random_range(0..RACE_MS_MAX * 1000))).await;
}

async fn cut(app: &DriverApp, end: End) {
    match end {
        // An app that closes reads no more: what comes after its close frame was not seen.
        End::Close => app.close_and_forget(1000).await,
        End::Reset => app.cut().await,
        End::Freeze => app.freeze().await,
    }
}

fn events(heard: Vec<Heard>) -> Vec<Value> {
    let messages = heard.into_iter().filter_map(|heard| match heard {
        Heard::Message(message) if message["id"].is_i64() => Some(message),
        _ => None,
    });
    messages.collect()
}

fn id(event: &Value) -> i64 {
    event["id"].as_i64().expect("an event has its number")
}
