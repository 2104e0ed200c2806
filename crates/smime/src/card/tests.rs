//! Tests of cards: what is written is read, what is changed is refused, and OpenSSL reads them too.

#![expect(clippy::disallowed_methods, reason = "one test starts openssl on files")]

use std::process::Command;

use chancery_cms::{SignOptions, SignerKey, sign_attached};
use chancery_crypto::{KeyKind, PrivateKey};
use chancery_fault::Coded;
use chancery_pki::issue::{self, Authority};
use chancery_pki::{Certificate, Organisation, pem};
use proptest::prelude::*;
use serde_json::json;

use crate::card::{CODES, Capabilities, Card, Contents, Error, LABEL, document};
use crate::keys::Signer;

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;
const YEAR: i64 = 365 * 86_400;

/// An organisation with its keys, and the card it would write.
struct Globex {
    ca_key: PrivateKey,
    key: PrivateKey,
    contents: Contents,
}

impl Globex {
    fn new() -> Self {
        Self::with("Globex", &["globex.example", "globex.test"])
    }

    fn with(name: &str, domains: &[&str]) -> Self {
        let organisation = Organisation::new(name, domains.iter().copied()).unwrap();
        let [ca_key, key] = [0; 2].map(|_| PrivateKey::generate(KeyKind::EcP256).unwrap());
        let ca = issue::ca(&organisation, &ca_key, AT, [1; 20]).unwrap();
        let authority = Authority { key: &ca_key, certificate: &ca };
        let public = key.public_key();
        let signing =
            issue::organisation_signing(&organisation, &authority, public, AT, [2; 20]).unwrap();
        let encryption =
            issue::organisation_encryption(&organisation, &authority, public, AT, [3; 20]).unwrap();
        let contents = Contents {
            organisation,
            authority: ca,
            chain: Vec::new(),
            signing: vec![signing],
            encryption: vec![encryption],
            capabilities: Capabilities::ours(),
            hosts: vec!["mx.globex.example".to_owned()],
            issued: AT,
            expires: AT + YEAR,
        };
        Self { ca_key, key, contents }
    }

    fn signer(&self) -> Signer {
        let certificate = self.contents.signing[0].der();
        Signer::new(self.key.clone(), certificate, &[self.contents.authority.der().to_vec()])
            .unwrap()
    }

    fn write(&self) -> Result<String, Error> {
        Card::write(&self.contents, &self.signer())
    }

    /// Signs any JSON as a card, past the checks of the writer.
    fn forge(&self, json: &str) -> String {
        let key = SignerKey::new(self.key.clone(), self.contents.signing[0].der()).unwrap();
        let certificates = [self.contents.authority.der().to_vec()];
        let signed =
            sign_attached(json.as_bytes(), &[key], &certificates, &SignOptions::default()).unwrap();
        pem::encode(LABEL, &signed)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&document::encode(&Card::of(self.contents.clone())).unwrap()).unwrap()
    }

    /// Reads a card whose JSON was changed before signing.
    fn changed(&self, change: impl FnOnce(&mut serde_json::Value)) -> Result<Card, Error> {
        let mut json = self.json();
        change(&mut json);
        Card::read(self.forge(&json.to_string()).as_bytes(), AT).map(|(card, _)| card)
    }

    fn reissue(&self, at: i64) -> [Certificate; 2] {
        let authority = Authority { key: &self.ca_key, certificate: &self.contents.authority };
        let (organisation, public) = (&self.contents.organisation, self.key.public_key());
        [
            issue::organisation_signing(organisation, &authority, public, at, [4; 20]).unwrap(),
            issue::organisation_encryption(organisation, &authority, public, at, [5; 20]).unwrap(),
        ]
    }
}

fn code<T>(result: Result<T, Error>) -> &'static str {
    result.err().map_or("none", |error| error.code().id)
}

#[test]
fn a_card_says_what_was_written() {
    let globex = Globex::new();
    let text = globex.write().unwrap();
    let (card, checks) = Card::read(text.as_bytes(), AT).unwrap();
    assert_eq!(card, Card::of(globex.contents.clone()));
    assert_eq!(card, Card::read_stored(text.as_bytes()).unwrap());
    assert_eq!(checks.signed_by, "CN=globex.example mail signing,O=Globex");
    assert_eq!(checks.path.len(), 2);
    assert_eq!(checks.warnings, [""; 0]);
    let head = text.split("-----BEGIN").next().unwrap();
    for line in [
        "Organisation: Globex\n",
        "globex.example globex.test\n",
        "2026-06-01T12:00:00Z to 2027-06-01T12:00:00Z",
        &card.fingerprint(),
    ] {
        assert!(head.contains(line), "{line} is not in {head}");
    }
}

