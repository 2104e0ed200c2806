//! Makes authorities, certificates and lists for tests: any extension, right or wrong.

use chancery_crypto::{DigestAlgorithm, KeyKind, PrivateKey};

use crate::Certificate;
use crate::extension::KeyUsage;
use crate::issue::{self, Profile};
use crate::name::{COMMON_NAME, DistinguishedName};
use crate::revocation::cursor::{
    self, BIT_STRING, BOOLEAN, ENUMERATED, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE,
    constructed, primitive,
};
use crate::revocation::{OcspResponse, RevocationList};

/// 2026-06-01 12:00 UTC.
pub(crate) const AT: i64 = 1_780_315_200;
pub(crate) const DAY: i64 = 86_400;

/// An authority.
pub(crate) struct Authority {
    pub(crate) key: PrivateKey,
    pub(crate) certificate: Certificate,
}

/// A list to make.
#[derive(Clone)]
pub(crate) struct List {
    issuer: DistinguishedName,
    key: PrivateKey,
    this_update: i64,
    next_update: Option<i64>,
    entries: Vec<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
    has_bad_signature: bool,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        Self::with_key(name, key, KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN))
    }

    pub(crate) fn with_key(name: &str, key: PrivateKey, usage: KeyUsage) -> Self {
        let profile = Profile { authority: Some(None), key_usage: Some(usage), ..profile(name) };
        let certificate = issue::self_signed(&profile, &key, [1; 20]).unwrap();
        Self { key, certificate }
    }

    /// Issues the certificate that is asked about, with these extensions.
    pub(crate) fn user(&self, extensions: &[Vec<u8>]) -> Certificate {
        self.certificate(2, false, extensions)
    }

    /// Issues a certificate, perhaps of an authority.
    pub(crate) fn certificate(
        &self,
        serial: u8,
        is_ca: bool,
        extensions: &[Vec<u8>],
    ) -> Certificate {
        let basic = sequence(&[cursor::element(BOOLEAN, &[0xff])]);
        let mut extensions = extensions.to_vec();
        if is_ca {
            extensions.push(extension(&[0x55, 0x1d, 19], true, &basic));
        }
        self.certify(serial, self.certificate.spki(), &extensions)
    }

    /// Issues a certificate for a key.
    pub(crate) fn certify(&self, serial: u8, spki: &[u8], extensions: &[Vec<u8>]) -> Certificate {
        let algorithm = self.key.default_signature_algorithm().to_der().unwrap();
        let name = DistinguishedName::new(&[(COMMON_NAME, "user")]).unwrap();
        let mut fields = vec![
            cursor::element(constructed(0), &integer(2)),
            integer(serial),
            algorithm.clone(),
            self.certificate.subject_name().der().to_vec(),
            sequence(&[utc(AT - 1000 * DAY), utc(AT + 1000 * DAY)]),
            name.der().to_vec(),
            spki.to_vec(),
        ];
        if !extensions.is_empty() {
            fields.push(cursor::element(constructed(3), &sequence(extensions)));
        }
        Certificate::from_der(&sign(&self.key, &algorithm, &sequence(&fields), &[])).unwrap()
    }

    /// Starts a response of yesterday that is good for a week, about the certificate that is asked about.
    pub(crate) fn response(&self, digest: DigestAlgorithm) -> Response {
        let oid: &[u8] = match digest {
            DigestAlgorithm::Sha1 => &[0x2b, 14, 3, 2, 26],
            DigestAlgorithm::Sha256 => &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1],
            _ => &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2],
        };
        let digest_of = |bytes: &[u8]| digest.digest(bytes).as_ref().to_vec();
        Response {
            key: self.key.clone(),
            responder: self.certificate.clone(),
            is_by_key: false,
            algorithm: cursor::element(OBJECT_IDENTIFIER, oid),
            issuer_name: digest_of(self.certificate.subject_name().der()),
            issuer_key: digest_of(self.certificate.public_key().unwrap().key_bits()),
            serial: 2,
            status: cursor::element(primitive(0), &[]),
            this_update: AT - DAY,
            next_update: Some(AT + 6 * DAY),
            extensions: Vec::new(),
            single_extensions: Vec::new(),
            certificates: Vec::new(),
            has_bad_signature: false,
        }
    }

    /// Starts a list of yesterday that is good for a week.
    pub(crate) fn list(&self, number: u8) -> List {
        let list = List {
            issuer: self.certificate.subject_name().clone(),
            key: self.key.clone(),
            this_update: AT - DAY,
            next_update: Some(AT + 6 * DAY),
            entries: Vec::new(),
            extensions: Vec::new(),
            has_bad_signature: false,
        };
        list.with(20, false, &integer(number))
    }
}

/// A response to make.
#[derive(Clone)]
pub(crate) struct Response {
    key: PrivateKey,
    responder: Certificate,
    is_by_key: bool,
    algorithm: Vec<u8>,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    serial: u8,
    status: Vec<u8>,
    this_update: i64,
    next_update: Option<i64>,
    extensions: Vec<Vec<u8>>,
    single_extensions: Vec<Vec<u8>>,
    certificates: Vec<Certificate>,
    has_bad_signature: bool,
}

