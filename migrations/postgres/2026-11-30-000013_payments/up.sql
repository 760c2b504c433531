-- The ISO 4217 code of what a job's amounts count the minor units of. Empty in rows of before, whose amounts are hundredths: the
-- server writes the configured currency there at its next start, and brings the amounts to that currency's minor unit.
ALTER TABLE jobs ADD COLUMN currency TEXT;
CREATE INDEX jobs_without_currency ON jobs (id) WHERE currency IS NULL;
-- What the customer pays. Of a ride it is the fare where nothing was set.
ALTER TABLE jobs ADD COLUMN amount_minor BIGINT;
ALTER TABLE jobs ADD COLUMN payment_method TEXT CHECK (payment_method IN ('cash', 'card', 'wallet', 'account'));
ALTER TABLE jobs ADD COLUMN payment_status TEXT NOT NULL DEFAULT 'pending' CHECK (payment_status IN ('pending', 'authorised', 'paid', 'failed', 'refunded'));
-- By which others find the payment.
ALTER TABLE jobs ADD COLUMN payment_reference TEXT;
ALTER TABLE jobs ADD COLUMN paid_at TIMESTAMP;

-- What payment services told of jobs. The key says that each of it is taken once.
CREATE TABLE payment_notices (
    provider TEXT NOT NULL,
    notice_id TEXT NOT NULL,
    job_id BIGINT NOT NULL REFERENCES jobs (id),
    payment_status TEXT NOT NULL,
    amount_minor BIGINT,
    currency TEXT,
    reference TEXT,
    -- 'taken', or the error code it was refused with; then it may be taken when it comes again.
    outcome TEXT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    PRIMARY KEY (provider, notice_id)
);
CREATE INDEX payment_notices_by_job ON payment_notices (job_id);
