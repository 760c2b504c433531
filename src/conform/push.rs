//! The customer push contract.

use crate::conform::checked::{Checked, failed, holds};
use crate::conform::client::Reply;
use crate::conform::contract::Contract;
use crate::conform::driver_rest::has;
use crate::conform::rule::Rule;
use crate::conform::vectors;
use crate::conform::world::{Person, World};
use reqwest::Method;
use serde_json::{Value, json};

const APP: &str = "contracts/push.md, Fixed by the app";
const OWN: &str = "contracts/push.md, Defined by this project";
const RESULTS: [&str; 4] = ["success", "failed", "not_sent", "pending"];

pub fn rules() -> Vec<Rule> {
    let mut rules = calls();
    rules.extend(registering());
    rules.extend(sending());
    rules.extend(preferences());
    rules
}

fn calls() -> Vec<Rule> {
    vec![
        Rule::new("register", APP, "register is answered as the vector has it", |w| Box::pin(registered(w))),
        Rule::new(
            "register-again",
            APP,
            "registering again updates the tokens, and is answered the same",
            |w| Box::pin(registered_again(w)),
        ),
        Rule::new(
            "send",
            APP,
            "sendToCustomer answers success, message and a result for each service",
            |w| Box::pin(sent(w)),
        ),
        Rule::new("test", APP, "test is answered as the vector has it", |w| Box::pin(tested(w))),
        Rule::new(
            "no-token",
            APP,
            "endpoints are authenticated: without a token 401, in the contract's shape",
            |w| Box::pin(unauthorized(w)),
        ),
        Rule::new(
            "history",
            OWN,
            "each notification is in the customer's history, with the documented fields",
            |w| Box::pin(history(w)),
        ),
        Rule::new("opened", OWN, "opened is answered with 200, again 200, and is in the history", |w| {
            Box::pin(opened(w))
        }),
        Rule::new("stats", OWN, "stats tells operators of sent, failed, pruned and opened", |w| {
            Box::pin(stats(w))
        }),
        Rule::new("devices", "PROTOCOL.md, Push", "devices never shows a token", |w| Box::pin(devices(w))),
    ]
}

fn registering() -> Vec<Rule> {
    vec![
        refused("register-symbian", "a platform other than android, ios and web is 400", |w| {
            Box::pin(bad_register(w, json!({"platform": "symbian"}), 400))
        }),
        refused("register-nothing", "a registration without any token is 400", |w| {
            Box::pin(bad_register(w, json!({"fcmToken": null, "expoPushToken": null}), 400))
        }),
        refused("register-blank", "a token with a blank in it is 400", |w| {
            Box::pin(bad_register(w, json!({"fcmToken": "a b"}), 400))
        }),
        refused("register-long", "a token of more than 500 characters is 400", |w| {
            Box::pin(bad_register(w, json!({"fcmToken": "x".repeat(501)}), 400))
        }),
        refused("register-driver", "a userType other than customer is 400", |w| {
            Box::pin(bad_register(w, json!({"userType": "driver"}), 400))
        }),
        refused("register-another", "a customer can't register a device for another one: 403", |w| {
            Box::pin(register_for_another(w))
        }),
    ]
}

fn sending() -> Vec<Rule> {
    vec![
        refused("send-nobody", "sending to a customer who does not exist is 404", |w| {
            Box::pin(bad_send(w, json!({"id": 2_000_000_000}), 404))
        }),
        refused("send-long-title", "a title of more than 200 characters is 400", |w| {
            Box::pin(bad_send(w, json!({"title": "t".repeat(201)}), 400))
        }),
        refused("send-no-body", "a message without a body is 400", |w| {
            Box::pin(bad_send(w, json!({"body": null}), 400))
        }),
        refused("send-list", "data that is no object is 400", |w| {
            Box::pin(bad_send(w, json!({"data": ["a"]}), 400))
        }),
        refused("send-reserved", "data with a key that a service reserves is 400", |w| {
            Box::pin(bad_send(w, json!({"data": {"from": "me"}}), 400))
        }),
        refused("send-large", "data larger than what fits a service's limit is 413", |w| {
            Box::pin(bad_send(w, json!({"data": {"blob": "x".repeat(8000)}}), 413))
        }),
        refused("send-by-customer", "a customer may not send: 403", |w| Box::pin(sent_by_customer(w))),
    ]
}

