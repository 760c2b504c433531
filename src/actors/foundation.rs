//! What every actor works with: the store, the time, and the counters.

use crate::clock::SharedClock;
use crate::metrics::Metrics;
use crate::store::Database;
use std::sync::Arc;

/// The first thing that each actor is started with, after its options; its peers follow. Clones are the same one.
#[derive(Clone)]
pub struct Foundation {
    pub database: Database,
    pub clock: SharedClock,
    pub metrics: Arc<Metrics>,
}
