//! S/MIME messages: protect, open, verdicts, domain signatures and partner cards (RFC 8551).
