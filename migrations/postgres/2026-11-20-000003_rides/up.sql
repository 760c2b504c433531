-- What a ride has beside being a job; a delivery leaves it empty. Of distance_km a ride has what was asked for, or the
-- estimate that its fare was made of.
ALTER TABLE jobs ADD COLUMN ride_type TEXT;
-- Where the passenger can be called, as it was when they asked.
ALTER TABLE jobs ADD COLUMN passenger_phone TEXT;
ALTER TABLE jobs ADD COLUMN estimated_fare_minor BIGINT;
ALTER TABLE jobs ADD COLUMN final_fare_minor BIGINT;
ALTER TABLE jobs ADD COLUMN scheduled_at TIMESTAMP;
-- Of several jobs under one id the newest is meant.
CREATE INDEX jobs_by_public_id ON jobs (public_id, id);
CREATE INDEX jobs_rides_of_customer ON jobs (customer_id, id) WHERE kind = 'ride';
CREATE INDEX jobs_rides_of_driver ON jobs (driver_id, id) WHERE kind = 'ride';

-- What passengers say of rides: once each. A driver's rating is the mean of theirs.
CREATE TABLE ride_ratings (
    job_id BIGINT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    stars BIGINT NOT NULL CHECK (stars BETWEEN 1 AND 5),
    comment TEXT,
    rated_at TIMESTAMP NOT NULL
);
