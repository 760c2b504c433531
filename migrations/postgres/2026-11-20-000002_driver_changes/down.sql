DROP INDEX drivers_by_change;
ALTER TABLE drivers DROP COLUMN changed_at;
