//! Nobody is found but by a full address, and nobody can tell who is hidden from who is not there.

use std::future::Future as _;
use std::net::IpAddr;
use std::task::{Context, Waker};
use std::time::Duration;

use chancery_pki::{Certificate, pem};
use chancery_wire::http::{Head, read};

use super::*;
use crate::face::tests::{AT, World, generous};
use crate::limiter::Limits;

/// What came back: the head without what changes from second to second, and the content.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    head: String,
    body: Vec<u8>,
}

impl Said {
    fn field(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(field, _)| *field == name).map_or("", |(_, value)| value)
    }
}

fn web(world: &World, is_inside: bool) -> Arc<Web> {
    let face = if is_inside { &world.inside } else { &world.outside };
    let shared = Arc::clone(&face.shared);
    Arc::new(Web(Face { shared, is_inside, offers_tls: false }))
}

fn ask_with(web: &Arc<Web>, target: &str, fields: &str) -> Said {
    let head = read(format!("GET {target} HTTP/1.0\r\n{fields}\r\n").as_bytes());
    let Head::Whole(request) = head else { panic!("{target}: {head:?}") };
    let client =
        Client { address: Some(IpAddr::from([192, 0, 2, 1])), identity: None, is_tls: false };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let octets = runtime.block_on(Arc::clone(web).answer(client, request)).write("now", false);
    let end = octets.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    Said { head: String::from_utf8(octets[..end].to_vec()).unwrap(), body: octets[end..].to_vec() }
}

fn ask(web: &Arc<Web>, target: &str) -> Said {
    ask_with(web, target, "")
}

#[test]
fn who_is_published_is_found_by_the_full_address() {
    let world = World::new(generous());
    let outside = web(&world, false);
    for target in [
        "/search.cgi?uri=ann@acme.example",
        "/search.cgi?email=ANN%40acme.example",
        "/certificates/search.cgi?uri=ann@acme.example&email=ann@acme.example",
    ] {
        let said = ask(&outside, target);
        assert!(said.head.starts_with("HTTP/1.1 200 "), "{target}: {said:?}");
        assert_eq!(said.field("Content-Type"), "application/pkix-cert");
        assert_eq!(said.body, world.certificates[0].der());
        // The certificate is good for a day, and an hour is what others may keep it at most.
        assert_eq!(said.field("Cache-Control"), "public, max-age=3600");
        let tag = format!("If-None-Match: {}\r\n", said.field("ETag"));
        let known = ask_with(&outside, target, &tag);
        assert!(known.head.starts_with("HTTP/1.1 304 ") && known.body.is_empty(), "{known:?}");
        assert_eq!(known.field("ETag"), said.field("ETag"));
    }
    let bundle = ask(&outside, "/certificates/bob@acme.example.p7c");
    assert_eq!(bundle.field("Content-Type"), BUNDLE);
    let read = Bundle::from_bytes(&bundle.body).unwrap();
    assert_eq!(read.certificates[0].der(), world.certificates[1].der());
}

#[test]
fn nobody_can_tell_who_is_hidden_from_who_is_not_there() {
    let world = World::new(generous());
    let outside = web(&world, false);
    for place in ["/search.cgi?uri={}", "/certificates/{}.p7c"] {
        let ask_for =
            |address: &str, fields: &str| ask_with(&outside, &place.replace("{}", address), fields);
        let hidden = ask_for("eve@acme.example", "");
        assert!(hidden.head.starts_with("HTTP/1.1 404 "), "{hidden:?}");
        assert_eq!(hidden.field("Cache-Control"), "public, max-age=300");
        for other in ["nobody@acme.example", "ann@globex.example", "*@acme.example"] {
            assert_eq!(ask_for(other, ""), hidden, "{other}");
        }
        assert_eq!(ask_for("eve@acme.example", "If-None-Match: *\r\n"), hidden);
        let inside = ask(&web(&world, true), &place.replace("{}", "eve@acme.example"));
        assert!(inside.head.starts_with("HTTP/1.1 200 "), "{inside:?}");
        assert!(inside.field("Cache-Control").starts_with("private, "), "{inside:?}");
    }
}

