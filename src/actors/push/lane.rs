//! A lane: everything that goes through one push service. Each has its own places, breaker and loop, so that a service
//! that is down delays nobody else.

use crate::actors::push::alarm::Alarm;
use crate::actors::push::breaker::{Allowance, Breaker, Credibility, Outage};
use crate::actors::push::metrics::LaneMetrics;
use crate::actors::push::shared::{PushState, Settling};
use crate::actors::push::verdict::{
    Admission, Attempt, Circumstances, Instead, admit, verdict, without_sending,
};
use crate::domain::push::{Priority, PushService, PushToken};
use crate::operations::push::{claim, next_due};
use crate::providers::{Answer, Message, Notification, Provider};
use crate::store::{Chain, NotificationRow, StoreError};
use chrono::TimeDelta;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Map;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Rows claimed in one transaction.
const CLAIM_ROWS_MAX: usize = 250;
/// How much longer than any call an attempt keeps its row from others. A starting server frees the rows that its
/// predecessor had in flight, so this matters only if an attempt was lost in a running one.
const LEASE_MARGIN: Duration = Duration::from_secs(60);
/// The queue is looked at so often even though nobody says that something is in it: another program may have written.
const LOOK: Duration = Duration::from_secs(5);
/// After the database could not be asked.
const DATABASE_PAUSE: TimeDelta = TimeDelta::milliseconds(500);

pub struct Lane {
    provider: Arc<dyn Provider>,
    pub alarm: Alarm,
    /// One for each row in flight.
    places: Arc<Semaphore>,
    places_max: usize,
    state: Mutex<LaneState>,
    metrics: LaneMetrics,
}

struct LaneState {
    breaker: Breaker,
    credibility: Credibility,
    outage: Outage,
    chance: StdRng,
}

impl Lane {
    /// `seed` is where the jitter of its pauses comes from.
    pub fn new(provider: Arc<dyn Provider>, seed: u64) -> Self {
        let places_max = (provider.batch_max() * provider.calls_max()).max(1);
        Self {
            alarm: Alarm::default(),
            places: Arc::new(Semaphore::new(places_max)),
            places_max,
            state: Mutex::new(LaneState {
                breaker: Breaker::default(),
                credibility: Credibility::default(),
                outage: Outage::default(),
                chance: StdRng::seed_from_u64(seed),
            }),
            metrics: LaneMetrics::new(provider.service()),
            provider,
        }
    }

    pub fn service(&self) -> PushService {
        self.provider.service()
    }

    pub fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    /// Why nothing goes through it until an operator acts.
    pub fn misconfigured(&self) -> Option<String> {
        self.state.lock().breaker.misconfigured().map(str::to_owned)
    }

    /// Whether the service is believed when it says this of a token.
    pub fn believes(&self, answer: &Answer) -> bool {
        self.state.lock().credibility.heard(answer)
    }

    fn allowance(&self) -> Allowance {
        self.state.lock().breaker.allowance(Instant::now())
    }
}

/// The lane's loop: sends what is due until the server stops.
pub async fn run(shared: Arc<PushState>, lane: Arc<Lane>) {
    while !shared.is_stopping() {
        lane.alarm.wait(&shared.clock, LOOK).await;
        if let Some(lasted) = lane.state.lock().outage.over(Instant::now()) {
            log::info!("push service is back service={} secs={}", lane.service(), lasted.as_secs());
        }
        while !shared.is_stopping() {
            match step(&shared, &lane).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    log::warn!("notifications not claimed service={}: {}", lane.service(), Chain(&error));
                    lane.alarm.set(shared.clock.now() + DATABASE_PAUSE);
                    break;
                }
            }
        }
    }
}

