//! Revocation against the `openssl` command: the lists of `openssl ca` and the responses of `openssl ocsp`, asked by us.

use std::fs;
use std::process::{Command, Output};

use chancery_crypto::{DigestAlgorithm, KeyKind, PrivateKey};
use chancery_pki::issue::{self, Authority, Profile};
use chancery_pki::revocation::{
    Answer, Evidence, IssuerOnly, Nonce, OcspRequest, OcspResponse, Question, Reason,
    RevocationList, Rule, Settings, SignerRole, Signers, Status, status,
};
use chancery_pki::{
    Certificate, DistinguishedName, ExtendedKeyUsage, KeyUsage, Organisation, key_file,
};
use tempfile::TempDir;

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;
const DAY: i64 = 86_400;

/// An authority in the form that `openssl ca` and `openssl ocsp` work with.
struct Desk {
    folder: TempDir,
    key: PrivateKey,
    ca: Certificate,
    user: Certificate,
}

/// A path check that finds every signer good.
struct Trusting;

impl Signers for Trusting {
    fn named(&mut self, _: &DistinguishedName) -> Vec<Certificate> {
        Vec::new()
    }

    fn is_authority(&mut self, _: &Certificate) -> bool {
        true
    }

    fn trusts(&mut self, _: &Certificate, _: SignerRole) -> bool {
        true
    }
}

