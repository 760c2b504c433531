//! The recorder: writes positions and confirmations in bulk, since they need not be written one by one.
//!
//! Sessions put both into a bounded buffer through [`RecorderHandle`]; the actor empties it periodically, or at once
//! when a batch is full. Every accepted position is written or counted as dropped, and nothing leaves the buffer before
//! it is committed.

use crate::actors::foundation::Foundation;
use crate::domain::ids::DriverId;
use crate::domain::position::Fix;
use crate::metrics::Metrics;
use crate::store::{Chain, Database, LivePosition, Mark, NewLocation, StoreError, bulk};
use actix::prelude::*;
use chrono::{DateTime, NaiveDateTime, Utc};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Rows of one transaction. On SQLite decisions wait for the transaction that is running, so it is kept under 2 ms.
const BATCH_ROWS: usize = 250;
/// Refused for so long without a break, a batch is given up.
const REFUSED_MAX: Duration = Duration::from_secs(10);
/// After the database did not take positions they are kept from it for a moment, longer each time. Sessions fill the buffer
/// meanwhile, and each full batch would ask for another try at once.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// A buffer this full is emptied at once.
const FLUSH_ROWS: usize = 1000;
/// Longer than this nobody waits for positions to be written.
const POSITIONS_WAIT: Duration = Duration::from_secs(5);

pub struct RecorderOptions {
    /// Positions that may wait; one more is refused.
    pub queue_max: usize,
    pub flush_interval: Duration,
    /// How often, at most, a driver's newest position is written to the driver's row.
    pub live_position_interval: Duration,
}

/// The buffer is full: the database does not keep up, or is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The handle that sessions hold.
#[derive(Clone)]
pub struct RecorderHandle {
    shared: Arc<Shared>,
    recorder: Addr<Recorder>,
}

struct Shared {
    database: Database,
    metrics: Arc<Metrics>,
    queue_max: usize,
    positions: Mutex<Vec<Accepted>>,
    /// In the buffer or being written.
    waiting_positions: AtomicUsize,
    /// Since when the database has refused all positions that it was asked to take.
    refused_since: Mutex<Option<Instant>>,
    marks: Mutex<Vec<Mark>>,
    waiting_marks: AtomicUsize,
    /// Held while marks are written, so that a caller who flushes knows that earlier ones are in the database.
    writing_marks: tokio::sync::Mutex<()>,
}

/// A position in the buffer.
#[derive(Clone, Debug)]
struct Accepted {
    row: NewLocation,
    /// When the driver was there, where that is believed: it is for their row, too.
    seen_at: Option<NaiveDateTime>,
    /// The same may be in the table.
    may_repeat: bool,
}

impl RecorderHandle {
    /// Accepts a position, or refuses it at once. `seen_at` is where the driver's own row is to have it.
    pub fn record(
        &self,
        driver: DriverId,
        fix: &Fix,
        seen_at: Option<DateTime<Utc>>,
        may_repeat: bool,
    ) -> Result<(), Full> {
        let shared = &self.shared;
        if shared.waiting_positions.fetch_add(1, Ordering::Relaxed) >= shared.queue_max {
            shared.waiting_positions.fetch_sub(1, Ordering::Relaxed);
            shared.metrics.positions_refused.increment(1);
            return Err(Full);
        }
        let row = NewLocation {
            driver_id: driver.0,
            latitude: fix.position.latitude(),
            longitude: fix.position.longitude(),
            accuracy: fix.accuracy_m,
            heading: fix.heading,
            speed: fix.speed,
            battery_level: fix.battery_level,
            created_at: fix.measured_at.naive_utc(),
        };
        let mut positions = shared.positions.lock();
        positions.push(Accepted { row, seen_at: seen_at.map(|at| at.naive_utc()), may_repeat });
        let is_batch = positions.len() == FLUSH_ROWS;
        drop(positions);
        shared.metrics.positions_accepted.increment(1);
        if is_batch {
            // One message for a thousand positions; a mailbox can't grow by that.
            self.recorder.do_send(Flush);
        }
        Ok(())
    }

