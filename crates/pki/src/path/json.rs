//! An answer for programs: what `--format json` prints. Names and rules are those of the text.

use const_oid::ObjectIdentifier;
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use crate::extension::NameConstraints;
use crate::name::AlternativeName;
use crate::path::ValidPolicy;
use crate::path::answer::{Answer, Asked, Attempt, Check, Expiry, InForce, Missing, Step, Wanted};
use crate::time;

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Answer", 8)?;
        object.serialize_field("outcome", &self.outcome)?;
        object.serialize_field("asked", &self.asked)?;
        object.serialize_field("path", &self.path)?;
        object.serialize_field("ends_first", &self.path.expiry())?;
        object.serialize_field("other_paths", &self.others)?;
        object.serialize_field("missing", &self.missing)?;
        object.serialize_field("exhausted", &self.exhausted)?;
        object.serialize_field("spent", &self.spent)?;
        object.end()
    }
}

impl Serialize for Asked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Asked", 3)?;
        object.serialize_field("purpose", self.purpose.name())?;
        object.serialize_field("address", &self.address)?;
        object.serialize_field("at", &time::text(self.at))?;
        object.end()
    }
}

impl Serialize for Attempt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Attempt", 5)?;
        object.serialize_field("is_anchored", &self.is_anchored)?;
        object.serialize_field("steps", &self.steps)?;
        object.serialize_field("needs_policy", &self.needs_policy)?;
        object.serialize_field("authority_policies", &texts(&self.authority_policies))?;
        object.serialize_field("user_policies", &texts(&self.user_policies))?;
        object.end()
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let certificate = &self.certificate;
        let mut object = serializer.serialize_struct("Step", 9)?;
        object.serialize_field("subject", &certificate.subject())?;
        object.serialize_field("issuer", &certificate.issuer())?;
        object.serialize_field("serial", &certificate.serial_hex())?;
        object.serialize_field("sha256", &certificate.fingerprint_sha256())?;
        object.serialize_field("not_after", &time::text(certificate.not_after()))?;
        object.serialize_field("is_anchor", &self.is_anchor)?;
        object.serialize_field("checks", &self.checks)?;
        let revocation = self.revocation.as_ref().map(|answer| &answer.steps);
        object.serialize_field("revocation", &revocation)?;
        object.serialize_field("in_force", &self.in_force)?;
        object.end()
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Check", 4)?;
        object.serialize_field("rule", self.rule.code().id)?;
        object.serialize_field("clause", self.rule.clause())?;
        object.serialize_field("holds", &self.failure.is_none())?;
        object.serialize_field("detail", &self.failure)?;
        object.end()
    }
}

impl Serialize for InForce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("InForce", 6)?;
        object.serialize_field("policies", &self.policies)?;
        object.serialize_field("explicit_policy", &self.explicit_policy)?;
        object.serialize_field("policy_mapping", &self.policy_mapping)?;
        object.serialize_field("inhibit_any_policy", &self.inhibit_any_policy)?;
        object.serialize_field("max_path_length", &self.max_path_length)?;
        let constraints = self.constrained_by.iter().filter_map(|authority| {
            let limits = authority.extensions().name_constraints.as_ref()?;
            Some(Constraints::of(authority.subject(), limits))
        });
        object.serialize_field("name_constraints", &constraints.collect::<Vec<_>>())?;
        object.end()
    }
}

/// The name constraints of one authority.
#[derive(Serialize)]
struct Constraints {
    by: String,
    permitted: Vec<String>,
    excluded: Vec<String>,
}

impl Constraints {
    fn of(by: String, limits: &NameConstraints) -> Self {
        let texts = |names: &[AlternativeName]| {
            names.iter().take(MAX_NAMES).map(ToString::to_string).collect()
        };
        Self { by, permitted: texts(&limits.permitted), excluded: texts(&limits.excluded) }
    }
}

impl Serialize for ValidPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("ValidPolicy", 2)?;
        object.serialize_field("policy", &self.policy.to_string())?;
        object.serialize_field("expected", &texts(&self.expected))?;
        object.end()
    }
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Expiry", 2)?;
        object.serialize_field("at", &time::text(self.at))?;
        object.serialize_field("what", &self.what)?;
        object.end()
    }
}

impl Serialize for Missing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let what = match self.what {
            Wanted::Delta => "delta",
            Wanted::Issuer { .. } => "issuer",
            Wanted::IssuedBy => "issued-by",
            Wanted::Revocation { .. } => "revocation",
        };
        let mut object = serializer.serialize_struct("Missing", 3)?;
        object.serialize_field("what", what)?;
        object.serialize_field("of", &self.of.subject())?;
        object.serialize_field("urls", &self.urls)?;
        object.end()
    }
}

fn texts<'a>(policies: impl IntoIterator<Item = &'a ObjectIdentifier>) -> Vec<String> {
    policies.into_iter().map(ToString::to_string).collect()
}

/// Names of one constraint that are listed; a hostile certificate has thousands.
const MAX_NAMES: usize = 100;
