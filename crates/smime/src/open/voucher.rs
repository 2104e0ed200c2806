//! Looks for whoever vouches for a certificate, and says for whom it may speak then.

use chancery_mail::address::{Mailbox, normal_domain};
use chancery_pki::path::{self, Answer, Known};
use chancery_pki::{Certificate, Purpose, Rule, SIGNING_AUTHORITY, Speaks, speaks_for};

use crate::{
    open::OpenFacts,
    trust::{Anchor, AskedPath, Reach, Trust},
    verdict::{PathVerdict, SignerTrust},
};

/// Asks the caller's anchors about the certificates of one signature.
pub(super) struct Vouchers<'a> {
    pub(super) trust: &'a dyn Trust,
    pub(super) facts: &'a OpenFacts<'a>,
    /// What the caller knows, with what the signature brings along.
    pub(super) known: Known,
    /// The certificates that came along.
    pub(super) brought: &'a [Certificate],
    /// The authors for whom the signer would speak.
    pub(super) authors: &'a [Mailbox],
}

/// The best that an anchor said about a certificate.
pub(super) struct PathFound {
    pub(super) trust: SignerTrust,
    pub(super) anchor: Option<Anchor>,
    /// The subjects from the certificate to the anchor.
    pub(super) path: Vec<String>,
    pub(super) speaks: bool,
    pub(super) why: String,
    pub(super) details: PathVerdict,
}

impl Vouchers<'_> {
    /// Looks for the anchor that says the best about a certificate.
    pub(super) fn best(&self, certificate: &Certificate) -> PathFound {
        let mut best: Option<PathFound> = None;
        for anchor in self.anchors(certificate) {
            let answer = self.ask(certificate, &anchor, Purpose::SmimeSign);
            let found = self.found(certificate, anchor, &answer);
            if best.as_ref().is_none_or(|best| found.rank() > best.rank()) {
                best = Some(found);
            }
        }
        best.unwrap_or_else(|| PathFound::stranger(certificate))
    }

    /// Returns true if the anchor vouches for encrypting to each author with this certificate.
    pub(super) fn encrypts(&self, certificate: &Certificate, anchor: &Anchor) -> bool {
        let answer = self.ask(certificate, anchor, Purpose::SmimeEncrypt);
        let is_for =
            |author: &Mailbox| anchor.encrypts_for(certificate, &author.address.normal(), &answer);
        answer.is_trusted() && self.authors.iter().all(is_for)
    }

    fn ask(&self, certificate: &Certificate, anchor: &Anchor, purpose: Purpose) -> Answer {
        let asked = self.known.question(certificate, purpose, self.facts.at, &anchor.trust);
        let answer = path::decide(&asked);
        let (trust, brought) = (&anchor.trust, self.brought);
        self.trust.note(&AskedPath { certificate, purpose, trust, brought }, &answer);
        answer
    }

    /// Asks for the anchors of the domains in From, then for those that the certificate itself names.
    fn anchors(&self, certificate: &Certificate) -> Vec<Anchor> {
        let of_authors = self.authors.iter().map(|author| author.address.ascii_domain());
        let of_emails = certificate.emails().iter().filter_map(|email| email.rsplit_once('@'));
        let of_emails = of_emails.map(|(_, domain)| normal_domain(domain));
        let of_names = certificate.dns_names().into_iter().map(normal_domain);
        let mut domains: Vec<String> = Vec::new();
        for domain in of_authors.chain(of_emails).chain(of_names) {
            if domains.len() < MAX_DOMAINS && !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        let mut anchors: Vec<Anchor> = Vec::new();
        for anchor in domains.iter().flat_map(|domain| self.trust.anchors_for(domain)) {
            if anchors.len() < MAX_LISTED && !anchors.iter().any(|it| it.is_same(&anchor)) {
                anchors.push(anchor);
            }
        }
        // Of a whole store of authorities only those can vouch that issued something here, by their name.
        if anchors.len() > MAX_ANCHORS {
            anchors.retain(|anchor| self.may_vouch(anchor, certificate));
            anchors.truncate(MAX_ANCHORS);
        }
        anchors
    }

    /// Returns true if an anchor is the certificate itself, or has the name of who issued it or one that came along.
    fn may_vouch(&self, anchor: &Anchor, certificate: &Certificate) -> bool {
        anchor.trust.anchors.iter().map(|it| &it.certificate).any(|authority| {
            let mut issued = std::iter::once(certificate).chain(self.brought);
            authority == certificate
                || issued.any(|it| it.issuer_name() == authority.subject_name())
        })
    }

    fn found(&self, certificate: &Certificate, anchor: Anchor, answer: &Answer) -> PathFound {
        let failures: Vec<path::Failure> = answer.path.failures().collect();
        let all = |rules: &[Rule]| failures.iter().all(|failure| rules.contains(&failure.rule));
        let reasons = || {
            let reasons: Vec<String> = failures.iter().map(ToString::to_string).collect();
            reasons.join("; ")
        };
        let (trust, speaks, why) = match answer.outcome {
            path::Outcome::Trusted => {
                let (speaks, why) = self.speaks(certificate, &anchor, answer);
                (if anchor.own { SignerTrust::Own } else { SignerTrust::Partner }, speaks, why)
            }
            path::Outcome::Rejected if all(&[Rule::Expired, Rule::NotYetValid]) => {
                (SignerTrust::Expired, false, reasons())
            }
            path::Outcome::Rejected if failures.iter().any(|it| it.rule == Rule::Revoked) => {
                (SignerTrust::Revoked, false, reasons())
            }
            path::Outcome::Rejected if all(&[Rule::RevocationUnknown]) => {
                (SignerTrust::RevocationUnknown, false, reasons())
            }
            path::Outcome::Rejected => (SignerTrust::PathFailed, false, reasons()),
            path::Outcome::Stranger => {
                let details = PathVerdict::of(answer);
                return PathFound { details, ..PathFound::stranger(certificate) };
            }
        };
        let steps = answer.path.steps.iter().rev();
        let path = steps.map(|step| step.certificate.subject()).collect();
        let details = PathVerdict::of(answer);
        PathFound { trust, anchor: Some(anchor), path, speaks, why, details }
    }

    /// Says whether a trusted certificate may speak for every author.
    fn speaks(
        &self,
        certificate: &Certificate,
        anchor: &Anchor,
        answer: &Answer,
    ) -> (bool, String) {
        let mut why = Vec::new();
        for author in self.authors {
            let address = author.address.normal();
            let reach = anchor.reach_for(answer, &address);
            let reach = reach.filter(|reach| self.is_open_to(anchor, reach, author));
            let speaks = reach.and_then(|reach| speaks_for(certificate, &address, reach.scope()));
            match speaks {
                Some(Speaks::Domain(domain)) => {
                    why.push(format!("{} signs for the domain {domain}", anchor.name));
                }
                Some(Speaks::Mailbox(mailbox)) => {
                    why.push(format!("{} vouches for {mailbox}", anchor.name));
                }
                None => {
                    let why = match anchor.reach {
                        Reach::Mailboxes if is_organisation(certificate) => {
                            "is believed for mailboxes, and this signer speaks for a whole domain"
                        }
                        Reach::Constrained if !answer.path.limits_mail_to(&address) => {
                            "is known, but no authority above the signer is limited to the domain of"
                        }
                        _ => "is known, but this signer may not speak for",
                    };
                    return (false, format!("{} {why} {address}", anchor.name));
                }
            }
        }
        if why.is_empty() {
            return (false, format!("{} is known, but there is no From to speak for", anchor.name));
        }
        why.dedup();
        (true, why.join("; "))
    }

    /// A partner's card cannot make the partner speak for us, whatever domains it lists, and neither can a bridge.
    fn is_open_to(&self, anchor: &Anchor, reach: &Reach, author: &Mailbox) -> bool {
        let domain = author.address.ascii_domain();
        let is_ours = || self.facts.our_domains.iter().any(|our| our.eq_ignore_ascii_case(&domain));
        anchor.own || matches!(reach, Reach::Mailboxes) || !is_ours()
    }
}

