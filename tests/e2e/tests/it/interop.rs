//! OpenSSL as the judge of what we send, and as the partner whose mail we open.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use chancery_e2e::{
    message::{self, SECRET, fields},
    peers::{Identity, OpenSsl},
    place::Folder,
};
use serde_json::json;

use crate::world::{Lone, fingerprint_in};

/// An organisation that is nothing but OpenSSL and a folder.
pub(crate) struct Initech {
    openssl: OpenSsl,
    identity: Identity,
    _folder: Folder,
}

impl Initech {
    pub(crate) fn new() -> Self {
        Self::with_certificates_for(30)
    }

    /// Makes one whose certificates are valid for some days from now on.
    pub(crate) fn with_certificates_for(days: i32) -> Self {
        let folder = Folder::new();
        let openssl = OpenSsl::within(folder.path());
        let identity = openssl.organisation("initech.example", days);
        Self { openssl, identity, _folder: folder }
    }

    /// Writes the card that `chancery partner add` takes, with nothing but `openssl cms`.
    fn card(&self, expires: &str, capabilities: &serde_json::Value) -> PathBuf {
        let pem = |path: &Path| std::fs::read_to_string(path).expect("openssl wrote it");
        let card = json!({
            "version": 1,
            "organisation": "initech.example",
            "domains": ["initech.example"],
            "ca": pem(&self.identity.ca),
            "signing": [pem(&self.identity.signing)],
            "encryption": [pem(&self.identity.encryption)],
            "capabilities": capabilities,
            "reach": { "hosts": [] },
            "issued": "2026-01-01T00:00:00Z",
            "expires": expires,
        });
        let (signer, key) = (word(&self.identity.signing), word(&self.identity.signing_key));
        let words = [
            "cms",
            "-sign",
            "-nodetach",
            "-binary",
            "-md",
            "sha256",
            "-outform",
            "PEM",
            "-signer",
            &signer,
            "-inkey",
            &key,
        ];
        let armoured = self.openssl.demand(&words, card.to_string().as_bytes());
        self.openssl.file("card.pem", armoured)
    }

    /// Decrypts a wire message, verifies what is inside, and returns it.
    fn open(&self, wire: &str, ca: &str) -> String {
        let (certificate, key) =
            (word(&self.identity.encryption), word(&self.identity.encryption_key));
        let decrypted = self
            .openssl
            .demand(&["cms", "-decrypt", "-recip", &certificate, "-inkey", &key], wire.as_bytes());
        let verified = self
            .openssl
            .demand(&["cms", "-verify", "-CAfile", ca, "-purpose", "smimesign"], &decrypted);
        String::from_utf8(verified).expect("the message is text")
    }

    /// Signs a MIME entity as a partner's gateway would.
    pub(crate) fn sign(&self, entity: &str) -> String {
        let (signer, key) = (word(&self.identity.signing), word(&self.identity.signing_key));
        let words = ["cms", "-sign", "-crlfeol", "-signer", &signer, "-inkey", &key];
        with_crlf(&self.openssl.demand(&words, entity.as_bytes()))
    }

    /// Signs a MIME entity and asks for a receipt.
    fn sign_asking(&self, entity: &str, to: &str) -> String {
        let (signer, key) = (word(&self.identity.signing), word(&self.identity.signing_key));
        let words = ["cms", "-sign", "-crlfeol", "-signer", &signer, "-inkey", &key];
        let asking = ["-receipt_request_all", "-receipt_request_to", to];
        with_crlf(&self.openssl.demand(&[&words[..], &asking].concat(), entity.as_bytes()))
    }

    /// Encrypts a MIME entity; `recipient` and options about it go last.
    pub(crate) fn encrypt(&self, entity: &str, options: &[&str], recipient: &[&str]) -> String {
        let words =
            [&["cms", "-encrypt", "-crlfeol"][..], options, &["-recip"], recipient].concat();
        with_crlf(&self.openssl.demand(&words, entity.as_bytes()))
    }