    /// Queues marks; they are in the database within a flush interval, or when somebody asks for it.
    pub fn mark(&self, marks: impl IntoIterator<Item = Mark>) {
        let mut queued = self.shared.marks.lock();
        let before = queued.len();
        queued.extend(marks);
        self.shared.waiting_marks.fetch_add(queued.len() - before, Ordering::Release);
    }

    /// Returns when every mark queued before is in the database, or could not be written, and which of the two. A session
    /// that opens asks for this: what the device has answered for on its last connection must not be sent again. Push
    /// does, too: what a device has answered for must not be pushed.
    pub async fn flush_marks(&self) -> bool {
        if self.shared.waiting_marks.load(Ordering::Acquire) == 0 {
            return true;
        }
        let shared = self.shared.clone();
        // A task of its own: the session that asks may end at any await, the marks may not be lost with it.
        match actix::spawn(async move { shared.write_marks().await }).await {
            Ok(are_written) => are_written,
            Err(_) => {
                log::error!("a flush of confirmations panicked");
                false
            }
        }
    }

    /// Returns true once every position accepted before is in the database or was given up; false if that took more
    /// than five seconds. Callers who read a track to its end use this.
    pub async fn flush_positions(&self) -> bool {
        if self.shared.waiting_positions.load(Ordering::Acquire) == 0 {
            return true;
        }
        let written = tokio::time::timeout(POSITIONS_WAIT, self.recorder.send(FlushAll)).await;
        matches!(written, Ok(Ok(true)))
    }

    /// Where this driver is waits no longer for the driver's row.
    pub async fn forget(&self, driver: DriverId) {
        if self.recorder.send(Forget(driver)).await.is_err() {
            log::warn!("the recorder is not running and can't forget driver={driver}");
        }
    }

    /// Writes all that was accepted, for the server's end; what can't be written before `deadline` is counted as dropped.
    pub async fn drain(&self, deadline: Instant) {
        // Marks that are not written in time are made again: the devices hear of their events once more.
        let _ = tokio::time::timeout_at(deadline.into(), self.flush_marks()).await;
        while self.shared.waiting_positions.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
            if self.recorder.send(FlushNow).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left = self.shared.waiting_positions.load(Ordering::Acquire);
        if left > 0 {
            self.shared.metrics.positions_dropped.increment(left as u64);
            log::error!("positions lost at shutdown: {left}; the database did not accept them in time");
        }
    }
}

impl Shared {
    /// In batches, as everything in bulk: decisions go between them. False where the database did not take them.
    async fn write_marks(&self) -> bool {
        let _one_at_a_time = self.writing_marks.lock().await;
        let mut marks = std::mem::take(&mut *self.marks.lock());
        while !marks.is_empty() {
            let rest = marks.split_off(marks.len().min(BATCH_ROWS));
            let batch = Arc::new(marks);
            let written = {
                let batch = batch.clone();
                self.database.write_soon(move |tx| bulk::mark(tx, &batch)).await
            };
            match written {
                Ok(()) => self.waiting_marks.fetch_sub(batch.len(), Ordering::Release),
                Err::<(), StoreError>(error) => {
                    log::warn!("confirmations could not be written, trying again: {}", Chain(&error));
                    self.marks.lock().splice(0..0, batch.iter().cloned().chain(rest));
                    return false;
                }
            };
            marks = rest;
        }
        true
    }
}

/// The actor: time, and one flush at a time.
pub struct Recorder {
    shared: Arc<Shared>,
    options: RecorderOptions,
    flushing: bool,
    pause: Pause,
    /// Callers waiting for the flush after the current one; they are requests, whose number the server bounds.
    asked: Vec<oneshot::Sender<bool>>,
    live: LivePositions,
}

