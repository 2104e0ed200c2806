//! Streaming base64 with 76-column lines.