impl Response {
    pub(crate) fn by_key(mut self) -> Self {
        self.is_by_key = true;
        self
    }

    pub(crate) fn about(mut self, serial: u8) -> Self {
        self.serial = serial;
        self
    }

    pub(crate) fn named_by(mut self, algorithm: &[u8]) -> Self {
        self.algorithm = algorithm.to_vec();
        self
    }

    pub(crate) fn revoked(mut self, since: i64, reason: Option<u8>) -> Self {
        let reason = reason
            .map(|reason| cursor::element(constructed(0), &cursor::element(ENUMERATED, &[reason])));
        let content = [generalized(since), reason.unwrap_or_default()].concat();
        self.status = cursor::element(constructed(1), &content);
        self
    }

    pub(crate) fn unknown(mut self) -> Self {
        self.status = cursor::element(primitive(2), &[]);
        self
    }

    pub(crate) fn dated(mut self, this_update: i64, next_update: Option<i64>) -> Self {
        (self.this_update, self.next_update) = (this_update, next_update);
        self
    }

    pub(crate) fn made_by(mut self, key: &PrivateKey, responder: &Certificate) -> Self {
        (self.key, self.responder) = (key.clone(), responder.clone());
        self.certificates = vec![responder.clone()];
        self
    }

    pub(crate) fn with_extension(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    pub(crate) fn with_single_extension(mut self, extension: Vec<u8>) -> Self {
        self.single_extensions.push(extension);
        self
    }

    pub(crate) fn with_nonce(self, nonce: &[u8]) -> Self {
        let value = cursor::element(OCTET_STRING, nonce);
        self.with_extension(extension(&[0x2b, 6, 1, 5, 5, 7, 48, 1, 2], false, &value))
    }

    pub(crate) fn with_bad_signature(mut self) -> Self {
        self.has_bad_signature = true;
        self
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let explicit = |number, content: &[u8]| cursor::element(constructed(number), content);
        let key_id = DigestAlgorithm::Sha1.digest(self.responder.public_key().unwrap().key_bits());
        let responder = if self.is_by_key {
            explicit(2, &cursor::element(OCTET_STRING, key_id.as_ref()))
        } else {
            explicit(1, self.responder.subject_name().der())
        };
        let id = sequence(&[
            sequence(std::slice::from_ref(&self.algorithm)),
            cursor::element(OCTET_STRING, &self.issuer_name),
            cursor::element(OCTET_STRING, &self.issuer_key),
            integer(self.serial),
        ]);
        let mut single = vec![id, self.status.clone(), generalized(self.this_update)];
        single.extend(self.next_update.map(|next| explicit(0, &generalized(next))));
        if !self.single_extensions.is_empty() {
            single.push(explicit(1, &sequence(&self.single_extensions)));
        }
        let answers = sequence(&[sequence(&single)]);
        let mut data = vec![responder, generalized(self.this_update), answers];
        if !self.extensions.is_empty() {
            data.push(explicit(1, &sequence(&self.extensions)));
        }
        let certificates: Vec<_> =
            self.certificates.iter().map(|certificate| certificate.der().to_vec()).collect();
        let certificates = match certificates.as_slice() {
            [] => Vec::new(),
            certificates => explicit(0, &sequence(certificates)),
        };
        let data = sequence(&data);
        let algorithm = self.key.default_signature_algorithm().to_der().unwrap();
        let mut basic = sign(&self.key, &algorithm, &data, &certificates);
        if self.has_bad_signature {
            // The year of producedAt, in what was signed.
            let place = basic.windows(4).position(|bytes| bytes == b"2026").unwrap();
            basic[place + 3] = b'5';
        }
        let typed = [
            cursor::element(OBJECT_IDENTIFIER, &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1]),
            cursor::element(OCTET_STRING, &basic),
        ];
        sequence(&[cursor::element(ENUMERATED, &[0]), explicit(0, &sequence(&typed))])
    }

    pub(crate) fn read(&self) -> OcspResponse {
        OcspResponse::from_der(self.der()).unwrap()
    }
}

impl List {
    /// Adds an extension `id-ce` with this last number.
    pub(crate) fn with(mut self, id: u8, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(extension(&[0x55, 0x1d, id], critical, value));
        self
    }

    pub(crate) fn without_extensions(mut self) -> Self {
        self.extensions.clear();
        self
    }

    pub(crate) fn dated(mut self, this_update: i64, next_update: Option<i64>) -> Self {
        (self.this_update, self.next_update) = (this_update, next_update);
        self
    }

    pub(crate) fn signed_by(mut self, key: &PrivateKey) -> Self {
        self.key = key.clone();
        self
    }

    pub(crate) fn issued_by(mut self, name: &DistinguishedName) -> Self {
        self.issuer = name.clone();
        self
    }

    pub(crate) fn with_bad_signature(mut self) -> Self {
        self.has_bad_signature = true;
        self
    }

    /// Says what the list covers (`IssuingDistributionPoint`), by its fields.
    pub(crate) fn about(self, fields: &[Vec<u8>]) -> Self {
        self.with(28, true, &sequence(fields))
    }

