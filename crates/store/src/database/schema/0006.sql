-- The bridge that this installation runs, if it runs one, with its newest revocation list.
CREATE TABLE own_bridge (
    organisation BIGINT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    crl_number BIGINT NOT NULL,
    crl_ends BIGINT NOT NULL,
    crl BYTEA NOT NULL,
    PRIMARY KEY (organisation)
);

-- Who asked to join it, and who did. The domains with their proofs are JSON.
CREATE TABLE bridge_member (
    organisation BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    wanted TEXT NOT NULL,
    level TEXT,
    policies TEXT NOT NULL,
    publication TEXT,
    asked_at BIGINT NOT NULL,
    since BIGINT,
    review_at BIGINT,
    domains TEXT NOT NULL,
    request_id TEXT NOT NULL,
    card BYTEA NOT NULL,
    PRIMARY KEY (organisation, fingerprint)
);

-- Requests that were taken: none counts twice.
CREATE TABLE bridge_request (
    organisation BIGINT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (organisation, id)
);

-- Certificates between the bridge and its members, in both directions, and between the bridge's own keys.
CREATE TABLE bridge_cross (
    organisation BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    member TEXT NOT NULL,
    kind TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    revoked_at BIGINT,
    reason TEXT,
    certificate BYTEA NOT NULL,
    PRIMARY KEY (organisation, fingerprint)
);

-- The bridges that this organisation has joined, or asked to join.
CREATE TABLE joined_bridge (
    organisation BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    level TEXT NOT NULL,
    request_id TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    since BIGINT,
    ends BIGINT,
    authority BYTEA NOT NULL,
    to_bridge BYTEA,
    from_bridge BYTEA,
    PRIMARY KEY (organisation, fingerprint)
);
