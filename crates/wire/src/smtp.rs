//! The Simple Mail Transfer Protocol, both sides, and its local sister LMTP.

pub mod client;
pub mod command;
pub mod data;
pub mod envelope;
pub mod reply;
pub mod server;

pub use envelope::{BodyKind, Envelope, MailFrom, Notify, RcptTo, Return};
pub use reply::{Enhanced, Reply};

/// Which of the two protocols a machine speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RFC 5321: one reply for the whole message.
    #[default]
    Smtp,
    /// RFC 2033: one reply for each accepted recipient.
    Lmtp,
}
