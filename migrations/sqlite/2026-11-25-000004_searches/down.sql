DROP INDEX jobs_scheduled;
DROP TABLE offers;
DROP TABLE searches;
