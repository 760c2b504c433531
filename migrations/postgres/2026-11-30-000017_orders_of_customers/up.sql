-- A customer's orders, newest first, are one walk of this.
CREATE INDEX jobs_of_customer ON jobs (customer_id, kind, id);
