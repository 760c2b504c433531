CREATE INDEX jobs_services_of_customer ON jobs (customer_id, id) WHERE kind = 'service';
CREATE INDEX jobs_rides_of_customer ON jobs (customer_id, id) WHERE kind = 'ride';
DROP INDEX jobs_by_driver;
CREATE INDEX jobs_by_driver ON jobs (driver_id, status);
DROP INDEX jobs_of_customer_by_status;
DROP INDEX jobs_by_kind;
