ALTER TABLE accounts DROP COLUMN password_once_until;
DROP INDEX accounts_revoked;
ALTER TABLE accounts DROP COLUMN access_revoked_at;
DROP TABLE grants;
