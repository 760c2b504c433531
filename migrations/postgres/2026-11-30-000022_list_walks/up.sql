-- Each list is one walk of an index that ends with the page, whatever it is filtered by. Everybody's jobs of a kind, newest first:
CREATE INDEX jobs_by_kind ON jobs (kind, id);
-- One's own, in one status.
CREATE INDEX jobs_of_customer_by_status ON jobs (customer_id, kind, status, id);
DROP INDEX jobs_by_driver;
CREATE INDEX jobs_by_driver ON jobs (driver_id, status, kind, id);
-- jobs_of_customer begins as these do.
DROP INDEX jobs_rides_of_customer;
DROP INDEX jobs_services_of_customer;
