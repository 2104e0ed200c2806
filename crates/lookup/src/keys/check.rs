//! What came is looked at: certificates for mail, for that very address, within their validity; everything else is
//! dropped, with its reason.

use std::collections::HashSet;

use chancery_mail::Address;
use chancery_pki::{Certificate, Scope, encrypts_for};

use super::cache::Kept;
use super::finder::Known;
use super::found::{Candidate, Confirmation, Dropped, Found, Origin};
use super::smimea;

/// Adds what an answer is good for, to the mailbox in the form for comparing.
pub(super) fn add(
    found: &mut Found,
    (asked, ignores_case): (&str, bool),
    known: &Known,
    kept: &Kept,
    is_fresh: bool,
    now: i64,
) {
    let (source, kind) = (known.source.name.clone(), known.source.kind);
    let origin = Origin { source, kind, channel: kept.given.channel };
    if is_fresh {
        found.associations.extend(kept.given.associations.iter().cloned());
    }
    let drop = |certificate: Option<&Certificate>, why: String| Dropped {
        source: origin.source.clone(),
        fingerprint: certificate.map(Certificate::fingerprint_sha256),
        why,
    };
    let domain = [asked.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned()];
    for why in kept.given.unreadable.iter().take(MAX_DROPPED) {
        found.dropped.push(drop(None, why.clone()));
    }
    for certificate in kept.given.certificates.iter().take(MAX_CERTIFICATES) {
        let written = if ignores_case { spelling(certificate, asked) } else { None };
        let mailbox = written.unwrap_or(asked);
        let refused = if certificate.is_ca() {
            found.authorities.push(certificate.clone());
            continue;
        } else if now > certificate.not_after() {
            "its validity is over".to_owned()
        } else if !certificate.is_valid_at(now) {
            "it is not valid yet".to_owned()
        } else {
            match encrypts_for(certificate, mailbox, Scope::Domains(&domain)) {
                Some(speaks) => {
                    found.candidates.push(Candidate {
                        certificate: certificate.clone(),
                        speaks,
                        origin: origin.clone(),
                        found_at: kept.found_at,
                        is_fresh,
                        confirmation: Confirmation::None,
                    });
                    continue;
                }
                None => why_not(certificate, mailbox),
            }
        };
        found.dropped.push(drop(Some(certificate), refused));
    }
}

/// Compares all candidates with what the signed DNS says, orders them, and keeps of each certificate the surest origin.
pub(super) fn settle(found: &mut Found) {
    let mut kept = Vec::new();
    for mut candidate in std::mem::take(&mut found.candidates) {
        match smimea::judge(&found.associations, &candidate.certificate) {
            Some(confirmation) => {
                candidate.confirmation = confirmation;
                kept.push(candidate);
            }
            None => found.dropped.push(Dropped {
                source: candidate.origin.source.clone(),
                fingerprint: Some(candidate.certificate.fingerprint_sha256()),
                why: "the SMIMEA records of the address are about other certificates".to_owned(),
            }),
        }
    }
    // Of equals, those of the source that the configuration names first stay first.
    kept.sort_by_key(|it| {
        let newest = std::cmp::Reverse(it.certificate.not_before());
        (!it.is_vouched_for(), it.origin.kind, !it.origin.is_sure(), !it.is_fresh, newest)
    });
    let mut seen = HashSet::new();
    kept.retain(|candidate| seen.insert(candidate.certificate.fingerprint()));
    found.candidates = kept;
    let mut seen = HashSet::new();
    found.authorities.retain(|authority| seen.insert(authority.fingerprint()));
}

/// Returns an address as the certificate writes it.
fn spelling<'c>(certificate: &'c Certificate, mailbox: &str) -> Option<&'c str> {
    let folded = mailbox.to_lowercase();
    let is_it = |text: &&String| Address::parse(text).is_ok_and(|it| it.folded() == folded);
    certificate.emails().iter().find(is_it).map(String::as_str)
}

fn why_not(certificate: &Certificate, mailbox: &str) -> String {
    let emails = certificate.emails();
    if emails.iter().any(|email| email == mailbox) {
        return "its key is not for encrypting mail".to_owned();
    }
    match emails {
        [] => "it names no mail address".to_owned(),
        [first, ..] => {
            // What a certificate names is foreign text.
            let shown: String =
                first.chars().filter(|it| !it.is_control()).take(MAX_SHOWN).collect();
            format!("it is for {shown}, not for this address")
        }
    }
}

/// Certificates of one answer that are looked at; a person has a handful.
const MAX_CERTIFICATES: usize = 100;
/// Things that are no certificates, of one answer, that are told of.
const MAX_DROPPED: usize = 10;
/// Characters of a foreign address that are shown.
const MAX_SHOWN: usize = 100;
