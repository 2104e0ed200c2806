//! What the verdict says about the attributes beside a signature, which it does not cover (RFC 5652 sections 5.3 and 11.4).

use chancery_cms::SignerReport;
use chancery_pki::Certificate;
use serde::Serialize;

/// What stands beside a signature. Anybody can have put it there; what is signed in it says so itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnsignedVerdict {
    /// Names or object identifiers of all attributes, the first ones: `countersignature`, `time-stamp`.
    pub attributes: Vec<String>,
    /// Signatures of others over this signature, the first ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counter_signatures: Vec<CounterSignatureVerdict>,
}

/// A signature over another signature. It says that the other one was there, and nothing of the content; whether its maker can
/// be believed is not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CounterSignatureVerdict {
    /// Subject of the certificate, or the identifier in the signature if there is no certificate.
    pub subject: String,
    /// SHA-256 of the certificate in hexadecimal.
    pub fingerprint: String,
    /// Signature algorithm.
    pub algorithm: String,
    /// The time its maker states, in Unix seconds.
    pub signing_time: Option<i64>,
    /// True if it is right.
    pub signature_ok: bool,
    /// Why it is not right, or cannot be checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl UnsignedVerdict {
    /// Puts what stands beside a signature into words.
    pub fn of(signer: &SignerReport) -> Self {
        Self {
            attributes: signer.unsigned_attributes.clone(),
            counter_signatures: signer
                .counter_signatures
                .iter()
                .map(CounterSignatureVerdict::of)
                .collect(),
        }
    }

    /// Returns true if there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns all of it in words, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.attributes.is_empty() {
            lines.push(format!("not signed beside it: {}", self.attributes.join(", ")));
        }
        lines.extend(self.counter_signatures.iter().map(CounterSignatureVerdict::line));
        lines
    }
}

impl CounterSignatureVerdict {
    pub(crate) fn of(counter: &SignerReport) -> Self {
        let certificate =
            counter.certificate.as_deref().and_then(|der| Certificate::from_der(der).ok());
        let named = || counter.identifier.to_string().chars().take(MAX_IDENTIFIER).collect();
        Self {
            subject: certificate.as_ref().map_or_else(named, Certificate::subject),
            fingerprint: certificate.map(|it| it.fingerprint_sha256()).unwrap_or_default(),
            algorithm: counter.algorithm.clone(),
            signing_time: counter.signing_time,
            signature_ok: counter.result.is_ok(),
            why: counter.result.as_ref().err().map(ToString::to_string),
        }
    }

    fn line(&self) -> String {
        let why =
            self.why.as_ref().map_or_else(|| "right".to_owned(), |why| format!("not right: {why}"));
        format!("counter-signed by {} ({}): {why}", self.subject, self.algorithm)
    }
}

/// An issuer's name has some hundred characters.
const MAX_IDENTIFIER: usize = 300;
