//! The one signer of a document of ours, whose signature must be beyond doubt: cards, and the papers of bridges.

use chancery_cms::SignedReport;
use chancery_pki::Certificate;

/// Returns the certificate of the one signer, or what is wrong with the signature.
pub(crate) fn sole_signer(report: &SignedReport) -> Result<Certificate, String> {
    let [signer] = report.signers.as_slice() else {
        return Err(format!("it has {} signatures and must have one", report.signers.len()));
    };
    if let Err(error) = &signer.result {
        return Err(format!("its signature does not hold: {error}"));
    }
    if let Some(problem) = signer.problems.first() {
        return Err(format!("its signature is not good enough: {problem}"));
    }
    if report.trailing_bytes > 0 || report.content_type != "data" {
        return Err("something else is in the signed block".to_owned());
    }
    let der = signer.certificate.as_deref().ok_or("the signer's certificate is missing")?;
    Certificate::from_der(der).map_err(|error| format!("the signer's certificate: {error}"))
}
