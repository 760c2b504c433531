//! The push actor: its loops, and the handle through which others reach them.

use crate::actors::foundation::Foundation;
use crate::actors::push::lane::{self, Lane};
use crate::actors::push::outcomes::new_group;
use crate::actors::push::shared::{PushOptions, PushState, Settling};
use crate::actors::push::verdict::{misconfigured, receipted};
use crate::actors::recorder::RecorderHandle;
use crate::clock::SharedClock;
use crate::domain::announcement::Announcement;
use crate::domain::ids::CustomerId;
use crate::domain::notification::{Content, NotificationStatus, Texts};
use crate::domain::push::PushService;
use crate::operations;
use crate::operations::audit::{self, Call};
use crate::operations::push::{
    AttemptOutcome, Decided, Direct, DirectRow, Receipted, decide, move_back, next_decision,
    next_receipt_due, queue_direct, receipts_due, release, release_all, settle, settle_receipts,
};
use crate::providers::{Notification, Provider, Receipt, Receipts, fits};
use crate::store::{Chain, ReceiptDue, StoreError, Tx};
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events decided in one transaction.
const DECIDE_EVENTS: i64 = 100;
/// Outcomes written in one transaction.
const SETTLE_ROWS: usize = 250;
/// How often it is looked for what nobody announced: another program may have written it.
const LOOK: Duration = Duration::from_secs(5);
/// After the database could not be asked.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);
/// How long receipts that are being asked for are kept from being asked for again.
const RECEIPT_LEASE: TimeDelta = TimeDelta::seconds(120);
/// A loop that panicked goes on after this.
const PANIC_PAUSE: Duration = Duration::from_secs(1);
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// The handle of push that others hold.
#[derive(Clone)]
pub struct PushHandle {
    shared: Arc<PushState>,
}

/// The actor. Its arbiter is where providers have their connections, so everything that sends runs there.
struct PushActor {
    shared: Arc<PushState>,
}

/// Starts push on an arbiter of its own. `seed` is where chance comes from.
pub fn start(
    options: PushOptions,
    foundation: &Foundation,
    providers: Vec<Arc<dyn Provider>>,
    recorder: RecorderHandle,
    seed: u64,
) -> PushHandle {
    let lane =
        |(index, provider): (usize, Arc<dyn Provider>)| Arc::new(Lane::new(provider, seed + index as u64));
    let lanes = providers.into_iter().enumerate().map(lane).collect();
    let shared = Arc::new(PushState::new(options, foundation, lanes, recorder));
    let push = PushActor { shared: shared.clone() };
    PushActor::start_in_arbiter(&Arbiter::new().handle(), |_| push);
    PushHandle { shared }
}

impl Actor for PushActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        let shared = self.shared.clone();
        actix::spawn(async move {
            take_over(&shared).await;
            keep("decisions", &shared, decisions);
            keep("settlements", &shared, settlements);
            for lane in &shared.lanes {
                let own = lane.clone();
                keep("a lane", &shared, move |shared| lane::run(shared, own.clone()));
                if lane.provider().receipts().is_some() {
                    let own = lane.clone();
                    keep("receipts", &shared, move |shared| receipts(shared, own.clone()));
                }
            }
        });
    }
}

/// Runs a loop until the server stops, also past a panic: the state is in the database, and the next round reads it.
fn keep<F: Future<Output = ()> + 'static>(
    what: &'static str,
    shared: &Arc<PushState>,
    run: impl Fn(Arc<PushState>) -> F + 'static,
) {
    let shared = shared.clone();
    actix::spawn(async move {
        while !shared.is_stopping() {
            if actix::spawn(run(shared.clone())).await.is_err() {
                log::error!("push panicked in its loop of {what}; the loop continues");
                tokio::time::sleep(PANIC_PAUSE).await;
            }
        }
    });
}

