-- What was decided about whom to believe, as JSON with a version: for a mail domain, for all partners (`partners`), or
-- for everybody else (`everybody`). Words without a dot are no domains.
CREATE TABLE trust (
    organisation BIGINT NOT NULL,
    scope TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    settings TEXT NOT NULL,
    PRIMARY KEY (organisation, scope)
);
