//! The settings about clients: their limits, the life of sessions, and replay.

use super::Section::{Delivery, Limits, Sessions};
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        Limits,
        "MAX_CONNECTIONS",
        "20000",
        "Sockets open at a time; further handshakes get 503. A quiet socket takes about 20 kB and one or two file \
         descriptors, so raise the limit on open files with this.",
    )
    .unit("sockets"),
    new(
        Limits,
        "MAX_HTTP_CONNECTIONS",
        "10000",
        "Connections that carry no socket, most of them waiting for their next request (KEEP_ALIVE_SECS). Above this \
         number those that have waited longest are closed. Each takes about 20 kB and two file descriptors. Phones \
         that send positions by REST keep one open each.",
    )
    .unit("connections"),
    new(
        Limits,
        "MAX_SOCKETS_PER_ACCOUNT",
        "20",
        "Sockets of one driver or customer at a time; an operator may have ten times as many. One more closes the \
         oldest with 4003. A phone on a bad network leaves some behind until they are found dead.",
    )
    .unit("sockets"),
    new(
        Limits,
        "MAX_SOCKETS_PER_ADDRESS",
        "500",
        "Sockets from one address (IPv6: one /64) at a time, counting passengers without an account and clients that \
         are refused; further ones get 429. High, since many phones share one carrier's address, yet far below \
         MAX_CONNECTIONS.",
    )
    .unit("sockets"),
    new(
        Limits,
        "HANDSHAKES_PER_MINUTE_PER_ADDRESS",
        "600",
        "Socket handshakes from one address (IPv6: one /64); further ones get 429 with Retry-After. High, since many \
         phones share one carrier's address and all come back at once after an outage.",
    )
    .unit("handshakes a minute"),
    new(
        Limits,
        "HANDSHAKES_PER_MINUTE_PER_ACCOUNT",
        "30",
        "Socket handshakes of one account; above this the socket is closed with 1008. A phone on a bad network \
         reconnects every few seconds at worst.",
    )
    .unit("handshakes a minute"),
    new(
        Limits,
        "LOGINS_PER_MINUTE_PER_ADDRESS",
        "600",
        "Log-ins from one address, which many phones of a carrier share; further ones get 429.",
    )
        .unit("log-ins a minute"),
    new(
        Limits,
        "LOGINS_PER_MINUTE_PER_ACCOUNT",
        "10",
        "Wrong passwords for one account from one address; further ones get 429. As many from all addresses together \
         are free; after that the account accepts the next guess only after 1 s, 2 s, 4 s and so on, up to 15 \
         minutes, except from an address that it was logged in from in the last 90 days. This makes guessing a \
         password hopeless and locks no owner out.",
    )
    .unit("log-ins a minute"),
    new(
        Limits,
        "REQUESTS_PER_MINUTE_PER_ACCOUNT",
        "1200",
        "Requests of one driver or customer, by REST and over sockets (where positions, pings and acks do not count); \
         above this 429 with Retry-After, on sockets the error rate_limited. Twenty a second: an app that sends each \
         position by REST needs one or two.",
    )
    .unit("requests a minute"),
    new(
        Limits,
        "OPERATOR_REQUESTS_PER_MINUTE",
        "60000",
        "The same for one operator or program. A thousand a second, since consoles poll and programs send bursts of \
         orders; it stops a program that runs wild.",
    )
    .unit("requests a minute"),
    new(
        Limits,
        "JOBS_PER_MINUTE_PER_CUSTOMER",
        "30",
        "Rides and bookings that one customer requests, including those cancelled at once; above this 429 or \
         rate_limited. Drivers' phones hear of each.",
    )
    .unit("jobs a minute"),
    new(
        Limits,
        "MAX_OPEN_RIDES_PER_CUSTOMER",
        "10",
        "Rides that one customer may have open at a time, scheduled ones included; one more gets 429 \
         too_many_open_jobs. Each may occupy a driver. Raise it where a hotel orders for its guests with one account.",
    )
    .unit("rides"),
    new(
        Limits,
        "MAX_OPEN_BOOKINGS_PER_CUSTOMER",
        "50",
        "Open bookings that one customer may have made themself; one more gets 429 too_many_open_jobs. Bookings that \
         operators make for them are not limited.",
    )
    .unit("bookings"),
    new(
        Limits,
        "MAX_OPEN_RIDES_PER_ADDRESS",
        "100",
        "Open rides that were requested without an account from one address (IPv6: one /64); one more gets the error \
         too_many_open_jobs. Many phones share one carrier's address, but nobody should be able to occupy a whole \
         fleet from one.",
    )
    .unit("rides"),
    new(
        Limits,
        "CHAT_PER_MINUTE",
        "60",
        "Chat messages that one account may write in rides; above this the error rate_limited. Each is an event, and \
         also a push where the recipient is not connected.",
    )
    .unit("messages a minute"),
    new(
        Limits,
        "NEARBY_PER_MINUTE",
        "120",
        "How often one customer may ask which drivers are nearby; above this 429. A map that is being moved asks once \
         or twice a second.",
    )
    .unit("requests a minute"),
    new(
        Limits,
        "POSITIONS_PER_MINUTE_BY_REST",
        "12000",
        "Positions that one driver may send by REST; above this 429. A phone that measured every 10 s for a whole day \
         may send all of it at once.",
    )
    .unit("positions a minute"),
    new(
        Limits,
        "MESSAGE_BYTES_MAX",
        "16384",
        "The longest message that a client may send, in one frame or in several; a longer one closes the socket with \
         1009. Apps' messages are below 1 kB, and a connection may hold several times its longest message in memory.",
    )
    .unit("bytes"),
    new(
        Limits,
        "MESSAGES_PER_SECOND",
        "50",
        "Messages of one socket, with bursts of four times as many. Faster ones are read at this pace and wait on the \
         phone: a phone that was offline sends all that it has gathered.",
    )
    .unit("messages a second"),
    new(
        Limits,
        "HELD_BACK_MAX_SECS",
        "300",
        "How long a socket may send more than MESSAGES_PER_SECOND without a second's pause before it is closed with \
         1008. A whole day's positions, one every 10 s, take three minutes.",
    )
    .unit("seconds"),
    new(
        Limits,
        "BAD_MESSAGES_PER_MINUTE",
        "60",
        "Messages of one socket that can't be understood; above this it is closed with 1008. A single one never costs \
         the connection.",
    )
    .unit("messages a minute"),
    new(
        Limits,
        "FIND_DRIVER_PER_MINUTE",
        "20",
        "Searches (find_driver) for one ride over matching sockets; above this the error rate_limited, and the socket \
         stays open. Each may be cancelled at once, and drivers' phones hear of both.",
    )
    .unit("searches a minute"),
    new(
        Limits,
        "ANONYMOUS_RIDES_PER_MINUTE",
        "600",
        "Searches by passengers without an account from one address (IPv6: one /64), for all rides together; above \
         this the error rate_limited. High, since many phones share one carrier's address.",
    )
    .unit("searches a minute"),
    new(
        Limits,
        "MAX_DELIVERIES_PER_DRIVER",
        "5",
        "Deliveries that a driver may hold at a time; one more gets 409 driver_full.",
    )
    .unit("deliveries"),
    new(
        Limits,
        "MAX_BOOKINGS_PER_DRIVER",
        "100",
        "Open bookings that a technician may hold at a time, those of the coming weeks included; one more gets 409 \
         driver_full. Bounded, since all that a driver holds is read with each of their decisions.",
    )
    .unit("bookings"),
    new(
        Sessions,
        "IDLE_TIMEOUT_SECS",
        "300",
        "How long a socket may be without activity before it is closed with 4008.",
    )
    .unit("seconds"),
    new(
        Sessions,
        "HEARTBEAT_SECS",
        "30",
        "How often a quiet socket is pinged, so that carriers keep the path open and dead peers are found; at least \
         twice in the idle time.",
    )
    .unit("seconds"),
    new(
        Sessions,
        "CLOSE_TIMEOUT_MS",
        "2000",
        "How long a closing socket waits for the peer's answer before it is cut.",
    )
    .unit("milliseconds"),
    new(
        Sessions,
        "OUTBOX_SHED_BYTES",
        "65536",
        "When this much waits for a client that reads slowly, only the newest position of each driver is kept for it. \
         Unless set, it is at most a quarter of OUTBOX_BYTES_MAX.",
    )
    .unit("bytes"),
    new(
        Sessions,
        "OUTBOX_BYTES_MAX",
        "262144",
        "When this much waits, the client is closed with 4013; it can resume. Bounds what a client that never reads \
         costs.",
    )
    .unit("bytes"),
    new(
        Delivery,
        "CONFIRM_TIMEOUT_MS",
        "5000",
        "How long a connected customer's device has to confirm an event before it is pushed. A phone on a bad network \
         answers within a second or two; a longer wait would only delay the push.",
    )
    .unit("milliseconds"),
    new(
        Delivery,
        "REPLAY_EVENTS_MAX",
        "500",
        "The most events that are replayed to an app that connects without saying where it left off.",
    )
    .unit("events"),
    new(
        Delivery,
        "REPLAY_HOURS_MAX",
        "24",
        "The greatest age of these events, except those of open jobs. No longer than events are kept.",
    )
    .unit("hours"),
    new(
        Delivery,
        "DRAIN_SECS",
        "3",
        "Time over which sockets are closed with 1001 when the server stops, so that not all come back at once. \
         Together with CLOSE_TIMEOUT_MS at most 6 s, since the process ends within 10 s.",
    )
    .unit("seconds"),
];
