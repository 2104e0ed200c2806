//! Keys of recipients of their own: which of those in the key book is encrypted to, and why.
//!
//! A key counts if a path leads to somebody whom we believe about the address, if its origin vouches for it by itself (a
//! directory that we or the partner run, a signed zone), or if an administrator said so. Nothing makes up for a certificate
//! that has ended, is for somebody else or cannot encrypt, and nobody but its issuer takes a revocation back.

use std::sync::PoisonError;

use chancery_mail::Address;
use chancery_pki::{Certificate, Purpose, Rule, Scope, encrypts_for, path};
use chancery_policy::{Decided, EncryptTo, KeyChoice, KeyFacts, PartnerKey, choose_key};
use chancery_smime::{RecipientKey, Trust as _};
use chancery_store::keybook::{BookKey, KeyDecision, KeyEvent, Origin, Review};
use chancery_store::{MessageId, Store};
use serde::Serialize;

use crate::error::Result;
use crate::inquiry::Inquiry;
use crate::partners::{EncryptionPath, PartnerBook, failures, statements};
use crate::plan::{Draft, Subject};
use crate::server::Gateway;

/// The keys of one address, judged, with the choice among them.
#[derive(Debug)]
pub struct Mailbox {
    /// Whose, as the key book has it.
    pub address: String,
    /// The keys, those of the surest origin first.
    pub keys: Vec<Judged>,
    /// Which of them is encrypted to.
    pub choice: KeyChoice,
}

/// A key with what was found out about it.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// The key.
    #[serde(flatten)]
    pub key: BookKey,
    /// Whether it may be used.
    pub usable: bool,
    /// Why, or why not.
    pub why: String,
    /// The path to whoever vouches for it, or the nearest miss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<EncryptionPath>,
    /// What might be answered better if something were fetched.
    #[serde(skip)]
    lacking: Vec<Inquiry>,
}

/// A key that was chosen, ready for use.
#[derive(Debug)]
pub(crate) struct MailboxKey {
    /// Whose.
    pub(crate) address: String,
    /// The key.
    pub(crate) recipient: RecipientKey,
    /// Which, from where and why, for the record.
    pub(crate) record: KeyRecord,
}

/// What the record of a message says of the key.
#[derive(Debug, Serialize)]
pub(crate) struct KeyRecord {
    address: String,
    fingerprint_sha256: String,
    origin: Origin,
    source: String,
    found_at_ms: i64,
    /// Why it counts.
    because: String,
    /// Why it and no other.
    chosen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<String>,
    #[serde(flatten)]
    path: Option<EncryptionPath>,
}

impl Mailbox {
    /// Reads what the key book has for an address and judges it at a time (Unix seconds).
    pub fn read(store: &Store, partners: &PartnerBook, address: &Address, at: i64) -> Result<Self> {
        let address = address.folded();
        let judge = |key| Judged::new(key, partners, at);
        let keys: Vec<Judged> = store.book_keys_of(&address)?.into_iter().map(judge).collect();
        let facts: Vec<KeyFacts> = keys.iter().map(Judged::facts).collect();
        let choice = choose_key(&facts);
        Ok(Self { address, keys, choice })
    }

    /// Returns what the policy is told where none was chosen.
    fn none(&self, of_organisation: &PartnerKey) -> PartnerKey {
        match &self.choice.review {
            Some(why) if *of_organisation != PartnerKey::Usable => PartnerKey::Review(why.clone()),
            // Who had protected mail before does not lose it silently.
            None if *of_organisation == PartnerKey::NoPartner => {
                let lost = self.keys.iter().find(|it| !it.usable && it.was_promised());
                lost.map_or(PartnerKey::NoPartner, |it| PartnerKey::Unsuitable(it.why.clone()))
            }
            _ => of_organisation.clone(),
        }
    }

    /// Returns the key that was chosen.
    pub fn chosen(&self) -> Option<&Judged> {
        self.keys.get(self.choice.chosen?)
    }
}

