-- A search's candidates next to each other: some twenty rows touched three pages each, a third of what a ride wrote.
CREATE TABLE search_candidates_together (
    search_id BIGINT NOT NULL REFERENCES searches (id),
    driver_id BIGINT NOT NULL REFERENCES drivers (id),
    distance_m DOUBLE NOT NULL,
    -- Empty for a position that no app measured.
    position_age_secs BIGINT,
    -- Why they were not asked; empty for those who were.
    passed_over TEXT,
    looked_at TIMESTAMP NOT NULL,
    PRIMARY KEY (search_id, driver_id)
) WITHOUT ROWID;
INSERT INTO search_candidates_together
SELECT search_id, driver_id, distance_m, position_age_secs, passed_over, looked_at FROM search_candidates;
DROP TABLE search_candidates;
ALTER TABLE search_candidates_together RENAME TO search_candidates;
CREATE INDEX search_candidates_by_driver ON search_candidates (driver_id, search_id);
