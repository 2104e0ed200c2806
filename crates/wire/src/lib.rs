//! SMTP and LMTP as machines without IO (RFC 5321, 2033, 3030).
