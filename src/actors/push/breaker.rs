//! Decides when a push service is left alone: after several failures in a row nothing is sent to it for a while, then
//! one message tries. Also decides whether a service is believed when it calls tokens dead. Both are pure.

use crate::actors::push::verdict::MISCONFIGURED_PAUSE;
use crate::providers::{Answer, Scope};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Failures in a row after which a service is left alone.
const FAILURES_MAX: u32 = 5;
/// Answers in a row that call for an operator, after which one is called. A single one may be about a token that some app
/// registered by mistake, and must not stop everybody else's.
const MISCONFIGURED_MAX: u32 = 3;
/// For how long at first, and at most. A service that names a time is left alone for that, up to `NAMED_PAUSE_MAX`.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
const NAMED_PAUSE_MAX: Duration = Duration::from_secs(300);

/// Answers that are looked back on …
const REMEMBERED: usize = 100;
/// … and this many are needed before a service is doubted.
const DOUBT_AFTER: usize = 20;

/// How much may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    All,
    /// One message, to see whether the service is back.
    One,
    NothingUntil(Instant),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Flowing {
        failures: u32,
    },
    Paused {
        until: Instant,
        pause: Duration,
    },
    /// One message is on its way.
    Trying {
        pause: Duration,
    },
}

#[derive(Debug)]
pub struct Breaker {
    state: State,
    /// How often in a row an operator was called for.
    calls_for_operator: u32,
    /// Why nothing goes until an operator acts.
    misconfigured: Option<String>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Flowing { failures: 0 }, calls_for_operator: 0, misconfigured: None }
    }
}

impl Breaker {
    /// How much may be sent now. A caller who is allowed one message has to report its outcome.
    pub fn allowance(&mut self, now: Instant) -> Allowance {
        match self.state {
            State::Flowing { .. } => Allowance::All,
            State::Paused { until, pause } if now >= until => {
                self.state = State::Trying { pause };
                Allowance::One
            }
            State::Paused { until, .. } => Allowance::NothingUntil(until),
            // It comes back by a report; should that get lost, a pause later it is tried anew.
            State::Trying { pause } => {
                let until = now + pause;
                self.state = State::Paused { until, pause };
                Allowance::NothingUntil(until)
            }
        }
    }

    /// The one message that was allowed was not sent after all.
    pub fn not_tried(&mut self, now: Instant) {
        if let State::Trying { pause } = self.state {
            self.state = State::Paused { until: now, pause };
        }
    }

    pub fn heard(&mut self, answer: &Answer, now: Instant) {
        match answer {
            Answer::Retry { after, scope: Scope::Service, .. } => self.failed(*after, now),
            Answer::Misconfigured { reason, scope: Scope::Service } => self.operator_needed(reason, now),
            // The service answers, be it for this message alone.
            Answer::Retry { .. } | Answer::Rejected { .. } | Answer::Misconfigured { .. } => self.flow(),
            Answer::Accepted { .. } | Answer::Unregistered { .. } => {
                (self.calls_for_operator, self.misconfigured) = (0, None);
                self.flow();
            }
        }
    }

    fn flow(&mut self) {
        if self.misconfigured.is_none() {
            self.state = State::Flowing { failures: 0 };
        }
    }

    fn operator_needed(&mut self, reason: &str, now: Instant) {
        self.calls_for_operator += 1;
        if self.calls_for_operator < MISCONFIGURED_MAX && self.misconfigured.is_none() {
            return self.flow();
        }
        self.misconfigured = Some(reason.to_owned());
        self.pause(MISCONFIGURED_PAUSE, now);
    }

    fn failed(&mut self, after: Option<Duration>, now: Instant) {
        let named = after.map(|after| after.min(NAMED_PAUSE_MAX));
        match self.state {
            // Other messages that were in flight at that moment give no new information.
            State::Paused { .. } => {}
            State::Trying { pause } => {
                self.pause(named.unwrap_or_default().max((pause * 2).min(PAUSE_MAX)), now);
            }
            State::Flowing { failures } if named.is_none() && failures + 1 < FAILURES_MAX => {
                self.state = State::Flowing { failures: failures + 1 };
            }
            State::Flowing { .. } => self.pause(named.unwrap_or(PAUSE_MIN), now),
        }
    }