/// Starts the recorder on an arbiter of its own.
pub fn start(options: RecorderOptions, foundation: &Foundation) -> RecorderHandle {
    let Foundation { database, metrics, .. } = foundation.clone();
    let shared = Arc::new(Shared {
        database,
        metrics,
        queue_max: options.queue_max,
        positions: Mutex::default(),
        waiting_positions: AtomicUsize::new(0),
        refused_since: Mutex::default(),
        marks: Mutex::default(),
        waiting_marks: AtomicUsize::new(0),
        writing_marks: tokio::sync::Mutex::new(()),
    });
    let live = LivePositions::new(options.live_position_interval);
    let (shared_too, pause) = (shared.clone(), Pause::default());
    let recorder = Recorder { shared: shared_too, options, flushing: false, pause, asked: Vec::new(), live };
    let recorder = Recorder::start_in_arbiter(&Arbiter::new().handle(), |_| recorder);
    RecorderHandle { shared, recorder }
}

impl Actor for Recorder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.options.flush_interval, |recorder, ctx| {
            let shared = recorder.shared.clone();
            // One writer at a time is enough; while the database is away, more would only wait in line before those who ask.
            if shared.waiting_marks.load(Ordering::Acquire) > 0 && shared.writing_marks.try_lock().is_ok() {
                actix::spawn(async move { shared.write_marks().await });
            }
            recorder.flush(ctx);
        });
    }
}

/// Write what is in the buffer now.
#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

impl Handler<Flush> for Recorder {
    type Result = ();

    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) {
        self.flush(ctx);
    }
}

/// The same, however often the database has refused lately.
#[derive(Message)]
#[rtype(result = "()")]
struct FlushNow;

impl Handler<FlushNow> for Recorder {
    type Result = ();

    fn handle(&mut self, _: FlushNow, ctx: &mut Self::Context) {
        self.pause = Pause::default();
        self.flush(ctx);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Forget(DriverId);

impl Handler<Forget> for Recorder {
    type Result = ();

    fn handle(&mut self, Forget(driver): Forget, _: &mut Self::Context) {
        self.live.waiting.remove(&driver.0);
        self.live.written.remove(&driver.0);
    }
}

/// Write what is in the buffer now, and say whether all of it was written.
#[derive(Message)]
#[rtype(result = "bool")]
struct FlushAll;

impl Handler<FlushAll> for Recorder {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, _: FlushAll, ctx: &mut Self::Context) -> Self::Result {
        let (reply, answer) = oneshot::channel();
        // It is unknown which rows a running flush has; the next one has all.
        self.asked.push(reply);
        self.flush(ctx);
        Box::pin(async move { answer.await.unwrap_or(false) })
    }
}

impl Recorder {
    fn flush(&mut self, ctx: &mut Context<Self>) {
        let waiting = self.shared.waiting_positions.load(Ordering::Acquire);
        self.shared.metrics.recorder_queue.set(waiting as f64);
        // A caller who asks meanwhile is answered with the next interval's flush.
        if self.flushing || self.pause.lasts(Instant::now()) {
            return;
        }
        let rows = std::mem::take(&mut *self.shared.positions.lock());
        let live = self.live.take_due(&rows, Instant::now());
        let asked = std::mem::take(&mut self.asked);
        if rows.is_empty() && live.is_empty() {
            return answer(asked, true);
        }
        self.flushing = true;
        let shared = self.shared.clone();
        ctx.spawn(async move { shared.write(rows, live).await }.into_actor(self).map(
            |written, recorder, ctx| {
                recorder.flushing = false;
                let is_written = written.is_ok();
                recorder.pause.came_to(is_written, Instant::now());
                answer(asked, is_written);
                recorder.live.put_back(written.err().unwrap_or_default());
                // Callers who asked meanwhile found this flush running, and so did the Flush of a full batch.
                let is_more =
                    !recorder.asked.is_empty() || recorder.shared.positions.lock().len() >= FLUSH_ROWS;
                if is_written && is_more {
                    ctx.notify(Flush);
                }
            },
        ));
    }
}

/// Tells those who asked for a flush what became of it. One who has stopped waiting does not hear it.
fn answer(asked: Vec<oneshot::Sender<bool>>, is_written: bool) {
    for reply in asked {
        let _ = reply.send(is_written);
    }
}

impl Shared {
    /// Whether the database has refused, not just been away, so often in a row that it will go on to. A full disk may be
    /// made room on; a table that is gone does not come back.
    fn is_hopeless(&self, error: &StoreError) -> bool {
        !error.may_pass()
            && self.refused_since.lock().get_or_insert_with(Instant::now).elapsed() >= REFUSED_MAX
    }

