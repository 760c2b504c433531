//! The one door through which every position, from sockets and REST, reaches the index, the rooms and the recorder. It
//! is judged only here (by `matching::plausible`), so that nobody is shown a position that searches do not believe.
//!
//! | file | owns |
//! | --- | --- |
//! | `tracks` | what is known of every driver's device |
//! | `phone_clock` | how old a position was when it came |

mod phone_clock;
mod tracks;

pub use tracks::Tracks;

use crate::actors::recorder::{Full, RecorderHandle};
use crate::actors::room::{HeardFix, Rooms};
use crate::clock::{Moment, SharedClock};
use crate::domain::ids::DriverId;
use crate::domain::position::Fix;
use crate::matching::plausible::Plausibility;
use crate::metrics::Metrics;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use tracks::Judged;

/// The handle that sessions and REST hold. Clones are the same door.
#[derive(Clone)]
pub struct Positions {
    tracks: Arc<Tracks>,
    rooms: Rooms,
    recorder: RecorderHandle,
    clock: SharedClock,
    metrics: Arc<Metrics>,
}

impl Positions {
    pub fn new(
        tracks: Arc<Tracks>,
        rooms: Rooms,
        recorder: RecorderHandle,
        clock: SharedClock,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { tracks, rooms, recorder, clock, metrics }
    }

    /// A driver's app has told a position, which was read at `received_at`.
    pub fn tell(&self, driver: DriverId, fix: &Fix, received_at: DateTime<Utc>) -> Result<(), Full> {
        let now = self.moment(received_at);
        let judged = self.tracks.judge(driver, fix, now);
        self.follow(driver, fix, judged, now);
        self.record(driver, fix, judged, now)
    }

    /// The same of several, the oldest first; of each it is said whether the recorder had room for it.
    pub fn tell_all(
        &self,
        driver: DriverId,
        fixes: &[Fix],
        received_at: DateTime<Utc>,
    ) -> Vec<Result<(), Full>> {
        let now = self.moment(received_at);
        let judged = self.tracks.judge_all(driver, fixes, now);
        let told = fixes.iter().zip(judged);
        // Followers are told of the newest alone.
        if let Some((fix, judged)) = told.clone().rfind(|(_, judged)| judged.verdict.enters()) {
            self.follow(driver, fix, judged, now);
        }
        told.map(|(fix, judged)| self.record(driver, fix, judged, now)).collect()
    }

    fn moment(&self, received_at: DateTime<Utc>) -> Moment {
        Moment { wall: received_at, steady: self.clock.steady() }
    }

    /// Nobody is shown what is not believed.
    fn follow(&self, driver: DriverId, fix: &Fix, judged: Judged, now: Moment) {
        if judged.verdict.enters() {
            self.rooms.moved(driver, HeardFix::new(fix, judged.at, now.steady));
        }
    }

    /// Every position is stored; the driver's row has only what is believed.
    fn record(&self, driver: DriverId, fix: &Fix, judged: Judged, now: Moment) -> Result<(), Full> {
        if let Plausibility::Jump { .. } | Plausibility::Inaccurate { .. } = judged.verdict {
            self.metrics.positions_implausible.increment(1);
            log::debug!("position not believed driver={driver} reason={}", judged.verdict.as_str());
        }
        let seen_at = judged.verdict.enters().then(|| now.wall_of(judged.at));
        self.recorder.record(driver, fix, seen_at, judged.may_repeat)
    }

    /// Whether anything has come from the driver's device within this time, believed or not.
    pub fn heard_within(&self, driver: DriverId, span: TimeDelta) -> bool {
        self.tracks.heard_since(driver, self.clock.steady() - span)
    }
}
