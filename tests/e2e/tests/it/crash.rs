//! Kills and power cuts under load: what was acknowledged is delivered, once, and never in clear.
//!
//! A delivery may be repeated for one reason only: the next hop had said 250 and the gateway died before it had written
//! that down. To be exact, a second delivery of the same attempt to the same recipient is right only if some kill lies
//! between the two, the first one happened in the life that this kill ended and less than [`COMMIT`] before it, and the
//! queue, read after the kill, still had the recipient waiting.
//!
//! An attempt that was not acknowledged may be delivered, because the gateway may have kept it before it died; then the
//! same rule holds for it. The client's next attempt has a number of its own, so that the two cannot be mixed up.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Range,
    time::{Duration, Instant},
};

use chancery_e2e::{
    chancery::Gateway,
    faults::{Cut, FileFaults},
    load::{self, Attempt, Load, Mail},
    message::{self, SECRET},
    peers::{Dialogue, SmtpSink},
    random::Random,
    wait,
};

use crate::world::Lone;

const ALICE: &str = "alice@acme.example";
/// Gets protected mail over the internet.
const BOB: &str = "bob@globex.example";
/// Gets mail inside.
const CAROL: &str = "carol@acme.example";

/// Clients that hand in at the same time.
const CLIENTS: usize = 6;

/// Restarts after kill -9.
const KILLS: usize = 200;

/// Restarts after kill -9 while mail is opened.
const KILLS_WHILE_OPENING: usize = 60;

/// Restarts after a power cut.
const CUTS: usize = 60;

/// The longest life of a killed gateway on a machine that is quick; short ones die while they recover.
const LONGEST_LIFE: Duration = Duration::from_millis(150);

/// Lives after which it is looked whether they are long enough for this machine.
const GENERATION: usize = 20;

/// How long the gateway may take from the next hop's 250 to the record of it, on a machine that is busy with tests.
const COMMIT: Duration = Duration::from_secs(2);

/// How long the next life is: chance, and longer on a machine that is too busy to take mail in short lives.
struct Pace {
    longest: Duration,
    lives: usize,
    promised: usize,
}

impl Pace {
    fn new() -> Self {
        Self { longest: LONGEST_LIFE, lives: 0, promised: 0 }
    }

    fn next(&mut self, random: &mut Random, load: &Load) -> Duration {
        if self.lives.is_multiple_of(GENERATION) {
            let promised = load.promised();
            if self.lives > 0 && promised < self.promised + GENERATION * 3 / 4 {
                self.longest = (self.longest * 3 / 2).min(LONGEST_LIFE * 8);
            }
            self.promised = promised;
        }
        self.lives += 1;
        let part = f64::from(u32::try_from(random.below(1_000)).unwrap_or_default()) / 1_000.0;
        self.longest.mul_f64(part)
    }
}

/// Where mail goes through the victim.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From outside: each attempt has a recipient of its own, because what is opened has one name for all of them.
    In,
    /// To Bob outside, who gets it protected, and to Carol inside.
    Out,
}

/// A gateway that is killed again and again.
struct Victim {
    way: Way,
    gateway: Gateway,
    internet: SmtpSink,
    mailboxes: SmtpSink,
    lives: Vec<Life>,
}

/// One life of the gateway.
struct Life {
    began: Instant,
    killed: Range<Instant>,
    /// Who still waited when it was dead.
    waiting: HashSet<(Attempt, String)>,
}

impl Victim {
    /// Makes one that protects mail to Globex, whose card it has.
    fn that_protects() -> Self {
        let victim = Self::on_the_way(Way::Out);
        let globex = Gateway::init("globex.example", victim.mailboxes.address());
        victim.gateway.add_partner(&globex.card(), &globex.fingerprint());
        victim
    }

    fn on_the_way(way: Way) -> Self {
        let (internet, mailboxes) = (SmtpSink::start(), SmtpSink::start());
        let gateway = Gateway::init("acme.example", mailboxes.address());
        gateway.route_outside(internet.address());
        Self { way, gateway, internet, mailboxes, lives: Vec::new() }
    }

