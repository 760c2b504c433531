DROP INDEX accounts_by_role;
-- The program of before has no role for them that is not more: they are suspended.
ALTER TABLE accounts ADD COLUMN role_of_four TEXT NOT NULL DEFAULT 'customer'
    CHECK (role_of_four IN ('driver', 'customer', 'admin', 'service'));
UPDATE accounts SET is_suspended = TRUE WHERE role IN ('dispatcher', 'viewer');
UPDATE accounts SET role_of_four = role WHERE role IN ('driver', 'admin', 'service');
UPDATE accounts SET role_of_four = 'service' WHERE role IN ('dispatcher', 'viewer');
ALTER TABLE accounts DROP COLUMN role;
ALTER TABLE accounts RENAME COLUMN role_of_four TO role;
