//! Messages with authentication codes made by hand with another HMAC: no program at hand writes them.

use aws_lc_rs::hmac;
use chancery_crypto::{ContentKey, DigestAlgorithm, KeyWrap};

use super::{AuthenticatedReport, open_authenticated};
use crate::algorithms::{digest_der, keys};
use crate::enveloped::DecryptionKey;
use crate::error::Error;
use crate::oid;
use crate::tlv::{element, sequence, set_of, small_integer, tag};

const KEY: [u8; 32] = [7; 32];
const CONTENT: &[u8] = b"The code proves that somebody with the key wrote this.";

fn attribute(id: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&oid::element(id), &element(tag::SET, &[value])])
}

fn code(data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[3; 32]), data).as_ref().to_vec()
}

/// Returns the attributes of this content as a set.
fn attributes(content: &[u8]) -> Vec<u8> {
    let digest = DigestAlgorithm::Sha256.digest(content);
    set_of(
        tag::SET,
        vec![
            attribute(oid::CONTENT_TYPE, &oid::element(oid::DATA)),
            attribute(oid::MESSAGE_DIGEST, &element(tag::OCTET_STRING, &[digest.as_ref()])),
        ],
    )
}

/// Returns a message with these attributes (none if empty) and this code.
fn message(attributes: &[u8], code: &[u8]) -> Vec<u8> {
    let wrapped = KeyWrap::Aes256.wrap(&KEY, &ContentKey::from_slice(&[3; 32]).unwrap()).unwrap();
    let recipient = element(
        tag::context(2),
        &[
            &small_integer(4),
            &sequence(&[&element(tag::OCTET_STRING, &[b"name"])]),
            &keys::key_wrap_der(KeyWrap::Aes256),
            &element(tag::OCTET_STRING, &[&wrapped]),
        ],
    );
    let mut digest = digest_der(DigestAlgorithm::Sha256);
    digest[0] = tag::context(1);
    let mut carried = attributes.to_vec();
    if carried.is_empty() {
        digest.clear();
    } else {
        carried[0] = tag::context(2);
    }
    let octets = element(tag::OCTET_STRING, &[CONTENT]);
    let data = sequence(&[
        &small_integer(0),
        &element(tag::SET, &[&recipient]),
        &sequence(&[&oid::element(oid::HMAC_SHA256)]),
        &digest,
        &sequence(&[&oid::element(oid::DATA), &element(tag::context(0), &[&octets])]),
        &carried,
        &element(tag::OCTET_STRING, &[code]),
        &element(tag::context(3), &[&attribute(oid::SIGNING_TIME, &sequence(&[]))]),
    ]);
    sequence(&[&oid::element(oid::AUTHENTICATED_DATA), &element(tag::context(0), &[&data])])
}

fn open(message: &[u8]) -> Result<(Vec<u8>, AuthenticatedReport), Error> {
    let mut content = Vec::new();
    let report =
        open_authenticated(message, &[DecryptionKey::shared_key(b"name", &KEY)], &mut content)?;
    Ok((content, report))
}

#[test]
fn codes_over_content_and_over_attributes_are_checked() {
    let set = attributes(CONTENT);
    for message in [message(b"", &code(CONTENT)), message(&set, &code(&set))] {
        let (content, report) = open(&message).unwrap();
        assert_eq!((content.as_slice(), report.digest), (CONTENT, DigestAlgorithm::Sha256));
        assert_eq!(report.key_management, "shared key aes256-wrap");
        let at = message.windows(8).position(|window| window == b"The code").unwrap();
        let mut changed = message.clone();
        changed[at] ^= 1;
        assert!(matches!(open(&changed), Err(Error::Decrypt)));
        for length in 0..message.len() {
            assert!(open(&message[..length]).is_err());
        }
    }
}

#[test]
fn everything_that_does_not_match_is_one_error() {
    let (set, other) = (attributes(CONTENT), attributes(b"other"));
    let wrong_key = open_authenticated(
        message(b"", &code(CONTENT)).as_slice(),
        &[DecryptionKey::shared_key(b"name", &[8; 32])],
        std::io::sink(),
    );
    assert!(matches!(wrong_key, Err(Error::Decrypt)), "{wrong_key:?}");
    // The code is right but over something else: other attributes, the content in place of them, half of a code.
    for message in [
        message(&other, &code(&other)),
        message(&set, &code(CONTENT)),
        message(b"", &code(&set)),
        message(b"", &code(CONTENT)[..16]),
        message(b"", b""),
    ] {
        assert!(matches!(open(&message), Err(Error::Decrypt)));
    }
}
