-- Other bridges that the bridge of this installation vouches for; what they may speak for is JSON.
CREATE TABLE bridge_peer (
    organisation BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    since BIGINT NOT NULL,
    terms TEXT NOT NULL,
    authority BYTEA NOT NULL,
    PRIMARY KEY (organisation, fingerprint)
);