/// Whatever of a certificate is public once one has it, it does not find the next one.
#[test]
fn hashes_find_authorities_and_never_people() {
    let world = World::new(generous());
    let outside = web(&world, false);
    let ca = &world.ca;
    let keys = |certificate: &Certificate| {
        let hash = |octets: &[u8]| {
            let digest = DigestAlgorithm::Sha1.digest(octets);
            let text = base64_simd::STANDARD_NO_PAD.encode_to_string(digest.as_ref());
            text.replace('+', "%2B").replace('/', "%2F")
        };
        let issuer = certificate.issuer_name().der();
        let serial = chancery_wire::ldap::element(2, certificate.serial());
        let pair = chancery_wire::ldap::element(0x30, &[issuer, &serial].concat());
        vec![
            format!("certHash={}", hash(certificate.der())),
            format!("iAndSHash={}", hash(&pair)),
            format!("sHash={}", hash(certificate.subject_name().der())),
            format!("sKIDHash={}", hash(certificate.subject_key_id().unwrap_or_default())),
        ]
    };
    let issued_by_it = format!(
        "iHash={}",
        base64_simd::STANDARD_NO_PAD
            .encode_to_string(DigestAlgorithm::Sha1.digest(ca.subject_name().der()).as_ref())
            .replace('+', "%2B")
    );
    let of_ca =
        keys(ca).into_iter().chain([issued_by_it.clone(), "name=acme.example+mail+CA".into()]);
    for key in of_ca {
        let said = ask(&outside, &format!("/search.cgi?{key}"));
        assert_eq!(said.body, ca.der(), "{key}: {said:?}");
    }
    for person in &world.certificates {
        for key in keys(person) {
            // All three have the key of their authority here, so one of the hashes is the same.
            if key.starts_with("sKIDHash") {
                continue;
            }
            let said = ask(&outside, &format!("/search.cgi?{key}"));
            assert!(said.head.starts_with("HTTP/1.1 404 "), "{key}: {said:?}");
        }
    }
    let all = ask(&outside, "/authorities.p7c");
    let read = Bundle::from_bytes(&all.body).unwrap();
    assert_eq!(read.certificates.len(), 1);
    assert_eq!(read.certificates[0].der(), ca.der());
    let none = ask(&outside, &format!("/crls/search.cgi?{issued_by_it}"));
    assert!(none.head.starts_with("HTTP/1.1 404 "), "{none:?}");
}

#[test]
fn who_guesses_is_put_off_whatever_it_asks() {
    let world = World::new(Limits { lookups: 100, misses: 3, ..Limits::default() });
    let outside = web(&world, false);
    let ask = |name: &str| ask(&outside, &format!("/search.cgi?uri={name}@acme.example"));
    for name in ["a", "b", "eve"] {
        assert!(ask(name).head.starts_with("HTTP/1.1 404 "));
    }
    // Time passes only while somebody is made to wait: the hours would give new questions.
    let waits = || {
        let mut sleeping = std::pin::pin!(world.clock.has_sleepers());
        sleeping.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    };
    let late = std::thread::scope(|scope| {
        let asking = scope.spawn(|| (ask("ann"), ask("eve"), ask("nobody")));
        while !asking.is_finished() {
            if waits() {
                world.clock.advance(Duration::from_secs(1));
            }
            std::thread::yield_now();
        }
        asking.join().unwrap()
    });
    assert!(late.0.head.starts_with("HTTP/1.1 429 "), "{late:?}");
    assert_eq!(late.0.field("Cache-Control"), "no-store");
    assert_eq!((&late.0, &late.0), (&late.1, &late.2));
    let metrics = &outside.0.shared.metrics;
    assert_eq!((metrics.value(Counter::Alarms), metrics.value(Counter::Limited)), (1, 3));
}

#[test]
fn several_certificates_are_parts_of_one_answer() {
    let world = World::new(generous());
    let list: Vec<&[u8]> = world.certificates.iter().map(Certificate::der).collect();
    let content = certificates(&list).unwrap();
    let boundary = content.kind.strip_prefix("multipart/mixed; boundary=").unwrap();
    let parts: Vec<&[u8]> = content
        .body
        .split(|octet| *octet == b'\n')
        .filter(|line| line.starts_with(format!("--{boundary}").as_bytes()))
        .collect();
    assert_eq!(parts.len(), 4);
    assert!(content.body.ends_with(format!("--{boundary}--\r\n").as_bytes()));
    for one in list {
        assert!(content.body.windows(one.len()).any(|window| window == one));
    }
    assert!(pem::blocks(&content.body).map_or(true, |blocks| blocks.is_empty()));
}

/// A certificate that ends soon, and a list that is over, are kept no longer than that.
#[test]
fn nothing_is_kept_longer_than_it_is_good() {
    let world = World::new(generous());
    let outside = web(&world, false);
    let Head::Whole(request) = read(b"GET / HTTP/1.0\r\n\r\n") else { panic!() };
    for (until, seconds) in [(AT + 100_000, 3_600), (AT + 60, 60), (AT, 0), (AT - 60, 0)] {
        let content = Content { kind: String::new(), body: vec![1], until };
        let reply = outside.found(&request, content);
        let cache = reply.fields.iter().find(|(name, _)| *name == "Cache-Control").unwrap();
        assert_eq!(cache.1, format!("public, max-age={seconds}"));
    }
}
