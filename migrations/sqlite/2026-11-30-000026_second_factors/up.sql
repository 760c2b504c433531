-- The second factor of an operator: a secret that an authenticator app has, too. In base32, as the app takes it.
CREATE TABLE second_factors (
    account_id BIGINT PRIMARY KEY NOT NULL REFERENCES accounts (id),
    -- The one in force.
    secret TEXT,
    -- One that waits for a code of it, to come into force.
    pending_secret TEXT,
    -- The newest time step of which a code was taken: it and those before are good no more.
    last_step BIGINT NOT NULL DEFAULT 0,
    -- Wrong codes in a row, and until when no further one is looked at.
    failures BIGINT NOT NULL DEFAULT 0,
    blocked_until TIMESTAMP
);

-- Each opens once, for who has lost the app. Hashed, of 80 random bits.
CREATE TABLE recovery_codes (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    code_hash TEXT NOT NULL,
    PRIMARY KEY (account_id, code_hash)
);
