//! Everything that must hold before a card counts.

use chancery_cms::{SignedReport, verify_attached};
use chancery_pki::{
    Certificate, Purpose, Rule, Scope, Speaks, encrypts_for, path, pem, speaks_for, time,
};

use crate::card::{Card, Error, LABEL, document, frame};
use crate::sole_signer::sole_signer;

/// What was found while checking, for showing to whoever decides about the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// The subject of the certificate that signed the card.
    pub signed_by: String,
    /// SHA-256 of that certificate.
    pub signer_fingerprint: String,
    /// The subjects from the signer to the authority.
    pub path: Vec<String>,
    /// What is no reason to refuse the card but worth knowing.
    pub warnings: Vec<String>,
}

/// Reads a card and checks it; without a time, everything but the dates.
pub(super) fn read(bytes: &[u8], at: Option<i64>) -> Result<(Card, Checks), Error> {
    if bytes.len() > MAX_LENGTH {
        return Err(Error::TooLarge { length: bytes.len(), limit: MAX_LENGTH });
    }
    let block = armoured(bytes)?;
    let (content, report) = verify_attached(&block)
        .map_err(|error| Error::syntax(format!("the block is no signed content: {error}")))?;
    let signer = sole_signer(&report).map_err(|reason| Error::Signature { reason })?;
    if !frame::is_exact(&block, &signer) {
        return Err(Error::Signature {
            reason: "the frame of its signature was changed".to_owned(),
        });
    }
    let card = document::decode(&content)?;
    check_bag(&card, &signer, &report)?;
    check_dates(&card, at)?;
    let path = check_signer(&card, &signer, at)?;
    let mut warnings = check_others(&card, at)?;
    warnings.extend(soon(&card, at));
    let checks = Checks {
        signed_by: signer.subject(),
        signer_fingerprint: signer.fingerprint_sha256(),
        path: path.iter().map(Certificate::subject).collect(),
        warnings,
    };
    Ok((card, checks))
}

/// Takes the block out of the text around it.
fn armoured(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let blocks = pem::blocks(bytes).map_err(|error| Error::certificate(&error))?;
    match blocks.as_slice() {
        [block] if block.label == LABEL => Ok(block.der.to_vec()),
        [] => Err(Error::syntax(format!("there is no `-----BEGIN {LABEL}-----` block in it"))),
        [other] => {
            Err(Error::syntax(format!("it holds a block of {}, not of {LABEL}", other.label)))
        }
        // Two blocks show one card to a person and another to a program.
        _ => Err(Error::syntax("it holds more than one block")),
    }
}

/// The certificates beside the signature are not signed, so only those that the signed card lists may be among them.
/// All of them are there in cards of ours; other programs leave out what the card says anyway.
fn check_bag(card: &Card, signer: &Certificate, report: &SignedReport) -> Result<(), Error> {
    if !card.signing.contains(signer) {
        return Err(Error::Chain {
            reason: format!("it is signed by <{}>, which it does not list", signer.subject()),
        });
    }
    let listed: Vec<&[u8]> = card.required(signer).collect();
    if report.certificates.iter().all(|found| listed.contains(&found.as_slice())) {
        return Ok(());
    }
    Err(Error::Chain {
        reason: "other certificates are in it than the signed part lists".to_owned(),
    })
}

fn check_dates(card: &Card, at: Option<i64>) -> Result<(), Error> {
    if card.expires <= card.issued {
        return Err(Error::syntax("it expires before it was issued"));
    }
    let what = "the card".to_owned();
    match at {
        Some(at) if at > card.expires => Err(Error::Expired { what, at: time::text(card.expires) }),
        Some(at) if at < card.issued - LEEWAY => {
            Err(Error::NotYetValid { what, at: time::text(card.issued) })
        }
        _ => Ok(()),
    }
}

/// The signer leads to the authority and speaks for every domain of the card.
fn check_signer(
    card: &Card,
    signer: &Certificate,
    at: Option<i64>,
) -> Result<Vec<Certificate>, Error> {
    if !card.authority.is_ca() {
        return Err(Error::Chain {
            reason: format!("<{}> is not an authority", card.authority.subject()),
        });
    }
    let path = check_path(card, signer, Purpose::SmimeSign, at)?;
    for domain in card.domains() {
        if !is_for(speaks_for, card, signer, domain) {
            let reason = format!(
                "it lists {domain}, for which its signer <{}> does not speak",
                signer.subject()
            );
            return Err(Error::Domain { reason });
        }
    }
    Ok(path)
}

