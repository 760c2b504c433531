//! Every list is one walk of an index that ends with its page: `admin/orders`, `rides` and `bookings` without a status
//! used to read every row in the table, and four consoles that requested them took the server down. The plans of the
//! statements that the routes' reads send show it, on each database.

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use fleetwire::domain::currency::Currency;
use fleetwire::domain::ids::{CustomerId, DriverId, JobId};
use fleetwire::domain::job::JobStatus;
use fleetwire::operations::earnings::Books;
use fleetwire::operations::{audit, push};
use fleetwire::store::reads::{self, BookingsOf, RidesOf};
use fleetwire::store::{AuditFilter, Conn};

use crate::support::plans::Plans;

const CUSTOMER: CustomerId = CustomerId(3);
const DRIVER: DriverId = DriverId(5);
const END: JobId = JobId(i64::MAX);
const PAGE: i64 = 51;

/// 3,000 jobs of 50 customers and 50 drivers, of every kind and nearly every status, and what lists have besides.
const ROWS: [&str; 8] = [
    "INSERT INTO accounts (public_id, username, name, role, created_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 \
     FROM n WHERE i < 100) SELECT '00000000-0000-4000-8000-000000000' || (100 + i), 'u' || i, 'Name', \
     CASE WHEN i <= 50 THEN 'driver' ELSE 'customer' END, '2026-11-01 00:00:00' FROM n",
    "INSERT INTO drivers (id, account_id, vehicle_type, wants, status) SELECT id, id, 'moto', 'online', 'available' \
     FROM accounts WHERE role = 'driver'",
    "INSERT INTO customers (id, account_id) SELECT id - 50, id FROM accounts WHERE role = 'customer'",
    "INSERT INTO jobs (public_id, kind, status, customer_id, driver_id, restaurant_name, pickup_address, dropoff_address, \
     earnings_minor, distance_km, requested_at, completed_at, currency, external_id) \
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
     SELECT 'j' || i, CASE i % 3 WHEN 0 THEN 'delivery' WHEN 1 THEN 'ride' ELSE 'service' END, \
     CASE WHEN i % 7 = 0 THEN 'cancelled' WHEN i % 11 = 0 THEN 'requested' ELSE 'completed' END, \
     i % 50 + 1, CASE WHEN i % 7 <> 0 AND i % 11 = 0 THEN NULL ELSE i % 49 + 1 END, '', '', '', 100, 1, '2026-11-01 00:00:00', \
     NULL, 'USD', 'x' || i FROM n",
    "UPDATE jobs SET completed_at = '2026-11-02 00:00:00' WHERE status = 'completed'",
    "INSERT INTO bookings (job_id, service) SELECT id, 'Brakes' FROM jobs WHERE kind = 'service'",
    "INSERT INTO driver_locations (driver_id, latitude, longitude, created_at) \
     SELECT id % 49 + 1, 1, 1, requested_at FROM jobs",
    "INSERT INTO earnings_kept (driver_id, day, currency, total_minor, cash_minor, orders, rides) \
     SELECT id, '2026-01-01', 'USD', 1, 1, 1, 1 FROM drivers",
];

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 12, 1, 0, 0, 0).unwrap()
}

#[test]
fn lists_of_everybodys_jobs_end_with_their_page() {
    let mut plans = Plans::with(&ROWS);
    // PostgreSQL knows that a third of all jobs are of the kind, and may as well walk all, the newest first.
    let everybodys = if plans.is_sqlite() { "jobs_by_kind" } else { "jobs_pkey" };
    for (status, index) in [(None, everybodys), (Some(JobStatus::Requested), "jobs_by_status")] {
        let orders = |conn: &mut Conn<'_>| reads::orders(conn, status, None, END, PAGE);
        plans.expect_walk("admin/orders", index, orders);
        let bookings =
            |conn: &mut Conn<'_>| reads::bookings(conn, BookingsOf::Everybody, status, None, END, PAGE);
        plans.expect_walk("admin/bookings", index, bookings);
        let statuses = status.map(|status| vec![status]);
        let rides = |conn: &mut Conn<'_>| {
            reads::rides(conn, RidesOf::Everybody, statuses.as_deref(), None, END, PAGE)
        };
        plans.expect_walk("admin/rides", index, rides);
    }
    let accepted = [JobStatus::Assigned, JobStatus::EnRoute];
    let rides =
        |conn: &mut Conn<'_>| reads::rides(conn, RidesOf::Everybody, Some(&accepted), None, END, PAGE);
    plans.expect_walk("admin/rides?status=accepted", "jobs_by_status", rides);
}