#[test]
fn line_ends_and_the_text_around_do_not_matter() {
    let globex = Globex::new();
    let text = globex.write().unwrap();
    let block = &text[text.find("-----BEGIN").unwrap()..];
    for variant in [
        text.replace('\n', "\r\n"),
        block.to_owned(),
        format!("Organisation: Mallory\nFingerprint: AAAA\n{block}\n-- \nsent from my phone"),
        format!("\u{feff}{text}"),
    ] {
        assert_eq!(Card::read(variant.as_bytes(), AT).unwrap().0.organisation(), "Globex");
    }
}

#[test]
fn openssl_verifies_the_card_and_prints_the_json() {
    let globex = Globex::new();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("card"), globex.write().unwrap()).unwrap();
    std::fs::write(folder.path().join("ca.pem"), globex.contents.authority.to_pem()).unwrap();
    let output = Command::new("openssl")
        .args([
            "cms",
            "-verify",
            "-inform",
            "PEM",
            "-CAfile",
            "ca.pem",
            "-in",
            "card",
            "-attime",
            &AT.to_string(),
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json, globex.json());
    assert_eq!(json["domains"][1], "globex.test");
}

#[test]
fn no_changed_byte_of_the_signed_block_is_accepted() {
    let globex = Globex::new();
    let text = globex.write().unwrap();
    let der = pem::blocks(text.as_bytes()).unwrap()[0].der.to_vec();
    // The content is one octet string under one digest, so that a sample of it does.
    let json = globex.json();
    let start = der.windows(9).position(|window| window == b"\"version\"").unwrap();
    let length = serde_json::to_string_pretty(&json).unwrap().len();
    let (card, _) = Card::read(text.as_bytes(), AT).unwrap();
    let mut harmless = 0;
    let is_sampled =
        |index: &usize| !(start + 9..start + length - 9).contains(index) || index.is_multiple_of(9);
    for index in (0..der.len()).filter(is_sampled) {
        let mut flips = vec![1 << (index % 8)];
        // The last part is the signer's identifier, of which readers ignore upper and lower case.
        flips.extend((index + 600 > der.len()).then_some(0x20));
        for flip in flips {
            let mut changed = der.clone();
            changed[index] ^= flip;
            // An unsigned certificate whose tag is changed is one that is left out, which says nothing new.
            if let Ok((read, _)) = Card::read(pem::encode(LABEL, &changed).as_bytes(), AT) {
                assert_eq!(read, card, "byte {index} of {} changed by {flip:#x}", der.len());
                harmless += 1;
            }
        }
    }
    assert!(harmless <= 2, "{harmless} changed bytes were not noticed");
}

#[test]
fn no_changed_letter_of_the_armour_is_accepted() {
    let globex = Globex::new();
    let text = globex.write().unwrap();
    let start = text.find("-----BEGIN").unwrap();
    for (index, byte) in
        text.bytes().enumerate().skip(start).step_by(7).filter(|(_, byte)| *byte != b'\n')
    {
        let mut changed = text.clone().into_bytes();
        changed[index] = if byte == b'A' { b'B' } else { b'A' };
        assert!(Card::read(&changed, AT).is_err(), "letter {index}");
    }
}

#[test]
fn a_truncated_card_is_refused() {
    let text = Globex::new().write().unwrap();
    let end = text.trim_end().len();
    for length in (0..end).step_by(97).chain([end - 1]) {
        assert_eq!(
            code(Card::read(&text.as_bytes()[..length], AT)),
            "card.syntax",
            "{length} bytes"
        );
    }
}

