//! A rider: asks for rides with the hailing app or with the matching app, follows them, cancels some, writes to drivers
//! and rates them.

use crate::contracts::client_messages::{OfRide, RateRide, SendChat};
use crate::contracts::ride_matching::messages::{self, SearchRequest};
use crate::contracts::{Contract, envelope, ride_hailing, ride_matching};
use crate::domain::position::Position;
use crate::domain::ride::{ANY_VEHICLE, RideId};
use crate::simulate::accounts::Account;
use crate::simulate::board::{Phase, Stage};
use crate::simulate::book::Book;
use crate::simulate::hearing::{Heard, News, Said};
use crate::simulate::line::{Came, Door, Line, newest_of};
use crate::simulate::plan::{RidePlan, RiderPlan};
use crate::simulate::rest::Rest;
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

const WORDS: &str = "I am at the corner.";
/// How often the first connection is tried: the fleet connects at the same time.
const TRIES: u32 = 60;
/// A socket that was lost is opened again after this.
const RECONNECTS_AFTER: Duration = Duration::from_secs(2);

pub struct Rider {
    stage: Arc<Stage>,
    account: Account,
    rest: Rest,
    plan: RiderPlan,
    /// The hailing app's line. The matching app has one for each ride.
    line: Line,
    phase: watch::Receiver<Phase>,
}

/// A ride that was asked for.
struct Asked {
    /// The matching app's own choice; the hailing app gets the server's with its answer.
    id: RideId,
    plan: RidePlan,
    /// By the run's clock.
    at_secs: f64,
    pickup: Position,
    is_matched: bool,
    cancels_at: Option<f64>,
}

/// How a ride went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    GoesOn,
    Completed,
    Over,
}

impl Rider {
    pub fn new(stage: Arc<Stage>, rest: &Rest, account: Account, plan: RiderPlan) -> Self {
        let line = Line::new(stage.clone(), Door::hailing(account.token.clone(), true), None);
        let phase = stage.phase.clone();
        Self { rest: rest.with_token(account.token.clone()), stage, account, plan, line, phase }
    }

    /// Asks for the plan's rides, one after the other, and compares books at the end.
    pub async fn ride(mut self) {
        let rides = std::mem::take(&mut self.plan.rides);
        match self.plan.has_matching_app {
            true => self.ride_with_matching_app(rides).await,
            false => self.ride_with_hailing_app(rides).await,
        }
        while self.goes_on() {
            self.stay_connected().await;
            tokio::select! {
                _ = self.line.hear() => {}
                changed = self.phase.changed() => if changed.is_err() { break },
            }
        }
        self.line.audit().await;
        self.line.close().await;
    }

    fn goes_on(&self) -> bool {
        self.stage.phase() < Phase::Auditing
    }

    /// Connects the hailing app where it is not. The matching app is connected during its rides alone.
    async fn stay_connected(&mut self) {
        let is_wanted = !self.plan.has_matching_app && !self.line.is_open();
        if is_wanted && let Err(no_line) = self.line.connect().await {
            tokio::time::sleep(no_line.retry_after()).await;
        }
    }

    async fn ride_with_hailing_app(&mut self, rides: Vec<RidePlan>) {
        for plan in rides {
            if !self.rest_until(plan.at_secs).await {
                return;
            }
            let mut ride = self.prepared(plan);
            let answer = self.rest.post("rides", &self.wanted(&ride)).await;
            let answer = answer.inspect_err(|refusal| self.stage.board.refused(refusal));
            let id = answer.ok().and_then(|answer| RideId::new(answer["ride_id"].as_str()?).ok());
            let Some(id) = id else { continue };
            self.stage.board.count(|figures| figures.rides.asked += 1);
            ride.id = id;
            let join = ride_hailing::ClientMessage::JoinRide(OfRide { ride_id: ride.id.clone() });
            self.line.send(envelope::text(&join)).await;
            let mut phase = self.phase.clone();
            follow(&self.stage, &self.rest, &mut self.line, &mut ride, &mut phase).await;
        }
    }