/// What the key book means for a recipient.
#[derive(Debug)]
pub(crate) struct Prospect {
    /// What the policy is told.
    pub(crate) key: PartnerKey,
    /// The recipient's own key, if it is to be used.
    pub(crate) own: Option<MailboxKey>,
    /// What follows if the decision turns on a key.
    pub(crate) aside: Aside,
}

/// What there is to do and to tell about the keys of a recipient. Of mail that needs no key nobody is asked anything.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    events: Vec<KeyEvent>,
    keyless: Option<Address>,
    stale: Option<Address>,
    lacking: Vec<Inquiry>,
    passed_over: Vec<Judged>,
}

impl Aside {
    /// Adds it to a plan.
    pub(crate) fn add_to(self, draft: &mut Draft) {
        if !self.passed_over.is_empty() {
            draft.record("keys", &self.passed_over);
        }
        draft.planned.keys.extend(self.events);
        draft.keyless.extend(self.keyless);
        draft.stale.extend(self.stale);
        let room = MAX_LACKING.saturating_sub(draft.lacking.len());
        draft.lacking.extend(self.lacking.into_iter().take(room));
    }
}

/// Decides whose key a recipient's copy is encrypted to: its own, or that of its organisation, which is given.
pub(crate) fn for_recipient(
    subject: &Subject<'_>,
    address: &Address,
    of_organisation: &PartnerKey,
) -> Result<Prospect> {
    let mut aside = Aside::default();
    let preference = subject.gateway.policy().outbound().encrypt_to;
    let has_partner = *of_organisation == PartnerKey::Usable;
    if preference == EncryptTo::OrganisationOnly
        || (has_partner && preference == EncryptTo::Organisation)
    {
        return Ok(Prospect { key: of_organisation.clone(), own: None, aside });
    }
    let (store, at) = (&subject.gateway.store, subject.now_ms / 1000);
    let mut mailbox = Mailbox::read(store, &subject.partners, address, at)?;
    if let Some(why) = mailbox.choice.review.clone() {
        let address = mailbox.address.clone();
        aside.events.push(KeyEvent::Review(Review { address, why, since_ms: subject.now_ms }));
    }
    let chosen = mailbox.choice.chosen.filter(|at| *at < mailbox.keys.len());
    let Some(judged) = chosen.map(|at| mailbox.keys.swap_remove(at)) else {
        let key = mailbox.none(of_organisation);
        if !has_partner && mailbox.choice.review.is_none() {
            aside.keyless = may_be_found(subject, address);
        }
        let lacking = mailbox.keys.iter_mut().flat_map(|it| std::mem::take(&mut it.lacking));
        aside.lacking = lacking.collect();
        aside.passed_over = mailbox.keys;
        return Ok(Prospect { key, own: None, aside });
    };
    let is_as_sure =
        judged.key.decision == Some(KeyDecision::Trusted) || judged.key.origin <= Origin::Partner;
    if has_partner && !is_as_sure {
        return Ok(Prospect { key: PartnerKey::Usable, own: None, aside });
    }
    let is_sourced = (Origin::Directory..=Origin::Discovered).contains(&judged.key.origin);
    if is_sourced && subject.now_ms.saturating_sub(judged.key.seen_at_ms) > SEEN_EVERY_MS {
        aside.stale = may_be_found(subject, address);
    }
    if subject.now_ms.saturating_sub(judged.key.used_at_ms) > USED_EVERY_MS {
        if mailbox.choice.review.is_none() {
            aside.events.push(KeyEvent::Settled { address: mailbox.address.clone() });
        }
        aside.events.push(KeyEvent::Used {
            address: mailbox.address.clone(),
            fingerprint: judged.key.certificate.fingerprint_sha256(),
            at_ms: subject.now_ms,
        });
    }
    let (key, own) = match MailboxKey::new(store, mailbox.address, judged, mailbox.choice)? {
        Ok(own) => (PartnerKey::OfRecipient(own.words()), Some(own)),
        Err(_) if has_partner => (PartnerKey::Usable, None),
        Err(why) => (PartnerKey::Unsuitable(why), None),
    };
    Ok(Prospect { key, own, aside })
}

