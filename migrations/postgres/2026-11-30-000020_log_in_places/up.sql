-- From where somebody has logged in to an account: there its password is taken while guesses from elsewhere have to wait. A place
-- is an address (of IPv6 the network), as its keyed hash.
CREATE TABLE log_in_places (
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    place TEXT NOT NULL,
    used_at TIMESTAMP NOT NULL,
    PRIMARY KEY (account_id, place)
);

-- How often an operator has unlocked an account. Guesses are counted anew from each time on.
CREATE TABLE log_in_unlocks (
    account_id BIGINT PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    unlocks BIGINT NOT NULL
);
