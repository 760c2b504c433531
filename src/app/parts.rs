//! The parts of the server, each started after those that it sends to. They live as long as the server.

use crate::actors::announcer::{self, Announcer, Listeners};
use crate::actors::dispatcher::{self, Dispatcher};
use crate::actors::matcher::{self, MatcherHandle};
use crate::actors::positions::{Positions, Tracks};
use crate::actors::presence::Presence;
use crate::actors::principals::Principals;
use crate::actors::push::PushHandle;
use crate::actors::reads::{self, ReadLog};
use crate::actors::recorder::{self, RecorderHandle, RecorderOptions};
use crate::actors::registry::Registry;
use crate::actors::room::{self, RoomOptions, Rooms};
use crate::actors::session::{Reaper, TransportMetrics};
use crate::actors::silence::{self, Silence, SilenceOptions};
use crate::app::{Foundation, push, time_delta};
use crate::clock::SharedClock;
use crate::config::Settings;
use crate::metrics::Metrics;
use crate::store::Database;
use actix::prelude::*;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How often sessions and connections are looked at from outside.
pub(super) const SWEEP: Duration = Duration::from_secs(1);

pub(super) struct Parts {
    pub settings: Arc<Settings>,
    pub database: Database,
    pub clock: SharedClock,
    pub metrics: Arc<Metrics>,
    pub registry: Arc<Registry>,
    pub presence: Arc<Presence>,
    pub principals: Arc<Principals>,
    pub matcher: MatcherHandle,
    pub rooms: Rooms,
    pub recorder: RecorderHandle,
    pub reads: ReadLog,
    pub positions: Positions,
    pub push: PushHandle,
    pub dispatcher: Addr<Dispatcher>,
    silence: Addr<Silence>,
    announcer: Addr<Announcer>,
    pub reaper: Reaper,
    pub draining: Arc<AtomicBool>,
}

impl Parts {
    pub async fn start(
        settings: &Arc<Settings>,
        foundation: Foundation,
        prepared: push::Prepared,
    ) -> Result<Self, Box<dyn Error>> {
        let Foundation { database, clock, metrics } = &foundation;
        let tracks = Arc::new(Tracks::new(clock.now()));
        let matcher = matcher::start(settings, &foundation, tracks.clone()).await?;
        let rooms = room::start(room_options(settings), &foundation);
        let recorder = recorder::start(recorder_options(settings), &foundation);
        let positions =
            Positions::new(tracks, rooms.clone(), recorder.clone(), clock.clone(), metrics.clone());
        let presence = presence(settings, clock.clone());
        push_by_presence(settings, database, presence.clone());
        let push = push::start(prepared, settings, &foundation, recorder.clone())?;
        let (registry, principals) = (Arc::<Registry>::default(), Arc::<Principals>::default());
        let listeners = Listeners {
            registry: registry.clone(),
            principals: principals.clone(),
            matcher: matcher.clone(),
            rooms: rooms.clone(),
            push: push.clone(),
        };
        // Arrivals and departures, and lost announcements.
        let arbiter = Arbiter::new().handle();
        let announcer = announcer::start(&foundation, listeners, &arbiter);
        let (options, here) = (silence_options(settings), presence.clone());
        let silence = silence::start(options, &foundation, here, positions.clone(), &arbiter);
        let (sessions, here) = (registry.clone(), presence.clone());
        let dispatcher = dispatcher::start(&foundation, sessions, here, silence.clone(), &arbiter);
        let reads = reads::start(&foundation);
        let Foundation { database, clock, metrics } = foundation;
        Ok(Self {
            settings: settings.clone(),
            database,
            clock,
            metrics,
            registry,
            presence,
            principals,
            matcher,
            rooms,
            recorder,
            reads,
            positions,
            push,
            dispatcher,
            silence,
            announcer,
            reaper: Reaper::start(SWEEP, TransportMetrics::new()),
            draining: Arc::default(),
        })
    }

    /// False once an actor has died without which nobody can connect, hears of anything, or finds a driver. None of them comes
    /// back.
    pub fn are_alive(&self) -> bool {
        let are_connected =
            self.dispatcher.connected() && self.silence.connected() && self.announcer.connected();
        are_connected && self.matcher.is_alive()
    }
}

fn recorder_options(settings: &Settings) -> RecorderOptions {
    RecorderOptions {
        queue_max: settings.recorder.queue_max.get(),
        flush_interval: settings.recorder.flush_interval,
        live_position_interval: settings.recorder.live_position_interval,
    }
}

fn room_options(settings: &Settings) -> RoomOptions {
    RoomOptions {
        members_max: settings.rides.members_max.get(),
        stale_after: time_delta(settings.rides.stale_after),
    }
}

fn silence_options(settings: &Settings) -> SilenceOptions {
    SilenceOptions {
        offline_after: time_delta(settings.recorder.driver_offline_after),
        lost_after: time_delta(settings.rides.driver_lost_after),
        offers_again: settings.rides.offers_lost_rides_again,
    }
}

/// Absences matter for as long as anybody asks for them.
fn presence(settings: &Settings, clock: SharedClock) -> Arc<Presence> {
    let spans = [
        settings.delivery.confirm_timeout,
        settings.recorder.driver_offline_after,
        settings.rides.driver_lost_after,
    ];
    Arc::new(Presence::new(clock, time_delta(spans.into_iter().max().unwrap_or_default())))
}

/// An event of a customer who could confirm it is given the time to be confirmed before it is pushed. Customers who were connected
/// to the server that ran before are given it, too.
fn push_by_presence(settings: &Settings, database: &Database, presence: Arc<Presence>) {
    let moment = time_delta(settings.delivery.confirm_timeout);
    database.push_due_by(move |account, now| match presence.may_confirm(account, moment) {
        true => now + moment,
        false => now,
    });
}
