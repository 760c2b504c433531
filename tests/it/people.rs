//! People's names and telephone numbers in their many spellings, and how operators see, change and find people.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::{Api, Reply, send};
use crate::support::{Operator, Server};

const PASSWORD: &str = "password123";
const PASSENGER: i64 = 1;
/// The migration that brought names and numbers into one form.
const ONE_FORM: &str = "20261130000012";

async fn log_in(api: &Api, field: &str, name: &str) -> Reply {
    let mut body = json!({ "password": PASSWORD });
    body[field] = json!(name);
    api.post("auth/login", body).await
}

async fn register(api: &Api, username: &str, phone_number: &str) -> Reply {
    let body = json!({"username": username, "password": PASSWORD, "name": "P", "phone_number": phone_number});
    api.post("auth/register", body).await
}

fn customer_of(reply: &Reply) -> i64 {
    reply.body["user"]["customer_id"].as_i64().unwrap_or_else(|| panic!("no customer: {}", reply.text))
}

/// A keyboard's capital letter and trailing blank kept a driver out, and made a second account.
#[tokio::test]
async fn a_user_name_is_the_same_in_any_case_and_with_blanks_around_it() {
    let server = Server::start_default().await;
    let api = server.anonymous();
    for written in ["driver1", "Driver1", "DRIVER1", "driver1 ", " Driver1\u{a0}"] {
        assert_eq!(
            log_in(&api, "username", written).await.expect(200).body["user"]["driver_id"],
            1,
            "{written:?}"
        );
    }
    let made = register(&api, " Anna ", "+4915112345678").await.expect(201).id("customer_id");
    assert_eq!(customer_of(&log_in(&api, "username", "aNNa").await.expect(200)), made);
    for (index, written) in ["anna", "ANNA", "anna "].into_iter().enumerate() {
        let taken = register(&api, written, &format!("+491511234560{index}")).await.expect_problem(409);
        assert_eq!(taken.body["code"], "username_taken");
    }
    let operator = server.operator().await;
    let driver = json!({"username": "Anna", "password": PASSWORD, "name": "A", "phone_number": "+4915112345699",
        "vehicle_type": "moto"});
    operator.api().post("admin/drivers", driver).await.expect_problem(409);
    let tokens = [
        server.command(&["token", "--service", "Shop"]).await,
        server.command(&["token", "--service", "shop"]).await,
    ];
    let subjects = tokens.map(|token| crate::support::tokens::claims(token.trim())["sub"].clone());
    assert_eq!(subjects[0], subjects[1], "one program");
}

/// `+237…`, `237…` and `00237…` were three accounts, and none of them could be logged in to by `+237 123 …`.
#[tokio::test]
async fn a_telephone_number_is_one_account_however_it_is_written() {
    let server = Server::start_default().await;
    let api = server.anonymous();
    let made = register(&api, "marie", "+237 612-345-678").await.expect(201).id("customer_id");
    let operator = server.operator().await;
    let shown = operator.api().get(&format!("admin/customers/{made}")).await.expect(200);
    assert_eq!(shown.body["phone_number"], "+237612345678");
    for written in
        ["+237612345678", "+237 612 345 678", "00237612345678", "(+237) 612.345.678", "tel:+237-612345678"]
    {
        for field in ["phone_number", "username"] {
            assert_eq!(
                customer_of(&log_in(&api, field, written).await.expect(200)),
                made,
                "{field} {written:?}"
            );
        }
        let taken = register(&api, "somebody", written).await.expect_problem(409);
        assert_eq!(taken.body["code"], "phone_number_taken", "{written:?}");
    }
    for national in ["0612345678", "237612345678", "612345678"] {
        let refused = register(&api, "somebody", national).await.expect_problem(422);
        assert_eq!(refused.body["errors"][0]["field"], "phone_number");
        assert!(
            refused.body["errors"][0]["message"].as_str().is_some_and(|text| text.contains("+237")),
            "{}",
            refused.text
        );
        // Also where there is such an account, and where the password is right.
        assert_eq!(log_in(&api, "phone_number", national).await.expect_problem(422).body, refused.body);
    }
    let other = json!({"phone_number": "00237 612345678"});
    let change =
        |id: i64| send(operator.api().request(Method::PATCH, &format!("admin/customers/{id}")).json(&other));
    assert_eq!(change(PASSENGER).await.expect_problem(409).body["code"], "phone_number_taken");
    change(made).await.expect(200);
}

