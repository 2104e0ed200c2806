//! Which algorithms a recipient gets: what is known of it decides, and `explain` says why.

use chancery_e2e::{chancery::section, message};

use crate::{interop::Initech, world::Lone};

const ALICE: &str = "alice@acme.example";
const DAVE: &str = "dave@initech.example";

/// Returns the record of the encryption of a message as `explain` gives it to programs.
fn protect_record(organisation: &Lone, mark: &str) -> serde_json::Value {
    let story = organisation.gateway.demand(&[
        "--format",
        "json",
        "explain",
        &format!("{mark}@test.invalid"),
    ]);
    let story: serde_json::Value = serde_json::from_str(&story).expect("it is JSON");
    let decisions = story["decisions"].as_array().expect("there are decisions");
    let protect = decisions.iter().find(|decision| decision["kind"] == "protect");
    protect.unwrap_or_else(|| panic!("{mark} was not protected: {story}"))["facts"].clone()
}

/// Sends a message to Dave and returns how it was encrypted.
fn encrypted(organisation: &Lone, mark: &str) -> serde_json::Value {
    let sent = message::plain(ALICE, DAVE, mark);
    assert!(organisation.send(&[DAVE], &sent).starts_with("250"), "{mark}");
    protect_record(organisation, mark)
}

#[test]
fn a_partner_whose_card_is_silent_is_known_by_what_it_signs_and_writes() {
    let organisation = Lone::start_with_options(&["--key-type", "rsa-2048"]);
    let initech = Initech::new();
    initech.meet_silently(&organisation);
    let nothing = encrypted(&organisation, "nothing-");
    assert_eq!(nothing["cipher"], "aes256-cbc", "{nothing}");
    assert_eq!(nothing["choice"]["recipients"][0]["source"], "default", "{nothing}");
    assert_eq!(nothing["choice"]["recipients"][0]["key_management"], "rsa-pkcs1v15", "{nothing}");

    // What OpenSSL signs says that it reads AES-256-CBC; how it encrypts shows OAEP.
    let entity = "Content-Type: text/plain\r\n\r\nfirst\r\n";
    let encryption = initech.encryption_certificate_of(&organisation);
    let options =
        [encryption.as_str(), "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"];
    let body = initech.encrypt(&initech.sign(entity), &["-aes-256-gcm"], &options);
    let mail = format!(
        "From: {DAVE}\r\nTo: {ALICE}\r\nSubject: hello\r\nMessage-ID: <first@initech.example>\r\n{body}"
    );
    assert!(organisation.receive(DAVE, &mail).starts_with("250"));
    organisation.mailboxes.received("first@initech.example");
    let story = organisation.gateway.demand(&["explain", "first@initech.example"]);
    assert!(story.contains("learned what the sender's software reads"), "{story}");
    assert!(story.contains("it says that it reads aes256-cbc"), "{story}");
    assert!(story.contains("it encrypted with aes256-gcm, rsa-oaep-sha256"), "{story}");

    let known = encrypted(&organisation, "known-");
    let recipient = &known["choice"]["recipients"][0];
    assert_eq!(
        (&recipient["source"], &recipient["key_source"]),
        (&"attribute".into(), &"observed".into()),
        "{known}"
    );
    assert_eq!(known["cipher"], "aes256-cbc", "its word goes before what it did: {known}");
    assert_eq!(recipient["key_management"], "rsa-oaep-sha256", "{known}");
    let story = organisation.gateway.demand(&["explain", "known-@test.invalid"]);
    assert!(story.contains("because the capabilities in what it signed on"), "{story}");

    // Dave can read what is written to him in this way.
    let wire = organisation.internet.wait_for("the second message", |accepted| {
        accepted
            .iter()
            .map(chancery_e2e::peers::Accepted::text)
            .find(|text| text.contains("known-"))
    });
    let opened = initech.decrypt(&wire);
    assert!(opened.contains("known-"), "{opened}");
}

#[test]
fn the_configuration_has_the_last_word_about_ciphers() {
    let organisation = Lone::start(|gateway| {
        gateway.configure(|configuration| {
            section(configuration, "protection")
                .insert("ciphers".into(), vec!["aes256-gcm"].into());
        });
    });
    let initech = Initech::new();
    initech.meet_silently(&organisation);
    let record = encrypted(&organisation, "strict-");
    assert_eq!(record["cipher"], "aes256-gcm", "{record}");
    assert!(
        record["choice"]["warning"].as_str().is_some_and(|text| text.contains("nothing says")),
        "{record}"
    );
    let story = organisation.gateway.demand(&["explain", "strict-@test.invalid"]);
    assert!(story.contains("warning: nothing says that"), "{story}");
}
