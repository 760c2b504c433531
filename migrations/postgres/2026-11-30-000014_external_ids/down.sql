DROP INDEX jobs_external_id;
DROP INDEX drivers_external_id;
DROP INDEX customers_external_id;
ALTER TABLE jobs DROP COLUMN external_id;
ALTER TABLE drivers DROP COLUMN external_id;
ALTER TABLE customers DROP COLUMN external_id;
