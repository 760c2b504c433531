//! Demo data: the accounts and orders that a developer finds at first start, and fleets in bulk.

use crate::domain::driver::Wants;
use crate::domain::external_id::Named;
use crate::domain::ids::{CustomerId, DriverId};
use crate::domain::job::{JobKind, JobStatus};
use crate::domain::money::Amount;
use crate::domain::payment::Terms;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::position::Position;
use crate::domain::role::Role;
use crate::operations::accounts::{self, CustomerDetails, DriverDetails, Person};
use crate::operations::error::Error;
use crate::operations::orders::{self, CancelledBy, NewOrder};
use crate::operations::{bookings, drivers, grants, rides};
use crate::store::{Conn, DriverChange, Job, StoreError, Tx, sql};
use std::f64::consts::PI;

pub const DEMO_PASSWORD: &str = "password123";

/// The reason that passengers and drivers hear for jobs that seeding ends.
const RESTORED: &str = "The demo data was restored";

/// Pending demo orders that are there after seeding.
const ORDERS: usize = 5;

/// A driver of the demo data. The first three are those of the matching contract.
struct DemoDriver {
    id: i64,
    username: &'static str,
    name: &'static str,
    phone_number: &'static str,
    vehicle_type: &'static str,
    vehicle_registration: &'static str,
    latitude: f64,
    longitude: f64,
}

const DRIVERS: [DemoDriver; 4] = [
    DemoDriver {
        id: 1,
        username: "driver1",
        name: "John Doe",
        phone_number: "+27123456789",
        vehicle_type: "sedan",
        vehicle_registration: "CA 123 GP",
        latitude: -26.2041,
        longitude: 28.0473,
    },
    DemoDriver {
        id: 2,
        username: "driver2",
        name: "Jane Smith",
        phone_number: "+27123456790",
        vehicle_type: "sedan",
        vehicle_registration: "CA 456 GP",
        latitude: -26.1041,
        longitude: 28.1473,
    },
    DemoDriver {
        id: 3,
        username: "driver3",
        name: "Mike Johnson",
        phone_number: "+27123456791",
        vehicle_type: "suv",
        vehicle_registration: "CA 789 GP",
        latitude: -25.7479,
        longitude: 28.2293,
    },
    DemoDriver {
        id: 123,
        username: "driver123",
        name: "Ravi Kumar",
        phone_number: "+919876543210",
        vehicle_type: "moto",
        vehicle_registration: "KA 01 AB 1234",
        latitude: 12.9352,
        longitude: 77.6245,
    },
];

const CUSTOMERS: [(i64, &str, &str, &str); 2] =
    [(1, "passenger1", "Marie Ngono", "+237123456789"), (123, "customer123", "Anita Rao", "+919876500123")];

/// Restaurant, pickup, delivery, earnings in major units, kilometres; all in Bangalore, where driver 123 is.
const MENU: [(&str, &str, &str, f64, f64); ORDERS] = [
    ("Burger King", "Koramangala 5th Block, Bangalore", "Indiranagar 100ft Road, Bangalore", 45.5, 3.2),
    ("Truffles", "St Marks Road, Bangalore", "Ulsoor Lake, Bangalore", 52.0, 4.1),
    ("Meghana Foods", "Residency Road, Bangalore", "HSR Layout Sector 2, Bangalore", 68.75, 6.4),
    ("Empire", "Church Street, Bangalore", "Frazer Town, Bangalore", 39.0, 2.7),
    ("Corner House", "Jayanagar 4th Block, Bangalore", "BTM Layout 2nd Stage, Bangalore", 41.25, 3.6),
];
const MENU_PICKUP: (f64, f64) = (12.9345, 77.6266);

/// Makes the demo accounts that are missing, restores those that are there, and sees to a handful of pending orders.
/// May be repeated. `admin_hash` is the operator's password, which is not the demo one where others than this machine can
/// connect.
pub fn seed(tx: &mut Tx<'_>, password_hash: &str, admin_hash: &str) -> Result<(), Error> {
    release_demo_orders(tx)?;
    for driver in &DRIVERS {
        seed_driver(tx, driver, password_hash)?;
    }
    for (id, username, name, phone_number) in CUSTOMERS {
        if !revive(tx, username, Some(phone_number), password_hash)? {
            let person = person(username, name, Some(phone_number), password_hash);
            accounts::create_customer(tx, Some(CustomerId(id)), &person, &CustomerDetails::default())?;
        }
    }
    // Only `serve` chooses an operator's password, since it knows who can connect: while a server with a password of
    // its own runs, the demo password must not become valid again.
    let is_in_use = sql!(tx, accounts::by_username("admin"))?.is_some_and(|admin| !admin.is_suspended);
    if !is_in_use && !revive(tx, "admin", None, admin_hash)? {
        accounts::create_account(tx, &person("admin", "Demo operator", None, admin_hash), Role::Admin)?;
    }
    seed_orders(tx)
}

