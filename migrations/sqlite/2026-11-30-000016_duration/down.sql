ALTER TABLE jobs DROP COLUMN estimated_duration_minutes;
