//! Everything that can be found without asking anybody, as one value: made from the store, replaced as a whole.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chancery_mail::Address;
use chancery_pki::{Certificate, DistinguishedName};
use chancery_store::certificate::CertificateFilter;
use chancery_store::key::KeyPurpose;
use chancery_store::published::{Kinds, Publications};
use chancery_store::{Result, Store};

use crate::authority::{self, Authorities};
use crate::entry::{Entry, Shown};
use crate::judge::{self, Judge, Opinion};
use crate::question::key_of;
use crate::web::Shelf;

/// What is in the directory.
#[derive(Debug)]
pub struct Catalogue {
    state: State,
    /// When the first of the certificates begins or ends to be valid, in Unix seconds.
    until: i64,
    mailboxes: HashMap<String, Mailbox>,
    published: Publications,
    judge: Judge,
    authorities: Authorities,
    shelf: Shelf,
}

/// The numbers of everything that the catalogue was made from.
pub type State = [i64; 5];

/// The entries of one mailbox.
#[derive(Clone, Debug, Default)]
struct Mailbox {
    /// What strangers may find.
    outside: Option<Arc<Entry>>,
    /// What our own people find.
    inside: Option<Arc<Entry>>,
}

/// A certificate of one of our people, and why strangers find it or not.
#[derive(Clone, Debug)]
pub struct Item {
    /// The address, as the certificate has it.
    pub address: String,
    /// The certificate.
    pub certificate: Certificate,
    /// What it is for.
    pub kinds: Kinds,
    /// What is thought of it.
    pub opinion: Opinion,
    /// Strangers find it.
    pub is_published: bool,
}

/// Returns the numbers of what a catalogue is made from.
pub fn state(store: &Store) -> Result<State> {
    Ok([
        store.publication_version()?,
        store.certificate_version()?,
        store.partner_version()?,
        store.key_version()?,
        store.bridge_version()?,
    ])
}

impl Catalogue {
    /// Reads all of it; it takes a while with many certificates.
    pub fn read(store: &Store, domains: &[String], shown: &Shown, at: i64) -> Result<Self> {
        // The numbers first: what changes meanwhile is then read again, and never overlooked.
        let state = state(store)?;
        let (judge, published) = (Judge::read(store, domains)?, store.published()?);
        let mut by_key: HashMap<String, Vec<Item>> = HashMap::new();
        let mut until = i64::MAX;
        for_each(store, domains, |certificate, address, key| {
            for time in [certificate.not_before(), certificate.not_after() + 1] {
                if time > at {
                    until = until.min(time);
                }
            }
            let item = item(&judge, published.of(&key), certificate, address, at);
            by_key.entry(key).or_default().push(item);
        })?;
        let mut issuers: Vec<DistinguishedName> = Vec::new();
        let mailboxes = by_key.into_iter().map(|(key, mut items)| {
            items.sort_by_key(|item| {
                (!item.kinds.encryption, std::cmp::Reverse(item.certificate.not_before()))
            });
            let fit = || items.iter().filter(|item| !matches!(item.opinion, Opinion::Unfit(_)));
            let entry = |list: Vec<&Item>| {
                let best = list.first()?;
                let certificates: Vec<&Certificate> =
                    list.iter().map(|item| &item.certificate).take(MOST).collect();
                let entry = Entry::new(&best.address, &certificates, shown)?;
                Some(Arc::new(entry.ends(judge.next_list(&certificates))))
            };
            let outside = entry(fit().filter(|item| item.is_published).collect());
            let all: Vec<&Item> = fit().collect();
            if outside.is_some() {
                for issuer in all.iter().map(|item| item.certificate.issuer_name()) {
                    if !issuers.contains(issuer) {
                        issuers.push(issuer.clone());
                    }
                }
            }
            let is_same = all.iter().all(|item| item.is_published);
            let inside = if is_same { outside.clone() } else { entry(all) };
            (key, Mailbox { outside, inside })
        });
        let mailboxes = mailboxes.collect();
        let authorities = authority::collect(&judge, issuers);
        let shelf = Shelf::new(&authorities);
        Ok(Self { state, until, mailboxes, published, judge, authorities, shelf })
    }

