//! Messages against their vectors, by the product's own comparison.

pub use fleetwire::conform::shape::{differences, differences_from, is_utc_time};
