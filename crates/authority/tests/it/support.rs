//! Organisations with a store each, and a bridge.

use chancery_authority::assurance::Levels;
use chancery_authority::member::{self, Joined, Terms, Wish};
use chancery_authority::{Grant, Host, NewBridge, Result, fingerprint, proof};
use chancery_crypto::seal::{MasterKey, seal};
use chancery_crypto::{KeyKind, PrivateKey};
use chancery_net::dns::{Resolver, Zone};
use chancery_pki::bundle::Bundle;
use chancery_pki::path::{self, Answer, Pool, Question, Strictness, Trust, Verifier};
use chancery_pki::revocation::{Evidence, RevocationList};
use chancery_pki::{Certificate, Organisation, Purpose, issue};
use chancery_smime::Signer;
use chancery_smime::card::{Capabilities, Card, Contents};
use chancery_store::bridge::{DomainRow, MemberRow};
use chancery_store::key::{KeyPurpose, NewKey};
use chancery_store::{Act, Options, Store};
use tempfile::TempDir;

/// 2026-06-01 12:00 UTC.
pub(crate) const AT: i64 = 1_780_315_200;
pub(crate) const DAY: i64 = 86_400;
pub(crate) const BRIDGE_URL: &str = "http://bridge.example/";

pub(crate) fn act(at: i64) -> Act {
    Act { who: "ada".to_owned(), why: "test".to_owned(), at_ms: at * 1000 }
}

pub(crate) fn master() -> MasterKey {
    MasterKey::from_bytes(&[7; 32]).unwrap()
}

pub(crate) fn levels() -> Levels {
    Levels::parse(&Levels::template("1.3.6.1.4.1.32473.5")).unwrap()
}

pub(crate) fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcP256).unwrap()
}

pub(crate) fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options { create: true, ..Options::default() }).unwrap();
    (folder, store)
}

/// An organisation with its authority, its gateway's certificates and its card.
pub(crate) struct Member {
    pub(crate) _folder: TempDir,
    pub(crate) store: Store,
    pub(crate) authority_key: PrivateKey,
    pub(crate) authority: Certificate,
    pub(crate) signing: Certificate,
    pub(crate) card: String,
    pub(crate) domains: Vec<String>,
}

impl Member {
    pub(crate) async fn new(domains: &[&str]) -> Self {
        let (folder, store) = store();
        let organisation = Organisation::new(domains[0], domains.iter().copied()).unwrap();
        let (authority_key, signing_key, opening_key) = (key(), key(), key());
        let authority = issue::ca(&organisation, &authority_key, AT, [1; 20]).unwrap();
        let issuer = issue::Authority { key: &authority_key, certificate: &authority };
        let signing = issue::organisation_signing(
            &organisation,
            &issuer,
            signing_key.public_key(),
            AT,
            [2; 20],
        );
        let signing = signing.unwrap();
        let encryption = issue::organisation_encryption(
            &organisation,
            &issuer,
            opening_key.public_key(),
            AT,
            [3; 20],
        );
        let signer = Signer::new(signing_key, signing.der(), &[authority.der().to_vec()]).unwrap();
        let contents = Contents {
            organisation,
            authority: authority.clone(),
            chain: Vec::new(),
            signing: vec![signing.clone()],
            encryption: vec![encryption.unwrap()],
            capabilities: Capabilities::ours(),
            hosts: Vec::new(),
            issued: AT,
            expires: AT + 365 * DAY,
        };
        let card = Card::write(&contents, &signer).unwrap();
        let secret = authority_key.to_pkcs8_der().unwrap();
        let context = KeyPurpose::Ca.seal_context(authority.der());
        let row = NewKey {
            purpose: KeyPurpose::Ca,
            certificate: authority.der().to_vec(),
            sealed_key: seal(&master(), &context, &secret).unwrap(),
            not_after_ms: authority.not_after() * 1000,
            active: true,
        };
        store.put_keys(vec![row], act(AT)).await.unwrap();
        let domains = domains.iter().map(|it| (*it).to_owned()).collect();
        Self { _folder: folder, store, authority_key, authority, signing, card, domains }
    }