    /// Writes rows in batches, the live positions with the first. Rows that can't be written go back to the front of
    /// the buffer for the next flush; live positions are handed back.
    async fn write(&self, mut rows: Vec<Accepted>, live: Vec<LivePosition>) -> Result<(), Vec<LivePosition>> {
        let mut live = Arc::new(live);
        if rows.len() > BATCH_ROWS {
            // The rows of one driver lie side by side in the index: together they touch a page of it once, not each in turn.
            rows.sort_by_key(|one| one.row.driver_id);
        }
        loop {
            let rest = rows.split_off(rows.len().min(BATCH_ROWS));
            let batch = Arc::new(rows);
            let written = {
                let (late, new): (Vec<_>, Vec<_>) = batch.iter().partition(|one| one.may_repeat);
                let rows = |of: Vec<&Accepted>| of.into_iter().map(|one| one.row.clone()).collect::<Vec<_>>();
                let (new, late, live) = (rows(new), rows(late), live.clone());
                self.database.write_bulk(move |tx| bulk::record(tx, &new, &late, &live)).await
            };
            match written {
                Ok(stored) => {
                    *self.refused_since.lock() = None;
                    self.waiting_positions.fetch_sub(batch.len(), Ordering::Release);
                    self.metrics.positions_stored.increment(stored as u64);
                    self.metrics.positions_repeated.increment((batch.len() - stored) as u64);
                }
                Err::<_, StoreError>(error) if self.is_hopeless(&error) => {
                    log::error!("positions dropped count={}: {}", batch.len(), Chain(&error));
                    self.waiting_positions.fetch_sub(batch.len(), Ordering::Release);
                    self.metrics.positions_dropped.increment(batch.len() as u64);
                }
                Err(error) => {
                    let waiting = self.waiting_positions.load(Ordering::Relaxed);
                    log::warn!("positions not written yet waiting={waiting}: {}", Chain(&error));
                    let mut buffer = self.positions.lock();
                    buffer.splice(0..0, batch.iter().cloned().chain(rest));
                    return Err(live.to_vec());
                }
            }
            live = Arc::default();
            rows = rest;
            if rows.is_empty() {
                return Ok(());
            }
        }
    }
}

/// For how long the database is left alone after it did not take positions.
#[derive(Default)]
struct Pause {
    /// Until when, and how long that was.
    until: Option<(Instant, Duration)>,
}

impl Pause {
    fn lasts(&self, now: Instant) -> bool {
        self.until.is_some_and(|(until, _)| now < until)
    }

    fn came_to(&mut self, is_written: bool, now: Instant) {
        let next = self.until.map_or(PAUSE_MIN, |(_, pause)| (pause * 2).min(PAUSE_MAX));
        self.until = (!is_written).then_some((now + next, next));
    }
}

/// Which drivers' rows are due for a newer position: not each update touches the row, but the last one does in the end.
struct LivePositions {
    interval: Duration,
    written: HashMap<i64, Instant>,
    waiting: HashMap<i64, LivePosition>,
}

impl LivePositions {
    fn new(interval: Duration) -> Self {
        Self { interval, written: HashMap::new(), waiting: HashMap::new() }
    }

