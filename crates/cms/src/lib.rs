//! CMS as streams: sign, verify, encrypt and decrypt (RFC 5652, 5083, 5753).
