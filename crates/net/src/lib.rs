//! Drivers for wire: listeners, TLS, DNS, SMTP, HTTP and LDAP clients, limits, shutdown and clock.
//!
//! It joins the machines of `chancery-wire` to tokio sockets and guards resources. It does **not** know what a message
//! means, where it is stored or who may send it: that is the handler of the role that calls it.
//!
//! ```text
//!   Listener ─► smtp::serve ─► wire::smtp::server::Session ◄─► smtp::Handler (the gateway)
//!   smtp::Client ─► dns::Resolver ─► connect, TLS ─► wire::smtp::client::Session ─► DeliveryReport
//!   Listener ─► ldap::server::serve, http::server::serve ─► their handlers (the directory, the publication of a bridge)
//!   http::fetch, ldap::fetch ─► outbound::Dialer ─► reach (which addresses may be asked) ─► connect, TLS
//! ```
//!
//! RFC 5321 sections 4.5.3.2 (timeouts) and 5.1 (MX), 7505 (null MX), 3207 (STARTTLS), 8446 (TLS 1.3), 9110 to 9112 (HTTP), 4511 (LDAP).

pub mod clock;
pub mod codes;
pub mod dns;
mod door;
pub mod http;
pub mod ldap;
mod limits;
pub mod listener;
pub mod outbound;
pub mod reach;
pub mod shutdown;
pub mod smtp;
mod stream;
pub mod tls;

pub use codes::CODES;
