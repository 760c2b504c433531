-- The ids that an operator's other systems have for the same things. Unique for each kind, and looked for by the index.
ALTER TABLE customers ADD COLUMN external_id TEXT;
ALTER TABLE drivers ADD COLUMN external_id TEXT;
ALTER TABLE jobs ADD COLUMN external_id TEXT;
CREATE UNIQUE INDEX customers_external_id ON customers (external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX drivers_external_id ON drivers (external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_external_id ON jobs (external_id, kind) WHERE external_id IS NOT NULL;
