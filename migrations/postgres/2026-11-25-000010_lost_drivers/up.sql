-- When it was noticed and told that nothing is heard of a ride's driver any more. Empty again with the next driver.
ALTER TABLE jobs ADD COLUMN driver_lost_at TIMESTAMP;
