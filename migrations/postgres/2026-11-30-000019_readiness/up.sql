-- What /readyz writes to know whether the database can commit: one row, written over and over.
CREATE TABLE readiness (
    id BIGINT PRIMARY KEY NOT NULL,
    probes BIGINT NOT NULL,
    filler TEXT NOT NULL
);
