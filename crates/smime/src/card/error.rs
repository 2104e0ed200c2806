//! Why a card is refused, each cause with its stable code.

use chancery_fault::{Code, Coded, Fault, Retry};

/// Why a card was refused or could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A certificate in the card does not lead to the authority in it, or may not be used for its purpose.
    #[error("cannot trust the card: {reason}")]
    Chain {
        /// The certificate and the rule it breaks.
        reason: String,
    },
    /// The domains are no list of domains, or the certificates are not for them.
    #[error("cannot use the card: {reason}")]
    Domain {
        /// Which domain, and why.
        reason: String,
    },
    /// The card, or a certificate that it needs, has expired.
    #[error("cannot use the card: {what} expired {at}")]
    Expired {
        /// The card or a certificate.
        what: String,
        /// When.
        at: String,
    },
    /// The card could not be signed.
    #[error("cannot sign the card: {0}")]
    Make(#[source] chancery_cms::Error),
    /// The card, or a certificate that it needs, is not valid yet.
    #[error("cannot use the card: {what} is not valid before {at}")]
    NotYetValid {
        /// The card or a certificate.
        what: String,
        /// From when on.
        at: String,
    },
    /// The signature is not one of this content by the key of the certificate inside.
    #[error("cannot trust the card: {reason}")]
    Signature {
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes are no card.
    #[error("cannot read the card: {reason}")]
    Syntax {
        /// What was found.
        reason: String,
    },
    /// The bytes are too many for a card.
    #[error("cannot read the card: it has {length} bytes, the limit is {limit}")]
    TooLarge {
        /// How many there are.
        length: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The card was made for software that is newer than this.
    #[error("cannot read the card: {reason}")]
    Version {
        /// What is not understood.
        reason: String,
    },
}

impl Error {
    pub(super) fn certificate(error: &chancery_pki::Error) -> Self {
        Self::Syntax { reason: error.to_string() }
    }

    pub(super) fn syntax(reason: impl Into<String>) -> Self {
        Self::Syntax { reason: reason.into() }
    }
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Chain { .. } => &CHAIN,
            Self::Domain { .. } => &DOMAIN,
            Self::Expired { .. } => &EXPIRED,
            Self::Make(error) => error.code(),
            Self::NotYetValid { .. } => &NOT_YET_VALID,
            Self::Signature { .. } => &SIGNATURE,
            Self::Syntax { .. } => &SYNTAX,
            Self::TooLarge { .. } => &TOO_LARGE,
            Self::Version { .. } => &VERSION,
        }
    }
}

/// All codes of partner cards.
pub const CODES: &[&Code] =
    &[&CHAIN, &DOMAIN, &EXPIRED, &NOT_YET_VALID, &SIGNATURE, &SYNTAX, &TOO_LARGE, &VERSION];

/// Returns a code of a card: the partner mends it by making a new card.
const fn code(id: &'static str, summary: &'static str, help: &'static str) -> Code {
    Code { id, fault: Fault::Partner, retry: Retry::Never, reply: "550 5.7.5", summary, help }
}

static CHAIN: Code = code(
    "card.chain",
    "a certificate in the card does not lead to the authority in it",
    "Ask the partner for a new card. The message names the certificate and the rule of RFC 5280 that it breaks. A card whose \
     signature is right but whose certificates do not fit was put together from several or made by hand.",
);
static DOMAIN: Code = code(
    "card.domain",
    "the domains and the certificates of the card do not fit each other",
    "Ask the partner to make its card again after renewing its certificates for all its domains (`chancery key renew`, then \
     `chancery partner card`). A card may list only domains for which both its signing and an encryption certificate are made out.",
);
static EXPIRED: Code = code(
    "card.expired",
    "the card or a certificate in it has expired",
    "Ask the partner for a current card; it makes one with `chancery partner card`. Check the clock of this machine with \
     `chancery check` if every card seems expired.",
);
static NOT_YET_VALID: Code = code(
    "card.not_yet_valid",
    "the card or a certificate in it is not valid yet",
    "Check the clock of this machine with `chancery check`. If it is right, the partner's clock was wrong when the card was made: \
     ask for a new one.",
);
static SIGNATURE: Code = code(
    "card.signature",
    "the card's signature is missing or wrong",
    "Do not use this card. Ask the partner to send it again, as a file: the signed block was changed on the way, or somebody made \
     it up. The lines above the block may change without harm.",
);
static SYNTAX: Code = code(
    "card.syntax",
    "the file is no partner card",
    "Check that it is the file the partner made with `chancery partner card`: text with one block from `-----BEGIN CMS-----` to \
     `-----END CMS-----`. `openssl cms -verify -noverify -inform PEM -in FILE` shows what is inside.",
);
static TOO_LARGE: Code = code(
    "card.too_large",
    "the file is too large for a partner card",
    "Check that it is the right file: a card has a few thousand bytes. Cards of more than 256 KiB are not read.",
);
static VERSION: Code = code(
    "card.version",
    "the card was made for newer software",
    "Upgrade Chancery, or ask the partner for a card of version 1. The card demands something that this release does not \
     understand, so it is refused and not half understood.",
);
