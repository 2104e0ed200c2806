//! The verdict on a message in words.

use chancery_smime::{Outcome, SignerVerdict, Verdict};

use crate::failure::Failure;
use crate::output::{plain, time};

/// Returns the verdict for people.
pub(super) fn text(verdict: &Verdict) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text += &format!("{name:<12}{}\n", plain(value));
    line("verdict", headline(verdict));
    if !verdict.from.is_empty() {
        line("from", &verdict.from.join(", "));
    }
    line("protection", &format!("{}: {}", verdict.protection.as_str(), verdict.form));
    for signer in &verdict.signers {
        line("signer", &signer_line(signer));
        line("", &signer.why);
        for said in signer.services.lines().into_iter().chain(signer.unsigned.lines()) {
            line("", &said);
        }
    }
    if let Some(receipt) = &verdict.receipt {
        line("receipt", &format!("for the request {}", receipt.identifier));
    }
    if let Some(encryption) = &verdict.encryption {
        let weak = if encryption.is_weak { ", weak" } else { "" };
        line("encryption", &format!("{}, {}{weak}", encryption.cipher, encryption.key_management));
        line("", encryption.by.words());
    }
    if !verdict.header.covered.is_empty() {
        line("header", &format!("{} covered", verdict.header.covered.join(", ")));
    }
    if let Some(partial) = &verdict.partial {
        let (inside, outside) = (partial.protected.join(", "), partial.outside.join(", "));
        line("parts", &format!("protected: {inside}; anybody's: {outside}"));
    }
    for problem in &verdict.problems {
        line("problem", &format!("{}: {}", problem.code, problem.text));
    }
    text
}

/// Returns the failure that a bad verdict is, with the code that says most.
pub(super) fn failure(what: &str, verdict: &Verdict) -> Failure {
    match verdict.public_problem() {
        Some((code, found)) => {
            let found = found.map(|found| format!(": {}", plain(found))).unwrap_or_default();
            let message = format!("{what}: {}{found}", code.summary);
            Failure { code: Some(code.id), ..Failure::no(message).hint(code.help) }
        }
        None if verdict.result == Outcome::Unprotected => {
            Failure::no(format!("{what}: it is neither signed nor encrypted with S/MIME"))
        }
        None => Failure::no(format!("{what}: {}", verdict.result.as_str())),
    }
}

fn headline(verdict: &Verdict) -> &'static str {
    match verdict.result {
        Outcome::Verified => {
            "verified: it is what the signer wrote, and the signer may speak for From"
        }
        Outcome::Unverified => "unverified: nobody you believe vouches for all of it",
        Outcome::Failed => "failed: it was changed after it was signed, or is a forgery",
        Outcome::Undecipherable => "undecipherable: it is encrypted and cannot be opened",
        Outcome::Unprotected => "unprotected: it is neither signed nor encrypted with S/MIME",
    }
}

fn signer_line(signer: &SignerVerdict) -> String {
    let at = signer.signing_time.map(|at| format!(", says {}", time(at.saturating_mul(1000))));
    let right = if signer.signature_ok { "right" } else { "not right" };
    format!(
        "{}: signature {right} ({} {}){}",
        signer.subject,
        signer.algorithm,
        signer.digest,
        at.unwrap_or_default()
    )
}