    /// Decrypts a wire message.
    pub(crate) fn decrypt(&self, wire: &str) -> String {
        let (certificate, key) =
            (word(&self.identity.encryption), word(&self.identity.encryption_key));
        let words = ["cms", "-decrypt", "-recip", &certificate, "-inkey", &key];
        String::from_utf8_lossy(&self.openssl.demand(&words, wire.as_bytes())).into_owned()
    }

    /// Returns the file of the certificate on the organisation's card.
    pub(crate) fn encryption_certificate_of(&self, organisation: &Lone) -> String {
        files_of_card(&self.openssl, &organisation.gateway.card()).1
    }

    /// Becomes a partner of the organisation, as its administrator would make it one.
    fn meet(&self, organisation: &Lone) {
        self.meet_with(organisation, "2030-01-01T00:00:00Z", &reads());
    }

    /// Becomes a partner whose card does not say what it reads.
    pub(crate) fn meet_silently(&self, organisation: &Lone) {
        self.meet_with(organisation, "2030-01-01T00:00:00Z", &json!({}));
    }

    /// Becomes a partner for some days from now on.
    pub(crate) fn meet_until(&self, organisation: &Lone, days: u32) {
        let mut date = Command::new("date");
        date.args(["--utc", &format!("--date=+{days} days"), "+%Y-%m-%dT%H:%M:%SZ"]);
        let expires = date.output().expect("there is a date").stdout;
        self.meet_with(organisation, String::from_utf8_lossy(&expires).trim(), &reads());
    }

    fn meet_with(&self, organisation: &Lone, expires: &str, capabilities: &serde_json::Value) {
        let card = self.card(expires, capabilities);
        // Without a yes it only shows who it is.
        let shown = organisation.gateway.command(&["partner", "add", &word(&card)]);
        let fingerprint = fingerprint_in(&(shown.stdout + &shown.stderr));
        organisation.gateway.add_partner(&card, &fingerprint);
    }
}

/// Returns what the card of a modern program says.
fn reads() -> serde_json::Value {
    json!({ "content": ["aes256-gcm", "aes256-cbc"], "key_transport": ["rsa-pkcs1", "rsa-oaep-sha256"] })
}

/// Returns text with CRLF line ends; OpenSSL mixes them.
fn with_crlf(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\n', "\r\n")
}

fn word(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}

/// Takes the card apart with OpenSSL: returns the files of the CA and of the encryption certificate.
fn files_of_card(openssl: &OpenSsl, card: &Path) -> (String, String) {
    let content =
        openssl.demand(&["cms", "-verify", "-inform", "PEM", "-in", &word(card), "-noverify"], b"");
    let card_json: serde_json::Value = serde_json::from_slice(&content).expect("a card is JSON");
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let ca = text(&card_json["ca"]).expect("a card has a CA");
    let encryption = text(&card_json["encryption"])
        .or_else(|| text(&card_json["encryption"][0]))
        .expect("a card has an encryption certificate");
    let ca = word(&openssl.file("acme-ca.pem", ca));
    openssl.demand(
        &[
            "cms",
            "-verify",
            "-inform",
            "PEM",
            "-in",
            &word(card),
            "-CAfile",
            &ca,
            "-purpose",
            "smimesign",
        ],
        b"",
    );
    (ca, word(&openssl.file("acme-encryption.pem", encryption)))
}

#[test]
fn openssl_decrypts_and_verifies_what_we_send() {
    for kind in ["rsa-2048", "p-256"] {
        let organisation = Lone::start_with_options(&["--key-type", kind]);
        let initech = Initech::new();
        initech.meet(&organisation);
        let (ca, encryption) = files_of_card(&initech.openssl, &organisation.gateway.card());
        // OpenSSL asks for keyEncipherment of every key, which RFC 8813 section 3 forbids for elliptic ones.
        let purpose = if kind.starts_with("rsa") { "smimeencrypt" } else { "any" };
        initech.openssl.demand(&["verify", "-purpose", purpose, "-CAfile", &ca, &encryption], b"");

        let sent = message::rich("alice@acme.example", "dave@initech.example", "judge");
        assert!(organisation.send(&["dave@initech.example"], &sent).starts_with("250"));
        let wire = organisation.internet.received_for("dave@initech.example").text();
        assert!(!wire.contains(SECRET) && !wire.contains("R3LDvMOf"), "{wire}");
        let opened = initech.open(&wire, &ca);
        let (head, inner) = message::split(&opened);
        assert!(head.to_lowercase().contains("message/rfc822"), "{head}");
        assert_eq!(message::without_trace(inner), message::without_trace(&sent), "{kind}");
    }
}

