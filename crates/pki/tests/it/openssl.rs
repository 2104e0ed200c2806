//! What we issue, judged by the `openssl` command; and what it writes, read by us.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_fault::Coded;
use chancery_pki::issue::{self, Authority, Crossing, Limits, Reason, Revoked};
use chancery_pki::{AlternativeName, Certificate, Organisation, key_file, pem};
use tempfile::TempDir;

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;

/// An organisation with everything it issues, written to files.
struct Issued {
    folder: TempDir,
    ca_key: PrivateKey,
    ca: Certificate,
    signing: Certificate,
}

#[test]
fn openssl_accepts_what_we_issue() {
    for kind in [KeyKind::EcP256, KeyKind::EcP384, KeyKind::Rsa2048] {
        let issued = Issued::new(kind, AT);
        let verify = |purpose: &str, file: &str| {
            let arguments = [
                "verify",
                "-x509_strict",
                "-attime",
                &AT.to_string(),
                "-purpose",
                purpose,
                "-CAfile",
                "ca.pem",
                file,
            ];
            issued.openssl(&arguments)
        };
        assert_says(&verify("smimesign", "signing.pem"), "signing.pem: OK");
        if kind == KeyKind::Rsa2048 {
            assert_says(&verify("smimeencrypt", "encryption.pem"), "encryption.pem: OK");
        } else {
            // OpenSSL 3 and 4 ask keyEncipherment of every key for this purpose, which RFC 8813 section 3 forbids for EC
            // keys; OpenSSL encrypts to them all the same. If it ever agrees, docs/concepts/algorithms.md says too much.
            let refused = verify("smimeencrypt", "encryption.pem");
            assert!(!refused.status.success(), "{refused:?}");
            let plain = [
                "verify",
                "-x509_strict",
                "-attime",
                &AT.to_string(),
                "-CAfile",
                "ca.pem",
                "encryption.pem",
            ];
            assert_says(&issued.openssl(&plain), "encryption.pem: OK");
        }
        assert!(!verify("sslserver", "signing.pem").status.success());
        assert!(!verify("smimesign", "encryption.pem").status.success());
    }
}