    /// Makes one that opens, and the protected messages for it: a small and a large one.
    fn that_opens() -> (Self, [String; 2]) {
        let victim = Self::on_the_way(Way::In);
        let globex = Lone::start_as("globex.example");
        globex.gateway.meet(&victim.gateway);
        let protect = |mark: &str, more: &str| {
            let sent = message::plain(BOB, ALICE, mark) + more;
            let answer = Dialogue::greeted(globex.gateway.inside()).deliver(BOB, &[ALICE], &sent);
            assert!(answer.starts_with("250"), "{answer}");
            globex.internet.received(&format!("{mark}@")).text()
        };
        let wires = [protect("small", ""), protect("large", &load::large_text())];
        for wire in &wires {
            assert!(wire.contains("pkcs7-mime") && !wire.contains(SECRET), "{wire}");
        }
        (victim, wires)
    }

    /// Returns whom an attempt goes to.
    fn recipients(&self, attempt: &Attempt) -> Vec<String> {
        match self.way {
            Way::In => vec![format!("{}@acme.example", attempt.name())],
            Way::Out => {
                attempt.recipients(&[BOB, CAROL]).iter().map(|one| (*one).to_owned()).collect()
            }
        }
    }

    /// Returns the attempt that a message, or a row of the queue, belongs to.
    fn attempt(&self, message: &[u8], recipient: &str) -> Option<Attempt> {
        match self.way {
            Way::In => Attempt::of(format!("<{recipient}>").as_bytes()),
            Way::Out => Attempt::of(message),
        }
    }

    /// Starts the gateway, lets it live for a while, kills it, and notes who still waits.
    fn live(&mut self, time: Duration, after_death: impl FnOnce()) {
        let began = Instant::now();
        self.gateway.start();
        wait::live_for(time);
        let killed = self.gateway.kill();
        after_death();
        let waiting = self.waiting();
        self.lives.push(Life { began, killed, waiting });
    }

    fn waiting(&self) -> HashSet<(Attempt, String)> {
        let rows = self.gateway.json(&["queue", "list", "--state", "queued", "--limit", "1000000"]);
        let rows = rows.as_array().expect("a list").iter();
        let text = |row: &serde_json::Value, name: &str| {
            row.get(name).and_then(|value| value.as_str()).map(str::to_owned)
        };
        rows.filter_map(|row| {
            let recipient = text(row, "address")?;
            Some((self.attempt(text(row, "message_id")?.as_bytes(), &recipient)?, recipient))
        })
        .collect()
    }

    /// Waits until everything that was promised has arrived, and ends the last life in good order.
    fn settle(&mut self, promised: &BTreeSet<Attempt>) {
        self.gateway.start();
        for attempt in promised {
            for recipient in self.recipients(attempt) {
                let sink = if recipient == BOB { &self.internet } else { &self.mailboxes };
                sink.wait_for(
                    &format!("{attempt:?} to {recipient}, which was acknowledged"),
                    |accepted| {
                        accepted
                            .iter()
                            .any(|mail| {
                                self.attempt(&mail.message, &mail.recipients[0]) == Some(*attempt)
                            })
                            .then_some(())
                    },
                );
            }
        }
        wait::until("an empty queue", || self.waiting().is_empty().then_some(()));
        assert_eq!(self.gateway.stop().code(), Some(0), "{}", self.gateway.log());
    }

    /// Checks every delivery against the rule at the top of this file.
    fn judge(&self, promised: &BTreeSet<Attempt>) {
        let deliveries = self.deliveries();
        let mut repeated = 0;
        for ((attempt, recipient), times) in &deliveries {
            for pair in times.windows(2) {
                let excused = self.lives.iter().any(|life| {
                    life.began <= pair[0]
                        // What the dead gateway had sent may still wait in the sink's socket when it dies.
                        && pair[0] <= life.killed.end + COMMIT
                        && life.killed.start <= pair[1]
                        && life.killed.start.saturating_duration_since(pair[0]) <= COMMIT
                        && life.waiting.contains(&(*attempt, recipient.clone()))
                });
                assert!(excused, "{attempt:?} went to {recipient} twice, and no kill excuses it");
                repeated += 1;
            }
        }
        let lost: Vec<_> = promised
            .iter()
            .flat_map(|attempt| {
                self.recipients(attempt).into_iter().map(move |recipient| (*attempt, recipient))
            })
            .filter(|key| !deliveries.contains_key(key))
            .collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        eprintln!(
            "{} lives, {} attempts acknowledged, {} deliveries, {repeated} repeated for a lost reply",
            self.lives.len(),
            promised.len(),
            deliveries.values().map(Vec::len).sum::<usize>(),
        );
        assert!(
            promised.len() >= self.lives.len() / 4,
            "the lives were too short to show anything"
        );
    }
}

