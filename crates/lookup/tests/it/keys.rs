//! Finding certificates over real sockets: who is asked, what counts, what is remembered, and what a source that fails or
//! lies can do.

use std::sync::Arc;
use std::time::Duration;

use chancery_lookup::keys::{
    Asked, Channel, Domains, Finder, Found, How, Kind, Pattern, Place, Settings, Source,
    Web as Store,
};
use chancery_mail::Address;
use chancery_net::clock::ManualClock;
use chancery_net::outbound::Dialer;
use chancery_net::reach::Reach;
use chancery_pki::{Certificate, Speaks};
use rcgen::{CertificateParams, KeyPair, KeyUsagePurpose, SanType, date_time_ymd};

use crate::support::{AT, Bench, Web, url};

/// A certificate for an address.
pub(crate) fn person(email: &str, usage: KeyUsagePurpose, until: (i32, u8, u8)) -> Certificate {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
    params.key_usages = vec![usage];
    params.subject_alt_names = vec![SanType::Rfc822Name(email.try_into().unwrap())];
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    Certificate::from_der(certificate.der()).unwrap()
}

fn good(email: &str) -> Certificate {
    person(email, KeyUsagePurpose::KeyAgreement, (2040, 1, 1))
}

struct World {
    web: Web,
    clock: ManualClock,
    finder: Finder,
}

/// A store at `/NAME` of the server, asked about these domains.
fn store(dialer: &Dialer, name: &str, domain: &str) -> Source {
    let place = Place::At(url(&format!("/{name}")));
    let how = How::Http(Store { dialer: dialer.clone(), place });
    let only = vec![Pattern::parse(domain, |text| Some(text.to_owned())).unwrap()];
    Source::new(name, Kind::Http, Domains { only, except: Vec::new() }, how)
}

impl World {
    async fn new(sources: impl FnOnce(&Dialer) -> Vec<Source>) -> Self {
        let (web, clock, dialer) = Bench::parts(Reach::Anywhere).await;
        let settings = Settings { sources: sources(&dialer), ..Settings::default() };
        let finder = Finder::new(settings, [7; 16], Arc::new(clock.clone()));
        Self { web, clock, finder }
    }

    /// Puts what a store has of an address.
    fn put(&self, store: &str, email: &str, body: &[u8]) {
        self.web.put(&format!("/{store}?uri={email}&email={email}"), body);
    }

