-- Looking for a ride's driver. A ride that a driver gives back is searched for anew: one open search at a time.
CREATE TABLE searches (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    job_id BIGINT NOT NULL REFERENCES jobs (id),
    patience TEXT NOT NULL CHECK (patience IN ('until_deadline', 'while_anybody_is_left')),
    opened_at TIMESTAMP NOT NULL,
    deadline TIMESTAMP NOT NULL,
    -- How many times the radius grew.
    step BIGINT NOT NULL DEFAULT 0,
    ended_at TIMESTAMP,
    ended_as TEXT CHECK (ended_as IN ('assigned', 'cancelled', 'no_drivers')),
    CHECK ((ended_at IS NULL) = (ended_as IS NULL))
);
CREATE UNIQUE INDEX searches_open ON searches (job_id) WHERE ended_at IS NULL;
CREATE INDEX searches_by_job ON searches (job_id, id);

-- Proposals of a ride to a driver. The key says that nobody is offered a ride twice. When the driver's device confirmed one
-- stands with the event that told them of it.
CREATE TABLE offers (
    job_id BIGINT NOT NULL REFERENCES jobs (id),
    driver_id BIGINT NOT NULL REFERENCES drivers (id),
    search_id BIGINT NOT NULL REFERENCES searches (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    offered_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    -- When and how it ended; empty while it is open.
    ended_at TIMESTAMP,
    outcome TEXT CHECK (outcome IN ('accepted', 'declined', 'taken', 'expired', 'cancelled', 'withdrawn')),
    CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    PRIMARY KEY (job_id, driver_id)
);
CREATE INDEX offers_open ON offers (driver_id) WHERE outcome IS NULL;

-- Rides for later, so that what is due is found without looking at all.
CREATE INDEX jobs_scheduled ON jobs (scheduled_at) WHERE kind = 'ride' AND status = 'requested' AND scheduled_at IS NOT NULL;
