-- Whose certificates strangers may find: alice@acme.example, or @acme.example for everybody there who has no row of their
-- own. Kinds are words with spaces between them; a row without kinds says that nothing is published.
CREATE TABLE publication (
    organisation BIGINT NOT NULL,
    who TEXT NOT NULL,
    kinds TEXT NOT NULL,
    label TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (organisation, who)
);

-- Who asked the directory for whom; the address as a keyed hash, unless it is kept in clear. Equal questions within a few
-- seconds are one row.
CREATE TABLE directory_question (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL,
    at BIGINT NOT NULL,
    face TEXT NOT NULL,
    client TEXT NOT NULL,
    address TEXT NOT NULL,
    outcome TEXT NOT NULL,
    times BIGINT NOT NULL
);
CREATE INDEX directory_question_by_address ON directory_question (organisation, address, at);
CREATE INDEX directory_question_by_time ON directory_question (organisation, at);
