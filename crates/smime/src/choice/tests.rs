//! Who is believed about what a recipient reads, and that nobody can talk the choice down.

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::{Organisation, issue};
use proptest::prelude::*;

use super::*;

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;
const DAY: i64 = 86_400;

/// What OpenSSL 3 puts into the attribute, by name.
const OPENSSL: [&str; 7] =
    ["aes256-cbc", "aes192-cbc", "aes128-cbc", "des-ede3-cbc", "rc2-cbc", "rc2-cbc", "des-cbc"];
/// What NSS does since Thunderbird reads authEnvelopedData: the weaker before the stronger in parts.
const NSS: [&str; 7] = [
    "aes128-gcm",
    "aes256-gcm",
    "aes256-cbc",
    "aes128-cbc",
    "des-ede3-cbc",
    "rc2-cbc",
    "ecdh-sha256",
];
/// What a program of 1999 does.
const OLD: [&str; 2] = ["des-ede3-cbc", "rc2-cbc"];

/// Returns a certificate that says nothing about ciphers.
fn certificate(kind: KeyKind) -> Vec<u8> {
    let organisation = Organisation::new("Globex", ["globex.example"]).unwrap();
    let key = PrivateKey::generate(kind).unwrap();
    issue::ca(&organisation, &key, AT, [1; 20]).unwrap().der().to_vec()
}

fn cipher_for(known: &[Statement]) -> (ContentAlgorithm, Choice) {
    let key = RecipientKey::new(&certificate(KeyKind::EcP256), known).unwrap();
    let choice = choose(&[&key], &Permitted::default());
    (choice.cipher, choice)
}

fn card() -> Statement {
    Statement::card(Capabilities::ours(), AT - 700 * DAY)
}

