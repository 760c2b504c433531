//! The settings of the server itself: where it listens, where its data is, whom it believes.

use super::Section::{Database, Listening, Profile, Region, Tokens};
use super::{Setting, new};

pub(super) const SETTINGS: &[Setting] = &[
    new(
        Profile,
        "FLEETWIRE_PROFILE",
        "development",
        "development starts with no settings at all: demo data, a console, a secret of its own making. production has \
         none of these comforts and refuses to start without its own secrets.",
    ),
    new(
        Listening,
        "BIND",
        "127.0.0.1:8000,127.0.0.1:8067",
        "Comma-separated addresses to listen on, each with its port (0: one of the system's choosing). Loopback unless \
         told otherwise, so that a trial is not on the network by accident.",
    ),
    new(
        Listening,
        "TLS_CERT_FILE",
        "",
        "PEM file with the certificate chain, to serve https and wss directly. Together with TLS_KEY_FILE or not at all. \
         A proxy in front may do it instead.",
    ),
    new(Listening, "TLS_KEY_FILE", "", "PEM file with the certificate's private key."),
    new(
        Listening,
        "TRUSTED_PROXIES",
        "",
        "Comma-separated networks (10.0.0.0/8) or addresses of proxies in front, whose CLIENT_ADDRESS_HEADER is believed. \
         Anybody else's could evade the limits for an address, so nobody is by default.",
    ),
    new(
        Listening,
        "CLIENT_ADDRESS_HEADER",
        "X-Forwarded-For",
        "The one header in which TRUSTED_PROXIES say whose request it is; every other is ignored, since a proxy passes on \
         what clients write in headers that it does not know. X-Forwarded-For and Forwarded are lists, read from the \
         right; any other (X-Real-IP, CF-Connecting-IP) is one address, which the proxy must set in place of the client's.",
    ),
    new(
        Listening,
        "KEEP_ALIVE_SECS",
        "75",
        "How long a connection may wait for its next request. Longer than the 60 s for which load balancers and clients' \
         pools keep theirs: who ends it must not be us, or a POST that is sent that very moment gets no answer and can't \
         be sent again.",
    )
    .unit("seconds"),
    new(
        Listening,
        "CORS_ALLOWED_ORIGINS",
        "http://localhost:*,https://localhost:*,http://127.0.0.1:*,http://[::1]:*,capacitor://localhost,ionic://localhost",
        "Comma-separated origins of the browser apps that may call the API; the port may be *. Packaged apps have one of \
         their own: capacitor://localhost, ionic://localhost, and https://localhost on Android.",
    )
    .production("")
    .otherwise("no browser app of another origin"),
    new(
        Listening,
        "ALLOWED_HOSTS",
        "localhost,*.localhost,*.internal,ip-literals,single-words",
        "Comma-separated names under which the server answers; a request for another one is refused with 421. A web page whose \
         name is made to lead to this machine could otherwise read what is open to it. *.example.com is every name below one, \
         ip-literals every address (emulators and phones in the same network), single-words every name without a dot (this \
         machine's own, a container's), * every name. With a tunnel or a proxy in front, add the name that apps use.",
    )
    .production("")
    .otherwise("any name"),
    new(
        Listening,
        "CONSOLE",
        "true",
        "The operator's console at /. Demo log-ins stand on it in development only, and only on loopback.",
    )
    .production("false"),
    new(
        Listening,
        "METRICS_PUBLIC",
        "true",
        "/metrics, /docs/ and the API documents without a token. They tell how much business there is, so elsewhere than on \
         a developer's own machine an admin's token is asked for.",
    )
    .production("false")
    .exposed("false"),
    new(Listening, "WORKERS", "", "Threads that serve HTTP and sockets.")
        .unit("threads")
        .otherwise("one for each core"),
    new(
        Database,
        "DATABASE_URL",
        "sqlite://fleetwire.db",
        "sqlite://PATH (sqlite:///var/lib/fleetwire.db is absolute) or postgres://USER:PASSWORD@HOST/DATABASE. \
         sslmode=require and stricter need a binary that was built with the cargo feature pg-tls.",
    ),
    new(
        Database,
        "DB_CONNECTIONS",
        "",
        "Connections held open. SQLite: those that read, beside the one that writes. PostgreSQL: all; more than its cores \
         can serve only wait there instead of here.",
    )
    .unit("connections")
    .otherwise("SQLite one for each core, from 2 to 8; PostgreSQL 8"),
    new(
        Database,
        "DB_QUEUE_MAX",
        "1024",
        "Decisions that may wait for the database; further ones are refused with 503, since who waits longer than that has \
         given up.",
    )
    .unit("decisions"),
    new(
        Database,
        "DB_TIMEOUT_MS",
        "2500",
        "How long a decision may take, waiting included, before it is refused with 503. Apps give up on a request after \
         some 5 s, and should hear before that.",
    )
    .unit("milliseconds"),
    new(
        Database,
        "DECISION_DURABILITY",
        "full",
        "full: a decision is answered after the disk has it (SQLite synchronous=FULL, PostgreSQL synchronous_commit=on); \
         costs a wait for the disk each time. normal: before (NORMAL, off); a power cut may then lose the last moments' \
         decisions, although they were answered. A crash of the process alone loses nothing either way.",
    ),
    new(
        Database,
        "POSITION_DURABILITY",
        "normal",
        "The same for positions, which come again within seconds: a power cut may lose the last moments' of them. full \
         costs a wait for the disk for each batch.",
    ),
    new(
        Tokens,
        "JWT_SECRET",
        "",
        "HS256 secret that signs tokens, its raw bytes, at least 32. Whoever has it can be anybody. Make one with: \
         openssl rand -base64 48",
    )
    .otherwise("made at the first start and kept beside the database; production refuses to start")
    .secret(),
    new(
        Tokens,
        "JWT_SECRET_PREVIOUS",
        "",
        "The JWT_SECRET before this one, while tokens that were signed with it are to stay good. Take it away when the longest \
         of them has ended.",
    )
    .otherwise("tokens of another secret are refused")
    .secret(),
    new(
        Tokens,
        "JWT_PUBLIC_KEY_FILE",
        "",
        "PEM file with the public key of an outside issuer (RSA: RS256, P-256: ES256), tokens of which are accepted beside \
         ours.",
    ),
    new(
        Tokens,
        "JWT_ISSUER",
        "",
        "The iss that outside tokens must have. In production it goes with the key: an issuer signs for others, too.",
    )
    .otherwise("not asked for; production demands it with a key"),
    new(Tokens, "JWT_AUDIENCE", "", "The aud that outside tokens must have.")
        .otherwise("not asked for; production demands it with a key"),
    new(
        Tokens,
        "JWT_ROLES",
        "driver,customer",
        "Accounts of which roles outside tokens may let in: some of driver, customer, admin, dispatcher, viewer, service, with commas between. \
         Whoever can make the issuer sign can be all of these.",
    ),
    new(
        Tokens,
        "ACCESS_TOKEN_TTL_SECS",
        "3600",
        "How long an access token is good for. What it says is checked against the account all the same, so this bounds \
         only how long a stolen one is of use.",
    )
    .unit("seconds"),
    new(
        Tokens,
        "REFRESH_TOKEN_TTL_SECS",
        "2592000",
        "How long a refresh token is good for: an app unused for longer asks for the password again.",
    )
    .unit("seconds"),
    new(Tokens, "ALLOW_REGISTRATION", "true", "Whether anybody may make a customer account (auth/register).")
        .production("false"),
    new(
        Tokens,
        "OPERATORS_NEED_SECOND_FACTOR",
        "false",
        "Whether no operator is let in with a password alone. One without a second factor makes it at the next log-in.",
    ),
    new(Region, "TIME_ZONE", "UTC", "IANA name, such as Africa/Douala, of the zone whose days earnings are counted in."),
    new(
        Region,
        "CURRENCY",
        "USD",
        "ISO 4217 code of earnings and fares, which says how many decimals they have, too: none in XAF and JPY, three in \
         KWD. Jobs keep the one that they were made in.",
    ),
];
