//! Keys and trust of the desk: from files, or from the installation.

use std::path::Path;

use chancery_crypto::{PrivateKey, Zeroizing};
use chancery_gateway::identity::Identity;
use chancery_gateway::partners::{PartnerBook, statements};
use chancery_pki::{Certificate, key_file};
use chancery_smime::{Anchor, OpeningKey, Permitted, RecipientKey, Signer, Statement, Trust};
use chancery_store::Store;

use super::files::read_small;
use crate::cli::message::KeyFiles;
use crate::convert;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, now_ms};
use crate::output::plain;

/// The installation, as far as a desk needs it.
pub(super) struct Office {
    identity: Identity,
    book: PartnerBook,
    store: Store,
    ciphers: Permitted,
}

impl Office {
    /// Unseals the keys of the installation and reads its book of partners.
    pub(super) fn load(config: Option<&Path>) -> Result<Self> {
        let installation = Installation::load(config)?;
        let store = installation.store()?;
        let identity = installation.identity(&store)?;
        let settings = convert::settings(&installation.settings)?;
        let book = PartnerBook::read(&store, &identity, &settings)?;
        Ok(Self { identity, book, store, ciphers: settings.ciphers })
    }

    /// Returns what the mailboxes of a certificate have said in their mail of what they read.
    fn known_of(&self, certificate: &Certificate) -> Result<Vec<Statement>> {
        let mut known = Vec::new();
        for email in certificate.emails().iter().take(MAX_EMAILS) {
            known.extend(self.store.peer(email)?.iter().flat_map(statements));
        }
        Ok(known)
    }
}

/// Returns who signs: the key in a file, or the organisation's.
pub(super) fn signer(
    file: Option<&Path>,
    rest: &KeyFiles,
    chain: Option<&Path>,
    config: Option<&Path>,
) -> Result<Signer> {
    let Some(file) = file else {
        let office = Office::load(config).map_err(|failure| {
            failure.hint("name a key with --signer, or an installation with --config")
        })?;
        return Ok(office.identity.signer().clone());
    };
    let mut pair = Pair::read(file, rest)?;
    if let Some(chain) = chain {
        pair.others.extend(certificates(chain)?);
    }
    let chain: Vec<Vec<u8>> = pair.others.iter().map(|it| it.der().to_vec()).collect();
    if !pair.certificate.is_valid_at(now_ms() / 1000) {
        return Err(Failure::usage("the signer's certificate is out of its time")
            .hint("renew it: readers do not believe what it signs"));
    }
    let signer = Signer::new(pair.key, pair.certificate.der(), &chain);
    Ok(signer.map_err(|error| Failure::of("cannot sign", &error))?.of_person())
}

/// Returns the keys that decrypt: that in a file, or the organisation's.
pub(super) fn opening(
    file: Option<&Path>,
    rest: &KeyFiles,
    config: Option<&Path>,
) -> Result<Vec<OpeningKey>> {
    let Some(file) = file else {
        let office = Office::load(config).map_err(|failure| {
            failure.hint("name a key with --key, or an installation with --config")
        })?;
        return Ok(office.identity.opening_keys().to_vec());
    };
    let pair = Pair::read(file, rest)?;
    let key = OpeningKey::new(pair.key, pair.certificate.der());
    Ok(vec![key.map_err(|error| Failure::of("cannot decrypt", &error))?])
}

/// Who shall be able to read a message, and how it may be encrypted.
pub(super) struct Readers {
    pub(super) recipients: Vec<RecipientKey>,
    pub(super) permitted: Permitted,
}

