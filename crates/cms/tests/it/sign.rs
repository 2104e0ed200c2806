//! Signatures: what openssl signs we verify, and the other way round.

use std::io::Write;

use chancery_cms::{
    AttachedSigner, DetachedSigner, DetachedVerifier, Error, Problem, SignOptions, SignedReport,
    SignerKey, open_signed_attached, sign_attached, verify_attached,
};
use chancery_crypto::{DigestAlgorithm, KeyKind};

use crate::openssl::{Person, Workshop, noise};

const CONTENT: &[u8] = b"Content-Type: text/plain\r\n\r\nHello\r\n";

fn people(workshop: &Workshop) -> Vec<Person> {
    [("rsa", "rsa:2048"), ("p256", "ec:P-256"), ("p384", "ec:P-384"), ("p521", "ec:P-521")]
        .map(|(name, kind)| workshop.person(name, kind))
        .into()
}

fn sign(content: &[u8], signers: &[SignerKey], options: &SignOptions) -> Vec<u8> {
    let mut signer = DetachedSigner::new(signers, &[], options).unwrap();
    signer.write_all(content).unwrap();
    signer.finish().unwrap()
}

pub(crate) fn verify(signature: &[u8], content: &[u8]) -> Result<SignedReport, Error> {
    let mut verifier = DetachedVerifier::new(signature)?;
    for piece in content.chunks(7) {
        verifier.write_all(piece).unwrap();
    }
    Ok(verifier.finish())
}

/// Asserts that there is one signature and that it matches.
fn assert_signed(report: &SignedReport, person: &Person) {
    assert_eq!(report.signers.len(), 1);
    let signer = &report.signers[0];
    assert!(signer.result.is_ok() && signer.is_sound(), "{signer:?}");
    assert_eq!(signer.certificate.as_ref(), Some(&person.certificate));
    assert_eq!(signer.problems, []);
    assert_eq!(report.trailing_bytes, 0);
}

#[test]
fn openssl_verifies_ours() {
    let workshop = Workshop::new();
    let options = [
        SignOptions { signing_time: Some(1_790_000_000), ..SignOptions::default() },
        SignOptions {
            digest: Some(DigestAlgorithm::Sha512),
            domain_signature: true,
            ..SignOptions::default()
        },
        SignOptions {
            rsa_pss: true,
            digest: Some(DigestAlgorithm::Sha384),
            ..SignOptions::default()
        },
        // openssl 3.0 has SHA-3 in signatures of RSA but not in those of ECDSA.
        SignOptions { digest: Some(DigestAlgorithm::Sha3_256), ..SignOptions::default() },
    ];
    // A certificate can bind its key to PSS (RFC 4055 section 1.2); nobody verifies anything else with it.
    let bound = workshop.person("bound", "rsa-pss -pkeyopt rsa_keygen_bits:2048");
    for person in people(&workshop).into_iter().chain([bound]) {
        let name = person.name;
        let is_rsa = person.key.kind().is_rsa();
        for options in options
            .iter()
            .filter(|options| is_rsa || options.digest != Some(DigestAlgorithm::Sha3_256))
        {
            let content = noise(10_000);
            workshop.write("content", &content);
            workshop.write("ours.der", &sign(&content, &[person.signer()], options));
            workshop.run(&format!(
                "cms -verify -binary -inform DER -in ours.der -content content -CAfile {name}.crt -purpose any -out plain"
            ));
            assert_eq!(workshop.read("plain"), content);
            workshop.write(
                "ours.der",
                &sign_attached(&content, &[person.signer()], &[], options).unwrap(),
            );
            workshop.run(&format!(
                "cms -verify -binary -inform DER -in ours.der -CAfile {name}.crt -purpose any -out plain"
            ));
            assert_eq!(workshop.read("plain"), content);
            workshop.write("content", b"other");
            let other = workshop.attempt(&format!(
                "cms -verify -binary -inform DER -in ours.der -content content -CAfile {name}.crt -purpose any"
            ));
            assert!(other.is_err());
        }
    }
}