impl MailboxKey {
    /// Makes a key ready for use; says what is wrong if it cannot be encrypted to.
    fn new(
        store: &Store,
        address: String,
        judged: Judged,
        choice: KeyChoice,
    ) -> Result<std::result::Result<Self, String>> {
        let peer = store.peer(&address)?;
        let known: Vec<_> = peer.iter().flat_map(statements).collect();
        let recipient = match RecipientKey::new(judged.key.certificate.der(), &known) {
            Ok(recipient) => recipient,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let record = KeyRecord {
            address: address.clone(),
            fingerprint_sha256: judged.key.certificate.fingerprint_sha256(),
            origin: judged.key.origin,
            source: judged.key.source,
            found_at_ms: judged.key.found_at_ms,
            because: judged.why,
            chosen: choice.why,
            review: choice.review,
            path: judged.path,
        };
        Ok(Ok(Self { address, recipient, record }))
    }

    /// Returns why it is this one.
    fn words(&self) -> String {
        let KeyRecord { because, chosen, origin, .. } = &self.record;
        format!("{because}; {chosen} ({})", origin.word())
    }
}

/// Returns the address if somebody may be asked about it.
fn may_be_found(subject: &Subject<'_>, address: &Address) -> Option<Address> {
    let finder = subject.gateway.finder.as_ref()?;
    finder.covers(address).then(|| address.clone())
}

impl Gateway {
    /// Returns true if a message may ask an address: one does in a time, so that two at the same moment ask once, and each
    /// of its plans says the same. What was asked before is in the store.
    pub(crate) fn may_ask(&self, message: MessageId, address: &str, now_ms: i64) -> bool {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        asking.retain(|_, (_, at_ms)| now_ms.saturating_sub(*at_ms) < ASKING_MS);
        if let Some((asks, _)) = asking.get(address) {
            return *asks == message;
        }
        asking.len() < MAX_ASKING && asking.insert(address.to_owned(), (message, now_ms)).is_none()
    }
}

impl Judged {
    fn new(key: BookKey, partners: &PartnerBook, at: i64) -> Self {
        let (usable, why) = (false, String::new());
        let mut judged = Self { usable, why, path: None, lacking: Vec::new(), key };
        let verdict = judged.judge(partners, at);
        judged.usable = verdict.is_ok();
        judged.why = verdict.unwrap_or_else(|why| why);
        judged
    }

    fn judge(&mut self, partners: &PartnerBook, at: i64) -> std::result::Result<String, String> {
        let certificate = self.key.certificate.clone();
        // The book has its addresses in lower case; what the certificate says counts letter by letter.
        let emails = certificate.emails();
        let named = emails.iter().find(|email| email.to_lowercase() == self.key.address);
        let Some(address) = named else {
            return Err("the certificate is for somebody else".to_owned());
        };
        if encrypts_for(&certificate, address, Scope::Mailboxes).is_none() {
            return Err("the certificate is not for encrypting mail".to_owned());
        }
        if !(certificate.not_before()..=certificate.not_after()).contains(&at) {
            let when =
                if at > certificate.not_after() { "has expired" } else { "is not valid yet" };
            return Err(format!("the certificate {when}"));
        }
        let (voucher, is_revoked, miss) = self.ask(&certificate, address, partners, at);
        if is_revoked {
            return Err(miss);
        }
        if let Some(name) = voucher {
            return Ok(format!("{name} vouches for it"));
        }
        match (self.key.decision, self.key.origin) {
            (Some(KeyDecision::Trusted), _) => Ok("an administrator trusts it".to_owned()),
            (_, Origin::Issued) => Ok("we issued it".to_owned()),
            (_, Origin::Directory | Origin::Partner | Origin::Dnssec)
                if at.saturating_sub(self.key.seen_at_ms / 1000) <= BELIEVED =>
            {
                Ok(format!("{} names it", self.key.source))
            }
            _ => Err(miss),
        }
    }