impl Victim {
    /// Returns when each attempt arrived at each recipient, and checks that it arrived as it must.
    fn deliveries(&self) -> BTreeMap<(Attempt, String), Vec<Instant>> {
        let mut deliveries: BTreeMap<(Attempt, String), Vec<Instant>> = BTreeMap::new();
        for (sink, is_outside) in [(&self.internet, true), (&self.mailboxes, false)] {
            sink.look(|accepted| {
                for mail in accepted {
                    let [recipient] = &mail.recipients[..] else { panic!("{:?}", mail.recipients) };
                    if self.way == Way::Out {
                        assert_eq!(recipient, if is_outside { BOB } else { CAROL });
                    }
                    let has = |text: &str| {
                        mail.message.windows(text.len()).any(|window| window == text.as_bytes())
                    };
                    assert_eq!(
                        has(SECRET),
                        !is_outside,
                        "mail to the outside is never in clear, mail inside always is"
                    );
                    assert!(
                        self.way == Way::Out || has("smime=pass"),
                        "what was opened was verified, also after a kill"
                    );
                    let attempt = self.attempt(&mail.message, recipient);
                    let attempt = attempt.expect("every message is of the load");
                    deliveries.entry((attempt, recipient.clone())).or_default().push(mail.at);
                }
            });
        }
        deliveries
    }
}

#[test]
fn killed_while_opening_it_loses_nothing_and_repeats_nothing() {
    let mut random = Random::new();
    let (mut victim, [small, large]) = Victim::that_opens();
    let load = Load::start_with(CLIENTS, victim.gateway.outside(), BOB, move |attempt| Mail {
        recipients: vec![format!("{}@acme.example", attempt.name())],
        text: if attempt.is_large() { large.clone() } else { small.clone() },
    });
    let mut pace = Pace::new();
    for _ in 0..KILLS_WHILE_OPENING {
        victim.live(pace.next(&mut random, &load), || {});
    }
    victim.gateway.start();
    load.wait_for_progress(CLIENTS);
    let promised = load.finish();
    victim.gateway.stop();
    victim.settle(&promised);
    victim.judge(&promised);
}

#[test]
fn killed_anywhere_it_loses_nothing_and_repeats_nothing() {
    let mut random = Random::new();
    let mut victim = Victim::that_protects();
    let load = Load::start(CLIENTS, victim.gateway.inside(), ALICE, &[BOB, CAROL]);
    let mut pace = Pace::new();
    for _ in 0..KILLS {
        victim.live(pace.next(&mut random, &load), || {});
    }
    victim.gateway.start();
    load.wait_for_progress(CLIENTS);
    let promised = load.finish();
    victim.gateway.stop();
    victim.settle(&promised);
    victim.judge(&promised);
}

#[test]
fn power_cut_anywhere_it_loses_nothing_and_repeats_nothing() {
    let mut random = Random::new();
    let mut victim = Victim::that_protects();
    let layer = FileFaults::under(&mut victim.gateway);
    let load = Load::start(CLIENTS, victim.gateway.inside(), ALICE, &[BOB, CAROL]);
    let mut total = Cut::default();
    let mut pace = Pace::new();
    for _ in 0..CUTS {
        // Each write waits for its turn in the log of the layer.
        let life = pace.next(&mut random, &load) * 4;
        let mut cut = Cut::default();
        victim.live(life, || cut = layer.cut(&mut random));
        total.unsynced_writes += cut.unsynced_writes;
        total.unsynced_names += cut.unsynced_names;
        total.changes += cut.changes;
    }
    victim.gateway.start();
    load.wait_for_progress(CLIENTS);
    let promised = load.finish();
    victim.gateway.stop();
    victim.settle(&promised);
    eprintln!("{CUTS} power cuts: {total:?}");
    assert!(total.unsynced_writes > CUTS, "nothing was ever at stake");
    victim.judge(&promised);
}