fn seed_driver(tx: &mut Tx<'_>, demo: &DemoDriver, password_hash: &str) -> Result<(), Error> {
    let id = DriverId(demo.id);
    if !revive(tx, demo.username, Some(demo.phone_number), password_hash)? {
        let person = person(demo.username, demo.name, Some(demo.phone_number), password_hash);
        let details = DriverDetails {
            vehicle_type: demo.vehicle_type.to_owned(),
            license_number: Some(format!("DEMO-{:03}", demo.id)),
            vehicle_registration: Some(demo.vehicle_registration.to_owned()),
            vehicle_color: Some("White".to_owned()),
            is_verified: true,
            position: Position::new(demo.latitude, demo.longitude).ok(),
            wants: Wants::Online,
            rating: 4.8,
            external_id: None,
        };
        accounts::create_driver(tx, Some(id), &person, &details)?;
        return Ok(());
    }
    let change = DriverChange {
        is_verified: Some(true),
        latitude: Some(demo.latitude),
        longitude: Some(demo.longitude),
        position_at: Some(tx.at()),
        position_measured: Some(false),
        ..DriverChange::default()
    };
    drivers::write(tx, id, &change)?;
    drivers::set_wish(tx, id, Wants::Online)?;
    Ok(())
}

/// Cancels the open demo orders and rides that a driver holds, and whatever ride a demo driver holds (a guest's, say), so that
/// the demo drivers are free again.
fn release_demo_orders(tx: &mut Tx<'_>) -> Result<(), Error> {
    for job in sql!(tx, jobs::open_demo())? {
        if job.status.is_held() {
            end(tx, &job, RESTORED)?;
        }
    }
    for driver in &DRIVERS {
        for ride in sql!(tx, jobs::held_by(DriverId(driver.id), JobKind::Ride))? {
            end(tx, &ride, RESTORED)?;
        }
    }
    Ok(())
}

fn end(tx: &mut Tx<'_>, job: &Job, reason: &str) -> Result<(), Error> {
    match job.kind {
        JobKind::Ride => rides::end_demo(tx, job.id, reason),
        JobKind::Service => bookings::end_demo(tx, job.id, reason),
        JobKind::Delivery => orders::cancel(tx, job.id, reason, CancelledBy::Admin).map(drop),
    }
}

fn seed_orders(tx: &mut Tx<'_>) -> Result<(), Error> {
    let open = sql!(tx, jobs::open_demo())?;
    let is_pending = |job: &&Job| job.kind == JobKind::Delivery && job.status == JobStatus::Requested;
    let pending = open.iter().filter(is_pending).count();
    for (restaurant_name, pickup_address, delivery_address, earnings, distance_km) in
        MENU.into_iter().take(ORDERS.saturating_sub(pending))
    {
        let order = NewOrder {
            restaurant_name: restaurant_name.to_owned(),
            pickup_address: pickup_address.to_owned(),
            pickup: Position::new(MENU_PICKUP.0, MENU_PICKUP.1).ok(),
            delivery_address: delivery_address.to_owned(),
            delivery: None,
            earnings: Amount::new(earnings).expect("the menu's amounts are amounts"),
            terms: Terms::default(),
            distance_km,
            customer: Some(Named::Ours(CustomerId(123))),
            external_id: None,
            is_demo: true,
        };
        orders::create(tx, &order)?;
    }
    Ok(())
}

