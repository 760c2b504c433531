//! The settings of notifications: who may send them, in which words, and how they are retried.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use super::reader::{Reader, count, count_usize, flag, millis, path, secs};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationSettings {
    /// Only where nobody but this machine can connect.
    pub allow_anonymous: bool,
    pub calls_per_minute_per_caller: NonZeroU32,
    pub sends_per_minute_per_customer: NonZeroU32,
    pub devices_per_customer_max: NonZeroUsize,
    pub texts_file: Option<PathBuf>,
    pub retry_base: Duration,
    pub retry_cap: Duration,
    pub receipt_delay: Duration,
}

pub(super) fn notifications(reader: &mut Reader<'_>, is_loopback_only: bool) -> NotificationSettings {
    let allow_anonymous = reader.value("ALLOW_ANONYMOUS_PUSH", flag);
    if allow_anonymous && !is_loopback_only {
        let expected = "false, or addresses of loopback alone in BIND: whoever can connect could write to every customer";
        reader.problem("ALLOW_ANONYMOUS_PUSH", Some("true"), expected);
    }
    NotificationSettings {
        allow_anonymous,
        calls_per_minute_per_caller: reader.value("PUSH_CALLS_PER_MINUTE_PER_CALLER", count(1_000_000)),
        sends_per_minute_per_customer: reader.value("PUSH_SENDS_PER_MINUTE_PER_CUSTOMER", count(1_000_000)),
        // A notification by hand goes to each token of each, and their ids are counted in one byte.
        devices_per_customer_max: reader.value("PUSH_DEVICES_PER_CUSTOMER", count_usize(80)),
        texts_file: reader.optional("PUSH_TEXTS_FILE", path),
        retry_base: reader.value("PUSH_RETRY_BASE_MS", millis(10..=600_000)),
        retry_cap: reader.value("PUSH_RETRY_CAP_SECS", secs(1..=3600)),
        receipt_delay: reader.value("PUSH_RECEIPT_DELAY_SECS", secs(1..=24 * 3600)),
    }
}
