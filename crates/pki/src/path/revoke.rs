//! Revocation along a path: asks [`crate::revocation`] about each certificate, and lends it the path engine for signers.
//!
//! Whoever signed a list or a response must have a path to the same anchor (RFC 5280 section 6.3.3 (f)), and may not be
//! revoked either, so that the two engines call each other. A signer that is being asked about already is not trusted
//! a second time, which ends every circle.

use std::collections::HashMap;

use crate::certificate::Certificate;
use crate::name::DistinguishedName;
use crate::path::answer::{Attempt, Missing, Spent};
use crate::path::question::{Anchor, Budget, Question, Strictness, Trust};
use crate::path::search::Search;
use crate::path::signatures::{self, Algorithms, Flaw, WorkingKey};
use crate::path::{Purpose, Rule};
use crate::revocation::signed::Memo;
use crate::revocation::{self, Signed, SignerRole, Signers, Status};
use crate::time;

/// What one search knows about signers.
#[derive(Default)]
pub(super) struct Known {
    /// Whether a signer, by its fingerprint and by what it signs, has a path to an anchor.
    signers: HashMap<([u8; 32], [u8; 32], bool), bool>,
    /// What signers without a path lack.
    pub(super) missing: Vec<Missing>,
    /// Those being asked about, from the first question down.
    asked: Vec<[u8; 32]>,
    /// The target says that its revocation is not to be checked, and may say so.
    is_target_exempt: bool,
}

/// Asks about every certificate below the anchor and notes what comes out.
pub(super) fn check(
    question: &Question<'_>,
    anchor: &Anchor,
    attempt: &mut Attempt,
    known: &mut Known,
    spent: &mut Spent,
) {
    let demand = &question.trust.revocation;
    if demand.strictness == Strictness::Ignore {
        return;
    }
    let path: Vec<Certificate> =
        attempt.steps.iter().map(|step| step.certificate.clone()).collect();
    let last = path.len().saturating_sub(1);
    for (depth, pair) in path.windows(2).enumerate() {
        let [issuer, certificate] = pair else { break };
        if known.is_target_exempt && depth + 1 == last {
            break;
        }
        let asked = revocation::Question {
            certificate,
            issuer,
            evidence: question.evidence,
            settings: &demand.settings,
            at: question.at,
        };
        let above = path.get(..=depth).unwrap_or_default();
        let mut lender = Lender { question, anchor, path: &path, above, known, spent };
        let answer = revocation::status(&asked, &mut lender);
        let Some(step) = attempt.steps.get_mut(depth + 1) else { break };
        match &answer.status {
            Status::Good { .. } => step.note(Rule::Revoked, None),
            Status::Revoked { reason, since, .. } => {
                let detail = format!("was revoked {}: {reason}", time::text(*since));
                step.note(Rule::Revoked, Some(detail));
            }
            Status::Unknown { why } => {
                let failure = (demand.strictness == Strictness::Hard)
                    .then(|| format!("may have been revoked: {why}"));
                if failure.is_some() {
                    step.note(Rule::RevocationUnknown, failure);
                }
            }
        }
        step.revocation = Some(answer);
    }
}

/// The path engine as the revocation engine sees it.
struct Lender<'a> {
    question: &'a Question<'a>,
    anchor: &'a Anchor,
    /// The path in question, the anchor first.
    path: &'a [Certificate],
    /// The part of it that ends with the authority of the certificate in question.
    above: &'a [Certificate],
    known: &'a mut Known,
    spent: &'a mut Spent,
}

impl Signers for Lender<'_> {
    fn named(&mut self, name: &DistinguishedName) -> Vec<Certificate> {
        let pool = self.question.pool;
        let pooled = pool.find(name).into_iter().flat_map(|name| pool.of_subject(name));
        let on_path = self.path.iter().filter(|it| it.subject_name() == name);
        let mut named: Vec<Certificate> = on_path.cloned().collect();
        for entry in pooled.take(MAX_SIGNERS) {
            if !named.contains(&entry.certificate) {
                named.push(entry.certificate.clone());
            }
        }
        named
    }

    fn is_authority(&mut self, certificate: &Certificate) -> bool {
        self.is_authority_by(certificate, MAX_LINKS)
    }

    fn trusts(&mut self, signer: &Certificate, role: SignerRole) -> bool {
        let fingerprint = signer.fingerprint();
        // The anchor is trusted for being it, and what stands on a path that holds so far does.
        if *signer == self.anchor.certificate {
            return true;
        }
        let is_responder = matches!(role, SignerRole::OcspResponder { .. });
        let key = (fingerprint, self.anchor.certificate.fingerprint(), is_responder);
        if let Some(known) = self.known.signers.get(&key) {
            return *known;
        }
        if self.known.asked.contains(&fingerprint) || self.known.asked.len() >= MAX_NESTED {
            return false;
        }
        let is_trusted = self.ask(signer, role);
        self.known.signers.insert(key, is_trusted);
        is_trusted
    }

    fn verify(&mut self, signature: &Signed<'_>, signer: &Certificate) -> Result<(), String> {
        let algorithms = self.question.trust.algorithms;
        // The same list is about many certificates of a mesh; only its first check is work.
        if algorithms == Algorithms::CURRENT && signature.is_known_of(signer) {
            return Ok(());
        }
        if self.spent.signatures >= self.question.budget.signatures {
            return Err("was not checked: too many signatures".to_owned());
        }
        self.spent.signatures += 1;
        if signer.public_key().is_some() && algorithms == Algorithms::CURRENT {
            // It remembers the digest of a long list.
            return signature.verify(signer);
        }
        let above = self.path.windows(2).find_map(|pair| match pair {
            [above, it] if it == signer => Some(above),
            _ => None,
        });
        let above = above.filter(|_| signer.public_key().is_none());
        let key = WorkingKey {
            spki: signer.spki(),
            parameters: above.map(Certificate::spki),
            public_key: signer.public_key(),
            id: (signer.key_fingerprint(), above.map_or([0; 32], Certificate::key_fingerprint)),
        };
        let made = signatures::Signed {
            message: signature.data(),
            algorithm: signature.algorithm(),
            signature: signature.signature(),
            key,
        };
        self.question.verifier.check_once(&made, algorithms).map_err(|flaw| match flaw {
            Flaw::Forged => format!("is not signed by the key of <{}>", signer.subject()),
            Flaw::Refused(what) => what,
        })
    }
}

