-- Certificates of others that were imported, and cross-certificates; none is trusted for being here. Times of
-- certificates and lists are in seconds since 1970; names are SHA-256 of what is compared of a distinguished name.
CREATE TABLE certificate (
    organisation BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    subject_name BYTEA NOT NULL,
    issuer_name BYTEA NOT NULL,
    key_id BYTEA,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    source TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    certificate BYTEA NOT NULL,
    PRIMARY KEY (organisation, fingerprint)
);
CREATE INDEX certificate_by_subject ON certificate (organisation, subject_name);
CREATE INDEX certificate_by_key ON certificate (organisation, key_id) WHERE key_id IS NOT NULL;
CREATE INDEX certificate_by_kind ON certificate (organisation, kind);

-- The mail addresses of certificates, in lower case.
CREATE TABLE certificate_address (
    organisation BIGINT NOT NULL,
    address TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (organisation, address, fingerprint)
);
CREATE INDEX certificate_address_by_certificate ON certificate_address (organisation, fingerprint);

-- Lists of revoked certificates that were imported.
CREATE TABLE revocation_list (
    organisation BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    issuer TEXT NOT NULL,
    issuer_name BYTEA NOT NULL,
    this_update BIGINT NOT NULL,
    next_update BIGINT,
    source TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    list BYTEA NOT NULL,
    PRIMARY KEY (organisation, fingerprint)
);
CREATE INDEX revocation_list_by_issuer ON revocation_list (organisation, issuer_name);