#[test]
fn each_fault_has_its_code() {
    let globex = Globex::new();
    for (expected, field, value) in [
        ("none", "colour", json!("green")),
        ("none", "critical", json!(["domains"])),
        ("none", "capabilities", json!({"content": ["kyber-gcm"], "colour": 1})),
        ("card.version", "critical", json!(["colour"])),
        ("card.version", "version", json!(2)),
        ("card.syntax", "version", json!("1")),
        ("card.syntax", "domains", json!("globex.example")),
        ("card.syntax", "ca", json!("nothing")),
        ("card.syntax", "ca", json!(globex.contents.authority.to_pem().repeat(2))),
        ("card.syntax", "issued", json!("yesterday")),
        ("card.syntax", "expires", globex.json()["issued"].clone()),
        ("card.syntax", "reach", json!({"hosts": ["a\u{1b}[2J"]})),
        ("card.syntax", "domains", json!(vec!["globex.example"; 501])),
        ("card.domain", "domains", json!([])),
        ("card.domain", "domains", json!(["GLOBEX.example"])),
        ("card.domain", "domains", json!(["globex.example", "acme.example"])),
        ("card.domain", "organisation", json!("")),
        ("card.domain", "encryption", json!([])),
        ("card.domain", "encryption", globex.json()["signing"].clone()),
        ("card.chain", "signing", globex.json()["encryption"].clone()),
        ("card.not_yet_valid", "issued", json!("2026-06-02T00:00:00Z")),
    ] {
        let result = globex.changed(|json| json[field] = value.clone());
        assert_eq!(code(result), expected, "{field}: {value}");
    }
    let old = globex.changed(|json| {
        json["issued"] = json!("2025-01-01T00:00:00Z");
        json["expires"] = json!("2026-01-01T00:00:00Z");
    });
    assert_eq!(code(old), "card.expired");
    let signed_text = globex.forge("hello");
    assert_eq!(code(Card::read(signed_text.as_bytes(), AT)), "card.syntax");
    assert_eq!(code(Card::read(&vec![b'x'; 256 * 1024 + 1], AT)), "card.too_large");
    assert_eq!(code(Card::read(b"", AT)), "card.syntax");
    let twice = globex.write().unwrap().repeat(2);
    assert_eq!(code(Card::read(twice.as_bytes(), AT)), "card.syntax");
}

#[test]
fn the_dates_of_the_card_are_obeyed_when_it_is_added() {
    let globex = Globex::new();
    let text = globex.write().unwrap();
    let read = |at| Card::read(text.as_bytes(), at);
    assert_eq!(code(read(AT + YEAR)), "none");
    assert_eq!(code(read(AT + YEAR + 1)), "card.expired");
    assert_eq!(code(read(AT - 3600)), "none");
    assert_eq!(code(read(AT - 3601)), "card.not_yet_valid");
    let warned = read(AT + YEAR - 86_400).unwrap().1.warnings;
    assert_eq!(warned, ["the card expires 2027-06-01T12:00:00Z"]);
}

#[test]
fn an_expired_certificate_is_told_as_such() {
    let mut globex = Globex::new();
    globex.contents.expires = AT + 3 * YEAR;
    let text = globex.write().unwrap();
    let error = Card::read(text.as_bytes(), AT + 2 * YEAR + 1).unwrap_err();
    assert_eq!(error.code().id, "card.expired");
    assert!(
        error.to_string().contains("certificate <CN=globex.example mail signing,O=Globex>"),
        "{error}"
    );
    assert_eq!(code(Card::read_stored(text.as_bytes())), "none");
}

#[test]
fn the_next_certificate_may_be_announced() {
    let mut globex = Globex::new();
    let [signing, encryption] = globex.reissue(AT + YEAR);
    globex.contents.signing.push(signing);
    globex.contents.encryption.push(encryption);
    let text = globex.write().unwrap();
    let (card, checks) = Card::read(text.as_bytes(), AT).unwrap();
    assert_eq!(card.encryption().len(), 2);
    assert_eq!(checks.warnings.len(), 2);
    assert!(checks.warnings[0].contains("is not valid before"), "{:?}", checks.warnings);
}

#[test]
fn keys_of_another_authority_do_not_get_in() {
    let globex = Globex::new();
    // Mallory has an authority with the same names, and takes the place of one of the certificates.
    let mallory = Globex::new();
    let foreign =
        |json: &mut serde_json::Value| json["encryption"] = mallory.json()["encryption"].clone();
    assert_eq!(code(globex.changed(foreign)), "card.chain");
    let both = |json: &mut serde_json::Value| {
        json["signing"] = json!([json["signing"][0], mallory.json()["signing"][0]]);
    };
    assert_eq!(code(globex.changed(both)), "card.chain");
    let ca = |json: &mut serde_json::Value| json["ca"] = mallory.json()["ca"].clone();
    assert_eq!(code(globex.changed(ca)), "card.chain");
    // A card signed by mallory with Globex' content: its signer is not in the list.
    assert_eq!(
        code(Card::read(mallory.forge(&globex.json().to_string()).as_bytes(), AT)),
        "card.chain"
    );
}

