//! The partners as the gateway uses them: whose key for which domain, and who may speak for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_pki::path::{Known, RevocationDemand, Strictness};
use chancery_pki::{Certificate, Purpose, path};
use chancery_policy::PartnerKey;
use chancery_smime::card::Card;
use chancery_smime::{Anchor, Capabilities, Reach, RecipientKey, Statement, Trust};
use chancery_store::Store;
use chancery_store::peer::PeerRow;

use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::settings::Settings;

mod key;

pub use key::EncryptionPath;
use key::{PartnerCertificate, Standing};

/// All partners at one moment; a changed book is a new value.
#[derive(Clone, Debug)]
pub struct PartnerBook {
    version: i64,
    /// What may help with their certificates.
    known: Known,
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
    /// Certificates of its card that may help on the way to its authority.
    chain: Vec<Certificate>,
    keys: Vec<PartnerCertificate>,
    /// Why a certificate of the card cannot be used.
    unusable: Option<String>,
    /// True if the card says all that could be learned of its software.
    is_card_complete: bool,
    /// What is known of the software at its domains besides the card.
    learned: Vec<PeerRow>,
}

/// A key to encrypt to.
#[derive(Clone, Debug)]
pub struct UsableKey<'a> {
    /// The key.
    pub recipient: &'a RecipientKey,
    /// Why it is believed to be the partner's.
    pub path: Arc<EncryptionPath>,
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
            trust: Arc::new(trust(identity.authority())),
            reach: Reach::Domains(settings.domains.clone()),
            own: true,
        };
        Ok(Self { version, known: Known::default(), partners, by_domain, own })
    }

    /// Returns the same book for somebody who knows something else about certificates.
    #[must_use]
    pub fn knowing(&self, known: Known) -> Self {
        Self { known, ..self.clone() }
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
        self.partner(domain)
            .map_or(PartnerKey::NoPartner, |partner| partner.key_at(&self.known, at))
    }

    /// Returns the key to encrypt to for a domain at a time (Unix seconds), if there is one.
    pub fn usable_key(&self, domain: &str, at: i64) -> Option<UsableKey<'_>> {
        self.partner(domain)?.usable_key(&self.known, at)
    }
}

impl Trust for PartnerBook {
    fn anchors_for(&self, domain: &str) -> Vec<Anchor> {
        let partner = self.partner(domain).map(|partner| partner.anchor.clone());
        let own = Some(self.own.clone()).filter(|own| own.lists(domain));
        own.into_iter().chain(partner).collect()
    }

    fn known(&self) -> Known {
        self.known.clone()
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
                Ok(recipient) => keys.push(PartnerCertificate::new(certificate, recipient, until)),
                Err(error) => unusable = Some(error.to_string()),
            }
        }
        let anchor = Anchor {
            name: card.organisation().to_owned(),
            trust: Arc::new(trust(card.authority())),
            reach: Reach::Domains(domains.clone()),
            own: false,
        };
        let organisation = card.organisation().to_owned();
        let chain = card.chain().to_vec();
        Self { organisation, domains, anchor, chain, keys, unusable, is_card_complete, learned }
    }

    /// Returns what the partner calls itself.
    pub fn organisation(&self) -> &str {
        &self.organisation
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

    fn standings(&self, known: &Known, at: i64) -> impl Iterator<Item = (&RecipientKey, Standing)> {
        let standing = move |key: &PartnerCertificate| {
            key.standing(&self.anchor.trust, &self.chain, known, at)
        };
        self.keys.iter().map(move |key| (&key.recipient, standing(key)))
    }

    /// Returns the best key that can be encrypted to at a time. One is enough to read the message; more would only make
    /// every message longer.
    fn usable_key(&self, known: &Known, at: i64) -> Option<UsableKey<'_>> {
        self.standings(known, at).find_map(|(recipient, standing)| match standing {
            Standing::Usable(path) => Some(UsableKey { recipient, path }),
            _ => None,
        })
    }

    fn key_at(&self, known: &Known, at: i64) -> PartnerKey {
        // The first key that is bad says more than another one that is only old.
        let mut worst = None;
        for (_, standing) in self.standings(known, at) {
            match standing {
                Standing::Usable(_) => return PartnerKey::Usable,
                Standing::Bad(why) => return PartnerKey::Unsuitable(why),
                Standing::Early => worst = Some(PartnerKey::NotYetValid),
                Standing::Late => worst = worst.or(Some(PartnerKey::Expired)),
            }
        }
        worst.unwrap_or_else(|| {
            let no_key = || "the card has no encryption certificate".to_owned();
            PartnerKey::Unsuitable(self.unusable.clone().unwrap_or_else(no_key))
        })
    }
}

/// Believes one authority, and not those certificates of it that are known to be revoked.
fn trust(authority: &Certificate) -> path::Trust {
    let revocation = RevocationDemand { strictness: Strictness::Soft, ..Default::default() };
    path::Trust { revocation, ..path::Trust::anchors(std::slice::from_ref(authority)) }
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
