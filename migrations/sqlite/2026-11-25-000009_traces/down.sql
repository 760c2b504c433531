ALTER TABLE events DROP COLUMN sent_at;
DROP TABLE search_candidates;
