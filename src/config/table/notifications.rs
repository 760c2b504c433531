//! The part of the table of settings that is about notifications: who may ask for them, and how they are tried again.

use super::Section::Notifications;
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        Notifications,
        "ALLOW_ANONYMOUS_PUSH",
        "true",
        "/api/Push/* without a token, for an app that is being written; a token that is sent is checked all the same. On \
         loopback only: whoever can ask may write to every customer.",
    )
    .production("false")
    .exposed("false"),
    new(
        Notifications,
        "PUSH_CALLS_PER_MINUTE_PER_CALLER",
        "600",
        "Calls of /api/Push/* by one account, or by one address without a token; over it 429 with Retry-After.",
    )
    .unit("calls a minute"),
    new(
        Notifications,
        "PUSH_SENDS_PER_MINUTE_PER_CUSTOMER",
        "60",
        "Notifications that are sent by hand to one customer, whoever sends them; over it 429. A phone that does not stop \
         ringing is switched off.",
    )
    .unit("notifications a minute"),
    new(
        Notifications,
        "PUSH_DEVICES_PER_CUSTOMER",
        "20",
        "Devices that a customer may have registered. With one more, the one that registered longest ago is forgotten.",
    )
    .unit("devices"),
    new(
        Notifications,
        "PUSH_TEXTS_FILE",
        "",
        "JSON file with titles and texts in another language, {\"ride_accepted\":{\"title\":\"…\",\"body\":\"{name} …\"}}; what it \
         does not have stays English. docs/OPERATIONS.md lists the names and what may stand in braces.",
    )
    .otherwise("English"),
    new(
        Notifications,
        "PUSH_RETRY_BASE_MS",
        "10000",
        "What a push service could not take is tried again within this time, at random, and within twice the time at each \
         further attempt. What the service itself says (Retry-After) is never undercut. Google asks for some 10 s.",
    )
    .unit("milliseconds"),
    new(
        Notifications,
        "PUSH_RETRY_CAP_SECS",
        "300",
        "But within this time. A notification is given up when nobody wants to hear of it any more, an hour after its first \
         attempt at the latest.",
    )
    .unit("seconds"),
    new(
        Notifications,
        "PUSH_RECEIPT_DELAY_SECS",
        "900",
        "When Expo is asked what became of what it accepted: it knows after some 15 minutes, and forgets after a day.",
    )
    .unit("seconds"),
];
