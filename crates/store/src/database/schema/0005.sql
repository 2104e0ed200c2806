-- What was fetched for deciding about certificates, so that a new start does not fetch it again. Nothing of it is secret,
-- and nothing is trusted for being here. Times are in seconds since 1970.
CREATE TABLE fetched (
    organisation BIGINT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    tag TEXT,
    modified TEXT,
    fetched_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    refresh_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    proven BIGINT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (organisation, name)
);
