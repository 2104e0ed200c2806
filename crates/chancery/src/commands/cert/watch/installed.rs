//! What ends in an installation: our keys, cards of partners, authorities that are believed, what was imported.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chancery_gateway::imported::Imported;
use chancery_gateway::partners::{Partner, PartnerBook};
use chancery_pki::path::{self, Pool, Question, Verifier};
use chancery_pki::revocation::RevocationList;
use chancery_pki::{Certificate, Purpose};
use chancery_smime::card::Card;
use chancery_store::Store;
use chancery_store::certificate::{CertificateFilter, CertificateKind, CertificateRow};
use chancery_store::key::KeyPurpose;
use chancery_store::partner::PartnerRow;
use chancery_store::trust::{Scope, Trusts};

use super::{End, graph};
use crate::convert;
use crate::failure::Result;
use crate::installation::Installation;

/// Returns everything that ends, as it is at a time.
pub(super) fn ends(installation: &Installation, at: i64) -> Result<Vec<End>> {
    let store = installation.store()?;
    let (partners, trusts) = (store.partners()?, store.trusts()?);
    let mut ends = own_keys(&store, &partners)?;
    ends.extend(own_tls(installation, &store)?);
    ends.extend(cards(installation, &store, &partners));
    ends.extend(anchors(&partners, &trusts));
    ends.extend(imported(&store, &partners, &trusts, at)?);
    Ok(ends)
}

fn own_keys(store: &Store, partners: &[PartnerRow]) -> Result<Vec<End>> {
    let everybody: Vec<String> = partners.iter().flat_map(|it| it.domains.clone()).collect();
    let mut ends = Vec::new();
    for purpose in [KeyPurpose::Ca, KeyPurpose::Signing, KeyPurpose::Encryption] {
        let (what, consequence, advice) = match purpose {
            KeyPurpose::Ca => (
                "own authority",
                "no partner believes anything of ours",
                "chancery key renew authority signing encryption",
            ),
            KeyPurpose::Signing => (
                "own signing key",
                "our signatures count no more",
                "chancery key renew signing, and give partners the new card",
            ),
            _ => (
                "own encryption key",
                "partners cannot encrypt to us",
                "chancery key renew encryption, and give partners the new card",
            ),
        };
        let end = |it: &Certificate| End::of(it, what, everybody.clone(), consequence, advice);
        ends.extend(active(store, purpose)?.as_ref().map(end));
    }
    Ok(ends)
}

/// Returns the certificate in use for a purpose.
fn active(store: &Store, purpose: KeyPurpose) -> Result<Option<Certificate>> {
    let row = store.keys(purpose)?.into_iter().find(|row| row.active);
    Ok(row.and_then(|row| Certificate::from_der(&row.certificate).ok()))
}

/// The certificate of the listeners: the configured file, or what `init` made.
fn own_tls(installation: &Installation, store: &Store) -> Result<Option<End>> {
    let file = &installation.settings.tls.certificate;
    let (certificate, advice) = if file.exists() {
        let chain = convert::certificates(file, "tls.certificate")?;
        let advice = format!("put a new one in the place of {}, and restart", file.display());
        (chain.into_iter().next(), advice)
    } else {
        let advice = "chancery key renew tls, and restart the gateway".to_owned();
        (active(store, KeyPurpose::Tls)?, advice)
    };
    let consequence = "servers that verify ours do not connect";
    let hostname = vec![installation.settings.hostname.clone()];
    Ok(certificate.map(|it| End::of(&it, "own TLS certificate", hostname, consequence, &advice)))
}

