//! A certificate that may be revoked, and somebody who believes every signature, so that no rule behind one is out of reach.

use std::sync::LazyLock;

use chancery_pki::revocation::{
    Answer, Evidence, Question, Settings, Signed, SignerRole, Signers, Status, status,
};
use chancery_pki::{Certificate, DistinguishedName};

/// A day for which the evidence of the seeds counts: 2027-01-01.
const AT: i64 = 1_798_761_600;

/// The certificate and its issuer.
pub static PAIR: LazyLock<[Certificate; 2]> = LazyLock::new(|| {
    let read = |der| Certificate::from_der(der).expect("a certificate");
    [read(include_bytes!("../../keys/ec.der")), read(include_bytes!("../../keys/ca.der"))]
});

struct Believer;

impl Signers for Believer {
    fn named(&mut self, _: &DistinguishedName) -> Vec<Certificate> {
        PAIR.to_vec()
    }

    fn is_authority(&mut self, _: &Certificate) -> bool {
        true
    }

    fn trusts(&mut self, _: &Certificate, _: SignerRole) -> bool {
        true
    }

    fn verify(&mut self, signed: &Signed<'_>, signer: &Certificate) -> Result<(), String> {
        drop(signed.verify(signer));
        Ok(())
    }
}

/// Asks, and checks what must be true of every answer.
pub fn ask(evidence: &Evidence) {
    let [certificate, issuer] = &*PAIR;
    let settings = Settings::default();
    let question = Question { certificate, issuer, evidence, settings: &settings, at: AT };
    let Answer { status: found, steps } = status(&question, &mut Believer);
    assert!(steps.len() <= 256);
    match &found {
        Status::Good { by, until } => assert!(!by.is_empty() && *until >= AT),
        Status::Revoked { by, .. } => assert!(steps.iter().any(|step| step.source.as_ref() == Some(by) && !step.holds)),
        Status::Unknown { why } => assert!(!why.is_empty() && steps.iter().any(|step| !step.holds)),
    }
    assert_eq!(status(&question, &mut Believer).status, found);
}
