//! What is shown of certificates, lists, responses and bundles: what OpenSSL says, safe to print, and the same as JSON.

use std::fs;
use std::process::Command;

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::bundle::Bundle;
use chancery_pki::describe::{Object, Value};
use chancery_pki::issue::{self, Authority, Reason, Revoked};
use chancery_pki::revocation::RevocationList;
use chancery_pki::{Certificate, Organisation, pem};
use tempfile::TempDir;

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;

fn sample() -> (PrivateKey, Certificate) {
    let acme = Organisation::new("Acme", ["acme.example"]).unwrap();
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let ca = issue::ca(&acme, &key, AT, [1; 20]).unwrap();
    (key, ca)
}

fn text(bytes: &[u8]) -> String {
    Object::read_all(bytes).unwrap().iter().map(|object| object.describe().to_string()).collect()
}

#[test]
fn a_certificate_is_told_in_a_column() {
    let (_, ca) = sample();
    let shown = text(ca.der());
    let without: Vec<_> = shown
        .lines()
        .filter(|line| !line.contains("key id") && !line.contains("fingerprint"))
        .collect();
    assert_eq!(
        without,
        [
            "certificate",
            "  subject             CN=acme.example mail CA,O=Acme",
            "  issuer              CN=acme.example mail CA,O=Acme",
            "  serial              4101010101010101010101010101010101010101",
            "  version             3",
            "  not before          2026-06-01T11:00:00Z",
            "  not after           2036-05-29T12:00:00Z",
            "  key                 EC P-256",
            "  signature           ecdsa with sha-256",
            "  key usage           keyCertSign",
            "                      cRLSign",
            "  authority           yes",
        ]
    );
    assert!(shown.contains(&ca.fingerprint_sha256()));
    assert_eq!(text(ca.to_pem().as_bytes()), shown, "PEM or DER is the same");
}

#[test]
fn what_openssl_writes_is_told_as_openssl_tells_it() {
    let folder = TempDir::new().unwrap();
    let names = "subjectAltName=email:a@b.example,DNS:b.example,URI:http://b.example/,IP:10.0.0.1,IP:fe80::1,dirName:d,\
                 otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@b.example";
    let extensions = [
        names,
        "nameConstraints=critical,permitted;email:.b.example,excluded;IP:10.0.0.0/255.0.0.0",
        "policyConstraints=requireExplicitPolicy:3,inhibitPolicyMapping:2",
        "policyMappings=1.2.3:1.2.4",
        "certificatePolicies=1.2.3,1.2.5",
        "inhibitAnyPolicy=1",
        "extendedKeyUsage=emailProtection,OCSPSigning,1.2.3.4",
        "authorityInfoAccess=OCSP;URI:http://ocsp.b.example,caIssuers;URI:http://ca.b.example/ca.p7c",
        "crlDistributionPoints=URI:http://b.example/1.crl",
        "freshestCRL=URI:http://b.example/2.crl",
        "1.2.3.99=critical,ASN1:NULL",
    ];
    fs::write(
        folder.path().join("c.cnf"),
        format!("[req]\ndistinguished_name=n\n[n]\n[e]\n{}\n[d]\nCN=Dir\n", extensions.join("\n")),
    )
    .unwrap();
    let arguments = "req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -subj /CN=x -config c.cnf -extensions e";
    let output =
        Command::new("openssl").args(arguments.split(' ')).current_dir(folder.path()).output();
    assert!(output.as_ref().unwrap().status.success(), "{output:?}");
    let bytes = fs::read(folder.path().join("c.pem")).unwrap();
    let [object] = Object::read_all(&bytes).unwrap().try_into().unwrap();
    let described = object.describe();
    let field = |name: &str| {
        let found = described.fields.iter().find(|(known, _)| *known == name);
        match &found.unwrap_or_else(|| panic!("{name} {described}")).1 {
            Value::Many(values) => values.join(" "),
            Value::Number(number) => number.to_string(),
            Value::One(value) => value.clone(),
        }
    };
    for (name, expected) in [
        (
            "names",
            "email:a@b.example dns:b.example uri:http://b.example/ ip:10.0.0.1 ip:fe80::1 directory:CN=Dir upn:user@b.example",
        ),
        ("permitted_names", "email:.b.example"),
        ("excluded_names", "ip:10.0.0.0/255.0.0.0"),
        ("require_explicit_policy", "after 3 certificates"),
        ("inhibit_policy_mapping", "after 2 certificates"),
        ("inhibit_any_policy", "after 1 certificates"),
        ("policy_mappings", "1.2.3 = 1.2.4"),
        ("policies", "1.2.3 1.2.5"),
        ("extended_key_usage", "emailProtection OCSPSigning 1.2.3.4"),
        ("issuer_urls", "http://ca.b.example/ca.p7c"),
        ("ocsp_urls", "http://ocsp.b.example"),
        ("crl_urls", "http://b.example/1.crl"),
        ("delta_crl_urls", "http://b.example/2.crl"),
        ("unknown_critical", "1.2.3.99"),
        ("key", "RSA 2048"),
    ] {
        assert_eq!(field(name), expected, "{name}");
    }
}

#[test]
fn a_list_and_a_bundle_show_what_is_in_them() {
    let (key, ca) = sample();
    let authority = Authority { key: &key, certificate: &ca };
    let revoked = |serial| Revoked { serial: vec![serial], at: AT, reason: Reason::Superseded };
    let der = issue::crl(&authority, &[revoked(9), revoked(7)], AT, AT + 86_400, 5).unwrap();
    let shown = text(pem::encode("X509 CRL", &der).as_bytes());
    let list = RevocationList::from_der(der).unwrap();
    for line in [
        "crl\n  issuer            CN=acme.example mail CA,O=Acme\n  number            5\n",
        "  this update       2026-06-01T12:00:00Z\n  next update       2026-06-02T12:00:00Z\n",
        "  revoked           2\n  revoked\n    serial  09\n    since   2026-06-01T12:00:00Z\n    reason  superseded\n  revoked\n    serial  07\n",
    ] {
        assert!(shown.contains(line), "{line:?} is not in {shown}");
    }
    let bundle = Bundle { certificates: vec![ca], lists: vec![list], unreadable: 0 };
    let shown = text(&bundle.to_der());
    assert!(
        shown.starts_with(
            "bundle\n  certificates  1\n  lists         1\n  unreadable    0\n  certificate\n"
        ),
        "{shown}"
    );
    assert!(shown.contains("\n  crl\n    issuer "), "{shown}");
}

#[test]
fn what_is_none_of_them_is_refused() {
    let (key, _) = sample();
    let private = chancery_pki::key_file::write(&key).unwrap();
    for bytes in [
        private.as_bytes(),
        b"hello",
        b"",
        &[0x30],
        &[0x30, 0x80, 0, 0],
        &[0x30, 0x03, 0x0a, 0x01, 0x03],
    ] {
        assert!(Object::read_all(bytes).is_err(), "{bytes:?}");
    }
}
