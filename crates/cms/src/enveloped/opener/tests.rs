//! Messages that neither we nor openssl write: authenticated attributes, short tags, swapped types.

use std::rc::Rc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use chancery_crypto::{ContentKey, DigestAlgorithm, KeyKind, KeyTransport, PrivateKey};

use super::{DecryptionKey, open_enveloped};
use crate::algorithms::{self, content::content_cipher_der, keys};
use crate::certificate::Certificate;
use crate::enveloped::recipient_info::{Method, entries};
use crate::enveloped::{ContentCipher, EnvelopeReport};
use crate::error::Error;
use crate::oid;
use crate::tlv::{element, sequence, set_of, small_integer, tag};

/// A certificate that is good enough for CMS: nothing in it is signed.
fn certificate(key: &PrivateKey) -> Vec<u8> {
    let name = sequence(&[]);
    let algorithm = algorithms::digest_der(DigestAlgorithm::Sha256);
    let tbs = sequence(&[
        &small_integer(7),
        &algorithm,
        &name,
        &sequence(&[]),
        &name,
        key.public_key().spki_der(),
    ]);
    sequence(&[&tbs, &algorithm, &element(tag::BIT_STRING, &[&[0]])])
}

struct Forge {
    key: PrivateKey,
    decryption: DecryptionKey,
    content_key: ContentKey,
}

impl Forge {
    fn new() -> Self {
        let key = PrivateKey::generate(KeyKind::Rsa2048).unwrap();
        let decryption = DecryptionKey::new(key.clone(), &certificate(&key)).unwrap();
        Self { key, decryption, content_key: ContentKey::random(32).unwrap() }
    }

    fn recipients(&self) -> Vec<u8> {
        set_of(
            tag::SET,
            vec![self.recipient(&KeyTransport::oaep(DigestAlgorithm::Sha256), &self.content_key)],
        )
    }

    fn recipient(&self, transport: &KeyTransport, content_key: &ContentKey) -> Vec<u8> {
        let encrypted = self.key.public_key().encrypt_key(transport, content_key).unwrap();
        let certificate = self.decryption.certificate().unwrap();
        sequence(&[
            &small_integer(0),
            &Certificate::from_der(certificate).unwrap().identifier().to_der(),
            &keys::key_transport_der(transport),
            &element(tag::OCTET_STRING, &[&encrypted]),
        ])
    }

    /// Encrypts in one piece with additional data; `attributes` is what the message carries of them.
    fn message(&self, attributes: &[u8], authenticated: &[u8], tag_len: u8) -> Vec<u8> {
        self.message_to(&self.recipients(), attributes, authenticated, tag_len)
    }

    fn message_to(
        &self,
        recipients: &[u8],
        attributes: &[u8],
        authenticated: &[u8],
        tag_len: u8,
    ) -> Vec<u8> {
        let provider =
            LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.content_key.as_bytes()).unwrap());
        let nonce = [3; 12];
        let mut content = CONTENT.to_vec();
        let mac = provider
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(authenticated),
                &mut content,
            )
            .unwrap();
        let parameters =
            sequence(&[&element(tag::OCTET_STRING, &[&nonce]), &small_integer(tag_len)]);
        let encrypted = sequence(&[
            &oid::element(oid::DATA),
            &sequence(&[&oid::element(oid::AES256_GCM), &parameters]),
            &element(tag::implicit(0), &[&content]),
        ]);
        let mac = element(tag::OCTET_STRING, &[&mac.as_ref()[..usize::from(tag_len)]]);
        let unauthenticated = element(tag::context(2), &[&attribute(b"ignored")]);
        wrapped(
            oid::AUTH_ENVELOPED_DATA,
            &[&small_integer(0), recipients, &encrypted, attributes, &mac, &unauthenticated],
        )
    }

    fn open(&self, message: &[u8]) -> Result<(Vec<u8>, EnvelopeReport), Error> {
        let mut content = Vec::new();
        let report = open_enveloped(message, std::slice::from_ref(&self.decryption), &mut content)?;
        Ok((content, report))
    }
}

