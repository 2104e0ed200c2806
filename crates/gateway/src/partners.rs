//! The partners as the gateway uses them: whose key for which domain, and who may speak for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_pki::Certificate;
use chancery_policy::PartnerKey;
use chancery_smime::card::Card;
use chancery_smime::{Anchor, Capabilities, RecipientKey, Trust};
use chancery_store::Store;

use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::settings::Settings;

/// All partners at one moment; a changed book is a new value.
#[derive(Debug)]
pub struct PartnerBook {
    version: i64,
    partners: Vec<Arc<Partner>>,
    by_domain: BTreeMap<String, Arc<Partner>>,
    own: Anchor,
}

/// One partner, ready for use.
#[derive(Debug)]
pub struct Partner {
    organisation: String,
    domains: Vec<String>,
    anchor: Anchor,
    keys: Vec<(Certificate, RecipientKey)>,
    /// Why a certificate of the card cannot be used.
    unusable: Option<String>,
    expires: i64,
}

impl PartnerBook {
    /// Reads every card of the store; a card that cannot be used is an error, because mail depends on it.
    pub fn read(store: &Store, identity: &Identity, settings: &Settings) -> Result<Self> {
        let version = store.partner_version()?;
        let mut partners = Vec::new();
        let mut by_domain = BTreeMap::new();
        for row in store.partners()? {
            let card = Card::read_stored(&row.card)
                .map_err(|source| Error::Card { partner: row.name.clone(), source })?;
            let partner = Arc::new(Partner::of(&card, row.domains));
            for domain in &partner.domains {
                by_domain.insert(domain.clone(), Arc::clone(&partner));
            }
            partners.push(partner);
        }
        let own = Anchor {
            name: settings.organisation.clone(),
            certificate: identity.authority().der().to_vec(),
            domains: settings.domains.clone(),
            own: true,
        };
        Ok(Self { version, partners, by_domain, own })
    }

    /// Returns the version of the book in the store that this was read from.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Returns how many partners there are.
    pub fn len(&self) -> usize {
        self.partners.len()
    }

    /// Returns true if there is no partner.
    pub fn is_empty(&self) -> bool {
        self.partners.is_empty()
    }

    /// Returns the partner whose card lists exactly this domain.
    pub fn partner(&self, domain: &str) -> Option<&Partner> {
        self.by_domain.get(&domain.to_ascii_lowercase()).map(Arc::as_ref)
    }

    /// Returns what the policy needs to know about the key for a domain at a time (Unix seconds).
    pub fn key_for(&self, domain: &str, at: i64) -> PartnerKey {
        self.partner(domain).map_or(PartnerKey::NoPartner, |partner| partner.key_at(at))
    }
}

impl Trust for PartnerBook {
    fn anchors_for(&self, domain: &str) -> Vec<Anchor> {
        let partner = self.partner(domain).map(|partner| partner.anchor.clone());
        let own = Some(self.own.clone()).filter(|own| own.lists(domain));
        own.into_iter().chain(partner).collect()
    }
}

impl Partner {
    fn of(card: &Card, domains: Vec<String>) -> Self {
        let capabilities = Capabilities::parse(
            card.capabilities().content.iter().map(String::as_str),
            card.capabilities().key_transport.iter().map(String::as_str),
        );
        let mut keys = Vec::new();
        let mut unusable = None;
        for certificate in card.encryption() {
            match RecipientKey::new(certificate.der(), capabilities.clone()) {
                Ok(key) => keys.push((certificate.clone(), key)),
                Err(error) => unusable = Some(error.to_string()),
            }
        }
        let anchor = Anchor {
            name: card.organisation().to_owned(),
            certificate: card.authority().der().to_vec(),
            domains: domains.clone(),
            own: false,
        };
        Self {
            organisation: card.organisation().to_owned(),
            domains,
            anchor,
            keys,
            unusable,
            expires: card.expires(),
        }
    }

    /// Returns what the partner calls itself.
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// Returns the keys that can be encrypted to at a time, the best first.
    pub fn encryption_keys(&self, at: i64) -> impl Iterator<Item = &RecipientKey> {
        // One key is enough to read the message; more would only make every message longer.
        self.keys
            .iter()
            .filter(move |(certificate, _)| certificate.is_valid_at(at))
            .map(|(_, key)| key)
            .take(1)
    }

    fn key_at(&self, at: i64) -> PartnerKey {
        if self.encryption_keys(at).next().is_some() && at <= self.expires {
            return PartnerKey::Usable;
        }
        match (
            self.keys.iter().map(|(certificate, _)| certificate.not_before()).min(),
            &self.unusable,
        ) {
            (Some(from), _) if at < from => PartnerKey::NotYetValid,
            (Some(_), _) => PartnerKey::Expired,
            (None, Some(why)) => PartnerKey::Unsuitable(why.clone()),
            (None, None) => {
                PartnerKey::Unsuitable("the card has no encryption certificate".to_owned())
            }
        }
    }
}
