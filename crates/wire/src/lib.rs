//! SMTP and LMTP as machines without IO (RFC 5321, 2033, 3030), LDAP (RFC 4511), requests of the web, and what proxies
//! write in front.
//!
//! It is the grammar and the rules of the dialogue: bytes go in, events and bytes to send come out.
//! It is **not** a server or a client: `net` owns sockets, TLS, DNS and timers, the gateway owns what a message means.
//!
//! ```text
//!        bytes ─► smtp::server::Session ─► Event (Mail, Rcpt, Body, End …)   the driver asks its handler
//!                        ▲                                                   and answers with a Reply
//!   Reply ───────────────┘──► output bytes
//! ```
//!
//! ```
//! use chancery_wire::smtp::server::{Config, Event, Session};
//!
//! let mut session = Session::new(Config::new("mx.acme.example"));
//! let input = b"EHLO client.example\r\n";
//! let (consumed, event) = session.step(input);
//! assert_eq!(consumed, input.len());
//! assert!(matches!(event, Event::Hello { name: "client.example", .. }));
//! assert!(session.output().starts_with(b"220 mx.acme.example ESMTP"));
//! ```
//!
//! RFC 5321 (SMTP), 2033 (LMTP), 2920 (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8), 3030 (CHUNKING),
//! 2034 and 3463 (enhanced status codes), 3461 (DSN), 3207 (STARTTLS), 4954 (AUTH), 4511, 4515 and 4516 (LDAP), 9110 and
//! 9112 (HTTP).
#![warn(clippy::indexing_slicing)]

pub mod codes;
pub mod http;
pub mod ldap;
pub mod proxy;
pub mod smtp;

pub use codes::CODES;
