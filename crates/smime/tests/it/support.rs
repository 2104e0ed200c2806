//! Two organisations with keys, and short ways to protect and to open.

use std::io::Cursor;

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::{Certificate, Organisation, issue};
use chancery_smime::{
    Anchor, Capabilities, ContentAlgorithm, Delivered, MemorySpools, OpenFacts, OpeningKey,
    OuterHeaders, OuterSubject, Problem, Protected, Protection, Reach, RecipientKey, Signer,
    Signing, Statement, Trust, Verdict, open, protect, sign,
};

/// An organisation with its keys.
pub(crate) struct Party {
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) ca_key: PrivateKey,
    pub(crate) ca: Certificate,
    pub(crate) signing_key: PrivateKey,
    pub(crate) signing: Certificate,
    pub(crate) encryption_key: PrivateKey,
    pub(crate) encryption: Certificate,
}

impl Party {
    pub(crate) fn new(name: &str, domain: &str, kind: KeyKind) -> Self {
        Self::issued_at(name, domain, kind, AT - 86_400)
    }

    pub(crate) fn issued_at(name: &str, domain: &str, kind: KeyKind, at: i64) -> Self {
        let organisation = Organisation::new(name, [domain]).unwrap();
        let ca_key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let ca = issue::ca(&organisation, &ca_key, at, [1; 20]).unwrap();
        let authority = issue::Authority { key: &ca_key, certificate: &ca };
        let signing_key = key(kind, RSA_SIGNING);
        let encryption_key = key(kind, RSA_ENCRYPTION);
        let signing = issue::organisation_signing(
            &organisation,
            &authority,
            signing_key.public_key(),
            at,
            [2; 20],
        )
        .unwrap();
        let encryption = issue::organisation_encryption(
            &organisation,
            &authority,
            encryption_key.public_key(),
            at,
            [3; 20],
        )
        .unwrap();
        Self {
            name: name.to_owned(),
            domain: domain.to_owned(),
            ca_key,
            ca,
            signing_key,
            signing,
            encryption_key,
            encryption,
        }
    }

    pub(crate) fn acme() -> Self {
        Self::new("Acme", "acme.example", KeyKind::EcP256)
    }

    pub(crate) fn globex() -> Self {
        Self::new("Globex", "globex.example", KeyKind::EcP256)
    }

    pub(crate) fn signer(&self) -> Signer {
        Signer::new(self.signing_key.clone(), self.signing.der(), &[self.ca.der().to_vec()])
            .unwrap()
    }

    pub(crate) fn recipient(&self) -> RecipientKey {
        RecipientKey::new(self.encryption.der(), &[Statement::card(Capabilities::ours(), AT)])
            .unwrap()
    }

    /// Signs a message in clear.
    pub(crate) fn sign(&self, original: &str) -> Vec<u8> {
        let signer = self.signer();
        let signing = Signing { signer: &signer, signing_time: AT, boundary_seed: b"child 1" };
        let mut out = Vec::new();
        sign(&mut Cursor::new(original), &signing, &mut out).unwrap();
        out
    }

    pub(crate) fn opening(&self) -> OpeningKey {
        OpeningKey::new(self.encryption_key.clone(), self.encryption.der()).unwrap()
    }

    pub(crate) fn anchor(&self) -> Anchor {
        let reach = Reach::Domains(vec![self.domain.clone()]);
        Anchor::new(&self.name, self.ca.clone(), reach, false)
    }

    /// Protects a message of this organisation for another one.
    pub(crate) fn protect(
        &self,
        original: &[u8],
        to: &Self,
        cipher: ContentAlgorithm,
    ) -> (Vec<u8>, Protected) {
        let (signer, recipient) = (self.signer(), to.recipient());
        let protection = Protection {
            signer: &signer,
            recipients: &[&recipient],
            cipher,
            signing_time: AT,
            boundary_seed: b"child 1",
        };
        let outer = OuterHeaders::copied_from(original, OuterSubject::Hide);
        let mut wire = Vec::new();
        let protected =
            protect(&mut Cursor::new(original), &outer, &protection, &mut wire).unwrap();
        (wire, protected)
    }
}

/// What came out of a message.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) delivered: Delivered,
    pub(crate) bytes: Vec<u8>,
    pub(crate) trace: Vec<u8>,
}