/// Claims what is due and begins to send it; false where nothing more is due, and the alarm is set for what will be.
async fn step(shared: &Arc<PushState>, lane: &Arc<Lane>) -> Result<bool, StoreError> {
    let service = lane.service();
    // A read first: on SQLite a claim of nothing would hold up decisions.
    let next = shared.database.read(move |conn| next_due(conn, service)).await?;
    let Some(_) = next.filter(|at| *at <= shared.clock.now()) else {
        next.into_iter().for_each(|at| lane.alarm.set(at));
        return Ok(false);
    };
    let allowance = lane.allowance();
    lane.metrics.paused.set(f64::from(u8::from(allowance != Allowance::All)));
    let is_try = match allowance {
        Allowance::All => false,
        Allowance::One => true,
        Allowance::NothingUntil(until) => {
            let pause = TimeDelta::from_std(until.saturating_duration_since(Instant::now()));
            lane.alarm.set(shared.clock.now() + pause.unwrap_or(DATABASE_PAUSE));
            return Ok(false);
        }
    };
    let claimed = claim_some(shared, lane, is_try).await;
    let is_any = claimed.as_ref().is_ok_and(|(rows, _)| !rows.is_empty());
    if is_try && !is_any {
        lane.state.lock().breaker.not_tried(Instant::now());
    }
    let (rows, places) = claimed?;
    let sent = begin(shared, lane, rows, places).await;
    if is_try && sent == 0 {
        lane.state.lock().breaker.not_tried(Instant::now());
    }
    // Stopped meanwhile, or somebody else took it.
    Ok(is_any)
}

/// As many rows as there are places, which wait for some of them to be free: a claim for each row would be a transaction
/// for each.
async fn claim_some(
    shared: &Arc<PushState>,
    lane: &Lane,
    is_try: bool,
) -> Result<(Vec<NotificationRow>, OwnedSemaphorePermit), StoreError> {
    let some = if is_try { 1 } else { (lane.places_max / 4).clamp(1, CLAIM_ROWS_MAX) };
    let take =
        |count: usize| lane.places.clone().acquire_many_owned(u32::try_from(count).unwrap_or(u32::MAX));
    let mut places = take(some).await.expect("nobody closes a lane's places");
    let more = lane.places.available_permits().min(CLAIM_ROWS_MAX.saturating_sub(some));
    if !is_try && more > 0 {
        let more = lane.places.clone().try_acquire_many_owned(u32::try_from(more).unwrap_or(0));
        more.into_iter().for_each(|more| places.merge(more));
    }
    if shared.is_stopping() {
        return Ok((Vec::new(), places));
    }
    // Nobody is pushed what they have confirmed a moment ago.
    if !shared.recorder.flush_marks().await {
        return Err(StoreError::Unavailable("confirmations could not be written"));
    }
    let (service, limit) = (lane.service(), places.num_permits() as i64);
    let lease = TimeDelta::from_std(lane.provider.patience() + LEASE_MARGIN).unwrap_or(TimeDelta::hours(1));
    let rows = shared.database.write_soon(move |tx| claim(tx, service, lease, limit)).await?;
    Ok((rows, places))
}

/// Sends those that are to be sent, and settles the others. Returns how many are on their way.
async fn begin(
    shared: &Arc<PushState>,
    lane: &Arc<Lane>,
    mut rows: Vec<NotificationRow>,
    mut places: OwnedSemaphorePermit,
) -> usize {
    rows.retain(|row| shared.under_way.begin(row.id, row.attempts));
    let customers = rows.iter().map(NotificationRow::customer);
    let recipients = shared.recipients.find(customers, &shared.database).await;
    if let Err(error) = &recipients {
        log::warn!("customers' devices not read service={}: {}", lane.service(), Chain(error));
    }
    let (service, now, options) = (lane.service(), shared.clock.now(), &shared.options);
    let mut sending = Vec::new();
    for row in rows {
        let Some(place) = places.split(1) else { break };
        let admission = match &recipients {
            Ok(recipients) => {
                let recipient = recipients.get(&row.customer()).map(|recipient| &**recipient);
                admit(&row, service, recipient, &options.rules.configured, now, options.zone)
            }
            Err(_) => Admission::Not(Instead::Later(now + DATABASE_PAUSE)),
        };
        match admission {
            Admission::Send(token) => sending.push(Outgoing { row, token, place }),
            Admission::Not(what) => {
                let verdict = without_sending(&row, service, what);
                shared.settlements.push([Settling { public_id: row.public_id.parse().ok(), verdict, place }]);
            }
        }
    }
    let count = sending.len();
    let mut sending = sending.into_iter().peekable();
    while sending.peek().is_some() {
        let batch: Vec<Outgoing> = sending.by_ref().take(lane.provider.batch_max()).collect();
        actix::spawn(send(shared.clone(), lane.clone(), batch));
    }
    count
}

