-- What drivers earned with jobs that are no longer kept, by the day of the zone that was set when they were removed.
CREATE TABLE earnings_kept (
    driver_id BIGINT NOT NULL REFERENCES drivers (id),
    day DATE NOT NULL,
    currency TEXT NOT NULL,
    total_minor BIGINT NOT NULL,
    cash_minor BIGINT NOT NULL,
    orders BIGINT NOT NULL,
    rides BIGINT NOT NULL,
    PRIMARY KEY (driver_id, day, currency)
);

-- Ended jobs and searches, the longest ended first, so that what is to be removed is found without looking at all.
CREATE INDEX jobs_ended ON jobs (COALESCE(completed_at, cancelled_at, requested_at))
    WHERE status IN ('completed', 'cancelled', 'unmatched');
CREATE INDEX searches_ended ON searches (ended_at) WHERE ended_at IS NOT NULL;
-- Whoever removes a search has to know that no offer is of it.
CREATE INDEX offers_by_search ON offers (search_id);
