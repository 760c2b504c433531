//! The table of all settings: names, defaults, units and reasons. `.env.example` is made from it, and the defaults are read
//! from it, so that neither can differ from what the server does.

/// Part of `.env.example` that a setting stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Profile,
    Listening,
    Database,
    Tokens,
    Region,
    Limits,
    Sessions,
    Delivery,
    Positions,
    Rides,
    Retention,
}

impl Section {
    pub const fn title(self) -> &'static str {
        match self {
            Section::Profile => "Profile",
            Section::Listening => "Listening",
            Section::Database => "Database",
            Section::Tokens => "Tokens and accounts",
            Section::Region => "Region",
            Section::Limits => "Limits on clients",
            Section::Sessions => "Sessions",
            Section::Delivery => "Delivery",
            Section::Positions => "Positions",
            Section::Rides => "Rides",
            Section::Retention => "Retention",
        }
    }
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    pub section: Section,
    /// In development; empty for none.
    pub default: &'static str,
    /// In production, where it differs.
    pub production: Option<&'static str>,
    /// In development when listening beyond this machine, where it differs.
    pub exposed: Option<&'static str>,
    /// What happens where there is no default.
    pub otherwise: &'static str,
    pub unit: &'static str,
    /// What it means, and why it is what it is.
    pub meaning: &'static str,
    /// Never shown.
    pub secret: bool,
}

const fn new(section: Section, name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        section,
        default,
        production: None,
        exposed: None,
        otherwise: "none",
        unit: "",
        meaning,
        secret: false,
    }
}

impl Setting {
    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    const fn production(mut self, default: &'static str) -> Self {
        self.production = Some(default);
        self
    }

    const fn exposed(mut self, default: &'static str) -> Self {
        self.exposed = Some(default);
        self
    }

    const fn otherwise(mut self, what: &'static str) -> Self {
        self.otherwise = what;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

use Section::*;

/// Every setting, in the order of `.env.example`.
pub const SETTINGS: &[Setting] = &[
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
        "Comma-separated networks (10.0.0.0/8) or addresses whose Forwarded and X-Forwarded-For are believed. Anybody \
         else's could evade the limits for an address, so nobody is by default.",
    ),
    new(
        Listening,
        "CORS_ALLOWED_ORIGINS",
        "http://localhost:*,https://localhost:*,http://127.0.0.1:*,http://[::1]:*",
        "Comma-separated origins of the browser apps that may call the API; the port may be *.",
    )
    .production("")
    .otherwise("no browser app of another origin"),
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
    new(Region, "TIME_ZONE", "UTC", "IANA name, such as Africa/Douala, of the zone whose days earnings are counted in."),
    new(Region, "CURRENCY", "USD", "ISO 4217 code of earnings and fares."),
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
        "Log-ins to one name with a wrong password, whoever tries; over it 429. Makes guessing a password hopeless, and a \
         typing error no harm.",
    )
    .unit("log-ins a minute"),
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
        "Messages of one socket, four times as many at once; over it 1008. A phone that was offline sends what it has \
         gathered.",
    )
    .unit("messages a second"),
    new(
        Limits,
        "BAD_MESSAGES_PER_MINUTE",
        "60",
        "Messages of one socket that could not be understood; over it 1008. A single one never costs the connection.",
    )
    .unit("messages a minute"),
    new(
        Limits,
        "MAX_DELIVERIES_PER_DRIVER",
        "5",
        "Deliveries that a driver may hold at a time; one more is 409 driver_full.",
    )
    .unit("deliveries"),
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
        "FARE_BASE",
        "2",
        "What a ride costs before its first kilometre, in CURRENCY with at most two decimals, where the app names no fare. An \
         example: every operator has a tariff of their own.",
    )
    .unit("CURRENCY"),
    new(
        Rides,
        "FARE_PER_KM",
        "1",
        "And what each kilometre by street adds to it.",
    )
    .unit("CURRENCY a kilometre"),
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
];

/// The setting of that name.
///
/// # Panics
/// If there is none: names are written in the code, never by an operator.
pub(super) fn setting(name: &str) -> &'static Setting {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .unwrap_or_else(|| panic!("{name} is not in the table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sections_stand_together() {
        let mut seen = Vec::new();
        let mut sections = Vec::new();
        for setting in SETTINGS {
            assert!(!seen.contains(&setting.name), "{} twice", setting.name);
            seen.push(setting.name);
            if sections.last() != Some(&setting.section) {
                assert!(!sections.contains(&setting.section), "{:?} is torn apart", setting.section);
                sections.push(setting.section);
            }
        }
    }
}
