//! The matching app's walks.

use super::*;
use crate::actors::session::client::ride_matching::RideMatching;
use crate::domain::ride::RideId;
use crate::domain::ride_book::Applicant;
use crate::operations::guests::{self, Passenger};
use crate::operations::rides;
use crate::store::reads;
use std::net::IpAddr;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn ride() -> RideId {
    RideId::new("ride-7").expect("an id")
}

fn find_driver() -> Value {
    json!({"type": "find_driver", "pickup_latitude": 12.93, "pickup_longitude": 77.62,
        "dropoff_latitude": 12.99, "dropoff_longitude": 77.62})
}

/// Through the door, as in `api`: with a token's account, or as the ride's opener.
async fn app(
    house: &House,
    account: Option<&'static str>,
    key: Option<&str>,
    last_event_id: Option<i64>,
) -> Phone<RideMatching> {
    let tokens = &house.context.tokens;
    let with_token = match account {
        Some(username) => {
            let (who, claims) = house.known(username).await;
            let passenger = Passenger { customer: who.customer.expect("a customer"), account: who.account };
            Some((passenger, Recipient::new(&who, claims)))
        }
        None => None,
    };
    let applicant = match &with_token {
        Some((passenger, _)) => Applicant::Account(passenger.account),
        None => {
            let key = key.map(|key| guests::key(tokens, key.to_owned()));
            Applicant::Anonymous { key, address: HERE }
        }
    };
    let found = house.context.database.read(|conn| guests::claim(conn, &ride()));
    let (owner, claim) = found.await.map_err(|error: StoreError| error.to_string()).unwrap().unzip();
    let fresh = guests::new_key(tokens).expect("randomness");
    let guard = house.access.enter(ride(), &applicant, claim, fresh).expect("admitted");
    let guest = owner.filter(|_| with_token.is_none());
    let guest = guest.map(|guest| (guest, Recipient { account: guest.account, claims: None }));
    let arrival = Arrival {
        ride: ride(),
        address: HERE,
        place: None,
        guard,
        passenger: with_token.or(guest),
        last_event_id: last_event_id.map(EventId),
    };
    Phone::connects(Client::ride_matching(arrival, house.context.clone())).await
}

async fn job(house: &House) -> JobId {
    let found = house.context.database.read(|conn| reads::ride(conn, &ride()));
    found.await.map_err(|error: StoreError| error.to_string()).unwrap().expect("a ride").ride.job.id
}

async fn driver_gets_it(house: &House) {
    let job = job(house).await;
    house.decide(move |tx| rides::claim(tx, job, DRIVER, None)).await;
}

#[actix_web::test]
async fn opening_gives_a_stranger_the_key_and_an_account_none() {
    let house = House::open().await;
    let mut stranger = app(&house, None, None, None).await;
    let established = stranger.hears("connection_established").await;
    assert_eq!(established["ride_id"], "ride-7");
    assert!(established["ride_key"].is_string());
    stranger.hears_nothing().await;
    let house = House::open().await;
    let mut customer = app(&house, Some("passenger1"), None, None).await;
    assert!(customer.hears("connection_established").await["ride_key"].is_null());
    customer.hears_nothing().await;
}

#[actix_web::test]
async fn a_second_find_driver_is_refused_and_changes_nothing() {
    let house = House::open().await;
    let mut stranger = app(&house, None, None, None).await;
    stranger.hears("connection_established").await;
    stranger.says(json!({"type": "cancel_ride"})).await;
    stranger.hears_error("not_found").await;
    stranger.says(find_driver()).await;
    stranger.hears("searching").await;
    stranger.hears_nothing().await;
    let before = job(&house).await;
    stranger.says(find_driver()).await;
    stranger.hears_error("ride_state").await;
    assert_eq!(job(&house).await, before);
    assert_eq!(stranger.paper.closed, None);
}

