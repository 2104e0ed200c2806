//! What the options decide, read once and applied to what was decided before.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use chancery_crypto::{hex, unhex};
use chancery_pki::path::{KeyFamily, Strictness};
use chancery_pki::trust::{Assurance, TrustSettings, TrustedAuthority};
use chancery_pki::{Certificate, ObjectIdentifier};
use chancery_store::trust::Trusts;

use crate::cli::trust::{FamilyChoice, TrustChange, YesNo};
use crate::commands::cert::{certificates, fingerprint, policy};
use crate::failure::{Failure, Result};
use crate::output::plain;

/// A change that was read without a mistake.
pub(super) struct Change {
    reset: bool,
    anchors: Vec<TrustedAuthority>,
    removed_anchors: Vec<String>,
    pins: BTreeSet<[u8; 32]>,
    removed_pins: Vec<String>,
    policies: To<BTreeSet<ObjectIdentifier>>,
    require_policy: Option<bool>,
    inhibit_mapping: Option<bool>,
    inhibit_any: Option<bool>,
    assurance: To<Assurance>,
    domains: To<BTreeSet<String>>,
    min_rsa_bits: Option<u32>,
    min_ec_bits: Option<u32>,
    algorithms: To<Vec<KeyFamily>>,
    revocation: Option<Strictness>,
    max_evidence_age: To<Duration>,
}

/// What becomes of one thing that was decided.
enum To<T> {
    /// It is this from now on.
    Set(T),
    /// It stays as it is.
    Stays,
    /// It goes back to what is usual.
    Usual,
}

impl Change {
    /// Reads the options; `None` if they change nothing. `known` has the levels of assurance that were given before.
    pub(super) fn read(options: &TrustChange, known: &Trusts) -> Result<Option<Self>> {
        let is_yes = |switch: Option<YesNo>| switch.map(|it| it == YesNo::Yes);
        let change = Self {
            reset: options.reset,
            anchors: anchors(options)?,
            removed_anchors: fingerprints(&options.remove_anchor)?,
            pins: options.pin.iter().map(|pin| read_pin(pin)).collect::<Result<_>>()?,
            removed_pins: fingerprints(&options.remove_pin)?,
            policies: policies(&options.policy)?,
            require_policy: is_yes(options.require_policy),
            inhibit_mapping: is_yes(options.inhibit_mapping),
            inhibit_any: is_yes(options.inhibit_any),
            assurance: options.assurance.as_deref().map_or(Ok(To::Stays), |it| level(it, known))?,
            domains: own_domains(&options.domains)?,
            min_rsa_bits: options.min_rsa,
            min_ec_bits: options.min_ec,
            algorithms: families(&options.algorithm),
            revocation: options.revocation.map(Strictness::from),
            max_evidence_age: options.max_age.as_deref().map_or(Ok(To::Stays), age)?,
        };
        Ok((!change.is_empty()).then_some(change))
    }

    fn is_empty(&self) -> bool {
        !self.reset
            && self.removed_anchors.is_empty()
            && self.removed_pins.is_empty()
            && self.policies.stays()
            && self.assurance.stays()
            && self.domains.stays()
            && self.algorithms.stays()
            && self.max_evidence_age.stays()
            && {
                // What is left can only add.
                let mut settings = TrustSettings::default();
                self.apply(&mut settings);
                settings.is_empty()
            }
    }

    /// Refuses to let others speak for our domains.
    pub(super) fn refuse_ours(&self, ours: &[String]) -> Result {
        let set = match &self.domains {
            To::Set(set) => Some(set),
            _ => None,
        };
        let set = set.into_iter().flatten();
        let of_anchors = self.anchors.iter().flat_map(|anchor| &anchor.domains);
        match set.chain(of_anchors).find(|domain| ours.contains(domain)) {
            None => Ok(()),
            Some(domain) => {
                Err(Failure::usage(format!("{domain} is a domain of this organisation"))
                    .hint("nobody else can be believed for it"))
            }
        }
    }

    /// Applies it to what was decided before.
    pub(super) fn apply(&self, settings: &mut TrustSettings) {
        if self.reset {
            *settings = TrustSettings::default();
        }
        let is_named = |names: &[String], fingerprint: &[u8; 32]| {
            let digits = hex(fingerprint);
            names.iter().any(|name| digits.starts_with(name))
        };
        settings
            .anchors
            .retain(|it| !is_named(&self.removed_anchors, &it.certificate.fingerprint()));
        for anchor in &self.anchors {
            settings.anchors.retain(|known| known.certificate != anchor.certificate);
            settings.anchors.push(anchor.clone());
        }
        settings.pinned_keys.retain(|pin| !is_named(&self.removed_pins, pin));
        settings.pinned_keys.extend(&self.pins);
        self.policies.apply(&mut settings.policies);
        self.assurance.apply(&mut settings.assurance);
        self.domains.apply(&mut settings.domains);
        self.algorithms.apply(&mut settings.algorithms);
        self.max_evidence_age.apply(&mut settings.max_evidence_age);
        settings.require_policy = self.require_policy.or(settings.require_policy);
        settings.inhibit_mapping = self.inhibit_mapping.or(settings.inhibit_mapping);
        settings.inhibit_any = self.inhibit_any.or(settings.inhibit_any);
        settings.min_rsa_bits = self.min_rsa_bits.or(settings.min_rsa_bits);
        settings.min_ec_bits = self.min_ec_bits.or(settings.min_ec_bits);
        settings.revocation = self.revocation.or(settings.revocation);
    }
}

