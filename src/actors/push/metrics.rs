//! The counters of each push service.

use crate::domain::push::PushService;
use crate::providers::Answer;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Of one service. Make it after the metrics recorder is installed.
pub struct LaneMetrics {
    /// Notifications on their way.
    pub under_way: Gauge,
    /// 1 while the service is left alone.
    pub paused: Gauge,
    accepted: Counter,
    unregistered: Counter,
    retried: Counter,
    rejected: Counter,
    misconfigured: Counter,
    accept_seconds: Histogram,
}

impl LaneMetrics {
    pub fn new(service: PushService) -> Self {
        const ANSWERS: &str = "fleetwire_push_answers_total";
        let service = service.as_str();
        Self {
            under_way: gauge!("fleetwire_push_under_way", "service" => service),
            paused: gauge!("fleetwire_push_paused", "service" => service),
            accepted: counter!(ANSWERS, "service" => service, "answer" => "accepted"),
            unregistered: counter!(ANSWERS, "service" => service, "answer" => "unregistered"),
            retried: counter!(ANSWERS, "service" => service, "answer" => "retry"),
            rejected: counter!(ANSWERS, "service" => service, "answer" => "rejected"),
            misconfigured: counter!(ANSWERS, "service" => service, "answer" => "misconfigured"),
            accept_seconds: histogram!("fleetwire_push_accept_seconds", "service" => service),
        }
    }

    pub fn answered(&self, answer: &Answer, accept_ms: Option<i64>) {
        let counter = match answer {
            Answer::Accepted { .. } => &self.accepted,
            Answer::Unregistered { .. } => &self.unregistered,
            Answer::Retry { .. } => &self.retried,
            Answer::Rejected { .. } => &self.rejected,
            Answer::Misconfigured { .. } => &self.misconfigured,
        };
        counter.increment(1);
        if let Some(ms) = accept_ms {
            self.accept_seconds.record(ms as f64 / 1000.0);
        }
    }
}
