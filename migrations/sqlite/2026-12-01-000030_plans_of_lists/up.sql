-- One's own jobs of a kind, newest first. An index of rides alone serves no statement that says `kind = $1`, once it is planned for
-- whatever kind is asked for.
CREATE INDEX jobs_of_driver ON jobs (driver_id, kind, id);
DROP INDEX jobs_rides_of_driver;
DROP INDEX jobs_services_of_driver;

-- Of SQLite alone: how jobs are spread where there are many. Without this SQLite takes each index for as good as the next, and walked
-- past other drivers' jobs in the same status when one driver's were asked for. Written down, not measured, so that plans are
-- the same on every database and on every day. https://www.sqlite.org/lang_analyze.html, "Manual control of query plans"
ANALYZE jobs;
DELETE FROM sqlite_stat1 WHERE tbl = 'jobs';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('jobs', 'jobs_by_kind', '1000000 400000 1'),
    ('jobs', 'jobs_by_status', '1000000 400000 50000 1'),
    ('jobs', 'jobs_by_driver', '1000000 1000 300 200 1'),
    ('jobs', 'jobs_of_customer', '1000000 100 80 1'),
    ('jobs', 'jobs_of_customer_by_status', '1000000 100 80 20 1'),
    ('jobs', 'jobs_of_driver', '1000000 1000 500 1'),
    ('jobs', 'jobs_completed', '800000 800 1'),
    ('jobs', 'jobs_ended', '990000 1'),
    ('jobs', 'jobs_by_public_id', '1000000 1 1'),
    ('jobs', 'jobs_open_public_id', '10000 1'),
    ('jobs', 'jobs_one_active_ride', '1000 1'),
    ('jobs', 'jobs_external_id', '500000 1 1'),
    ('jobs', 'jobs_without_currency', '10 1');