impl<T: Clone> To<T> {
    fn stays(&self) -> bool {
        matches!(self, Self::Stays)
    }

    fn apply(&self, field: &mut Option<T>) {
        match self {
            Self::Set(value) => *field = Some(value.clone()),
            Self::Stays => {}
            Self::Usual => *field = None,
        }
    }
}

/// Reads a mail domain.
pub(super) fn domain(text: &str) -> Result<String> {
    // As certificates have it: a mail domain has two labels at least.
    let found = chancery_policy::document::domain(text);
    found.filter(|it| chancery_pki::is_domain(it)).ok_or_else(|| {
        Failure::usage(format!("{} is no mail domain", plain(text)))
            .hint("write it such as globex.example")
    })
}

fn anchors(options: &TrustChange) -> Result<Vec<TrustedAuthority>> {
    let domains: BTreeSet<String> =
        options.anchor_domain.iter().map(|it| domain(it)).collect::<Result<_>>()?;
    let mut anchors = Vec::new();
    for file in &options.anchor {
        for certificate in certificates(file)? {
            let (path_length, domains) = (options.anchor_path_length, domains.clone());
            anchors.push(TrustedAuthority { certificate, path_length, domains });
        }
    }
    Ok(anchors)
}

fn read_pin(text: &str) -> Result<[u8; 32]> {
    let digits: String = text.chars().filter(|it| *it != ':').collect();
    if let Some(Ok(pin)) = unhex(&digits).map(|bytes| <[u8; 32]>::try_from(bytes.as_slice())) {
        return Ok(pin);
    }
    let certificates = certificates(Path::new(text))?;
    match certificates.as_slice() {
        [certificate] => Ok(Certificate::key_fingerprint(certificate)),
        _ => Err(Failure::usage(format!("there are several certificates in {}", plain(text)))
            .hint("give the one whose key is to be believed, or the SHA-256 of the key")),
    }
}

/// Reads beginnings of fingerprints.
fn fingerprints(list: &[String]) -> Result<Vec<String>> {
    list.iter().map(|text| fingerprint(text)).collect()
}

fn policies(list: &[String]) -> Result<To<BTreeSet<ObjectIdentifier>>> {
    match list {
        [] => Ok(To::Stays),
        [usual] if usual == USUAL => Ok(To::Usual),
        list => list.iter().map(|it| policy(it)).collect::<Result<_>>().map(To::Set),
    }
}

fn own_domains(list: &[String]) -> Result<To<BTreeSet<String>>> {
    match list {
        [] => Ok(To::Stays),
        [usual] if usual == USUAL => Ok(To::Usual),
        list => list.iter().map(|it| domain(it)).collect::<Result<_>>().map(To::Set),
    }
}

/// Reads a level of assurance; the policies of one that is known need not be said again.
fn level(text: &str, known: &Trusts) -> Result<To<Assurance>> {
    if text == USUAL {
        return Ok(To::Usual);
    }
    let (level, policies) = if let Some((level, list)) = text.split_once('=') {
        (level, list.split(',').map(policy).collect::<Result<BTreeSet<_>>>()?)
    } else {
        let mut levels = known.iter().filter_map(|(_, settings)| settings.assurance.as_ref());
        let found = levels.find(|it| it.level == text).ok_or_else(|| {
            let text = plain(text);
            Failure::usage(format!("no level {text} is known"))
                .hint(format!("say which policies mean it: --assurance {text}=OID,OID"))
        })?;
        (text, found.policies.clone())
    };
    let is_word = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
    if level.is_empty() || !level.chars().all(is_word) {
        return Err(Failure::usage(format!("{} is no name of a level", plain(level)))
            .hint("use letters, digits, - and _"));
    }
    Ok(To::Set(Assurance { level: level.to_owned(), policies }))
}

fn families(list: &[FamilyChoice]) -> To<Vec<KeyFamily>> {
    let family = |choice: &FamilyChoice| match choice {
        FamilyChoice::Default => None,
        FamilyChoice::Ec => Some(KeyFamily::Ec),
        FamilyChoice::Ed25519 => Some(KeyFamily::Ed25519),
        FamilyChoice::MlDsa => Some(KeyFamily::MlDsa),
        FamilyChoice::MlKem => Some(KeyFamily::MlKem),
        FamilyChoice::Rsa => Some(KeyFamily::Rsa),
        FamilyChoice::X25519 => Some(KeyFamily::X25519),
    };
    if list.is_empty() {
        return To::Stays;
    }
    // One `default` among them is what is usual.
    list.iter().map(family).collect::<Option<_>>().map_or(To::Usual, To::Set)
}

fn age(text: &str) -> Result<To<Duration>> {
    if text == USUAL {
        return Ok(To::Usual);
    }
    let age = chancery_policy::document::duration(text).ok_or_else(|| {
        Failure::usage(format!("`--max-age` {} is no time", plain(text)))
            .hint("write it such as 7d or 36h")
    })?;
    Ok(To::Set(age))
}

/// The word that goes back to what is usual.
const USUAL: &str = "default";
