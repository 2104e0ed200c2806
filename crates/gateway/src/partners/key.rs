//! One certificate of a partner, and whether it can be encrypted to at a time.

use std::sync::{Arc, Mutex, PoisonError};

use chancery_pki::path::{self, Answer, Known};
use chancery_pki::{Certificate, Purpose, Rule};
use chancery_smime::{Anchor, PathVerdict, Reach, RecipientKey};
use serde::Serialize;

/// One certificate of a partner, ready for use.
#[derive(Debug)]
pub(super) struct PartnerCertificate {
    pub(super) certificate: Certificate,
    pub(super) recipient: RecipientKey,
    /// The end of its use, in Unix seconds: of the certificate, or of the card it is on.
    pub(super) until: i64,
    /// What the path engine said last; it is asked again when something new is known, or something of it ends.
    judged: Mutex<Option<Judged>>,
}

/// The way from a partner's encryption certificate to its authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EncryptionPath {
    /// Subjects of the certificates, that of the key first.
    pub path: Vec<String>,
    /// What the path stands on, and which rules it breaks.
    pub validation: PathVerdict,
}

impl EncryptionPath {
    /// Returns what the path engine found.
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            path: answer.path.steps.iter().rev().map(|it| it.certificate.subject()).collect(),
            validation: PathVerdict::of(answer),
        }
    }
}

/// Returns in words what is wrong with a path.
pub(crate) fn failures(answer: &Answer) -> String {
    answer.path.failures().map(|failure| failure.to_string()).collect::<Vec<_>>().join("; ")
}

/// Whether a certificate can be encrypted to.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    /// It can.
    Usable(Arc<EncryptionPath>),
    /// Its time, or that of an authority above it, has not come.
    Early,
    /// Its time, or that of an authority above it, is over.
    Late,
    /// It must not be used; says why.
    Bad(String),
}

/// What the path engine said, and for how long.
#[derive(Debug)]
struct Judged {
    known: Known,
    from: i64,
    until: i64,
    standing: Standing,
}

impl PartnerCertificate {
    pub(super) fn new(certificate: Certificate, recipient: RecipientKey, until: i64) -> Self {
        Self { certificate, recipient, until, judged: Mutex::default() }
    }

    /// Says whether it can be encrypted to at a time (Unix seconds). `chain` are certificates of the partner that may help.
    pub(super) fn standing(
        &self,
        anchor: &Anchor,
        domains: &[String],
        chain: &[Certificate],
        known: &Known,
        at: i64,
    ) -> Standing {
        if at > self.until {
            return Standing::Late;
        }
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judged) = judged.as_ref().filter(|it| it.holds(known, at)) {
            return judged.standing.clone();
        }
        let (standing, until) = self.judge(anchor, domains, chain, known, at);
        *judged =
            Some(Judged { known: known.clone(), from: at, until, standing: standing.clone() });
        standing
    }

    /// Asks the path engine; returns with the answer until when it stays the same.
    fn judge(
        &self,
        anchor: &Anchor,
        domains: &[String],
        chain: &[Certificate],
        known: &Known,
        at: i64,
    ) -> (Standing, i64) {
        let with_chain = known.with(chain, []);
        let asked =
            with_chain.question(&self.certificate, Purpose::SmimeEncrypt, at, &anchor.trust);
        let answer = path::decide(&asked);
        let rules: Vec<Rule> = answer.path.failures().map(|it| it.rule).collect();
        let all = |of: &[Rule]| !rules.is_empty() && rules.iter().all(|rule| of.contains(rule));
        let end = answer.path.expiry().filter(|_| answer.is_trusted()).map_or(at, |end| end.at);
        let is_trusted = answer.is_trusted();
        let mut addresses = domains.iter().map(|domain| format!("somebody@{domain}"));
        let is_limited = anchor.reach != Reach::Constrained
            || addresses.all(|address| answer.path.limits_mail_to(&address));
        let standing = match () {
            () if is_trusted && !is_limited => Standing::Bad(UNLIMITED.to_owned()),
            () if is_trusted => Standing::Usable(Arc::new(EncryptionPath::of(&answer))),
            () if all(&[Rule::NotYetValid]) => Standing::Early,
            () if all(&[Rule::Expired, Rule::NotYetValid]) => Standing::Late,
            () => Standing::Bad(failures(&answer)),
        };
        (standing, end)
    }
}

impl Judged {
    fn holds(&self, known: &Known, at: i64) -> bool {
        (self.from..=self.until).contains(&at) && self.known.is_same(known)
    }
}

/// Why a member of a bridge is not believed.
const UNLIMITED: &str = "no authority on its path is limited to the domain by the one above it";
