//! Commands: their grammar (RFC 5321 section 4.1) and the parameters of our extensions.