#[test]
fn openssl_writes_our_signature_anew_byte_for_byte() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    let options =
        SignOptions { domain_signature: true, signing_time: Some(0), ..SignOptions::default() };
    let signature = sign(CONTENT, &[person.signer()], &options);
    workshop.write("ours.der", &signature);
    workshop.run("cms -cmsout -inform DER -in ours.der -outform DER -out again.der");
    assert_eq!(workshop.read("again.der"), signature);
    let printed = workshop.run("cms -cmsout -print -noout -inform DER -in ours.der");
    for expected in [
        "signingTime",
        "messageDigest",
        "S/MIME Capabilities",
        "id-smime-aa-signingCertificateV2",
        "id-smime-aa-signatureType",
        ":1.2.840.113549.1.9.16.9.2",
        "Jan  1 00:00:00 1970 GMT",
    ] {
        assert!(printed.contains(expected), "{expected} is not in\n{printed}");
    }
}

#[test]
fn we_verify_openssl() {
    let workshop = Workshop::new();
    let content = noise(100_000);
    workshop.write("content", &content);
    for person in people(&workshop) {
        let name = person.name;
        let mut variants =
            vec!["", "-md sha224", "-md sha512", "-keyid", "-noattr", "-nosmimecap", "-cades"];
        if name == "rsa" {
            variants.extend([
                "-keyopt rsa_padding_mode:pss",
                "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:-1 -md sha512",
                "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:20 -md sha384",
                "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:5",
                "-keyopt rsa_padding_mode:pss -keyopt rsa_mgf1_md:sha512 -md sha256",
                "-keyopt rsa_padding_mode:pss -noattr",
                "-md sha3-256",
                "-md sha3-512",
            ]);
        }
        for options in variants {
            let sign = format!(
                "cms -sign -binary -in content -signer {name}.crt -inkey {name}.key {options}"
            );
            workshop.run(&format!("{sign} -outform DER -out detached.der"));
            workshop.run(&format!("{sign} -nodetach -outform DER -out attached.der"));
            // openssl 3.0 cannot stream with PSS ("illegal zero content").
            let stream = if options.contains("pss") { "" } else { "-stream" };
            workshop.run(&format!("{sign} -nodetach {stream} -outform DER -out stream.der"));
            let mut reports = vec![verify(&workshop.read("detached.der"), &content).unwrap()];
            for attached in ["attached.der", "stream.der"] {
                let (plain, report) = verify_attached(&workshop.read(attached)).unwrap();
                assert_eq!(plain, content);
                reports.push(report);
            }
            let expected: &[Problem] =
                if options.contains("-noattr") { &[Problem::NoSignedAttributes] } else { &[] };
            for report in reports {
                assert!(report.signers[0].result.is_ok(), "{name} {options}: {report:?}");
                assert_eq!(report.signers[0].problems, expected);
            }
            let changed = [&content[..], b"x"].concat();
            let report = verify(&workshop.read("detached.der"), &changed).unwrap();
            assert!(report.signers[0].result.is_err());
        }
    }
}

#[test]
fn ours_survives_ourselves() {
    let workshop = Workshop::new();
    let mut people = people(&workshop);
    people.push(workshop.person("ed", "ed25519"));
    for person in people {
        let options = SignOptions {
            signing_time: Some(1_790_000_000),
            domain_signature: true,
            ..SignOptions::default()
        };
        let report = verify(&sign(CONTENT, &[person.signer()], &options), CONTENT).unwrap();
        assert_signed(&report, &person);
        let signer = &report.signers[0];
        assert_eq!(signer.signing_time, Some(1_790_000_000));
        assert!(signer.is_domain_signature);
        assert_eq!(signer.digest, Some(person.key.kind().digest()));
        let report =
            verify(&sign(CONTENT, &[person.signer()], &SignOptions::default()), CONTENT).unwrap();
        assert_eq!(
            (report.signers[0].signing_time, report.signers[0].is_domain_signature),
            (None, false)
        );
        // Long enough for every curve; keys with a digest of their own keep that.
        let sha3 =
            SignOptions { digest: Some(DigestAlgorithm::Sha3_512), ..SignOptions::default() };
        let report = verify(&sign(CONTENT, &[person.signer()], &sha3), CONTENT).unwrap();
        assert_signed(&report, &person);
        let expected = if person.key.kind() == KeyKind::Ed25519 { "ed25519" } else { "sha3-512" };
        assert!(report.signers[0].algorithm.ends_with(expected), "{report:?}");
    }
}

