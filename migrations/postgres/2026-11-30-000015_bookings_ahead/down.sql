-- As it was before: whoever holds any job is busy.
UPDATE drivers SET status = 'busy'
WHERE wants = 'offline' AND status = 'offline' AND EXISTS (
    SELECT 1 FROM jobs
    WHERE jobs.driver_id = drivers.id AND jobs.status IN ('assigned', 'en_route', 'arrived', 'in_progress')
);
