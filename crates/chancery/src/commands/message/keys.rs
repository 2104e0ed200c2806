//! Keys and trust of the desk: from files, or from the installation.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use chancery_crypto::{PrivateKey, Zeroizing, unhex};
use chancery_gateway::identity::Identity;
use chancery_gateway::partners::{PartnerBook, statements};
use chancery_pki::bundle::Bundle;
use chancery_pki::{Certificate, KeyUsage, is_domain, key_file};
use chancery_smime::{
    Anchor, OpeningKey, Permitted, Reach, RecipientKey, Signer, Statement, Trust,
};
use chancery_store::Store;

use crate::cli::message::{KeyFiles, OpeningKeys, Trusted};
use crate::convert;
use crate::failure::{Failure, Result};
use crate::input::{self, SMALL};
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
    files: &[PathBuf],
    rest: &KeyFiles,
    chain: Option<&Path>,
    config: Option<&Path>,
) -> Result<Signer> {
    let Some((file, beside)) = files.split_first() else {
        let office = Office::load(config).map_err(|failure| {
            failure.hint("name a key with --signer, or an installation with --config")
        })?;
        return Ok(office.identity.signer().clone());
    };
    let passphrase = passphrase(rest)?;
    let cannot = |error| Failure::of("cannot sign", &error);
    let first = signing_pair(file, rest, passphrase.as_ref())?;
    let mut pairs = Vec::new();
    let mut others = first.others;
    for file in beside {
        let pair = signing_pair(file, rest, passphrase.as_ref())?;
        others.extend(pair.others);
        pairs.push((pair.key, pair.certificate));
    }
    if let Some(chain) = chain {
        others.extend(certificates(chain)?);
    }
    let chain: Vec<Vec<u8>> = others.iter().map(|it| it.der().to_vec()).collect();
    let mut signer =
        Signer::new(first.key, first.certificate.der(), &chain).map_err(cannot)?.of_person();
    for (key, certificate) in pairs {
        signer = signer.beside(key, certificate.der()).map_err(cannot)?;
    }
    Ok(signer)
}

/// Reads the best key to sign with from a file.
fn signing_pair(
    file: &Path,
    rest: &KeyFiles,
    passphrase: Option<&Zeroizing<Vec<u8>>>,
) -> Result<Pair> {
    let at = now_ms() / 1000;
    let held = Held::read(file, rest, passphrase)?;
    let pair = held.best(|it| (it.is_valid_at(at), it.permits(KeyUsage::SIGNING)));
    if !pair.certificate.is_valid_at(at) {
        return Err(Failure::usage("the signer's certificate is out of its time")
            .hint("renew it: readers do not believe what it signs"));
    }
    Ok(pair)
}

/// Returns the keys that decrypt: all in the files, old ones too, or the organisation's.
pub(super) fn opening(
    files: &[impl AsRef<Path>],
    rest: &KeyFiles,
    config: Option<&Path>,
) -> Result<Vec<OpeningKey>> {
    if files.is_empty() {
        let office = Office::load(config).map_err(|failure| {
            failure.hint("name a key with --key, or an installation with --config")
        })?;
        return Ok(office.identity.opening_keys().to_vec());
    }
    let passphrase = passphrase(rest)?;
    let mut keys = Vec::new();
    for file in files {
        let held = Held::read(file.as_ref(), rest, passphrase.as_ref())?;
        for (key, certificate) in held.all() {
            let key = OpeningKey::new(key.clone(), certificate.der());
            keys.push(key.map_err(|error| Failure::of("cannot decrypt", &error))?);
        }
    }
    if keys.len() > MAX_KEYS {
        return Err(Failure::usage(format!("the files have more than {MAX_KEYS} keys"))
            .hint("each costs time: name those that can have been encrypted to"));
    }
    Ok(keys)
}