/// A row on its way to a device.
struct Outgoing {
    row: NotificationRow,
    token: PushToken,
    place: OwnedSemaphorePermit,
}

async fn send(shared: Arc<PushState>, lane: Arc<Lane>, batch: Vec<Outgoing>) {
    let began_at = shared.clock.now();
    let messages = batch.iter().map(message).collect();
    lane.metrics.under_way.increment(batch.len() as f64);
    let was_paused = lane.state.lock().breaker.is_paused();
    let answers = lane.provider.send(messages).await;
    lane.metrics.under_way.decrement(batch.len() as f64);
    let settling = batch.into_iter().zip(answers).map(|(outgoing, answer)| {
        let Outgoing { row, place, .. } = outgoing;
        let attempt = Attempt { row: &row, service: lane.service(), began_at };
        let around = circumstances(&shared, &lane, &answer);
        let verdict = verdict(attempt, &answer, around);
        lane.metrics.answered(&answer, verdict.settled.accept_ms);
        Settling { public_id: row.public_id.parse().ok(), verdict, place }
    });
    shared.settlements.push(settling.collect::<Vec<_>>());
    // The service is back: what waits goes on at once.
    if was_paused && !lane.state.lock().breaker.is_paused() {
        lane.alarm.set(shared.clock.now());
    }
}

fn circumstances(shared: &PushState, lane: &Lane, answer: &Answer) -> Circumstances {
    let mut state = lane.state.lock();
    let (was, now) = (state.breaker.misconfigured().is_some(), Instant::now());
    state.breaker.heard(answer, now);
    let is_paused = state.breaker.is_paused();
    let goes_down = state.outage.heard(is_paused, now);
    if let Some(reason) = state.breaker.misconfigured().filter(|_| !was) {
        log::error!(
            "push is misconfigured; nothing is sent until that is fixed service={} reason=\"{reason}\"",
            lane.service()
        );
    } else if goes_down {
        let reason = answer.reason();
        log::warn!(
            "push service is down; its notifications wait service={} reason=\"{reason}\"",
            lane.service()
        );
    }
    let believes = state.credibility.heard(answer);
    if !believes && matches!(answer, Answer::Unregistered { .. }) {
        log::warn!("the service calls most tokens dead, which is not believed service={}", lane.service());
    }
    Circumstances {
        now: shared.clock.now(),
        retrying: shared.options.retrying,
        receipt_after: lane.provider.receipts().is_some().then_some(shared.options.receipt_after),
        believes,
        chance: state.chance.random_range(0.0..1.0),
    }
}

fn message(outgoing: &Outgoing) -> Message {
    let row = &outgoing.row;
    let id: Uuid = row.public_id.parse().unwrap_or_default();
    let notification = Notification {
        id,
        title: row.title.clone(),
        body: row.body.clone(),
        // Written by us as an object.
        data: serde_json::from_str(&row.data).unwrap_or_else(|_| Map::new()),
        priority: if row.is_high_priority { Priority::High } else { Priority::Normal },
        // The same at each attempt, also after a crash: what arrives twice replaces itself.
        collapse_id: id,
        deadline: row.deadline.and_utc(),
    };
    Message { notification: Arc::new(notification), token: outgoing.token.clone() }
}
