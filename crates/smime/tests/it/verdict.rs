//! The verdict as JSON and as Authentication-Results: both are read by programs, so both are fixed here.

use chancery_smime::{ContentAlgorithm, NoTrust};

use crate::support::{MESSAGE, Outcome, Party, open_as};

/// Replaces what differs from run to run.
fn json(opened: &Outcome) -> String {
    let mut value = serde_json::to_value(&opened.verdict).unwrap();
    for signer in value["signers"].as_array_mut().unwrap() {
        signer["fingerprint"] = "(fingerprint)".into();
    }
    if let Some(recipient) = value["encryption"].get_mut("recipient").filter(|it| it.is_string()) {
        *recipient = "(fingerprint)".into();
    }
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn verified() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
    insta::assert_snapshot!("verified_json", json(&opened));
    insta::assert_snapshot!(opened.verdict.authentication_results("gate.globex.example").replace("\r\n", "\n").replace('\t', "  "), @r#"
    Authentication-Results: gate.globex.example;
      smime=pass
      reason="Acme, encrypted"
      body.smime-identifier=domain-signing-authority@acme.example
      body.smime-serial=4202020202020202020202020202020202020202
      body.smime-issuer="CN=acme.example mail CA,O=Acme"
    "#);
}

#[test]
fn stranger() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &NoTrust);
    insta::assert_snapshot!("stranger_json", json(&opened));
    insta::assert_snapshot!(opened.verdict.authentication_results("gate.globex.example").replace("\r\n", "\n").replace('\t', "  "), @r#"
    Authentication-Results: gate.globex.example;
      smime=policy
      reason="smime.signer_unknown: nobody we know vouches for the signer"
      body.smime-identifier=domain-signing-authority@acme.example
      body.smime-serial=4202020202020202020202020202020202020202
      body.smime-issuer="CN=acme.example mail CA,O=Acme"
    "#);
}

#[test]
fn not_for_us() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &acme, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &NoTrust);
    insta::assert_snapshot!("not_for_us_json", json(&opened));
    insta::assert_snapshot!(opened.verdict.authentication_results("gate.globex.example").replace("\r\n", "\n").replace('\t', "  "), @r#"
    Authentication-Results: gate.globex.example;
      smime=permerror
      reason="smime.not_for_us: the message is encrypted to somebody else's certificate"
    "#);
}

#[test]
fn unprotected() {
    let opened = open_as(&Party::globex(), MESSAGE, &NoTrust);
    insta::assert_snapshot!(json(&opened), @r#"
    {
      "encryption": null,
      "form": "content",
      "from": [
        "joerg@acme.example"
      ],
      "header": {
        "added": [],
        "covered": [],
        "differing": [],
        "form": "none",
        "hidden": []
      },
      "partial": null,
      "problems": [],
      "protection": "none",
      "result": "unprotected",
      "signers": []
    }
    "#);
    insta::assert_snapshot!(opened.verdict.authentication_results("gate.globex.example").replace("\r\n", "\n").replace('\t', "  "), @r#"
    Authentication-Results: gate.globex.example;
      smime=none
    "#);
}
