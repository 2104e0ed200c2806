//! What is asked and what was found.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chancery_net::dns::secure::Association;
use chancery_pki::{Certificate, Speaks};

/// How a question is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The directories that the question passed before it came to us, so that it never goes in circles; none if it is ours.
    pub passed: Vec<Hop>,
    /// How long the asker waits. What did not answer by then is among the unanswered.
    pub wait: Duration,
    /// Whether an answer from the cache will do.
    pub from_cache: bool,
    /// Whether `Ann@acme.example` and `ann@acme.example` are the same, as they are in directories (RFC 4524 section 2.16).
    /// To whom a message is encrypted is not decided by that: only the receiving server knows what its letters mean.
    pub ignores_case: bool,
}

/// A directory that passes questions on: a number that it chose by chance when it started.
pub type Hop = [u8; 16];

/// What was found for an address.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The certificates, those of the surest origin first.
    pub candidates: Vec<Candidate>,
    /// The sources that gave no answer.
    pub unanswered: Vec<Unanswered>,
    /// What sources gave and cannot be used.
    pub dropped: Vec<Dropped>,
    /// Certificates of authorities that came along; they may help to find a path.
    pub authorities: Vec<Certificate>,
    /// What the owner of the domain says in the signed DNS about the certificates of this address.
    pub associations: Vec<Association>,
}

/// A certificate that was found.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The certificate: for mail, for this address, within its validity.
    pub certificate: Certificate,
    /// Whether it is the mailbox's own, or that of the gateway of its domain (RFC 3183).
    pub speaks: Speaks,
    /// Where it came from.
    pub origin: Origin,
    /// When its source gave it, in Unix seconds.
    pub found_at: i64,
    /// Whether that is recent; else the source cannot be asked at the moment and this is what it said before.
    pub is_fresh: bool,
    /// What the owner of the domain says about it in the signed DNS, if anything is said there.
    pub confirmation: Confirmation,
}

/// Where a certificate came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The name of the source in the configuration.
    pub source: Arc<str>,
    /// What kind of source that is.
    pub kind: Kind,
    /// How its answer came.
    pub channel: Channel,
}

/// The kinds of sources, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A directory of our own organisation.
    Directory,
    /// The directory of a partner, asked for its own domains.
    Partner,
    /// SMIMEA records (RFC 8162), which the owner of the domain writes.
    Dns,
    /// The directory of a bridge, which speaks for its members.
    Bridge,
    /// A certificate store on the web (RFC 4387).
    Http,
}

/// How an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Anybody on the way could have written it.
    Clear,
    /// By DNS.
    Dns(Dnssec),
    /// Over TLS from the server that was meant.
    Tls,
}

/// What signatures say of an answer of the DNS (RFC 4035 section 4.3). Bogus answers are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dnssec {
    /// The zone is not signed: the answer is worth nothing in itself.
    Insecure,
    /// The owner of the zone wrote it.
    Secure,
}

/// What SMIMEA records with signatures say about a certificate, wherever it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// One of them is about this certificate or its key.
    Confirmed,
    /// They fit only if its path is good too: they name its authority (usages 0 and 2), or want both (usage 1).
    NeedsPath,
    /// There are none.
    #[default]
    None,
}

/// A source that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The name of the source in the configuration.
    pub source: Arc<str>,
    /// What kind of source that is.
    pub kind: Kind,
    /// Whether it may answer later. A bogus answer of the DNS is such a failure too: somebody may be in the way.
    pub is_temporary: bool,
    /// The stable code of the reason.
    pub code: &'static str,
    /// The reason.
    pub why: String,
}

/// Something that a source gave and that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The name of the source in the configuration.
    pub source: Arc<str>,
    /// The SHA-256 of the certificate; `None` if it is not even that.
    pub fingerprint: Option<String>,
    /// The reason.
    pub why: String,
}

impl Default for Asked {
    fn default() -> Self {
        let wait = Duration::from_secs(10);
        Self { passed: Vec::new(), wait, from_cache: true, ignores_case: false }
    }
}

impl Found {
    /// Returns true if somebody who might know could not be asked now, so that "none" is not the last word.
    pub fn may_change(&self) -> bool {
        self.unanswered.iter().any(|source| source.is_temporary)
    }
}

impl Candidate {
    /// Returns true if the certificate is the right one for the address by the word of its origin alone: a directory that
    /// we or the partner run, asked over TLS, or the signed DNS, just now. Every other one needs a path to an authority.
    pub fn is_vouched_for(&self) -> bool {
        let is_right = match self.confirmation {
            Confirmation::Confirmed => true,
            Confirmation::NeedsPath => false,
            // A record whose usage is not understood says nothing, even if a certificate is in it (RFC 6698 section 4.1).
            Confirmation::None => self.origin.kind != Kind::Dns && self.origin.is_sure(),
        };
        self.is_fresh && is_right
    }
}

impl Origin {
    /// Returns true if somebody who knows said it, and nobody on the way could change it. What is believed for that is for
    /// [`Candidate::is_vouched_for`] to say.
    pub(super) fn is_sure(&self) -> bool {
        match (self.kind, self.channel) {
            (Kind::Dns, channel) => channel == Channel::Dns(Dnssec::Secure),
            (Kind::Directory | Kind::Partner, channel) => channel == Channel::Tls,
            (Kind::Bridge | Kind::Http, _) => false,
        }
    }
}

impl Kind {
    /// Returns the word for it in output, settings and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Directory => "directory",
            Self::Dns => "dns",
            Self::Http => "http",
            Self::Partner => "partner",
        }
    }
}

impl Channel {
    /// Returns the word for it in output and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Dns(Dnssec::Insecure) => "insecure",
            Self::Dns(Dnssec::Secure) => "dnssec",
            Self::Tls => "tls",
        }
    }
}

impl Confirmation {
    /// Returns the word for it in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::NeedsPath => "needs-path",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, kind, channel } = self;
        write!(formatter, "{source} ({}, {})", kind.word(), channel.word())
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, why, is_temporary, .. } = self;
        let when = if *is_temporary { "for now" } else { "for good" };
        write!(formatter, "{source}: no answer {when}: {why}")
    }
}
