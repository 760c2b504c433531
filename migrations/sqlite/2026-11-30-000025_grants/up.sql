-- Each log-in with a password (a family of refresh tokens), and each token that was made for a program or an operator: what is
-- listed, and can be revoked one by one. The id is the `sid` of its tokens.
CREATE TABLE grants (
    id TEXT PRIMARY KEY NOT NULL,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('password', 'token')),
    -- The device or the program, as it calls itself.
    name TEXT NOT NULL,
    began_at TIMESTAMP NOT NULL,
    -- To a minute or so.
    last_used_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP
);
CREATE INDEX grants_by_account ON grants (account_id, began_at, id);
CREATE INDEX grants_by_expiry ON grants (expires_at);
CREATE INDEX grants_revoked ON grants (revoked_at) WHERE revoked_at IS NOT NULL;

-- Those that go on: a family has one token that was not used yet.
INSERT INTO grants (id, account_id, kind, name, began_at, last_used_at, expires_at)
SELECT newest.family, newest.account_id, 'password', 'unknown', COALESCE(oldest.issued_at, newest.issued_at),
    newest.issued_at, newest.expires_at
FROM refresh_tokens AS newest LEFT JOIN refresh_tokens AS oldest ON oldest.id = newest.family
WHERE newest.used_at IS NULL AND newest.revoked_at IS NULL
ON CONFLICT (id) DO NOTHING;

-- When somebody last took away what the account was let in with, so that a server hears of it whose process did not do it.
ALTER TABLE accounts ADD COLUMN access_revoked_at TIMESTAMP;
CREATE INDEX accounts_revoked ON accounts (access_revoked_at) WHERE access_revoked_at IS NOT NULL;
-- Until then the password is good for one thing: setting another one.
ALTER TABLE accounts ADD COLUMN password_once_until TIMESTAMP;