/// Returns all that the command line names to open a message; the organisation's keys if it names nothing.
pub(super) fn opening_all(keys: &OpeningKeys, config: Option<&Path>) -> Result<Vec<OpeningKey>> {
    let mut all = Vec::new();
    if let Some(file) = &keys.password_file {
        all.push(OpeningKey::password(&first_line(file)?));
    }
    if let (Some(file), Some(name)) = (&keys.secret_key, &keys.secret_key_id) {
        let named = |text: &str| unhex(text.trim()).filter(|bytes| !bytes.is_empty());
        let key = first_line(file)?;
        let key = std::str::from_utf8(&key).ok().and_then(named).ok_or_else(|| {
            Failure::usage("the shared key is not written in hexadecimal")
                .hint("write two digits for each byte into the first line of the file")
        })?;
        let name = named(name)
            .ok_or_else(|| Failure::usage("the name of the shared key is not in hexadecimal"))?;
        all.push(OpeningKey::shared(&name, &key));
    }
    if !keys.key.is_empty() || all.is_empty() {
        all.extend(opening(&keys.key, &keys.rest, config)?);
    }
    Ok(all)
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
    let key = book.usable_key(domain, at).map(|key| key.recipient.clone());
    key.ok_or_else(|| {
        Failure::no(format!("there is no key for {}", plain(&name.display().to_string())))
            .hint("see `chancery partner list`, or give the recipient's certificate in a file")
    })
}

fn of_file(name: &Path, office: Option<&Office>) -> Result<RecipientKey> {
    let shown = plain(&name.display().to_string());
    let found = certificates(name)?;
    let at = now_ms() / 1000;
    // The rest of the file is the way to the authority, or the same person's: an old certificate, or the one for signing.
    let first = found.first();
    let is_same = |it: &&Certificate| {
        first.is_some_and(|first| {
            it.subject_name() == first.subject_name() && it.emails() == first.emails()
        })
    };
    let mut same: Vec<&Certificate> = found.iter().filter(is_same).collect();
    let may_encrypt = |it: &Certificate| it.permits(KeyUsage::KEY_MANAGEMENT);
    same.sort_by_key(|it| Reverse((it.is_valid_at(at), may_encrypt(it))));
    let is_right = |it: &&&Certificate| it.is_valid_at(at) && may_encrypt(it);
    let Some(&certificate) = same.first().filter(is_right) else {
        let is_valid = same.first().is_some_and(|it| it.is_valid_at(at));
        let why = if is_valid { "for signing only" } else { "out of its time" };
        return Err(Failure::usage(format!("the certificate in {shown} is {why}"))
            .hint("ask the recipient for the current one, and the one to encrypt to"));
    };
    let known = office.map(|office| office.known_of(certificate)).transpose()?.unwrap_or_default();
    let unusable = |error: chancery_smime::Error| Failure {
        status: crate::failure::Status::Usage,
        ..Failure::of(&shown, &error)
    };
    RecipientKey::new(certificate.der(), &known).map_err(unusable)
}

/// Whom the person at the desk believes.
pub(super) struct Believed {
    anchors: Vec<Certificate>,
    /// The domains whose organisations the anchors vouch for too, in lower case.
    domains: Vec<String>,
    book: Option<PartnerBook>,
}

impl Believed {
    /// Reads the authorities named, or else the book of partners; `is_needed` says that one of them must be there.
    pub(super) fn read(trusted: &Trusted, config: Option<&Path>, is_needed: bool) -> Result<Self> {
        let mut read: Vec<Certificate> = Vec::new();
        for file in &trusted.anchor {
            read.extend(certificates(file)?);
        }
        let domains: Vec<String> =
            trusted.domain.iter().map(|domain| domain.to_ascii_lowercase()).collect();
        if let Some(other) = domains.iter().find(|domain| !is_domain(domain)) {
            return Err(Failure::usage(format!("{} is no domain", plain(other)))
                .hint("write it as in an address, such as acme.example"));
        }
        let mut seen = std::collections::BTreeSet::new();
        read.retain(|certificate| seen.insert(certificate.der().to_vec()));
        if read.len() > MAX_ANCHORS {
            return Err(Failure::usage(format!("more than {MAX_ANCHORS} authorities are named"))
                .hint("name those that certify the people you write to"));
        }
        let book = if config.is_some() || (read.is_empty() && is_needed) {
            let office = Office::load(config).map_err(|failure| {
                failure.hint("name an authority with --anchor, or an installation with --config")
            })?;
            Some(office.book)
        } else {
            None
        };
        Ok(Self { anchors: read, domains, book })
    }

