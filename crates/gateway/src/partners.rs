//! The partners as the gateway uses them: whose key for which domain, and who may speak for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_pki::path::Known;
use chancery_pki::trust::TrustSettings;
use chancery_pki::{Certificate, Purpose, path};
use chancery_policy::PartnerKey;
use chancery_smime::card::Card;
use chancery_smime::{Anchor, Capabilities, Reach, RecipientKey, Statement, Trust};
use chancery_store::Store;
use chancery_store::peer::PeerRow;
use chancery_store::trust::Scope;

use crate::bridges::{Guests, Joined};
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::inquiry::Inquiry;
use crate::settings::Settings;

mod key;

pub use key::EncryptionPath;
pub(crate) use key::failures;
use key::{PartnerCertificate, Standing};

/// All partners at one moment; a changed book is a new value.
#[derive(Clone, Debug)]
pub struct PartnerBook {
    version: i64,
    /// What is known about certificates, by whom it was given.
    given: Known,
    /// The same with what the bridges say.
    known: Known,
    /// The bridges that we have joined, if there are any.
    joined: Option<Joined>,
    /// Members of bridges that were asked for.
    guests: Arc<Guests>,
    partners: Vec<Arc<Partner>>,
    by_domain: BTreeMap<String, Arc<Partner>>,
    own: Anchor,
    /// Whom we believe about domains that have no card.
    others: BTreeMap<String, Anchor>,
    /// Whom we believe about mailboxes of everybody else.
    everybody: Option<Anchor>,
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
        let trusts = store.trusts()?;
        let mut partners = Vec::new();
        let mut by_domain = BTreeMap::new();
        let peers = store.organisation_peers()?;
        for row in store.partners()? {
            let card = Card::read_stored(&row.card)
                .map_err(|source| Error::Card { partner: row.name.clone(), source })?;
            let is_of = |peer: &&PeerRow| row.domains.iter().any(|domain| domain == peer.domain());
            let learned = peers.iter().filter(is_of).cloned().collect();
            let trust =
                trusts.in_force(row.domains.first().map_or("", String::as_str), Some(&row.domains));
            let trust = trust.settings.trust(Some(card.authority()), Some(&row.domains));
            let anchor = anchor(card.organisation(), trust);
            let partner = Arc::new(Partner::of(&card, row.domains, anchor, learned));
            for domain in &partner.domains {
                by_domain.insert(domain.clone(), Arc::clone(&partner));
            }
            partners.push(partner);
        }
        let own = Anchor {
            name: settings.organisation.clone(),
            trust: Arc::new(own_trust(identity.authority())),
            reach: Reach::Domains(settings.domains.clone()),
            own: true,
        };
        let others = trusts.iter().filter_map(|(scope, settings)| {
            let Scope::Domain(domain) = scope else { return None };
            let own = std::slice::from_ref(domain);
            let settings = settings.over(&trusts.of(&Scope::Partners).cloned().unwrap_or_default());
            let trust = settings.trust(None, Some(own));
            (!by_domain.contains_key(domain)).then(|| (domain.clone(), anchor(domain, trust)))
        });
        let others = others.collect();
        let everybody = trusts.of(&Scope::Everybody).map(|settings| {
            let trust = Arc::new(settings.trust(None, None));
            let reach = trust.domains.clone().map_or(Reach::Mailboxes, Reach::Domains);
            Anchor { name: "everybody".to_owned(), trust, reach, own: false }
        });
        let joined = Joined::read(store, &trusts, identity.authority())?;
        let (given, known, guests) = (Known::default(), Known::default(), Arc::default());
        let book = Self {
            version,
            given,
            known,
            joined,
            guests,
            partners,
            by_domain,
            own,
            others,
            everybody,
        };
        Ok(book.knowing(&Known::default()))
    }

    /// Returns the same book for somebody who knows something else about certificates.
    #[must_use]
    pub fn knowing(&self, known: &Known) -> Self {
        self.with(known, &self.guests)
    }

    /// Returns the same book for somebody who knows something else about certificates, and about members of bridges.
    #[must_use]
    pub(crate) fn with(&self, known: &Known, guests: &Arc<Guests>) -> Self {
        let book = Self { given: known.clone(), guests: Arc::clone(guests), ..self.clone() };
        Self { known: known.with(book.of_bridges(), []), ..book }
    }

    /// Returns true if it was made with exactly this.
    pub(crate) fn is_with(&self, known: &Known, guests: &Arc<Guests>) -> bool {
        self.given.is_same(known) && Arc::ptr_eq(&self.guests, guests)
    }

    /// Returns the bridges that we have joined.
    pub(crate) fn bridges(&self) -> &[String] {
        self.joined.as_ref().map_or(&[], |joined| &joined.urls)
    }

    /// Returns what is known through the bridges, by us and by them.
    fn of_bridges(&self) -> impl Iterator<Item = &Certificate> {
        let ours = self.joined.iter().flat_map(|joined| &joined.certificates);
        ours.chain(&self.guests.certificates)
    }

    /// Returns a member of a bridge as a partner for one of its domains.
    pub(crate) fn guest(&self, card: &Card, domain: &str) -> Option<Partner> {
        let anchor = self.joined.as_ref()?.anchor.clone();
        let anchor = Anchor { name: card.organisation().to_owned(), ..anchor };
        Some(Partner::of(card, vec![domain.to_owned()], anchor, Vec::new()))
    }

    /// Returns true if a bridge may have a member with this domain, and nobody has asked lately.
    pub(crate) fn may_be_a_member(&self, domain: &str, now_ms: i64) -> bool {
        self.joined.is_some() && !self.knows_domain(domain) && !self.guests.is_known(domain, now_ms)
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
        let domain = domain.to_ascii_lowercase();
        let partner = self.by_domain.get(&domain).map(Arc::as_ref);
        partner.or_else(|| self.guests.member(&domain))
    }

    /// Returns true if somebody vouches for this very domain, so that its mail is not like that of strangers.
    pub fn knows_domain(&self, domain: &str) -> bool {
        let domain = domain.to_ascii_lowercase();
        self.by_domain.contains_key(&domain) || self.others.contains_key(&domain)
    }

    /// Returns what the policy needs to know about the key for a domain at a time (Unix seconds).
    pub fn key_for(&self, domain: &str, at: i64) -> PartnerKey {
        self.partner(domain)
            .map_or(PartnerKey::NoPartner, |partner| partner.key_at(&self.known, at))
    }

    /// Returns the questions about the keys of all partners at a time (Unix seconds).
    pub(crate) fn inquiries(&self, at: i64) -> Vec<Inquiry> {
        self.partners.iter().flat_map(|partner| self.inquiries_of(partner, at)).collect()
    }

    /// Returns the questions about the keys of one partner.
    pub(crate) fn inquiries_of(&self, partner: &Partner, at: i64) -> Vec<Inquiry> {
        let mut brought = partner.chain.clone();
        if partner.anchor.reach == Reach::Constrained {
            brought.extend(self.of_bridges().cloned());
        }
        let of_key = |key: &PartnerCertificate| Inquiry {
            certificate: key.certificate.clone(),
            purpose: Purpose::SmimeEncrypt,
            at,
            trust: Arc::clone(&partner.anchor.trust),
            brought: brought.clone(),
        };
        partner.keys.iter().filter(|key| at <= key.until).map(of_key).collect()
    }

    /// Returns the key to encrypt to for a domain at a time (Unix seconds), if there is one.
    pub fn usable_key(&self, domain: &str, at: i64) -> Option<UsableKey<'_>> {
        self.partner(domain)?.usable_key(&self.known, at)
    }
}