    fn pause(&mut self, pause: Duration, now: Instant) {
        // The next pause doubles what this one was at most, whatever time the service named.
        self.state = State::Paused { until: now + pause, pause: pause.clamp(PAUSE_MIN, PAUSE_MAX) };
    }

    pub fn is_paused(&self) -> bool {
        !matches!(self.state, State::Flowing { .. })
    }

    /// Why nothing goes until an operator acts.
    pub fn misconfigured(&self) -> Option<&str> {
        self.misconfigured.as_deref()
    }
}

/// A service that has gone on for so long is back: one that answers now and then is not.
const BACK_AFTER: Duration = Duration::from_secs(10);

/// When a service went down and when it was back, to be told of once each.
#[derive(Debug, Default)]
pub struct Outage {
    began: Option<Instant>,
    /// Since when all goes again.
    flowing: Option<Instant>,
}

impl Outage {
    /// True where the outage begins.
    pub fn heard(&mut self, is_paused: bool, now: Instant) -> bool {
        if !is_paused {
            self.flowing.get_or_insert(now);
            return false;
        }
        self.flowing = None;
        let is_new = self.began.is_none();
        self.began.get_or_insert(now);
        is_new
    }

    /// For how long it lasted, once it is over.
    pub fn over(&mut self, now: Instant) -> Option<Duration> {
        let flowing = self.flowing.filter(|since| now.duration_since(*since) >= BACK_AFTER)?;
        Some(flowing.duration_since(self.began.take()?))
    }
}

/// A service's recent verdicts on tokens. A service that calls most of them dead is more likely called wrongly (the
/// sandbox's tokens at the real service, another project's key) than right.
#[derive(Debug, Default)]
pub struct Credibility {
    dead: VecDeque<bool>,
}

impl Credibility {
    /// Notes an answer, and says whether the service is believed if it called the token dead.
    pub fn heard(&mut self, answer: &Answer) -> bool {
        let is_dead = match answer {
            Answer::Unregistered { .. } => true,
            Answer::Accepted { .. } => false,
            // These say nothing of the token.
            Answer::Retry { .. } | Answer::Rejected { .. } | Answer::Misconfigured { .. } => return true,
        };
        if self.dead.len() == REMEMBERED {
            self.dead.pop_front();
        }
        self.dead.push_back(is_dead);
        let dead = self.dead.iter().filter(|dead| **dead).count();
        self.dead.len() < DOUBT_AFTER || dead * 2 <= self.dead.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Arrival;

    fn down(after: Option<Duration>) -> Answer {
        Answer::Retry { reason: "503".into(), after, sent: Arrival::No, scope: Scope::Service }
    }

    fn up() -> Answer {
        Answer::Accepted { id: "1".to_owned() }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_service_that_fails_five_times_in_a_row_is_left_alone_and_then_tried_by_one() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..4 {
            breaker.heard(&down(None), now);
        }
        breaker.heard(&up(), now);
        for _ in 0..5 {
            assert_eq!(breaker.allowance(now), Allowance::All);
            breaker.heard(&down(None), now);
        }
        assert_eq!(breaker.allowance(now), Allowance::NothingUntil(now + SECOND));
        // Failures of messages in flight meanwhile do not lengthen it.
        breaker.heard(&down(None), now);
        assert_eq!(breaker.allowance(now + SECOND), Allowance::One);
        breaker.heard(&down(None), now + SECOND);
        assert_eq!(breaker.allowance(now + SECOND), Allowance::NothingUntil(now + 3 * SECOND));
        assert_eq!(breaker.allowance(now + 3 * SECOND), Allowance::One);
        breaker.heard(&up(), now + 3 * SECOND);
        assert_eq!(breaker.allowance(now + 3 * SECOND), Allowance::All);
    }

    #[test]
    fn pauses_grow_to_half_a_minute_and_a_lost_report_does_not_end_it_for_good() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        for _ in 0..5 {
            breaker.heard(&down(None), now);
        }
        for _ in 0..10 {
            let Allowance::NothingUntil(until) = breaker.allowance(now) else { panic!("it is paused") };
            assert!(until - now <= PAUSE_MAX);
            now = until;
            assert_eq!(breaker.allowance(now), Allowance::One);
            breaker.heard(&down(None), now);
        }
        let Allowance::NothingUntil(until) = breaker.allowance(now) else { panic!("it is paused") };
        assert_eq!(until - now, PAUSE_MAX);
        assert_eq!(breaker.allowance(until), Allowance::One);
        let Allowance::NothingUntil(later) = breaker.allowance(until) else { panic!("one at a time") };
        assert_eq!(breaker.allowance(later), Allowance::One);
    }