    async fn ride_with_matching_app(&mut self, rides: Vec<RidePlan>) {
        let Some(newest) = self.newest().await else { return };
        let mut book = Book::new(newest);
        for plan in rides {
            if !self.rest_until(plan.at_secs).await {
                break;
            }
            let mut ride = self.prepared(plan);
            let door = Door {
                contract: Contract::RideMatching,
                path: format!("/ws/ride/{}/", ride.id),
                token: self.account.token.clone(),
                names_last_event: true,
            };
            let mut line = Line::new(self.stage.clone(), door, Some(book));
            if line.connect().await.is_ok() && line.send(self.search(&ride)).await {
                self.stage.board.count(|figures| figures.rides.asked += 1);
                ride.at_secs = self.stage.secs();
                let mut phase = self.phase.clone();
                follow(&self.stage, &self.rest, &mut line, &mut ride, &mut phase).await;
            }
            line.close().await;
            book = line.into_book();
        }
        // From here on for the audit alone: the account's events have come over the rides' sockets.
        let door = Door::hailing(self.account.token.clone(), true);
        self.line = Line::new(self.stage.clone(), door, Some(book));
    }

    async fn newest(&self) -> Option<i64> {
        for _ in 0..TRIES {
            match newest_of(&self.stage, self.account.token.clone()).await {
                Ok(newest) => return Some(newest),
                Err(no_line) => tokio::time::sleep(no_line.retry_after()).await,
            }
        }
        None
    }

    /// Waits, and listens meanwhile. Whether it is still time to ask then.
    async fn rest_until(&mut self, at_secs: f64) -> bool {
        loop {
            if self.stage.phase() != Phase::Running {
                return false;
            }
            self.stay_connected().await;
            let left = at_secs - self.stage.secs();
            if left <= 0.0 && (self.plan.has_matching_app || self.line.is_open()) {
                return true;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs_f64(left.max(0.0))) => {}
                _ = self.line.hear() => {}
                changed = self.phase.changed() => if changed.is_err() { return false },
            }
        }
    }

    fn prepared(&self, plan: RidePlan) -> Asked {
        let now = self.stage.secs();
        Asked {
            id: RideId::from(Uuid::new_v4()),
            plan,
            at_secs: now,
            pickup: self.stage.city.position(plan.from.point()),
            is_matched: false,
            cancels_at: plan.cancels_after_secs.map(|secs| now + secs),
        }
    }

    /// The body of `POST rides`.
    fn wanted(&self, ride: &Asked) -> serde_json::Value {
        let goal = self.stage.city.position(ride.plan.to.point());
        json!({
            "ride_type": ANY_VEHICLE,
            "pickup_latitude": ride.pickup.latitude(), "pickup_longitude": ride.pickup.longitude(),
            "dropoff_latitude": goal.latitude(), "dropoff_longitude": goal.longitude(),
            "payment_method": "cash",
        })
    }

    fn search(&self, ride: &Asked) -> String {
        let goal = self.stage.city.position(ride.plan.to.point());
        let request = SearchRequest {
            pickup_latitude: ride.pickup.latitude(),
            pickup_longitude: ride.pickup.longitude(),
            dropoff_latitude: goal.latitude(),
            dropoff_longitude: goal.longitude(),
            pickup_address: None,
            dropoff_address: None,
            distance_km: None,
            estimated_duration_minutes: None,
            fare_amount: None,
            payment_method: None,
            passenger_phone: None,
        };
        envelope::text(&ride_matching::ClientMessage::FindDriver(Box::new(request)))
    }
}

