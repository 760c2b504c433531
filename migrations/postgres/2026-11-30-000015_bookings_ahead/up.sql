-- A booking whose journey has not begun keeps nobody at work any more: who wanted to go offline and waited for such a one is.
UPDATE drivers SET status = 'offline'
WHERE wants = 'offline' AND status = 'busy' AND NOT EXISTS (
    SELECT 1 FROM jobs
    WHERE jobs.driver_id = drivers.id AND jobs.status IN ('assigned', 'en_route', 'arrived', 'in_progress')
      AND NOT (jobs.kind = 'service' AND jobs.status = 'assigned')
);
