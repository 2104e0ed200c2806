//! PKCS#12 files (RFC 7292): keys and certificates under one passphrase, as browsers, mail programs and Java exchange them.
//!
//! Read are DER and BER, with the protections and the authentication codes that programs write (PBES2 and PBMAC1 of RFC
//! 8018 and 9579) and wrote (RC2 and triple DES with SHA-1). Written is what the most programs read: AES-256 with
//! PBKDF2, and an authentication code of RFC 7292 with SHA-256.
//!
//! ```text
//! PFX ─ authentication code ─ AuthenticatedSafe ─┬─ Data ───────────► SafeContents ─ bags ─► keys, each under the passphrase
//!                                                └─ EncryptedData ──► SafeContents ─ bags ─► certificates, lists
//! ```

mod ber;
mod read;
mod write;

use chancery_crypto::PrivateKey;
use zeroize::Zeroizing;

use crate::certificate::Certificate;
use crate::error::Error;
use crate::key_file::password::{MAX_ROUNDS, Work};
use crate::revocation::RevocationList;

pub(crate) use read::in_der;

/// What a file holds, in the order of the file.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pkcs12 {
    /// The private keys.
    pub keys: Vec<Entry<PrivateKey>>,
    /// The certificates.
    pub certificates: Vec<Entry<Certificate>>,
    /// The lists of revoked certificates.
    pub lists: Vec<RevocationList>,
    /// How many certificates and lists cannot be read; the others are none the worse for them.
    pub unreadable: usize,
}

/// Something in a file, and what it is called there.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// The thing.
    pub value: T,
    /// `friendlyName`: what people call it (RFC 2985 section 5.5.1).
    pub name: Option<String>,
    /// `localKeyId`: what a key and its certificate have in common (RFC 2985 section 5.5.2).
    pub key_id: Option<Vec<u8>>,
}

impl Pkcs12 {
    /// Makes what holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns true if the bytes begin like a PKCS#12 file, in DER or BER.
    pub fn is_one(bytes: &[u8]) -> bool {
        in_der(bytes).is_some()
    }

    /// Reads a file under a passphrase, which may be empty.
    pub fn read(bytes: &[u8], passphrase: &[u8]) -> Result<Self, Error> {
        Self::read_within(bytes, passphrase, MAX_ROUNDS)
    }

    /// Reads a file that may ask for so many rounds of key derivation in all; ten million take some seconds.
    pub fn read_within(bytes: &[u8], passphrase: &[u8], rounds: u32) -> Result<Self, Error> {
        match in_der(bytes) {
            Some(der) => read::read(&der, passphrase, Work::of(rounds)),
            None => Err(Error::Malformed {
                what: "a PKCS#12 file",
                offset: 0,
                reason: "it does not begin like one".to_owned(),
            }),
        }
    }

    /// Adds a key with the certificates that go with it, its own first, under a name for people.
    pub fn add_key(
        &mut self,
        key: PrivateKey,
        certificates: &[Certificate],
        name: &str,
    ) -> Result<(), Error> {
        let Some((own, others)) = certificates.split_first() else {
            return Err(Error::request("a key goes into PKCS#12 with its certificate"));
        };
        if own.public_key() != Some(key.public_key()) {
            return Err(Error::request("the certificate is for another key"));
        }
        // The number that ties key and certificate together: any will do, and this is the usual one.
        let key_id = chancery_crypto::DigestAlgorithm::Sha1.digest(own.der()).as_ref().to_vec();
        let (name, key_id) = (Some(name.to_owned()), Some(key_id));
        self.certificates.retain(|it| it.value != *own);
        self.certificates.push(Entry {
            value: own.clone(),
            name: name.clone(),
            key_id: key_id.clone(),
        });
        self.keys.push(Entry { value: key, name, key_id });
        for other in others {
            self.add_certificate(other);
        }
        Ok(())
    }

    /// Adds a certificate without a key, unless it is there.
    pub fn add_certificate(&mut self, certificate: &Certificate) {
        if self.certificates.iter().all(|known| known.value != *certificate) {
            // What names it in lists of programs, such as Java's, which want one.
            let name = Some(certificate.subject());
            self.certificates.push(Entry { value: certificate.clone(), name, key_id: None });
        }
    }

    /// Writes the file; the buffer clears itself.
    ///
    /// Everything is under the passphrase with AES-256 and PBKDF2 (RFC 8018), and authenticated with SHA-256 (RFC 7292
    /// section 4), which programs since about 2018 read. Without a key, the certificates are marked as Java wants it of
    /// certificates that are looked at at all.
    pub fn write(&self, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        write::write(self, passphrase)
    }

    /// Returns the certificate of a key: the one with the same number, or with the same public key.
    pub fn certificate_of(&self, key: &Entry<PrivateKey>) -> Option<&Certificate> {
        let is_its =
            |it: &&Entry<Certificate>| it.value.public_key() == Some(key.value.public_key());
        let has_number = |it: &&Entry<Certificate>| it.key_id.is_some() && it.key_id == key.key_id;
        let mut fitting = self.certificates.iter().filter(is_its);
        let numbered = fitting.clone().find(has_number);
        numbered.or_else(|| fitting.next()).map(|it| &it.value)
    }
}

#[cfg(test)]
mod tests;