    /// Returns true if nothing has changed since, and nothing has begun or ended to be valid.
    pub fn is_current(&self, state: State, at: i64) -> bool {
        self.state == state && at < self.until
    }

    /// Returns the entry of a mailbox for strangers, or for our own people.
    pub(crate) fn find(&self, key: &str, is_inside: bool) -> Option<&Arc<Entry>> {
        let mailbox = self.mailboxes.get(key)?;
        if is_inside { mailbox.inside.as_ref() } else { mailbox.outside.as_ref() }
    }

    /// Returns what strangers may find of an address, wherever its certificates are.
    pub fn published(&self, key: &str) -> Kinds {
        self.published.of(key)
    }

    /// Returns who judges certificates.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Returns the authorities that have entries.
    pub(crate) fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// Returns the same authorities as they are found over HTTP.
    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Returns how many mailboxes strangers find, and how many our own people find.
    pub fn sizes(&self) -> (usize, usize) {
        let outside = self.mailboxes.values().filter(|it| it.outside.is_some()).count();
        let inside = self.mailboxes.values().filter(|it| it.inside.is_some()).count();
        (outside, inside)
    }
}

/// Returns every certificate of our people with what becomes of it; of one address, if it is given.
pub fn items(store: &Store, domains: &[String], only: Option<&str>, at: i64) -> Result<Vec<Item>> {
    let (judge, published) = (Judge::read(store, domains)?, store.published()?);
    let mut items = Vec::new();
    for_each(store, domains, |certificate, address, key| {
        if only.is_none_or(|only| only == key) {
            items.push(item(&judge, published.of(&key), certificate, address, at));
        }
    })?;
    items.sort_by(|one, other| {
        let order = |item: &Item| (item.address.to_lowercase(), -item.certificate.not_before());
        order(one).cmp(&order(other))
    });
    Ok(items)
}

/// Hands over each certificate with each of its addresses that is ours, as it writes it, which some clients compare letter by
/// letter; and what the mailbox is kept under.
fn for_each(
    store: &Store,
    domains: &[String],
    mut each: impl FnMut(&Certificate, &str, String),
) -> Result<()> {
    let mut seen = HashSet::new();
    let mut hand = |certificate: &Certificate| {
        // The same address may stand there twice in another case, as an alternative name and in the subject.
        let mut keys = HashSet::new();
        for text in certificate.emails() {
            let Ok(address) = Address::parse(text) else { continue };
            let key = key_of(&address);
            if domains.contains(&address.ascii_domain()) && keys.insert(key.clone()) {
                each(certificate, text, key);
            }
        }
    };
    for purpose in [KeyPurpose::Encryption, KeyPurpose::Signing] {
        for key in store.keys(purpose)?.into_iter().filter(|key| key.active) {
            if let Ok(certificate) = Certificate::from_der(&key.certificate) {
                seen.insert(certificate.fingerprint());
                hand(&certificate);
            }
        }
    }
    for kind in judge::OF_PEOPLE {
        let filter = CertificateFilter { kind: Some(kind), ..CertificateFilter::default() };
        for row in store.certificates(&filter)? {
            if !seen.contains(&row.certificate.fingerprint()) {
                hand(&row.certificate);
            }
        }
    }
    Ok(())
}

/// Judges a certificate for an address of it, of which strangers may find so much.
fn item(judge: &Judge, may: Kinds, certificate: &Certificate, address: &str, at: i64) -> Item {
    let kinds = judge::kinds(certificate);
    let opinion = judge.opinion(certificate, address, at);
    let is_published = is_wanted(kinds, may) && !matches!(opinion, Opinion::Unfit(_));
    Item {
        address: address.to_owned(),
        certificate: certificate.clone(),
        kinds,
        opinion,
        is_published,
    }
}

/// Returns true if a certificate of these kinds may be found where those may. One for both is for encryption.
pub fn is_wanted(kinds: Kinds, may: Kinds) -> bool {
    (kinds.encryption && may.encryption) || (kinds.signing && !kinds.encryption && may.signing)
}

/// Certificates of one mailbox: those after them are older than anybody needs.
const MOST: usize = 8;
