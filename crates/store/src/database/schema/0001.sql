-- The first schema. Times are milliseconds since 1970; ids are our own (see id.rs).

-- What came in, what was made of it (parent is set), and notices. The header block is last, so that lists do not read it.
CREATE TABLE message (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL,
    parent BIGINT,
    child_key TEXT,
    form TEXT,
    route TEXT,
    received_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    delay_notice_at BIGINT,
    direction TEXT NOT NULL,
    listener TEXT NOT NULL,
    peer TEXT NOT NULL,
    helo TEXT NOT NULL,
    tls TEXT,
    auth_user TEXT,
    reverse_path TEXT NOT NULL,
    body_type TEXT NOT NULL,
    smtputf8 BIGINT NOT NULL,
    ret TEXT,
    envid TEXT,
    message_id TEXT,
    from_header TEXT,
    size BIGINT NOT NULL,
    body BIGINT NOT NULL,
    prefix BYTEA,
    header BYTEA
);
CREATE INDEX message_by_message_id ON message (message_id) WHERE parent IS NULL;

-- Either data or file is set. The id is that of the message which brought the body; children may share it.
CREATE TABLE body (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL,
    size BIGINT NOT NULL,
    file TEXT,
    data BYTEA
);

-- One row for each recipient of what came in. The carrier is the child that goes to it, or NULL before it is planned.
CREATE TABLE recipient (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL,
    message BIGINT NOT NULL,
    carrier BIGINT,
    state TEXT NOT NULL,
    due BIGINT,
    attempts BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    domain TEXT NOT NULL,
    orcpt TEXT,
    notify TEXT,
    code TEXT,
    reply TEXT,
    taken_by TEXT
);
CREATE INDEX recipient_by_message ON recipient (message);
CREATE INDEX recipient_due ON recipient (due) WHERE state = 'queued';
CREATE INDEX recipient_waiting ON recipient (state) WHERE state IN ('held', 'portal');

-- Why something was done to a message.
CREATE TABLE decision (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL,
    message BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    facts TEXT NOT NULL
);
CREATE INDEX decision_by_message ON decision (message);

-- The book of partners; a domain belongs to one partner.
CREATE TABLE partner (
    organisation BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    card BYTEA NOT NULL,
    PRIMARY KEY (organisation, fingerprint)
);
CREATE TABLE partner_domain (
    organisation BIGINT NOT NULL,
    domain TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (organisation, domain)
);

-- Numbers that grow with each change of something that others keep a copy of.
CREATE TABLE version (
    organisation BIGINT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (organisation, name)
);

-- The organisation's own keys; the private key is sealed.
CREATE TABLE own_key (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL,
    purpose TEXT NOT NULL,
    active BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    added_at BIGINT NOT NULL,
    certificate BYTEA NOT NULL,
    sealed_key BYTEA NOT NULL
);

-- Who did what. Each row holds the SHA-256 over the row before it and its own fields.
CREATE TABLE audit (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,
    hash BYTEA NOT NULL
);
