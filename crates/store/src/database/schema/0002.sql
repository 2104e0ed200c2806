-- What correspondents' software reads, as their signed mail says: alice@acme.example, or @acme.example for what an
-- organisation itself signed. Times of signing are in seconds since 1970.
CREATE TABLE peer (
    organisation BIGINT NOT NULL,
    address TEXT NOT NULL,
    domain TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    stated_at BIGINT NOT NULL,
    capabilities TEXT NOT NULL,
    observed_at BIGINT NOT NULL,
    observed TEXT NOT NULL,
    certificate BYTEA,
    PRIMARY KEY (organisation, address)
);
CREATE INDEX peer_by_domain ON peer (organisation, domain, seen_at);
