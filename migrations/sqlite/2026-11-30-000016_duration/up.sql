-- How long the app expects a ride to take, in whole minutes, as it said when it asked.
ALTER TABLE jobs ADD COLUMN estimated_duration_minutes BIGINT;
