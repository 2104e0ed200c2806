//! What is worth knowing about a right signature and does not make it wrong.

use chancery_cms::SignerReport;

use crate::{
    error,
    open::signature,
    verdict::{CounterSignatureVerdict, Problem},
};

/// Returns the remarks on one signature.
pub(super) fn on_signer(signer: &SignerReport) -> Vec<Problem> {
    if signer.result.is_err() {
        return Vec::new();
    }
    counter_signatures(signer).collect()
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
