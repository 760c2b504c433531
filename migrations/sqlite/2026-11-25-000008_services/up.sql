-- What a booking of a technician has beside being a job. Its place is the job's pickup.
CREATE TABLE bookings (
    job_id BIGINT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    -- What is to be done, in the customer's words.
    service TEXT NOT NULL
);
CREATE INDEX jobs_services_of_customer ON jobs (customer_id, id) WHERE kind = 'service';
CREATE INDEX jobs_services_of_driver ON jobs (driver_id, id) WHERE kind = 'service';