impl Trust for PartnerBook {
    fn anchors_for(&self, domain: &str) -> Vec<Anchor> {
        let partner = self.by_domain.get(&domain.to_ascii_lowercase());
        let partner = partner.map(|partner| &partner.anchor);
        let known = partner.or_else(|| self.others.get(&domain.to_ascii_lowercase()));
        let own = Some(&self.own).filter(|own| own.lists(domain));
        let is_stranger = own.is_none() && known.is_none();
        let members = self.joined.iter().map(|joined| &joined.anchor);
        let others = members.chain(&self.everybody);
        let others = others.filter(|it| is_stranger && it.lists(domain));
        own.into_iter().chain(known).chain(others).cloned().collect()
    }

    fn known(&self) -> Known {
        self.known.clone()
    }
}

impl Partner {
    fn of(card: &Card, domains: Vec<String>, anchor: Anchor, learned: Vec<PeerRow>) -> Self {
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
            key.standing(&self.anchor, &self.domains, &self.chain, known, at)
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

/// Believes what was decided for somebody, about the domains that were decided.
fn anchor(name: &str, trust: path::Trust) -> Anchor {
    let reach = Reach::Domains(trust.domains.clone().unwrap_or_default());
    Anchor { name: name.to_owned(), trust: Arc::new(trust), reach, own: false }
}

/// Believes our own authority about what it issued itself: whom it vouches for beyond that, such as a bridge, does not
/// speak for us.
fn own_trust(authority: &Certificate) -> path::Trust {
    let mut trust = TrustSettings::default().trust(Some(authority), None);
    for anchor in &mut trust.anchors {
        anchor.constraints.path_length = Some(0);
    }
    trust
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
