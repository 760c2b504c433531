//! A driver: drives through the city, sends positions, answers offers, and carries out orders and rides, with the driver
//! app or with the hailing app. Either hears of both.

use crate::contracts::client_messages::{LocationUpdate, OfRide, PositionReport};
use crate::contracts::close_codes::CloseCode;
use crate::contracts::time::WireTime;
use crate::contracts::{Contract, driver_app, envelope, ride_hailing};
use crate::domain::ids::JobId;
use crate::domain::position::Position;
use crate::domain::ride::{RideId, RideStep};
use crate::simulate::accounts::Account;
use crate::simulate::board::{Phase, Stage};
use crate::simulate::chance::{Stream, generator};
use crate::simulate::city::Crossing;
use crate::simulate::habits::{self, Answer, happens};
use crate::simulate::hearing::{Heard, News, Said};
use crate::simulate::line::{Came, Door, Line};
use crate::simulate::plan::{Break, BreakKind, DriverPlan};
use crate::simulate::rest::{Refusal, Rest};
use crate::simulate::work::{Job, Move, Trip, Work};
use crate::simulate::world::Traveller;
use chrono::TimeDelta;
use rand::Rng;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

const TICK: Duration = Duration::from_secs(1);
/// A driver without work drives about, so far at most in either direction.
const CRUISE_BLOCKS: i32 = 6;
/// The share of steps of a ride that go over the socket; the others go by REST.
const STEPS_BY_SOCKET: f64 = 0.5;

pub struct Driver {
    stage: Arc<Stage>,
    account: Account,
    rest: Rest,
    plan: DriverPlan,
    day: StdRng,
    line: Line,

    traveller: Traveller,
    work: Work,
    /// Rides that were offered, and where they go.
    offers: HashMap<RideId, Trip>,
    /// Answers that are thought over, and when they are given.
    answers: Vec<(f64, RideId, Answer)>,

    breaks: VecDeque<Break>,
    without_network_until: Option<f64>,
    paused_until: Option<f64>,
    connects_at: f64,
    next_position_at: f64,
    advanced_at: f64,
    /// The account is somebody else's now, or closed: nothing more to do.
    has_left: bool,

    /// The outcomes of requests that went out on the side.
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    report: mpsc::UnboundedSender<Outcome>,
}

/// The outcome of a move.
struct Outcome {
    job: Job,
    is_delivery: bool,
    result: Result<Value, Refusal>,
}

impl Driver {
    pub fn new(
        stage: Arc<Stage>,
        rest: &Rest,
        account: Account,
        plan: DriverPlan,
        seed: u64,
        index: usize,
    ) -> Self {
        let mut day = generator(seed, Stream::DriversDay, index);
        let token = account.token.clone();
        let door = match account.driver.filter(|_| plan.has_driver_app) {
            Some(driver) => Door {
                contract: Contract::DriverApp,
                path: format!("/api/v1/ws/driver/{driver}"),
                token,
                names_last_event: plan.names_last_event,
            },
            None => Door::hailing(token, plan.names_last_event),
        };
        let (report, outcomes) = mpsc::unbounded_channel();
        Self {
            rest: rest.with_token(account.token.clone()),
            line: Line::new(stage.clone(), door, None),
            traveller: Traveller::standing_at(plan.home, plan.pace),
            work: Work::default(),
            offers: HashMap::new(),
            answers: Vec::new(),
            breaks: plan.breaks.clone().into(),
            without_network_until: None,
            paused_until: None,
            connects_at: 0.0,
            // The fleet does not send in step.
            next_position_at: day.random_range(0.0..plan.interval_secs),
            advanced_at: stage.secs(),
            has_left: false,
            stage,
            account,
            plan,
            day,
            outcomes,
            report,
        }
    }

    /// Drives until the run's end, and then compares books.
    pub async fn drive(mut self) {
        let mut phase = self.stage.phase.clone();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while *phase.borrow() < Phase::Auditing && !self.has_left {
            tokio::select! {
                _ = ticks.tick() => self.tick().await,
                came = self.line.hear() => self.hear(came).await,
                Some(outcome) = self.outcomes.recv() => self.learn(outcome),
                changed = phase.changed() => if changed.is_err() { break },
            }
        }
        self.line.audit().await;
        if self.line.contract() == Contract::RideHailing {
            self.line.send(envelope::text(&ride_hailing::ClientMessage::DriverOffline)).await;
        }
        self.line.close().await;
    }

    async fn tick(&mut self) {
        let now = self.stage.secs();
        self.traveller.advance(now - self.advanced_at, &mut self.day);
        self.advanced_at = now;
        self.take_breaks(now);
        if !self.line.is_open() && self.without_network_until.is_none() && now >= self.connects_at {
            self.connect(now).await;
        }
        self.answer_offers(now);
        self.go_on(now).await;
        if now >= self.next_position_at {
            self.next_position_at = (self.next_position_at + self.plan.interval_secs).max(now);
            self.send_position().await;
        }
    }

