ALTER TABLE jobs DROP COLUMN driver_lost_at;