#[actix_web::test]
async fn a_reconnect_while_searching_says_so_once() {
    for account in [None, Some("passenger1")] {
        let house = House::open().await;
        let mut phone = app(&house, account, None, None).await;
        let key = phone.hears("connection_established").await["ride_key"].as_str().map(str::to_owned);
        phone.says(find_driver()).await;
        phone.hears("searching").await;
        phone.loses_its_network();
        let mut phone = app(&house, account, key.as_deref(), None).await;
        phone.hears("connection_established").await;
        assert!(phone.hears("searching").await["id"].is_null());
        phone.hears_nothing().await;
        phone.says(json!({"type": "cancel_ride"})).await;
        assert!(phone.hears("ride_cancelled").await["id"].is_i64());
        phone.says(json!({"type": "cancel_ride"})).await;
        assert!(phone.hears("ride_cancelled").await["id"].is_null());
    }
}

#[actix_web::test]
async fn every_socket_of_a_ride_hears_what_the_search_of_one_comes_to() {
    let house = House::open().await;
    let mut one = app(&house, None, None, None).await;
    let key = one.hears("connection_established").await["ride_key"].as_str().map(str::to_owned);
    let mut other = app(&house, None, key.as_deref(), None).await;
    other.hears("connection_established").await;
    one.says(find_driver()).await;
    one.hears("searching").await;
    other.hears("searching").await;
    driver_gets_it(&house).await;
    for phone in [&mut one, &mut other] {
        assert_eq!(phone.hears("driver_assigned").await["id"], 1);
    }
    // Where the driver is they are told without asking.
    one.hears("driver_location").await;
    other.hears("driver_location").await;
}

#[actix_web::test]
async fn after_a_reconnect_the_state_is_said_once_with_its_event_or_without() {
    let house = House::open().await;
    let mut phone = app(&house, Some("passenger1"), None, None).await;
    phone.hears("connection_established").await;
    phone.says(find_driver()).await;
    phone.hears("searching").await;
    phone.loses_its_network();
    driver_gets_it(&house).await;
    let mut phone = app(&house, Some("passenger1"), None, None).await;
    phone.hears("connection_established").await;
    assert_eq!(phone.hears("driver_assigned").await["id"], 1);
    phone.hears("driver_location").await;
    phone.confirms().await;
    phone.loses_its_network();
    let mut phone = app(&house, Some("passenger1"), None, None).await;
    phone.hears("connection_established").await;
    assert!(phone.hears("driver_assigned").await["id"].is_null());
    phone.hears("driver_location").await;
    phone.hears_nothing().await;
    phone.says(json!({"type": "resume", "last_event_id": 0})).await;
    assert_eq!(phone.hears("driver_assigned").await["id"], 1);
    phone.hears_nothing().await;
    phone.says(json!({"type": "resume", "last_event_id": 9})).await;
    phone.hears("resume_failed").await;
    assert!(phone.hears("driver_assigned").await["id"].is_null());
}

#[actix_web::test]
async fn what_an_app_remembers_of_a_ride_that_is_gone_can_not_be_resumed() {
    let house = House::open().await;
    let mut phone = app(&house, None, None, Some(5)).await;
    phone.hears("connection_established").await;
    phone.hears("resume_failed").await;
    phone.hears_nothing().await;
}

#[actix_web::test]
async fn a_fresh_token_is_taken_of_an_account_and_of_no_guest() {
    let house = House::open().await;
    let mut customer = app(&house, Some("passenger1"), None, None).await;
    customer.hears("connection_established").await;
    renews(&house, &mut customer, "passenger1", "driver1").await;
    let house = House::open().await;
    let mut stranger = app(&house, None, None, None).await;
    stranger.hears("connection_established").await;
    let (_, token) = house.token("passenger1").await;
    stranger.says(json!({"type": "authenticate", "token": token})).await;
    stranger.hears_error("unauthorized").await;
}

#[actix_web::test]
async fn silence_ends_the_session_and_not_the_search() {
    let house = House::open().await;
    let mut phone = app(&house, Some("passenger1"), None, None).await;
    phone.hears("connection_established").await;
    phone.says(find_driver()).await;
    phone.hears("searching").await;
    let (who, _) = house.known("passenger1").await;
    phone.falls_silent().await;
    house.until_gone(who.account).await;
    let mut phone = app(&house, Some("passenger1"), None, None).await;
    phone.hears("connection_established").await;
    phone.hears("searching").await;
}
