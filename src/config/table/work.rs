//! The settings of the work: positions, rides, how drivers are found, and how long things are kept.

use super::Section::{Matching, Positions, Retention, Rides};
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        Positions,
        "RECORDER_QUEUE_MAX",
        "100000",
        "Positions that may wait to be written; further ones are dropped and counted. 20 s of 5,000 a second, about 10 MB.",
    )
    .unit("positions"),
    new(
        Positions,
        "RECORDER_FLUSH_MS",
        "250",
        "Positions are written in bulk at least so often: the most that a killed process loses.",
    )
    .unit("milliseconds"),
    new(
        Positions,
        "LIVE_POSITION_SECS",
        "5",
        "How often, at most, a driver's newest position is also written to the driver's own row, which a restart begins \
         from. In memory it is always the newest.",
    )
    .unit("seconds"),
    new(
        Positions,
        "POSITION_MAX_AGE_SECS",
        "120",
        "A driver whose newest position is older gets no new job by itself; an operator may still assign one. A position that no \
         app measured does not age.",
    )
    .unit("seconds"),
    new(
        Positions,
        "DRIVER_OFFLINE_AFTER_SECS",
        "300",
        "A driver with neither connection nor position for so long becomes offline.",
    )
    .unit("seconds"),
    new(
        Rides,
        "ALLOW_ANONYMOUS_RIDES",
        "true",
        "Ride matching without a token: whoever opens a ride's socket first is its passenger. Anybody could send drivers out, so \
         elsewhere than on a developer's own machine it has to be asked for.",
    )
    .production("false")
    .exposed("false"),
    new(
        Rides,
        "RIDE_KEY",
        "required",
        "required: an anonymous ride is entered again with the key that its first socket was given, or, while none of its sockets \
         is open, from the address that opened it. optional: with its id alone; whoever can guess an id is then its passenger.",
    ),
    new(
        Rides,
        "RIDES_HELD_MAX",
        "50000",
        "Ride ids held in memory for matching sockets: while one is open and 5 minutes longer. For one more the ride whose last socket \
         has gone longest ago is held no longer; where all have sockets, it gets 503. About 400 bytes each.",
    )
    .unit("rides"),
    new(
        Rides,
        "FARE_BASE",
        "2",
        "What a ride costs before its first kilometre, in CURRENCY with as many decimals as it has, where the app names no \
         fare. An example: every operator has a tariff of their own.",
    )
    .unit("CURRENCY"),
    new(
        Rides,
        "FARE_PER_KM",
        "1",
        "And what each kilometre by street adds to it; may have three decimals more, since the fare is rounded as a whole.",
    )
    .unit("CURRENCY a kilometre"),
    new(
        Rides,
        "FARE_SOURCE",
        "app",
        "Whose word the fare of a ride is. app: what the app names, 0 included, else the tariff. server: the tariff for the way \
         as the server estimates it, whatever the app names. app_within: what the app names, as long as it differs from the \
         server's by no more than FARE_BAND_PERCENT; otherwise the server's. The answer shows the fare that holds.",
    ),
    new(
        Rides,
        "FARE_BAND_PERCENT",
        "20",
        "With FARE_SOURCE=app_within, how much the app's fare may differ from the server's, up or down. Routes by street and \
         the estimate from the great circle differ by some 20 %.",
    )
    .unit("per cent"),
    new(
        Rides,
        "DETOUR_FACTOR",
        "1.3",
        "How much longer streets are than the great circle, from 1 to 10, for fares and arrival times while no routing service \
         says more. Street grids of cities have 1.2 to 1.4.",
    ),
    new(
        Rides,
        "TRAVEL_SPEED_KMH",
        "25",
        "How fast a vehicle gets on in the city, stops included, from 1 to 300: what arrival times are made of.",
    )
    .unit("km/h"),
    new(
        Rides,
        "FINAL_FARE",
        "estimated",
        "estimated: a completed ride costs what was said before it. track: the tariff for the way that its driver's positions \
         recorded, or the estimate where there are none.",
    ),
    new(
        Rides,
        "DRIVER_LOST_AFTER_SECS",
        "120",
        "With neither a position nor a connection of a ride's driver for so long before the pickup, the passenger hears that \
         the driver can't be reached, and the log and a counter tell the operator.",
    )
    .unit("seconds"),
    new(
        Rides,
        "OFFER_LOST_RIDES_AGAIN",
        "false",
        "Whether such a ride is then taken from its driver and offered to others. A phone whose battery is empty does not \
         keep its driver from coming, so an operator decides unless told otherwise.",
    ),
    new(
        Rides,
        "ROOM_STALE_SECS",
        "45",
        "With no position of a ride's driver for so long its followers are told. Apps send one every 10 to 30 s.",
    )
    .unit("seconds"),
    new(
        Rides,
        "ROOM_MEMBERS_MAX",
        "100",
        "Connections that may follow one ride; one more is refused with room_full. Each position goes to all of them.",
    )
    .unit("connections"),
    new(
        Rides,
        "RIDES_JOINED_MAX",
        "50",
        "Rides that one connection may follow; one more is refused with too_many_rides. An operator's screen has some dozens.",
    )
    .unit("rides"),
    new(
        Matching,
        "MATCH_MODE",
        "auto",
        "auto: the nearest driver is bound to the ride at once. offer: drivers are asked, and the first who accepts has it.",
    )
    .production("offer"),
    new(
        Matching,
        "OFFER_DETAIL",
        "full",
        "What a driver sees of a ride that is only offered to them. full: all but whom to call, as the apps' contract shows it. \
         rounded: the pickup as it is, the drop-off to some 100 m without its address, and in the passenger's place an id that is \
         good for this ride alone. Whoever takes the ride sees all of it, by REST.",
    ),
    new(
        Matching,
        "OFFER_BATCH_SIZE",
        "5",
        "Drivers who are asked at a time, the nearest first. More find somebody sooner, and disappoint more who lose.",
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
        "How long a driver's device has to confirm an offer. One that does not may still accept it, but the next driver is asked \
         at once: a phone in a tunnel must not cost the passenger the whole window.",
    )
    .unit("milliseconds"),
    new(
        Matching,
        "MAX_OFFERS_PER_DRIVER",
        "3",
        "Open offers that a driver may hold, of all searches; one who holds as many is passed over until one of them ends.",
    )
    .unit("offers"),
    new(
        Matching,
        "SEARCH_DEADLINE_SECS",
        "120",
        "How long a driver is looked for before the passenger hears that there is none.",
    )
    .unit("seconds"),
    new(
        Matching,
        "SEARCH_RADIUS_M",
        "10000",
        "How far from the pickup drivers are looked for, from 50 m to 200 km; with MATCH_MODE=offer also growing steps such as \
         3000,5000,10000, the next one when nobody within the last is left. auto takes the last.",
    )
    .unit("metres"),
    new(
        Matching,
        "AUTO_ASSIGN_RADIUS_M",
        "10000",
        "How far from an order's pickup auto-assign looks for a driver, from 50 m to 200 km. Orders wait for their food, so \
         it may be further than a ride's driver would come.",
    )
    .unit("metres"),
    new(
        Matching,
        "AUTO_ASSIGN_TRIES",
        "20",
        "How many of the nearest drivers auto-assign tries, since each may have taken another order a moment ago.",
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
        "How long it is kept which operator or program changed or read what of whom: long enough for a question that comes late.",
    )
    .unit("days"),
    new(
        Retention,
        "TRACE_RETENTION_DAYS",
        "30",
        "How long it is kept whom searches looked at and why they were not asked; who was asked, and what became of it, for as \
         long as events at least.",
    )
    .unit("days"),
    new(
        Retention,
        "JOB_RETENTION_DAYS",
        "",
        "How long orders, rides and bookings are kept after their end, with ratings and what payment services told of them, and \
         not before their events have gone. Of what drivers earned with them the sums of each day stay. Set it to what your \
         books demand.",
    )
    .unit("days")
    .otherwise("for ever"),
];
