//! Both ways give the same octets, and a harvester learns nothing.

use std::net::IpAddr;

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_net::clock::ManualClock;
use chancery_pki::{AlternativeName, ExtendedKeyUsage, KeyUsage, Organisation, issue};
use chancery_store::published::Kinds;
use chancery_store::{Act, Options, Store};
use chancery_wire::ldap::{Attribute, Dereference, Filter, Scope, SearchRequest, length_of_first};
use proptest::prelude::*;

use super::*;
use crate::asked::Kept;
use crate::limiter::Limits;

/// In seconds.
pub(crate) const AT: i64 = 1_780_315_200;

/// An organisation of three: ann and bob are published, eve is not.
pub(crate) struct World {
    _directory: tempfile::TempDir,
    pub(crate) outside: Arc<Face>,
    pub(crate) inside: Arc<Face>,
    /// The certificate of their authority.
    pub(crate) ca: Certificate,
    /// Theirs.
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) clock: ManualClock,
}

impl World {
    pub(crate) fn new(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { create: true, ..Options::default() };
        let store = Store::open(directory.path(), options).unwrap();
        let act = || Act { who: "ada".into(), why: String::new(), at_ms: AT * 1000 };
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let acme = Organisation::new("Acme", ["acme.example"]).unwrap();
        let ca = issue::ca(&acme, &key, AT, [1; 20]).unwrap();
        let authority = issue::Authority { key: &key, certificate: &ca };
        let names = ["ann", "Bob", "eve"];
        let certificates: Vec<Certificate> = names
            .iter()
            .zip(2..)
            .map(|(name, serial)| {
                // Some authorities write an address twice, in different cases.
                let addresses = [format!("{name}@acme.example"), format!("{name}@Acme.example")];
                let profile = issue::Profile {
                    alternative_names: addresses.map(AlternativeName::Email).to_vec(),
                    key_usage: Some(KeyUsage::KEY_AGREEMENT.and(KeyUsage::DIGITAL_SIGNATURE)),
                    extended_key_usage: vec![ExtendedKeyUsage::EmailProtection],
                    not_before: AT - 60,
                    not_after: AT + 86_400,
                    ..issue::Profile::default()
                };
                let public = key.public_key();
                issue::certificate(&profile, &authority, public, [serial; 20]).unwrap()
            })
            .collect();
        let settings = Settings {
            domains: vec!["acme.example".to_owned()],
            limits,
            kept: Kept::Clear,
            shown: crate::entry::Shown { names: true, calendar: None },
            ..Settings::default()
        };
        let catalogue = {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let all = certificates.iter().chain([&ca]).cloned().collect();
            runtime.block_on(store.import(all, vec![], "file".into(), act())).unwrap();
            let published = vec!["ann@acme.example".to_owned(), "bob@acme.example".to_owned()];
            let kinds = Kinds { encryption: true, signing: true };
            runtime.block_on(store.publish(published, kinds, String::new(), act())).unwrap();
            Catalogue::read(&store, &settings.domains, &settings.shown, AT).unwrap()
        };
        let clock = ManualClock::new(u64::try_from(AT).unwrap() * 1000);
        let shared = Arc::new(Shared {
            bases: Bases::new(&[], &settings.domains),
            catalogue: RwLock::new(Arc::new(catalogue)),
            limiter: Mutex::new(Limiter::new(limits)),
            asked: AskedList::new(settings.kept, [0; 32]),
            metrics: Metrics::default(),
            finder: None,
            passwords: None,
            clock: Arc::new(clock.clone()),
            settings,
        });
        let face =
            |is_inside| Arc::new(Face { shared: Arc::clone(&shared), is_inside, offers_tls: true });
        Self {
            _directory: directory,
            outside: face(false),
            inside: face(true),
            ca,
            certificates,
            clock,
        }
    }
}

pub(crate) fn generous() -> Limits {
    Limits { lookups: 1_000_000, misses: 1_000_000, ..Limits::default() }
}

fn client() -> Client {
    Client { address: Some(IpAddr::from([192, 0, 2, 1])), identity: None, is_tls: false }
}

fn request(filter: &str, attributes: &[&str]) -> SearchRequest {
    SearchRequest {
        base: String::new(),
        scope: Scope::Subtree,
        dereference: Dereference::Never,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: Filter::parse(filter).unwrap(),
        attributes: attributes.iter().map(|it| (*it).to_owned()).collect(),
    }
}

/// Asks in the general way.
fn ask(face: &Arc<Face>, request: SearchRequest) -> Vec<u8> {
    let search = Search { id: 7, request: Box::new(request), controls: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Arc::clone(face).search(client(), search))
}