/// Makes the notifications due again that an earlier server had in flight. Nobody else works on this database: the
/// server's lock guarantees it.
async fn take_over(shared: &PushState) {
    loop {
        match shared.database.write(release_all).await {
            Ok(0) => break,
            Ok(rows) => {
                log::info!("notifications taken over from an earlier run count={rows}");
                break;
            }
            Err::<_, StoreError>(error) if shared.is_stopping() => {
                return log::warn!("notifications not taken over: {}", Chain(&error));
            }
            Err(error) => {
                log::warn!("notifications not taken over yet: {}", Chain(&error));
                tokio::time::sleep(DATABASE_PAUSE).await;
            }
        }
    }
    let now = shared.clock.now();
    shared.deciding.set(now);
    shared.receipts.set(now);
    shared.wake_lanes();
}

/// The one-channel rule: each event that is due and that no device confirmed is queued.
async fn decisions(shared: Arc<PushState>) {
    let (mut set_back, mut last) = (None, shared.clock.moment());
    while !shared.is_stopping() {
        let is_time = shared.deciding.wait(&shared.clock, LOOK).await;
        if shared.is_stopping() {
            return;
        }
        let now = shared.clock.moment();
        if let Some(by) = now.set_back_since(last) {
            set_back = Some(SetBack { by: set_back.map_or(by, |open: SetBack| open.by + by), after: 0 });
        }
        last = now;
        if let Some(open) = set_back {
            set_back = move_back_with_the_clock(&shared, open).await;
        }
        let outcome = if is_time { decide_some(&shared).await } else { look(&shared).await };
        match outcome {
            Ok(decided) => {
                log_unsent(&shared, &decided);
                shared.metrics.push_queued.increment(decided.queued as u64);
                decided.next_due.into_iter().for_each(|at| shared.deciding.set(at));
            }
            Err(error) => {
                log::warn!("can't decide which events to push: {}", Chain(&error));
                shared.deciding.set(later(&shared.clock, DATABASE_PAUSE));
            }
        }
    }
}

/// The clock was set back, and notifications up to this id wait as long as they were meant to.
#[derive(Clone, Copy)]
struct SetBack {
    by: TimeDelta,
    after: i64,
}

/// Returns the part that is still to be done if the database could not be asked.
async fn move_back_with_the_clock(shared: &PushState, SetBack { by, mut after }: SetBack) -> Option<SetBack> {
    log::warn!("the clock was set back; what waits is moved with it secs={}", by.num_seconds());
    loop {
        let moved: Result<_, StoreError> = shared.database.write(move |tx| move_back(tx, by, after)).await;
        match moved {
            Ok(Some(last)) => after = last,
            Ok(None) => break,
            Err(error) => {
                log::warn!("what waits was not moved with the clock: {}", Chain(&error));
                return Some(SetBack { by, after });
            }
        }
    }
    shared.wake_lanes();
    None
}

/// Only says when something is due.
async fn look(shared: &PushState) -> Result<Decided, StoreError> {
    let now = shared.clock.now();
    let next_due = shared.database.read(move |conn| next_decision(conn, now)).await?;
    Ok(Decided { next_due, ..Decided::default() })
}

async fn decide_some(shared: &PushState) -> Result<Decided, StoreError> {
    // A pong that came in time counts, also if its mark is not written yet.
    if !shared.recorder.flush_marks().await {
        return Err(StoreError::Unavailable("confirmations could not be written"));
    }
    let rules = shared.options.rules.clone();
    shared.database.write(move |tx| decide(tx, &rules, DECIDE_EVENTS)).await
}

/// In development somebody wants to see what would have been sent. Its texts are the customer's, and are in the history.
fn log_unsent(shared: &PushState, decided: &Decided) {
    for (customer, kind, reason) in decided.not_sent.iter().filter(|_| shared.options.log_unsent) {
        log::info!("notification not sent customer={customer} type={kind} reason=\"{reason}\"");
    }
}

fn later(clock: &SharedClock, pause: Duration) -> DateTime<Utc> {
    clock.now() + TimeDelta::from_std(pause).unwrap_or_default()
}

/// Writes what attempts came to, as many at once as there are.
async fn settlements(shared: Arc<PushState>) {
    loop {
        let settling = shared.settlements.take(SETTLE_ROWS);
        if settling.is_empty() {
            shared.settlements.changed.notified().await;
            continue;
        }
        write(&shared, settling).await;
    }
}

