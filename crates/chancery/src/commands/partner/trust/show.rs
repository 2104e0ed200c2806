//! Whom we believe, as people and programs see it: each thing with where it was decided.

use std::collections::BTreeSet;
use std::fmt;

use chancery_crypto::hex;
use chancery_pki::path::{KeyFamily, Strictness};
use chancery_pki::trust::{TrustSettings, TrustedAuthority};
use chancery_pki::{Certificate, ObjectIdentifier};
use chancery_smime::card::Card;
use chancery_store::partner::PartnerRow;
use chancery_store::trust::{Scope, Trusts};
use serde::Serialize;

use crate::output::{day, plain, short};

/// What is in force for a scope.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<String>,
    anchors: Vec<Anchor>,
    pinned_keys: Vec<Value<String>>,
    policies: Value<Option<Vec<String>>>,
    require_policy: Value<bool>,
    inhibit_mapping: Value<bool>,
    inhibit_any: Value<bool>,
    assurance: Value<Option<Level>>,
    domains: Value<Option<Vec<String>>>,
    min_rsa_bits: Value<u32>,
    min_ec_bits: Value<u32>,
    algorithms: Value<Vec<&'static str>>,
    revocation: Value<&'static str>,
    max_evidence_age_s: Value<Option<u64>>,
    /// What was decided for exactly this scope, as it is stored.
    decided: TrustSettings,
}

/// Something in force, and where that was decided.
#[derive(Debug, Serialize)]
struct Value<T> {
    value: T,
    from: From,
}

/// Where something was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum From {
    /// On the partner's card.
    Card,
    /// For everybody who is no partner.
    Everybody,
    /// For this scope.
    Here,
    /// For all partners.
    Partners,
    /// Nowhere.
    Usual,
}

#[derive(Debug, Serialize)]
struct Anchor {
    subject: String,
    fingerprint_sha256: String,
    valid_until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_length: Option<u32>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    domains: BTreeSet<String>,
    from: From,
}

#[derive(Debug, Serialize)]
struct Level {
    level: String,
    policies: Vec<String>,
}

impl Shown {
    pub(super) fn new(
        trusts: &Trusts,
        asked: &Scope,
        partner: Option<&PartnerRow>,
        card: Option<&Card>,
    ) -> Self {
        let nothing = TrustSettings::default();
        let of = |scope: &Scope| trusts.of(scope).unwrap_or(&nothing);
        let (scope, below) = match asked {
            Scope::Domain(domain) => {
                let found = trusts.in_force(domain, partner.map(|it| it.domains.as_slice()));
                match found.scope {
                    own @ Scope::Domain(_) => (own, Some(Scope::Partners)),
                    all => (asked.clone(), Some(all)),
                }
            }
            scope => (scope.clone(), None),
        };
        let below_from =
            if below == Some(Scope::Everybody) { From::Everybody } else { From::Partners };
        let below = below.as_ref().map_or(&nothing, of);
        let source = Source { here: of(&scope), below, below_from };
        let demand = source.here.over(below).policy_demand();
        Self {
            partner: partner.map(|it| it.name.clone()),
            anchors: source.anchors(card),
            pinned_keys: source.pins(),
            policies: source.value(|it| it.policies.as_ref().map(texts).map(Some), None),
            require_policy: Value {
                value: demand.explicit,
                ..source
                    .value(|it| it.require_policy.or(it.assurance.as_ref().map(|_| true)), false)
            },
            inhibit_mapping: source.value(|it| it.inhibit_mapping, false),
            inhibit_any: source.value(|it| it.inhibit_any, false),
            assurance: source.value(
                |it| {
                    let level = it.assurance.as_ref()?;
                    let policies = texts(&level.policies);
                    Some(Some(Level { level: level.level.clone(), policies }))
                },
                None,
            ),
            domains: source.domains(&scope, card),
            min_rsa_bits: source
                .value(|it| it.min_rsa_bits, nothing.accepted_algorithms().min_rsa_bits),
            min_ec_bits: source
                .value(|it| it.min_ec_bits, nothing.accepted_algorithms().min_ec_bits),
            algorithms: source
                .value(|it| it.algorithms.as_deref().map(words), words(&KeyFamily::ALL)),
            revocation: source.value(
                |it| it.revocation.map(Strictness::word),
                nothing.revocation_demand().strictness.word(),
            ),
            max_evidence_age_s: source
                .value(|it| it.max_evidence_age.map(|age| Some(age.as_secs())), None),
            decided: source.here.clone(),
            scope,
        }
    }
}

/// The settings of a scope and those below it.
struct Source<'a> {
    here: &'a TrustSettings,
    below: &'a TrustSettings,
    below_from: From,
}

