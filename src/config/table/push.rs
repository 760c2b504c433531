//! The settings of the push services.

use super::Section::PushServices;
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        PushServices,
        "FIREBASE_PROJECT_ID",
        "",
        "The Firebase project that the apps' FCM tokens belong to. With FIREBASE_CLIENT_EMAIL and FIREBASE_PRIVATE_KEY, the \
         service account that sends; without any of them nothing goes to FCM, and the history says so.",
    )
    .otherwise("nothing is sent to FCM; with GOOGLE_APPLICATION_CREDENTIALS the project of that file"),
    new(PushServices, "FIREBASE_CLIENT_EMAIL", "", "The service account's e-mail address."),
    new(
        PushServices,
        "FIREBASE_PRIVATE_KEY",
        "",
        "The service account's RSA key in PEM form; its line breaks may be written as \\n. Whoever has it can send to all \
         customers.",
    )
    .secret(),
    new(
        PushServices,
        "GOOGLE_APPLICATION_CREDENTIALS",
        "",
        "Instead of those: the service account's JSON file, as Google gives it out. Not used where the key itself is set.",
    ),
    new(
        PushServices,
        "FCM_BASE_URL",
        "https://fcm.googleapis.com",
        "Where FCM is: another address for tests and proxies. What has https:// speaks HTTP/2 if the other side does.",
    ),
    new(
        PushServices,
        "GOOGLE_TOKEN_URL",
        "https://oauth2.googleapis.com/token",
        "Where the service account gets its access tokens, and whom its assertions are for (aud). Where it is not set, the \
         token_uri of the credentials' file goes before.",
    ),
    new(
        PushServices,
        "FCM_CONNECTIONS",
        "4",
        "Connections to FCM, opened as they are needed. Each carries 100 messages at a time, which is where Google's servers \
         stop; so 4 are good for 400 under way, some 4,000 a second at 100 ms.",
    )
    .unit("connections"),
    new(
        PushServices,
        "FCM_RETRY_FLOOR_MS",
        "10000",
        "What FCM's servers failed at (500, 503) is not tried again sooner, unless they name a time (Retry-After). Google asks \
         senders for 10 s.",
    )
    .unit("milliseconds"),
    new(
        PushServices,
        "APNS_KEY_ID",
        "",
        "The id of the key for Apple's push service, from Apple's developer site. With APNS_TEAM_ID, APNS_PRIVATE_KEY and \
         APNS_TOPIC; without any of them nothing goes to Apple directly.",
    ),
    new(PushServices, "APNS_TEAM_ID", "", "The developer team that the key belongs to."),
    new(
        PushServices,
        "APNS_PRIVATE_KEY",
        "",
        "The key itself (P-256) in PEM form, what is in Apple's .p8 file; its line breaks may be written as \\n.",
    )
    .secret(),
    new(PushServices, "APNS_PRIVATE_KEY_FILE", "", "Instead of it: the .p8 file."),
    new(PushServices, "APNS_TOPIC", "", "The bundle id of the app that the tokens come from."),
    new(
        PushServices,
        "APNS_BASE_URL",
        "https://api.push.apple.com",
        "Where Apple's push service is; builds of developers have their tokens from https://api.sandbox.push.apple.com. HTTP/2 \
         only, also where it has http://.",
    ),
    new(
        PushServices,
        "APNS_CONNECTIONS",
        "2",
        "Connections to Apple, opened as they are needed and then kept. Each carries at most 100 messages at a time, fewer \
         where Apple says so.",
    )
    .unit("connections"),
    new(
        PushServices,
        "EXPO_ACCESS_TOKEN",
        "",
        "Access token of the Expo account whose apps the tokens come from. Without it nothing goes to Expo.",
    )
    .secret(),
    new(PushServices, "EXPO_BASE_URL", "https://exp.host", "Where Expo's push service is."),
    new(
        PushServices,
        "EXPO_REQUESTS_MAX",
        "6",
        "Requests to Expo under way at a time, each with up to 100 notifications. Expo's own clients have 6.",
    )
    .unit("requests"),
    new(
        PushServices,
        "PUSH_CA_FILE",
        "",
        "PEM file with certificate authorities that are trusted for the push services beside the system's own: for tests and \
         proxies.",
    ),
    new(
        PushServices,
        "PUSH_TIMEOUT_MS",
        "10000",
        "How long one request to a push service may take. What is not answered by then may have arrived; it is sent again \
         under the same id. Google asks for 10 s or more.",
    )
    .unit("milliseconds"),
];
