//! The people of a run: drivers, riders and customers, made by an operator and logged in. Their names follow from the
//! city and the seed, so that a second run of the same world has the same people.

use crate::domain::ids::{CustomerId, DriverId};
use crate::simulate::board::Board;
use crate::simulate::city::City;
use crate::simulate::options::{CantRun, OperatorLogIn, Options};
use crate::simulate::plan::{DriverPlan, Plan};
use crate::simulate::rest::{Refusal, Rest};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Known to everybody, so there are such accounts in development alone.
const PASSWORD: &str = "simulated by fleetwire";
/// Each costs the server a hash of a password.
const AT_ONCE: usize = 8;
/// Seeds that give people telephone numbers of their own.
pub const SEEDS: std::ops::Range<u64> = 0..100_000;
const PROFILE: &str = "development";
/// The codes of an account that is there already, whichever of its names is looked at first.
const TAKEN: [&str; 3] = ["username_taken", "external_id_taken", "phone_number_taken"];

#[derive(Clone)]
pub struct Account {
    pub user: Uuid,
    pub driver: Option<DriverId>,
    pub token: String,
}

pub struct Cast {
    pub drivers: Vec<Account>,
    pub riders: Vec<Account>,
    pub customers: Vec<CustomerId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Driver = 1,
    Rider,
    Customer,
}

/// One of the run's people.
#[derive(Clone, Copy)]
struct Person {
    city: &'static City,
    seed: u64,
    kind: Kind,
    index: usize,
}

#[derive(Deserialize)]
struct LoggedIn {
    access_token: String,
    user: User,
}

#[derive(Deserialize)]
struct User {
    user_id: Uuid,
    driver_id: Option<DriverId>,
}

impl Person {
    fn username(&self) -> String {
        let Self { city, seed, kind, index } = self;
        let kind = match kind {
            Kind::Driver => "driver",
            Kind::Rider => "rider",
            Kind::Customer => "customer",
        };
        format!("sim-{}-{seed}-{kind}-{index}", city.name)
    }

    /// Nobody's: no country has the code 999.
    fn phone_number(&self) -> String {
        let Self { city, seed, kind, index } = self;
        format!("+999{}{seed:05}{}{index:05}", city.number(), *kind as u8)
    }

    fn body(&self) -> Value {
        let username = self.username();
        json!({
            "username": username, "external_id": username, "name": format!("Simulated {}", self.index),
            "phone_number": self.phone_number(), "password": PASSWORD,
        })
    }
}

/// The operator, let in, on a server where the simulation may be.
pub async fn operator(options: &Options, address: &str) -> Result<Rest, CantRun> {
    let anybody = Rest::new(address)?;
    let config = anybody.get("/console/config.json").await;
    match config {
        Ok(config) if config["profile"] == PROFILE => {}
        Err(why @ Refusal::Unanswered(_)) => {
            return Err(CantRun::Unreachable { url: options.url.clone(), why });
        }
        _ => return Err(CantRun::NotInDevelopment),
    }
    match &options.operator {
        OperatorLogIn::Token(token) => Ok(anybody.with_token(token)),
        OperatorLogIn::Password { username, password } => {
            let body = json!({"username": username, "password": password});
            let answer = anybody.post_patiently("auth/login", &body).await;
            let logged_in: LoggedIn = answer.and_then(readable).map_err(CantRun::OperatorRefused)?;
            Ok(anybody.with_token(logged_in.access_token))
        }
    }
}

/// Makes everybody who is not there yet, and logs drivers and riders in. `tell` is told how many are ready.
pub async fn gather(
    operator: &Rest,
    options: &Options,
    plan: &Plan,
    tell: impl Fn(usize, usize),
) -> Result<Cast, CantRun> {
    let total = plan.drivers.len() + plan.riders.len() + plan.customers as usize;
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut ready = JoinSet::new();
    let person = |kind, index| Person { city: options.city, seed: options.seed, kind, index };
    let driver = |(index, plan): (usize, &DriverPlan)| {
        let place = options.city.position(plan.home.point());
        let mut body = person(Kind::Driver, index).body();
        body["vehicle_type"] = "sedan".into();
        body["vehicle_registration"] = format!("SIM {index}").into();
        body["is_verified"] = true.into();
        body["latitude"] = place.latitude().into();
        body["longitude"] = place.longitude().into();
        (person(Kind::Driver, index), body)
    };
    let others = |kind, count| (0..count).map(move |index| (person(kind, index), person(kind, index).body()));
    let riders = others(Kind::Rider, plan.riders.len());
    let customers = others(Kind::Customer, plan.customers as usize);
    for (person, body) in plan.drivers.iter().enumerate().map(driver).chain(riders).chain(customers) {
        let (operator, gate) = (operator.clone(), gate.clone());
        ready.spawn(async move {
            let _permit = gate.acquire_owned().await;
            let entered = enter(&operator, &person, &body).await;
            (person, entered)
        });
    }
    let (mut drivers, mut riders, mut customers) = (Vec::new(), Vec::new(), Vec::new());
    let mut done = 0;
    while let Some(joined) = ready.join_next().await {
        let (person, entered) = joined.expect("nothing panics while it makes an account");
        let who = person.username();
        match entered.map_err(|why| CantRun::Account { who, why })? {
            Entered::Account(account) if person.kind == Kind::Driver => drivers.push((person.index, account)),
            Entered::Account(account) => riders.push((person.index, account)),
            Entered::Customer(customer) => customers.push((person.index, customer)),
        }
        done += 1;
        tell(done, total);
    }
    Ok(Cast { drivers: in_order(drivers), riders: in_order(riders), customers: in_order(customers) })
}