/// A budget for the name and another for the number of one account were twice as many guesses, and each spelling had one more.
#[tokio::test]
async fn all_spellings_of_an_account_have_one_budget_of_guesses() {
    let server = Server::builder().setting("LOGINS_PER_MINUTE_PER_ACCOUNT", 3).start().await;
    let api = server.anonymous();
    let guess = async |field: &str, name: &str| {
        let mut body = json!({"password": "a guess"});
        body[field] = json!(name);
        api.post("auth/login", body).await.status
    };
    let spellings = [
        ("username", "passenger1"),
        ("username", "Passenger1 "),
        ("phone_number", "+237123456789"),
        ("phone_number", "00237 123 456 789"),
        ("username", "+237-123-456-789"),
        ("username", "PASSENGER1"),
    ];
    let mut answers = Vec::new();
    for (field, name) in spellings {
        answers.push(guess(field, name).await);
    }
    // A token may come back while a slow machine hashes.
    assert!(answers.iter().filter(|status| **status == 429).count() >= 2, "{answers:?}");
    assert_eq!(&answers[..3], [401; 3]);
    let nobody =
        [("username", "nobody"), ("username", "Nobody "), ("username", " nobody"), ("username", "NOBODY")];
    let mut answers = Vec::new();
    for (field, name) in nobody {
        answers.push(guess(field, name).await);
    }
    assert!(answers.contains(&429), "{answers:?}");
}

/// Accounts from before there was one form: nobody is locked out, and no two become one.
#[tokio::test]
async fn an_upgrade_keeps_everybodys_way_in() {
    let mut server = Server::start_default().await;
    let operator = server.operator().await;
    let mut ids = Vec::new();
    let names = ["first", "second", "third", "fourth", "fifth", "sixth"];
    for (index, name) in names.into_iter().enumerate() {
        ids.push(customer(&operator, name, &format!("+2376000000{index:02}")).await);
    }
    // Two that differ in case alone, one in capitals, and numbers as they were allowed.
    let database = server.database();
    for (name, username, number) in [
        ("first", "Emma", "00237600000900"),
        ("second", "EMMA", "237600000901"),
        ("third", "Paul", "0600000902"),
        ("fourth", "lena", "00237600000903"),
        ("fifth", "Lena", "+237600000903"),
        ("sixth", "zoe", "237600000904"),
    ] {
        database.execute(&format!(
            "UPDATE accounts SET username = '{username}', phone_number = '{number}' WHERE username = '{name}'"
        ));
    }
    database.execute(&format!("DELETE FROM __diesel_schema_migrations WHERE version = '{ONE_FORM}'"));
    server.restart().await;
    let api = server.anonymous();
    for (field, written, index) in [
        ("username", "Emma", 0),
        ("username", "emma", 0),
        ("username", "eMMa", 0),
        ("username", "EMMA", 1),
        ("username", "Paul", 2),
        ("username", "paul", 2),
        ("username", "lena", 3),
        ("username", "LENA", 3),
        ("username", "Lena", 4),
        ("phone_number", "00237600000900", 0),
        ("phone_number", "+237600000900", 0),
        ("phone_number", "237600000901", 1),
        ("phone_number", "+237 600 000 901", 1),
        ("phone_number", "0600000902", 2),
        ("phone_number", "00237600000903", 3),
        ("phone_number", "+237600000903", 4),
        ("phone_number", "+237 600000903", 4),
    ] {
        let reply = log_in(&api, field, written).await.expect(200);
        assert_eq!(customer_of(&reply), ids[index], "{field} {written:?}");
    }
    register(&api, "eMMA", "+237600000999").await.expect_problem(409);
    // One number is one account, in whatever form an older one has it.
    for written in ["+237600000901", "00237600000904", "+237600000903"] {
        let taken = register(&api, "newcomer", written).await.expect_problem(409);
        assert_eq!(taken.body["code"], "phone_number_taken", "{written}");
    }
    let operator = server.operator().await;
    let change = json!({"phone_number": "+237600000904"});
    let path = format!("admin/customers/{}", ids[5]);
    let changed = operator.api().patch(&path, change).await.expect(200);
    assert_eq!(changed.body["phone_number"], "+237600000904", "their own number in its one form");
}