    async fn find(&self, email: &str) -> Found {
        self.finder.find(&Address::parse(email).unwrap(), Asked::default()).await
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn summary(found: &Found) -> (usize, Vec<String>, Vec<String>) {
    let sources = found.candidates.iter().map(|it| it.origin.to_string()).collect();
    (found.unanswered.len(), sources, found.dropped.iter().map(|it| it.why.clone()).collect())
}

#[tokio::test]
async fn only_certificates_for_that_very_address_count() {
    let world = World::new(|dialer| vec![store(dialer, "a", "*")]).await;
    let bob = good("bob@globex.example");
    let old = person("bob@globex.example", KeyUsagePurpose::KeyAgreement, (2025, 1, 1));
    let signing = person("bob@globex.example", KeyUsagePurpose::DigitalSignature, (2040, 1, 1));
    let (eve, upper) = (good("eve@globex.example"), good("Bob@globex.example"));
    let pem = [&bob, &old, &signing, &eve, &upper].map(Certificate::to_pem).concat();
    world.put("a", "bob@globex.example", pem.as_bytes());
    let found = world.find("bob@globex.example").await;
    assert_eq!(
        summary(&found),
        (
            0,
            vec!["a (http, clear)".to_owned()],
            vec![
                "its validity is over".to_owned(),
                "its key is not for encrypting mail".to_owned(),
                "it is for eve@globex.example, not for this address".to_owned(),
                "it is for Bob@globex.example, not for this address".to_owned(),
            ]
        )
    );
    let [candidate] = &found.candidates[..] else { panic!("{found:?}") };
    assert_eq!(candidate.certificate, bob);
    assert_eq!(candidate.speaks, Speaks::Mailbox("bob@globex.example".to_owned()));
    assert_eq!((candidate.found_at, candidate.is_fresh), (AT, true));
    assert!(!candidate.is_vouched_for() && !found.may_change());
    // The certificate of a domain's gateway is for everybody there, and for nobody else.
    let gateway = good("domain-confidentiality-authority@globex.example");
    world.put("a", "ann@globex.example", gateway.der());
    world.put("a", "ann@acme.example", gateway.der());
    let found = world.find("ann@globex.example").await;
    assert_eq!(found.candidates[0].speaks, Speaks::Domain("globex.example".to_owned()));
    assert!(world.find("ann@acme.example").await.candidates.is_empty());
}

#[tokio::test]
async fn a_source_is_asked_about_its_domains_and_no_others() {
    let world =
        World::new(|dialer| vec![store(dialer, "a", "acme.example"), store(dialer, "all", "*")])
            .await;
    world.put("a", "ann@acme.example", good("ann@acme.example").der());
    assert_eq!(world.find("ann@ACME.example").await.candidates.len(), 1);
    world.find("bob@globex.example").await;
    assert_eq!((world.web.asked("/a?"), world.web.asked("/all?")), (1, 2));
    let none = World::new(|dialer| vec![store(dialer, "a", "acme.example")]).await;
    assert!(!none.finder.covers(&Address::parse("bob@globex.example").unwrap()));
}

#[tokio::test]
async fn yes_and_no_are_remembered_for_their_time() {
    let world = World::new(|dialer| vec![store(dialer, "a", "*")]).await;
    world.put("a", "bob@globex.example", good("bob@globex.example").der());
    for _ in 0..3 {
        assert_eq!(world.find("bob@globex.example").await.candidates.len(), 1);
        assert!(world.find("eve@globex.example").await.candidates.is_empty());
    }
    assert_eq!(world.web.asked("/a?"), 2);
    // A no is forgotten sooner than a yes.
    world.advance(301);
    world.put("a", "eve@globex.example", good("eve@globex.example").der());
    assert_eq!(world.find("eve@globex.example").await.candidates.len(), 1);
    assert_eq!(world.find("bob@globex.example").await.candidates.len(), 1);
    assert_eq!(world.web.asked("/a?"), 3);
    let anew = Asked { from_cache: false, ..Asked::default() };
    let address = Address::parse("bob@globex.example").unwrap();
    assert_eq!(world.finder.find(&address, anew).await.candidates.len(), 1);
    assert_eq!(world.web.asked("/a?"), 4);
    assert_eq!(world.finder.numbers().hits, 5);
}

#[tokio::test]
async fn an_answer_ends_with_its_first_certificate() {
    let world = World::new(|dialer| vec![store(dialer, "a", "*")]).await;
    // AT is noon of the first of June.
    let short = person("bob@globex.example", KeyUsagePurpose::KeyAgreement, (2026, 6, 2));
    world.put("a", "bob@globex.example", short.der());
    world.advance(11 * 3600 + 1800);
    assert_eq!(world.find("bob@globex.example").await.candidates.len(), 1);
    let next = good("bob@globex.example");
    world.put("a", "bob@globex.example", next.der());
    world.advance(1801);
    let found = world.find("bob@globex.example").await;
    assert_eq!(found.candidates[0].certificate, next);
}

#[tokio::test]
async fn many_askers_are_one_question_and_each_waits_no_longer_than_it_wants() {
    let world = World::new(|dialer| vec![store(dialer, "a", "*")]).await;
    world.put("a", "bob@globex.example", good("bob@globex.example").der());
    world.web.close();
    let ask = |wait| {
        let finder = world.finder.clone();
        tokio::spawn(async move {
            let asked = Asked { wait, ..Asked::default() };
            finder.find(&Address::parse("bob@globex.example").unwrap(), asked).await
        })
    };
    let patient: Vec<_> = (0..20).map(|_| ask(Duration::from_secs(4))).collect();
    let late = ask(Duration::ZERO).await.unwrap();
    assert_eq!(summary(&late).0, 1);
    assert!(late.may_change() && late.unanswered[0].code == "lookup.interrupted");
    world.web.open();
    for asker in patient {
        assert_eq!(asker.await.unwrap().candidates.len(), 1);
    }
    assert_eq!(world.web.asked("/a?"), 1);
}

#[tokio::test]
async fn old_answers_serve_while_the_source_is_out_and_say_so() {
    let world = World::new(|dialer| vec![store(dialer, "a", "*")]).await;
    let email = "bob@globex.example";
    world.put("a", email, good(email).der());
    assert!(world.find(email).await.candidates[0].is_fresh);
    world.web.put_with(&format!("/a?uri={email}&email={email}"), b"<html>", &[]);
    world.advance(3601);
    // What is no certificate is an answer without any, and takes the place of the old one.
    let found = world.find(email).await;
    assert_eq!((found.candidates.len(), found.dropped.len()), (0, 1));
    world.put("a", email, good(email).der());
    world.advance(3601);
    assert_eq!(world.find(email).await.candidates.len(), 1);
    world.advance(3601);
    world.web.put_with(&format!("/a?uri={email}&email={email}"), b"", &["Content-Encoding: gzip"]);
    let found = world.find(email).await;
    assert_eq!((found.unanswered.len(), found.candidates.len()), (1, 1));
    assert!(!found.candidates[0].is_fresh && found.may_change());
    world.advance(86_400);
    assert!(world.find(email).await.candidates.is_empty());
}

#[tokio::test]
async fn a_used_answer_is_asked_for_again_before_it_ends() {
    let world = World::new(|dialer| vec![store(dialer, "a", "*")]).await;
    let email = "bob@globex.example";
    world.put("a", email, good(email).der());
    world.find(email).await;
    let next = good(email);
    world.put("a", email, next.der());
    world.advance(2800);
    assert_ne!(world.find(email).await.candidates[0].certificate, next, "nobody waits");
    let until = async {
        while world.find(email).await.candidates[0].certificate != next {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), until).await.unwrap();
    assert_eq!(world.web.asked("/a?"), 2);
}

#[tokio::test]
async fn a_source_that_is_down_rests_and_the_others_answer() {
    let (web, clock, dialer) = Bench::parts(Reach::Anywhere).await;
    let mut down = store(&dialer, "down", "*");
    let place = Place::At("http://nowhere.test/".to_owned());
    down.how = How::Http(Store { dialer: dialer.clone(), place });
    let settings =
        Settings { sources: vec![down, store(&dialer, "a", "*")], ..Settings::default() };
    let finder = Finder::new(settings, [7; 16], Arc::new(clock.clone()));
    let world = World { web, clock, finder };
    for number in 0..5 {
        let email = format!("p{number}@globex.example");
        world.put("a", &email, good(&email).der());
        let found = world.find(&email).await;
        assert_eq!((found.candidates.len(), found.unanswered.len()), (1, 1));
        assert_eq!(found.unanswered[0].why.starts_with("not asked after 3"), number >= 3);
    }
    assert_eq!(world.finder.numbers().resting, 1);
}

#[tokio::test]
async fn a_source_that_rested_is_asked_again_and_counts_again() {
    let world = World::new(|dialer| vec![store(dialer, "a", "*")]).await;
    let fail = |email: &str| {
        let path = format!("/a?uri={email}&email={email}");
        world.web.put_with(&path, b"", &["Content-Encoding: gzip"]);
    };
    for number in 0..3 {
        let email = format!("p{number}@globex.example");
        fail(&email);
        assert_eq!(world.find(&email).await.unanswered[0].code, "fetch.protocol");
    }
    let email = "bob@globex.example";
    world.put("a", email, good(email).der());
    let asked = world.web.asked("/a?");
    let found = world.find(email).await;
    assert!(found.unanswered[0].why.starts_with("not asked after 3"), "{found:?}");
    assert_eq!((world.web.asked("/a?"), world.finder.numbers().resting), (asked, 1));
    world.advance(11);
    assert_eq!(world.find(email).await.candidates.len(), 1);
    assert_eq!((world.web.asked("/a?"), world.finder.numbers().resting), (asked + 1, 0));
    // And it takes as many failures as before until it rests again.
    fail("eve@globex.example");
    world.find("eve@globex.example").await;
    assert_eq!(world.finder.numbers().resting, 0);
}

#[tokio::test]
async fn directories_do_not_mind_the_case_of_letters() {
    let world = World::new(|dialer| vec![store(dialer, "a", "*")]).await;
    world.put("a", "bob@globex.example", good("Bob@globex.example").der());
    assert!(world.find("bob@globex.example").await.candidates.is_empty());
    let asked = Asked { ignores_case: true, ..Asked::default() };
    let address = Address::parse("bob@globex.example").unwrap();
    let found = world.finder.find(&address, asked).await;
    let [candidate] = &found.candidates[..] else { panic!("{found:?}") };
    assert_eq!(candidate.speaks, Speaks::Mailbox("Bob@globex.example".to_owned()));
}

#[tokio::test]
async fn questions_in_circles_end() {
    let world = World::new(|dialer| vec![store(dialer, "a", "*")]).await;
    world.put("a", "bob@globex.example", good("bob@globex.example").der());
    let address = Address::parse("bob@globex.example").unwrap();
    for (passed, expected) in [
        (vec![], 1),
        (vec![[1; 16], [2; 16]], 1),
        (vec![[1; 16], [7; 16]], 0),
        ((0..8).map(|at| [at; 16]).collect(), 0),
    ] {
        let asked = Asked { passed, ..Asked::default() };
        let found = world.finder.find(&address, asked.clone()).await;
        assert_eq!(found.candidates.len(), expected, "{asked:?}");
        assert_eq!(found.unanswered.len(), 1 - expected);
    }
    assert_eq!(world.finder.numbers().loops, 2);
}

#[tokio::test]
async fn the_same_certificate_from_two_places_is_one_candidate() {
    let world = World::new(|dialer| {
        let mut sources = vec![store(dialer, "a", "*"), store(dialer, "b", "*")];
        sources[1].kind = Kind::Partner;
        sources
    })
    .await;
    let (one, two) = (good("bob@globex.example"), good("bob@globex.example"));
    world.put("a", "bob@globex.example", &[one.to_pem(), two.to_pem()].concat().into_bytes());
    world.put("b", "bob@globex.example", one.der());
    let found = world.find("bob@globex.example").await;
    let order: Vec<_> = found.candidates.iter().map(|it| &*it.origin.source).collect();
    assert_eq!(order, ["b", "a"], "the surest first");
    assert_eq!(found.candidates[0].certificate, one);
    // Neither came over TLS.
    assert!(found.candidates.iter().all(|it| it.origin.channel == Channel::Clear));
    assert!(found.candidates.iter().all(|it| !it.is_vouched_for()));
}

#[tokio::test]
async fn who_is_believed_for_its_word_does_not_send_elsewhere() {
    let world = World::new(|dialer| {
        let mut sources = vec![store(dialer, "store", "*"), store(dialer, "partner", "*")];
        sources[1].kind = Kind::Partner;
        sources
    })
    .await;
    let email = "bob@globex.example";
    world.web.put("/elsewhere", good(email).der());
    for name in ["store", "partner"] {
        world.web.send_elsewhere(&format!("/{name}?uri={email}&email={email}"), &url("/elsewhere"));
    }
    let found = world.find(email).await;
    assert_eq!(found.candidates.len(), 1);
    assert_eq!(&*found.candidates[0].origin.source, "store");
    let [unanswered] = &found.unanswered[..] else { panic!("{found:?}") };
    assert_eq!((&*unanswered.source, unanswered.code), ("partner", "fetch.redirect"));
}
