//! Whoever signs and reads: one key, with a certificate for each of both, on disk so that the peer has them too.

use std::{fs, path::Path};

use chancery_cms::{DecryptionKey, Recipient, RsaPadding, SignerKey};
use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::{Certificate, Organisation, issue};
use chancery_smime::{Anchor, Capabilities, OpeningKey, Reach, RecipientKey, Signer, Statement};

use crate::Result;

/// A day on which the certificates are valid: 2026-11-18.
pub(crate) const AT: i64 = 1_795_000_000;

/// A key and what was made of it.
pub(crate) struct Person {
    key: PrivateKey,
    signer: Vec<u8>,
    recipient: Vec<u8>,
    authority: Certificate,
}

/// Makes a key of this type and its certificates.
pub(crate) fn prepare(folder: &Path, kind: &str) -> Result {
    let kind = match kind {
        "rsa-2048" => KeyKind::Rsa2048,
        "p-256" => KeyKind::EcP256,
        _ => return Err("the types are rsa-2048 and p-256".into()),
    };
    let organisation = Organisation::new("Acme", ["acme.example"])?;
    let (authority_key, key) =
        (PrivateKey::generate(KeyKind::EcP256)?, PrivateKey::generate(kind)?);
    let certificate = issue::ca(&organisation, &authority_key, AT, [1; 20])?;
    let authority = issue::Authority { key: &authority_key, certificate: &certificate };
    let public = key.public_key();
    let signer = issue::organisation_signing(&organisation, &authority, public, AT, [2; 20])?;
    let recipient = issue::organisation_encryption(&organisation, &authority, public, AT, [3; 20])?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("key.der"), key.to_pkcs8_der()?)?;
    fs::write(folder.join("signer.der"), signer.der())?;
    fs::write(folder.join("recipient.der"), recipient.der())?;
    fs::write(folder.join("authority.der"), certificate.der())?;
    Ok(())
}

impl Person {
    /// Reads what [`prepare`] made.
    pub(crate) fn load(folder: &Path) -> Result<Self> {
        Ok(Self {
            key: PrivateKey::from_pkcs8_der(&fs::read(folder.join("key.der"))?)?,
            signer: fs::read(folder.join("signer.der"))?,
            recipient: fs::read(folder.join("recipient.der"))?,
            authority: Certificate::from_der(&fs::read(folder.join("authority.der"))?)?,
        })
    }

    pub(crate) fn signer_key(&self) -> Result<SignerKey> {
        Ok(SignerKey::new(self.key.clone(), &self.signer)?)
    }

    pub(crate) fn recipient(&self) -> Result<Recipient> {
        Ok(Recipient::from_certificate(&self.recipient, RsaPadding::Oaep256)?)
    }

    pub(crate) fn decryption_key(&self) -> Result<DecryptionKey> {
        Ok(DecryptionKey::new(self.key.clone(), &self.recipient)?)
    }

    pub(crate) fn signer(&self) -> Result<Signer> {
        Ok(Signer::new(self.key.clone(), &self.signer, &[])?)
    }

    pub(crate) fn recipient_key(&self) -> Result<RecipientKey> {
        Ok(RecipientKey::new(&self.recipient, &[Statement::card(Capabilities::ours(), AT)])?)
    }

    pub(crate) fn opening_key(&self) -> Result<OpeningKey> {
        Ok(OpeningKey::new(self.key.clone(), &self.recipient)?)
    }

    pub(crate) fn anchors(&self) -> Vec<Anchor> {
        let reach = Reach::Domains(vec!["acme.example".into()]);
        vec![Anchor::new("Acme", self.authority.clone(), reach, false)]
    }
}
