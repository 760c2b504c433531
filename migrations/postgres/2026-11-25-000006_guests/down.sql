DROP TABLE guests;
ALTER TABLE accounts DROP COLUMN is_guest;
