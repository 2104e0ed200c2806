//! Judges signers: who vouches for the certificate, and may it speak for From.

use chancery_cms::{SignedReport, SignerReport};
use chancery_mail::address::{Mailbox, normal_domain};
use chancery_pki::{
    Certificate, Purpose, Rule, SIGNING_AUTHORITY, Scope, Speaks, path, speaks_for,
};

use crate::{
    error,
    open::{OpenFacts, preference, signature},
    trust::{Anchor, Reach, Trust},
    verdict::{Problem, ServicesVerdict, SignerTrust, SignerVerdict, UnsignedVerdict},
};

/// Judges signers by the caller's anchors, at the caller's time.
pub(super) struct Judge<'a> {
    pub(super) trust: &'a dyn Trust,
    pub(super) facts: &'a OpenFacts<'a>,
    /// True if digests and keys count that can be forged today.
    pub(super) accepts_weak: bool,
}

/// The best that an anchor said about a certificate.
struct PathFound {
    trust: SignerTrust,
    anchor: Option<Anchor>,
    path: Vec<String>,
    speaks: bool,
    why: String,
}

impl Judge<'_> {
    /// Judges every signer of one signature; `authors` are those of the From that will be shown.
    pub(super) fn signers(
        &self,
        report: &SignedReport,
        authors: &[Mailbox],
        covers_content: bool,
    ) -> Vec<SignerVerdict> {
        let pool: Vec<Certificate> = report
            .certificates
            .iter()
            .take(MAX_POOL)
            .filter_map(|certificate| Certificate::from_der(certificate).ok())
            .collect();
        report
            .signers
            .iter()
            .take(MAX_SIGNERS)
            .map(|signer| self.signer(signer, &pool, authors, covers_content))
            .collect()
    }

    fn signer(
        &self,
        signer: &SignerReport,
        pool: &[Certificate],
        authors: &[Mailbox],
        covers_content: bool,
    ) -> SignerVerdict {
        let certificate =
            signer.certificate.as_deref().and_then(|der| Certificate::from_der(der).ok());
        let found = match &certificate {
            Some(certificate) => self.path(certificate, pool, authors),
            None => PathFound::without_certificate(),
        };
        let text =
            |get: fn(&Certificate) -> String| certificate.as_ref().map(get).unwrap_or_default();
        let encryption_certificate =
            found.anchor.as_ref().filter(|_| found.speaks && signer.is_sound()).and_then(
                |anchor| preference::certificate(signer, pool, anchor, authors, self.facts.at),
            );
        SignerVerdict {
            subject: certificate
                .as_ref()
                .map_or_else(|| describe(&signer.identifier), Certificate::subject),
            issuer: text(Certificate::issuer),
            serial: text(Certificate::serial_hex),
            emails: certificate.as_ref().map(|it| it.emails().to_vec()).unwrap_or_default(),
            fingerprint: text(Certificate::fingerprint_sha256),
            algorithm: signer.algorithm.clone(),
            digest: signer.digest.map(|digest| digest.name().to_owned()).unwrap_or_default(),
            signing_time: signer.signing_time,
            is_domain_signature: signer.is_domain_signature,
            signature_ok: signer.result.is_ok(),
            is_weak: !self.accepts_weak && signer.result.is_ok() && !signer.is_sound(),
            covers_content,
            path: found.path,
            trust: found.trust,
            partner: found.anchor.map(|anchor| anchor.name),
            speaks_for_from: found.speaks,
            why: found.why,
            services: ServicesVerdict::of(&signer.services),
            unsigned: UnsignedVerdict::of(signer),
            capabilities: signer.capabilities.clone(),
            encryption_certificate,
        }
    }

    /// Looks for the anchor that says the best about a certificate.
    fn path(
        &self,
        certificate: &Certificate,
        pool: &[Certificate],
        authors: &[Mailbox],
    ) -> PathFound {
        let mut best = PathFound::stranger(certificate);
        for anchor in self.anchors(certificate, pool, authors) {
            let Ok(authority) = Certificate::from_der(&anchor.certificate) else { continue };
            let checked =
                path::check(certificate, pool, &[authority], Purpose::SmimeSign, self.facts.at);
            let found = self.found(certificate, anchor, &checked, authors);
            if found.rank() > best.rank() {
                best = found;
            }
        }
        best
    }

    /// Asks for the anchors of the domains in From, then for those that the certificate itself names.
    fn anchors(
        &self,
        certificate: &Certificate,
        pool: &[Certificate],
        authors: &[Mailbox],
    ) -> Vec<Anchor> {
        let of_authors = authors.iter().map(|author| author.address.ascii_domain());
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
            if anchors.len() < MAX_LISTED && !anchors.contains(&anchor) {
                anchors.push(anchor);
            }
        }
        // Of a whole store of authorities only those can vouch that issued something here, by their name.
        if anchors.len() > MAX_ANCHORS {
            anchors.retain(|anchor| may_vouch(anchor, certificate, pool));
            anchors.truncate(MAX_ANCHORS);
        }
        anchors
    }

    fn found(
        &self,
        certificate: &Certificate,
        anchor: Anchor,
        checked: &path::Verdict,
        authors: &[Mailbox],
    ) -> PathFound {
        let reasons: Vec<String> = checked.failures.iter().map(ToString::to_string).collect();
        let (trust, speaks, why) = match checked.outcome {
            path::Outcome::Trusted => {
                let (speaks, why) = self.speaks(certificate, &anchor, authors);
                (if anchor.own { SignerTrust::Own } else { SignerTrust::Partner }, speaks, why)
            }
            path::Outcome::Rejected if is_only_time(checked) => {
                (SignerTrust::Expired, false, reasons.join("; "))
            }
            path::Outcome::Rejected => (SignerTrust::PathFailed, false, reasons.join("; ")),
            path::Outcome::Stranger => return PathFound::stranger(certificate),
        };
        let path = checked.path.iter().map(Certificate::subject).collect();
        PathFound { trust, anchor: Some(anchor), path, speaks, why }
    }

    /// Says whether a trusted certificate may speak for every author.
    fn speaks(
        &self,
        certificate: &Certificate,
        anchor: &Anchor,
        authors: &[Mailbox],
    ) -> (bool, String) {
        // A partner's card cannot make the partner speak for us, whatever domains it lists.
        let is_open_to_anchor = |domain: &&String| {
            anchor.own || !self.facts.our_domains.iter().any(|our| our.eq_ignore_ascii_case(domain))
        };
        let open: Vec<String>;
        let scope = match anchor.scope() {
            Scope::Domains(domains) => {
                open = domains.iter().filter(is_open_to_anchor).cloned().collect();
                Scope::Domains(&open)
            }
            Scope::Mailboxes => Scope::Mailboxes,
        };
        let mut why = Vec::new();
        for author in authors {
            let address = format!("{}@{}", author.address.local(), author.address.ascii_domain());
            match speaks_for(certificate, &address, scope) {
                Some(Speaks::Domain(domain)) => {
                    why.push(format!("{} signs for the domain {domain}", anchor.name));
                }
                Some(Speaks::Mailbox(mailbox)) => {
                    why.push(format!("{} vouches for {mailbox}", anchor.name));
                }
                None => {
                    let why = if is_organisation(certificate) && anchor.reach == Reach::Mailboxes {
                        "is believed for mailboxes, and this signer speaks for a whole domain"
                    } else {
                        "is known, but this signer may not speak for"
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
}

/// Returns true if an anchor is the certificate itself, or has the name of who issued it or one of the pool.
fn may_vouch(anchor: &Anchor, certificate: &Certificate, pool: &[Certificate]) -> bool {
    let Ok(authority) = Certificate::from_der(&anchor.certificate) else { return false };
    let mut issued = std::iter::once(certificate).chain(pool);
    authority == *certificate || issued.any(|it| it.issuer_name() == authority.subject_name())
}

/// Returns true for the certificate of a gateway (RFC 3183 section 4).
fn is_organisation(certificate: &Certificate) -> bool {
    let locals = certificate.emails().iter().filter_map(|email| email.rsplit_once('@'));
    locals.into_iter().any(|(local, _)| local.eq_ignore_ascii_case(SIGNING_AUTHORITY))
}

impl PathFound {
    fn stranger(certificate: &Certificate) -> Self {
        Self {
            trust: SignerTrust::Stranger,
            anchor: None,
            path: vec![certificate.subject()],
            speaks: false,
            why: format!("no partner vouches for the issuer {}", certificate.issuer()),
        }
    }

    fn without_certificate() -> Self {
        Self {
            trust: SignerTrust::NoCertificate,
            anchor: None,
            path: Vec::new(),
            speaks: false,
            why: "the signature does not come with the signer's certificate".to_owned(),
        }
    }

    /// Orders findings from nothing to everything.
    fn rank(&self) -> u8 {
        match (self.trust, self.speaks) {
            (_, true) => 4,
            (SignerTrust::Partner | SignerTrust::Own, false) => 3,
            (SignerTrust::Expired, false) => 2,
            (SignerTrust::PathFailed, false) => 1,
            (SignerTrust::Stranger | SignerTrust::NoCertificate, false) => 0,
        }
    }
}

/// Returns what is wrong with a signature itself.
pub(super) fn problems_of_signature(signer: &SignerReport) -> Vec<Problem> {
    match &signer.result {
        Err(failure) if signature::is_checked(&signer.result) => {
            vec![Problem::new(&error::SIGNATURE_BAD, failure.to_string())]
        }
        Err(failure) => vec![Problem::new(&error::SIGNATURE_UNCHECKED, failure.to_string())],
        Ok(()) => weaknesses(signer)
            .map(|weakness| Problem::new(&error::WEAK_ALGORITHM, weakness))
            .collect(),
    }
}

/// Returns what makes a right signature worthless; that it has no signed attributes does not.
fn weaknesses(signer: &SignerReport) -> impl Iterator<Item = String> {
    let is_weakness = |problem: &&chancery_cms::Problem| {
        !matches!(problem, chancery_cms::Problem::NoSignedAttributes)
    };
    signer.problems.iter().filter(is_weakness).map(ToString::to_string)
}

/// Returns the problem that a signer is, if it is one.
pub(super) fn problem_of(signer: &SignerVerdict) -> Option<Problem> {
    let code = match signer.trust {
        _ if !signer.signature_ok => return None,
        SignerTrust::Stranger | SignerTrust::NoCertificate => &error::SIGNER_UNKNOWN,
        SignerTrust::Expired => &error::CERTIFICATE_EXPIRED,
        SignerTrust::PathFailed => &error::PATH_FAILED,
        SignerTrust::Partner | SignerTrust::Own if !signer.speaks_for_from => {
            &error::SIGNER_MISMATCH
        }
        SignerTrust::Partner | SignerTrust::Own => return None,
    };
    Some(Problem::new(code, format!("signer {}: {}", signer.subject, signer.why)))
}

fn is_only_time(checked: &path::Verdict) -> bool {
    checked.failures.iter().all(|failure| matches!(failure.rule, Rule::Expired | Rule::NotYetValid))
}

/// Signers looked at and reported, of one signature and of all together; honest messages have one or two.
pub(super) const MAX_SIGNERS: usize = 32;

/// Certificates taken from one signature; honest ones carry two or three.
const MAX_POOL: usize = 32;

/// Domains asked for on behalf of one signer.
const MAX_DOMAINS: usize = 16;

/// Anchors looked at for one signer: a store of authorities has some hundreds.
const MAX_LISTED: usize = 1024;

/// Anchors tried for one signer.
const MAX_ANCHORS: usize = 16;

/// Names a signer who left no certificate.
fn describe(identifier: &chancery_cms::Identifier) -> String {
    identifier.to_string().chars().take(MAX_IDENTIFIER).collect()
}

/// An issuer's name has some hundred characters.
const MAX_IDENTIFIER: usize = 300;
