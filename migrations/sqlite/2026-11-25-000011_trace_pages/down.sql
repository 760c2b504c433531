CREATE TABLE search_candidates_apart (
    search_id BIGINT NOT NULL REFERENCES searches (id),
    driver_id BIGINT NOT NULL REFERENCES drivers (id),
    distance_m DOUBLE NOT NULL,
    position_age_secs BIGINT,
    passed_over TEXT,
    looked_at TIMESTAMP NOT NULL,
    PRIMARY KEY (search_id, driver_id)
);
INSERT INTO search_candidates_apart
SELECT search_id, driver_id, distance_m, position_age_secs, passed_over, looked_at FROM search_candidates;
DROP TABLE search_candidates;
ALTER TABLE search_candidates_apart RENAME TO search_candidates;
CREATE INDEX search_candidates_by_driver ON search_candidates (driver_id, search_id);
CREATE INDEX search_candidates_by_time ON search_candidates (looked_at);