#[test]
fn several_signers_with_several_digests() {
    let workshop = Workshop::new();
    let people = people(&workshop);
    let signers: Vec<SignerKey> = people.iter().map(Person::signer).collect();
    let signature = sign(CONTENT, &signers, &SignOptions::default());
    let report = verify(&signature, CONTENT).unwrap();
    assert_eq!(report.signers.len(), 4);
    assert!(report.signers.iter().all(|signer| signer.result.is_ok()));
    workshop.write("content", CONTENT);
    workshop.write("ours.der", &signature);
    let all = people
        .iter()
        .map(|person| workshop.read(&format!("{}.crt", person.name)))
        .collect::<Vec<_>>()
        .concat();
    workshop.write("all.crt", &all);
    workshop.run("cms -verify -binary -inform DER -in ours.der -content content -CAfile all.crt -purpose any");
    workshop.run(
        "cms -sign -binary -in content -outform DER -out theirs.der -signer rsa.crt -inkey rsa.key -md sha256 \
         -signer p384.crt -inkey p384.key -md sha512",
    );
    let report = verify(&workshop.read("theirs.der"), CONTENT).unwrap();
    assert_eq!(report.signers.len(), 2);
    assert!(report.signers.iter().all(|signer| signer.result.is_ok()), "{report:?}");
}

#[test]
fn weak_signatures_match_with_a_problem() {
    let workshop = Workshop::new();
    workshop.person("rsa", "rsa:2048");
    workshop.certificate("small", "rsa:1024");
    workshop.certificate("p256", "ec:P-256");
    workshop.write("content", CONTENT);
    for (name, options, problem) in [
        ("rsa", "-md sha1", Problem::WeakDigest(DigestAlgorithm::Sha1)),
        ("p256", "-md sha1", Problem::WeakDigest(DigestAlgorithm::Sha1)),
        ("rsa", "-md md5", Problem::WeakDigest(DigestAlgorithm::Md5)),
        (
            "rsa",
            "-md sha1 -keyopt rsa_padding_mode:pss",
            Problem::WeakDigest(DigestAlgorithm::Sha1),
        ),
        ("small", "", Problem::WeakKey(KeyKind::RsaOther { bits: 1024 })),
    ] {
        workshop.run(&format!(
            "cms -sign -binary -in content -signer {name}.crt -inkey {name}.key -outform DER -out s.der {options}"
        ));
        let report = verify(&workshop.read("s.der"), CONTENT).unwrap();
        assert!(report.signers[0].result.is_ok(), "{report:?}");
        assert!(!report.signers[0].is_sound());
        assert_eq!(report.signers[0].problems, [problem]);
        let report = verify(&workshop.read("s.der"), b"changed").unwrap();
        assert!(matches!(report.signers[0].result, Err(Error::MessageDigest)));
    }
}

#[test]
fn certificates_may_come_from_elsewhere() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    workshop.write("content", CONTENT);
    workshop
        .run("cms -sign -binary -nocerts -in content -signer rsa.crt -inkey rsa.key -outform DER -out s.der");
    let signature = workshop.read("s.der");
    let report = verify(&signature, CONTENT).unwrap();
    assert!(matches!(report.signers[0].result, Err(Error::NoCertificate { .. })), "{report:?}");
    assert_eq!(report.signers[0].certificate, None);
    let mut verifier = DetachedVerifier::new(&signature).unwrap();
    verifier.add_certificates(&[b"rubbish".to_vec(), person.certificate.clone()]);
    verifier.update(CONTENT);
    assert_signed(&verifier.finish(), &person);
}

#[test]
fn a_bag_of_certificates_has_no_signers() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    workshop.run("crl2pkcs7 -nocrl -certfile rsa.crt -outform DER -out bag.der");
    let (content, report) = verify_attached(&workshop.read("bag.der")).unwrap();
    assert!(content.is_empty() && report.signers.is_empty());
    assert_eq!(report.certificates, [person.certificate]);
    assert!(report.crls.is_empty());
}

