//! Why the gateway cannot start or a message cannot be prepared.

use std::io::ErrorKind::{QuotaExceeded, StorageFull};

use chancery_fault::{Code, Coded, Fault, Retry};

use crate::codes;

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in the gateway itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A partner's card in the store cannot be used.
    #[error("cannot use the card of {partner}: {source}")]
    Card {
        /// The partner.
        partner: String,
        /// Why.
        source: chancery_smime::card::Error,
    },
    /// A key cannot be used.
    #[error("cannot use the organisation's {purpose} key: {reason}")]
    Key {
        /// What it is for.
        purpose: &'static str,
        /// Why.
        reason: String,
    },
    /// A listener stopped.
    #[error("a listener failed: {0}")]
    Listener(std::io::Error),
    /// DNS cannot be used.
    #[error(transparent)]
    Dns(#[from] chancery_net::dns::Error),
    /// Reading or writing a message failed.
    #[error("cannot read or write a message: {0}")]
    Io(#[from] std::io::Error),
    /// A message cannot be protected or opened.
    #[error(transparent)]
    Smime(#[from] chancery_smime::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] chancery_store::Error),
    /// TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] chancery_net::tls::Error),
}

impl Error {
    /// Returns true if the disk is full, however deep the error says so.
    fn is_full(&self) -> bool {
        let mut cause: Option<&dyn std::error::Error> = Some(self);
        while let Some(error) = cause {
            let io = error.downcast_ref::<std::io::Error>();
            if io.is_some_and(|io| matches!(io.kind(), StorageFull | QuotaExceeded)) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Bind { .. } | Self::Listener(_) => &LISTEN,
            Self::Card { source, .. } => source.code(),
            Self::Dns(error) => error.code(),
            Self::Io(_) | Self::Smime(_) if self.is_full() => {
                chancery_store::Error::file("", &StorageFull.into()).code()
            }
            Self::Io(_) => &codes::PLAN_FAILED,
            Self::Key { .. } => &codes::NO_IDENTITY,
            Self::Smime(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Tls(error) => error.code(),
        }
    }
}

/// A port is taken, or the address is not ours.
pub(crate) static LISTEN: Code = Code {
    id: "gateway.listen",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.5",
    summary: "an address cannot be listened on",
    help: "Stop the other program that uses the port, choose another port in the configuration, or give the service the \
           right to use ports below 1024 (CAP_NET_BIND_SERVICE).",
};
