//! `chancery partner trust`: what is decided is shown with where it was decided, kept, and refused where it must be.

use std::net::SocketAddr;

use chancery_e2e::{
    chancery::{Gateway, Outcome},
    peers::OpenSsl,
    place::Folder,
};
use serde_json::{Value, json};

/// Two organisations that know each other, and an authority of somebody else in `other.pem`.
struct Place {
    acme: Gateway,
    _globex: Gateway,
    _folder: Folder,
    other: String,
}

impl Place {
    fn new() -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let acme = Gateway::init("acme.example", nowhere);
        let globex = Gateway::init("globex.example", nowhere);
        acme.add_partner(&globex.card(), &globex.fingerprint());
        let folder = Folder::new();
        let other = OpenSsl::within(folder.path()).organisation("initech.example", 30);
        let other = other.ca.to_str().expect("a plain path").to_owned();
        Self { acme, _globex: globex, _folder: folder, other }
    }

    fn trust(&self, words: &str) -> Outcome {
        let words = words.replace('@', &self.other);
        let words: Vec<&str> = ["partner", "trust"].into_iter().chain(words.split(' ')).collect();
        self.acme.command(&words)
    }

    fn shown(&self, words: &str) -> Value {
        let shown = self.trust(&format!("--format json {words}")).demand(words);
        serde_json::from_str(&shown).expect("it is JSON")
    }
}

#[test]
fn what_is_decided_is_in_force_from_where_it_was_decided() {
    let place = Place::new();
    let usual = place.shown("globex.example");
    assert_eq!(usual["anchors"].as_array().map(Vec::len), Some(1), "{usual}");
    assert_eq!(usual["anchors"][0]["from"], "card");
    assert_eq!(usual["revocation"], json!({"value": "soft", "from": "usual"}));
    assert_eq!(usual["domains"], json!({"value": ["globex.example"], "from": "card"}));

    place.shown("--all-partners --revocation hard --min-rsa 3072");
    let decided = place.shown(
        "globex.example --anchor @ --anchor-domain initech.example --anchor-path-length 1 --pin @ \
         --policy 1.2.3 --assurance medium=1.2.3,1.2.4 --domain globex.example --domain initech.example \
         --algorithm rsa --max-age 7d --inhibit-any --min-rsa 4096",
    );
    assert_eq!(decided["anchors"][1]["path_length"], 1, "{decided}");
    assert_eq!(decided["anchors"][1]["domains"], json!(["initech.example"]));
    assert_eq!(decided["pinned_keys"].as_array().map(Vec::len), Some(1));
    assert_eq!(decided["revocation"], json!({"value": "hard", "from": "partners"}));
    assert_eq!(decided["min_rsa_bits"], json!({"value": 4096, "from": "here"}));
    assert_eq!(decided["assurance"]["value"]["level"], "medium");
    assert_eq!(decided["require_policy"], json!({"value": true, "from": "here"}));
    assert_eq!(decided["algorithms"]["value"], json!(["rsa"]));
    assert_eq!(decided["max_evidence_age_s"]["value"], 604_800);
    assert_eq!(place.shown("globex.example"), decided, "it is kept");
    // A level that was given its policies once is known by its name.
    let level = place.shown("umbrella.example --assurance medium");
    assert_eq!(level["assurance"]["value"]["policies"], json!(["1.2.3", "1.2.4"]));
    assert_eq!(level["anchors"], json!([]));

    let text = place.trust("globex.example").demand("trust");
    assert!(text.contains("revocation          hard  (decided for all partners)"), "{text}");
    let less = place.shown("globex.example --inhibit-any=no --assurance default");
    assert_eq!(less["inhibit_any"]["value"], false);
    assert_eq!(less["require_policy"], json!({"value": false, "from": "usual"}));
    let fingerprint = decided["anchors"][1]["fingerprint_sha256"].as_str().expect("a text");
    let removed = place.shown(&format!("globex.example --remove-anchor {}", &fingerprint[..12]));
    assert_eq!(removed["anchors"].as_array().map(Vec::len), Some(1));
    let reset = place.shown("globex.example --reset");
    assert_eq!(reset["min_rsa_bits"], json!({"value": 3072, "from": "partners"}));
    assert_eq!(reset["decided"], json!({"version": 1}));
}

#[test]
fn nobody_is_believed_for_our_domains_and_no_slip_is_taken() {
    let place = Place::new();
    for words in [
        "acme.example --revocation hard",
        "globex.example --domain acme.example",
        "globex.example --anchor @ --anchor-domain acme.example",
        "globex.example --everybody",
        "--revocation hard",
        "globex.example --assurance high",
        "globex.example --policy 1.x",
        "globex.example --pin 00",
        "globex.example --anchor /nowhere",
        "globex.example --min-rsa 512",
        "globex.example --max-age soon",
        "globex.example --remove-pin 12",
        "globex --revocation hard",
    ] {
        let outcome = place.trust(words);
        assert_eq!(outcome.code, Some(2), "{words}: {outcome:?}");
    }
    assert_eq!(place.shown("globex.example")["decided"], json!({"version": 1}));
}