fn messages(mut octets: &[u8]) -> (Vec<SearchEntry>, u32) {
    let mut entries = Vec::new();
    loop {
        let length = length_of_first(octets).unwrap().unwrap();
        let message = Message::from_ber(&octets[..length]).unwrap();
        octets = &octets[length..];
        match message.operation {
            Operation::SearchEntry(entry) => entries.push(entry),
            Operation::SearchDone(outcome) => {
                assert!(octets.is_empty());
                return (entries, outcome.code);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn published_people_are_found_outside_and_everybody_inside() {
    let world = World::new(generous());
    for (face, address, is_found) in [
        (&world.outside, "ann@acme.example", true),
        (&world.outside, "BOB@Acme.Example", true),
        (&world.outside, "eve@acme.example", false),
        (&world.outside, "nobody@acme.example", false),
        (&world.outside, "ann@globex.example", false),
        (&world.inside, "eve@acme.example", true),
        (&world.inside, "nobody@acme.example", false),
    ] {
        let octets = ask(face, request(&format!("(mail={address})"), &["userCertificate"]));
        let (entries, code) = messages(&octets);
        assert_eq!((entries.len(), code), (usize::from(is_found), 0), "{address}");
    }
    let (entries, _) = messages(&ask(&world.outside, request("(mail=bob@acme.example)", &[])));
    let entry = &entries[0];
    assert_eq!(entry.name, "mail=Bob@acme.example,dc=acme,dc=example");
    assert_eq!(entry.values_of("mail").collect::<Vec<_>>(), [b"Bob@acme.example"]);
    assert_eq!(
        entry.values_of("userCertificate").collect::<Vec<_>>(),
        [world.certificates[1].der()]
    );
    assert_eq!(entry.values_of("userSMIMECertificate").count(), 1);
    let both = "(|(mail=ann@acme.example)(mail=bob@acme.example)(mail=eve@acme.example))";
    let (entries, _) = messages(&ask(&world.outside, request(both, &["mail"])));
    assert_eq!(entries.len(), 2);
    let limited = SearchRequest { size_limit: 1, ..request(both, &["mail"]) };
    let (entries, code) = messages(&ask(&world.outside, limited));
    assert_eq!((entries.len(), code), (1, Said::SIZE_LIMIT));
}

#[test]
fn who_is_not_published_looks_like_who_is_not_there() {
    let world = World::new(generous());
    for filter in ["(mail=eve@acme.example)", "(|(cn=*eve@acme.example*)(mail=x@acme.example))"] {
        let other = filter.replace("eve@", "zzz@");
        let octets = [filter, &other].map(|filter| ask(&world.outside, request(filter, &[])));
        assert_eq!(octets[0], octets[1], "{filter}");
    }
    let by_name = |name: &str| {
        let base = format!("mail={name}@acme.example,dc=acme,dc=example");
        let request = SearchRequest { base, scope: Scope::Base, ..request("(objectClass=*)", &[]) };
        ask(&world.outside, request)
    };
    assert_eq!(by_name("eve"), by_name("zzz"));
    assert_eq!(messages(&by_name("eve")).1, Said::NO_SUCH_OBJECT);
    assert_eq!(messages(&by_name("ann")).0.len(), 1);
}

#[test]
fn the_authority_of_what_is_published_is_found_by_its_name() {
    let world = World::new(generous());
    let issuer = world.certificates[0].issuer();
    let search = |base: &str, scope| SearchRequest {
        base: base.to_owned(),
        scope,
        ..request("(objectClass=certificationAuthority)", &["cACertificate"])
    };
    let (entries, code) = messages(&ask(&world.outside, search(&issuer, Scope::Base)));
    assert_eq!((entries.len(), code), (1, 0), "{issuer}");
    let values: Vec<_> = entries[0].values_of("cACertificate").collect();
    assert_eq!(values.len(), 1);
    assert_eq!(Certificate::from_der(values[0]).unwrap().subject(), issuer);
    assert_eq!(messages(&ask(&world.outside, search(&issuer, Scope::Subtree))).1, Said::UNWILLING);
    let other = messages(&ask(&world.outside, search("cn=Other,o=Other", Scope::Base)));
    assert_eq!((other.0.len(), other.1), (0, Said::NO_SUCH_OBJECT));
}

#[test]
fn strangers_who_ask_too_much_are_put_off_whatever_they_ask() {
    let limits = Limits { lookups: 1_000, misses: 5, network: 1, known: 2 };
    let world = World::new(limits);
    for number in 0..5 {
        let (_, code) =
            messages(&ask(&world.outside, request(&format!("(mail=x{number}@acme.example)"), &[])));
        assert_eq!(code, 0);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for address in ["ann@acme.example", "x9@acme.example"] {
        let filter = format!("(mail={address})");
        let search =
            Search { id: 7, request: Box::new(request(&filter, &[])), controls: Vec::new() };
        let message = Message::new(7, Operation::SearchRequest(request(&filter, &[]))).to_ber();
        assert!(!world.outside.quick(&client(), &message, &mut Vec::new()));
        let clock = world.outside.shared.clock.clone();
        let answer = runtime.block_on(async {
            let answer = Arc::clone(&world.outside).search(client(), search);
            // The answer is kept back: it comes only when the clock moves on, which nobody moves.
            let early = tokio::select! {
                biased;
                answer = answer => Some(answer),
                () = tokio::task::yield_now() => None,
            };
            drop(clock);
            early
        });
        assert_eq!(answer, None, "{address}");
    }
    assert_eq!(world.outside.shared.metrics.value(Counter::Alarms), 1);
    let inside = ask(&world.inside, request("(mail=ann@acme.example)", &[]));
    assert_eq!(messages(&inside).0.len(), 1);
}

/// Ten thousand queries of every trick that needs no network.
#[test]
fn a_harvester_learns_nobody_that_it_did_not_name() {
    let world = World::new(generous());
    let mut learned: Vec<Attribute> = Vec::new();
    let mut asked = 0;
    let letters = || ('a'..='z').map(String::from);
    let pairs = letters().flat_map(|one| letters().map(move |two| format!("{one}{two}")));
    let names = ["mail", "cn", "sn", "uid", "givenName", "userCertificate", "serialNumber"];
    let mut filters: Vec<String> = Vec::new();
    for text in letters().chain(pairs) {
        for name in names {
            filters.push(format!("({name}={text}*)"));
            filters.push(format!("({name}=*{text}*)"));
        }
        filters.push(format!("(mail>={text})"));
        filters.push(format!("(mail<={text})"));
        filters.push(format!("(!(mail={text}@acme.example))"));
        filters.push(format!("(|(mail={text}@acme.example)(mail=*))"));
        filters.push(format!("(|(mail={text}@acme.example)(objectClass=*))"));
        filters.push(format!("(&(objectClass=*)(mail=*{text}@acme.example))"));
    }
    for filter in &filters {
        for scope in [Scope::Subtree, Scope::OneLevel] {
            let request = SearchRequest { scope, ..request(filter, &["*", "+"]) };
            let (entries, _) = messages(&ask(&world.outside, request));
            asked += 1;
            learned.extend(entries.into_iter().flat_map(|entry| entry.attributes));
        }
    }
    assert!(asked > 10_000, "{asked}");
    assert_eq!(learned, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_short_way_answers_what_the_general_way_answers(
        address in prop::sample::select(vec![
            "ann@acme.example", "ANN@ACME.example", "bob@acme.example", "eve@acme.example",
            "no@acme.example", "ann@acme.example.", " ann@acme.example", "ann@acme", "smtp:ann@acme.example",
        ]),
        name in prop::sample::select(vec!["mail", "MAIL", "cn", "mail;x", "rfc822mailbox"]),
        attributes in prop::sample::subsequence(
            vec!["mail", "userCertificate;binary", "usercertificate", "userSMIMECertificate", "*",
                 "1.1", "cn", "x"], 0..8),
        base in prop::sample::select(vec!["", "dc=acme,dc=example", "DC=acme,dc=example", "c=x"]),
        scope in prop::sample::select(vec![Scope::Base, Scope::OneLevel, Scope::Subtree]),
        limits in (0..3_u32, 0..300_u32),
        types_only in prop::bool::weighted(0.2),
        is_inside in any::<bool>(),
        id in prop::sample::select(vec![1_u32, 127, 128, 255, 256, 65_536, 0x7fff_ffff]),
        damage in prop::option::weighted(0.3, (any::<prop::sample::Index>(), 1..=255_u8)),
    ) {
        use std::sync::LazyLock;
        static WORLD: LazyLock<World> = LazyLock::new(|| World::new(generous()));
        let face = if is_inside { &WORLD.inside } else { &WORLD.outside };
        let request = SearchRequest {
            base: base.to_owned(), scope, types_only, size_limit: limits.0, time_limit: limits.1,
            ..request(&format!("({name}={address})"), &attributes)
        };
        let mut message = Message::new(id, Operation::SearchRequest(request)).to_ber();
        if let Some((place, flip)) = damage {
            let place = place.index(message.len());
            message[place] ^= flip;
        }
        let mut short = Vec::new();
        if face.quick(&client(), &message, &mut short) {
            let Message { id, operation, controls } = Message::from_ber(&message).unwrap();
            let Operation::SearchRequest(request) = operation else { panic!() };
            let search = Search { id, request: Box::new(request), controls };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let general = runtime.block_on(Arc::clone(face).search(client(), search));
            prop_assert_eq!(short, general);
        } else {
            prop_assert!(short.is_empty());
            let is_usual = damage.is_none() && !types_only && name.eq_ignore_ascii_case("mail")
                && ["", "dc=acme,dc=example"].contains(&base)
                && (["ann@acme.example", "ANN@ACME.example", "bob@acme.example"].contains(&address)
                    || (is_inside && address == "eve@acme.example"));
            prop_assert!(!is_usual, "the short way was not taken");
        }
    }
}