#[test]
fn we_open_what_openssl_sends() {
    let organisation = Lone::start_with_options(&["--key-type", "rsa-2048"]);
    let initech = Initech::new();
    initech.meet(&organisation);
    let (_, encryption) = files_of_card(&initech.openssl, &organisation.gateway.card());
    // The options before and after the recipient.
    let ciphers: &[(&str, &[&str], &[&str])] = &[
        // OpenSSL 3.0 takes triple DES by itself.
        ("default", &[], &[]),
        ("aes-128-cbc", &["-aes128"], &[]),
        ("aes-192-cbc", &["-aes192"], &[]),
        ("aes-256-cbc", &["-aes256"], &[]),
        ("aes-256-gcm", &["-aes-256-gcm"], &[]),
        ("streamed", &["-aes256", "-stream"], &[]),
        ("oaep", &["-aes256"], &["-keyopt", "rsa_padding_mode:oaep"]),
    ];
    for (mark, options, about_recipient) in ciphers {
        let entity = format!(
            "Content-Type: text/plain; charset=utf-8\r\n\r\n{SECRET} Gr\u{fc}\u{df}e, {mark}\r\n"
        );
        let recipient = [&[encryption.as_str()][..], about_recipient].concat();
        let body = initech.encrypt(&initech.sign(&entity), options, &recipient);
        let mail = format!(
            "From: dave@initech.example\r\nTo: alice@acme.example\r\nSubject: from openssl\r\nMessage-ID: <{mark}@initech.example>\r\n\
             Authentication-Results: gateway.acme.example; smime=pass (forged)\r\n{body}"
        );
        let answer = organisation.receive("dave@initech.example", &mail);
        assert!(answer.starts_with("250"), "{answer}");
        let delivered = organisation.mailboxes.received(&format!("{mark}@initech.example")).text();
        assert!(delivered.contains(&format!("{SECRET} Gr\u{fc}\u{df}e, {mark}")), "{delivered}");
        let results = fields(&delivered, "Authentication-Results");
        assert!(results.iter().any(|result| result.contains("smime=pass")), "{mark}: {results:?}");
        assert!(!delivered.contains("forged"), "a result that bears our name is ours alone");
    }
}