#[test]
fn openssl_prints_the_names_and_limits() {
    let issued = Issued::new(KeyKind::EcP256, AT);
    let text = stdout(&issued.openssl(&["x509", "-noout", "-text", "-in", "signing.pem"]));
    for line in [
        "Version: 3 (0x2)",
        "Signature Algorithm: ecdsa-with-SHA256",
        "Issuer: O = Acme & Söhne, CN = acme.example mail CA",
        "Subject: O = Acme & Söhne, CN = acme.example mail signing",
        "email:domain-signing-authority@acme.example, email:domain-signing-authority@acme.test, DNS:acme.example, DNS:acme.test",
        "X509v3 Key Usage: critical",
        "Digital Signature",
        "E-mail Protection",
        "X509v3 Subject Key Identifier:",
        "X509v3 Authority Key Identifier:",
    ] {
        assert!(unescaped(&text).contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("Non Repudiation"));
    let text = stdout(&issued.openssl(&["x509", "-noout", "-text", "-in", "encryption.pem"]));
    assert!(
        text.contains("email:domain-confidentiality-authority@acme.example")
            && text.contains("Key Agreement")
    );
    let text = stdout(&issued.openssl(&["x509", "-noout", "-text", "-in", "ca.pem"]));
    assert!(
        text.contains("X509v3 Basic Constraints: critical")
            && text.contains("CA:TRUE")
            && !text.contains("pathlen")
    );
    let serial = stdout(&issued.openssl(&["x509", "-noout", "-serial", "-in", "ca.pem"]));
    assert_eq!(
        serial.trim().strip_prefix("serial=").unwrap().to_lowercase(),
        issued.ca.serial_hex()
    );
    assert_eq!(issued.ca.serial().len(), 20);
    let fingerprint =
        stdout(&issued.openssl(&["x509", "-noout", "-fingerprint", "-sha256", "-in", "ca.pem"]));
    let fingerprint =
        fingerprint.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(fingerprint, issued.ca.fingerprint_sha256());
}

#[test]
fn an_algorithm_fits_its_key() {
    for (kind, name) in [
        (KeyKind::EcP256, "ecdsa-with-SHA256"),
        (KeyKind::EcP384, "ecdsa-with-SHA384"),
        (KeyKind::Rsa2048, "sha256WithRSAEncryption"),
    ] {
        let text =
            stdout(&Issued::new(kind, AT).openssl(&["x509", "-noout", "-text", "-in", "ca.pem"]));
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn times_from_2050_on_are_generalized() {
    // 2045-06-01: the authority lasts until 2055, the certificates until 2047.
    let at = 2_379_931_200;
    let issued = Issued::new(KeyKind::EcP256, at);
    let ca = stdout(&issued.openssl(&["asn1parse", "-in", "ca.pem"]));
    assert!(
        ca.contains("UTCTIME           :450601") && ca.contains("GENERALIZEDTIME   :2055"),
        "{ca}"
    );
    let signing = stdout(&issued.openssl(&["asn1parse", "-in", "signing.pem"]));
    assert!(!signing.contains("GENERALIZEDTIME"), "{signing}");
    let verify =
        ["verify", "-x509_strict", "-attime", &at.to_string(), "-CAfile", "ca.pem", "signing.pem"];
    assert_says(&issued.openssl(&verify), "signing.pem: OK");
}

#[test]
fn openssl_accepts_the_revocation_list_and_obeys_it() {
    let issued = Issued::new(KeyKind::Rsa2048, AT);
    let authority = Authority { key: &issued.ca_key, certificate: &issued.ca };
    let write = |revoked: &[Revoked], number| {
        let crl = issue::crl(&authority, revoked, AT, AT + 7 * 86_400, number).unwrap();
        fs::write(issued.folder.path().join("crl.pem"), pem::encode("X509 CRL", &crl)).unwrap();
        let verify = [
            "verify",
            "-x509_strict",
            "-crl_check",
            "-attime",
            &(AT + 60).to_string(),
            "-CAfile",
            "ca.pem",
        ];
        issued.openssl(&[&verify[..], &["-CRLfile", "crl.pem", "signing.pem"]].concat())
    };
    assert_says(&write(&[], 1), "signing.pem: OK");
    let crl = issued.openssl(&["crl", "-noout", "-text", "-CAfile", "ca.pem", "-in", "crl.pem"]);
    assert!(String::from_utf8_lossy(&crl.stderr).contains("verify OK"));
    assert!(stdout(&crl).contains("No Revoked Certificates"));

    let revoked =
        Revoked { serial: issued.signing.serial().to_vec(), at: AT, reason: Reason::KeyCompromise };
    let other = Revoked { serial: vec![7], at: AT, reason: Reason::Unspecified };
    let output = write(&[revoked, other], 256);
    assert!(String::from_utf8_lossy(&output.stderr).contains("certificate revoked"), "{output:?}");
    let crl = stdout(&issued.openssl(&["crl", "-noout", "-text", "-in", "crl.pem"]));
    assert!(crl.contains("Key Compromise") && crl.contains("X509v3 CRL Number"), "{crl}");
    assert_eq!(
        crl.matches("X509v3 CRL Reason Code").count(),
        1,
        "an unspecified reason is left out: {crl}"
    );
}

#[test]
fn the_tls_certificate_is_for_its_host() {
    let folder = TempDir::new().unwrap();
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let certificate = issue::tls_server(&["mx.acme.example"], &key, AT, [9; 20]).unwrap();
    fs::write(folder.path().join("tls.pem"), certificate.to_pem()).unwrap();
    let verify = |host: &str| {
        let at = AT.to_string();
        let arguments = [
            "verify",
            "-attime",
            &at,
            "-purpose",
            "sslserver",
            "-verify_hostname",
            host,
            "-CAfile",
            "tls.pem",
            "tls.pem",
        ];
        openssl(folder.path(), &arguments)
    };
    assert_says(&verify("mx.acme.example"), "tls.pem: OK");
    assert!(!verify("mx.globex.example").status.success());
}

#[test]
fn openssl_follows_cross_certificates_within_their_names() {
    let acme = Issued::new(KeyKind::EcP256, AT);
    let (bridge_key, globex_key) = (
        PrivateKey::generate(KeyKind::EcP256).unwrap(),
        PrivateKey::generate(KeyKind::EcP256).unwrap(),
    );
    let url = "http://bridge.example/issued-by.p7c";
    let bridge = issue::bridge("Sky Bridge", url, &bridge_key, AT, [1; 20]).unwrap();
    let globex = Organisation::new("Globex", ["globex.example"]).unwrap();
    let globex_ca = issue::ca(&globex, &globex_key, AT, [1; 20]).unwrap();
    let link = |names, subject: &Certificate, issuer: &Authority<'_>, path_length| {
        let crossing = Crossing {
            limits: Limits {
                names,
                policy_mappings: vec![("1.2.1.1".to_owned(), "1.3.1.1".to_owned())],
                require_explicit_policy: Some(9),
                inhibit_policy_mapping: Some(2),
                inhibit_any_policy: Some(2),
            },
            path_length: Some(path_length),
            policies: vec!["1.2.1.1".to_owned()],
            crl_urls: vec!["http://bridge.example/bridge.crl".to_owned()],
            issuer_urls: vec!["http://bridge.example/issued-to.p7c".to_owned()],
            ..Crossing::rollover(subject)
        };
        issue::cross(&crossing, issuer, AT, [4; 20]).unwrap()
    };
    let domains = |name: &str| vec![name.to_owned()];
    let own = Authority { key: &acme.ca_key, certificate: &acme.ca };
    let up = link(issue::except(&domains("acme.example"), &[]).unwrap(), &bridge, &own, 2);
    let hub = Authority { key: &bridge_key, certificate: &bridge };
    let down = link(issue::within(&domains("globex.example")).unwrap(), &globex_ca, &hub, 1);
    let write = |name: &str, text: &str| fs::write(acme.folder.path().join(name), text).unwrap();
    write("between.pem", &(up.to_pem() + &down.to_pem()));
    let authority = Authority { key: &globex_key, certificate: &globex_ca };
    for (domain, is_reached) in [("globex.example", true), ("acme.example", false)] {
        let organisation = Organisation::new("Globex", [domain]).unwrap();
        let key = globex_key.public_key();
        let gateway = issue::organisation_signing(&organisation, &authority, key, AT, [5; 20]);
        write("gateway.pem", &gateway.unwrap().to_pem());
        let at = AT.to_string();
        let verify = ["verify", "-x509_strict", "-attime", &at, "-CAfile", "ca.pem", "-untrusted"];
        let output = acme.openssl(&[&verify[..], &["between.pem", "gateway.pem"]].concat());
        assert_eq!(output.status.success(), is_reached, "{domain}: {output:?}");
        let refused = String::from_utf8_lossy(&output.stderr).contains("subtree violation");
        assert_eq!(refused, !is_reached, "{domain}: {output:?}");
    }
    write("down.pem", &down.to_pem());
    let text = stdout(&acme.openssl(&["x509", "-noout", "-text", "-in", "down.pem"]));
    for line in [
        "X509v3 Name Constraints: critical",
        "email:globex.example",
        "IP:0.0.0.0/0.0.0.0",
        "CA:TRUE, pathlen:1",
        "X509v3 Policy Mappings: critical",
        "1.2.1.1:1.3.1.1",
        "Require Explicit Policy:9, Inhibit Policy Mapping:2",
        "X509v3 Inhibit Any Policy: critical",
        "CA Issuers - URI:http://bridge.example/issued-to.p7c",
        "URI:http://bridge.example/bridge.crl",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn policies_and_distribution_points_are_written() {
    let issued = Issued::new(KeyKind::EcP256, AT);
    let authority = Authority { key: &issued.ca_key, certificate: &issued.ca };
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let profile = issue::Profile {
        subject: issued.signing.subject_name().clone(),
        alternative_names: vec![AlternativeName::Email("alice@acme.example".to_owned())],
        key_usage: None,
        extended_key_usage: Vec::new(),
        authority: None,
        not_before: AT,
        not_after: AT + 86_400,
        policies: vec!["2.23.140.1.5.1.1".to_owned()],
        crl_urls: vec!["http://crl.acme.example/ca.crl".to_owned()],
        ..issue::Profile::default()
    };
    let certificate = issue::certificate(&profile, &authority, key.public_key(), [5; 20]).unwrap();
    fs::write(issued.folder.path().join("alice.pem"), certificate.to_pem()).unwrap();
    let text = stdout(&issued.openssl(&["x509", "-noout", "-text", "-in", "alice.pem"]));
    assert!(
        text.contains("Policy: 2.23.140.1.5.1.1")
            && text.contains("URI:http://crl.acme.example/ca.crl"),
        "{text}"
    );
    assert_eq!(certificate.emails(), ["alice@acme.example"]);
}

#[test]
fn private_keys_are_read_in_every_usual_form() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let run = |arguments: &[&str]| {
        assert!(openssl(folder.path(), arguments).status.success(), "{arguments:?}");
    };
    for (algorithm, option, kind) in [
        ("EC", "ec_paramgen_curve:P-256", KeyKind::EcP256),
        ("EC", "ec_paramgen_curve:P-384", KeyKind::EcP384),
        ("RSA", "rsa_keygen_bits:2048", KeyKind::Rsa2048),
    ] {
        run(&["genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", "key.pem"]);
        run(&["pkey", "-in", "key.pem", "-traditional", "-out", "old.pem"]);
        run(&[
            "pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER", "-out", "key.der",
        ]);
        run(&[
            "pkcs8",
            "-topk8",
            "-in",
            "key.pem",
            "-passout",
            "pass:secret",
            "-out",
            "locked.pem",
        ]);
        run(&[
            "pkey",
            "-in",
            "key.pem",
            "-traditional",
            "-aes128",
            "-passout",
            "pass:secret",
            "-out",
            "oldlocked.pem",
        ]);
        let key = key_file::read(&at("key.pem")).unwrap();
        assert_eq!(key.kind(), kind);
        assert!(
            at("old.pem").starts_with(format!("-----BEGIN {algorithm} PRIVATE KEY").as_bytes())
        );
        for name in ["old.pem", "key.der"] {
            assert_eq!(key_file::read(&at(name)).unwrap().public_key(), key.public_key(), "{name}");
        }
        for name in ["locked.pem", "oldlocked.pem"] {
            assert_eq!(
                key_file::read(&at(name)).unwrap_err().code().id,
                "pki.key_encrypted",
                "{name}"
            );
        }
        fs::write(folder.path().join("ours.pem"), key_file::write(&key).unwrap().as_bytes())
            .unwrap();
        run(&["pkey", "-in", "ours.pem", "-noout", "-check"]);
    }
}

impl Issued {
    fn new(kind: KeyKind, at: i64) -> Self {
        let organisation =
            Organisation::new("Acme & Söhne", ["acme.example", "acme.test"]).unwrap();
        let [ca_key, key] = [0; 2].map(|_| PrivateKey::generate(kind).unwrap());
        let ca = issue::ca(&organisation, &ca_key, at, [0xff; 20]).unwrap();
        let authority = Authority { key: &ca_key, certificate: &ca };
        let signing =
            issue::organisation_signing(&organisation, &authority, key.public_key(), at, [0; 20])
                .unwrap();
        let encryption = issue::organisation_encryption(
            &organisation,
            &authority,
            key.public_key(),
            at,
            [0x81; 20],
        )
        .unwrap();
        let folder = TempDir::new().unwrap();
        for (name, certificate) in
            [("ca.pem", &ca), ("signing.pem", &signing), ("encryption.pem", &encryption)]
        {
            fs::write(folder.path().join(name), certificate.to_pem()).unwrap();
        }
        Self { folder, ca_key, ca, signing }
    }

    fn openssl(&self, arguments: &[&str]) -> Output {
        openssl(self.folder.path(), arguments)
    }
}

fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).current_dir(folder).output().unwrap()
}

fn assert_says(output: &Output, line: &str) {
    assert!(output.status.success() && stdout(output).contains(line), "{output:?}");
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Undoes the escapes with which OpenSSL prints UTF-8.
fn unescaped(text: &str) -> String {
    text.replace("\\C3\\B6", "ö")
}