/// Until the database has taken it: what a service has accepted must not be forgotten.
async fn write(shared: &PushState, settling: Vec<Settling>) {
    loop {
        let verdicts: Vec<AttemptOutcome> =
            settling.iter().map(|one| at_its_attempt(shared, &one.verdict)).collect();
        let attempts: Vec<_> = verdicts.iter().map(|one| (one.settled.id, one.settled.attempt)).collect();
        let configured = shared.options.rules.configured.clone();
        let written = shared.database.write_soon(move |tx| settle(tx, &verdicts, &configured)).await;
        match written {
            Ok(settled) => {
                let again = shared.under_way.end(attempts);
                for one in settled.iter().filter(|one| one.status != NotificationStatus::Pending) {
                    let of = settling.iter().find(|settling| settling.verdict.settled.id == one.id);
                    let id = of.and_then(|settling| settling.public_id);
                    id.into_iter().for_each(|id| shared.outcomes.tell(id, one.status));
                }
                for one in settled.iter().filter_map(|one| Some((one.service, one.due_at?))) {
                    shared.lane(one.0).into_iter().for_each(|lane| lane.alarm.set(one.1.and_utc()));
                }
                settling.into_iter().for_each(|one| drop(one.place));
                return give_back(shared, again).await;
            }
            Err::<_, StoreError>(error) => {
                log::warn!("outcomes of notifications not written yet: {}", Chain(&error));
                tokio::time::sleep(DATABASE_PAUSE).await;
            }
        }
    }
}

/// Makes attempts that were claimed and not begun due again.
async fn give_back(shared: &PushState, attempts: Vec<(i64, i64)>) {
    if attempts.is_empty() {
        return;
    }
    let attempts = Arc::new(attempts);
    loop {
        let given = attempts.clone();
        match shared.database.write_soon(move |tx| release(tx, &given)).await {
            Ok(()) => return shared.wake_lanes(),
            Err::<_, StoreError>(error) => {
                log::warn!("notifications not given back yet: {}", Chain(&error));
                tokio::time::sleep(DATABASE_PAUSE).await;
            }
        }
    }
}

/// A row whose lease ran out while its outcome could not be written has been claimed once more here, and not sent.
fn at_its_attempt(shared: &PushState, verdict: &AttemptOutcome) -> AttemptOutcome {
    let mut verdict = verdict.clone();
    if let Some(attempt) = shared.under_way.attempt_of(verdict.settled.id) {
        verdict.settled.attempt = attempt;
    }
    verdict
}

/// Asks a service that only queues at first what became of what it accepted.
async fn receipts(shared: Arc<PushState>, lane: Arc<Lane>) {
    while !shared.is_stopping() {
        shared.receipts.wait(&shared.clock, LOOK).await;
        let Some(source) = lane.provider().receipts().filter(|_| !shared.is_stopping()) else { return };
        match fetch(&shared, &lane, source).await {
            Ok(next) => next.into_iter().for_each(|at| shared.receipts.set(at)),
            Err(error) => {
                log::warn!("receipts not asked for service={}: {}", lane.service(), Chain(&error));
                shared.receipts.set(later(&shared.clock, DATABASE_PAUSE));
            }
        }
    }
}

/// One page of them. Returns when the next is due.
async fn fetch(
    shared: &PushState,
    lane: &Lane,
    source: &dyn Receipts,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let next: Option<DateTime<Utc>> = shared.database.read(next_receipt_due).await?;
    if next.is_none_or(|next| next > shared.clock.now()) {
        return Ok(next);
    }
    let limit = source.batch_max() as i64;
    let due = shared.database.write_soon(move |tx| receipts_due(tx, RECEIPT_LEASE, limit)).await?;
    let ids = due.iter().map(|receipt| receipt.ticket.clone()).collect();
    let service = lane.service();
    let found = match source.fetch(ids).await {
        Ok(receipts) => {
            due.iter().zip(receipts).map(|(due, receipt)| said(shared, lane, due, &receipt)).collect()
        }
        Err(answer) => {
            log::warn!("receipts not received service={service}: {}", answer.reason());
            Vec::new()
        }
    };
    let configured = shared.options.rules.configured.clone();
    if !found.is_empty() {
        shared.database.write_soon(move |tx| settle_receipts(tx, &found, service, &configured)).await?;
    }
    shared.database.read(next_receipt_due).await
}