#[test]
fn revocation_lists_in_a_bag_are_handed_out() {
    let workshop = Workshop::new();
    let person = workshop.person("ca", "rsa:2048");
    workshop.write("index.txt", b"");
    workshop.write("crlnumber", b"01");
    workshop.write(
        "ca.cnf",
        b"[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n",
    );
    workshop.run("ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.crt -out ca.crl");
    workshop.run("crl -in ca.crl -outform DER -out crl.der");
    workshop.run("crl2pkcs7 -in ca.crl -certfile ca.crt -outform DER -out bag.der");
    let (_, report) = verify_attached(&workshop.read("bag.der")).unwrap();
    assert_eq!(report.crls, [workshop.read("crl.der")]);
    assert_eq!(report.certificates, [person.certificate]);
}

#[test]
fn a_wish_for_another_certificate_is_heard() {
    let workshop = Workshop::new();
    let (signer, other) =
        (workshop.person("signer", "ec:P-256"), workshop.person("other", "rsa:2048"));
    let options = SignOptions {
        encryption_certificate: Some(other.certificate.clone()),
        ..SignOptions::default()
    };
    let signature = sign(CONTENT, &[signer.signer()], &options);
    let report = verify(&signature, CONTENT).unwrap();
    assert_signed(&report, &signer);
    let wish = report.signers[0].encryption_key.as_ref().unwrap();
    let recipient = other.recipient(chancery_cms::RsaPadding::default());
    assert_eq!(Some(wish), recipient.identifier());
    workshop.write("ours.der", &signature);
    let printed = workshop.run("cms -cmsout -print -noout -inform DER -in ours.der");
    assert!(printed.contains("id-smime-aa-encrypKeyPref"), "{printed}");
    let none =
        verify(&sign(CONTENT, &[signer.signer()], &SignOptions::default()), CONTENT).unwrap();
    assert_eq!(none.signers[0].encryption_key, None);
}

#[test]
fn capabilities_are_named() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    let ours =
        verify(&sign(CONTENT, &[person.signer()], &SignOptions::default()), CONTENT).unwrap();
    assert_eq!(
        ours.signers[0].capabilities[..3],
        ["aes256-gcm", "aes128-gcm", "chacha20-poly1305"]
    );
    workshop.write("content", CONTENT);
    workshop.run(
        "cms -sign -binary -in content -signer rsa.crt -inkey rsa.key -outform DER -out s.der",
    );
    let theirs = verify(&workshop.read("s.der"), CONTENT).unwrap();
    assert!(theirs.signers[0].capabilities.iter().any(|name| name == "aes256-cbc"), "{theirs:?}");
    assert!(theirs.signers[0].capabilities.iter().any(|name| name == "des-ede3-cbc"));
}

#[test]
fn signed_attributes_cannot_become_the_content() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    let signature = sign(CONTENT, &[person.signer()], &SignOptions::default());
    // Take the attributes [0] out of the SignerInfo and call them, tagged as SET, the content.
    let start =
        find(&signature, &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03]);
    let open = (0..start).rev().find(|at| signature[*at] == 0xa0).unwrap();
    let length = match signature[open + 1] {
        0x81 => 3 + usize::from(signature[open + 2]),
        0x82 => 4 + usize::from(u16::from_be_bytes([signature[open + 2], signature[open + 3]])),
        short => 2 + usize::from(short),
    };
    let mut content = signature[open..open + length].to_vec();
    content[0] = 0x31;
    workshop.write("sig.der", &signature);
    workshop.write("content", &content);
    // openssl signs the same bytes without attributes: what an attacker would make of the real signature.
    workshop.run(
        "cms -sign -binary -noattr -in content -signer rsa.crt -inkey rsa.key -outform DER -out forged.der",
    );
    let report = verify(&workshop.read("forged.der"), &content).unwrap();
    assert!(matches!(report.signers[0].result, Err(Error::SignedAttributes { .. })), "{report:?}");
}

fn sign_stream(content: &[u8], signers: &[SignerKey], options: &SignOptions) -> Vec<u8> {
    let mut signer = AttachedSigner::new(Vec::new(), signers, &[], options).unwrap();
    for piece in content.chunks(40_000) {
        signer.write_all(piece).unwrap();
    }
    signer.finish().unwrap()
}