    /// Makes it a delta list.
    pub(crate) fn since(self, base: u8) -> Self {
        self.with(27, true, &integer(base))
    }

    /// Revokes a certificate since the day before yesterday.
    pub(crate) fn revoke(self, serial: u8, reason: u8) -> Self {
        let reason = cursor::element(ENUMERATED, &[reason]);
        self.entry(serial, AT - 2 * DAY, &[extension(&[0x55, 0x1d, 21], false, &reason)])
    }

    pub(crate) fn entry(mut self, serial: u8, since: i64, extensions: &[Vec<u8>]) -> Self {
        let mut fields = vec![integer(serial), utc(since)];
        if !extensions.is_empty() {
            fields.push(sequence(extensions));
        }
        self.entries.push(sequence(&fields));
        self
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let algorithm = self.key.default_signature_algorithm().to_der().unwrap();
        let mut fields =
            vec![integer(1), algorithm.clone(), self.issuer.der().to_vec(), utc(self.this_update)];
        fields.extend(self.next_update.map(utc));
        if !self.entries.is_empty() {
            fields.push(sequence(&self.entries));
        }
        if !self.extensions.is_empty() {
            fields.push(cursor::element(constructed(0), &sequence(&self.extensions)));
        }
        let mut der = sign(&self.key, &algorithm, &sequence(&fields), &[]);
        if self.has_bad_signature {
            *der.last_mut().unwrap() ^= 1;
        }
        der
    }

    pub(crate) fn read(&self) -> RevocationList {
        RevocationList::from_der(self.der()).unwrap()
    }
}

pub(crate) fn sequence(fields: &[Vec<u8>]) -> Vec<u8> {
    cursor::element(SEQUENCE, &fields.concat())
}

pub(crate) fn integer(value: u8) -> Vec<u8> {
    cursor::element(INTEGER, &[value])
}

pub(crate) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut fields = vec![cursor::element(OBJECT_IDENTIFIER, oid)];
    if critical {
        fields.push(cursor::element(BOOLEAN, &[0xff]));
    }
    fields.push(cursor::element(OCTET_STRING, value));
    sequence(&fields)
}

/// Makes a `DistributionPointName` with the full name of a directory entry.
pub(crate) fn full_name(name: &DistinguishedName) -> Vec<u8> {
    cursor::element(constructed(0), &cursor::element(constructed(0), &directory(name)))
}

/// Makes a `DistributionPointName` with a URI.
pub(crate) fn full_uri(uri: &str) -> Vec<u8> {
    let uri = cursor::element(primitive(6), uri.as_bytes());
    cursor::element(constructed(0), &cursor::element(constructed(0), &uri))
}

/// Makes a `DistributionPointName` with a common name below the issuer of the list.
pub(crate) fn relative_name(common_name: &str) -> Vec<u8> {
    let name = DistinguishedName::new(&[(COMMON_NAME, common_name)]).unwrap();
    let relative = cursor::Cursor::new(name.der()).any().unwrap().open().any().unwrap();
    cursor::element(constructed(0), &cursor::element(constructed(1), relative.content))
}

/// Makes a `GeneralName` that is a directory name.
pub(crate) fn directory(name: &DistinguishedName) -> Vec<u8> {
    cursor::element(constructed(4), name.der())
}

/// Makes the extension `CRLDistributionPoints` with one point.
pub(crate) fn points(fields: &[Vec<u8>]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 31], false, &sequence(&[sequence(fields)]))
}

/// Makes the field `number` of a distribution point or a scope: a flag, or bits.
pub(crate) fn field(number: u8, content: &[u8]) -> Vec<u8> {
    cursor::element(primitive(number), content)
}

/// Signs; `rest` comes after the signature.
fn sign(key: &PrivateKey, algorithm: &[u8], signed: &[u8], rest: &[u8]) -> Vec<u8> {
    let signature = key.sign(key.default_signature_algorithm(), signed).unwrap();
    let bits = cursor::element(BIT_STRING, &[&[0], signature.as_slice()].concat());
    sequence(&[signed.to_vec(), algorithm.to_vec(), bits, rest.to_vec()])
}

fn generalized(seconds: i64) -> Vec<u8> {
    let digits: String = crate::time::text(seconds).chars().filter(char::is_ascii_digit).collect();
    cursor::element(0x18, format!("{digits}Z").as_bytes())
}

pub(crate) fn utc(seconds: i64) -> Vec<u8> {
    let digits: String = crate::time::text(seconds).chars().filter(char::is_ascii_digit).collect();
    cursor::element(0x17, format!("{}Z", &digits[2..]).as_bytes())
}

fn profile(name: &str) -> Profile {
    Profile {
        subject: DistinguishedName::new(&[(COMMON_NAME, name)]).unwrap(),
        alternative_names: Vec::new(),
        key_usage: None,
        extended_key_usage: Vec::new(),
        authority: None,
        not_before: AT - 1000 * DAY,
        not_after: AT + 1000 * DAY,
        policies: Vec::new(),
        crl_urls: Vec::new(),
        ..Profile::default()
    }
}
