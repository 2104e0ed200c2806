//! Somebody between us and Knot's signed zones forges, strips, replays, cuts and races answers: nothing false is believed,
//! and what is in doubt is a failure for now and never a no.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use chancery_e2e::chancery::section;
use chancery_e2e::peers::forger::{Forger, Packet, Record, Upstream, Way, kind};
use chancery_e2e::place::{Folder, Port};
use chancery_e2e::wait;
use serde_json::Value;

use crate::fetching::Server;
use crate::finding::{find, names, only, person, prepare, sha256};
use crate::world::Lone;

/// Zones, their server, and somebody before it.
struct World {
    place: Folder,
    forger: Forger,
    _server: Server,
    _port: Port,
}

/// What is believed of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    /// A failure for now, because a signature is wrong or missing.
    Bogus,
    /// A failure for now, of either kind.
    Failure,
    /// A hint, as from any unsigned zone.
    Hint,
    /// That there is nothing, as the owner of the zone says.
    Nothing,
    /// The real certificate.
    Real,
    /// What is true, or a failure for now.
    TruthOrFailure,
}

use Belief::{Bogus, Failure, Hint, Nothing, Real, TruthOrFailure};

impl World {
    fn new() -> Self {
        let place = Folder::new();
        let folder = place.path();
        prepare(folder, 1);
        // What a forger would like us to believe: a key of its own with another's address.
        person(folder, "evil", "ann@signed.test");
        let (server, port) = names(folder, "signed", true);
        let real = SocketAddr::from(([127, 0, 0, 2], port.number()));
        Self { forger: Forger::before(real), place, _server: server, _port: port }
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn dns(&self) -> String {
        format!(
            "[dns]\nservers = [\"{}\"]\ntrust-anchor = \"root.key\"\n[find]\ndns = true\n",
            self.forger.address()
        )
    }

    /// Asks about an address and returns what is believed.
    fn belief(&self, address: &str) -> (Belief, Value) {
        let (status, answer) = find(self.path(), &self.dns(), address);
        let unanswered = answer["unanswered"].as_array().expect("a list");
        let belief = match (status, unanswered.first()) {
            (Some(0), None) => {
                let found = only(&answer, "candidates");
                let name = &address[..3];
                assert_eq!(found["fingerprint"], sha256(self.path(), &format!("{name}.der")));
                if found["vouched_for"] == true { Real } else { Hint }
            }
            (Some(1), None) => Nothing,
            (Some(1), Some(failure)) => {
                assert_eq!(answer["candidates"], serde_json::json!([]), "{answer}");
                assert_eq!(failure["temporary"], true, "{answer}");
                if failure["code"] == "dns.bogus" { Bogus } else { Failure }
            }
            other => panic!("{other:?}: {answer}"),
        };
        (belief, answer)
    }
}

/// A forger, and what is then believed of: who is there, who is not there, and who is in an unsigned zone.
type Forgery = (&'static str, Way, &'static [Belief]);

fn way(change: impl Fn(&Upstream, Packet) -> Vec<Packet> + Send + 'static) -> Way {
    Way::Change(Box::new(change))
}

/// A way in which each answer is changed by itself.
fn alone(change: impl Fn(Packet) -> Packet + Send + 'static) -> Way {
    way(move |_, answer| vec![change(answer)])
}

/// Puts a certificate in place of each one.
fn exchange(evil: &[u8]) -> impl Fn(&mut Packet) + Clone + Send + use<> {
    let evil = [&[3, 0, 0], evil].concat();
    move |answer| answer.of(kind::SMIMEA).for_each(|it| it.data.clone_from(&evil))
}

/// Changed, stripped and invented answers.
fn forgeries(evil: &[u8]) -> Vec<Forgery> {
    let (first, second) = (exchange(evil), exchange(evil));
    vec![
        ("leaves everything as it is", alone(|answer| answer), &[Real, Nothing, Hint]),
        (
            "takes all signatures away",
            alone(|answer| answer.without(&[kind::RRSIG])),
            &[Bogus, Bogus, Bogus],
        ),
        (
            "takes the signatures of certificates away",
            alone(|mut answer| {
                if answer.asks_for() == kind::SMIMEA {
                    answer.sections[0].retain(|it| it.kind != kind::RRSIG);
                }
                answer
            }),
            &[Bogus, Nothing],
        ),
        (
            "says that the zone has other keys",
            alone(|mut answer| {
                answer.of(kind::DS).for_each(|it| *it.data.last_mut().expect("a digest") ^= 1);
                answer
            }),
            &[Bogus, Bogus],
        ),
        (
            "hides that the zone is signed",
            alone(|answer| answer.without(&[kind::DS])),
            &[Bogus, Bogus, Hint],
        ),
        (
            "hides it with all signatures",
            alone(|answer| answer.without(&[kind::DS, kind::DNSKEY, kind::RRSIG])),
            &[Bogus, Bogus, Bogus],
        ),
        (
            "puts another certificate in place",
            alone(move |mut answer| {
                first(&mut answer);
                answer
            }),
            &[Bogus],
        ),
        (
            "says itself that it has checked everything",
            alone(move |answer| {
                let mut answer = answer.without(&[kind::RRSIG]);
                second(&mut answer);
                // AD (RFC 4035 section 3.2.3), and no longer AA.
                answer.flags = [answer.flags[0] & !4, answer.flags[1] | 0x20];
                answer
            }),
            &[Bogus, Bogus, Bogus],
        ),
    ]
}

/// Answers without proof, of other questions, cut, late and lost.
fn disturbances(evil: &[u8]) -> Vec<Forgery> {
    let third = exchange(evil);
    vec![
        (
            "takes the proof away that there is nothing",
            alone(|answer| answer.without(&[kind::NSEC, kind::NSEC3])),
            &[Real, Bogus, Bogus],
        ),
        (
            "says bare that there is nothing",
            alone(|mut answer| {
                if answer.asks_for() == kind::SMIMEA {
                    answer.flags[1] = answer.flags[1] & 0xf0 | 3;
                    answer.sections[0].clear();
                    answer.sections[1].clear();
                }
                answer
            }),
            &[Bogus, Bogus, Nothing],
        ),
        (
            "replays the proof of another name",
            way(|upstream, answer| vec![replay(upstream, answer)]),
            // By chance the gap that is shown may have the other name in it as well.
            &[Bogus, TruthOrFailure],
        ),
        ("cuts answers and refuses TCP", Way::TooLong, &[Failure, Failure]),
        (
            "says that it failed",
            alone(|mut answer| {
                answer.flags[1] = answer.flags[1] & 0xf0 | 2;
                answer.sections.iter_mut().for_each(Vec::clear);
                answer
            }),
            &[Failure, Failure],
        ),
        (
            "is faster, but does not know the number",
            way(move |_, answer| {
                let mut forged = answer.clone().without(&[kind::RRSIG]);
                third(&mut forged);
                forged.id[1] ^= 1;
                vec![forged, answer]
            }),
            &[TruthOrFailure],
        ),
        (
            "answers another question",
            alone(|mut answer| {
                if let Some(octet) = answer.question.get_mut(1) {
                    *octet ^= 1;
                }
                answer
            }),
            // It waits for the right one until its time is over.
            &[Failure],
        ),
        ("says nothing", Way::Silent, &[Failure]),
    ]
}

/// Answers about a certificate what the server says of a name that is not there, with its real signatures.
fn replay(upstream: &Upstream, answer: Packet) -> Packet {
    if answer.asks_for() != kind::SMIMEA {
        return answer;
    }
    let mut question = answer.clone();
    let zone_at = usize::from(answer.question[0]) + 1;
    let other = [&b"\x06absent"[..], &answer.question[zone_at..]].concat();
    question.flags = [1, 0];
    // Only what asks for signatures stays of the answer.
    let option = Record::signatures_wanted();
    question.sections = [Vec::new(), Vec::new(), vec![option]];
    question.question = other;
    let mut replayed = upstream.ask(&question.write()).expect("Knot answers");
    replayed.question = answer.question;
    replayed
}

#[test]
fn whatever_a_forger_does_nothing_false_is_believed() {
    let world = World::new();
    let evil = fs::read(world.path().join("evil.der")).expect("it was made");
    let addresses = ["ann@signed.test", "nobody@signed.test", "uma@unsigned.test"];
    let mut wrong = Vec::new();
    for (what, way, expected) in forgeries(&evil).into_iter().chain(disturbances(&evil)) {
        world.forger.go(way);
        for (address, expected) in addresses.into_iter().zip(expected) {
            let before = world.forger.asked();
            let (belief, answer) = world.belief(address);
            let is_expected = match expected {
                TruthOrFailure => matches!(
                    (address, belief),
                    (_, Bogus | Failure)
                        | ("ann@signed.test", Real)
                        | ("nobody@signed.test", Nothing)
                        | ("uma@unsigned.test", Hint)
                ),
                expected => belief == *expected,
            };
            if !is_expected {
                wrong.push(format!("{what}, {address}: {belief:?}, not {expected:?}: {answer}"));
            }
            assert!(world.forger.asked() > before, "{what}: nobody asked the forger");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mail_waits_while_answers_are_forged_and_leaves_encrypted_when_they_are_not() {
    let world = World::new();
    let acme = Lone::start(|gateway| {
        gateway.set_policy("version = 1\n[outbound]\nask-for-key = \"never\"\n");
        let anchor = world.path().join("root.key").to_str().expect("a plain path").to_owned();
        gateway.configure(|settings| {
            let dns = section(settings, "dns");
            dns.insert("servers".into(), vec![world.forger.address().to_string()].into());
            dns.insert("trust-anchor".into(), anchor.into());
            section(settings, "find").insert("dns".into(), true.into());
        });
    });
    world.forger.go(alone(|answer| answer.without(&[kind::RRSIG])));
    let message = "From: alice@acme.example\r\nTo: ann@signed.test\r\nSubject: hello\r\nMessage-ID: <wait@acme.example>\r\n\
        Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nthe secret\r\n";
    assert!(acme.send(&["ann@signed.test"], message).starts_with("250"));
    wait::until("the reason", || {
        let story = acme.gateway.demand(&["explain", "<wait@acme.example>"]);
        story.contains("dns.bogus").then_some(())
    });
    assert!(acme.internet.accepted().is_empty());
    world.forger.go(alone(|answer| answer));
    let left = acme.internet.received("wait@acme.example");
    let left = left.text();
    assert!(left.contains("enveloped-data") && !left.contains("the secret"), "{left}");
}