fn wrapped(content_type: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    sequence(&[&oid::element(content_type), &element(tag::context(0), &[&sequence(parts)])])
}

fn attribute(value: &[u8]) -> Vec<u8> {
    let values = element(tag::SET, &[&element(tag::OCTET_STRING, &[value])]);
    sequence(&[&oid::element(oid::MESSAGE_DIGEST), &values])
}

const CONTENT: &[u8] = b"It is the content that counts, not the frame around it.";

#[test]
fn authenticated_attributes_are_part_of_the_tag() {
    let forge = Forge::new();
    let attributes =
        [attribute(b"one"), attribute(b"another that is longer than a block")].concat();
    let carried = element(tag::context(1), &[&attributes]);
    let authenticated = element(tag::SET, &[&attributes]);
    for tag_len in [12, 16] {
        let (content, report) =
            forge.open(&forge.message(&carried, &authenticated, tag_len)).unwrap();
        assert_eq!(content, CONTENT);
        assert!(report.authenticated);
        // Left out, changed, added, or with the tag they are carried with.
        let other = element(tag::context(1), &[&attribute(b"two")]);
        for (carried, authenticated) in [
            (&[][..], &authenticated),
            (&other, &authenticated),
            (&carried, &Vec::new()),
            (&carried, &carried),
        ] {
            let result = forge.open(&forge.message(carried, authenticated, tag_len));
            assert!(matches!(result, Err(Error::Decrypt)), "{result:?}");
        }
    }
}

#[test]
fn short_tags_are_refused() {
    let forge = Forge::new();
    for tag_len in [0, 4, 8, 11] {
        let result = forge.open(&forge.message(&[], &[], tag_len));
        assert!(matches!(result, Err(Error::Malformed { .. })), "{result:?}");
    }
    // The parameters say 16, the tag has 12.
    let mut message = forge.message(&[], &[], 12);
    let at = message.windows(3).rposition(|window| window == [tag::INTEGER, 1, 12]).unwrap();
    message[at + 2] = 16;
    assert!(matches!(forge.open(&message), Err(Error::Decrypt)));
}

#[test]
fn gcm_without_a_tag_and_cbc_with_one_are_refused() {
    let forge = Forge::new();
    let encrypted = |cipher: ContentCipher| {
        let algorithm = content_cipher_der(cipher, &vec![1; cipher.iv_len()]);
        sequence(&[&oid::element(oid::DATA), &algorithm, &element(tag::implicit(0), &[&[0; 32]])])
    };
    let mac = element(tag::OCTET_STRING, &[&[0; 16]]);
    let recipients = forge.recipients();
    let gcm = encrypted(ContentCipher::Aes256Gcm);
    let gcm = wrapped(oid::ENVELOPED_DATA, &[&small_integer(0), &recipients, &gcm]);
    let cbc = encrypted(ContentCipher::Aes256Cbc);
    let cbc = wrapped(oid::AUTH_ENVELOPED_DATA, &[&small_integer(0), &recipients, &cbc, &mac]);
    for message in [gcm, cbc] {
        assert!(matches!(forge.open(&message), Err(Error::Unsupported { .. })));
    }
}