    fn take_breaks(&mut self, now: f64) {
        let is_ending = self.stage.phase() > Phase::Running;
        let is_over = |until: &f64| is_ending || now >= *until;
        self.without_network_until = self.without_network_until.filter(|until| !is_over(until));
        if self.paused_until.is_some_and(|until| is_over(&until)) {
            self.paused_until = None;
            self.wish("online");
        }
        while let Some(next) = self.breaks.pop_front_if(|next| next.at_secs <= now) {
            let until = Some(now + next.secs as f64);
            match next.kind {
                _ if is_ending => {}
                BreakKind::Outage => {
                    self.line.lose_network();
                    self.without_network_until = until;
                }
                BreakKind::Pause => {
                    self.paused_until = until;
                    self.wish("busy");
                }
            }
        }
    }

    fn wish(&self, status: &'static str) {
        let (rest, stage) = (self.rest.clone(), self.stage.clone());
        tokio::spawn(async move {
            let wished = rest.put("driver/status", &json!({"status": status})).await;
            wished.inspect_err(|refusal| stage.board.refused(refusal)).ok();
        });
    }

    async fn connect(&mut self, now: f64) {
        match self.line.connect().await {
            Ok(()) if self.line.contract() == Contract::RideHailing && self.paused_until.is_none() => {
                self.line.send(envelope::text(&ride_hailing::ClientMessage::DriverOnline)).await;
            }
            Ok(()) => {}
            Err(no_line) => {
                // Those who were put off do not come back all at once.
                let after = no_line.retry_after().as_secs_f64() + self.day.random_range(0.0..3.0);
                self.connects_at = now + after;
            }
        }
    }

    /// Gives the answers that are thought over.
    fn answer_offers(&mut self, now: f64) {
        let due = self.answers.extract_if(.., |(at, ..)| *at <= now).collect::<Vec<_>>();
        for (_, ride, answer) in due {
            let job = Job::Ride(ride.clone());
            match answer {
                // Bound without being asked.
                Answer::Accept if self.work.has(&job) => {}
                Answer::Accept => self.ask(job, Method::POST, format!("rides/{ride}/accept"), None),
                Answer::Decline => self.ask(job, Method::POST, format!("rides/{ride}/decline"), None),
                Answer::Forget => {}
            }
        }
    }

    /// The next move of the job, and the way to wherever the driver has to be.
    async fn go_on(&mut self, now: f64) {
        if !self.traveller.has_arrived() {
            return;
        }
        let here = self.traveller.last_crossing();
        if self.work.goal() == Some(here) {
            let waits = self.day.random_range(habits::PICKING_UP_SECS);
            if let Some(next) = self.work.arrived(now, waits) {
                self.make(next).await;
            }
        }
        match self.work.goal() {
            Some(goal) if goal == here => {}
            Some(goal) => self.traveller.drive_to(goal),
            None => self.traveller.drive_to(here.near(CRUISE_BLOCKS, &mut self.day)),
        }
    }

    async fn make(&mut self, next: Move) {
        match next {
            Move::Accept(order) => self.move_order(order, "accepted"),
            Move::PickUp(order) => self.move_order(order, "picked_up"),
            Move::Deliver(order) => self.move_order(order, "delivered"),
            Move::Step(ride, step) => {
                let by_socket = happens(STEPS_BY_SOCKET, &mut self.day);
                if by_socket && self.line.is_open() {
                    self.line.send(step_text(self.line.contract(), &ride, step)).await;
                    return;
                }
                let word = match step {
                    RideStep::Arrive => "arrive",
                    RideStep::Start => "start",
                    RideStep::Complete => "complete",
                };
                let path = format!("rides/{ride}/{word}");
                self.ask(Job::Ride(ride), Method::POST, path, None);
            }
        }
    }

    fn move_order(&self, order: JobId, status: &'static str) {
        let body = json!({"status": status});
        self.ask(Job::Order(order), Method::PUT, format!("orders/{order}/status"), Some(body));
    }

    /// A request on the side, so that the app goes on listening meanwhile.
    fn ask(&self, job: Job, method: Method, path: String, body: Option<Value>) {
        let (rest, report) = (self.rest.clone(), self.report.clone());
        let is_delivery = body.as_ref().is_some_and(|body| body["status"] == "delivered");
        tokio::spawn(async move {
            let result = rest.call(method, &path, body.as_ref()).await;
            // The driver may have left.
            let _ = report.send(Outcome { job, is_delivery, result });
        });
    }

    fn learn(&mut self, Outcome { job, is_delivery, result }: Outcome) {
        match result {
            Ok(_) if is_delivery => self.stage.board.count(|figures| figures.orders.delivered += 1),
            Ok(_) => {}
            Err(refusal) => {
                self.stage.board.refused(&refusal);
                // It is somebody else's, or has ended.
                if let Refusal::Refused { status: 404 | 409, .. } = refusal {
                    self.lose(&job);
                }
            }
        }
    }

