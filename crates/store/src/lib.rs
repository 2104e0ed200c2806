//! Database, bodies, queue, key book and audit log; the only crate that knows the database.