    #[test]
    fn a_time_that_the_service_names_counts_at_once() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        breaker.heard(&down(Some(7 * SECOND)), now);
        assert_eq!(breaker.allowance(now), Allowance::NothingUntil(now + 7 * SECOND));
        let mut breaker = Breaker::default();
        breaker.heard(&down(Some(3600 * SECOND)), now);
        assert_eq!(breaker.allowance(now), Allowance::NothingUntil(now + NAMED_PAUSE_MAX));
    }

    #[test]
    fn what_is_misconfigured_is_not_hammered_and_a_device_that_is_sent_too_much_stops_nobody() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        let one =
            Answer::Retry { reason: "429".into(), after: None, sent: Arrival::No, scope: Scope::Message };
        for _ in 0..20 {
            breaker.heard(&one, now);
        }
        assert_eq!(breaker.allowance(now), Allowance::All);
        let wrong = Answer::Misconfigured { reason: "key".into(), scope: Scope::Service };
        for _ in 0..20 {
            breaker.heard(&wrong, now);
            breaker.heard(&up(), now);
        }
        assert_eq!(breaker.allowance(now), Allowance::All, "others get through");
        assert_eq!(breaker.misconfigured(), None);
        for _ in 0..MISCONFIGURED_MAX {
            assert_eq!(breaker.allowance(now), Allowance::All);
            breaker.heard(&wrong, now);
        }
        assert_eq!(breaker.misconfigured(), Some("key"));
        assert_eq!(breaker.allowance(now), Allowance::NothingUntil(now + MISCONFIGURED_PAUSE));
        assert_eq!(breaker.allowance(now + MISCONFIGURED_PAUSE), Allowance::One);
        breaker.heard(&up(), now + MISCONFIGURED_PAUSE);
        assert_eq!((breaker.misconfigured(), breaker.is_paused()), (None, false));
    }

    #[test]
    fn a_service_that_calls_every_token_dead_is_not_believed() {
        let mut credibility = Credibility::default();
        let dead = Answer::Unregistered { since: None };
        let believed = (0..200).filter(|_| credibility.heard(&dead)).count();
        assert_eq!(believed, DOUBT_AFTER - 1);
        for _ in 0..REMEMBERED {
            credibility.heard(&up());
        }
        assert!(credibility.heard(&dead), "it has recovered");
        let (mut honest, alive) = (Credibility::default(), up());
        for at in 0..200 {
            assert!(honest.heard(if at % 3 == 0 { &dead } else { &alive }), "{at}");
        }
    }

    /// Only a gauge told of an outage.
    #[test]
    fn an_outage_is_told_of_once_at_its_start_and_once_at_its_end() {
        let mut outage = Outage::default();
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        assert!(!outage.heard(false, at(0)));
        assert_eq!(outage.over(at(60)), None, "there was none");
        assert!(outage.heard(true, at(60)));
        assert!(!outage.heard(true, at(61)));
        assert!(!outage.heard(false, at(70)), "it answers now and then");
        assert!(!outage.heard(true, at(71)));
        assert_eq!(outage.over(at(85)), None);
        assert!(!outage.heard(false, at(90)));
        assert_eq!(outage.over(at(99)), None);
        assert_eq!(outage.over(at(100)), Some(Duration::from_secs(30)));
        assert_eq!(outage.over(at(101)), None);
        assert!(outage.heard(true, at(102)), "another one");
    }
}