    /// Asks the path engine with everybody who is believed about the address: returns who vouches, whether the
    /// certificate is revoked, and what is wrong.
    fn ask(
        &mut self,
        certificate: &Certificate,
        address: &str,
        partners: &PartnerBook,
        at: i64,
    ) -> (Option<String>, bool, String) {
        let known = partners.known();
        let mut miss = "nobody whom we believe about this address vouches for it".to_owned();
        for anchor in partners.anchors_for(self.key.domain()) {
            let asked = known.question(certificate, Purpose::SmimeEncrypt, at, &anchor.trust);
            let answer = path::decide(&asked);
            if !answer.missing.is_empty() && !answer.is_trusted() {
                self.lacking.push(Inquiry {
                    certificate: certificate.clone(),
                    purpose: Purpose::SmimeEncrypt,
                    at,
                    trust: anchor.trust.clone(),
                    brought: Vec::new(),
                });
            }
            if answer.is_trusted() && anchor.encrypts_for(certificate, address, &answer) {
                self.path = Some(EncryptionPath::of(&answer));
                return (Some(anchor.name), false, String::new());
            }
            if answer.outcome == path::Outcome::Rejected {
                miss = failures(&answer);
                self.path = Some(EncryptionPath::of(&answer));
                if answer.path.failures().any(|failure| failure.rule == Rule::Revoked) {
                    return (None, true, miss);
                }
            }
        }
        (None, false, miss)
    }

    /// Returns true if mail was encrypted to it, and nobody said that this is over.
    fn was_promised(&self) -> bool {
        self.key.used_at_ms > 0 && self.key.decision != Some(KeyDecision::Retired)
    }

    fn facts(&self) -> KeyFacts {
        let certificate = &self.key.certificate;
        let mut issuer = certificate.issuer_name().fingerprint().to_vec();
        // A certificate that signed itself has no authority but its own key.
        if certificate.is_self_issued() {
            issuer.extend(certificate.key_fingerprint());
        }
        KeyFacts {
            rank: rank(self.key.origin),
            decided: match self.key.decision {
                None => Decided::No,
                Some(KeyDecision::Retired) => Decided::Retired,
                Some(KeyDecision::Trusted) => Decided::Trusted,
            },
            usable: if self.usable { Ok(()) } else { Err(self.why.clone()) },
            key: certificate.key_fingerprint(),
            issuer,
            not_before: certificate.not_before(),
            used: self.key.used_at_ms > 0,
        }
    }
}

/// Returns how sure an origin is; origins of one rank are as good as each other.
fn rank(origin: Origin) -> u8 {
    match origin {
        Origin::Issued | Origin::Imported => 0,
        Origin::Directory | Origin::Partner => 1,
        Origin::Dnssec => 2,
        Origin::Bridge => 3,
        Origin::Discovered => 4,
        Origin::Harvested => 5,
    }
}

/// Questions of one message about paths that the network is asked.
const MAX_LACKING: usize = 16;
/// How long a plan takes at most until it is written.
const ASKING_MS: i64 = 600_000;
/// Requests for keys in that time.
const MAX_ASKING: usize = 1_000;
/// How long a source is believed about a key that it named, in seconds; until then it is asked again, if it is there.
const BELIEVED: i64 = 7 * 86_400;
/// How long a source is not asked again about a key that it named.
const SEEN_EVERY_MS: i64 = 3_600_000;
/// How exactly the book says when a key was last used; a row is not written again for each message.
const USED_EVERY_MS: i64 = 3_600_000;
