-- When mail that was encrypted to a key could last not be delivered, in milliseconds since 1970, and what was said.
ALTER TABLE book_key ADD COLUMN failed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE book_key ADD COLUMN failure TEXT NOT NULL DEFAULT '';
