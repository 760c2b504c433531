CREATE INDEX jobs_services_of_driver ON jobs (driver_id, id) WHERE kind = 'service';
CREATE INDEX jobs_rides_of_driver ON jobs (driver_id, id) WHERE kind = 'ride';
DROP INDEX jobs_of_driver;

-- Of SQLite alone.
DELETE FROM sqlite_stat1 WHERE tbl = 'jobs';
