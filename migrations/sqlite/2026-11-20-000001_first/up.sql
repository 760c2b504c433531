-- Times are UTC. Money is in hundredths of the configured currency.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    public_id TEXT NOT NULL UNIQUE,
    username TEXT NOT NULL UNIQUE,
    phone_number TEXT UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('driver', 'customer', 'admin', 'service')),
    password_hash TEXT,
    is_suspended BOOLEAN NOT NULL DEFAULT FALSE,
    is_demo BOOLEAN NOT NULL DEFAULT FALSE,
    -- Tokens issued before this second are refused.
    tokens_valid_from BIGINT NOT NULL DEFAULT 0,
    -- The number of the newest durable event; the next one is this plus one.
    last_event_id BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE drivers (
    id INTEGER PRIMARY KEY NOT NULL,
    account_id BIGINT NOT NULL UNIQUE REFERENCES accounts (id),
    vehicle_type TEXT NOT NULL,
    license_number TEXT,
    vehicle_registration TEXT,
    vehicle_color TEXT,
    is_verified BOOLEAN NOT NULL DEFAULT FALSE,
    wants TEXT NOT NULL CHECK (wants IN ('online', 'paused', 'offline')),
    -- Follows from what the driver wants and holds; written in the same transaction as either.
    status TEXT NOT NULL CHECK (status IN ('available', 'busy', 'offline')),
    rating DOUBLE NOT NULL DEFAULT 5.0,
    rating_count BIGINT NOT NULL DEFAULT 0,
    latitude DOUBLE,
    longitude DOUBLE,
    heading DOUBLE,
    speed DOUBLE,
    position_at TIMESTAMP,
    -- False for a position that was seeded or set by an operator: it does not age.
    position_measured BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX drivers_by_status ON drivers (status);

CREATE TABLE customers (
    id INTEGER PRIMARY KEY NOT NULL,
    account_id BIGINT NOT NULL UNIQUE REFERENCES accounts (id),
    time_zone TEXT
);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    public_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('delivery', 'ride', 'service')),
    status TEXT NOT NULL CHECK (status IN ('requested', 'assigned', 'en_route', 'arrived', 'in_progress', 'completed', 'cancelled', 'unmatched')),
    customer_id BIGINT REFERENCES customers (id),
    driver_id BIGINT REFERENCES drivers (id),
    restaurant_name TEXT NOT NULL,
    pickup_address TEXT NOT NULL,
    pickup_latitude DOUBLE,
    pickup_longitude DOUBLE,
    dropoff_address TEXT NOT NULL,
    dropoff_latitude DOUBLE,
    dropoff_longitude DOUBLE,
    -- What the driver earns with it.
    earnings_minor BIGINT NOT NULL,
    distance_km DOUBLE NOT NULL,
    requested_at TIMESTAMP NOT NULL,
    assigned_at TIMESTAMP,
    set_out_at TIMESTAMP,
    arrived_at TIMESTAMP,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    cancelled_at TIMESTAMP,
    cancelled_by TEXT,
    cancel_reason TEXT,
    -- Who gave it back last.
    rejected_by BIGINT REFERENCES drivers (id),
    is_demo BOOLEAN NOT NULL DEFAULT FALSE,
    -- A driver is bound exactly while the job is held, and stays named after its end.
    CHECK (status <> 'requested' OR driver_id IS NULL),
    CHECK (status NOT IN ('assigned', 'en_route', 'arrived', 'in_progress') OR driver_id IS NOT NULL)
);
CREATE INDEX jobs_by_driver ON jobs (driver_id, status);
CREATE INDEX jobs_by_status ON jobs (kind, status, id);
CREATE INDEX jobs_completed ON jobs (driver_id, completed_at) WHERE completed_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_one_active_ride ON jobs (driver_id)
    WHERE kind = 'ride' AND status IN ('assigned', 'en_route', 'arrived', 'in_progress');
CREATE UNIQUE INDEX jobs_open_public_id ON jobs (public_id)
    WHERE status IN ('requested', 'assigned', 'en_route', 'arrived', 'in_progress');

-- Drivers who gave a job back are not offered it again.
CREATE TABLE job_declines (
    job_id BIGINT NOT NULL REFERENCES jobs (id),
    driver_id BIGINT NOT NULL REFERENCES drivers (id),
    declined_at TIMESTAMP NOT NULL,
    PRIMARY KEY (job_id, driver_id)
);

CREATE TABLE events (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    event_id BIGINT NOT NULL,
    job_id BIGINT REFERENCES jobs (id),
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    -- When and over which contract a device's socket answered for it.
    confirmed_at TIMESTAMP,
    confirmed_over TEXT,
    -- When the app said that it has processed it.
    processed_at TIMESTAMP,
    PRIMARY KEY (account_id, event_id)
) WITHOUT ROWID;
CREATE INDEX events_unconfirmed ON events (account_id, event_id) WHERE confirmed_at IS NULL;
CREATE INDEX events_by_time ON events (created_at);
CREATE INDEX events_by_job ON events (job_id);

CREATE TABLE driver_locations (
    id INTEGER PRIMARY KEY NOT NULL,
    driver_id BIGINT NOT NULL,
    latitude DOUBLE NOT NULL,
    longitude DOUBLE NOT NULL,
    accuracy DOUBLE,
    heading DOUBLE,
    speed DOUBLE,
    battery_level DOUBLE,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX driver_locations_by_driver ON driver_locations (driver_id, created_at);

CREATE TABLE refresh_tokens (
    id TEXT PRIMARY KEY NOT NULL,
    family TEXT NOT NULL,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    issued_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    used_at TIMESTAMP,
    successor TEXT,
    revoked_at TIMESTAMP
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_by_account ON refresh_tokens (account_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE idempotency_keys (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    route TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    response TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (account_id, route, idempotency_key)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);