fn said(shared: &PushState, lane: &Lane, due: &ReceiptDue, receipt: &Receipt) -> (i64, Receipted) {
    let believes = match receipt {
        Receipt::Known(answer) => lane.believes(answer),
        Receipt::Unknown => true,
    };
    (due.id, receipted(due, receipt, shared.clock.now(), believes))
}

impl PushHandle {
    /// Something was committed. Called on the database thread that committed it.
    pub fn heard(&self, announcement: &Announcement) {
        self.shared.heard(announcement);
    }

    /// The services that this server has credentials of.
    pub fn configured(&self) -> &[PushService] {
        &self.shared.options.rules.configured
    }

    /// The titles and texts of this server.
    pub fn texts(&self) -> &Texts {
        &self.shared.options.rules.texts
    }

    /// Whether every service can carry it, its text shortened if need be.
    pub fn fits(&self, content: &Content) -> bool {
        let id = new_group();
        fits(&Notification {
            id,
            title: content.title.clone(),
            body: content.body.clone(),
            data: content.data.clone(),
            priority: content.priority,
            collapse_id: id,
            deadline: self.shared.clock.now(),
        })
    }

    /// Sends an operator's text to a customer, by every token, and waits at most `patience` for the outcomes. A
    /// notification that is undecided by then continues and is reported as pending. `call` is recorded with the queued
    /// rows.
    pub async fn send(
        &self,
        customer: CustomerId,
        content: Content,
        patience: Duration,
        call: Option<Arc<Call>>,
    ) -> Result<Vec<DirectRow>, operations::Error> {
        let shared = &self.shared;
        let direct = Direct { customer, content, group: new_group() };
        let mut waiting = shared.outcomes.wait_for(direct.group);
        let rules = shared.options.rules.clone();
        let broken = self.out_of_order();
        let queue = move |tx: &mut Tx<'_>| {
            let rows = queue_direct(tx, &direct, &rules, &broken)?;
            if let Some(call) = &call {
                audit::record(tx, call)?;
            }
            Ok::<_, operations::Error>(rows)
        };
        let mut rows = shared.database.write(queue).await?;
        self.log_unsent(customer, &rows);
        let give_up = tokio::time::Instant::now() + patience;
        while rows.iter().any(|row| row.status == NotificationStatus::Pending) {
            let Ok(Some((id, status))) = tokio::time::timeout_at(give_up, waiting.heard.recv()).await else {
                break;
            };
            rows.iter_mut().filter(|row| row.public_id == id).for_each(|row| row.status = status);
        }
        Ok(rows)
    }

    fn out_of_order(&self) -> Vec<(PushService, String)> {
        let reason = |lane: &Arc<Lane>| Some((lane.service(), misconfigured(&lane.misconfigured()?)));
        self.shared.lanes.iter().filter_map(reason).collect()
    }

    fn log_unsent(&self, customer: CustomerId, rows: &[DirectRow]) {
        let is_logged = self.shared.options.log_unsent;
        for row in rows.iter().filter(|row| is_logged && row.status == NotificationStatus::NotSent) {
            let reason = row.reason.as_deref().unwrap_or_default();
            log::info!("notification not sent customer={customer} reason=\"{reason}\"");
        }
    }

    /// For the server's end: begins nothing more, lets notifications in flight end until `deadline`, and releases the
    /// rest.
    pub async fn drain(&self, deadline: Instant) {
        let shared = &self.shared;
        shared.stop();
        while !shared.under_way.all().is_empty() && Instant::now() < deadline {
            tokio::time::sleep(DRAIN_POLL).await;
        }
        let left = shared.under_way.all();
        if left.is_empty() {
            return;
        }
        log::warn!(
            "notifications in flight at the stop are sent again after the next start count={}",
            left.len()
        );
        let released = shared.database.write_soon(move |tx| release(tx, &left)).await;
        if let Err::<(), StoreError>(error) = released {
            log::warn!(
                "notifications in flight were not released; the next start takes them over: {}",
                Chain(&error)
            );
        }
    }
}
