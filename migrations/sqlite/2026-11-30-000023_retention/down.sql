DROP INDEX offers_by_search;
DROP INDEX searches_ended;
DROP INDEX jobs_ended;
DROP TABLE earnings_kept;
