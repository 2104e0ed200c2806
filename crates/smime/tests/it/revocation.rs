//! What a verdict makes of signers that were revoked, or of whom nobody says whether they were.

use std::io::Cursor;
use std::sync::Arc;

use chancery_pki::issue;
use chancery_pki::issue::{Reason, Revoked};
use chancery_pki::path::{Known, RevocationDemand, Strictness, Trust as PathTrust};
use chancery_pki::revocation::RevocationList;
use chancery_smime::{
    Anchor, MemorySpools, OpenFacts, Outcome, Reach, SignerTrust, Trust, Verdict, open,
};

use crate::support::{AT, Party};

/// Somebody who believes Acme and knows of lists.
struct Reader {
    acme: Anchor,
    known: Known,
}

impl Trust for Reader {
    fn anchors_for(&self, domain: &str) -> Vec<Anchor> {
        vec![self.acme.clone()].anchors_for(domain)
    }

    fn known(&self) -> Known {
        self.known.clone()
    }
}

impl Reader {
    fn new(acme: &Party, strictness: Strictness, lists: Vec<RevocationList>) -> Self {
        let revocation = RevocationDemand { strictness, ..RevocationDemand::default() };
        let authority = std::slice::from_ref(&acme.ca);
        let trust = PathTrust { revocation, ..PathTrust::anchors(authority) };
        let acme = Anchor { trust: Arc::new(trust), ..acme.anchor() };
        Self { acme, known: Known::default().with([], lists) }
    }

    fn read(&self, message: &[u8]) -> Verdict {
        let facts = OpenFacts { at: AT, our_domains: &[] };
        let (mut spools, mut out) = (MemorySpools::new(1 << 20), Vec::new());
        open(&mut Cursor::new(message), &[], self, &facts, &mut spools, &mut out).unwrap().verdict
    }
}

/// A list of Acme in which its signer stands, or nobody.
fn list(acme: &Party, is_revoked: bool) -> RevocationList {
    let authority = issue::Authority { key: &acme.ca_key, certificate: &acme.ca };
    let serial = acme.signing.serial().to_vec();
    let entry = Revoked { serial, at: AT - 600, reason: Reason::KeyCompromise };
    let entries = if is_revoked { vec![entry] } else { Vec::new() };
    let der = issue::crl(&authority, &entries, AT - 60, AT + 3_600, 1).unwrap();
    RevocationList::from_der(der).unwrap()
}

const MAIL: &str = "From: alice@acme.example\r\nSubject: hello\r\n\r\nhello\r\n";

#[test]
fn revocation_decides_as_the_trust_demands() {
    use Outcome::{Unverified, Verified};
    use Strictness::{Hard, Ignore, Soft};
    let acme = Party::acme();
    let signed = acme.sign(MAIL);
    let (revoked, unknown) = (Some("smime.certificate_revoked"), Some("smime.revocation_unknown"));
    for (strictness, listed, result, trust, code) in [
        (Ignore, Some(true), Verified, SignerTrust::Partner, None),
        (Soft, Some(true), Unverified, SignerTrust::Revoked, revoked),
        (Hard, Some(true), Unverified, SignerTrust::Revoked, revoked),
        (Soft, None, Verified, SignerTrust::Partner, None),
        (Hard, None, Unverified, SignerTrust::RevocationUnknown, unknown),
        (Soft, Some(false), Verified, SignerTrust::Partner, None),
        (Hard, Some(false), Verified, SignerTrust::Partner, None),
    ] {
        let lists = listed.map(|is_revoked| list(&acme, is_revoked)).into_iter().collect();
        let verdict = Reader::new(&acme, strictness, lists).read(&signed);
        let case = format!("{strictness:?} {listed:?}: {verdict:#?}");
        assert_eq!(verdict.result, result, "{case}");
        assert_eq!(verdict.signers[0].trust, trust, "{case}");
        let known = ["smime.certificate_revoked", "smime.revocation_unknown"];
        let found = verdict.problems.iter().map(|it| it.code).find(|it| known.contains(it));
        assert_eq!(found, code, "{case}");
    }
}

#[test]
fn the_verdict_says_who_says_what() {
    let acme = Party::acme();
    let signed = acme.sign(MAIL);
    let verdict = Reader::new(&acme, Strictness::Soft, vec![list(&acme, false)]).read(&signed);
    let validation = &verdict.signers[0].validation;
    assert_eq!(validation.revocation.len(), 1, "{validation:#?}");
    assert_eq!(validation.revocation[0].status, "good");
    assert!(validation.revocation[0].detail.contains("until 20"), "{validation:#?}");
    // The list ends before the certificates do.
    let end = validation.ends_first.as_ref().unwrap();
    assert_eq!(end.at, AT + 3_600, "{end:?}");

    let verdict = Reader::new(&acme, Strictness::Soft, vec![list(&acme, true)]).read(&signed);
    let acme_signer = &verdict.signers[0];
    assert_eq!(acme_signer.validation.revocation[0].status, "revoked");
    assert!(acme_signer.why.contains("was revoked"), "{}", acme_signer.why);
    assert_eq!(acme_signer.validation.failures.len(), 1);
    assert_eq!(verdict.authentication_results("mx").matches("smime=policy").count(), 1);
}

#[test]
fn what_was_verified_once_is_remembered() {
    let acme = Party::acme();
    let reader = Reader::new(&acme, Strictness::Soft, Vec::new());
    assert_eq!(reader.known.verifier.known(), 0);
    reader.read(&acme.sign(MAIL));
    let known = reader.known.verifier.known();
    assert!(known > 0);
    reader.read(&acme.sign(MAIL));
    assert_eq!(reader.known.verifier.known(), known);
}

#[test]
fn nobody_is_believed_whom_no_bridge_limited() {
    let acme = Party::acme();
    let mut reader = Reader::new(&acme, Strictness::Soft, Vec::new());
    reader.acme.reach = Reach::Constrained;
    let verdict = reader.read(&acme.sign(MAIL));
    assert_eq!(verdict.result, Outcome::Unverified);
    let why = &verdict.signers[0].why;
    assert!(why.contains("no authority above the signer is limited to the domain"), "{why}");
}
