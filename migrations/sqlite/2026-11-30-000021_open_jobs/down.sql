DROP INDEX jobs_asked_from;
ALTER TABLE jobs DROP COLUMN asked_from;
DROP INDEX jobs_open_of_customer;