#[test]
fn lists_of_ones_own_jobs_end_with_their_page() {
    let mut plans = Plans::with(&ROWS);
    // PostgreSQL may as well filter the walk of all: most are in this status.
    let in_a_status = if plans.is_sqlite() { "jobs_of_customer_by_status" } else { "jobs_of_customer" };
    let of_customer = [(None, "jobs_of_customer "), (Some(JobStatus::Completed), in_a_status)];
    for (status, index) in of_customer {
        let orders = |conn: &mut Conn<'_>| reads::orders_for(conn, CUSTOMER, status, None, END, PAGE);
        plans.expect_walk("orders/mine", index, orders);
        let (of_rides, of_bookings) = (RidesOf::Passenger(CUSTOMER), BookingsOf::Customer(CUSTOMER));
        let statuses = status.map(|status| vec![status]);
        let rides = |conn: &mut Conn<'_>| reads::rides(conn, of_rides, statuses.as_deref(), None, END, PAGE);
        plans.expect_walk("rides of a passenger", index, rides);
        let bookings = |conn: &mut Conn<'_>| reads::bookings(conn, of_bookings, status, None, END, PAGE);
        plans.expect_walk("bookings of a customer", index, bookings);
    }
    let (of_rides, of_bookings) = (RidesOf::Driver(DRIVER), BookingsOf::Technician(DRIVER));
    let completed = Some(JobStatus::Completed);
    plans.expect_walk("rides of a driver", "jobs_of_driver ", |conn| {
        reads::rides(conn, of_rides, None, None, END, PAGE)
    });
    plans.expect_walk("rides of a driver in a status", "jobs_by_driver", |conn| {
        reads::rides(conn, of_rides, Some(&[JobStatus::Completed]), None, END, PAGE)
    });
    plans.expect_walk("rides of a driver that go on", "jobs_by_driver", |conn| {
        reads::open_rides(conn, of_rides, PAGE)
    });
    plans.expect_walk("bookings of a technician", "jobs_of_driver ", |conn| {
        reads::bookings(conn, of_bookings, None, None, END, PAGE)
    });
    plans.expect_walk("bookings of a technician in a status", "jobs_by_driver", |conn| {
        reads::bookings(conn, of_bookings, completed, None, END, PAGE)
    });
}

#[test]
fn lists_by_another_systems_id_look_at_one_job() {
    let mut plans = Plans::with(&ROWS);
    let id = Some("x300");
    // The one row that there may be is then filtered by what else was asked.
    // Of one row a sort is none.
    plans.allow_sorts();
    let found = |plans: Vec<String>| assert!(plans[0].contains("jobs_external_id"), "{}", plans[0]);
    found(plans.of(|conn| reads::orders(conn, None, id, END, PAGE)));
    found(plans.of(|conn| reads::orders_for(conn, CUSTOMER, None, id, END, PAGE)));
    found(plans.of(|conn| reads::rides(conn, RidesOf::Everybody, None, id, END, PAGE)));
    found(plans.of(|conn| reads::rides(conn, RidesOf::Driver(DRIVER), None, id, END, PAGE)));
    found(plans.of(|conn| reads::bookings(conn, BookingsOf::Everybody, None, id, END, PAGE)));
}

