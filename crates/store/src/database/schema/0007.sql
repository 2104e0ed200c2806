-- The key book: whose certificate for which address, where it came from, what was decided, and what came of it. None is
-- trusted for being here. Addresses are in lower case; times are milliseconds since 1970, those of certificates seconds.
CREATE TABLE book_key (
    organisation BIGINT NOT NULL,
    address TEXT NOT NULL,
    domain TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    certificate BYTEA NOT NULL,
    not_after BIGINT NOT NULL,
    origin TEXT NOT NULL,
    source TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    decision TEXT,
    used_at BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, address, fingerprint)
);
CREATE INDEX book_key_by_domain ON book_key (organisation, domain, seen_at);
CREATE INDEX book_key_by_fingerprint ON book_key (organisation, fingerprint);

-- Addresses about whose keys a person must decide.
CREATE TABLE book_review (
    organisation BIGINT NOT NULL,
    address TEXT NOT NULL,
    why TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (organisation, address)
);

-- Who was asked for a key, and when.
CREATE TABLE book_request (
    organisation BIGINT NOT NULL,
    address TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, address)
);

-- What was imported before there was a key book. The domain is what follows the last @.
INSERT INTO book_key (organisation, address, domain, fingerprint, certificate, not_after, origin, source, found_at, seen_at, used_at, confirmed_at)
SELECT it.organisation, of.address, substr(of.address, length(rtrim(of.address, replace(of.address, '@', ''))) + 1),
    it.fingerprint, it.certificate, it.not_after, 'imported', it.source, it.added_at, it.added_at, 0, 0
FROM certificate it JOIN certificate_address of ON of.organisation = it.organisation AND of.fingerprint = it.fingerprint
WHERE it.kind = 'end-entity';
