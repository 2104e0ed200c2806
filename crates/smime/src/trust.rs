//! Who may speak for which domain: the question the opener asks and the caller answers.

use std::sync::Arc;

use chancery_pki::{Certificate, Purpose, Scope, encrypts_for, path};

/// Whom somebody vouches with, under which conditions, and the domains it may speak for.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// The partner's name, as the console shows it.
    pub name: String,
    /// Its authorities, and what a path to them must satisfy. Whom it may speak for is told by `reach`, not here.
    pub trust: Arc<path::Trust>,
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
    /// Everybody whom an authority on the path may name because the one above limited it to those mail domains: members of
    /// a bridge (RFC 5280 section 4.2.1.10). An authority without such a limit is not believed for anybody.
    Constrained,
}

/// Finds the anchors for a domain; the gateway implements it over its partner cards.
///
/// It is asked for the domain of From first, and then for the domains that the signer's certificate names, so that
/// a known partner who speaks for somebody else's domain is told apart from a stranger.
pub trait Trust {
    /// Returns the anchors of the organisations whose card lists `domain` (lower case); none for a stranger.
    fn anchors_for(&self, domain: &str) -> Vec<Anchor>;

    /// Returns what may help on the way to them: certificates, evidence and remembered signatures.
    fn known(&self) -> path::Known {
        path::Known::default()
    }

    /// Is shown each answer of the path engine, for whoever wants to fetch what it lacks and ask again.
    fn note(&self, _asked: &AskedPath<'_>, _answer: &path::Answer) {}
}

/// What the path engine was asked about.
#[derive(Clone, Copy, Debug)]
pub struct AskedPath<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
    /// What it was used for.
    pub purpose: Purpose,
    /// Whom to believe.
    pub trust: &'a Arc<path::Trust>,
    /// Certificates that came along with it.
    pub brought: &'a [Certificate],
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
            Reach::Mailboxes | Reach::Constrained => true,
        }
    }

    /// Makes one of a single authority without further conditions.
    pub fn new(name: impl Into<String>, authority: Certificate, reach: Reach, own: bool) -> Self {
        let trust = Arc::new(path::Trust::anchors(&[authority]));
        Self { name: name.into(), trust, reach, own }
    }

    /// Returns true if, believing the answer about a path that ends here, messages to an address may be encrypted to the
    /// certificate.
    pub fn encrypts_for(
        &self,
        certificate: &Certificate,
        address: &str,
        answer: &path::Answer,
    ) -> bool {
        self.reach_for(answer, address)
            .is_some_and(|reach| encrypts_for(certificate, address, reach.scope()).is_some())
    }

    /// Returns what it is believed for as far as it matters for an address; `None` if not for this one.
    pub(crate) fn reach_for(&self, answer: &path::Answer, address: &str) -> Option<Reach> {
        match &self.reach {
            Reach::Constrained => {
                let domain = address.rsplit_once('@')?.1.to_owned();
                answer.path.limits_mail_to(address).then(|| Reach::Domains(vec![domain]))
            }
            reach => Some(reach.clone()),
        }
    }

    /// Returns true if it is the same one, and not only one like it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.trust, &other.trust) && self.reach == other.reach && self.own == other.own
    }
}

impl Reach {
    /// Returns the same for the rules of certificates.
    pub(crate) fn scope(&self) -> Scope<'_> {
        match self {
            Self::Domains(domains) => Scope::Domains(domains),
            // What is limited is asked for with the domains it is limited to.
            Self::Constrained => Scope::Domains(&[]),
            Self::Mailboxes => Scope::Mailboxes,
        }
    }
}