/// Listens to what becomes of a ride, until it has ended.
async fn follow(
    stage: &Stage,
    rest: &Rest,
    line: &mut Line,
    ride: &mut Asked,
    phase: &mut watch::Receiver<Phase>,
) {
    while *phase.borrow() < Phase::Auditing {
        if !line.is_open()
            && let Err(no_line) = line.connect().await
        {
            tokio::time::sleep(no_line.retry_after()).await;
            continue;
        }
        let cancels_in = ride.cancels_at.map(|at| Duration::from_secs_f64((at - stage.secs()).max(0.0)));
        let cancels = async move {
            match cancels_in {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancels => {
                ride.cancels_at = None;
                cancel(stage, rest, line, ride).await;
            }
            came = line.hear() => match came {
                Came::Said(Said::Event(event)) => match ride.turns(stage, &event) {
                    Turn::GoesOn => chat_once(line, ride, &event).await,
                    Turn::Completed => return rate(line, ride).await,
                    Turn::Over => return,
                },
                Came::Said(_) => {}
                Came::Closed(_) => tokio::time::sleep(RECONNECTS_AFTER).await,
            },
            changed = phase.changed() => if changed.is_err() { break },
        }
    }
    if !ride.is_matched {
        stage.board.count(|figures| figures.rides.withdrawn += 1);
    }
}

impl Asked {
    /// Whether something is about this ride. The matching app's socket speaks of no other.
    fn is(&self, id: Option<&RideId>) -> bool {
        id.is_none_or(|id| *id == self.id)
    }

    fn turns(&mut self, stage: &Stage, event: &Heard) -> Turn {
        match &event.news {
            News::Accepted { ride, driver, seen_at } if self.is(ride.as_ref()) => {
                let seen_at = driver.and_then(|driver| stage.board.place_of(driver)).or(*seen_at);
                self.is_found(stage, seen_at);
                Turn::GoesOn
            }
            News::Completed { ride } if self.is(Some(ride)) => {
                stage.board.count(|figures| figures.rides.completed += 1);
                Turn::Completed
            }
            News::Ended { ride, found_nobody } if self.is(ride.as_ref()) => {
                let is_matched = self.is_matched;
                stage.board.count(|figures| match (is_matched, *found_nobody) {
                    (true, _) => {}
                    (false, true) => figures.rides.unmatched += 1,
                    (false, false) => figures.rides.withdrawn += 1,
                });
                Turn::Over
            }
            _ => Turn::GoesOn,
        }
    }

    /// A driver has the ride, the first or another one.
    fn is_found(&mut self, stage: &Stage, driver_at: Option<Position>) {
        if std::mem::replace(&mut self.is_matched, true) {
            return;
        }
        let took_ms = (stage.secs() - self.at_secs) * 1_000.0;
        let distance_m = driver_at.map(|at| at.distance_m(self.pickup).round() as u64);
        stage.board.count(|figures| {
            figures.rides.matched += 1;
            figures.matched_in_ms.push(took_ms as u64);
            figures.pickup_distance_m.extend(distance_m);
        });
    }
}

async fn cancel(stage: &Stage, rest: &Rest, line: &mut Line, ride: &Asked) {
    if line.contract() == Contract::RideMatching {
        line.send(envelope::text(&ride_matching::ClientMessage::CancelRide)).await;
        return;
    }
    let body = json!({"reason": "I found another way"});
    let cancelled = rest.call(Method::POST, &format!("rides/{}/cancel", ride.id), Some(&body)).await;
    cancelled.inspect_err(|refusal| stage.board.refused(refusal)).ok();
}

/// Writes to the driver as soon as there is one, if this passenger is one who writes.
async fn chat_once(line: &mut Line, ride: &mut Asked, event: &Heard) {
    let is_found = matches!(&event.news, News::Accepted { .. });
    if !is_found || !std::mem::replace(&mut ride.plan.chats, false) {
        return;
    }
    let text = WORDS.to_owned();
    let text = match line.contract() {
        Contract::RideMatching => {
            let chat = messages::SendChat { ride_id: None, text };
            envelope::text(&ride_matching::ClientMessage::ChatMessage(chat))
        }
        _ => {
            let chat = SendChat { ride_id: ride.id.clone(), text };
            envelope::text(&ride_hailing::ClientMessage::ChatMessage(chat))
        }
    };
    line.send(text).await;
}

async fn rate(line: &mut Line, ride: &Asked) {
    let Some(rating) = ride.plan.stars else { return };
    let text = match line.contract() {
        Contract::RideMatching => {
            let rate = messages::RateRide { ride_id: None, rating, comment: None };
            envelope::text(&ride_matching::ClientMessage::RateRide(rate))
        }
        _ => {
            let rate = RateRide { ride_id: ride.id.clone(), rating, comment: None };
            envelope::text(&ride_hailing::ClientMessage::RateRide(rate))
        }
    };
    line.send(text).await;
}
