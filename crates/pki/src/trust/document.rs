//! The form of trust settings in the store and for programs: JSON with a version.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use chancery_crypto::{hex, unhex};
use const_oid::ObjectIdentifier;
use serde::{Deserialize, Serialize};

use super::{Assurance, TrustSettings, TrustedAuthority};
use crate::binding::is_domain;
use crate::certificate::Certificate;
use crate::path::{KeyFamily, Strictness};

/// What is wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake(String);

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The fields as they are written; what is not decided is left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    version: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    anchors: Vec<Anchor>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pins: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    require_policy: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inhibit_mapping: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inhibit_any: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assurance: Option<Level>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domains: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_rsa_bits: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_ec_bits: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    algorithms: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revocation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_evidence_age_s: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Anchor {
    /// DER in base64.
    certificate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_length: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    domains: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Level {
    level: String,
    policies: Vec<String>,
}

impl From<TrustSettings> for Document {
    fn from(settings: TrustSettings) -> Self {
        let numbers =
            |set: BTreeSet<ObjectIdentifier>| set.iter().map(ToString::to_string).collect();
        let level = |it: Assurance| Level { level: it.level, policies: numbers(it.policies) };
        let words = |list: Vec<KeyFamily>| list.iter().map(|it| it.word().to_owned()).collect();
        Self {
            version: VERSION,
            anchors: settings.anchors.iter().map(Anchor::from).collect(),
            pins: settings.pinned_keys.iter().map(|pin| hex(pin)).collect(),
            policies: settings.policies.map(numbers),
            require_policy: settings.require_policy,
            inhibit_mapping: settings.inhibit_mapping,
            inhibit_any: settings.inhibit_any,
            assurance: settings.assurance.map(level),
            domains: settings.domains.map(|set| set.into_iter().collect()),
            min_rsa_bits: settings.min_rsa_bits,
            min_ec_bits: settings.min_ec_bits,
            algorithms: settings.algorithms.map(words),
            revocation: settings.revocation.map(|it| it.word().to_owned()),
            max_evidence_age_s: settings.max_evidence_age.map(|age| age.as_secs()),
        }
    }
}

impl From<&TrustedAuthority> for Anchor {
    fn from(authority: &TrustedAuthority) -> Self {
        Self {
            certificate: base64_simd::STANDARD.encode_to_string(authority.certificate.der()),
            path_length: authority.path_length,
            domains: authority.domains.iter().cloned().collect(),
        }
    }
}

impl TryFrom<Document> for TrustSettings {
    type Error = Mistake;

    fn try_from(document: Document) -> Result<Self, Mistake> {
        if document.version != VERSION {
            let version = document.version;
            return Err(Mistake(format!("version {version} of trust settings is not known")));
        }
        let bits = |bits: Option<u32>| match bits {
            Some(bits) if bits > MAX_BITS => Err(Mistake(format!("no key has {bits} bits"))),
            bits => Ok(bits),
        };
        Ok(Self {
            anchors: document.anchors.into_iter().map(Anchor::read).collect::<Result<_, _>>()?,
            pinned_keys: document.pins.iter().map(|pin| read_pin(pin)).collect::<Result<_, _>>()?,
            policies: document.policies.as_deref().map(read_policies).transpose()?,
            require_policy: document.require_policy,
            inhibit_mapping: document.inhibit_mapping,
            inhibit_any: document.inhibit_any,
            assurance: document.assurance.map(Level::read).transpose()?,
            domains: document.domains.map(read_domains).transpose()?,
            min_rsa_bits: bits(document.min_rsa_bits)?,
            min_ec_bits: bits(document.min_ec_bits)?,
            algorithms: document.algorithms.as_deref().map(read_families).transpose()?,
            revocation: document.revocation.as_deref().map(read_strictness).transpose()?,
            max_evidence_age: document.max_evidence_age_s.map(Duration::from_secs),
        })
    }
}

impl Anchor {
    fn read(self) -> Result<TrustedAuthority, Mistake> {
        let unreadable = |why: &str| Mistake(format!("an authority cannot be read: {why}"));
        let der = base64_simd::STANDARD.decode_to_vec(self.certificate.as_bytes());
        let der = der.map_err(|_| unreadable("it is not in base64"))?;
        let certificate =
            Certificate::from_der(&der).map_err(|error| unreadable(&error.to_string()))?;
        let (path_length, domains) = (self.path_length, read_domains(self.domains)?);
        Ok(TrustedAuthority { certificate, path_length, domains })
    }
}

impl Level {
    fn read(self) -> Result<Assurance, Mistake> {
        let (level, policies) = (self.level, read_policies(&self.policies)?);
        if level.is_empty() || policies.is_empty() {
            return Err(Mistake(
                "a level of assurance has a name and one policy at least".to_owned(),
            ));
        }
        Ok(Assurance { level, policies })
    }
}

/// Reads the SHA-256 of a key in hexadecimal.
fn read_pin(text: &str) -> Result<[u8; 32], Mistake> {
    let pin = unhex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    pin.ok_or_else(|| Mistake("a pin is no SHA-256 in hexadecimal".to_owned()))
}

fn read_policies(list: &[String]) -> Result<BTreeSet<ObjectIdentifier>, Mistake> {
    let wrong = |_| Mistake("a policy is no object identifier".to_owned());
    list.iter().map(|text| ObjectIdentifier::new(text).map_err(wrong)).collect()
}

fn read_domains(list: Vec<String>) -> Result<BTreeSet<String>, Mistake> {
    match list.iter().find(|domain| !is_domain(domain)) {
        Some(_) => Err(Mistake("a mail domain is none".to_owned())),
        None => Ok(list.into_iter().collect()),
    }
}

fn read_families(list: &[String]) -> Result<Vec<KeyFamily>, Mistake> {
    let unknown = || Mistake("a family of keys is not known".to_owned());
    list.iter().map(|word| KeyFamily::from_word(word).ok_or_else(unknown)).collect()
}

fn read_strictness(word: &str) -> Result<Strictness, Mistake> {
    Strictness::from_word(word)
        .ok_or_else(|| Mistake("the strictness of revocation is not known".to_owned()))
}

/// The version of the form; a change that older releases cannot read makes a new one.
const VERSION: u32 = 1;

/// Larger keys are refused by the cryptography.
const MAX_BITS: u32 = 16_384;
