DROP TABLE ride_ratings;
DROP INDEX jobs_rides_of_driver;
DROP INDEX jobs_rides_of_customer;
DROP INDEX jobs_by_public_id;
ALTER TABLE jobs DROP COLUMN scheduled_at;
ALTER TABLE jobs DROP COLUMN final_fare_minor;
ALTER TABLE jobs DROP COLUMN estimated_fare_minor;
ALTER TABLE jobs DROP COLUMN passenger_phone;
ALTER TABLE jobs DROP COLUMN ride_type;
