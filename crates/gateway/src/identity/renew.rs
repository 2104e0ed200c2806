//! Makes the organisation's keys and certificates, for the first time and again.

use chancery_crypto::seal::{self, MasterKey};
use chancery_crypto::{KeyKind, PrivateKey, random};
use chancery_pki::{Certificate, Organisation, issue};
use chancery_store::key::{KeyPurpose, NewKey};
use chancery_store::{Act, Store};

use super::{Identity, KeySummary, active, cannot, certificate, open};
use crate::error::Result;

/// What is renewed, and how.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// Which certificates. The authority is renewed as well if it would end before one of them.
    pub purposes: Vec<KeyPurpose>,
    /// Whether the new certificates are for the keys that are there. The authority always keeps its key, because that is
    /// what partners compared over the telephone.
    pub keep_keys: bool,
    /// The kind of new keys for mail; `None` for that of the old ones.
    pub kind: Option<KeyKind>,
}

/// A key and its certificate before they are stored.
struct Made {
    purpose: KeyPurpose,
    key: PrivateKey,
    certificate: Certificate,
}

/// Issues certificates below one authority, at one time.
struct Issuing<'a> {
    organisation: &'a Organisation,
    hostname: &'a str,
    authority_key: &'a PrivateKey,
    authority: &'a Certificate,
    at: i64,
}

impl Identity {
    /// Makes an authority, a signing key, an encryption key and a TLS key, and stores them sealed.
    pub async fn create(
        store: &Store,
        master: &MasterKey,
        organisation: &Organisation,
        hostname: &str,
        kind: KeyKind,
        act: &Act,
    ) -> Result<()> {
        let at = act.at_ms / 1000;
        let authority_key = generate(kind, KeyPurpose::Ca)?;
        let authority = issue::ca(organisation, &authority_key, at, serial()?)
            .map_err(|e| cannot("authority", &e))?;
        let issuing = Issuing {
            organisation,
            hostname,
            authority_key: &authority_key,
            authority: &authority,
            at,
        };
        let mut made = Vec::new();
        for purpose in BELOW_THE_AUTHORITY {
            made.push(issuing.make(purpose, generate(kind_for(purpose, kind), purpose)?)?);
        }
        made.insert(
            0,
            Made {
                purpose: KeyPurpose::Ca,
                key: authority_key.clone(),
                certificate: authority.clone(),
            },
        );
        put(store, master, &made, act).await
    }

    /// Makes certificates anew; each takes the place of the one before, whose key is kept for reading. Returns the new
    /// ones. All are stored in one commit.
    pub async fn renew(
        store: &Store,
        master: &MasterKey,
        organisation: &Organisation,
        hostname: &str,
        renewal: &Renewal,
        act: &Act,
    ) -> Result<Vec<KeySummary>> {
        let at = act.at_ms / 1000;
        let row = active(store, KeyPurpose::Ca)?;
        let (mut authority, key) = (certificate(&row)?, open(master, &row)?);
        let is_below =
            |purpose: &KeyPurpose| matches!(purpose, KeyPurpose::Signing | KeyPurpose::Encryption);
        let would_end =
            renewal.purposes.iter().any(is_below) && authority.not_after() < at + issue::TERM;
        let mut made = Vec::new();
        if would_end || renewal.purposes.contains(&KeyPurpose::Ca) {
            authority = issue::renewed_ca(&authority, &key, at, serial()?)
                .map_err(|e| cannot("authority", &e))?;
            made.push(Made {
                purpose: KeyPurpose::Ca,
                key: key.clone(),
                certificate: authority.clone(),
            });
        }
        let issuing =
            Issuing { organisation, hostname, authority_key: &key, authority: &authority, at };
        for purpose in BELOW_THE_AUTHORITY.into_iter().filter(|it| renewal.purposes.contains(it)) {
            let row = active(store, purpose)?;
            let old = open(master, &row)?;
            let key = if renewal.keep_keys {
                old
            } else {
                generate(kind_for(purpose, renewal.kind.unwrap_or(old.kind())), purpose)?
            };
            made.push(issuing.make(purpose, key)?);
        }
        put(store, master, &made, act).await?;
        let new: Vec<String> = made.iter().map(|it| it.certificate.fingerprint_sha256()).collect();
        let mut list = Self::summary(store)?;
        list.retain(|key| new.contains(&key.fingerprint));
        Ok(list)
    }
}

impl Issuing<'_> {
    fn make(&self, purpose: KeyPurpose, key: PrivateKey) -> Result<Made> {
        let issuer = issue::Authority { key: self.authority_key, certificate: self.authority };
        let (public, serial) = (key.public_key(), serial()?);
        let result = match purpose {
            KeyPurpose::Encryption => {
                issue::organisation_encryption(self.organisation, &issuer, public, self.at, serial)
            }
            KeyPurpose::Tls => issue::tls_server(&[self.hostname], &key, self.at, serial),
            KeyPurpose::Bridge | KeyPurpose::Ca | KeyPurpose::Signing => {
                issue::organisation_signing(self.organisation, &issuer, public, self.at, serial)
            }
        };
        let certificate = result.map_err(|error| cannot(purpose.name(), &error))?;
        Ok(Made { purpose, key, certificate })
    }
}

/// Seals and stores what was made.
async fn put(store: &Store, master: &MasterKey, made: &[Made], act: &Act) -> Result<()> {
    let mut rows = Vec::with_capacity(made.len());
    for Made { purpose, key, certificate } in made {
        let cannot_seal = |error| cannot(purpose.name(), &error);
        let secret = key.to_pkcs8_der().map_err(cannot_seal)?;
        let sealed_key = seal::seal(master, &purpose.seal_context(certificate.der()), &secret)
            .map_err(cannot_seal)?;
        rows.push(NewKey {
            purpose: *purpose,
            certificate: certificate.der().to_vec(),
            sealed_key,
            not_after_ms: certificate.not_after().saturating_mul(1000),
            active: true,
        });
    }
    store.put_keys(rows, act.clone()).await?;
    Ok(())
}

/// Every TLS library of the last fifteen years takes P-256, and it is the fastest.
fn kind_for(purpose: KeyPurpose, kind: KeyKind) -> KeyKind {
    if purpose == KeyPurpose::Tls { KeyKind::EcP256 } else { kind }
}

fn generate(kind: KeyKind, purpose: KeyPurpose) -> Result<PrivateKey> {
    PrivateKey::generate(kind).map_err(|e| cannot(purpose.name(), &e))
}

fn serial() -> Result<[u8; 20]> {
    random::bytes().map_err(|e| cannot("authority", &e))
}

const BELOW_THE_AUTHORITY: [KeyPurpose; 3] =
    [KeyPurpose::Signing, KeyPurpose::Encryption, KeyPurpose::Tls];
