-- How much a customer has open is a walk over that alone, however much they had before.
CREATE INDEX jobs_open_of_customer ON jobs (customer_id, kind)
    WHERE status IN ('requested', 'assigned', 'en_route', 'arrived', 'in_progress');
-- The address (of IPv6 the network) from which somebody without an account asked for a ride that is open; empty once it has ended.
ALTER TABLE jobs ADD COLUMN asked_from TEXT;
CREATE INDEX jobs_asked_from ON jobs (asked_from) WHERE asked_from IS NOT NULL;
