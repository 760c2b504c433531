-- Why this driver: everybody whom a search looked at, as they were then. What became of those who were asked stands with
-- their offers.
CREATE TABLE search_candidates (
    search_id BIGINT NOT NULL REFERENCES searches (id),
    driver_id BIGINT NOT NULL REFERENCES drivers (id),
    distance_m DOUBLE NOT NULL,
    -- Empty for a position that no app measured.
    position_age_secs BIGINT,
    -- Why they were not asked; empty for those who were.
    passed_over TEXT,
    looked_at TIMESTAMP NOT NULL,
    PRIMARY KEY (search_id, driver_id)
);
CREATE INDEX search_candidates_by_driver ON search_candidates (driver_id, search_id);
CREATE INDEX search_candidates_by_time ON search_candidates (looked_at);

-- When a session handed the event to the device's socket last.
ALTER TABLE events ADD COLUMN sent_at TIMESTAMP;