async fn customer(operator: &Operator, username: &str, phone_number: &str) -> i64 {
    let body =
        json!({"username": username, "password": PASSWORD, "name": username, "phone_number": phone_number});
    operator.api().post("admin/customers", body).await.expect(201).id("customer_id")
}

#[tokio::test]
async fn an_operator_changes_whatever_there_is_to_say_of_a_driver() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let change = json!({"name": "Johnny Doe", "phone_number": "0027 82 000 0001", "vehicle_registration": "GP 777 XY",
        "license_number": "L-1", "vehicle_color": "Blue", "vehicle_type": "van", "rating": 4.25, "is_verified": false});
    let changed = operator.change_driver(1, change).await.expect(200).body;
    let expected = json!({"name": "Johnny Doe", "phone_number": "+27820000001", "vehicle_registration": "GP 777 XY",
        "license_number": "L-1", "vehicle_color": "Blue", "vehicle_type": "van", "rating": 4.25, "is_verified": false,
        "suspended": false, "username": "driver1"});
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&changed[field], value, "{field}");
    }
    assert_eq!(operator.api().get("admin/drivers/1").await.expect(200).body, changed);
    let profile = server.driver_api(1).await.get("driver/profile").await.expect(200).body;
    assert_eq!((&profile["name"], &profile["vehicle_type"]), (&json!("Johnny Doe"), &json!("van")));
    let emptied = json!({"vehicle_color": "", "license_number": "", "vehicle_registration": ""});
    let emptied = operator.change_driver(1, emptied).await.expect(200).body;
    for field in ["vehicle_color", "license_number", "vehicle_registration"] {
        assert_eq!(emptied[field], Value::Null, "{field}");
    }
    for wrong in [
        json!({"rating": 6}),
        json!({"name": ""}),
        json!({"vehicle_type": ""}),
        json!({"phone_number": "082"}),
    ] {
        operator.change_driver(1, wrong.clone()).await.expect_problem(422);
    }
    let taken =
        operator.change_driver(1, json!({"phone_number": "+27 12 345 6790"})).await.expect_problem(409);
    assert_eq!(taken.body["code"], "phone_number_taken");
}

/// A rating that an operator set was replaced by the first passenger's: it counts as one.
#[tokio::test]
async fn a_rating_that_was_set_goes_on_with_the_passengers() {
    let server = Server::for_rides(&[1]).await;
    let operator = server.operator().await;
    operator.change_driver(1, json!({"rating": 3.0})).await.expect(200);
    let (passenger, driver) = (server.passenger_api(PASSENGER).await, server.driver_api(1).await);
    let ride = passenger.request_ride().await;
    driver.take(&ride).await;
    // The passenger sees the driver's data as the operator has set it by then.
    operator.change_driver(1, json!({"name": "Jo Doe", "vehicle_color": "Red"})).await.expect(200);
    let shown = passenger.get(&format!("rides/{ride}")).await.expect(200).body;
    assert_eq!(
        (&shown["driver"]["driver_name"], &shown["driver"]["vehicle_color"]),
        (&json!("Jo Doe"), &json!("Red"))
    );
    for action in ["arrive", "start", "complete"] {
        driver.ride(&ride, action).await.expect(200);
    }
    passenger.post(&format!("rides/{ride}/rate"), json!({"rating": 5})).await.expect(200);
    assert_eq!(operator.driver(1).await["rating"], 4.0);
}

/// The kind of vehicle was what the matcher had read at the start.
#[tokio::test]
async fn another_vehicle_counts_for_the_next_search() {
    let server = Server::for_rides(&[1]).await;
    let operator = server.operator().await;
    let near = async |kind: &str| {
        let path = format!("drivers/nearby?latitude=3.8525&longitude=11.5021&vehicle_type={kind}");
        operator.api().get(&path).await.expect(200).body["items"].as_array().expect("a list").len()
    };
    assert_eq!((near("sedan").await, near("bus").await), (1, 0));
    operator.change_driver(1, json!({"vehicle_type": "bus"})).await.expect(200);
    crate::support::wait_until("the vehicle is another", async || near("bus").await == 1).await;
    assert_eq!(near("sedan").await, 0);
}

