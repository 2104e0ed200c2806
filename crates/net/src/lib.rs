//! Drivers for wire: listeners, TLS, DNS, SMTP client, limits, shutdown and clock.
//!
//! It joins the machines of `chancery-wire` to tokio sockets and guards resources. It does **not** know what a message
//! means, where it is stored or who may send it: that is the handler of the role that calls it.
//!
//! ```text
//!   Listener ─► smtp::serve ─► wire::smtp::server::Session ◄─► smtp::Handler (the gateway)
//!   smtp::Client ─► dns::Resolver ─► connect, TLS ─► wire::smtp::client::Session ─► DeliveryReport
//! ```
//!
//! RFC 5321 sections 4.5.3.2 (timeouts) and 5.1 (MX), 7505 (null MX), 3207 (STARTTLS), 8446 (TLS 1.3).

pub mod clock;
pub mod codes;
pub mod dns;
pub mod listener;
pub mod shutdown;
pub mod smtp;
mod stream;
pub mod tls;

pub use codes::CODES;
