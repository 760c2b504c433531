//! The matching app's passenger writes to the driver and rates the ride.

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::matching_app::assigned;

/// The passenger heard the driver and could not answer, nor say how it was.
#[tokio::test]
async fn the_passenger_answers_the_driver_and_rates_the_ride() {
    let server = Server::asking().await;
    let (mut app, driver, _) = assigned(&server, &server.ride_door("talk-1")).await;
    let mut of_driver = server.hailing_driver(1).await;
    of_driver.events_until(|event| event["type"] == "ride_accepted").await;
    let say = |text: &str| json!({"type": "chat_message", "text": text});
    app.send(say("I am at the gate"));
    let heard = of_driver.expect("chat_message").await["data"].clone();
    assert_eq!((&heard["ride_id"], &heard["text"]), (&json!("talk-1"), &json!("I am at the gate")));
    of_driver.chat("talk-1", "Two minutes");
    let answer = app.expect("chat_message").await;
    assert_eq!((&answer["text"], &answer["ride_id"]), (&json!("Two minutes"), &json!("talk-1")));
    assert!(answer["id"].is_i64() && answer["from"] != heard["from"], "{answer} {heard}");
    app.send(json!({"type": "chat_message", "ride_id": "talk-1", "text": "Fine"}));
    assert_eq!(of_driver.expect("chat_message").await["data"]["text"], "Fine");
    app.send(json!({"type": "chat_message", "ride_id": "talk-2", "text": "Hello?"}));
    app.expect_error("not_found").await;
    for text in ["", "\u{0}"] {
        app.send(say(text));
        app.expect_error("invalid_message").await;
    }

    let rate = |rating: Value| json!({"type": "rate_ride", "rating": rating, "comment": "Quick"});
    app.send(rate(json!(5)));
    app.expect_error("ride_state").await;
    for action in ["start", "complete"] {
        driver.ride("talk-1", action).await.expect(200);
    }
    app.expect("ride_started").await;
    app.expect("ride_completed").await;
    app.send(say("I left my umbrella"));
    app.expect_error("ride_state").await;
    for rating in [json!(0), json!(6), json!(4.5), json!(null)] {
        app.send(rate(rating));
        app.expect_error("invalid_message").await;
    }
    app.send(rate(json!(4.0)));
    assert_eq!(
        app.expect("ride_rated").await,
        json!({"type": "ride_rated", "ride_id": "talk-1", "rating": 4})
    );
    app.send(rate(json!(1)));
    app.expect_error("already_rated").await;
    assert_eq!(driver.get("driver/profile").await.expect(200).body["rating"], 4.0);

    let mut nobody = server.ride_door("talk-3").connect().await;
    nobody.send(say("Anybody?"));
    nobody.expect_error("not_found").await;
    nobody.send(rate(json!(5)));
    nobody.expect_error("not_found").await;
}