/// Returns true for the certificate of a gateway (RFC 3183 section 4).
fn is_organisation(certificate: &Certificate) -> bool {
    let locals = certificate.emails().iter().filter_map(|email| email.rsplit_once('@'));
    locals.into_iter().any(|(local, _)| local.eq_ignore_ascii_case(SIGNING_AUTHORITY))
}

impl PathFound {
    pub(super) fn stranger(certificate: &Certificate) -> Self {
        Self {
            trust: SignerTrust::Stranger,
            anchor: None,
            path: vec![certificate.subject()],
            speaks: false,
            why: format!("no partner vouches for the issuer {}", certificate.issuer()),
            details: PathVerdict::default(),
        }
    }

    pub(super) fn without_certificate() -> Self {
        Self {
            trust: SignerTrust::NoCertificate,
            anchor: None,
            path: Vec::new(),
            speaks: false,
            why: "the signature does not come with the signer's certificate".to_owned(),
            details: PathVerdict::default(),
        }
    }

    /// Orders findings from nothing to everything.
    fn rank(&self) -> u8 {
        match (self.trust, self.speaks) {
            (_, true) => 5,
            (SignerTrust::Partner | SignerTrust::Own, false) => 4,
            (SignerTrust::RevocationUnknown, false) => 3,
            (SignerTrust::Expired, false) => 2,
            (SignerTrust::PathFailed | SignerTrust::Revoked, false) => 1,
            (SignerTrust::Stranger | SignerTrust::NoCertificate, false) => 0,
        }
    }
}

/// Domains asked for on behalf of one signer.
const MAX_DOMAINS: usize = 16;

/// Anchors looked at for one signer: a store of authorities has some hundreds.
const MAX_LISTED: usize = 1024;

/// Anchors tried for one signer.
const MAX_ANCHORS: usize = 16;
