//! The settings of clients: what one may do, how sessions live, what is replayed.

use super::Section::{Delivery, Limits, Sessions};
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        Limits,
        "MAX_CONNECTIONS",
        "20000",
        "Sockets open at a time; further handshakes get 503. A quiet one takes about 20 kB and one or two file \
         descriptors, so raise the limit on open files with it.",
    )
    .unit("sockets"),
    new(
        Limits,
        "MAX_HTTP_CONNECTIONS",
        "10000",
        "Connections without a socket on them, most of them waiting for a next request (KEEP_ALIVE_SECS); with more, those \
         that have waited longest are closed. Each takes about 20 kB and two file descriptors. Phones that send positions \
         by REST keep one open each.",
    )
    .unit("connections"),
    new(
        Limits,
        "MAX_SOCKETS_PER_ACCOUNT",
        "20",
        "Sockets of one driver or customer at a time, ten times as many of an operator; for one more the oldest is closed with \
         4003. A phone on a bad network leaves some behind until they are found dead.",
    )
    .unit("sockets"),
    new(
        Limits,
        "MAX_SOCKETS_PER_ADDRESS",
        "500",
        "Sockets of passengers without an account, and of those who are refused, from one address (IPv6: one /64) at a time; \
         over it 429. High, since many phones share one carrier's address, and far below MAX_CONNECTIONS.",
    )
    .unit("sockets"),
    new(
        Limits,
        "HANDSHAKES_PER_MINUTE_PER_ADDRESS",
        "600",
        "Socket handshakes from one address (IPv6: one /64); over it 429 with Retry-After. High, since many phones share \
         one carrier's address and all come back at once after an outage.",
    )
    .unit("handshakes a minute"),
    new(
        Limits,
        "HANDSHAKES_PER_MINUTE_PER_ACCOUNT",
        "30",
        "Socket handshakes of one account; over it the socket is closed with 1008. A phone on a bad network reconnects \
         every few seconds at worst.",
    )
    .unit("handshakes a minute"),
    new(Limits, "LOGINS_PER_MINUTE_PER_ADDRESS", "600", "Log-ins from one address, which many phones of a carrier share; over it 429.")
        .unit("log-ins a minute"),
    new(
        Limits,
        "LOGINS_PER_MINUTE_PER_ACCOUNT",
        "10",
        "Wrong passwords for one account from one address; over it 429. As many from wherever they come are free, then the account \
         waits 1 s, 2 s, 4 s and so on up to 15 minutes between two guesses, but not for an address that it was logged in from in \
         the last 90 days. Makes guessing a password hopeless, and keeps no owner out.",
    )
    .unit("log-ins a minute"),
    new(
        Limits,
        "REQUESTS_PER_MINUTE_PER_ACCOUNT",
        "1200",
        "Requests of one driver or customer, by REST and over sockets (positions, pings and acks there do not count); over it 429 \
         with Retry-After, on sockets the error rate_limited. Twenty a second: an app that sends each position by REST needs \
         one or two.",
    )
    .unit("requests a minute"),
    new(
        Limits,
        "OPERATOR_REQUESTS_PER_MINUTE",
        "60000",
        "The same of one operator or program. A thousand a second: consoles poll, and programs send bursts of orders. It stops \
         a program that has gone mad.",
    )
    .unit("requests a minute"),
    new(
        Limits,
        "JOBS_PER_MINUTE_PER_CUSTOMER",
        "30",
        "Rides and bookings that one customer asks for, also of those that are cancelled at once; over it 429 or rate_limited. \
         Drivers' phones hear of each.",
    )
    .unit("jobs a minute"),
    new(
        Limits,
        "MAX_OPEN_RIDES_PER_CUSTOMER",
        "10",
        "Rides that one customer may have open at a time, those for later included; one more is 429 too_many_open_jobs. Each \
         may bind a driver. More where a hotel orders for its guests by one account.",
    )
    .unit("rides"),
    new(
        Limits,
        "MAX_OPEN_BOOKINGS_PER_CUSTOMER",
        "50",
        "Bookings that one customer may have open and make themself; one more is 429 too_many_open_jobs. Operators book for \
         them without it.",
    )
    .unit("bookings"),
    new(
        Limits,
        "MAX_OPEN_RIDES_PER_ADDRESS",
        "100",
        "Open rides that were asked for without an account from one address (IPv6: one /64); one more is the error \
         too_many_open_jobs. Many phones share one carrier's address, and nobody should bind a whole fleet from one.",
    )
    .unit("rides"),
    new(
        Limits,
        "CHAT_PER_MINUTE",
        "60",
        "Messages that one account may write in rides' chats; over it the error rate_limited. Each is an event, and a push where \
         the other is not there.",
    )
    .unit("messages a minute"),
    new(
        Limits,
        "NEARBY_PER_MINUTE",
        "120",
        "How often one customer may ask who is nearby; over it 429. A map that is moved about asks once or twice a second.",
    )
    .unit("requests a minute"),
    new(
        Limits,
        "POSITIONS_PER_MINUTE_BY_REST",
        "12000",
        "Positions that one driver may send by REST; over it 429. What a phone measures in a whole day, each 10 s, may come \
         at once.",
    )
    .unit("positions a minute"),
    new(
        Limits,
        "MESSAGE_BYTES_MAX",
        "16384",
        "The longest message a client may send, in one frame or in several; a longer one closes with 1009. Apps' own are \
         below 1 kB, and a connection keeps several times its longest message in memory.",
    )
    .unit("bytes"),
    new(
        Limits,
        "MESSAGES_PER_SECOND",
        "50",
        "Messages of one socket, four times as many at once; what comes faster is read at this pace and waits on the phone. \
         One that was offline sends what it has gathered.",
    )
    .unit("messages a second"),
    new(
        Limits,
        "HELD_BACK_MAX_SECS",
        "300",
        "How long a socket may send more than MESSAGES_PER_SECOND without a second's pause; then it is closed with 1008. What \
         a phone measures in a whole day, each 10 s, takes three minutes.",
    )
    .unit("seconds"),
    new(
        Limits,
        "BAD_MESSAGES_PER_MINUTE",
        "60",
        "Messages of one socket that could not be understood; over it 1008. A single one never costs the connection.",
    )
    .unit("messages a minute"),
    new(
        Limits,
        "FIND_DRIVER_PER_MINUTE",
        "20",
        "Searches (find_driver) for one ride over matching sockets; over it the error rate_limited, and the socket stays \
         open. Each may be cancelled at once, and drivers' phones hear of both.",
    )
    .unit("searches a minute"),
    new(
        Limits,
        "ANONYMOUS_RIDES_PER_MINUTE",
        "600",
        "Searches of passengers without an account from one address (IPv6: one /64), whichever rides they are for; over it \
         the error rate_limited. High, since many phones share one carrier's address.",
    )
    .unit("searches a minute"),
    new(
        Limits,
        "MAX_DELIVERIES_PER_DRIVER",
        "5",
        "Deliveries that a driver may hold at a time; one more is 409 driver_full.",
    )
    .unit("deliveries"),
    new(
        Limits,
        "MAX_BOOKINGS_PER_DRIVER",
        "100",
        "Open bookings that a technician may hold at a time, those of the next weeks included; one more is 409 driver_full. \
         What a driver holds is read with each of their decisions.",
    )
    .unit("bookings"),
    new(
        Sessions,
        "IDLE_TIMEOUT_SECS",
        "300",
        "A socket without activity for so long is closed with 4008.",
    )
    .unit("seconds"),
    new(
        Sessions,
        "HEARTBEAT_SECS",
        "30",
        "How often a quiet socket is pinged, so that carriers keep the path open and dead peers are found; never less often \
         than twice in the idle time.",
    )
    .unit("seconds"),
    new(
        Sessions,
        "CLOSE_TIMEOUT_MS",
        "2000",
        "How long a closed socket waits for the peer's answer before it is cut.",
    )
    .unit("milliseconds"),
    new(
        Sessions,
        "OUTBOX_SHED_BYTES",
        "65536",
        "With so much waiting for a client that reads slowly, only the newest position of each driver is kept for it. \
         Where it is not set, at most a quarter of OUTBOX_BYTES_MAX.",
    )
    .unit("bytes"),
    new(
        Sessions,
        "OUTBOX_BYTES_MAX",
        "262144",
        "With so much waiting the client is closed with 4013; it can resume. Bounds what a client that never reads costs.",
    )
    .unit("bytes"),
    new(
        Delivery,
        "CONFIRM_TIMEOUT_MS",
        "5000",
        "How long a connected customer's device has to confirm an event before it is pushed. A phone on a bad network answers \
         within a second or two; who waits longer looks at the phone in vain.",
    )
    .unit("milliseconds"),
    new(
        Delivery,
        "REPLAY_EVENTS_MAX",
        "500",
        "The most events that an app hears again on connecting when it does not say where it left off.",
    )
    .unit("events"),
    new(
        Delivery,
        "REPLAY_HOURS_MAX",
        "24",
        "And the oldest of them, but for those of open jobs. Not longer than events are kept.",
    )
    .unit("hours"),
    new(
        Delivery,
        "DRAIN_SECS",
        "3",
        "Time over which sockets are closed with 1001 when the server stops, so that not all come back at once. With \
         CLOSE_TIMEOUT_MS at most 6 s, since the process ends within 10.",
    )
    .unit("seconds"),
];
