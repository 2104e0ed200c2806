//! Certificates: issuing, path checking and the reasons for each verdict (RFC 5280).
