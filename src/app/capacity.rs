//! How many connections the process can hold: as many as the settings want and the system's limit on descriptors
//! allows.

use crate::config::Settings;

/// Database, log, listeners and other files that are open besides the connections.
const OTHER_FILES: u64 = 200;
/// The connection itself, and the switch that ends it from outside.
const FILES_PER_CONNECTION: u64 = 2;
/// Connections of each worker that are above the bound for a moment: those that make room are closed after one has come in.
const SPARE_PER_WORKER: usize = 8;

/// Connections of all kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// After so many a worker accepts no more until one ends: those that come wait in the system's queue.
    pub per_worker: usize,
    /// That carry no socket.
    pub http_max: usize,
}

/// Raises the limit of open files as far as allowed, and warns if that is not enough. A shell's default limit would
/// stop a fleet of five hundred.
pub fn capacity(settings: &Settings) -> Capacity {
    let (sockets, http) = (settings.limits.connections_max.get(), settings.limits.http_connections_max.get());
    let workers = settings.listen.workers.get();
    let wanted = wanted(settings);
    let limit = match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) => limit,
        Err(error) => {
            log::warn!("the limit of open files could not be raised: {error}");
            wanted
        }
    };
    let capacity = fitting(sockets, http, workers, limit);
    if limit < wanted {
        log::warn!(
            "this process may open {limit} files, which is enough for {} connections and not for \
             MAX_CONNECTIONS={sockets} and MAX_HTTP_CONNECTIONS={http}; raise the limit (ulimit -n, LimitNOFILE) to {wanted}",
            places(limit, workers),
        );
    }
    capacity
}

/// The descriptors for all connections that the settings allow.
pub fn wanted(settings: &Settings) -> u64 {
    let (sockets, http) = (settings.limits.connections_max.get(), settings.limits.http_connections_max.get());
    files(sockets + http, settings.listen.workers.get())
}

/// Connections that a limit of descriptors is enough for.
pub fn places_within(settings: &Settings, limit: u64) -> usize {
    places(limit, settings.listen.workers.get())
}

fn files(connections: usize, workers: usize) -> u64 {
    FILES_PER_CONNECTION * (connections + SPARE_PER_WORKER * workers) as u64 + OTHER_FILES
}

/// Connections for which there are descriptors.
fn places(limit: u64, workers: usize) -> usize {
    let connections = limit.saturating_sub(OTHER_FILES) / FILES_PER_CONNECTION;
    usize::try_from(connections).unwrap_or(usize::MAX).saturating_sub(SPARE_PER_WORKER * workers)
}

/// Where there are too few, both kinds get less in the same measure, so that neither takes the other's.
fn fitting(sockets: usize, http: usize, workers: usize, limit: u64) -> Capacity {
    let wanted = sockets + http;
    let places = places(limit, workers).clamp(1, wanted);
    Capacity {
        per_worker: places.div_ceil(workers) + SPARE_PER_WORKER,
        http_max: (http * places / wanted).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_descriptors_give_what_is_wanted() {
        let wanted = files(30_000, 4);
        assert_eq!(wanted, 60_264);
        let capacity = Capacity { per_worker: 7_508, http_max: 10_000 };
        assert_eq!(fitting(20_000, 10_000, 4, wanted), capacity);
        assert_eq!(fitting(20_000, 10_000, 4, u64::MAX), capacity);
    }

    /// Accepting beyond it would fail, and the sockets with it.
    #[test]
    fn with_fewer_no_more_is_accepted_than_there_are_descriptors() {
        for (limit, workers) in [(1_024, 2), (1_024, 16), (256, 2), (65_536, 64)] {
            let Capacity { per_worker, http_max } = fitting(20_000, 10_000, workers, limit);
            let accepted = (per_worker * workers) as u64;
            let spare = (workers - 1) as u64;
            assert!(
                accepted * FILES_PER_CONNECTION <= limit + FILES_PER_CONNECTION * spare,
                "{limit} {workers}"
            );
            assert!(http_max >= 1 && http_max <= per_worker * workers, "{limit} {workers}");
        }
        assert_eq!(fitting(20_000, 10_000, 2, 1_024).http_max, 132);
        assert!(fitting(20_000, 10_000, 2, 0).per_worker >= 1);
    }
}
