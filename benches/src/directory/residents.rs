//! The people of a directory: each with an address and a certificate, as slapd and as we take them in, and as who asks
//! for them wants to see them.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::thread;

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::issue::{self, Authority, Profile};
use chancery_pki::{
    AlternativeName, Certificate, DistinguishedName, ExtendedKeyUsage, KeyUsage, ObjectIdentifier,
    Organisation, pem,
};

use crate::Result;
use crate::people::AT;

/// The mail domain of all of them.
pub(crate) const DOMAIN: &str = "acme.example";

/// Their certificates, one after the other.
pub(crate) struct Residents {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

/// Makes so many people and writes, into the folder:
///
/// ```text
/// authority.pem      their authority, and
/// people.pem         their certificates, for `chancery cert import`
/// people.ldif        their entries below SUFFIX, for `slapadd`
/// people.der         their certificates, for comparing
/// tls.pem, tls.key   what servers show
/// ```
pub(crate) fn prepare(folder: &Path, count: usize, suffix: &str) -> Result {
    fs::create_dir_all(folder)?;
    server(folder)?;
    let organisation = Organisation::new("Acme", [DOMAIN])?;
    // Most authorities that certify people have RSA keys, and its signatures are checked when entries are made.
    let authority_key = PrivateKey::generate(KeyKind::Rsa2048)?;
    let authority = issue::ca(&organisation, &authority_key, AT, [1; 20])?;
    let keys = (0..KEYS).map(|_| PrivateKey::generate(KeyKind::Rsa2048));
    let keys = keys.collect::<std::result::Result<Vec<_>, _>>()?;
    let issuer = Issuer { key: &authority_key, certificate: &authority, keys: &keys };
    let certificates = issuer.everybody(count)?;

    let mut bundle = BufWriter::new(File::create(folder.join("people.pem"))?);
    let mut entries = BufWriter::new(File::create(folder.join("people.ldif"))?);
    let mut plain = BufWriter::new(File::create(folder.join("people.der"))?);
    fs::write(folder.join("authority.pem"), authority.to_pem())?;
    let top =
        suffix.split(',').next().and_then(|part| part.strip_prefix("dc=")).unwrap_or_default();
    write!(entries, "dn: {suffix}\nobjectClass: domain\ndc: {top}\n\n")?;
    for (number, certificate) in certificates.iter().enumerate() {
        let text = certificate.to_pem();
        bundle.write_all(text.as_bytes())?;
        plain.write_all(&u32::try_from(certificate.der().len())?.to_be_bytes())?;
        plain.write_all(certificate.der())?;
        let value: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        let (name, mail) = (name(number), address(number));
        write!(
            entries,
            "dn: uid={number},{suffix}\nobjectClass: inetOrgPerson\nuid: {number}\ncn: {name}\nsn: {number}\n\
             mail: {mail}\nuserCertificate;binary:: {value}\n\n"
        )?;
    }
    for mut file in [bundle, entries, plain] {
        file.flush()?;
    }
    Ok(())
}

/// Returns the address of one of them; all have the same length.
pub(crate) fn address(number: usize) -> String {
    format!("{}@{DOMAIN}", local(number))
}

/// Returns the local part of an address.
pub(crate) fn local(number: usize) -> String {
    format!("user{number:07}")
}

fn name(number: usize) -> String {
    format!("User {number}")
}

/// Whoever certifies them.
struct Issuer<'a> {
    key: &'a PrivateKey,
    certificate: &'a Certificate,
    /// A few keys for all: making one takes longer than everything else.
    keys: &'a [PrivateKey],
}

impl Issuer<'_> {
    fn everybody(&self, count: usize) -> Result<Vec<Certificate>> {
        let threads = thread::available_parallelism()?.get();
        let share = count.div_ceil(threads).max(1);
        let numbers: Vec<usize> = (0..count).collect();
        let parts = thread::scope(|scope| {
            let one = |part: &[usize]| part.iter().map(|it| self.one(*it)).collect();
            let parts: Vec<_> = numbers
                .chunks(share)
                .map(|part| scope.spawn(move || -> std::result::Result<Vec<_>, _> { one(part) }))
                .collect();
            parts.into_iter().map(|part| part.join().map_err(|_| "a thread failed")).collect()
        });
        let parts: std::result::Result<Vec<_>, &str> = parts;
        let mut all = Vec::with_capacity(count);
        for part in parts? {
            all.extend(part?);
        }
        Ok(all)
    }

    fn one(&self, number: usize) -> std::result::Result<Certificate, chancery_pki::Error> {
        let authority = Authority { key: self.key, certificate: self.certificate };
        let profile = Profile {
            subject: DistinguishedName::new(&[(COMMON_NAME, &name(number))])?,
            alternative_names: vec![AlternativeName::Email(address(number))],
            key_usage: Some(KeyUsage::DIGITAL_SIGNATURE.and(KeyUsage::KEY_ENCIPHERMENT)),
            extended_key_usage: vec![ExtendedKeyUsage::EmailProtection],
            crl_urls: vec![format!("http://pki.{DOMAIN}/users.crl")],
            not_before: AT,
            not_after: AT + TERM,
            ..Profile::default()
        };
        let key = self.keys.get(number % self.keys.len().max(1)).unwrap_or(self.key);
        let mut serial = [0x10; 20];
        for (to, from) in serial.iter_mut().rev().zip(number.to_le_bytes()) {
            *to = from;
        }
        issue::certificate(&profile, &authority, key.public_key(), serial)
    }
}

/// Makes what servers show over TLS.
fn server(folder: &Path) -> Result {
    let key = PrivateKey::generate(KeyKind::EcP256)?;
    let profile = Profile {
        subject: DistinguishedName::new(&[(COMMON_NAME, "localhost")])?,
        alternative_names: vec![AlternativeName::Dns("localhost".to_owned())],
        key_usage: Some(KeyUsage::DIGITAL_SIGNATURE),
        extended_key_usage: vec![ExtendedKeyUsage::ServerAuth],
        not_before: AT,
        not_after: AT + TERM,
        ..Profile::default()
    };
    let certificate = issue::self_signed(&profile, &key, [2; 20])?;
    fs::write(folder.join("tls.pem"), certificate.to_pem())?;
    fs::write(folder.join("tls.key"), pem::encode("PRIVATE KEY", &key.to_pkcs8_der()?))?;
    Ok(())
}

impl Residents {
    /// Reads what [`prepare`] made.
    pub(crate) fn load(folder: &Path) -> Result<Self> {
        let octets = fs::read(folder.join("people.der"))?;
        let (mut ends, mut at) = (Vec::new(), 0);
        while let Some(length) = octets.get(at..at + 4) {
            at += 4 + usize::try_from(u32::from_be_bytes(length.try_into()?))?;
            ends.push(at);
        }
        if ends.is_empty() || at != octets.len() {
            return Err("the certificates for comparing are not whole".into());
        }
        Ok(Self { octets, ends })
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the certificate of one.
    pub(crate) fn certificate(&self, number: usize) -> &[u8] {
        let end = self.ends.get(number).copied().unwrap_or_default();
        let before = number.checked_sub(1).and_then(|it| self.ends.get(it)).copied();
        self.octets.get(before.unwrap_or_default() + 4..end).unwrap_or_default()
    }
}

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// Nine years, in seconds: less than their authority has.
const TERM: i64 = 9 * 365 * 86_400;
/// Different keys.
const KEYS: usize = 4;