impl Readers {
    /// Finds the recipients: certificates in files, or addresses in the book of partners.
    ///
    /// An installation that is named is asked too for what it has learned of the owners of certificates.
    pub(super) fn find(to: &[impl AsRef<Path>], config: Option<&Path>) -> Result<Self> {
        let mut office = config.map(|config| Office::load(Some(config))).transpose()?;
        let mut recipients: Vec<RecipientKey> = Vec::new();
        for name in to {
            let name = name.as_ref();
            let address = name.to_str().and_then(|text| text.rsplit_once('@'));
            if let Some((_, domain)) = address.filter(|_| !name.exists()) {
                let office = match &mut office {
                    Some(office) => office,
                    missing => missing.insert(Office::load(config)?),
                };
                recipients.push(of_partner(&office.book, domain, name)?);
            } else {
                recipients.push(of_file(name, office.as_ref())?);
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        recipients.retain(|key| seen.insert(key.fingerprint().to_owned()));
        Ok(Self { recipients, permitted: office.map(|it| it.ciphers).unwrap_or_default() })
    }
}

fn of_partner(book: &PartnerBook, domain: &str, name: &Path) -> Result<RecipientKey> {
    let at = now_ms() / 1000;
    let key = book.partner(domain).and_then(|partner| partner.encryption_keys(at).next());
    key.cloned().ok_or_else(|| {
        Failure::no(format!("there is no key for {}", plain(&name.display().to_string())))
            .hint("see `chancery partner list`, or give the recipient's certificate in a file")
    })
}

fn of_file(name: &Path, office: Option<&Office>) -> Result<RecipientKey> {
    let shown = plain(&name.display().to_string());
    let found = certificates(name)?;
    // A file without any is refused before.
    let Some(certificate) = found.first().filter(|it| it.is_valid_at(now_ms() / 1000)) else {
        return Err(Failure::no(format!("the certificate in {shown} is out of its time"))
            .hint("ask the recipient for the current one"));
    };
    let known = office.map(|office| office.known_of(certificate)).transpose()?.unwrap_or_default();
    RecipientKey::new(certificate.der(), &known).map_err(|error| Failure::of(&shown, &error))
}

/// Whom the person at the desk believes.
pub(super) struct Believed {
    anchors: Vec<Certificate>,
    book: Option<PartnerBook>,
}

impl Believed {
    /// Reads the authorities named, or else the book of partners; `is_needed` says that one of them must be there.
    pub(super) fn read(
        anchors: &[impl AsRef<Path>],
        config: Option<&Path>,
        is_needed: bool,
    ) -> Result<Self> {
        let mut read: Vec<Certificate> = Vec::new();
        for file in anchors {
            read.extend(certificates(file.as_ref())?);
        }
        if read.len() > MAX_ANCHORS {
            return Err(Failure::usage(format!("more than {MAX_ANCHORS} authorities are named")).hint(
                "name those that certify the people you write to; a bundle for the web is no help with mail",
            ));
        }
        let book = if config.is_some() || (read.is_empty() && is_needed) {
            let office = Office::load(config).map_err(|failure| {
                failure.hint("name an authority with --anchor, or an installation with --config")
            })?;
            Some(office.book)
        } else {
            None
        };
        Ok(Self { anchors: read, book })
    }

    /// Returns the authorities that were named.
    pub(super) fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }
}

impl Trust for Believed {
    fn anchors_for(&self, domain: &str) -> Vec<Anchor> {
        let named = self.anchors.iter().map(|certificate| Anchor {
            name: certificate.subject(),
            certificate: certificate.der().to_vec(),
            domains: vec![domain.to_owned()],
            own: false,
        });
        let partners = self.book.iter().flat_map(|book| book.anchors_for(domain));
        named.chain(partners).collect()
    }
}

/// A key with its certificate and the others that came along.
pub(super) struct Pair {
    pub(super) key: PrivateKey,
    pub(super) certificate: Certificate,
    pub(super) others: Vec<Certificate>,
}

impl Pair {
    /// Reads them from the files that the command line names.
    pub(super) fn read(file: &Path, rest: &KeyFiles) -> Result<Self> {
        let shown = plain(&file.display().to_string());
        let bytes = Zeroizing::new(read_small(file)?);
        let passphrase = passphrase(rest)?;
        let held = key_file::open(&bytes, passphrase.as_deref().map(Vec::as_slice))
            .map_err(|error| usage(&shown, &error))?;
        let mut candidates = held.certificates;
        if let Some(certificate) = &rest.certificate {
            candidates.splice(0..0, certificates(certificate)?);
        }
        for key in held.keys {
            let bits = key.public_key().key_bits().to_vec();
            let belongs =
                |it: &Certificate| it.public_key().is_some_and(|it| it.key_bits() == bits);
            if let Some(at) = candidates.iter().position(belongs) {
                let certificate = candidates.remove(at);
                candidates.retain(|other| !belongs(other));
                return Ok(Self { key, certificate, others: candidates });
            }
        }
        Err(Failure::usage(format!("no certificate belongs to the key in {shown}"))
            .hint("name it with --certificate FILE"))
    }
}

/// Reads the certificates of a file that the command line names.
pub(super) fn certificates(file: &Path) -> Result<Vec<Certificate>> {
    let shown = plain(&file.display().to_string());
    let found =
        Certificate::chain_from_bytes(&read_small(file)?).map_err(|error| usage(&shown, &error))?;
    if found.is_empty() {
        return Err(Failure::usage(format!("there is no certificate in {shown}")).hint(
            "give a file with a block `-----BEGIN CERTIFICATE-----`, or a certificate in DER",
        ));
    }
    Ok(found)
}

/// Reads the passphrase of the key, if it has one.
fn passphrase(rest: &KeyFiles) -> Result<Option<Zeroizing<Vec<u8>>>> {
    rest.passphrase_file.as_deref().map(first_line).transpose()
}

/// Reads the first line of a file that has a passphrase.
pub(super) fn first_line(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(read_small(file)?);
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    Ok(Zeroizing::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}

/// A file of the command line cannot be used.
fn usage(shown: &str, error: &chancery_pki::Error) -> Failure {
    let mut failure = Failure::of(&format!("cannot use {shown}"), error);
    failure.status = crate::failure::Status::Usage;
    failure
}

/// A person's certificate has one or two addresses.
const MAX_EMAILS: usize = 8;

/// The opener tries so many for each signer.
const MAX_ANCHORS: usize = 16;
