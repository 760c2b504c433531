//! The part of the table of settings that is about notifications: who may send them, and how they are retried.

use super::Section::Notifications;
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        Notifications,
        "ALLOW_ANONYMOUS_PUSH",
        "true",
        "/api/Push/* without a token, for an app under development; a token that is sent is still checked. On \
         loopback only, since anyone who can connect may write to every customer.",
    )
    .production("false")
    .exposed("false"),
    new(
        Notifications,
        "PUSH_CALLS_PER_MINUTE_PER_CALLER",
        "600",
        "Calls of /api/Push/* by one account, or by one address without a token; further ones get 429 with \
         Retry-After.",
    )
    .unit("calls a minute"),
    new(
        Notifications,
        "PUSH_SENDS_PER_MINUTE_PER_CUSTOMER",
        "60",
        "Notifications that are sent by hand to one customer, by all senders together; further ones get 429. A phone \
         that does not stop ringing is switched off.",
    )
    .unit("notifications a minute"),
    new(
        Notifications,
        "PUSH_DEVICES_PER_CUSTOMER",
        "20",
        "Devices that a customer may have registered. One more displaces the one that registered longest ago.",
    )
    .unit("devices"),
    new(
        Notifications,
        "PUSH_TEXTS_FILE",
        "",
        "JSON file with titles and texts in another language, {\"ride_accepted\":{\"title\":\"…\",\"body\":\"{name} \
         …\"}}; what it does not contain stays English. docs/OPERATIONS.md lists the names and the fields allowed in \
         braces.",
    )
    .otherwise("English"),
    new(
        Notifications,
        "PUSH_RETRY_BASE_MS",
        "10000",
        "A notification that a push service could not accept is tried again at a random moment within this time, and \
         within twice the time at each further attempt. The service's own Retry-After is never undercut. Google asks \
         for about 10 s.",
    )
    .unit("milliseconds"),
    new(
        Notifications,
        "PUSH_RETRY_CAP_SECS",
        "300",
        "The longest wait between two attempts. A notification is given up when it is no longer timely, at the latest \
         an hour after its first attempt.",
    )
    .unit("seconds"),
    new(
        Notifications,
        "PUSH_RECEIPT_DELAY_SECS",
        "900",
        "How long after Expo accepted a notification it is asked for the outcome: it knows after about 15 minutes and \
         forgets after a day.",
    )
    .unit("seconds"),
];
