-- The log-in with which a customer registered a device, by its family of refresh tokens: logging out ends the registration. Of a
-- device that was registered before this, or by an operator, it is not known.
ALTER TABLE customer_push_tokens ADD COLUMN session TEXT;
CREATE INDEX customer_push_tokens_by_session ON customer_push_tokens (session) WHERE session IS NOT NULL;