/// Brings back a demo account of this name, also one that was removed; false where there is none.
fn revive(
    tx: &mut Tx<'_>,
    username: &str,
    phone_number: Option<&str>,
    password_hash: &str,
) -> Result<bool, Error> {
    for name in [username.to_owned(), removed_name(username)] {
        if let Some(account) = sql!(tx, accounts::by_username(&name))?
            && account.is_demo
        {
            sql!(tx, accounts::revive_demo(account.id, username, phone_number, password_hash))?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes the demo accounts out of use: they can't log in, their tokens are refused, their orders are cancelled, their
/// names and numbers are free. Returns how many there were.
pub fn remove(tx: &mut Tx<'_>) -> Result<usize, Error> {
    for job in sql!(tx, jobs::open_demo())? {
        end(tx, &job, "The demo data was removed")?;
    }
    let demo = sql!(tx, accounts::demo())?;
    for account in &demo {
        let name = removed_name(&account.username);
        sql!(tx, accounts::retire_demo(account.id, &name))?;
        grants::revoke_all(tx, account.id, None)?;
        if let Some(driver) = sql!(tx, drivers::by_account(account.id))? {
            drivers::set_wish(tx, driver.id, Wants::Offline)?;
        }
    }
    Ok(demo.len())
}

/// The demo operator's password, hashed; `None` where there is no such operator.
pub fn admin_hash(conn: &mut Conn<'_>) -> Result<Option<String>, StoreError> {
    let admin = sql!(conn, accounts::by_username("admin"))?.filter(|admin| admin.is_demo);
    Ok(admin.and_then(|admin| admin.password_hash))
}

/// Gives the demo operator another password; false where there is none.
pub fn set_admin_password(tx: &mut Tx<'_>, password_hash: &str) -> Result<bool, Error> {
    match sql!(tx, accounts::by_username("admin"))? {
        Some(admin) if admin.is_demo => {
            sql!(tx, accounts::set_password(admin.id, password_hash, None))?;
            grants::revoke_all(tx, admin.id, None)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Where a fleet in bulk is put: far from the matching contract's drivers, so that its flow stays as it is.
const FLEET_CENTRE: (f64, f64) = (12.9716, 77.5946);
const FLEET_RADIUS_KM: f64 = 15.0;
const KM_PER_DEGREE: f64 = 111.2;

/// Makes drivers with these ids around a city, all available. `total` is the size of the whole fleet.
pub fn seed_drivers(
    tx: &mut Tx<'_>,
    ids: &[(usize, DriverId)],
    total: usize,
    password_hash: &str,
) -> Result<(), Error> {
    for (index, id) in ids {
        let username = format!("driver{id}");
        let person = person(&username, &format!("Driver {id}"), None, password_hash);
        let details = DriverDetails {
            vehicle_type: ["sedan", "moto", "suv"][index % 3].to_owned(),
            license_number: None,
            vehicle_registration: Some(format!("FW {id:05}")),
            vehicle_color: Some("White".to_owned()),
            is_verified: true,
            position: spread(*index, total),
            wants: Wants::Online,
            rating: 5.0,
            external_id: None,
        };
        accounts::create_driver(tx, Some(*id), &person, &details)?;
    }
    Ok(())
}

pub fn seed_customers(tx: &mut Tx<'_>, ids: &[CustomerId], password_hash: &str) -> Result<(), Error> {
    for id in ids {
        let person = person(&format!("customer{id}"), &format!("Customer {id}"), None, password_hash);
        accounts::create_customer(tx, Some(*id), &person, &CustomerDetails::default())?;
    }
    Ok(())
}

/// The lowest `count` ids that are not in `used`, which is ascending.
pub fn lowest_free(used: &[i64], count: usize) -> Vec<i64> {
    let mut used = used.iter().copied().skip_while(|id| *id < 1).peekable();
    (1..).filter(|id| used.next_if_eq(id).is_none()).take(count).collect()
}

/// The `index`-th of `total` points spread evenly over a disc (Vogel's sunflower).
fn spread(index: usize, total: usize) -> Option<Position> {
    let golden_angle = PI * (3.0 - 5f64.sqrt());
    let radius_km = FLEET_RADIUS_KM * ((index as f64 + 0.5) / total.max(1) as f64).sqrt();
    let angle = index as f64 * golden_angle;
    let (latitude, longitude) = FLEET_CENTRE;
    let north = radius_km * angle.cos() / KM_PER_DEGREE;
    let east = radius_km * angle.sin() / (KM_PER_DEGREE * latitude.to_radians().cos());
    Position::new(latitude + north, longitude + east).ok()
}

fn person(username: &str, name: &str, phone_number: Option<&str>, password_hash: &str) -> Person {
    Person {
        username: username.to_owned(),
        name: name.to_owned(),
        phone_number: phone_number.and_then(|number| PhoneNumber::parse(number).ok()),
        password_hash: Some(password_hash.to_owned()),
        is_demo: true,
    }
}

fn removed_name(username: &str) -> String {
    format!("removed:{username}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_ids_are_filled_first() {
        assert_eq!(lowest_free(&[1, 2, 3, 123], 3), [4, 5, 6]);
        assert_eq!(lowest_free(&[2, 4], 4), [1, 3, 5, 6]);
        assert_eq!(lowest_free(&[], 2), [1, 2]);
    }
}
