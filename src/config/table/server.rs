//! The settings of the server itself: where it listens, where its data is, and which proxies and issuers it trusts.

use super::Section::{Database, Listening, Log, Profile, Region, Tokens};
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        Profile,
        "FLEETWIRE_PROFILE",
        "development",
        "development starts with no settings at all: demo data, a console, a generated secret. production has none of \
         these and refuses to start until its secrets are set.",
    ),
    new(
        Listening,
        "BIND",
        "127.0.0.1:8000,127.0.0.1:8067",
        "Comma-separated addresses to listen on, each with its port (0: a port that the system chooses). Loopback by \
         default, so that a trial is not on the network by accident.",
    ),
    new(
        Listening,
        "TLS_CERT_FILE",
        "",
        "PEM file with the certificate chain, to serve https and wss directly. Set it together with TLS_KEY_FILE, or \
         set neither and let a proxy in front do it.",
    ),
    new(Listening, "TLS_KEY_FILE", "", "PEM file with the certificate's private key."),
    new(
        Listening,
        "TRUSTED_PROXIES",
        "",
        "Comma-separated networks (10.0.0.0/8) or addresses of proxies in front whose CLIENT_ADDRESS_HEADER is \
         believed. By default nobody's is, since clients could use it to evade the limits for an address.",
    ),
    new(
        Listening,
        "CLIENT_ADDRESS_HEADER",
        "X-Forwarded-For",
        "The one header in which TRUSTED_PROXIES name the client's address. All others are ignored, since a proxy \
         passes on whatever clients write in headers that it does not know. X-Forwarded-For and Forwarded are lists, \
         read from the right; any other (X-Real-IP, CF-Connecting-IP) is one address, which the proxy must set in \
         place of the client's.",
    ),
    new(
        Listening,
        "KEEP_ALIVE_SECS",
        "75",
        "How long a connection may wait for its next request. Longer than the 60 s for which load balancers and \
         clients' pools keep theirs: they must close it first, or a POST that is sent at that very moment gets no \
         answer and can't be sent again.",
    )
    .unit("seconds"),
    new(
        Listening,
        "CORS_ALLOWED_ORIGINS",
        "http://localhost:*,https://localhost:*,http://127.0.0.1:*,http://[::1]:*,capacitor://localhost,ionic://localhost",
        "Comma-separated origins of the browser apps that may call the API; the port may be *. Packaged apps have \
         origins of their own: capacitor://localhost, ionic://localhost, and https://localhost on Android.",
    )
    .production("")
    .otherwise("no browser app of another origin"),
    new(
        Listening,
        "ALLOWED_HOSTS",
        "localhost,*.localhost,*.internal,ip-literals,single-words",
        "Comma-separated host names that the server answers to; a request for another name is refused with 421. \
         Otherwise a web page whose name is made to resolve to this machine could read what is open to it. \
         *.example.com means every name below it, ip-literals every address (emulators and phones in the same \
         network), single-words every name without a dot (this machine's, a container's), * every name. With a tunnel \
         or a proxy in front, add the name that apps use.",
    )
    .production("")
    .otherwise("any name"),
    new(
        Listening,
        "CONSOLE",
        "true",
        "The operator's console at /. It offers demo log-ins in development only, and only on loopback.",
    )
    .production("false"),
    new(
        Listening,
        "METRICS_PUBLIC",
        "true",
        "/metrics, /docs/ and the API documents without a token. They show how much business there is, so an admin's \
         token is required except on a developer's own machine.",
    )
    .production("false")
    .exposed("false"),
    new(Listening, "WORKERS", "", "Threads that serve HTTP and sockets.")
        .unit("threads")
        .otherwise("one for each core"),
    new(
        Log,
        "LOG_FORMAT",
        "text",
        "The form of the log's lines: text, for people, or json, one object for each line, for what collects logs. What \
         is logged is chosen with RUST_LOG. SIGHUP reads both again from .env.",
    ),
    new(
        Database,
        "DATABASE_URL",
        "sqlite://fleetwire.db",
        "sqlite://PATH (sqlite:///var/lib/fleetwire.db is absolute) or postgres://USER:PASSWORD@HOST/DATABASE. \
         sslmode=require and stricter modes need a binary built with the cargo feature pg-tls.",
    ),
    new(
        Database,
        "DB_CONNECTIONS",
        "",
        "Connections held open. SQLite: those that read, besides the one that writes. PostgreSQL: all of them; more \
         than its cores can serve would only wait there instead of here.",
    )
    .unit("connections")
    .otherwise("SQLite one for each core, from 2 to 8; PostgreSQL 8"),
    new(
        Database,
        "DB_QUEUE_MAX",
        "1024",
        "Decisions that may wait for the database. Further ones are refused with 503, since clients give up before a \
         longer queue would reach them.",
    )
    .unit("decisions"),
    new(
        Database,
        "DB_TIMEOUT_MS",
        "2500",
        "How long a decision may take, waiting included, before it is refused with 503. Apps give up on a request \
         after about 5 s and should get the answer before that.",
    )
    .unit("milliseconds"),
    new(
        Database,
        "DECISION_DURABILITY",
        "full",
        "full: a decision is answered once it is on disk (SQLite synchronous=FULL, PostgreSQL synchronous_commit=on), \
         which costs a wait for the disk each time. normal: it is answered before that (NORMAL, off); a power cut may \
         then lose the last moments' decisions, although they were answered. A crash of the process alone loses \
         nothing either way.",
    ),
    new(
        Database,
        "POSITION_DURABILITY",
        "normal",
        "The same for positions. New ones arrive within seconds, so a power cut may cost those of the last moments. \
         full costs a wait for the disk for each batch.",
    ),
    new(
        Tokens,
        "JWT_SECRET",
        "",
        "HS256 secret that signs tokens: its raw bytes, at least 32. Anyone who has it can impersonate any account. \
         Make one with: openssl rand -base64 48",
    )
    .otherwise("made at the first start and kept next to the database; production refuses to start")
    .secret(),
    new(
        Tokens,
        "JWT_SECRET_PREVIOUS",
        "",
        "The previous JWT_SECRET, for as long as tokens signed with it are to stay valid. Remove it when the last of \
         them has expired.",
    )
    .otherwise("tokens signed with another secret are refused")
    .secret(),
    new(
        Tokens,
        "JWT_PUBLIC_KEY_FILE",
        "",
        "PEM file with the public key of an outside issuer (RSA: RS256, P-256: ES256) whose tokens are accepted \
         besides our own.",
    ),
    new(
        Tokens,
        "JWT_ISSUER",
        "",
        "The iss that outside tokens must have. Production requires it with the key, since an issuer also signs for \
         others.",
    )
    .otherwise("not checked; production requires it with a key"),
    new(Tokens, "JWT_AUDIENCE", "", "The aud that outside tokens must have.")
        .otherwise("not checked; production requires it with a key"),
    new(
        Tokens,
        "JWT_ROLES",
        "driver,customer",
        "Comma-separated roles whose accounts outside tokens may let in, out of driver, customer, admin, dispatcher, \
         viewer and service. Anyone who can make the issuer sign can impersonate all of these accounts.",
    ),
    new(
        Tokens,
        "ACCESS_TOKEN_TTL_SECS",
        "3600",
        "How long an access token is valid. Its claims are checked against the account in any case, so this only \
         bounds how long a stolen one is of use.",
    )
    .unit("seconds"),
    new(
        Tokens,
        "REFRESH_TOKEN_TTL_SECS",
        "2592000",
        "How long a refresh token is valid: an app that is unused for longer asks for the password again.",
    )
    .unit("seconds"),
    new(
        Tokens,
        "ALLOW_REGISTRATION",
        "true",
        "Whether anyone may create a customer account (auth/register).",
    )
        .production("false"),
    new(
        Tokens,
        "OPERATORS_NEED_SECOND_FACTOR",
        "false",
        "Whether operators need a second factor besides the password. An operator without one sets it up at the next \
         log-in.",
    ),
    new(
        Region,
        "TIME_ZONE",
        "UTC",
        "IANA name, such as Africa/Douala, of the time zone in whose days earnings are counted.",
    ),
    new(
        Region,
        "CURRENCY",
        "USD",
        "ISO 4217 code of the currency of earnings and fares. It also says how many decimals they have: none in XAF \
         and JPY, three in KWD. Jobs keep the currency that they were created in.",
    ),
];
