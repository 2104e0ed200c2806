//! Drivers for wire: listeners, TLS, DNS, SMTP client, limits, shutdown and clock.