fn preferences() -> Vec<Rule> {
    vec![
        Rule::new("preferences", OWN, "preferences that were put are what counts from then on", |w| {
            Box::pin(preferred(w))
        }),
        refused("preferences-zone", "a timeZone that is no IANA zone is 400", |w| Box::pin(bad_zone(w))),
        Rule::new("opt-out", OWN, "a type that the customer opted out of is not sent", |w| {
            Box::pin(opted_out(w))
        }),
    ]
}

fn refused(
    name: &str,
    says: &str,
    check: for<'a> fn(&'a World) -> crate::conform::rule::Checking<'a>,
) -> Rule {
    Rule::new(name, OWN, says, check)
}

/// A vector's request for this customer.
fn request(name: &str, customer: &Person) -> (String, Value) {
    let vector = vectors::vector(Contract::Push, "rest", name);
    let mut body = vector["request"]["body"].clone();
    let field = if name == "test" { "customerId" } else { "id" };
    body[field] = json!(customer.id);
    if name == "register" {
        // Tokens belong to whoever registered them last.
        body["fcmToken"] = json!(format!("conform-fcm-{}", customer.user_id));
        body["expoPushToken"] = json!(format!("ExponentPushToken[{}]", customer.user_id));
    }
    (vector["request"]["path"].as_str().unwrap_or_default().to_owned(), body)
}

fn with(mut body: Value, change: &Value) -> Value {
    if let (Some(body), Some(change)) = (body.as_object_mut(), change.as_object()) {
        body.extend(change.clone());
    }
    body
}

/// Word for word as the vector has it.
fn is_vectors(name: &str, reply: Reply) -> Checked {
    let expected = vectors::vector(Contract::Push, "rest", name)["response"].clone();
    let body = reply.expect(name, 200)?;
    holds(body == expected, || format!("{body} instead of {expected}"))
}

/// `success` false, a message, and nothing else.
fn is_refusal(what: &str, reply: Reply, status: u16) -> Checked {
    let body = reply.expect(what, status)?;
    let has_message = body["message"].as_str().is_some_and(|message| !message.is_empty());
    let is_alone = body.as_object().is_some_and(|fields| fields.len() == 2);
    holds(body["success"] == false && has_message && is_alone, || {
        format!("instead of {{\"success\": false, \"message\"}}: {body}")
    })
}

async fn register(world: &World, customer: &Person) -> Checked {
    let (path, body) = request("register", customer);
    is_vectors("register", world.post(&customer.token, &path, body).await?)
}

async fn registered(world: &World) -> Checked {
    register(world, &world.customer().await?).await
}

async fn registered_again(world: &World) -> Checked {
    let customer = world.customer().await?;
    register(world, &customer).await?;
    let (path, body) = request("register", &customer);
    let body = with(body, &json!({"platform": "ios"}));
    is_vectors("register", world.post(&customer.token, &path, body).await?)
}

async fn send(world: &World, customer: &Person, change: Value) -> Checked<Value> {
    let (path, body) = request("sendToCustomer", customer);
    world.post(world.admin()?, &path, with(body, &change)).await?.expect("sendToCustomer", 200)
}

async fn sent(world: &World) -> Checked {
    let customer = world.customer().await?;
    register(world, &customer).await?;
    let answer = send(world, &customer, json!({})).await?;
    has("sendToCustomer", &answer, &["success", "message", "fcmResult", "expoResult"])?;
    holds(answer["success"] == true, || format!("success is {}", answer["success"]))?;
    for field in ["fcmResult", "expoResult"] {
        let is_known = answer[field].as_str().is_some_and(|result| RESULTS.contains(&result));
        holds(is_known, || format!("{field} is {} instead of one of {RESULTS:?}", answer[field]))?;
    }
    Ok(())
}

async fn tested(world: &World) -> Checked {
    let customer = world.customer().await?;
    let (path, body) = request("test", &customer);
    is_vectors("test", world.post(world.admin()?, &path, body).await?)
}

async fn unauthorized(world: &World) -> Checked {
    let vector = vectors::vector(Contract::Push, "rest", "sendToCustomer");
    let path = vector["request"]["path"].as_str().unwrap_or_default();
    let reply = world.anonymously(Method::POST, path, Some(&vector["request"]["body"])).await?;
    is_refusal("sendToCustomer without a token", reply, 401)
}

async fn bad_register(world: &World, change: Value, status: u16) -> Checked {
    let customer = world.customer().await?;
    let (path, body) = request("register", &customer);
    let reply = world.post(&customer.token, &path, with(body, &change)).await?;
    is_refusal("register", reply, status)
}

async fn register_for_another(world: &World) -> Checked {
    let (customer, other) = (world.customer().await?, world.customer().await?);
    let (path, body) = request("register", &other);
    is_refusal("register", world.post(&customer.token, &path, body).await?, 403)
}

