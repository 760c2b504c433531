DROP INDEX customer_push_tokens_by_session;
ALTER TABLE customer_push_tokens DROP COLUMN session;
