//! The effect of each command on the world.

use chrono::TimeDelta;
use fleetwire::clock::Clock;
use fleetwire::domain::driver::Wants;
use fleetwire::domain::external_id::Named;
use fleetwire::domain::ids::{CustomerId, DriverId, JobId};
use fleetwire::domain::job::JobKind;
use fleetwire::domain::money::Amount;
use fleetwire::domain::payment::Terms;
use fleetwire::domain::ride::{ANY_VEHICLE, RideId, RideStep};
use fleetwire::domain::search_policy::Patience;
use fleetwire::operations::accounts::AccountPatch;
use fleetwire::operations::driver_changes::{self, DriverPatch};
use fleetwire::operations::drivers;
use fleetwire::operations::idempotency::{self, Answer, IdempotencyKey};
use fleetwire::operations::orders::{self, CancelledBy, DriverStep, NewOrder};
use fleetwire::operations::push;
use fleetwire::operations::rides::{self, Canceller, RideRequest};
use fleetwire::store::{StoreError, Tx};

use super::commands::{Command, Nth};
use super::faults::Fault;
use super::place::{CUSTOMERS, DRIVERS, pickup};
use super::reference::{Step, Who};
use super::world::{Checked, World, at_once};

/// Commands mean the newest jobs, and now and then one that is long over.
const RECENT: usize = 6;