#[tokio::test]
async fn a_customer_is_changed_and_suspended_like_a_driver() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let path = format!("admin/customers/{PASSENGER}");
    let change =
        json!({"name": "Marie N.", "phone_number": "+237 699 999 999", "time_zone": "Africa/Douala"});
    let changed = operator.api().patch(&path, change).await.expect(200).body;
    assert_eq!(operator.api().get(&path).await.expect(200).body, changed);
    assert_eq!((&changed["name"], &changed["phone_number"]), (&json!("Marie N."), &json!("+237699999999")));
    let cleared = operator.api().patch(&path, json!({"time_zone": ""})).await.expect(200).body;
    assert_eq!((&cleared["time_zone"], &cleared["name"]), (&Value::Null, &json!("Marie N.")));

    let mut app = server.hailing_passenger(PASSENGER).await;
    let passenger = server.passenger_api(PASSENGER).await;
    passenger.get("rides").await.expect(200);
    operator.api().patch(&path, json!({"suspended": true})).await.expect(200);
    app.expect_close(4001).await;
    passenger.get("rides").await.expect_problem(401);
    log_in(&server.anonymous(), "username", "passenger1").await.expect_problem(401);
    operator
        .api()
        .patch(&path, json!({"suspended": false, "password": "another password"}))
        .await
        .expect(200);
    log_in(&server.anonymous(), "username", "passenger1").await.expect_problem(401);
    let body = json!({"username": "passenger1", "password": "another password"});
    server.anonymous().post("auth/login", body).await.expect(200);
    for nobody in ["admin/customers/4711", "admin/customers/-1"] {
        operator.api().get(nobody).await.expect_problem(404);
        operator.api().patch(nobody, json!({"name": "Nobody"})).await.expect_problem(404);
    }
    server.driver_api(1).await.get(&path).await.expect_problem(403);
}

/// As a query has it, whatever is in it.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn found(operator: &Operator, list: &str, search: &str, id: &str) -> Vec<i64> {
    let reply = operator.api().get(&format!("{list}?search={}", escaped(search))).await.expect(200);
    assert_eq!(reply.body["next_cursor"], Value::Null);
    let items = reply.body["items"].as_array().expect("a list").iter();
    items.map(|item| item[id].as_i64().expect("an id")).collect()
}

#[tokio::test]
async fn people_are_found_by_name_number_plate_and_external_id() {
    let server = Server::start_default().await;
    let operator = server.operator().await;
    let emile = json!({"username": "emile", "password": PASSWORD, "name": "Émile Ångström", "phone_number": "+4670 123 45 67",
        "vehicle_type": "moto", "vehicle_registration": "AB-12 CD", "external_id": "HR_42%"});
    let id = operator.api().post("admin/drivers", emile).await.expect(201).id("driver_id");
    for search in [
        "émile",
        "ÉMILE",
        "Ångs",
        "emile@",
        "+46 70 12",
        "0701234567",
        "0046701234567",
        "b12c",
        "AB 12-cd",
        "hr_42",
        "42%",
    ] {
        let expected: Vec<i64> = if search == "emile@" { Vec::new() } else { vec![id] };
        assert_eq!(found(&operator, "admin/drivers", search, "driver_id").await, expected, "{search}");
    }
    assert_eq!(
        found(&operator, "admin/drivers", "jOHn", "driver_id").await,
        [1, 3],
        "John Doe, Mike Johnson"
    );
    assert_eq!(found(&operator, "admin/drivers", "KA01AB", "driver_id").await, [123]);
    assert_eq!(found(&operator, "admin/drivers", "_____", "driver_id").await, [] as [i64; 0]);
    assert_eq!(found(&operator, "admin/customers", "ngono", "customer_id").await, [PASSENGER]);
    assert_eq!(found(&operator, "admin/customers", "+237 123", "customer_id").await, [PASSENGER]);
    let first = operator.api().get("admin/drivers?search=john&limit=1").await;
    assert_eq!(first.expect(200).body["next_cursor"], "1");
    operator.api().get("admin/drivers?search=%20").await.expect_problem(422);
}

/// A guest is made for one ride, and in no list.
#[tokio::test]
async fn a_guest_is_not_found() {
    let server = Server::start_default().await;
    let mut app = server.ride_door("a-guests-ride").connect().await;
    app.search().await;
    let operator = server.operator().await;
    assert_eq!(found(&operator, "admin/customers", "guest", "customer_id").await, [] as [i64; 0]);
}
