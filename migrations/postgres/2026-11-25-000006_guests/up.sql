-- An account that was made for one ride of the matching app: nobody logs in to it, and it goes when its ride has long ended.
-- Its customer id is its own id negated, so that customers' own numbers have no gaps.
ALTER TABLE accounts ADD COLUMN is_guest BOOLEAN NOT NULL DEFAULT FALSE;

-- What opens a guest's ride again.
CREATE TABLE guests (
    account_id BIGINT PRIMARY KEY NOT NULL REFERENCES accounts (id),
    -- Hashes of the key that the ride was opened with, and of the one given last to who came back without it.
    key_hash TEXT NOT NULL,
    later_key_hash TEXT,
    -- The address that opened it; of IPv6 the network.
    opened_from TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX guests_by_time ON guests (created_at);
