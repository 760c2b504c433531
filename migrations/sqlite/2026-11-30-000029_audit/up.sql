-- Who did what to whom, when and from where: ids and words, and nothing that anybody wrote. It refers to no other table, since it
-- outlives what it tells of.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at TIMESTAMP NOT NULL,
    -- `account:7`, or `local:root` for who called the program by hand.
    actor TEXT NOT NULL,
    role TEXT,
    -- The route or the subcommand.
    action TEXT NOT NULL,
    -- `driver:7`; null where it was a list.
    subject TEXT,
    address TEXT,
    request_id TEXT
);
CREATE INDEX audit_log_by_time ON audit_log (at, id);
CREATE INDEX audit_log_by_actor ON audit_log (actor, at, id);
CREATE INDEX audit_log_by_subject ON audit_log (subject, at, id);