#[test]
fn a_right_key_is_found_among_wrong_ones_of_the_kind_that_notices_nothing() {
    let forge = Forge::new();
    let wrong = ContentKey::random(32).unwrap();
    let short = ContentKey::random(16).unwrap();
    let silent = |key: &ContentKey| forge.recipient(&KeyTransport::Pkcs1v15, key);
    let mut damaged = silent(&wrong);
    *damaged.last_mut().unwrap() ^= 1;
    let right = silent(&forge.content_key);
    let noticed = forge.recipient(&KeyTransport::oaep(DigestAlgorithm::Sha256), &forge.content_key);
    // Damaged and too short ones are passed over, wherever they stand.
    for (infos, used) in [
        (vec![damaged.clone(), silent(&short), right.clone()], "rsa-pkcs1"),
        (vec![right.clone(), damaged.clone()], "rsa-pkcs1"),
        (vec![silent(&wrong), damaged.clone(), noticed.clone()], "rsa-oaep sha-256"),
    ] {
        let recipients = element(tag::SET, &infos.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let (content, report) = forge.open(&forge.message_to(&recipients, &[], &[], 16)).unwrap();
        assert_eq!((content.as_slice(), report.key_management.as_str()), (CONTENT, used));
    }
    for infos in [vec![damaged.clone()], vec![silent(&short)], vec![silent(&wrong)]] {
        let recipients = element(tag::SET, &infos.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let result = forge.open(&forge.message_to(&recipients, &[], &[], 16));
        assert!(matches!(result, Err(Error::Decrypt)), "{result:?}");
    }
}

#[test]
fn a_good_recipient_is_found_behind_a_broken_one() {
    let forge = Forge::new();
    let message = forge.message(&[], &[], 16);
    let recipients = forge.recipients();
    let at = message
        .windows(recipients.len())
        .position(|window| window[..4] == recipients[..4])
        .unwrap();
    let good = message[at..at + recipients.len()].to_vec();
    let mut broken = good.clone();
    *broken.last_mut().unwrap() ^= 1;
    let both = element(tag::SET, &[&broken[4..], &good[4..]]);
    let rest = &message[at + recipients.len()..];
    let enveloped = sequence(&[&small_integer(0), &both, rest]);
    let whole = sequence(&[
        &oid::element(oid::AUTH_ENVELOPED_DATA),
        &element(tag::context(0), &[&enveloped]),
    ]);
    let (content, report) = forge.open(&whole).unwrap();
    assert_eq!((content.as_slice(), report.recipient_count), (CONTENT, 2));
}

#[test]
fn thousands_of_recipients_share_the_senders_side() {
    let forge = Forge::new();
    let material = element(tag::context(1), &[&element(tag::OCTET_STRING, &[&vec![0; 100_000]])]);
    let originator_key =
        element(tag::context(1), &[&sequence(&[]), &element(tag::BIT_STRING, &[&[0, 4]])]);
    let originator = element(tag::context(0), &[&originator_key]);
    let (algorithm, _) = keys::key_agreement_der(keys::agreement_for(KeyKind::EcP256));
    let stranger = sequence(&[&sequence(&[]), &small_integer(1)]);
    let key = sequence(&[&stranger, &element(tag::OCTET_STRING, &[])]);
    let keys = sequence(&[&key.repeat(9_000)]);
    let info =
        element(tag::context(1), &[&small_integer(3), &originator, &material, &algorithm, &keys]);
    let shared: Vec<_> = entries(&info, 0)
        .unwrap()
        .into_iter()
        .map(|entry| match entry.method {
            Ok(Method::Agreement { sender, .. }) => sender,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shared.len(), 9_000);
    assert!(
        shared.iter().all(|sender| Rc::ptr_eq(sender, &shared[0])),
        "100 kB of material are not copied"
    );
    let recipients = element(tag::SET, &[&info]);
    let message = wrapped(oid::ENVELOPED_DATA, &[&small_integer(2), &recipients]);
    let result = forge.open(&message);
    assert!(matches!(result, Err(Error::Malformed { .. })), "the content is missing: {result:?}");
    let inspection = super::inspect(message.as_slice()).unwrap();
    assert_eq!((inspection.recipient_count, inspection.recipients.len()), (9_000, 32));
    let recipients = element(tag::SET, &[&info, &info]);
    let message = wrapped(oid::ENVELOPED_DATA, &[&small_integer(2), &recipients]);
    assert!(matches!(forge.open(&message), Err(Error::Limit { what: "recipients", .. })));
}