    /// Returns the authorities that were named.
    pub(super) fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }
}

impl Trust for Believed {
    fn anchors_for(&self, domain: &str) -> Vec<Anchor> {
        let is_named = self.domains.iter().any(|named| named.eq_ignore_ascii_case(domain));
        let reach =
            if is_named { Reach::Domains(vec![domain.to_owned()]) } else { Reach::Mailboxes };
        let named = self.anchors.iter().map(|certificate| {
            Anchor::new(certificate.subject(), certificate.clone(), reach.clone(), false)
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

/// What a file holds: keys, each with each of its certificates, and certificates of others.
pub(super) struct Held {
    first: (PrivateKey, Certificate),
    more: Vec<(PrivateKey, Certificate)>,
    others: Vec<Certificate>,
}

impl Held {
    /// Reads the files that the command line names.
    pub(super) fn read(
        file: &Path,
        rest: &KeyFiles,
        passphrase: Option<&Zeroizing<Vec<u8>>>,
    ) -> Result<Self> {
        let shown = plain(&file.display().to_string());
        let bytes = Zeroizing::new(input::read(file, SMALL)?);
        let held = key_file::open(&bytes, passphrase.map(|it| it.as_slice()))
            .map_err(|error| usage(&shown, &error))?;
        let mut others = held.certificates;
        if let Some(certificate) = &rest.certificate {
            others.splice(0..0, certificates(certificate)?);
        }
        let mut pairs = Vec::new();
        for key in held.keys {
            let bits = key.public_key().key_bits().to_vec();
            let belongs =
                |it: &Certificate| it.public_key().is_some_and(|it| it.key_bits() == bits);
            let (own, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(belongs);
            others = rest;
            pairs.extend(own.into_iter().map(|certificate| (key.clone(), certificate)));
        }
        let mut pairs = pairs.into_iter();
        let Some(first) = pairs.next() else {
            return Err(Failure::usage(format!("no certificate belongs to the key in {shown}"))
                .hint("name it with --certificate FILE"));
        };
        Ok(Self { first, more: pairs.collect(), others })
    }

    /// Returns each key with each of its certificates.
    fn all(&self) -> impl Iterator<Item = &(PrivateKey, Certificate)> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Returns the certificate with the highest rank, the first of those that are equal, with its key.
    pub(super) fn best<R: Ord>(self, rank: impl Fn(&Certificate) -> R) -> Pair {
        let Self { first: (mut key, mut certificate), more, others } = self;
        for (other_key, other) in more {
            if rank(&other) > rank(&certificate) {
                (key, certificate) = (other_key, other);
            }
        }
        Pair { key, certificate, others }
    }
}

/// Reads the certificates of a file that the command line names.
pub(super) fn certificates(file: &Path) -> Result<Vec<Certificate>> {
    let shown = plain(&file.display().to_string());
    let bytes = input::read(file, SMALL)?;
    let found = match Bundle::from_bytes(&bytes) {
        Ok(bundle) if !bundle.certificates.is_empty() => bundle.certificates,
        _ => Certificate::chain_from_bytes(&bytes).map_err(|error| usage(&shown, &error))?,
    };
    if found.is_empty() {
        return Err(Failure::usage(format!("there is no certificate in {shown}")).hint(
            "give a file with a block `-----BEGIN CERTIFICATE-----`, a certificate in DER, or a bag of them (.p7b)",
        ));
    }
    Ok(found)
}

/// Reads the passphrase of the key, if it has one.
pub(super) fn passphrase(rest: &KeyFiles) -> Result<Option<Zeroizing<Vec<u8>>>> {
    rest.passphrase_file.as_deref().map(first_line).transpose()
}

/// Reads the first line of a file that has a passphrase.
pub(in crate::commands) fn first_line(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(input::read(file, SMALL)?);
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

/// Keys that are tried; a person has a new one every year or two.
const MAX_KEYS: usize = 64;

/// Stores of authorities have some hundreds; the opener tries those whose name fits.
const MAX_ANCHORS: usize = 512;
