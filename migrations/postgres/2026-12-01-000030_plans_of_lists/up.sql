-- One's own jobs of a kind, newest first. An index of rides alone serves no statement that says `kind = $1`, once it is planned for
-- whatever kind is asked for.
CREATE INDEX jobs_of_driver ON jobs (driver_id, kind, id);
DROP INDEX jobs_rides_of_driver;
DROP INDEX jobs_services_of_driver;
