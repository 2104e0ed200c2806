//! The partners as the gateway uses them: whose key for which domain, and who may speak for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_pki::{Certificate, Purpose, path};
use chancery_policy::PartnerKey;
use chancery_smime::card::Card;
use chancery_smime::{Anchor, Capabilities, Reach, RecipientKey, Statement, Trust};
use chancery_store::Store;
use chancery_store::peer::PeerRow;

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
    keys: Vec<PartnerKeys>,
    /// Why a certificate of the card cannot be used.
    unusable: Option<String>,
    /// True if the card says all that could be learned of its software.
    is_card_complete: bool,
    /// What is known of the software at its domains besides the card.
    learned: Vec<PeerRow>,
}

/// One certificate of a partner, ready for use.
#[derive(Debug)]
struct PartnerKeys {
    certificate: Certificate,
    recipient: RecipientKey,
    /// The end of its use, in Unix seconds.
    until: i64,
}

impl PartnerBook {
    /// Reads every card of the store; a card that cannot be used is an error, because mail depends on it.
    pub fn read(store: &Store, identity: &Identity, settings: &Settings) -> Result<Self> {
        let version = store.partner_version()?;
        let mut partners = Vec::new();
        let mut by_domain = BTreeMap::new();
        let peers = store.organisation_peers()?;
        for row in store.partners()? {
            let card = Card::read_stored(&row.card)
                .map_err(|source| Error::Card { partner: row.name.clone(), source })?;
            let is_of = |peer: &&PeerRow| row.domains.iter().any(|domain| domain == peer.domain());
            let learned = peers.iter().filter(is_of).cloned().collect();
            let partner = Arc::new(Partner::of(&card, row.domains, learned));
            for domain in &partner.domains {
                by_domain.insert(domain.clone(), Arc::clone(&partner));
            }
            partners.push(partner);
        }
        let own = Anchor {
            name: settings.organisation.clone(),
            certificate: identity.authority().der().to_vec(),
            reach: Reach::Domains(settings.domains.clone()),
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
    fn of(card: &Card, domains: Vec<String>, learned: Vec<PeerRow>) -> Self {
        let capabilities = Capabilities::parse(
            card.capabilities().content.iter().map(String::as_str),
            card.capabilities().key_transport.iter().map(String::as_str),
        );
        let is_card_complete = capabilities.names_ciphers && !capabilities.key_transport.is_empty();
        let mut known = vec![Statement::card(capabilities, card.issued())];
        known.extend(learned.iter().flat_map(statements));
        let mut keys = Vec::new();
        let mut unusable = None;
        let on_card =
            card.encryption().iter().map(|it| (it.clone(), it.not_after().min(card.expires())));
        for (certificate, until) in renewed(card, &learned).into_iter().chain(on_card) {
            match RecipientKey::new(certificate.der(), &known) {
                Ok(recipient) => keys.push(PartnerKeys { certificate, recipient, until }),
                Err(error) => unusable = Some(error.to_string()),
            }
        }
        let anchor = Anchor {
            name: card.organisation().to_owned(),
            certificate: card.authority().der().to_vec(),
            reach: Reach::Domains(domains.clone()),
            own: false,
        };
        let organisation = card.organisation().to_owned();
        Self { organisation, domains, anchor, keys, unusable, is_card_complete, learned }
    }

    /// Returns what the partner calls itself.
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// Returns the keys that can be encrypted to at a time, the best first.
    pub fn encryption_keys(&self, at: i64) -> impl Iterator<Item = &RecipientKey> {
        // One key is enough to read the message; more would only make every message longer.
        let usable =
            self.keys.iter().filter(move |key| key.certificate.is_valid_at(at) && at <= key.until);
        usable.map(|key| &key.recipient).take(1)
    }

    /// Returns until when mail to it can be protected, in Unix seconds; none if no key of it can be used at all.
    pub fn end(&self) -> Option<i64> {
        self.keys.iter().map(|key| key.until).max()
    }

    /// Returns true if nothing that its signed mail says of its software would be used.
    pub(crate) fn says_all(&self) -> bool {
        self.is_card_complete
    }

    /// Returns what is known of the software at one of its domains besides the card.
    pub fn learned(&self, domain: &str) -> Option<&PeerRow> {
        self.learned.iter().find(|peer| peer.domain() == domain)
    }

    /// Returns true if this certificate (DER) is not known yet and no older than those that are.
    pub(crate) fn is_renewal(&self, certificate: &[u8]) -> bool {
        let Ok(certificate) = Certificate::from_der(certificate) else { return false };
        let mut known = self.keys.iter().map(|key| &key.certificate);
        known.all(|it| it.der() != certificate.der() && it.not_before() <= certificate.not_before())
    }

    fn key_at(&self, at: i64) -> PartnerKey {
        if self.encryption_keys(at).next().is_some() {
            return PartnerKey::Usable;
        }
        match (self.keys.iter().map(|key| key.certificate.not_before()).min(), &self.unusable) {
            (Some(from), _) if at < from => PartnerKey::NotYetValid,
            (Some(_), _) => PartnerKey::Expired,
            (None, Some(why)) => PartnerKey::Unsuitable(why.clone()),
            (None, None) => {
                PartnerKey::Unsuitable("the card has no encryption certificate".to_owned())
            }
        }
    }
}

/// Returns what a correspondent's signed mail says of its software.
pub fn statements(peer: &PeerRow) -> impl Iterator<Item = Statement> {
    let stated = Statement::attribute(peer.capabilities.iter().map(String::as_str), peer.stated_at);
    let observed = Statement::observed(peer.observed.iter().map(String::as_str), peer.observed_at);
    let stated = Some(stated).filter(|it| it.at > 0);
    stated.into_iter().chain(Some(observed).filter(|it| it.at > 0))
}

/// Returns the certificates with the end of their use that the partner announced in mail after it made its card, the
/// newest first. The authority of the card vouches for them as it does for those on it.
fn renewed(card: &Card, learned: &[PeerRow]) -> Vec<(Certificate, i64)> {
    let newest = card.encryption().iter().map(Certificate::not_before).max().unwrap_or(i64::MIN);
    let is_new = |it: &Certificate| {
        it.not_before() >= newest && card.encryption().iter().all(|on| on.der() != it.der())
    };
    let is_vouched_for = |it: &Certificate| {
        let anchors = std::slice::from_ref(card.authority());
        path::check(it, card.chain(), anchors, Purpose::SmimeEncrypt, it.not_before()).is_trusted()
    };
    let announced = learned.iter().filter_map(|peer| peer.certificate.as_deref());
    let announced = announced.filter_map(|der| Certificate::from_der(der).ok());
    let mut renewed: Vec<Certificate> =
        announced.filter(|it| is_new(it) && is_vouched_for(it)).collect();
    renewed.sort_by_key(|it| std::cmp::Reverse(it.not_before()));
    renewed
        .into_iter()
        .map(|it| {
            let until = it.not_after();
            (it, until)
        })
        .collect()
}