impl Source<'_> {
    fn value<T>(&self, read: impl Fn(&TrustSettings) -> Option<T>, usual: T) -> Value<T> {
        let here = read(self.here).map(|value| Value { value, from: From::Here });
        let below = || read(self.below).map(|value| Value { value, from: self.below_from });
        here.or_else(below).unwrap_or(Value { value: usual, from: From::Usual })
    }

    fn anchors(&self, card: Option<&Card>) -> Vec<Anchor> {
        let own = card
            .map(|card| Anchor::new(TrustedAuthority::new(card.authority().clone()), From::Card));
        let mut anchors: Vec<Anchor> = own.into_iter().collect();
        for (list, from) in
            [(&self.here.anchors, From::Here), (&self.below.anchors, self.below_from)]
        {
            for anchor in list {
                let fingerprint = anchor.certificate.fingerprint_sha256();
                if anchors.iter().all(|known| known.fingerprint_sha256 != fingerprint) {
                    anchors.push(Anchor::new(anchor.clone(), from));
                }
            }
        }
        anchors
    }

    fn pins(&self) -> Vec<Value<String>> {
        let here = self.here.pinned_keys.iter().map(|pin| (pin, From::Here));
        let below = self.below.pinned_keys.difference(&self.here.pinned_keys);
        here.chain(below.map(|pin| (pin, self.below_from)))
            .map(|(pin, from)| Value { value: hex(pin), from })
            .collect()
    }

    fn domains(&self, scope: &Scope, card: Option<&Card>) -> Value<Option<Vec<String>>> {
        let set = |it: &TrustSettings| {
            it.domains.as_ref().map(|set| Some(set.iter().cloned().collect::<Vec<_>>()))
        };
        let decided = self.value(set, None);
        match (decided.from, card, scope) {
            (From::Usual, Some(card), _) => {
                Value { value: Some(card.domains().to_vec()), from: From::Card }
            }
            (From::Usual, None, Scope::Domain(domain)) => {
                Value { value: Some(vec![domain.clone()]), from: From::Usual }
            }
            _ => decided,
        }
    }
}

impl Anchor {
    fn new(authority: TrustedAuthority, from: From) -> Self {
        let certificate: &Certificate = &authority.certificate;
        Self {
            subject: certificate.subject(),
            fingerprint_sha256: certificate.fingerprint_sha256(),
            valid_until: day(certificate.not_after()),
            path_length: authority.path_length,
            domains: authority.domains,
            from,
        }
    }
}

fn texts(policies: &BTreeSet<ObjectIdentifier>) -> Vec<String> {
    let name = |oid: &ObjectIdentifier| match oid.to_string() {
        any if any == "2.5.29.32.0" => "any".to_owned(),
        oid => oid,
    };
    policies.iter().map(name).collect()
}

fn words(families: &[KeyFamily]) -> Vec<&'static str> {
    families.iter().map(|family| family.word()).collect()
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partner = self.partner.as_ref().map(|name| format!(" ({})", plain(name)));
        line(f, "for", &format!("{}{}", self.scope, partner.unwrap_or_default()), None)?;
        if self.anchors.is_empty() && self.pinned_keys.is_empty() {
            line(f, "authorities", "none: nobody is believed", None)?;
        }
        for anchor in &self.anchors {
            line(f, "authority", &anchor.to_string(), Some(anchor.from))?;
        }
        for pin in &self.pinned_keys {
            line(f, "pinned key", &pin.value, Some(pin.from))?;
        }
        let list = |list: &Option<Vec<String>>| list.as_ref().map(|list| list.join(", "));
        let any = |list: Option<String>| list.unwrap_or_else(|| "any".to_owned());
        line(f, "mail domains", &any(list(&self.domains.value)), Some(self.domains.from))?;
        line(f, "policies", &any(list(&self.policies.value)), Some(self.policies.from))?;
        if let Some(level) = &self.assurance.value {
            let text = format!("{} ({})", level.level, level.policies.join(", "));
            line(f, "assurance", &text, Some(self.assurance.from))?;
        }
        for (name, switch) in [
            ("a policy must hold", &self.require_policy),
            ("no policy mapping", &self.inhibit_mapping),
            ("anyPolicy is none", &self.inhibit_any),
        ] {
            line(f, name, if switch.value { "yes" } else { "no" }, Some(switch.from))?;
        }
        line(f, "key families", &self.algorithms.value.join(", "), Some(self.algorithms.from))?;
        let bits = |bits: &Value<u32>| match bits.value {
            0 => "any size".to_owned(),
            bits => format!("{bits} bits or more"),
        };
        line(f, "RSA keys", &bits(&self.min_rsa_bits), Some(self.min_rsa_bits.from))?;
        line(f, "curves", &bits(&self.min_ec_bits), Some(self.min_ec_bits.from))?;
        line(f, "revocation", self.revocation.value, Some(self.revocation.from))?;
        let age = self.max_evidence_age_s.value.map(|age| format!("{} hours", age / 3600));
        let age = age.unwrap_or_else(|| "what they say themselves".to_owned());
        line(f, "lists are good for", &age, Some(self.max_evidence_age_s.from))
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = short(&self.fingerprint_sha256);
        write!(f, "{} until {}, SHA-256 {digits}…", plain(&self.subject), self.valid_until)?;
        if let Some(length) = self.path_length {
            write!(f, ", {length} authorities below it at most")?;
        }
        if !self.domains.is_empty() {
            let domains: Vec<&str> = self.domains.iter().map(String::as_str).collect();
            write!(f, ", for addresses of {}", domains.join(", "))?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: &str, from: Option<From>) -> fmt::Result {
    let from = match from {
        None | Some(From::Usual) => "",
        Some(From::Card) => "  (card)",
        Some(From::Everybody) => "  (decided for everybody)",
        Some(From::Here) => "  (decided here)",
        Some(From::Partners) => "  (decided for all partners)",
    };
    writeln!(f, "{name:<19} {value}{from}")
}
