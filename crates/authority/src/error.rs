//! What can go wrong with a bridge, and the stable code of each cause.

use chancery_fault::{Code, Coded, Fault, Retry};
use chancery_smime::bridge;

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something about a bridge was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Somebody else has changed the bridge meanwhile; nothing was written.
    #[error("the bridge was changed meanwhile, and nothing was written")]
    Changed,
    /// A domain is not one that the member may have.
    #[error("cannot vouch for {domain}: {reason}")]
    Domain {
        /// The domain.
        domain: String,
        /// Why not.
        reason: String,
    },
    /// A key cannot be used.
    #[error("cannot use the {what} key: {reason}")]
    Key {
        /// Whose.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The table of assurance levels has mistakes.
    #[error("cannot use the assurance levels: {reason}")]
    Levels {
        /// Every mistake, one a line.
        reason: String,
    },
    /// A document of the bridge is not what it must be.
    #[error(transparent)]
    Paper(#[from] bridge::Error),
    /// A domain could not be proven.
    #[error("cannot prove {domain}: {reason}")]
    Proof {
        /// The domain.
        domain: String,
        /// What was found instead.
        reason: String,
    },
    /// Whether a domain is proven cannot be seen now.
    #[error("cannot see whether {domain} is proven: {reason}")]
    LookUp {
        /// The domain.
        domain: String,
        /// What the resolver said.
        reason: String,
    },
    /// A certificate or list could not be made.
    #[error(transparent)]
    Pki(#[from] chancery_pki::Error),
    /// The publication could not be written or served.
    #[error("cannot publish: {doing}: {source}")]
    Publish {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// What was asked does not fit the state of the bridge or of the member.
    #[error("{reason}")]
    State {
        /// What is missing or in the way.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] chancery_store::Error),
}

impl Error {
    pub(crate) fn state(reason: impl Into<String>) -> Self {
        Self::State { reason: reason.into() }
    }

    pub(crate) fn paper(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Paper(bridge::Error::new(what, reason))
    }

    pub(crate) fn key(what: &'static str, error: &dyn std::error::Error) -> Self {
        Self::Key { what, reason: error.to_string() }
    }

    pub(crate) fn domain(domain: &str, reason: impl Into<String>) -> Self {
        Self::Domain { domain: domain.to_owned(), reason: reason.into() }
    }

    pub(crate) fn proof(domain: &str, reason: impl Into<String>) -> Self {
        Self::Proof { domain: domain.to_owned(), reason: reason.into() }
    }
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Changed => &CHANGED,
            Self::Domain { .. } => &DOMAIN,
            Self::Key { .. } => &KEY,
            Self::Levels { .. } => &LEVELS,
            Self::Paper(error) => error.code(),
            Self::Pki(error) => error.code(),
            Self::LookUp { .. } | Self::Proof { .. } => &PROOF,
            Self::Publish { .. } => &PUBLISH,
            Self::State { .. } => &STATE,
            Self::Store(error) => error.code(),
        }
    }
}

/// All codes of this crate.
pub const CODES: &[&Code] = &[&CHANGED, &DOMAIN, &KEY, &LEVELS, &PROOF, &PUBLISH, &STATE];

const fn code(
    id: &'static str,
    fault: Fault,
    retry: Retry,
    summary: &'static str,
    help: &'static str,
) -> Code {
    let reply = match retry {
        Retry::Never => "550 5.7.5",
        Retry::Later => "451 4.7.5",
    };
    Code { id, fault, retry, reply, summary, help }
}

static CHANGED: Code = code(
    "bridge.changed",
    Fault::Us,
    Retry::Later,
    "somebody else has changed the bridge at the same time",
    "Run the command again. `chancery serve` renews the bridge's revocation list by itself, and that is such a change too.",
);
static DOMAIN: Code = code(
    "bridge.domain",
    Fault::Partner,
    Retry::Never,
    "the domain is not one that the member may have",
    "Ask the member to leave the domain out of its request, or find out who speaks for it: a domain belongs to one member, and a \
     bridge vouches for a member's domains only after each was proven (`chancery bridge prove`).",
);
static KEY: Code = code(
    "bridge.key",
    Fault::Us,
    Retry::Never,
    "the key of the bridge or of the own authority cannot be used",
    "Check that the data directory is the right one and that `keys.unseal` names what the keys were sealed under. \
     `chancery bridge init` makes a bridge, `chancery init` an organisation.",
);
static LEVELS: Code = code(
    "bridge.levels",
    Fault::Us,
    Retry::Never,
    "the table of assurance levels has mistakes",
    "Correct `levels.toml` in the data directory; the message names each mistake. `chancery bridge levels` shows the table as it is \
     understood.",
);
static PROOF: Code = code(
    "bridge.proof",
    Fault::Partner,
    Retry::Later,
    "the member has not proven that a domain is its own",
    "Ask the member to publish the TXT record that `chancery bridge join` printed, at `_chancery-bridge.` before the domain, and try \
     again when it can be seen. Where no record can be published, compare the fingerprint by telephone: `--confirm`.",
);
static PUBLISH: Code = code(
    "bridge.publish",
    Fault::Us,
    Retry::Later,
    "the bridge's publication cannot be written or served",
    "Check the folder or the address that the message names, and the rights to it.",
);
static STATE: Code = code(
    "bridge.state",
    Fault::Us,
    Retry::Never,
    "the command does not fit the state of the bridge or of the member",
    "Look at `chancery bridge list`: it says who has asked, who is a member and what comes next.",
);
