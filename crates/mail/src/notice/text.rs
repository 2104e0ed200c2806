//! Plain text as a MIME body: wrapped, 7 bit clean.
