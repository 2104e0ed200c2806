//! Why the directory cannot run.

use chancery_fault::{Code, Coded, Fault, Retry};

/// What a fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the directory cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// A listener should speak TLS, and there is nothing to show.
    #[error("there is no certificate for listeners with TLS")]
    NoTls,
    /// The process is being stopped.
    #[error("the process stops")]
    Stopped,
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] chancery_store::Error),
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Listen { .. } => &LISTEN,
            Self::NoTls => &NO_TLS,
            Self::Stopped => &STOPPED,
            Self::Store(error) => error.code(),
        }
    }
}

/// All codes of this crate, for `chancery explain` and the generated reference.
pub const CODES: &[&Code] = &[&LISTEN, &NO_TLS, &STOPPED];

const fn code(id: &'static str, retry: Retry, summary: &'static str, help: &'static str) -> Code {
    Code { id, fault: Fault::Us, retry, reply: "451 4.3.0", summary, help }
}

static LISTEN: Code = code(
    "directory.listen",
    Retry::Later,
    "the directory cannot listen on one of its addresses",
    "Choose another address in `[directory]`, or stop what listens there. Ports below 1024 need a right that systemd gives with \
     `AmbientCapabilities=CAP_NET_BIND_SERVICE`.",
);
static NO_TLS: Code = code(
    "directory.no_tls",
    Retry::Never,
    "a listener of the directory should speak TLS, and there is no certificate to show",
    "Name a certificate and its key in `[tls]`, or let `chancery init` make them.",
);
static STOPPED: Code = code(
    "directory.stopped",
    Retry::Later,
    "the directory was stopped before it had started",
    "Start it again.",
);