#[test]
fn the_best_statement_decides() {
    use ContentAlgorithm::{Aes128Cbc, Aes256Cbc, Aes256Gcm};
    let attribute = |names: &[&'static str], at| Statement::attribute(names.iter().copied(), at);
    let extension = |names: &[&str], at| Statement {
        source: Source::Extension,
        ..Statement::attribute(names.iter().copied(), at)
    };
    for (known, cipher, source) in [
        (vec![], Aes256Cbc, Source::Default),
        (vec![attribute(&OPENSSL, AT)], Aes256Cbc, Source::Attribute),
        (vec![attribute(&NSS, AT)], Aes256Gcm, Source::Attribute),
        (vec![attribute(&["aes128-cbc"], AT)], Aes128Cbc, Source::Attribute),
        // The card goes before what is newer than it.
        (vec![attribute(&["aes128-cbc"], AT), card()], Aes256Gcm, Source::Card),
        // A card that names no cipher leaves it to others.
        (
            vec![Statement::card(Capabilities::default(), AT), attribute(&NSS, AT)],
            Aes256Gcm,
            Source::Attribute,
        ),
        // The newer word of the same recipient counts, wherever it stands.
        (
            vec![extension(&["aes128-cbc"], AT - DAY), attribute(&NSS, AT)],
            Aes256Gcm,
            Source::Attribute,
        ),
        (
            vec![extension(&NSS, AT), attribute(&["aes128-cbc"], AT - DAY)],
            Aes256Gcm,
            Source::Extension,
        ),
        (
            vec![attribute(&NSS, AT), attribute(&["aes128-cbc"], AT - DAY)],
            Aes256Gcm,
            Source::Attribute,
        ),
        // A list of other things says nothing about ciphers.
        (
            vec![attribute(&["ecdh-sha256", "1.2.3"], AT), extension(&NSS, AT - DAY)],
            Aes256Gcm,
            Source::Extension,
        ),
        // Who writes GCM reads it; who writes less has not said that it reads no more.
        (vec![Statement::observed(["aes256-gcm"], AT)], Aes256Gcm, Source::Observed),
        (vec![Statement::observed(["aes128-cbc"], AT)], Aes256Cbc, Source::Observed),
        (vec![Statement::observed(["des-ede3-cbc"], AT)], Aes256Cbc, Source::Observed),
        (
            vec![Statement::observed(["aes128-cbc"], AT), attribute(&NSS, AT - DAY)],
            Aes256Gcm,
            Source::Attribute,
        ),
    ] {
        let (found, choice) = cipher_for(&known);
        assert_eq!((found, choice.recipients[0].source), (cipher, source), "{known:?} {choice:?}");
        assert_eq!(choice.warning, None, "{known:?}");
    }
}

#[test]
fn nobody_gets_less_than_aes_and_a_bad_guess_is_said() {
    for names in [&OLD[..], &["rc2-cbc"]] {
        let (cipher, choice) = cipher_for(&[Statement::attribute(names.iter().copied(), AT)]);
        assert_eq!(cipher, ContentAlgorithm::Aes256Cbc);
        assert!(choice.warning.unwrap().contains("reads aes256-cbc"));
    }
}

#[test]
fn the_policy_has_the_last_word() {
    let only_gcm = Permitted::of(&[ContentAlgorithm::Aes256Gcm]).unwrap();
    let der = certificate(KeyKind::EcP256);
    let old = RecipientKey::new(&der, &[Statement::attribute(OPENSSL, AT)]).unwrap();
    let choice = choose(&[&old], &only_gcm);
    assert_eq!(choice.cipher, ContentAlgorithm::Aes256Gcm);
    assert!(choice.warning.is_some(), "{choice:?}");
    assert_eq!(Permitted::of(&[]), None);
}

#[test]
fn the_weakest_of_several_recipients_decides() {
    let der = certificate(KeyKind::EcP256);
    let modern = RecipientKey::new(&der, &[card()]).unwrap();
    let old = RecipientKey::new(&der, &[Statement::attribute(OPENSSL, AT)]).unwrap();
    let small = RecipientKey::new(&der, &[Statement::attribute(["aes128-cbc"], AT)]).unwrap();
    let all = Permitted::default();
    assert_eq!(choose(&[&modern, &modern], &all).cipher, ContentAlgorithm::Aes256Gcm);
    let choice = choose(&[&modern, &old], &all);
    assert_eq!(choice.cipher, ContentAlgorithm::Aes256Cbc);
    assert!(choice.why.contains("nothing says that"), "{}", choice.why);
    assert_eq!(choice.recipients.len(), 2);
    assert_eq!(choose(&[&modern, &old, &small], &all).cipher, ContentAlgorithm::Aes128Cbc);
}

#[test]
fn the_way_of_the_key_follows_the_word_of_the_recipient() {
    let rsa = certificate(KeyKind::Rsa2048);
    let way = |known: &[Statement]| RecipientKey::new(&rsa, known).unwrap().key_transport();
    assert_eq!(way(&[]), KeyTransport::RsaPkcs1v15);
    assert_eq!(way(&[card()]), KeyTransport::RsaOaepSha256);
    assert_eq!(
        way(&[Statement::attribute(["aes256-gcm", "rsa-oaep-sha256"], AT)]),
        KeyTransport::RsaOaepSha256
    );
    // OAEP with SHA-1 is not written, and who reads that need not read another.
    assert_eq!(way(&[Statement::attribute(["rsa-oaep-sha1"], AT)]), KeyTransport::RsaPkcs1v15);
    // Ciphers and keys are each known from the best source that speaks of them.
    let known =
        [Statement::attribute(OPENSSL, AT), Statement::observed(["rsa-oaep-sha256"], AT - DAY)];
    let key = RecipientKey::new(&rsa, &known).unwrap();
    assert_eq!(
        (key.choice().source, key.choice().key_source),
        (Source::Attribute, Source::Observed)
    );
    assert_eq!(key.key_transport(), KeyTransport::RsaOaepSha256);

    let curve = certificate(KeyKind::EcP384);
    let key = RecipientKey::new(&curve, &[Statement::attribute(["ecdh-sha256"], AT)]).unwrap();
    assert_eq!(key.key_transport(), KeyTransport::EcdhSha256);
}

#[test]
fn the_certificate_speaks_for_itself() {
    let organisation = Organisation::new("Globex", ["globex.example"]).unwrap();
    let ca_key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let ca = issue::ca(&organisation, &ca_key, AT, [1; 20]).unwrap();
    let authority = issue::Authority { key: &ca_key, certificate: &ca };
    let issued =
        issue::organisation_encryption(&organisation, &authority, ca_key.public_key(), AT, [2; 20])
            .unwrap();
    let key = RecipientKey::new(issued.der(), &[]).unwrap();
    assert_eq!(key.choice().source, Source::Extension);
    assert_eq!(key.choice().reads, ContentAlgorithm::ALL);
    let reason = "its certificate of 2026-06-01 names aes256-gcm, chacha20-poly1305, aes128-gcm, aes256-cbc, aes128-cbc";
    assert_eq!(key.choice().reasons, [reason]);
}

#[test]
fn every_statement_is_among_the_reasons() {
    let (_, choice) = cipher_for(&[Statement::attribute(["aes128-cbc"], AT), card()]);
    let reasons = &choice.recipients[0].reasons;
    assert!(reasons[0].starts_with("its card of 2024-07-01 names aes256-gcm"), "{reasons:?}");
    assert!(
        reasons[1].ends_with("names aes128-cbc; not used, something better is known"),
        "{reasons:?}"
    );
}

proptest! {
    /// Whatever was said in whatever order: nothing weaker than AES-128, nothing that is not permitted, and nothing that
    /// a weaker or an older voice could have changed.
    #[test]
    fn no_voice_talks_the_choice_down(
        said in prop::collection::vec(
            (0_u8..3, 0_i64..5, prop::collection::vec(prop::sample::select(
                vec!["aes256-gcm", "aes128-gcm", "aes256-cbc", "aes128-cbc", "des-ede3-cbc", "rc2-cbc", "x"]), 0..5)), 0..6),
        permitted in prop::collection::vec(prop::sample::select(ContentAlgorithm::ALL.to_vec()), 1..5),
        shuffled in any::<prop::sample::Index>(),
    ) {
        let statement = |(kind, at, names): &(u8, i64, Vec<&str>)| {
            let at = AT + at * DAY;
            match kind {
                0 => Statement::observed(names.iter().copied(), at),
                1 => Statement { source: Source::Extension, ..Statement::attribute(names.iter().copied(), at) },
                _ => Statement::attribute(names.iter().copied(), at),
            }
        };
        let mut known: Vec<Statement> = said.iter().map(statement).collect();
        let permitted = Permitted::of(&permitted).unwrap();
        let der = shared();
        let key = RecipientKey::new(der, &known).unwrap();
        let choice = choose(&[&key], &permitted);
        prop_assert!(permitted.0.contains(&choice.cipher));
        prop_assert_eq!(choice.warning.is_none(), key.reads(choice.cipher));

        // An older or weaker voice than the one that decided changes nothing.
        if let Some(at) = choice.recipients[0].stated_at
            && choice.recipients[0].source >= Source::Extension
        {
            known.push(Statement::attribute(["aes128-cbc"], at - 1));
            known.push(Statement::observed(["aes128-cbc"], at + DAY));
        }
        // The order of what is known says nothing, unless two statements are of the same kind and time.
        let turn = shuffled.index(known.len() + 1);
        let turn = turn.min(known.len());
        known.rotate_left(turn);
        let mut times: Vec<_> = known.iter().map(|it| (it.source, it.at)).collect();
        times.sort();
        let before = times.len();
        times.dedup();
        if times.len() == before {
            let again = choose(&[&RecipientKey::new(der, &known).unwrap()], &permitted);
            prop_assert_eq!(again.cipher, choice.cipher);
        }
    }
}

fn shared() -> &'static [u8] {
    static DER: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    DER.get_or_init(|| certificate(KeyKind::EcP256))
}
