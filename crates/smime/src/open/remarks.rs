//! What is worth knowing about a right signature and does not make it wrong.

use chancery_cms::SignerReport;
use chancery_pki::Certificate;

use crate::{
    error,
    open::signature,
    verdict::{CounterSignatureVerdict, Problem},
};

/// Returns the remarks on one signature; `now` is in Unix seconds.
pub(super) fn on_signer(signer: &SignerReport, now: i64) -> Vec<Problem> {
    if signer.result.is_err() {
        return Vec::new();
    }
    signing_time(signer, now).into_iter().chain(counter_signatures(signer)).collect()
}

/// Doubts a time of signing at which the signer could not sign (RFC 8551 section 2.5.1 leaves that to the reader).
fn signing_time(signer: &SignerReport, now: i64) -> Option<Problem> {
    let time = signer.signing_time?;
    let certificate = Certificate::from_der(signer.certificate.as_deref()?).ok()?;
    let why = if time > now.saturating_add(DAY) {
        "is still to come"
    } else if time < certificate.not_before().saturating_sub(DAY) {
        "is before the signer's certificate was valid"
    } else if time > certificate.not_after() {
        "is after the signer's certificate was valid"
    } else {
        return None;
    };
    let text =
        format!("signer {}: the time of signing that it states {why}", certificate.subject());
    Some(Problem::new(&error::SIGNING_TIME, text))
}

fn counter_signatures(signer: &SignerReport) -> impl Iterator<Item = Problem> {
    let wrong = signer
        .counter_signatures
        .iter()
        .filter(|it| it.result.is_err() && signature::is_checked(&it.result));
    wrong.map(|it| {
        let CounterSignatureVerdict { subject, why, .. } = CounterSignatureVerdict::of(it);
        let text = format!("counter-signature of {subject}: {}", why.unwrap_or_default());
        Problem::new(&error::COUNTER_SIGNATURE_BAD, text)
    })
}

/// Clocks differ, and some write local time for UTC.
const DAY: i64 = 86_400;