impl Outcome {
    pub(crate) fn codes(&self) -> Vec<&str> {
        // OpenSSL signs at the time of the day, which is to come for who looks at AT.
        let codes = self.verdict.problems.iter().map(|problem: &Problem| problem.code);
        codes.filter(|code| *code != "smime.signing_time").collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Opens a message as `who`, who knows these anchors.
pub(crate) fn open_as(who: &Party, message: &[u8], trust: &dyn Trust) -> Outcome {
    open_at(who, message, trust, AT)
}

pub(crate) fn open_at(who: &Party, message: &[u8], trust: &dyn Trust, at: i64) -> Outcome {
    let our_domains = [who.domain.clone()];
    let facts = OpenFacts { at, our_domains: &our_domains };
    let mut bytes = Vec::new();
    let opened = open(
        &mut Cursor::new(message),
        &[who.opening()],
        trust,
        &facts,
        &mut MemorySpools::new(64 << 20),
        &mut bytes,
    )
    .unwrap();
    let written = match opened.delivered {
        Delivered::AsReceived | Delivered::Nothing => 0,
        Delivered::Original { bytes } | Delivered::Rebuilt { bytes } => bytes,
    };
    assert_eq!(written, bytes.len() as u64, "what is said to be written is written");
    Outcome {
        verdict: opened.verdict,
        delivered: opened.delivered,
        bytes,
        trace: opened.outer_trace,
    }
}

/// Makes a key; the RSA key is the given one, because making one takes long without optimisation.
fn key(kind: KeyKind, rsa: &str) -> PrivateKey {
    match kind {
        KeyKind::Rsa2048 => chancery_pki::key_file::read(rsa.as_bytes()).unwrap(),
        _ => PrivateKey::generate(kind).unwrap(),
    }
}

/// RSA keys for tests only.
const RSA_SIGNING: &str = include_str!("keys/rsa-2048-signing.pem");
const RSA_ENCRYPTION: &str = include_str!("keys/rsa-2048-encryption.pem");

/// A message of Acme to Globex with an umlaut, long-ish lines and an attachment.
pub(crate) const MESSAGE: &[u8] = "Received: from desk (desk.acme.example [192.0.2.7])\r\n\tby mail.acme.example\r\n\
    From: =?utf-8?Q?J=C3=B6rg?= <joerg@acme.example>\r\nTo: hank@globex.example\r\n\
    Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= of the secret kind\r\nMessage-ID: <1@acme.example>\r\n\
    Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nX-Project: secret too\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=outer\r\n\r\nThis is MIME.\r\n--outer\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße, the secret body\r\n\r\n--outer\r\n\
    Content-Type: application/octet-stream; name=x.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQF\r\n\
    --outer--\r\n"
    .as_bytes();

/// The time of all tests.
pub(crate) const AT: i64 = 1_795_000_000;

/// Returns a party whose signing certificate is one for a person: its authority put these alternative names into it.
pub(crate) fn person(
    party: &Party,
    subject: &[(rcgen::DnType, &str)],
    names: Vec<rcgen::SanType>,
) -> Party {
    let key = |key: &PrivateKey| {
        rcgen::KeyPair::from_pem(&chancery_pki::key_file::write(key).unwrap()).unwrap()
    };
    let signing_key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let distinguished = |names: &[(rcgen::DnType, &str)]| {
        let mut name = rcgen::DistinguishedName::new();
        for (kind, value) in names {
            name.push(kind.clone(), *value);
        }
        name
    };
    let mut authority = rcgen::CertificateParams::default();
    authority.distinguished_name = distinguished(&[
        (rcgen::DnType::OrganizationName, &party.name),
        (rcgen::DnType::CommonName, &format!("{} mail CA", party.domain)),
    ]);
    let issuer = rcgen::Issuer::new(authority, key(&party.ca_key));
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = distinguished(subject);
    params.subject_alt_names = names;
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2028, 1, 1);
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::EmailProtection];
    let certificate = params.signed_by(&key(&signing_key), &issuer).unwrap();
    let mut person = Party::new(&party.name, &party.domain, KeyKind::EcP256);
    person.ca = Certificate::from_der(party.ca.der()).unwrap();
    person.ca_key = party.ca_key.clone();
    person.signing = Certificate::from_der(certificate.der()).unwrap();
    person.signing_key = signing_key;
    person
}

/// Returns the alternative name that is a mail address.
pub(crate) fn mailbox(address: &str) -> rcgen::SanType {
    rcgen::SanType::Rfc822Name(address.try_into().unwrap())
}
