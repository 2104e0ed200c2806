//! Any header outside and any content inside of a good signature, encrypted or not: what the reader is shown as verified
//! is From of the signer's domain and nobody else, and no field is shown that stood in neither header.
#![no_main]

use std::io::{Cursor, Write};
use std::slice;
use std::sync::LazyLock;

use chancery_cms::{ContentCipher, DetachedSigner, EnvelopedWriter, Recipient, RsaPadding, SignOptions, SignerKey};
use chancery_crypto::{KeyKind, PrivateKey};
use chancery_mail::address::parse_mailbox_list;
use chancery_mail::header::HeaderBlock;
use chancery_mail::transfer::Base64Encoder;
use chancery_pki::{Organisation, issue};
use chancery_smime::{Anchor, Delivered, MemorySpools, OpenFacts, OpeningKey, Outcome, Reach, open};
use libfuzzer_sys::fuzz_target;

/// The keys are made when the target starts: nothing of them is in the seeds.
struct Keys {
    signer: SignerKey,
    recipient: Recipient,
    opening: OpeningKey,
    anchors: Vec<Anchor>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let organisation = Organisation::new("Acme", [DOMAIN]).expect("a name");
    let key = || PrivateKey::generate(KeyKind::EcP256).expect("a key");
    let (ca_key, key) = (key(), key());
    let ca = issue::ca(&organisation, &ca_key, AT, [1; 20]).expect("an authority");
    let authority = issue::Authority { key: &ca_key, certificate: &ca };
    let public = key.public_key();
    let signing = issue::organisation_signing(&organisation, &authority, public, AT, [2; 20]).expect("a certificate");
    let reading = issue::organisation_encryption(&organisation, &authority, public, AT, [3; 20]).expect("a certificate");
    Keys {
        signer: SignerKey::new(key.clone(), signing.der()).expect("a pair"),
        recipient: Recipient::from_certificate(reading.der(), RsaPadding::default()).expect("a certificate"),
        opening: OpeningKey::new(key, reading.der()).expect("a pair"),
        anchors: vec![Anchor::new("Acme", ca, Reach::Domains(vec![DOMAIN.into()]), false)],
    }
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    let outer = HeaderBlock::parse(rest);
    let inner = rest.get(outer.body_offset()..).unwrap_or_default();
    let mut wire = outer.raw().to_vec();
    if !wire.is_empty() && !wire.ends_with(b"\n") {
        wire.extend_from_slice(b"\r\n");
    }
    let signed = signed(inner);
    if choice % 2 == 0 {
        wire.extend_from_slice(&signed);
    } else {
        wire.extend_from_slice(&sealed(&signed));
    }
    let facts = OpenFacts { at: AT, our_domains: &["globex.example".to_owned()] };
    let mut out = Vec::new();
    let mut spools = MemorySpools::new(1 << 20);
    let keys = slice::from_ref(&KEYS.opening);
    let Ok(opened) = open(&mut Cursor::new(&wire), keys, &KEYS.anchors, &facts, &mut spools, &mut out) else {
        assert!(out.is_empty(), "a failure releases nothing");
        return;
    };
    let shown = match opened.delivered {
        Delivered::Nothing => return,
        Delivered::AsReceived => HeaderBlock::parse(&wire),
        Delivered::Original { .. } => HeaderBlock::parse(&out),
        Delivered::Rebuilt { .. } => {
            let shown = HeaderBlock::parse(&out);
            assert_from_one_of_both(shown, &[&wire, inner]);
            shown
        }
    };
    if opened.verdict.result == Outcome::Verified {
        assert_of_our_domain(shown);
    }
});

/// Every From that a reader could show is the signer's.
fn assert_of_our_domain(shown: HeaderBlock<'_>) {
    let mut count = 0;
    for field in shown.all("From") {
        count += 1;
        for mailbox in parse_mailbox_list(field.value).mailboxes {
            assert!(mailbox.address.domain().eq_ignore_ascii_case(DOMAIN), "{mailbox:?}");
        }
    }
    assert_eq!(count, 1, "one author is shown");
}

/// Each field that is shown stood outside or inside, there perhaps in a part; those that describe the content may lose a
/// parameter.
fn assert_from_one_of_both(shown: HeaderBlock<'_>, sources: &[&[u8]]) {
    let sources: Vec<Vec<u8>> = sources.iter().map(|source| bare(source)).collect();
    for field in shown.fields().filter(|field| !field.is("MIME-Version") && !field.is("Content-Type")) {
        let field = bare(field.raw);
        let stood = sources.iter().any(|source| source.windows(field.len()).any(|window| window == field));
        assert!(stood, "{:?}", String::from_utf8_lossy(&field));
    }
}

/// Returns a text without its line ends, which are made CRLF.
fn bare(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

/// Returns a multipart/signed around the content, with a signature that matches.
fn signed(content: &[u8]) -> Vec<u8> {
    let options = SignOptions { signing_time: Some(AT), ..SignOptions::default() };
    let mut signer = DetachedSigner::new(slice::from_ref(&KEYS.signer), &[], &options).expect("a signer");
    signer.update(content);
    let head = b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n \
        micalg=sha-256; boundary=\"=_fuzz\"\r\n\r\n--=_fuzz\r\n";
    let part = b"\r\n--=_fuzz\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n";
    let mut armor = Base64Encoder::new([&head[..], content, part].concat());
    armor.write_all(&signer.finish().expect("a signature")).expect("memory");
    let mut mail = armor.finish().expect("memory");
    mail.extend_from_slice(b"--=_fuzz--\r\n");
    mail
}

/// Returns the encrypted form of a message, with its header fields.
fn sealed(content: &[u8]) -> Vec<u8> {
    let head = b"MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=authEnveloped-data\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n";
    let armor = Base64Encoder::new(head.to_vec());
    let mut writer = EnvelopedWriter::new(armor, ContentCipher::Aes256Gcm, slice::from_ref(&KEYS.recipient)).expect("a writer");
    writer.write_all(content).expect("memory");
    writer.finish().expect("a message").finish().expect("memory")
}

const DOMAIN: &str = "acme.example";

/// A day on which the certificates are valid: 2027-01-01.
const AT: i64 = 1_798_761_600;
