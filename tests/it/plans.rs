//! Lists that must be one walk of an index however many rows there are: what the database itself says of them.

use fleetwire::domain::ids::{CustomerId, JobId};
use fleetwire::domain::job::JobStatus;
use fleetwire::store::reads;

use crate::support::plans::Store;

/// Ten thousand orders of a thousand customers.
const ORDERS: u32 = 10_000;

#[test]
fn a_customers_own_orders_are_one_walk_of_an_index() {
    let store = Store::new();
    store.add_jobs("delivery", 1_000, ORDERS);
    let (customer, newest) = (CustomerId(1_050), JobId(i64::MAX));
    for (status, before) in [(None, newest), (None, JobId(5_000)), (Some(JobStatus::Requested), newest)] {
        let plans = store.plans(|conn| {
            let orders = reads::orders_for(conn, customer, status, None, before, 21)?;
            assert!(!orders.is_empty(), "the list is of somebody who has orders");
            Ok(orders)
        });
        assert!(plans[0].is_walk_of("jobs_of_customer"), "{}", plans[0]);
    }
    let plans = store.plans(|conn| reads::orders_for(conn, customer, None, Some("SHOP-17"), newest, 21));
    assert!(plans[0].is_search_of("jobs_external_id"), "{}", plans[0]);
}

/// The check itself: a list that has no index of its own is found out.
#[test]
fn a_scan_and_a_sort_are_no_walk() {
    let store = Store::new();
    store.add_jobs("delivery", 1_000, ORDERS);
    let plans = store.plans(|conn| reads::orders(conn, None, None, JobId(i64::MAX), 21));
    assert!(!plans[0].is_walk_of("jobs_of_customer"), "{}", plans[0]);
}
