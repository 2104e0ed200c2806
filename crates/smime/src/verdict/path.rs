//! What the verdict says about the way from a signer's certificate to an anchor.

use chancery_pki::Failure;
use chancery_pki::path::{Answer, Expiry};
use chancery_pki::revocation::Status;
use chancery_pki::time;
use serde::Serialize;

/// The rules that a path broke, and what it stands on (RFC 5280 section 6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PathVerdict {
    /// Rules that do not hold, from the anchor to the signer, the first ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Whether each certificate below the anchor was revoked, as far as that was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revocation: Vec<RevocationVerdict>,
    /// The certificate policies for which the path is valid, as object identifiers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// What ends first, after which the same question may have another answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_first: Option<Expiry>,
}

/// What is known of the revocation of one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevocationVerdict {
    /// Subject of the certificate.
    pub subject: String,
    /// `good`, `revoked` or `unknown`.
    pub status: &'static str,
    /// Who says so, and until when; or why it is not known.
    pub detail: String,
}

impl PathVerdict {
    /// Tells what an answer of the path engine says.
    pub fn of(answer: &Answer) -> Self {
        let revocation = answer.path.steps.iter().filter_map(|step| {
            let (status, detail) = words(&step.revocation.as_ref()?.status);
            Some(RevocationVerdict { subject: step.certificate.subject(), status, detail })
        });
        let policies = answer.path.user_policies.iter().take(MAX_LISTED);
        Self {
            failures: answer.path.failures().take(MAX_LISTED).collect(),
            revocation: revocation.collect(),
            policies: policies.map(ToString::to_string).collect(),
            ends_first: answer.path.expiry().filter(|_| answer.is_trusted()),
        }
    }

    /// Returns true if nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Says a status in words.
fn words(status: &Status) -> (&'static str, String) {
    match status {
        Status::Good { by, until } => {
            let by: Vec<String> = by.iter().map(ToString::to_string).collect();
            ("good", format!("{}, until {}", by.join(" and "), time::text(*until)))
        }
        Status::Revoked { by, reason, since, .. } => {
            ("revoked", format!("{by}: {reason}, since {}", time::text(*since)))
        }
        Status::Unknown { why } => ("unknown", why.clone()),
    }
}

/// Entries of each list; honest paths have a handful.
const MAX_LISTED: usize = 16;