async fn bad_send(world: &World, change: Value, status: u16) -> Checked {
    let customer = world.customer().await?;
    let (path, body) = request("sendToCustomer", &customer);
    let reply = world.post(world.admin()?, &path, with(body, &change)).await?;
    is_refusal("sendToCustomer", reply, status)
}

async fn sent_by_customer(world: &World) -> Checked {
    let customer = world.customer().await?;
    let (path, body) = request("sendToCustomer", &customer);
    is_refusal("sendToCustomer", world.post(&customer.token, &path, body).await?, 403)
}

async fn items(world: &World, customer: &Person) -> Checked<Vec<Value>> {
    let page = world.get(&customer.token, "/api/Push/history").await?.expect("GET history", 200)?;
    has("history", &page, &["items", "next_cursor"])?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

async fn history(world: &World) -> Checked {
    let customer = world.customer().await?;
    register(world, &customer).await?;
    send(world, &customer, json!({})).await?;
    let items = items(world, &customer).await?;
    let Some(item) = items.first() else { return failed("the history is empty after a notification") };
    let fields =
        ["id", "type", "title", "body", "data", "status", "provider", "reason", "sentAt", "openedAt"];
    has("an item", item, &fields)?;
    holds(item["type"] == "technician_assigned", || {
        format!("its type is {} instead of data.type", item["type"])
    })
}

async fn opened(world: &World) -> Checked {
    let customer = world.customer().await?;
    register(world, &customer).await?;
    send(world, &customer, json!({})).await?;
    let before = items(world, &customer).await?;
    let Some(id) = before.first().map(|item| item["id"].clone()) else {
        return failed("the history is empty after a notification");
    };
    for _ in 0..2 {
        let reply = world.post(&customer.token, "/api/Push/opened", json!({"notificationId": id})).await?;
        reply.expect("POST opened", 200)?;
    }
    let after = items(world, &customer).await?;
    let is_noted = after.iter().any(|item| item["id"] == id && item["openedAt"].is_string());
    holds(is_noted, || format!("the history after it was opened: {after:?}"))
}

async fn stats(world: &World) -> Checked {
    let stats = world.get(world.admin()?, "/api/Push/stats").await?.expect("GET stats", 200)?;
    has("stats", &stats, &["items", "pruned"])
}

async fn devices(world: &World) -> Checked {
    let customer = world.customer().await?;
    register(world, &customer).await?;
    let reply = world.get(&customer.token, "/api/Push/devices").await?;
    let text = reply.text.clone();
    let body = reply.expect("GET devices", 200)?;
    let is_listed = body["items"].as_array().is_some_and(|items| items.len() == 1);
    holds(is_listed, || format!("one registered device is shown as {body}"))?;
    let shows_token = text.contains(&format!("conform-fcm-{}", customer.user_id));
    holds(!shows_token, || format!("a token is shown: {text}"))
}

async fn preferred(world: &World) -> Checked {
    let customer = world.customer().await?;
    let wanted = json!({
        "optOut": ["reached"], "quietHours": {"start": "22:00", "end": "07:00"}, "timeZone": "Africa/Johannesburg",
    });
    world
        .put(&customer.token, "/api/Push/preferences", wanted.clone())
        .await?
        .expect("PUT preferences", 200)?;
    let now = world.get(&customer.token, "/api/Push/preferences").await?.expect("GET preferences", 200)?;
    for field in ["optOut", "quietHours", "timeZone"] {
        holds(now[field] == wanted[field], || {
            format!("{field} is {} instead of {}", now[field], wanted[field])
        })?;
    }
    Ok(())
}

async fn bad_zone(world: &World) -> Checked {
    let customer = world.customer().await?;
    let wanted = json!({"optOut": [], "quietHours": null, "timeZone": "Mars/Olympus"});
    is_refusal("PUT preferences", world.put(&customer.token, "/api/Push/preferences", wanted).await?, 400)
}

async fn opted_out(world: &World) -> Checked {
    let customer = world.customer().await?;
    register(world, &customer).await?;
    let wanted = json!({"optOut": ["technician_assigned"], "quietHours": null, "timeZone": "UTC"});
    world.put(&customer.token, "/api/Push/preferences", wanted).await?.expect("PUT preferences", 200)?;
    let answer = send(world, &customer, json!({})).await?;
    holds(answer["fcmResult"] == "not_sent" && answer["expoResult"] == "not_sent", || {
        format!("instead of not_sent: {answer}")
    })
}
