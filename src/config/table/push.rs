//! The settings of the push services.

use super::Section::PushServices;
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        PushServices,
        "FIREBASE_PROJECT_ID",
        "",
        "The Firebase project that the apps' FCM tokens belong to. Together with FIREBASE_CLIENT_EMAIL and \
         FIREBASE_PRIVATE_KEY it names the service account that sends. Without them nothing goes to FCM, and the \
         history says so.",
    )
    .otherwise("nothing is sent to FCM; with GOOGLE_APPLICATION_CREDENTIALS the project of that file"),
    new(PushServices, "FIREBASE_CLIENT_EMAIL", "", "The service account's e-mail address."),
    new(
        PushServices,
        "FIREBASE_PRIVATE_KEY",
        "",
        "The service account's RSA key in PEM form; its line breaks may be written as \\n. Anyone who has it can send \
         to all customers.",
    )
    .secret(),
    new(
        PushServices,
        "GOOGLE_APPLICATION_CREDENTIALS",
        "",
        "Instead of these three: the service account's JSON file, as Google issues it. Not used where the key itself \
         is set.",
    ),
    new(
        PushServices,
        "FCM_BASE_URL",
        "https://fcm.googleapis.com",
        "Address of FCM; another one serves for tests and proxies. With https:// HTTP/2 is used if the other side \
         supports it.",
    ),
    new(
        PushServices,
        "GOOGLE_TOKEN_URL",
        "https://oauth2.googleapis.com/token",
        "Where the service account gets its access tokens; also the audience (aud) of its assertions. Unless it is \
         set, the token_uri of the credentials' file takes precedence.",
    ),
    new(
        PushServices,
        "FCM_CONNECTIONS",
        "4",
        "Connections to FCM, opened as they are needed. Each carries 100 messages at a time, which is the most that \
         Google's servers allow; so 4 carry 400 in flight, about 4,000 a second at 100 ms.",
    )
    .unit("connections"),
    new(
        PushServices,
        "FCM_RETRY_FLOOR_MS",
        "10000",
        "How long to wait before a message at which FCM's servers failed (500, 503) is tried again, unless they name \
         a time (Retry-After). Google asks senders for 10 s.",
    )
    .unit("milliseconds"),
    new(
        PushServices,
        "APNS_KEY_ID",
        "",
        "The id of the key for Apple's push service, from Apple's developer site. It goes together with APNS_TEAM_ID, \
         APNS_PRIVATE_KEY and APNS_TOPIC; without them nothing goes to Apple directly.",
    ),
    new(PushServices, "APNS_TEAM_ID", "", "The developer team that the key belongs to."),
    new(
        PushServices,
        "APNS_PRIVATE_KEY",
        "",
        "The key itself (P-256) in PEM form, the content of Apple's .p8 file; its line breaks may be written as \\n.",
    )
    .secret(),
    new(PushServices, "APNS_PRIVATE_KEY_FILE", "", "Instead of the key itself: the .p8 file."),
    new(PushServices, "APNS_TOPIC", "", "The bundle id of the app that the tokens come from."),
    new(
        PushServices,
        "APNS_BASE_URL",
        "https://api.push.apple.com",
        "Address of Apple's push service; development builds get their tokens from \
         https://api.sandbox.push.apple.com. HTTP/2 only, even with http://.",
    ),
    new(
        PushServices,
        "APNS_CONNECTIONS",
        "2",
        "Connections to Apple, opened as they are needed and then kept. Each carries at most 100 messages at a time, \
         fewer if Apple says so.",
    )
    .unit("connections"),
    new(
        PushServices,
        "EXPO_ACCESS_TOKEN",
        "",
        "Access token of the Expo account that the apps belong to. Without it nothing goes to Expo.",
    )
    .secret(),
    new(PushServices, "EXPO_BASE_URL", "https://exp.host", "Address of Expo's push service."),
    new(
        PushServices,
        "EXPO_REQUESTS_MAX",
        "6",
        "Requests to Expo in flight at a time, each with up to 100 notifications. Expo's own clients use 6.",
    )
    .unit("requests"),
    new(
        PushServices,
        "PUSH_CA_FILE",
        "",
        "PEM file with certificate authorities that are trusted for the push services besides the system's own, for \
         tests and proxies.",
    ),
    new(
        PushServices,
        "PUSH_TIMEOUT_MS",
        "10000",
        "How long one request to a push service may take. A message that is not answered by then may have arrived; it \
         is sent again under the same id. Google asks for 10 s or more.",
    )
    .unit("milliseconds"),
];
