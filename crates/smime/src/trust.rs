//! Who may speak for which domain: the question the opener asks and the caller answers.

use chancery_pki::Scope;

/// A certificate authority that an organisation vouches with, and the domains it may speak for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The partner's name, as the console shows it.
    pub name: String,
    /// The partner's CA certificate (DER), from its card.
    pub certificate: Vec<u8>,
    /// What it is believed for.
    pub reach: Reach,
    /// True if this is our own organisation. Only such an anchor may speak for our domains.
    pub own: bool,
}

/// What an authority is believed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// These domains, in lower case, and the organisation that runs them: a partner's authority, from its card.
    Domains(Vec<String>),
    /// Each mailbox that it certifies, of any domain, and no organisation: an authority that checks mailboxes. Whoever gets
    /// the mailbox `domain-signing-authority` somewhere would else speak for everybody there (RFC 3183).
    Mailboxes,
}

/// Finds the anchors for a domain; the gateway implements it over its partner cards.
///
/// It is asked for the domain of From first, and then for the domains that the signer's certificate names, so that
/// a known partner who speaks for somebody else's domain is told apart from a stranger.
pub trait Trust {
    /// Returns the anchors of the organisations whose card lists `domain` (lower case); none for a stranger.
    fn anchors_for(&self, domain: &str) -> Vec<Anchor>;
}

/// Trusts nobody: every signature is a stranger's.
#[derive(Clone, Copy, Debug)]
pub struct NoTrust;

impl Trust for NoTrust {
    fn anchors_for(&self, _domain: &str) -> Vec<Anchor> {
        Vec::new()
    }
}

impl Trust for [Anchor] {
    fn anchors_for(&self, domain: &str) -> Vec<Anchor> {
        self.iter().filter(|anchor| anchor.lists(domain)).cloned().collect()
    }
}

impl Trust for Vec<Anchor> {
    fn anchors_for(&self, domain: &str) -> Vec<Anchor> {
        self.as_slice().anchors_for(domain)
    }
}

impl Anchor {
    /// Returns true if it is believed for exactly this domain; sub-domains must be listed themselves.
    pub fn lists(&self, domain: &str) -> bool {
        match &self.reach {
            Reach::Domains(domains) => {
                domains.iter().any(|listed| listed.eq_ignore_ascii_case(domain))
            }
            Reach::Mailboxes => true,
        }
    }

    /// Returns the same for the rules of certificates.
    pub(crate) fn scope(&self) -> Scope<'_> {
        match &self.reach {
            Reach::Domains(domains) => Scope::Domains(domains),
            Reach::Mailboxes => Scope::Mailboxes,
        }
    }
}
