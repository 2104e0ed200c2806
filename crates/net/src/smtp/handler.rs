//! What a role implements to receive mail.

use std::future::Future;

use chancery_fault::Code;
use chancery_wire::smtp::{MailFrom, RcptTo, Reply};

use crate::listener::Peer;
use crate::tls::TlsInfo;

/// Makes one [`Session`] for each connection.
pub trait Handler: Send + Sync + 'static {
    /// What is kept for one connection.
    type Session: Session;

    /// Takes a connection, or refuses it with a reply instead of the greeting.
    fn connect(&self, peer: &Peer) -> impl Future<Output = Result<Self::Session, Reply>> + Send;
}

/// One connection's side of the dialogue. Methods are called in the order of the protocol, never two at a time.
///
/// A message is `mail`, `rcpt`…, `begin`, `chunk`…, `end`. When it ends early for whatever reason (RSET, refusal, lost
/// connection) `reset` is called instead of `end`, once `mail` has been accepted.
pub trait Session: Send {
    /// The client said its name (EHLO, HELO or LHLO). If a transaction was open, `reset` follows.
    fn hello(&mut self, name: &str) {
        let _ = name;
    }

    /// The protocol itself refused what the client does: a message that breaks a rule or a limit, or a client that takes
    /// too long. The reply is on its way; if a transaction was open, `reset` follows.
    fn refused(&mut self, code: &'static Code) {
        let _ = code;
    }

    /// TLS is up; what was said before no longer counts (RFC 3207 section 4.2).
    fn tls_established(&mut self, info: &TlsInfo) -> impl Future<Output = ()> + Send {
        let _ = info;
        async {}
    }

    /// Checks a user's password; true lets them in.
    fn auth(&mut self, user: &str, password: &str) -> impl Future<Output = bool> + Send {
        let _ = (user, password);
        async { false }
    }

    /// A transaction starts.
    fn mail(&mut self, mail: &MailFrom) -> impl Future<Output = Result<(), Reply>> + Send;

    /// One more recipient; `Err` refuses this recipient only.
    fn rcpt(&mut self, recipient: &RcptTo) -> impl Future<Output = Result<(), Reply>> + Send;

    /// The body is about to come.
    fn begin(&mut self) -> impl Future<Output = Result<(), Reply>> + Send;

    /// The next octets of the body, without transparency dots. Waiting here slows the sender down.
    /// `Err` refuses the message; the rest of it is read and dropped.
    fn chunk(&mut self, octets: &[u8]) -> impl Future<Output = Result<(), Reply>> + Send;

    /// The body is complete. A positive reply takes over the responsibility for the message.
    fn end(&mut self) -> impl Future<Output = Final> + Send;

    /// Forgets the transaction.
    fn reset(&mut self) -> impl Future<Output = ()> + Send;
}

/// The answer to a complete message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Final {
    /// The same for every recipient.
    All(Reply),
    /// One for each accepted recipient, in order. Only LMTP can say it; over SMTP the first one that is not positive
    /// is sent, so a handler must not have kept the message then.
    Each(Vec<Reply>),
}

impl From<Reply> for Final {
    fn from(reply: Reply) -> Self {
        Self::All(reply)
    }
}