impl Lender<'_> {
    /// Returns true if whoever certified the authority on this path also gave this certificate, or the authority itself did,
    /// by at most so many certificates from one of its keys to the next.
    fn is_authority_by(&mut self, certificate: &Certificate, links: usize) -> bool {
        let path = self.above;
        let Some(authority) = path.last().filter(|it| is_named_alike(it, certificate)) else {
            return false;
        };
        let own = path.iter().rev().take_while(|it| is_named_alike(it, authority)).count();
        let (above, own) = path.split_at(path.len() - own);
        if own.iter().any(|it| it.spki() == certificate.spki()) {
            return true;
        }
        let memo = Memo::default();
        let signed = Signed::of_certificate(certificate, &memo);
        let mut givers: Vec<Certificate> = own.iter().chain(above.last()).cloned().collect();
        givers.retain(|giver| giver.subject_name() == certificate.issuer_name());
        if givers.iter().any(|giver| self.verify(&signed, giver).is_ok()) {
            return true;
        }
        let Some(links) = links.checked_sub(1).filter(|_| certificate.is_self_issued()) else {
            return false;
        };
        let mut others = self.named(certificate.subject_name());
        others.retain(|it| it != certificate && !own.contains(it));
        others.truncate(MAX_OTHERS);
        others
            .iter()
            .any(|other| self.verify(&signed, other).is_ok() && self.is_authority_by(other, links))
    }

    /// Looks for a path of a signer to the anchor of the path in question.
    fn ask(&mut self, signer: &Certificate, role: SignerRole) -> bool {
        let question = self.question;
        let trust = Trust {
            anchors: vec![self.anchor.clone()],
            pinned_keys: Vec::new(),
            policies: crate::path::PolicyDemand::default(),
            domains: None,
            algorithms: question.trust.algorithms,
            revocation: question.trust.revocation.clone(),
        };
        let (purpose, is_target_exempt) = match role {
            SignerRole::CrlIssuer => (Purpose::CrlSign, false),
            SignerRole::OcspResponder { no_check } => (Purpose::OcspSign, no_check),
        };
        let nested = Question {
            target: signer,
            purpose,
            address: None,
            trust: &trust,
            budget: left(question.budget, self.spent),
            ..question.clone()
        };
        let known = Known {
            signers: std::mem::take(&mut self.known.signers),
            missing: Vec::new(),
            asked: [self.known.asked.as_slice(), &[signer.fingerprint()]].concat(),
            is_target_exempt,
        };
        let (answer, known) = Search::within(&nested, known).run();
        self.known.signers = known.signers;
        self.spent.add(&answer.spent);
        for missing in &answer.missing {
            if self.known.missing.len() < MAX_MISSING && !self.known.missing.contains(missing) {
                self.known.missing.push(missing.clone());
            }
        }
        answer.is_trusted()
    }
}

fn is_named_alike(one: &Certificate, other: &Certificate) -> bool {
    one.subject_name() == other.subject_name()
}

/// Returns what a budget still allows.
fn left(budget: Budget, spent: &Spent) -> Budget {
    Budget {
        depth: budget.depth,
        candidates: budget.candidates.saturating_sub(spent.candidates),
        paths: budget.paths.saturating_sub(spent.paths),
        signatures: budget.signatures.saturating_sub(spent.signatures),
        comparisons: budget.comparisons.saturating_sub(spent.comparisons),
    }
}

/// Certificates of one name that may have signed a list; it gives no hint which but the key identifier.
const MAX_SIGNERS: usize = 64;
/// Changes of an authority's key that lie between the one on the path and another one.
const MAX_LINKS: usize = 4;
/// Certificates of an authority that are tried for each of them.
const MAX_OTHERS: usize = 8;
/// Things that signers lack that are told.
const MAX_MISSING: usize = 16;
/// Signers of lists about signers of lists: honest ones end with the second.
const MAX_NESTED: usize = 4;
