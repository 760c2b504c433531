//! The settings of the work: positions, rides, matching, and retention.

use super::Section::{Matching, Positions, Retention, Rides};
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        Positions,
        "RECORDER_QUEUE_MAX",
        "100000",
        "Positions that may wait to be written; further ones are dropped and counted. Enough for 20 s at 5,000 a \
         second, about 10 MB.",
    )
    .unit("positions"),
    new(
        Positions,
        "RECORDER_FLUSH_MS",
        "250",
        "How often, at least, positions are written in bulk: the most that a killed process loses.",
    )
    .unit("milliseconds"),
    new(
        Positions,
        "LIVE_POSITION_SECS",
        "5",
        "How often, at most, a driver's newest position is also written to the driver's own row, from which a restart \
         begins. The one in memory is always the newest.",
    )
    .unit("seconds"),
    new(
        Positions,
        "POSITION_MAX_AGE_SECS",
        "120",
        "A driver whose newest position is older than this gets no new job automatically; an operator may still \
         assign one. A position that no app measured does not age.",
    )
    .unit("seconds"),
    new(
        Positions,
        "DRIVER_OFFLINE_AFTER_SECS",
        "300",
        "How long a driver may have neither a connection nor a new position before they become offline.",
    )
    .unit("seconds"),
    new(
        Rides,
        "ALLOW_ANONYMOUS_RIDES",
        "true",
        "Ride matching without a token: the first to open a ride's socket is its passenger. Since anybody could send \
         drivers out, this has to be turned on explicitly except on a developer's own machine.",
    )
    .production("false")
    .exposed("false"),
    new(
        Rides,
        "RIDE_KEY",
        "required",
        "required: an anonymous ride is entered again with the key that its first socket was given or, while none of \
         its sockets is open, from the address that opened it. optional: its id is enough; anyone who can guess an id \
         is then its passenger.",
    ),
    new(
        Rides,
        "RIDES_HELD_MAX",
        "50000",
        "Ride ids held in memory for matching sockets: while a socket is open and for 5 minutes after. One more \
         displaces the ride whose last socket closed longest ago; if all have sockets, it gets 503. About 400 bytes \
         each.",
    )
    .unit("rides"),
    new(
        Rides,
        "FARE_BASE",
        "2",
        "What a ride costs before its first kilometre where the app names no fare, in CURRENCY with as many decimals \
         as that has. The default is an example: every operator has a tariff of their own.",
    )
    .unit("CURRENCY"),
    new(
        Rides,
        "FARE_PER_KM",
        "1",
        "What each kilometre by street adds to it. It may have three more decimals, since only the whole fare is \
         rounded.",
    )
    .unit("CURRENCY a kilometre"),
    new(
        Rides,
        "FARE_SOURCE",
        "app",
        "Who decides the fare of a ride. app: the fare that the app names, 0 included, else the tariff. server: the \
         tariff for the route as the server estimates it, whatever the app names. app_within: the app's fare as long \
         as it differs from the server's by no more than FARE_BAND_PERCENT, else the server's. The answer shows the \
         fare that applies.",
    ),
    new(
        Rides,
        "FARE_BAND_PERCENT",
        "20",
        "With FARE_SOURCE=app_within, how much the app's fare may differ from the server's, up or down. Routes by \
         street and the estimate from the great circle differ by about 20 %.",
    )
    .unit("per cent"),
    new(
        Rides,
        "DETOUR_FACTOR",
        "1.3",
        "How much longer a route by street is than the great circle, from 1 to 10. Used for fares and arrival times \
         while no routing service is there to tell. Street grids of cities have 1.2 to 1.4.",
    ),
    new(
        Rides,
        "TRAVEL_SPEED_KMH",
        "25",
        "How fast a vehicle moves in the city, stops included, from 1 to 300. Arrival times are computed from it.",
    )
    .unit("km/h"),
    new(
        Rides,
        "FINAL_FARE",
        "estimated",
        "estimated: a completed ride costs what was estimated before it. track: it costs the tariff for the route \
         that its driver's positions recorded, or the estimate where there are none.",
    ),
    new(
        Rides,
        "DRIVER_LOST_AFTER_SECS",
        "120",
        "How long a ride's driver may have neither a position nor a connection before the pickup; then the passenger \
         hears that the driver can't be reached, and the log and a counter tell the operator.",
    )
    .unit("seconds"),
    new(
        Rides,
        "OFFER_LOST_RIDES_AGAIN",
        "false",
        "Whether such a ride is then taken from its driver and offered to others. By default an operator decides, \
         since a driver whose phone battery is empty may still be on the way.",
    ),
    new(
        Rides,
        "ROOM_STALE_SECS",
        "45",
        "How long a ride's driver may send no position before the ride's followers are told. Apps send one every 10 \
         to 30 s.",
    )
    .unit("seconds"),
    new(
        Rides,
        "ROOM_MEMBERS_MAX",
        "100",
        "Connections that may follow one ride; one more is refused with room_full. Bounded, since each position goes \
         to all of them.",
    )
    .unit("connections"),
    new(
        Rides,
        "RIDES_JOINED_MAX",
        "50",
        "Rides that one connection may follow; one more is refused with too_many_rides. An operator's screen follows \
         a few dozen.",
    )
    .unit("rides"),
    new(
        Matching,
        "MATCH_MODE",
        "auto",
        "auto: the ride is assigned to the nearest driver at once. offer: drivers are asked, and the first to accept \
         gets it.",
    )
    .production("offer"),
    new(
        Matching,
        "OFFER_DETAIL",
        "full",
        "What a driver sees of a ride that is only offered to them. full: everything except the passenger's contact, \
         as the apps' contract shows it. rounded: the exact pickup, the drop-off to about 100 m and without its \
         address, and instead of the passenger's id one that is valid for this ride alone. The driver who accepts the \
         ride sees all of it, by REST.",
    ),
    new(
        Matching,
        "OFFER_BATCH_SIZE",
        "5",
        "Drivers who are asked at a time, the nearest first. A larger number finds a driver sooner and disappoints \
         more of those who lose.",
    )
    .unit("drivers"),
    new(
        Matching,
        "OFFER_WINDOW_SECS",
        "15",
        "How long a driver has to answer an offer. Long enough to read it at a red light.",
    )
    .unit("seconds"),
    new(
        Matching,
        "OFFER_RECEIPT_MS",
        "2000",
        "How long a driver's device has to confirm an offer. After that the driver may still accept it, but the next \
         driver is asked at once: a phone in a tunnel must not cost the passenger the whole window.",
    )
    .unit("milliseconds"),
    new(
        Matching,
        "MAX_OFFERS_PER_DRIVER",
        "3",
        "Open offers that a driver may hold, over all searches; a driver with this many is passed over until one of \
         them ends.",
    )
    .unit("offers"),
    new(
        Matching,
        "SEARCH_DEADLINE_SECS",
        "120",
        "How long a search lasts before the passenger hears that there is no driver.",
    )
    .unit("seconds"),
    new(
        Matching,
        "SEARCH_RADIUS_M",
        "10000",
        "How far from the pickup a search looks for drivers, from 50 m to 200 km. With MATCH_MODE=offer also growing \
         steps such as 3000,5000,10000: the next step begins when nobody within the current one is left. auto uses \
         the last step.",
    )
    .unit("metres"),
    new(
        Matching,
        "AUTO_ASSIGN_RADIUS_M",
        "10000",
        "How far from an order's pickup auto-assign looks for a driver, from 50 m to 200 km. Orders wait for their \
         food, so it may be farther than for a ride.",
    )
    .unit("metres"),
    new(
        Matching,
        "AUTO_ASSIGN_TRIES",
        "20",
        "How many of the nearest drivers auto-assign tries. More than one, since each may have taken another order a \
         moment ago.",
    )
    .unit("drivers"),
    new(
        Retention,
        "EVENT_RETENTION_DAYS",
        "30",
        "How long events can be replayed; an app that was away for longer gets resume_failed and the current state.",
    )
    .unit("days"),
    new(
        Retention,
        "LOCATION_RETENTION_DAYS",
        "30",
        "How long drivers' positions are kept: by far the most rows, and personal data.",
    )
    .unit("days"),
    new(
        Retention,
        "AUDIT_RETENTION_DAYS",
        "365",
        "How long the audit is kept: which operator or program changed or read which data about whom. Long enough for \
         questions that come late.",
    )
    .unit("days"),
    new(
        Retention,
        "TRACE_RETENTION_DAYS",
        "30",
        "How long traces keep the drivers that searches considered and why they were not asked. Offers and their \
         outcomes are kept at least as long as events.",
    )
    .unit("days"),
    new(
        Retention,
        "JOB_RETENTION_DAYS",
        "",
        "How long orders, rides and bookings are kept after their end, with their ratings and payment notices; they \
         never go before their events. The daily sums that drivers earned with them stay. Set it to what your \
         bookkeeping requires.",
    )
    .unit("days")
    .otherwise("for ever"),
];