impl World<'_> {
    pub fn run(&mut self, command: Command) -> Checked {
        match command {
            Command::CreateOrder { customer, is_repeated } => {
                self.create_order(customer_of(customer), is_repeated)
            }
            Command::RequestRide { customer } => self.request_ride(customer_of(customer)),
            Command::Wish { driver, wants } => self.wish(driver_of(driver), wants),
            Command::Suspend { driver } => self.suspend(driver_of(driver), true),
            Command::Reinstate { driver } => self.suspend(driver_of(driver), false),
            Command::Assign { .. }
            | Command::Unassign { .. }
            | Command::CancelOrder { .. }
            | Command::CallOffOrder { .. }
            | Command::Reject { .. }
            | Command::StepOrder { .. } => self.run_on_order(command),
            Command::CancelRide { .. }
            | Command::CallOffRide { .. }
            | Command::Accept { .. }
            | Command::Decline { .. }
            | Command::StepRide { .. } => self.run_on_ride(command),
            other => self.run_on_machine(other),
        }
    }

    fn run_on_machine(&mut self, command: Command) -> Checked {
        let phones = self.phones.len();
        match command {
            Command::Connect { phone, remembers } => self.connect(usize::from(phone) % phones, remembers)?,
            Command::Cut { phone } => self.cut(usize::from(phone) % phones),
            Command::Notice { session } => {
                self.notice(usize::from(session) % self.server.sessions.len().max(1))
            }
            Command::Converse { session, hears_first } => {
                let index = usize::from(session) % self.server.sessions.len().max(1);
                self.converse(index, hears_first)?;
            }
            Command::Receive { phone } => {
                self.receive(usize::from(phone) % phones)?;
            }
            Command::Resume { phone } => self.resume(usize::from(phone) % phones),
            Command::Acknowledge { phone } => self.acknowledge(usize::from(phone) % phones),
            Command::Announce { batch } => self.announce(usize::from(batch)),
            Command::LoseAnnouncement => drop(self.server.announced.pop_back()),
            Command::Match => {
                self.match_one()?;
            }
            Command::Work { nth } => {
                self.work(usize::from(nth))?;
            }
            Command::Tick => self.tick(),
            Command::LookAtStore => self.look_at_store()?,
            Command::Repair => self.repair()?,
            Command::WriteMarks => self.write_marks()?,
            Command::DecidePushes => self.decide_pushes()?,
            Command::ClaimPushes => {
                self.claim_pushes()?;
            }
            Command::Send { nth, answer } => {
                self.send(usize::from(nth), answer)?;
            }
            Command::Settle { nth } => {
                self.settle_push(usize::from(nth))?;
            }
            Command::Pass { ms } => self.clock.advance(TimeDelta::milliseconds(i64::from(ms))),
            Command::SetClock { secs } => {
                let before = self.clock.moment();
                self.clock.set(self.now() + TimeDelta::seconds(i64::from(secs)));
                if let Some(by) = self.clock.moment().set_back_since(before) {
                    // The push actor sees that within seconds.
                    at_once(self.server.database.write(move |tx| push::move_back(tx, by, 0)))
                        .map_err(|error: StoreError| format!("pushes not moved: {error}"))?;
                }
            }
            Command::FailNext => self.fails_next = true,
            Command::Crash { away_ms } => self.crash(TimeDelta::milliseconds(i64::from(away_ms)))?,
            other => unreachable!("{other:?} is run elsewhere"),
        }
        Ok(())
    }

    /// One of the newest jobs of a kind; of every eighth command any.
    fn job(&self, kind: JobKind, nth: Nth) -> Option<i64> {
        let mut ids = self.model.jobs.iter().rev().filter(|(_, job)| job.kind == kind).map(|(id, _)| *id);
        let count = self.model.jobs.values().filter(|job| job.kind == kind).count();
        let among = if nth.is_multiple_of(8) { count } else { count.min(RECENT) };
        (among > 0).then(|| ids.nth(usize::from(nth) % among)).flatten()
    }

    fn create_order(&mut self, customer: i64, is_repeated: bool) -> Checked {
        let order = NewOrder {
            restaurant_name: "Chez Paul".to_owned(),
            pickup_address: "1 Rue A".to_owned(),
            pickup: Some(pickup()),
            delivery_address: "2 Rue B".to_owned(),
            delivery: Some(pickup()),
            earnings: Amount::new(5.0).expect("an amount"),
            terms: terms(),
            distance_km: 1.0,
            customer: Some(Named::Ours(CustomerId(customer))),
            external_id: None,
            is_demo: false,
        };
        // The app did not get its answer, and asks again.
        let known = self.keys.last().filter(|_| is_repeated).cloned();
        let is_known = known.is_some();
        let (name, id) = known.unwrap_or_else(|| (format!("key-{}", self.keys.len()), 0));
        let key = IdempotencyKey {
            account: self.people.account(Who::Customer(1)),
            route: "POST /orders".to_owned(),
            key: name.clone(),
            request_hash: "the same".to_owned(),
            previous_hash: None,
        };
        let made = self.decide(
            "create an order",
            |_| Ok(()),
            move |tx| {
                idempotency::once(tx, Some(&key), |tx| {
                    let job = orders::create(tx, &order)?;
                    Ok(Answer { status: 201, body: job.id.to_string() })
                })
            },
        )?;
        let Some(made) = made else { return Ok(()) };
        let made: i64 = made.body.parse().map_err(|error| format!("an order's id: {error}"))?;
        match is_known {
            true if made != id => Err(format!("the order asked for twice is {made} and {id}")),
            true => Ok(()),
            false => {
                self.keys.push((name, made));
                self.model.created(made, JobKind::Delivery, customer);
                Ok(())
            }
        }
    }

    fn run_on_order(&mut self, command: Command) -> Checked {
        let nth = match command {
            Command::Assign { order, .. }
            | Command::Unassign { order }
            | Command::CancelOrder { order }
            | Command::CallOffOrder { order, .. }
            | Command::Reject { order, .. }
            | Command::StepOrder { order, .. } => order,
            other => unreachable!("{other:?} is of no order"),
        };
        let Some(id) = self.job(JobKind::Delivery, nth) else { return Ok(()) };
        let job = JobId(id);
        match command {
            Command::Assign { driver, .. } => {
                let driver = driver_of(driver);
                let assign = move |tx: &mut Tx<'_>| orders::assign(tx, &[job], DriverId(driver));
                self.decide("assign", |model| model.assign(id, driver), assign).map(drop)
            }
            Command::Unassign { .. } => {
                let unassign = move |tx: &mut Tx<'_>| orders::unassign(tx, job, "elsewhere");
                self.decide("unassign", |model| model.unassign(id), unassign).map(drop)
            }
            Command::CancelOrder { .. } => {
                let cancel = move |tx: &mut Tx<'_>| orders::cancel(tx, job, "closed", CancelledBy::Admin);
                self.decide("cancel an order", |model| model.cancel_order(id, None), cancel).map(drop)
            }
            Command::CallOffOrder { customer, .. } => {
                let by = self.customer_near(id, customer);
                let call_off = move |tx: &mut Tx<'_>| orders::call_off(tx, job, CustomerId(by), "no");
                self.decide("call off", |model| model.cancel_order(id, Some(by)), call_off).map(drop)
            }
            Command::Reject { driver, .. } => {
                let driver = self.driver_near(id, driver);
                let reject =
                    move |tx: &mut Tx<'_>| orders::step(tx, job, DriverId(driver), DriverStep::Reject);
                self.decide("reject", |model| model.reject(id, driver), reject).map(drop)
            }
            Command::StepOrder { step, .. } => {
                let driver = self.driver_near(id, 1);
                let as_said = match step {
                    Step::SetOut | Step::Arrive => DriverStep::Accept,
                    Step::Start => DriverStep::PickUp,
                    Step::Complete => DriverStep::Deliver,
                };
                let go = move |tx: &mut Tx<'_>| orders::step(tx, job, DriverId(driver), as_said);
                self.decide("step an order", |model| model.step_order(id, driver, step), go).map(drop)
            }
            other => unreachable!("{other:?} is of no order"),
        }
    }

    /// Mostly the driver who has the job; in every fourth command somebody else.
    fn driver_near(&self, job: i64, nth: Nth) -> i64 {
        let theirs = self.model.jobs[&job].driver.filter(|_| !nth.is_multiple_of(4));
        theirs.unwrap_or_else(|| driver_of(nth / 4))
    }

    fn customer_near(&self, job: i64, nth: Nth) -> i64 {
        if nth.is_multiple_of(4) { customer_of(nth / 4) } else { self.model.jobs[&job].customer }
    }

    fn request_ride(&mut self, customer: i64) -> Checked {
        let request = RideRequest {
            ride_id: None,
            ride_type: ANY_VEHICLE.to_owned(),
            pickup: pickup(),
            dropoff: pickup(),
            pickup_address: "1 Rue A".to_owned(),
            dropoff_address: "2 Rue B".to_owned(),
            fare: None,
            terms: terms(),
            distance_km: Some(3.0),
            duration_minutes: None,
            scheduled_at: None,
            passenger_phone: None,
            patience: if customer == 1 { Patience::WhileAnybodyIsLeft } else { Patience::UntilDeadline },
            external_id: None,
        };
        let ask = move |tx: &mut Tx<'_>| rides::request(tx, CustomerId(customer), &request);
        if let Some(made) = self.decide("request a ride", |_| Ok(()), ask)? {
            let ride = made.ride;
            self.model.created(ride.job.id.0, JobKind::Ride, customer);
            self.ride_ids.insert(ride.job.id.0, ride.ride_id);
        }
        Ok(())
    }

    fn run_on_ride(&mut self, command: Command) -> Checked {
        let nth = match command {
            Command::CancelRide { ride }
            | Command::CallOffRide { ride, .. }
            | Command::Accept { ride, .. }
            | Command::Decline { ride, .. }
            | Command::StepRide { ride, .. } => ride,
            other => unreachable!("{other:?} is of no ride"),
        };
        let Some(id) = self.job(JobKind::Ride, nth) else { return Ok(()) };
        let ride: RideId = self.ride_ids[&id].clone();
        let now = self.now();
        match command {
            Command::CancelRide { .. } => {
                let cancel = move |tx: &mut Tx<'_>| rides::cancel(tx, &ride, Canceller::Admin, "closed");
                self.decide("cancel a ride", |model| model.cancel_ride(id, None), cancel).map(drop)
            }
            Command::CallOffRide { customer, .. } => {
                let by = self.customer_near(id, customer);
                let who = Canceller::Passenger(CustomerId(by));
                let cancel = move |tx: &mut Tx<'_>| rides::cancel(tx, &ride, who, "no");
                self.decide("call a ride off", |model| model.cancel_ride(id, Some(by)), cancel).map(drop)
            }
            Command::Accept { driver, .. } => {
                let driver = self.asked_near(id, driver);
                if self.fault == Fault::TakenRideIsTakenAgain {
                    self.let_it_be_taken(id, driver);
                }
                let accept = move |tx: &mut Tx<'_>| rides::accept(tx, &ride, DriverId(driver));
                self.decide("accept", |model| model.accept(id, driver, now), accept).map(drop)
            }
            Command::Decline { driver, .. } => {
                let driver = self.asked_near(id, driver);
                let decline = move |tx: &mut Tx<'_>| rides::decline(tx, &ride, DriverId(driver), "no");
                self.decide("decline", |model| model.decline(id, driver), decline).map(drop)
            }
            Command::StepRide { step, .. } => {
                let driver = self.driver_near(id, 1);
                let as_said = match step {
                    Step::SetOut | Step::Arrive => RideStep::Arrive,
                    Step::Start => RideStep::Start,
                    Step::Complete => RideStep::Complete,
                };
                let go = move |tx: &mut Tx<'_>| rides::step(tx, &ride, DriverId(driver), as_said, None);
                self.decide("step a ride", |model| model.step_ride(id, driver, step), go).map(drop)
            }
            other => unreachable!("{other:?} is of no ride"),
        }
    }

    /// Somebody who was asked, or has it, mostly.
    fn asked_near(&self, job: i64, nth: Nth) -> i64 {
        let job = &self.model.jobs[&job];
        let asked: Vec<i64> = job.offers.keys().copied().chain(job.driver).collect();
        match asked.is_empty() || nth.is_multiple_of(8) {
            true => driver_of(nth / 8),
            false => asked[usize::from(nth) % asked.len()],
        }
    }

    /// As if nobody looked whether the ride is taken and the offer open.
    fn let_it_be_taken(&self, job: i64, driver: i64) {
        self.place.books().execute(&format!(
            "UPDATE jobs SET status = 'requested', driver_id = NULL WHERE id = {job} AND status = 'assigned' \
             AND driver_id <> {driver}; \
             UPDATE offers SET outcome = NULL, ended_at = NULL WHERE job_id = {job} AND driver_id = {driver} \
             AND outcome = 'taken'"
        ));
    }

    fn wish(&mut self, driver: i64, wants: Wants) -> Checked {
        let wish = move |tx: &mut Tx<'_>| drivers::set_wish(tx, DriverId(driver), wants);
        let expected = |model: &mut super::reference::Reference| {
            model.wish(driver, wants);
            Ok(())
        };
        self.decide("wish", expected, wish).map(drop)
    }

    fn suspend(&mut self, driver: i64, is_to_be: bool) -> Checked {
        let account = AccountPatch { suspended: Some(is_to_be), ..AccountPatch::default() };
        let patch = DriverPatch { account, ..DriverPatch::default() };
        let change = move |tx: &mut Tx<'_>| driver_changes::patch(tx, DriverId(driver), &patch);
        let expected = |model: &mut super::reference::Reference| {
            match is_to_be {
                true => model.suspend(driver),
                false => model.reinstate(driver),
            }
            Ok(())
        };
        self.decide("suspend or reinstate", expected, change).map(drop)
    }
}

fn driver_of(nth: Nth) -> i64 {
    1 + i64::from(nth) % DRIVERS
}

fn customer_of(nth: Nth) -> i64 {
    1 + i64::from(nth) % CUSTOMERS
}

fn terms() -> Terms {
    Terms { method: None, status: None, amount: None, reference: None }
}