/// The cards of partners, or renewed certificates that they announced in signed mail.
fn cards(installation: &Installation, store: &Store, partners: &[PartnerRow]) -> Vec<End> {
    // Without the keys, what was announced cannot be looked at; the end of the card is then told.
    let book =
        installation.identity(store).ok().zip(convert::settings(&installation.settings).ok());
    let book = book.and_then(|(own, settings)| PartnerBook::read(store, &own, &settings).ok());
    let end = |row: &PartnerRow| {
        let domain = row.domains.first().map_or("", String::as_str);
        let known = book.as_ref().and_then(|book| book.partner(domain)).and_then(Partner::end);
        End {
            at: known.unwrap_or(row.expires_at_ms / 1000),
            what: "partner card",
            name: row.name.clone(),
            fingerprint_sha256: None,
            depends: row.domains.clone(),
            consequence: "mail to it that must be protected is held".to_owned(),
            advice: format!("ask {domain} for its new card: chancery partner add FILE"),
        }
    };
    partners.iter().map(end).collect()
}

/// The authorities that are believed: those of cards, and those that were decided about.
fn anchors(partners: &[PartnerRow], trusts: &Trusts) -> Vec<End> {
    let consequence = "nothing that it vouches for counts";
    let mut ends = Vec::new();
    for row in partners {
        let Ok(card) = Card::read_stored(&row.card) else { continue };
        let advice = "ask the partner for a card with its new authority";
        let depends = row.domains.clone();
        ends.push(End::of(card.authority(), "partner's authority", depends, consequence, advice));
    }
    for (scope, settings) in trusts.iter() {
        let option = match scope {
            Scope::Domain(domain) => domain.as_str(),
            Scope::Everybody => "--everybody",
            Scope::Partners => "--all-partners",
        };
        for anchor in &settings.anchors {
            let advice = format!("chancery partner trust {option} --anchor NEW-FILE");
            let depends = vec![scope.to_string()];
            let certificate = &anchor.certificate;
            ends.push(End::of(certificate, "trusted authority", depends, consequence, &advice));
        }
    }
    ends
}

/// What was imported: certificates on the paths to partners, certificates of people, and lists.
fn imported(store: &Store, partners: &[PartnerRow], trusts: &Trusts, at: i64) -> Result<Vec<End>> {
    let rows = store.certificates(&CertificateFilter::default())?;
    let lists: Vec<RevocationList> =
        store.revocation_lists()?.into_iter().map(|row| row.list).collect();
    let uses = Uses::of(&Imported::read(store)?, &rows, partners, trusts, at);
    let certificates: Vec<Certificate> = rows.iter().map(|row| row.certificate.clone()).collect();
    let kinds: BTreeMap<[u8; 32], CertificateKind> =
        rows.iter().map(|row| (row.certificate.fingerprint(), row.kind)).collect();
    let mut ends = Vec::new();
    for certificate in graph::current(&certificates) {
        let depends = uses.of_certificate(&certificate);
        let kind = kinds.get(&certificate.fingerprint());
        let (what, consequence, advice) = match kind {
            Some(CertificateKind::EndEntity) => (
                "imported certificate",
                "nothing is encrypted to it",
                "import a new one: chancery cert import FILE",
            ),
            Some(CertificateKind::Own) => (
                "cross-certificate for us",
                "whoever reaches us over its issuer does not any more",
                "ask its issuer, such as the bridge, for a new one, and import it",
            ),
            _ => (
                "imported authority",
                "no path leads over it any more",
                "import a new one: chancery cert import FILE",
            ),
        };
        ends.push(End::of(&certificate, what, depends, consequence, advice));
    }
    for list in graph::newest(&lists) {
        let Some(at) = list.next_update() else { continue };
        let (depends, is_hard) = uses.of_list(&list);
        let consequence = if is_hard {
            "mail that depends on it is held: without a list nothing counts there"
        } else {
            "whether these certificates are revoked is unknown"
        };
        ends.push(End {
            at,
            what: if list.is_delta() { "imported delta list" } else { "imported revocation list" },
            name: list.issuer_name().to_string(),
            fingerprint_sha256: None,
            depends,
            consequence: consequence.to_owned(),
            advice: "import the next one: chancery cert import FILE".to_owned(),
        });
    }
    Ok(ends)
}

/// Which mail domains need what: the certificates on the paths to their keys.
struct Uses {
    /// Domains by certificate.
    certificates: BTreeMap<[u8; 32], BTreeSet<String>>,
    /// Domains by the name of an issuer on their path, and whether they need its list.
    issuers: BTreeMap<Vec<u8>, (BTreeSet<String>, bool)>,
}

