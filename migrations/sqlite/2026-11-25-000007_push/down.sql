DROP INDEX events_push_due;
ALTER TABLE events DROP COLUMN pushed_at;
ALTER TABLE events DROP COLUMN push_due_at;
DROP TABLE notification_history;
DROP TABLE push_preferences;
DROP TABLE customer_push_tokens;