    async fn send_position(&mut self) {
        let measured = self.traveller.measured(self.stage.city, &mut self.day);
        self.stage.board.driver_is_at(self.account.user, measured.position);
        let off = TimeDelta::seconds(self.plan.clock_off_secs);
        let data = PositionReport {
            latitude: measured.position.latitude(),
            longitude: measured.position.longitude(),
            accuracy: Some(measured.accuracy_m),
            heading: Some(measured.heading_deg),
            speed: Some(measured.speed_mps),
            battery_level: None,
            timestamp: Some(WireTime(self.stage.clock.now() + off)),
        };
        let update = LocationUpdate { data };
        let text = match self.line.contract() {
            Contract::DriverApp => envelope::text(&driver_app::ClientMessage::LocationUpdate(update)),
            _ => envelope::text(&ride_hailing::ClientMessage::LocationUpdate(update)),
        };
        if self.line.send(text).await {
            self.stage.board.count(|figures| figures.positions_sent += 1);
        }
    }

    async fn hear(&mut self, came: Came) {
        match came {
            Came::Said(Said::Event(event)) => {
                if let Some(id) = event.id.filter(|_| self.plan.acknowledges) {
                    self.line.acknowledge(id).await;
                }
                self.react(event).await;
            }
            Came::Said(_) => {}
            Came::Closed(code) => {
                let is_code = |one: CloseCode| code == Some(one.number());
                self.has_left =
                    is_code(CloseCode::AuthenticationFailed) || is_code(CloseCode::LoggedInElsewhere);
                if self.has_left {
                    let name = format!("closed_{}", code.unwrap_or_default());
                    self.stage.board.count(|figures| *figures.errors.entry(name).or_default() += 1);
                }
                self.connects_at = self.stage.secs() + self.day.random_range(1.0..4.0);
            }
        }
    }

    async fn react(&mut self, event: Heard) {
        match event.news {
            News::Offered { ride, pickup, goal } => {
                let trip = Trip { from: self.crossing(pickup), to: self.crossing(goal) };
                self.offers.insert(ride.clone(), trip);
                let at = self.stage.secs() + self.day.random_range(habits::THINKING_SECS);
                let answer = habits::answer(&mut self.day);
                if self.stage.phase() == Phase::Running {
                    self.answers.push((at, ride, answer));
                }
            }
            News::Accepted { ride: Some(ride), .. } => {
                let anywhere = Trip { from: self.crossing(None), to: self.crossing(None) };
                let trip = self.offers.remove(&ride).unwrap_or(anywhere);
                self.take(Job::Ride(ride), trip).await;
            }
            News::OfferEnded { ride } | News::GivenBack { ride } => {
                self.offers.remove(&ride);
                self.lose(&Job::Ride(ride));
            }
            News::Completed { ride } | News::Ended { ride: Some(ride), .. } => self.lose(&Job::Ride(ride)),
            News::OrderAssigned { order } if happens(habits::REJECTS_ORDER, &mut self.day) => {
                self.move_order(order, "rejected");
            }
            News::OrderAssigned { order } => {
                let anywhere = Trip { from: self.crossing(None), to: self.crossing(None) };
                let trip = self.stage.board.trip_of(order).unwrap_or(anywhere);
                self.take(Job::Order(order), trip).await;
            }
            News::OrderCancelled { order } => self.lose(&Job::Order(order)),
            News::Accepted { ride: None, .. } | News::Ended { ride: None, .. } | News::Other => {}
        }
    }

    /// Where something is; of a place that nobody knows, anywhere.
    fn crossing(&mut self, position: Option<Position>) -> Crossing {
        match position {
            Some(position) => self.stage.city.crossing(position),
            None => Crossing::anywhere(&mut self.day),
        }
    }

    async fn take(&mut self, job: Job, trip: Trip) {
        if let Some(accepted) = self.work.take(job, trip) {
            self.make(accepted).await;
        }
        if let Some(goal) = self.work.goal() {
            self.traveller.drive_to(goal);
        }
    }

    fn lose(&mut self, job: &Job) {
        self.work.lose(job);
        if let Some(goal) = self.work.goal() {
            self.traveller.drive_to(goal);
        }
    }
}

fn step_text(contract: Contract, ride: &RideId, step: RideStep) -> String {
    let ride = OfRide { ride_id: ride.clone() };
    match (contract, step) {
        (Contract::DriverApp, RideStep::Arrive) => {
            envelope::text(&driver_app::ClientMessage::DriverArrived(ride))
        }
        (Contract::DriverApp, RideStep::Start) => {
            envelope::text(&driver_app::ClientMessage::RideStarted(ride))
        }
        (Contract::DriverApp, RideStep::Complete) => {
            envelope::text(&driver_app::ClientMessage::RideCompleted(ride))
        }
        (_, RideStep::Arrive) => envelope::text(&ride_hailing::ClientMessage::DriverArrived(ride)),
        (_, RideStep::Start) => envelope::text(&ride_hailing::ClientMessage::RideStarted(ride)),
        (_, RideStep::Complete) => envelope::text(&ride_hailing::ClientMessage::RideCompleted(ride)),
    }
}