impl Uses {
    fn of(
        imported: &Imported,
        rows: &[CertificateRow],
        partners: &[PartnerRow],
        trusts: &Trusts,
        at: i64,
    ) -> Self {
        let verifier = Verifier::new();
        let mut uses = Self { certificates: BTreeMap::new(), issuers: BTreeMap::new() };
        for target in targets(rows, partners) {
            let in_force = trusts.in_force(&target.domain, target.partner);
            let own = [target.domain.clone()];
            let domains = target.partner.unwrap_or(&own);
            let trust = in_force.settings.trust(target.authority.as_ref(), Some(domains));
            let mut pool = Pool::over(Arc::clone(imported.pool()));
            for certificate in &target.chain {
                pool.add(certificate);
            }
            let purpose = Purpose::SmimeEncrypt;
            let question = Question::new(
                &target.certificate,
                purpose,
                at,
                &trust,
                &pool,
                imported.evidence(),
                &verifier,
            );
            let answer = path::decide(&question);
            if !answer.is_trusted() {
                continue;
            }
            let is_hard = trust.revocation.strictness == path::Strictness::Hard;
            for step in &answer.path.steps {
                let certificate = &step.certificate;
                uses.certificates
                    .entry(certificate.fingerprint())
                    .or_default()
                    .insert(target.name.clone());
                let issuer = certificate.issuer_name().der().to_vec();
                let (names, needs) = uses.issuers.entry(issuer).or_default();
                names.insert(target.name.clone());
                *needs |= is_hard;
            }
        }
        uses
    }

    fn of_certificate(&self, certificate: &Certificate) -> Vec<String> {
        let found = self.certificates.get(&certificate.fingerprint());
        found.into_iter().flatten().cloned().collect()
    }

    fn of_list(&self, list: &RevocationList) -> (Vec<String>, bool) {
        let found = self.issuers.get(list.issuer_name().der());
        found.map_or((Vec::new(), false), |(names, is_hard)| {
            (names.iter().cloned().collect(), *is_hard)
        })
    }
}

/// A certificate that mail is encrypted to.
struct Target<'a> {
    /// What depends on it: a domain, or an address.
    name: String,
    domain: String,
    certificate: Certificate,
    /// The authority of its card.
    authority: Option<Certificate>,
    chain: Vec<Certificate>,
    /// All domains of the partner.
    partner: Option<&'a [String]>,
}

fn targets<'a>(rows: &[CertificateRow], partners: &'a [PartnerRow]) -> Vec<Target<'a>> {
    let mut targets = Vec::new();
    for row in partners {
        let Ok(card) = Card::read_stored(&row.card) else { continue };
        let (Some(certificate), Some(domain)) = (card.encryption().first(), row.domains.first())
        else {
            continue;
        };
        targets.push(Target {
            name: domain.clone(),
            domain: domain.clone(),
            certificate: certificate.clone(),
            authority: Some(card.authority().clone()),
            chain: card.chain().to_vec(),
            partner: Some(&row.domains),
        });
    }
    let people = rows.iter().filter(|row| row.kind == CertificateKind::EndEntity);
    for row in people.take(MAX_PEOPLE) {
        let Some(address) = row.certificate.emails().first() else { continue };
        let Some((_, domain)) = address.rsplit_once('@') else { continue };
        let domain = domain.to_ascii_lowercase();
        let partner = partners.iter().find(|it| it.domains.contains(&domain));
        let card = partner.and_then(|it| Card::read_stored(&it.card).ok());
        targets.push(Target {
            name: address.clone(),
            domain,
            certificate: row.certificate.clone(),
            authority: card.as_ref().map(|card| card.authority().clone()),
            chain: card.map(|card| card.chain().to_vec()).unwrap_or_default(),
            partner: partner.map(|it| it.domains.as_slice()),
        });
    }
    targets
}

/// Paths that are searched for the certificates of people, at some microseconds each once their authorities are known.
const MAX_PEOPLE: usize = 10_000;