impl Desk {
    fn new(kind: KeyKind) -> Self {
        let acme = Organisation::new("Acme", ["acme.example"]).unwrap();
        let key = PrivateKey::generate(kind).unwrap();
        let ca = issue::ca(&acme, &key, AT, [1; 20]).unwrap();
        let authority = Authority { key: &key, certificate: &ca };
        let user = issue::organisation_signing(&acme, &authority, key.public_key(), AT, [0x7f; 20]);
        let desk = Self { folder: TempDir::new().unwrap(), user: user.unwrap(), key, ca };
        desk.write("ca.pem", &desk.ca.to_pem());
        desk.write("ca.key", &key_file::write(&desk.key).unwrap());
        desk.write("number", "1000\n");
        desk.index("V", "");
        desk
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Writes down what the authority knows of the user, and of somebody else who is revoked.
    fn index(&self, state: &str, revoked: &str) {
        let serial = self.user.serial_hex().to_uppercase();
        self.write(
            "index.txt",
            &format!(
                "{state}\t360601120000Z\t{revoked}\t{serial}\tunknown\t/CN=user\n\
                 R\t360601120000Z\t260101000000Z,superseded\t00FF\tunknown\t/CN=other\n"
            ),
        );
    }

    fn openssl(&self, arguments: &[&str]) -> Output {
        let output =
            Command::new("openssl").args(arguments).current_dir(self.folder.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?} {output:?}");
        output
    }

    /// Has `openssl ca` issue a list with these extensions, from a day before the time in question to a week after.
    fn list(&self, extensions: &str) -> RevocationList {
        self.write(
            "ca.cnf",
            &format!(
                "[ca]\ndefault_ca=desk\n[desk]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\n\
                 certificate=ca.pem\nprivate_key=ca.key\ncrl_extensions=list\n\
                 [list]\nauthorityKeyIdentifier=keyid\n{extensions}\n"
            ),
        );
        let dates = ["-crl_lastupdate", "260531120000Z", "-crl_nextupdate", "260608120000Z"];
        let issue = ["ca", "-config", "ca.cnf", "-gencrl", "-out", "list.pem"];
        self.openssl(&[&issue[..], &dates].concat());
        self.openssl(&["crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der"]);
        RevocationList::from_der(self.read("list.der")).unwrap()
    }

    /// Has `openssl ocsp` answer a request.
    fn respond(&self, request: &OcspRequest, signer: &str, options: &[&str]) -> Vec<u8> {
        fs::write(self.folder.path().join("request.der"), request.to_der()).unwrap();
        let (certificate, key) = (format!("{signer}.pem"), format!("{signer}.key"));
        let respond = ["ocsp", "-index", "index.txt", "-CA", "ca.pem", "-reqin", "request.der"];
        let sign = ["-rsigner", &certificate, "-rkey", &key, "-respout", "response.der"];
        self.openssl(&[&respond[..], &sign, options].concat());
        self.read("response.der")
    }

    fn request(&self, digest: DigestAlgorithm, nonce: Nonce) -> OcspRequest {
        OcspRequest::new(&self.user, &self.ca, digest, nonce).unwrap()
    }

    fn ask(&self, evidence: &Evidence, at: i64, signers: &mut dyn Signers) -> Answer {
        let (certificate, issuer, settings) = (&self.user, &self.ca, &Settings::default());
        status(&Question { certificate, issuer, evidence, settings, at }, signers)
    }

    fn ask_list(&self, list: RevocationList) -> Answer {
        let mut evidence = Evidence::new();
        evidence.add_list(list);
        self.ask(&evidence, AT, &mut IssuerOnly)
    }

    /// Asks at the time of the response, which `openssl ocsp` takes from the clock.
    fn ask_response(&self, response: &OcspResponse, signers: &mut dyn Signers) -> Answer {
        let mut evidence = Evidence::new();
        evidence.add_response(response);
        self.ask(&evidence, response.produced_at(), signers)
    }
}

#[test]
fn the_lists_of_openssl_say_what_it_knows() {
    for kind in [KeyKind::Rsa2048, KeyKind::EcP256, KeyKind::EcP384] {
        let desk = Desk::new(kind);
        let list = desk.list("");
        assert_eq!((list.len(), list.number_hex().as_deref()), (1, Some("1000")));
        let answer = desk.ask_list(list);
        assert!(
            matches!(answer.status, Status::Good { until, .. } if until == AT + 7 * DAY),
            "{answer:#?}"
        );
        for (entry, expected, has_date) in [
            ("260520120000Z", Reason::Unspecified, false),
            ("260520120000Z,keyCompromise", Reason::KeyCompromise, false),
            ("260520120000Z,CACompromise", Reason::CaCompromise, false),
            ("260520120000Z,affiliationChanged", Reason::AffiliationChanged, false),
            ("260520120000Z,superseded", Reason::Superseded, false),
            ("260520120000Z,cessationOfOperation", Reason::CessationOfOperation, false),
            ("260520120000Z,certificateHold", Reason::CertificateHold, false),
            ("260520120000Z,holdInstruction,holdInstructionReject", Reason::CertificateHold, false),
            ("260520120000Z,keyTime,20260510120000Z", Reason::KeyCompromise, true),
        ] {
            desk.index("R", entry);
            let answer = desk.ask_list(desk.list(""));
            let Status::Revoked { reason, since, invalid_since, .. } = answer.status else {
                panic!("{entry} {answer:#?}")
            };
            assert_eq!((reason, since), (expected, AT - 12 * DAY), "{entry}");
            assert_eq!(invalid_since, has_date.then_some(AT - 22 * DAY), "{entry}");
        }
    }
}

#[test]
fn the_partial_lists_of_openssl_are_partial() {
    let desk = Desk::new(KeyKind::EcP256);
    for (scope, failing) in [
        ("indirectCRL=TRUE", None),
        ("onlyuser=TRUE", None),
        ("onlyCA=TRUE", Some(Rule::CertificateKind)),
        ("onlyAA=TRUE", Some(Rule::CertificateKind)),
        ("onlysomereasons=keyCompromise,CACompromise", Some(Rule::Complete)),
        ("fullname=URI:http://lists.acme.example/1.crl", Some(Rule::DistributionPoint)),
        ("relativename=part\n[part]\nCN=part 1", Some(Rule::DistributionPoint)),
    ] {
        let list =
            desk.list(&format!("issuingDistributionPoint=critical,@scope\n[scope]\n{scope}"));
        let answer = desk.ask_list(list);
        assert_eq!(answer.status.is_good(), failing.is_none(), "{scope} {answer:#?}");
        let failed: Vec<_> =
            answer.steps.iter().filter(|step| !step.holds).map(|step| step.rule).collect();
        assert!(failing.is_none_or(|rule| failed.contains(&rule)), "{scope} {answer:#?}");
    }
}

#[test]
fn the_delta_lists_of_openssl_are_put_on_their_base() {
    let desk = Desk::new(KeyKind::EcP256);
    // Lists are numbered from 0x1000 on.
    let base = desk.list("");
    desk.index("R", "260531120000Z,keyCompromise");
    let delta = desk.list("2.5.29.27=critical,ASN1:INTEGER:0x1000");
    let of_another = desk.list("2.5.29.27=critical,ASN1:INTEGER:0x1001");
    assert!(delta.is_delta() && of_another.is_delta());
    let ask = |lists: &[&RevocationList]| {
        let mut evidence = Evidence::new();
        evidence.extend(lists.iter().map(|list| (*list).clone()));
        desk.ask(&evidence, AT, &mut IssuerOnly).status
    };
    assert!(ask(&[&base]).is_good());
    assert!(ask(&[&base, &delta]).is_revoked());
    assert!(ask(&[&base, &of_another]).is_good());
    assert!(ask(&[&delta]).is_unknown());
}

#[test]
fn the_responses_of_openssl_say_what_it_knows() {
    for kind in [KeyKind::Rsa2048, KeyKind::EcP256] {
        let desk = Desk::new(kind);
        for (digest, nonce) in [
            (DigestAlgorithm::Sha1, Nonce::Absent),
            (DigestAlgorithm::Sha256, Nonce::Required([5; 32])),
            (DigestAlgorithm::Sha512, Nonce::Preferred([6; 32])),
        ] {
            let request = desk.request(digest, nonce);
            for (state, revoked, options, is_good) in [
                ("V", "", ["-ndays", "7"], true),
                // A newer response is always there, and the key is named instead of the responder.
                ("V", "", ["-resp_key_id", "-resp_no_certs"], true),
                ("R", "260520120000Z,keyCompromise", ["-ndays", "7"], false),
            ] {
                desk.index(state, revoked);
                let response = request.accept(desk.respond(&request, "ca", &options)).unwrap();
                let answer = desk.ask_response(&response, &mut IssuerOnly);
                assert_eq!(answer.status.is_good(), is_good, "{answer:#?}");
                if let Status::Revoked { reason, since, .. } = answer.status {
                    assert_eq!((reason, since), (Reason::KeyCompromise, AT - 12 * DAY));
                }
            }
        }
    }
}

#[test]
fn openssl_reads_our_request_and_the_nonce_keeps_old_answers_away() {
    let desk = Desk::new(KeyKind::EcP256);
    let request = desk.request(DigestAlgorithm::Sha256, Nonce::Required([0xab; 32]));
    let old = desk.respond(&request, "ca", &["-ndays", "7"]);
    assert!(request.accept(old.clone()).is_ok());
    let text = desk.openssl(&["ocsp", "-reqin", "request.der", "-req_text", "-noverify"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("Hash Algorithm: sha256") && text.contains("OCSP Nonce"), "{text}");
    assert!(text.contains(&desk.user.serial_hex().to_uppercase()), "{text}");

    let next = desk.request(DigestAlgorithm::Sha256, Nonce::Required([0xcd; 32]));
    let error = next.accept(old).unwrap_err();
    assert!(error.to_string().ends_with("it has the nonce of another request"), "{error}");
    let plain = desk.request(DigestAlgorithm::Sha256, Nonce::Absent);
    let error = next.accept(desk.respond(&plain, "ca", &[])).unwrap_err();
    assert!(error.to_string().ends_with("it has no nonce"), "{error}");
    // A responder that is asked for somebody else's certificate does not know it.
    let other = Desk::new(KeyKind::EcP256);
    let foreign = other.request(DigestAlgorithm::Sha1, Nonce::Absent);
    let response = foreign.accept(desk.respond(&foreign, "ca", &[])).unwrap();
    assert!(!other.ask_response(&response, &mut Trusting).status.is_good());
}

#[test]
fn a_responder_of_openssl_needs_the_authority_to_make_it_one() {
    let desk = Desk::new(KeyKind::EcP256);
    let authority = Authority { key: &desk.key, certificate: &desk.ca };
    let request = desk.request(DigestAlgorithm::Sha256, Nonce::Absent);
    for (usages, is_responder) in [
        (vec![ExtendedKeyUsage::OcspSigning], true),
        (vec![ExtendedKeyUsage::EmailProtection], false),
        (Vec::new(), false),
    ] {
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let profile = Profile {
            subject: desk.user.subject_name().clone(),
            alternative_names: Vec::new(),
            key_usage: Some(KeyUsage::DIGITAL_SIGNATURE),
            extended_key_usage: usages,
            authority: None,
            not_before: AT - DAY,
            not_after: AT + 3000 * DAY,
            policies: Vec::new(),
            crl_urls: Vec::new(),
            ..Profile::default()
        };
        let responder = issue::certificate(&profile, &authority, key.public_key(), [0x33; 20]);
        desk.write("responder.pem", &responder.unwrap().to_pem());
        desk.write("responder.key", &key_file::write(&key).unwrap());
        let der = desk.respond(&request, "responder", &["-ndays", "1"]);
        let answer = desk.ask_response(&request.accept(der).unwrap(), &mut Trusting);
        assert_eq!(answer.status.is_good(), is_responder, "{answer:#?}");
    }
}