#[test]
fn a_leaf_is_no_authority() {
    let globex = Globex::new();
    let own = |json: &mut serde_json::Value| json["ca"] = json["signing"][0].clone();
    assert_eq!(code(globex.changed(own)), "card.chain");
}

#[test]
fn the_writer_refuses_what_readers_would_refuse() {
    let mut globex = Globex::new();
    globex.contents.organisation =
        Organisation::new("Globex", ["globex.example", "new.example"]).unwrap();
    assert_eq!(code(globex.write()), "card.domain");
    let mut globex = Globex::new();
    globex.contents.expires = AT;
    assert_eq!(code(globex.write()), "card.syntax");
    let other = Globex::new();
    assert_eq!(code(Card::write(&Globex::new().contents, &other.signer())), "card.chain");
}

#[test]
fn the_fingerprint_is_of_the_name_and_the_authority_only() {
    let globex = Globex::new();
    let (card, _) = Card::read(globex.write().unwrap().as_bytes(), AT).unwrap();
    let fingerprint = card.fingerprint();
    let groups: Vec<_> = fingerprint.split('-').collect();
    assert_eq!(groups.len(), 6);
    assert!(groups.iter().all(|group| group.len() == 4));
    assert!(fingerprint.chars().all(|letter| matches!(letter, 'A'..='Z' | '2'..='7' | '-')));

    let mut renewed = Globex {
        contents: globex.contents.clone(),
        key: globex.key.clone(),
        ca_key: globex.ca_key.clone(),
    };
    let [signing, encryption] = renewed.reissue(AT + 60);
    renewed.contents =
        Contents { signing: vec![signing], encryption: vec![encryption], ..renewed.contents };
    assert_eq!(Card::of(renewed.contents.clone()).fingerprint(), fingerprint);
    renewed.contents.organisation = Organisation::new("Globex ", ["globex.example"]).unwrap();
    assert_ne!(Card::of(renewed.contents).fingerprint(), fingerprint);
    assert_ne!(Card::of(Globex::new().contents).fingerprint(), fingerprint);

    for typed in [
        fingerprint.to_lowercase(),
        fingerprint.replace('-', " "),
        fingerprint.replace('O', "0").replace('B', "8"),
    ] {
        assert!(card.has_fingerprint(&typed), "{typed}");
    }
    let first = if fingerprint.starts_with('A') { "C" } else { "A" };
    for typed in [
        "",
        &fingerprint[..24],
        &format!("{first}{}", &fingerprint[1..]),
        &format!("{fingerprint}A"),
    ] {
        assert!(!card.has_fingerprint(typed), "{typed}");
    }
}

/// The value is fixed: two releases must agree about it, or phone calls go wrong.
#[test]
fn the_fingerprint_does_not_change_between_releases() {
    assert_eq!(super::fingerprint::of("Acme", b"key"), "KKP4-TEDD-75F2-6VAF-ME33-QZGX");
}

#[test]
fn codes_are_distinct() {
    let mut ids: Vec<_> = CODES.iter().map(|code| code.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    assert!(ids.iter().all(|id| id.starts_with("card.")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_organisation_survives_writing_and_reading(
        name in "[A-Za-zÀ-ž&'\",+=<>#;\\\\/(){}-][ A-Za-zÀ-ž&'\",+=<>#;\\\\/(){}-]{0,62}",
        domains in prop::collection::vec("[a-z]([a-z0-9-]{0,20}[a-z0-9])?\\.[a-z]{2,8}", 1..6),
    ) {
        let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
        let globex = Globex::with(&name, &domains);
        let text = globex.write().unwrap();
        let (card, _) = Card::read(text.as_bytes(), AT).unwrap();
        prop_assert_eq!(card, Card::of(globex.contents));
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(Card::read(&bytes, AT).is_err());
        prop_assert!(Card::read(pem::encode(LABEL, &bytes).as_bytes(), AT).is_err());
    }
}
