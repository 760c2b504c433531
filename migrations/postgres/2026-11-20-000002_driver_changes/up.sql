-- When anything but the position of a driver changed: by it the matcher finds what another process changed.
ALTER TABLE drivers ADD COLUMN changed_at TIMESTAMP;
CREATE INDEX drivers_by_change ON drivers (changed_at);