#[test]
fn a_receipt_is_given_where_the_policy_says_so_and_openssl_believes_it() {
    let mail = |mark: &str, entity: &str| {
        format!(
            "From: dave@initech.example\r\nTo: alice@acme.example\r\nMessage-ID: <{mark}@initech.example>\r\n{entity}"
        )
    };
    let organisation = Lone::start(|gateway| {
        gateway.set_policy("version = 1\n[inbound]\nreceipts = \"verified\"\n");
    });
    let initech = Initech::new();
    initech.meet(&organisation);
    let text = format!("Content-Type: text/plain\r\n\r\n{SECRET}\r\n");
    let foreign = mail("foreign", &initech.sign_asking(&text, "victim@globex.example"));
    let changed = mail("changed", &initech.sign_asking(&text, "dave@initech.example"))
        .replace(SECRET, "something else");
    let asking = mail("asking", &initech.sign_asking(&text, "dave@initech.example"));
    for message in [&foreign, &changed, &asking] {
        let answer = organisation.receive("dave@initech.example", message);
        assert!(answer.starts_with("250"), "{answer}");
    }
    let sent = organisation.internet.received_for("dave@initech.example");
    assert_eq!(sent.from, "", "nobody answers a receipt");
    let (ca, _) = files_of_card(&initech.openssl, &organisation.gateway.card());
    let inside = initech.open(&sent.text(), &ca);
    let at = inside.find("From: alice@acme.example").expect("the receipt is wrapped");
    let receipt = initech.openssl.file("receipt.eml", &inside[at..]);
    let original = initech.openssl.file("original.eml", &asking);
    let (receipt, original) = (word(&receipt), word(&original));
    initech.openssl.demand(
        &["cms", "-verify_receipt", &receipt, "-in", &original, "-CAfile", &ca, "-purpose", "any"],
        b"",
    );
    organisation.mailboxes.received("changed@initech.example");
    organisation.mailboxes.received("foreign@initech.example");
    let receipts = organisation.internet.accepted().len();
    assert_eq!(receipts, 1, "neither a stranger nor a changed message is answered");
    let story = organisation.gateway.demand(&["explain", "foreign@initech.example"]);
    assert!(story.contains("no address in the domain of From asks"), "{story}");
    let story = organisation.gateway.demand(&["explain", "asking@initech.example"]);
    assert!(story.contains("alice@acme.example: answered to dave@initech.example"), "{story}");
}

#[test]
fn results_behind_an_endless_header_inside_are_not_delivered_as_ours() {
    let organisation = Lone::start_with_options(&["--key-type", "rsa-2048"]);
    let initech = Initech::new();
    initech.meet(&organisation);
    let (_, encryption) = files_of_card(&initech.openssl, &organisation.gateway.card());
    let filler = format!("X-Filler: {}\r\n", "f".repeat(900)).repeat(300);
    let entity = format!(
        "Content-Type: message/rfc822; forwarded=no\r\n\r\nFrom: dave@initech.example\r\nMessage-ID: <endless@initech.example>\r\n\
         {filler}Authentication-Results: gateway.acme.example; smime=pass (forged)\r\n\r\n{SECRET}\r\n"
    );
    let body = initech.encrypt(&initech.sign(&entity), &["-aes256"], &[&encryption]);
    let mail = format!(
        "From: dave@initech.example\r\nTo: alice@acme.example\r\nMessage-ID: <endless@initech.example>\r\n{body}"
    );
    assert!(organisation.receive("dave@initech.example", &mail).starts_with("250"));
    let delivered = organisation.mailboxes.received("endless@initech.example").text();
    let (head, _) = message::split(&delivered);
    assert!(head.contains("Chancery-Warning: policy.bad_signature"), "{head}");
    assert!(!head.contains("smime=pass"), "{head}");
}

#[test]
fn a_stranger_or_a_changed_message_is_never_called_verified() {
    let organisation = Lone::start_with_options(&["--key-type", "rsa-2048"]);
    let initech = Initech::new();
    let (_, encryption) = files_of_card(&initech.openssl, &organisation.gateway.card());
    let entity = format!("Content-Type: text/plain\r\n\r\n{SECRET}\r\n");
    let signed = initech.sign(&entity);
    let stranger = initech.encrypt(&signed, &["-aes256"], &[&encryption]);
    let changed = signed.replace(SECRET, "The harvest report is for everybody.");
    for (mark, body, readable) in
        [("stranger", stranger, SECRET), ("changed", changed, "for everybody")]
    {
        let mail = format!(
            "From: dave@initech.example\r\nTo: alice@acme.example\r\nMessage-ID: <{mark}@initech.example>\r\n{body}"
        );
        assert!(organisation.receive("dave@initech.example", &mail).starts_with("250"));
        let delivered = organisation.mailboxes.received(&format!("{mark}@initech.example")).text();
        assert!(delivered.contains(readable), "{delivered}");
        let results = fields(&delivered, "Authentication-Results");
        assert!(
            !results.is_empty() && !results.iter().any(|result| result.contains("smime=pass")),
            "{mark}: {results:?}"
        );
    }
}