    /// Notes the newest of `rows` for each driver, of what is believed, and takes those whose row is due, by driver id.
    fn take_due(&mut self, rows: &[Accepted], now: Instant) -> Vec<LivePosition> {
        for live in rows.iter().filter_map(Accepted::live) {
            let newest = self.waiting.get(&live.driver_id).map(|waiting| waiting.measured_at);
            if newest.is_none_or(|newest| newest <= live.measured_at) {
                self.waiting.insert(live.driver_id, live);
            }
        }
        let (interval, written) = (self.interval, &mut self.written);
        let is_due = |driver: &i64| written.get(driver).is_none_or(|at| now.duration_since(*at) >= interval);
        let mut due: Vec<LivePosition> =
            self.waiting.extract_if(|driver, _| is_due(driver)).map(|(_, live)| live).collect();
        due.sort_by_key(|live| live.driver_id);
        for live in &due {
            self.written.insert(live.driver_id, now);
        }
        due
    }
}

impl LivePositions {
    /// They could not be written: due again at once, unless a newer one has come.
    fn put_back(&mut self, live: Vec<LivePosition>) {
        for live in live {
            self.written.remove(&live.driver_id);
            self.waiting.entry(live.driver_id).or_insert(live);
        }
    }
}

impl Accepted {
    fn live(&self) -> Option<LivePosition> {
        let NewLocation { driver_id, latitude, longitude, heading, speed, .. } = self.row;
        Some(LivePosition { driver_id, latitude, longitude, heading, speed, measured_at: self.seen_at? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn row(driver_id: i64, seconds: i64) -> Accepted {
        let at = DateTime::from_timestamp(seconds, 0).expect("a time").naive_utc();
        let row = NewLocation {
            driver_id,
            latitude: seconds as f64 / 1000.0,
            longitude: 0.0,
            accuracy: None,
            heading: None,
            speed: None,
            battery_level: None,
            created_at: at,
        };
        Accepted { row, seen_at: Some(at), may_repeat: false }
    }

    fn seconds(due: &[LivePosition]) -> Vec<(i64, i64)> {
        due.iter().map(|live| (live.driver_id, live.measured_at.and_utc().timestamp())).collect()
    }

    #[test]
    fn a_drivers_row_is_touched_once_an_interval_and_has_the_last_position_in_the_end() {
        let mut live = LivePositions::new(Duration::from_secs(5));
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        assert_eq!(seconds(&live.take_due(&[row(2, 10), row(1, 11), row(1, 12)], at(0))), [(1, 12), (2, 10)]);
        assert_eq!(seconds(&live.take_due(&[row(1, 13)], at(1))), []);
        assert_eq!(seconds(&live.take_due(&[row(1, 9)], at(2))), [], "an older one that came late");
        assert_eq!(seconds(&live.take_due(&[], at(5))), [(1, 13)]);
        assert_eq!(seconds(&live.take_due(&[], at(20))), []);
    }

    #[test]
    fn a_database_that_refuses_is_left_alone_for_longer_each_time_and_never_long() {
        let mut pause = Pause::default();
        let mut now = Instant::now();
        assert!(!pause.lasts(now));
        let mut tries = 0;
        let end = now + Duration::from_secs(60);
        while now < end {
            if !pause.lasts(now) {
                tries += 1;
                pause.came_to(false, now);
            }
            now += Duration::from_millis(1);
        }
        assert!((30..40).contains(&tries), "{tries}");
        pause.came_to(true, now);
        assert!(!pause.lasts(now));
    }

    #[test]
    fn what_is_not_believed_stays_out_of_the_drivers_row_and_a_wrong_clock_does_not() {
        let mut live = LivePositions::new(Duration::from_secs(5));
        let not_believed = Accepted { seen_at: None, ..row(1, 150) };
        let hours_slow = Accepted { seen_at: row(2, 100).seen_at, ..row(2, -9_000) };
        let due = live.take_due(&[row(1, 99), not_believed, hours_slow], Instant::now());
        assert_eq!(seconds(&due), [(1, 99), (2, 100)]);
    }

    #[test]
    fn what_could_not_be_written_is_due_again_unless_something_newer_came() {
        let mut live = LivePositions::new(Duration::from_secs(5));
        let now = Instant::now();
        let failed = live.take_due(&[row(1, 10), row(2, 10)], now);
        live.take_due(&[row(2, 11)], now);
        live.put_back(failed);
        assert_eq!(seconds(&live.take_due(&[], now)), [(1, 10), (2, 11)]);
    }
}
