DROP INDEX jobs_of_customer;