enum Entered {
    Account(Account),
    Customer(CustomerId),
}

fn in_order<T>(mut people: Vec<(usize, T)>) -> Vec<T> {
    people.sort_by_key(|(index, _)| *index);
    people.into_iter().map(|(_, person)| person).collect()
}

async fn enter(operator: &Rest, person: &Person, body: &Value) -> Result<Entered, Refusal> {
    let path = if person.kind == Kind::Driver { "admin/drivers" } else { "admin/customers" };
    match operator.post_patiently(path, body).await {
        Ok(_) => {}
        // Of an earlier run: this is the same world.
        Err(Refusal::Refused { code, .. }) if TAKEN.contains(&code.as_str()) => {}
        Err(refusal) => return Err(refusal),
    }
    match person.kind {
        Kind::Customer => has_device(operator, person).await.map(Entered::Customer),
        Kind::Driver | Kind::Rider => log_in(operator, person).await.map(Entered::Account),
    }
}

async fn log_in(rest: &Rest, person: &Person) -> Result<Account, Refusal> {
    let body = json!({"username": person.username(), "password": PASSWORD, "device_name": "simulation"});
    let LoggedIn { access_token, user } = readable(rest.post_patiently("auth/login", &body).await?)?;
    Ok(Account { user: user.user_id, driver: user.driver_id, token: access_token })
}

/// A customer whose phone is off: what happens to their orders is pushed to it.
async fn has_device(operator: &Rest, person: &Person) -> Result<CustomerId, Refusal> {
    let name = person.username();
    let found = operator.get(&format!("admin/customers?external_id={name}")).await?;
    let customer: CustomerId = readable(found["items"][0]["customer_id"].clone())?;
    let device = json!({
        "userType": "customer", "id": customer, "platform": "android", "deviceId": "simulation",
        "fcmToken": format!("token-of-{name}"),
    });
    operator.post_patiently("/api/Push/register", &device).await?;
    Ok(customer)
}

fn readable<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, Refusal> {
    serde_json::from_value(answer).map_err(|error| Refusal::Unanswered(format!("an unknown answer: {error}")))
}

/// Ends every order and ride that these people have open, as the operator.
pub async fn clear(operator: &Rest, cast: &Cast, board: &Board) {
    let reason = json!({"reason": "The simulation has ended"});
    let drivers: HashSet<i64> = cast.drivers.iter().filter_map(|account| Some(account.driver?.0)).collect();
    let customers: HashSet<i64> = cast.customers.iter().map(|customer| customer.0).collect();
    let people = cast.drivers.iter().chain(&cast.riders);
    let people: HashSet<String> = people.map(|account| account.user.to_string()).collect();
    let is_ours = |of: &HashSet<i64>, id: &Value| id.as_i64().is_some_and(|id| of.contains(&id));
    for status in ["pending", "assigned", "accepted", "picked_up"] {
        for order in listed(operator, board, &format!("admin/orders?status={status}")).await {
            let ours = is_ours(&drivers, &order["driver_id"]) || is_ours(&customers, &order["customer_id"]);
            if let Some(id) = order["order_id"].as_i64().filter(|_| ours) {
                let ended = operator.post(&format!("admin/orders/{id}/cancel"), &reason).await;
                ended.inspect_err(|refusal| board.refused(refusal)).ok();
            }
        }
    }
    for status in ["requested", "accepted", "arrived", "started"] {
        for ride in listed(operator, board, &format!("admin/rides?status={status}")).await {
            let is_one = |id: &Value| id.as_str().is_some_and(|id| people.contains(id));
            let ours = is_one(&ride["passenger_id"]) || is_one(&ride["driver"]["driver_id"]);
            if let Some(id) = ride["ride_id"].as_str().filter(|_| ours) {
                let ended = operator.post(&format!("rides/{id}/cancel"), &reason).await;
                ended.inspect_err(|refusal| board.refused(refusal)).ok();
            }
        }
    }
}

/// All items of a list. A page that can't be had ends it.
async fn listed(operator: &Rest, board: &Board, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("{path}&limit=200{cursor}")).await;
        let page = page.inspect_err(|refusal| board.refused(refusal)).unwrap_or_default();
        items.extend(page["items"].as_array().into_iter().flatten().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::phone_number::PhoneNumber;
    use crate::domain::username::Username;
    use crate::simulate::city::CITIES;

    #[test]
    fn everybody_has_a_name_and_a_number_of_their_own_that_the_server_takes() {
        let (mut names, mut numbers) = (HashSet::new(), HashSet::new());
        for city in &CITIES {
            for seed in [SEEDS.start, 1, 11, SEEDS.end - 1] {
                for kind in [Kind::Driver, Kind::Rider, Kind::Customer] {
                    for index in [0, 1, 11, 99_999] {
                        let person = Person { city, seed, kind, index };
                        let (name, number) = (person.username(), person.phone_number());
                        assert!(Username::parse(&name).is_ok(), "{name}");
                        assert!(PhoneNumber::parse(&number).is_ok(), "{number}");
                        assert!(names.insert(name) && numbers.insert(number));
                    }
                }
            }
        }
    }
}