/// The other certificates lead to the authority and belong to the domains; each domain can be encrypted to now.
/// Certificates out of their time are worth a warning only, so that the next one can be announced.
fn check_others(card: &Card, at: Option<i64>) -> Result<Vec<String>, Error> {
    let mut warnings = Vec::new();
    let mut usable = Vec::new();
    let mut unusable = None;
    let signing = card.signing.iter().map(|certificate| (certificate, Purpose::SmimeSign));
    let encryption = card.encryption.iter().map(|certificate| (certificate, Purpose::SmimeEncrypt));
    for (certificate, purpose) in signing.chain(encryption) {
        let belongs = if purpose == Purpose::SmimeSign { speaks_for } else { encrypts_for };
        if !card.domains().iter().any(|domain| is_for(belongs, card, certificate, domain)) {
            let reason =
                format!("its certificate <{}> is for none of its domains", certificate.subject());
            return Err(Error::Domain { reason });
        }
        match check_path(card, certificate, purpose, at) {
            Ok(_) if purpose == Purpose::SmimeEncrypt => usable.push(certificate),
            Ok(_) => {}
            Err(error @ (Error::Expired { .. } | Error::NotYetValid { .. })) => {
                warnings.push(error.to_string());
                unusable = unusable.or(Some(error).filter(|_| purpose == Purpose::SmimeEncrypt));
            }
            Err(error) => return Err(error),
        }
    }
    for domain in card.domains() {
        if !usable.iter().any(|certificate| is_for(encrypts_for, card, certificate, domain)) {
            let reason = format!("it lists {domain} and has no encryption certificate for it");
            return Err(unusable.unwrap_or(Error::Domain { reason }));
        }
    }
    Ok(warnings)
}

/// Checks one path to the card's authority; without a time, as of any time.
fn check_path(
    card: &Card,
    certificate: &Certificate,
    purpose: Purpose,
    at: Option<i64>,
) -> Result<Vec<Certificate>, Error> {
    let anchors = std::slice::from_ref(&card.authority);
    let verdict =
        path::check(certificate, &card.chain, anchors, purpose, at.unwrap_or(card.issued));
    let is_date = |rule| matches!(rule, Rule::Expired | Rule::NotYetValid);
    let Some(worst) = verdict.failures.iter().find(|failure| !is_date(failure.rule)) else {
        let late = verdict.failures.first().filter(|_| at.is_some());
        let Some(failure) = late else { return Ok(verdict.path) };
        let subject = |certificate: &&Certificate| certificate.subject() == failure.subject;
        let (from, to) = verdict
            .path
            .iter()
            .find(subject)
            .map_or((0, 0), |it| (it.not_before(), it.not_after()));
        let what = format!("certificate <{}>", failure.subject);
        return Err(match failure.rule {
            Rule::Expired => Error::Expired { what, at: time::text(to) },
            _ => Error::NotYetValid { what, at: time::text(from) },
        });
    };
    Err(Error::Chain { reason: worst.to_string() })
}

/// Returns true if the certificate is for the domain as a whole, and not for a mailbox of it.
fn is_for(
    belongs: impl Fn(&Certificate, &str, Scope<'_>) -> Option<Speaks>,
    card: &Card,
    certificate: &Certificate,
    domain: &str,
) -> bool {
    // No mailbox has an empty local part, so that only a domain certificate fits.
    let address = format!("@{domain}");
    matches!(
        belongs(certificate, &address, Scope::Domains(card.domains())),
        Some(Speaks::Domain(_))
    )
}

/// Tells what ends within the next month.
fn soon(card: &Card, at: Option<i64>) -> Vec<String> {
    let Some(at) = at else { return Vec::new() };
    let is_soon = |end: i64| (at..at.saturating_add(MONTH)).contains(&end);
    let mut warnings = Vec::new();
    if is_soon(card.expires) {
        warnings.push(format!("the card expires {}", time::text(card.expires)));
    }
    for certificate in card.signing.iter().chain(&card.encryption).chain([&card.authority]) {
        if is_soon(certificate.not_after()) {
            let end = time::text(certificate.not_after());
            warnings.push(format!("certificate <{}> expires {end}", certificate.subject()));
        }
    }
    warnings
}

/// Octets of the largest card that is read: that of a large organisation, with hundreds of domains in three certificates,
/// has about 100 kB.
pub const MAX_LENGTH: usize = 256 * 1024;
/// The partner's clock may be ahead of ours.
const LEEWAY: i64 = 3600;
/// 30 days.
const MONTH: i64 = 30 * 86_400;