#[test]
fn lists_of_people_positions_notifications_and_earnings_end_with_their_page() {
    let mut plans = Plans::with(&ROWS);
    plans.expect_walk("admin/drivers", "drivers_pkey", |conn| reads::drivers(conn, DriverId(0), PAGE));
    // Guests are passed over, and come before all others.
    let customers = plans.of(|conn| reads::customers(conn, CustomerId(0), PAGE));
    assert!(
        customers[0].contains("customers USING INTEGER PRIMARY KEY")
            || customers[0].contains("customers_pkey")
    );
    plans.expect_walk("api/Push/history", "notification_history_by_customer", |conn| {
        push::history(conn, CUSTOMER, i64::MAX, PAGE)
    });
    let held = plans.of(|conn| reads::orders_of(conn, DRIVER));
    // A driver holds a handful, which are put in their order.
    assert!(held[0].contains("jobs_by_driver") || held[0].contains("jobs_of_driver"), "{}", held[0]);
    let day = |day| NaiveDate::from_ymd_opt(2026, 11, day).expect("a day");
    let books = Books { driver: DRIVER, zone: Tz::UTC, currency: Currency::new("USD").expect("a currency") };
    let earned = plans.of(|conn| books.days(conn, day(1), day(30), 30));
    for (plan, index) in earned.iter().zip(["jobs_completed", "earnings_kept"]) {
        assert!(plan.contains(index) && !plan.contains("Seq Scan") && !plan.contains("SCAN "), "{plan}");
    }
    // The walk goes on where the last page of jobs ended: both bounds are the index's.
    let bounds = ["completed_at>? AND completed_at<?", "Index Cond"];
    assert!(bounds.iter().any(|bound| earned[0].contains(bound)), "{}", earned[0]);
    let (from, to) = ((now().naive_utc(), 0), now().naive_utc());
    let track = plans.of(|conn| reads::track(conn, DRIVER, from, to, PAGE));
    assert!(track[1].contains("driver_locations_by_driver"), "{}", track[1]);
    let looks = plans.of(|conn| reads::looks_at(conn, DRIVER, 20));
    assert!(looks[0].contains("search_candidates_by_driver"), "{}", looks[0]);
    for plan in plans.of(|conn| reads::trace(conn, JobId(300))) {
        assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN "), "a job's own rows alone: {plan}");
    }
}

#[test]
fn the_audit_is_read_by_one_walk_whatever_is_asked_for() {
    let mut plans = Plans::with(&[
        "INSERT INTO audit_log (at, actor, action, subject) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
         WHERE i < 3000) SELECT '2026-11-01 00:00:00', 'account:' || i % 50, 'GET api/v1/admin/orders', 'driver:' || i % 49 FROM n",
    ]);
    let (from, to) = (now().naive_utc() - TimeDelta::days(90), now().naive_utc());
    let (nobody, actor, subject) = (None, Some("account:7"), Some("driver:7"));
    for (index, actor, subject) in [
        ("audit_log_by_time", nobody, nobody),
        ("audit_log_by_actor", actor, nobody),
        ("audit_log_by_subject", nobody, subject),
    ] {
        let [actor, subject] = [actor, subject].map(|named| named.map(str::to_owned));
        let filter = AuditFilter { actor, subject, from, before: (to, i64::MAX) };
        let plan = &plans.of(|conn| audit::page(conn, &filter, PAGE))[0];
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE") && !plan.contains("Sort"), "{plan}");
    }
}

/// The statuses of a ride in one word come from a walk each, and are put together in their order.
#[test]
fn several_statuses_are_one_list_in_the_order_of_their_rides() {
    let mut plans = Plans::with(&ROWS);
    let mut listed = Vec::new();
    let statuses = [JobStatus::Cancelled, JobStatus::Requested];
    plans.of(|conn| {
        for limit in [5, 200] {
            let rides = reads::rides(conn, RidesOf::Everybody, Some(&statuses), None, JobId(2000), limit)?;
            listed.push(rides.iter().map(|standing| standing.ride.job.id.0).collect::<Vec<_>>());
        }
        Ok(())
    });
    let expected: Vec<i64> = (1..2000).rev().filter(|i| i % 3 == 1 && (i % 7 == 0 || i % 11 == 0)).collect();
    assert_eq!((&listed[0][..], &listed[1][..]), (&expected[..5], &expected[..]));
}
