-- The devices of customers: one row for each, with the tokens under which the push services know its app.
CREATE TABLE customer_push_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    customer_id BIGINT NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    -- What the app calls the device, where it says so.
    device_id TEXT,
    platform TEXT NOT NULL CHECK (platform IN ('android', 'ios', 'web')),
    fcm_token TEXT,
    expo_push_token TEXT,
    apns_token TEXT,
    -- When each token was registered last: what a service said of it before is not about it any more.
    fcm_registered_at TIMESTAMP,
    expo_registered_at TIMESTAMP,
    apns_registered_at TIMESTAMP,
    -- Since when the service has said that it is dead.
    fcm_dead_at TIMESTAMP,
    expo_dead_at TIMESTAMP,
    apns_dead_at TIMESTAMP,
    -- Whether any of them lives.
    is_active BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE INDEX customer_push_tokens_by_customer ON customer_push_tokens (customer_id);
CREATE UNIQUE INDEX customer_push_tokens_device ON customer_push_tokens (customer_id, device_id);
-- A token has one owner.
CREATE UNIQUE INDEX customer_push_tokens_fcm ON customer_push_tokens (fcm_token);
CREATE UNIQUE INDEX customer_push_tokens_expo ON customer_push_tokens (expo_push_token);
CREATE UNIQUE INDEX customer_push_tokens_apns ON customer_push_tokens (apns_token);
CREATE INDEX customer_push_tokens_inactive ON customer_push_tokens (updated_at) WHERE NOT is_active;
CREATE INDEX customer_push_tokens_fcm_dead ON customer_push_tokens (fcm_dead_at) WHERE fcm_dead_at IS NOT NULL;
CREATE INDEX customer_push_tokens_expo_dead ON customer_push_tokens (expo_dead_at) WHERE expo_dead_at IS NOT NULL;
CREATE INDEX customer_push_tokens_apns_dead ON customer_push_tokens (apns_dead_at) WHERE apns_dead_at IS NOT NULL;

-- What customers want to hear, and when. Quiet hours are local times such as 22:00.
CREATE TABLE push_preferences (
    customer_id BIGINT PRIMARY KEY NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    -- A JSON list of notification types.
    opt_out TEXT NOT NULL,
    quiet_start TEXT,
    quiet_end TEXT,
    time_zone TEXT,
    updated_at TIMESTAMP NOT NULL,
    CHECK ((quiet_start IS NULL) = (quiet_end IS NULL))
);

-- The queue, and what became of it: one row for each notification and device. It outlives customers and devices.
CREATE TABLE notification_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    -- The notificationId of the wire; collapse ids are made of it.
    public_id TEXT NOT NULL UNIQUE,
    customer_id BIGINT NOT NULL,
    -- The event that it is of; none for what an operator sends.
    account_id BIGINT,
    event_id BIGINT,
    -- The row of the device; 0 where the customer has none.
    device_id BIGINT NOT NULL,
    provider TEXT CHECK (provider IN ('fcm', 'apns', 'expo')),
    notification_type TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    -- A JSON object.
    data TEXT NOT NULL,
    is_high_priority BOOLEAN NOT NULL,
    -- Quiet hours do not hold it back.
    is_urgent BOOLEAN NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'failed', 'not_sent')),
    reason TEXT,
    -- Attempts begun. An outcome counts for the attempt that it is of.
    attempts BIGINT NOT NULL DEFAULT 0,
    -- When the next attempt is due; of one under way, when it counts as lost. Null once it is decided.
    due_at TIMESTAMP,
    -- Until when an attempt under way keeps others from it.
    leased_until TIMESTAMP,
    -- From then on it is not worth sending.
    deadline TIMESTAMP NOT NULL,
    provider_message_id TEXT,
    -- When the service knows more of it.
    receipt_due_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    sent_at TIMESTAMP,
    -- From its making to the service's acceptance.
    accept_ms BIGINT,
    opened_at TIMESTAMP
);
-- At most one push of an event to a device.
CREATE UNIQUE INDEX notification_history_once ON notification_history (account_id, event_id, device_id);
CREATE INDEX notification_history_due ON notification_history (provider, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notification_history_receipts ON notification_history (receipt_due_at) WHERE receipt_due_at IS NOT NULL;
CREATE INDEX notification_history_by_customer ON notification_history (customer_id, id);
CREATE INDEX notification_history_by_time ON notification_history (created_at);

-- When it is decided whether the event is pushed; null where it never is, or was decided.
ALTER TABLE events ADD COLUMN push_due_at TIMESTAMP;
-- When a push service first took it.
ALTER TABLE events ADD COLUMN pushed_at TIMESTAMP;
CREATE INDEX events_push_due ON events (push_due_at) WHERE push_due_at IS NOT NULL;
