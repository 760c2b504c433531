//! Housekeeping: the main thread's work besides requests: sweeps, pruning, and the watch over the actors. None of it
//! ends before the server does.

use crate::actors::session::Connections;
use crate::app::parts::{Parts, SWEEP};
use crate::app::{commands, grant_use, guard, logging};
use crate::store::Chain;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::time::Duration;

/// How often histograms are folded; samples pile up between, also where nobody scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

pub(super) fn keep_house(parts: &Arc<Parts>, connections: Connections, prometheus: PrometheusHandle) {
    actix_web::rt::spawn(prune(parts.clone()));
    actix_web::rt::spawn(grant_use::note(parts.database.clone(), parts.principals.clone()));
    actix_web::rt::spawn(upkeep(parts.clone(), prometheus));
    actix_web::rt::spawn(sweep(parts.clone(), connections));
}

async fn prune(parts: Arc<Parts>) {
    let retention = commands::retention(&parts.settings);
    loop {
        match commands::prune_all(&parts.database, retention, &parts.clock).await {
            Ok(0) => {}
            Ok(rows) => {
                parts.metrics.rows_pruned.increment(rows as u64);
                log::info!("pruned rows={rows}");
            }
            Err(error) => log::warn!("pruning failed, next try in an hour: {}", Chain(&error)),
        }
        tokio::time::sleep(commands::PRUNE_INTERVAL).await;
    }
}

async fn upkeep(parts: Arc<Parts>, prometheus: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        parts.metrics.log_lines_dropped.absolute(logging::dropped());
        prometheus.run_upkeep();
    }
}

async fn sweep(parts: Arc<Parts>, connections: Connections) {
    loop {
        tokio::time::sleep(SWEEP).await;
        connections.sweep();
        parts.presence.close_expired(&parts.registry);
        parts.metrics.database_queue.set(parts.database.waiting() as f64);
        // The actors' state is rebuilt from the store at start, so a new process is the cure.
        if !parts.are_alive() {
            log::error!(
                "an actor that the server needs has died; ending the process, so that it is started again"
            );
            logging::exit(guard::EXIT_CODE);
        }
    }
}