#[test]
fn a_stream_is_signed_with_its_content_inside() {
    let workshop = Workshop::new();
    for person in people(&workshop) {
        // None, less than a piece, whole pieces, and a piece with a rest.
        for length in [0, 1, 65_535, 65_536, 131_072, 131_073, 1_000_000] {
            let content = noise(length);
            let message = sign_stream(&content, &[person.signer()], &SignOptions::default());
            let mut read = Vec::new();
            let report = open_signed_attached(message.as_slice(), &mut read).unwrap();
            assert_signed(&report, &person);
            assert!(read == content, "{length}");
        }
        let content = noise(200_000);
        let message = sign_stream(&content, &[person.signer()], &SignOptions::default());
        workshop.write("ours.der", &message);
        workshop.run(&format!(
            "cms -verify -binary -inform DER -in ours.der -CAfile {}.crt -purpose any -out plain",
            person.name
        ));
        assert_eq!(workshop.read("plain"), content);
        // One bit of the content, far in.
        let mut changed = message;
        changed[150_000] ^= 1;
        let report = open_signed_attached(changed.as_slice(), &mut std::io::sink()).unwrap();
        assert!(report.signers[0].result.is_err());
    }
}

#[test]
fn a_stream_that_is_not_finished_is_no_message() {
    let workshop = Workshop::new();
    let person = workshop.person("p256", "ec:P-256");
    let whole = sign_stream(&noise(100_000), &[person.signer()], &SignOptions::default());
    for length in [0, 50, 70_000, whole.len() - 300, whole.len() - 1] {
        let part = &whole[..length];
        assert!(open_signed_attached(part, &mut std::io::sink()).is_err(), "{length}");
    }
}

#[test]
fn content_inside_and_outside_is_refused() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    let attached =
        sign_attached(CONTENT, &[person.signer()], &[], &SignOptions::default()).unwrap();
    assert!(matches!(DetachedVerifier::new(&attached), Err(Error::UnexpectedContent { .. })));
    let detached = sign(CONTENT, &[person.signer()], &SignOptions::default());
    let mut sink = Vec::new();
    let result = open_signed_attached(detached.as_slice(), &mut sink);
    assert!(matches!(result, Err(Error::UnexpectedContent { .. })));
}

#[test]
fn an_exchanged_certificate_is_noticed() {
    let workshop = Workshop::new();
    workshop.person("rsa", "rsa:2048");
    workshop.write("content", CONTENT);
    let serial = workshop.run("x509 -in rsa.crt -noout -serial");
    let serial = serial.trim().strip_prefix("serial=").unwrap().to_owned();
    // The same key, issuer and serial number with another subject alternative name.
    workshop.run(&format!(
        "req -x509 -key rsa.key -set_serial 0x{serial} -out other.crt -subj /O=Acme/CN=rsa -addext \
         subjectAltName=email:boss@acme.example"
    ));
    workshop.run("x509 -in other.crt -outform DER -out other.der");
    workshop.run("cms -sign -cades -nocerts -binary -in content -signer rsa.crt -inkey rsa.key -outform DER -out s.der");
    let mut verifier = DetachedVerifier::new(&workshop.read("s.der")).unwrap();
    verifier.add_certificates(&[workshop.read("other.der")]);
    verifier.update(CONTENT);
    let report = verifier.finish();
    assert!(matches!(report.signers[0].result, Err(Error::SigningCertificate)), "{report:?}");
}

#[test]
fn every_bit_of_a_signature_counts_for_the_verdict() {
    let workshop = Workshop::new();
    let person = workshop.person("p256", "ec:P-256");
    let signature = sign(CONTENT, &[person.signer()], &SignOptions::default());
    for at in 0..signature.len() {
        let mut changed = signature.clone();
        changed[at] ^= 0x01;
        let Ok(report) = verify(&changed, CONTENT) else { continue };
        for signer in &report.signers {
            // A byte of the certificate that CMS does not look at is for the path validation to find; the
            // certificate's digest is signed, so that it shows here already.
            let is_intact = signer.certificate.as_ref() == Some(&person.certificate);
            assert!(signer.result.is_err() || is_intact, "byte {at}: {report:?}");
        }
    }
    for length in 0..signature.len() {
        assert!(verify(&signature[..length], CONTENT).is_err(), "cut at {length}");
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).position(|window| window == needle).unwrap()
}