    pub(crate) fn wish(&self) -> Wish {
        Wish {
            level: "basic".to_owned(),
            domains: self.domains.clone(),
            card: self.card.clone(),
            ..Wish::default()
        }
    }

    pub(crate) async fn ask(&self, bridge: &Certificate, wish: Wish, at: i64) -> Result<String> {
        member::ask(&self.store, &master(), bridge, wish, act(at)).await
    }

    pub(crate) async fn accept(&self, answer: &str, at: i64) -> Result<Joined> {
        let terms = Terms { excluded: self.domains.clone(), ..Terms::default() };
        member::accept(&self.store, &master(), answer.as_bytes(), &terms, act(at)).await
    }

    /// Goes the whole way.
    pub(crate) async fn join(&self, host: &mut Host<'_>, at: i64) -> Joined {
        self.join_with(host, &levels(), at).await
    }

    /// Goes the whole way, to a bridge with these levels.
    pub(crate) async fn join_with(&self, host: &mut Host<'_>, levels: &Levels, at: i64) -> Joined {
        let request = self.ask(host.authority(), self.wish(), at).await.unwrap();
        let taken = host.take(request.as_bytes(), act(at)).await.unwrap().member;
        host.prove(&self.domains[0], &zone(&[&taken]), act(at)).await.unwrap();
        let answer =
            host.cross_sign(&self.domains[0], &Grant::default(), levels, act(at)).await.unwrap();
        let joined = self.accept(&answer, at).await.unwrap();
        host.returned(&joined.certificate, act(at)).await.unwrap();
        joined
    }

    /// What this member makes of a certificate, with its own certificate for the bridge and what the bridge publishes.
    pub(crate) fn judge(&self, target: &Certificate, host: &Host<'_>, at: i64) -> Answer {
        self.judge_over(target, &[host], at)
    }

    /// The same with what several bridges publish.
    pub(crate) fn judge_over(&self, target: &Certificate, hosts: &[&Host<'_>], at: i64) -> Answer {
        let (mut pool, mut evidence) = (Pool::default(), Evidence::new());
        for host in hosts {
            let publication = host.publication(&levels(), at).unwrap();
            let bundle = Bundle::from_bytes(publication.file("issued-by.p7c").unwrap()).unwrap();
            assert_eq!(bundle.unreadable, 0);
            bundle.certificates.iter().for_each(|it| pool.add(it));
            let list = publication.file("bridge.crl").unwrap().to_vec();
            evidence.add_list(RevocationList::from_der(list).unwrap());
        }
        for bridge in self.store.bridges().unwrap() {
            pool.add(&Certificate::from_der(&bridge.to_bridge.unwrap()).unwrap());
        }
        let mut trust = Trust::anchors(std::slice::from_ref(&self.authority));
        trust.revocation.strictness = Strictness::Soft;
        let verifier = Verifier::new();
        let purpose = Purpose::SmimeSign;
        path::decide(&Question::new(target, purpose, at, &trust, &pool, &evidence, &verifier))
    }
}

/// Makes a bridge.
pub(crate) async fn bridge(store: &Store) -> Host<'_> {
    bridge_named(store, "Sky Bridge", BRIDGE_URL).await
}

/// Makes a bridge of this name.
pub(crate) async fn bridge_named<'s>(store: &'s Store, name: &str, url: &str) -> Host<'s> {
    let new = NewBridge { name: name.to_owned(), url: url.to_owned(), key: key() };
    let host = Host::create(store, &master(), new, act(AT)).await.unwrap();
    assert_eq!(host.fingerprint(), fingerprint(host.authority()));
    host
}

/// A zone in which every token of these members is published.
pub(crate) fn zone(members: &[&MemberRow]) -> Resolver {
    zone_of(members.iter().flat_map(|it| &it.domains))
}

pub(crate) fn zone_of<'a>(rows: impl Iterator<Item = &'a DomainRow>) -> Resolver {
    let mut zone = Zone::default();
    for row in rows {
        let text = vec!["v=spf1 -all".to_owned(), proof::record_text(&row.token)];
        zone.texts.insert(proof::record_name(&row.domain), text);
    }
    Resolver::fixed(zone)
}
