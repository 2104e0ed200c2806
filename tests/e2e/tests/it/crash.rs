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
    load::{Attempt, Load},
    message::SECRET,
    peers::SmtpSink,
    random::Random,
    wait,
};

const ALICE: &str = "alice@acme.example";
/// Gets protected mail over the internet.
const BOB: &str = "bob@globex.example";
/// Gets mail inside.
const CAROL: &str = "carol@acme.example";

/// Clients that hand in at the same time.
const CLIENTS: usize = 6;

/// Restarts after kill -9.
const KILLS: usize = 200;

/// Restarts after a power cut.
const CUTS: usize = 60;

/// The longest life of a killed gateway; short ones die while they recover.
const LONGEST_LIFE: Duration = Duration::from_millis(150);

/// How long the gateway may take from the next hop's 250 to the record of it, on a machine that is busy with tests.
const COMMIT: Duration = Duration::from_secs(2);

/// A gateway that is killed again and again.
struct Victim {
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
    fn new() -> Self {
        let (internet, mailboxes) = (SmtpSink::start(), SmtpSink::start());
        let gateway = Gateway::init("acme.example", mailboxes.address());
        gateway.route_outside(internet.address());
        let globex = Gateway::init("globex.example", mailboxes.address());
        gateway.add_partner(&globex.card(), &globex.fingerprint());
        Self { gateway, internet, mailboxes, lives: Vec::new() }
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
            Some((Attempt::of(text(row, "message_id")?.as_bytes())?, text(row, "address")?))
        })
        .collect()
    }

    /// Waits until everything that was promised has arrived, and ends the last life in good order.
    fn settle(&mut self, promised: &BTreeSet<Attempt>) {
        self.gateway.start();
        for attempt in promised {
            for recipient in attempt.recipients(&[BOB, CAROL]) {
                let sink = if *recipient == BOB { &self.internet } else { &self.mailboxes };
                sink.wait_for(
                    &format!("{attempt:?} to {recipient}, which was acknowledged"),
                    |accepted| {
                        accepted
                            .iter()
                            .any(|mail| Attempt::of(&mail.message) == Some(*attempt))
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
        let mut deliveries: BTreeMap<(Attempt, &str), Vec<Instant>> = BTreeMap::new();
        for (sink, recipient) in [(&self.internet, BOB), (&self.mailboxes, CAROL)] {
            sink.look(|accepted| {
                for mail in accepted {
                    assert_eq!(mail.recipients, [recipient]);
                    let clear = mail
                        .message
                        .windows(SECRET.len())
                        .any(|window| window == SECRET.as_bytes());
                    assert_eq!(
                        clear,
                        recipient == CAROL,
                        "mail to {BOB} is never in clear, mail inside is"
                    );
                    let attempt = Attempt::of(&mail.message).expect("every message is of the load");
                    deliveries.entry((attempt, recipient)).or_default().push(mail.at);
                }
            });
        }
        let mut repeated = 0;
        for ((attempt, recipient), times) in &deliveries {
            for pair in times.windows(2) {
                let excused = self.lives.iter().any(|life| {
                    life.began <= pair[0]
                        // What the dead gateway had sent may still wait in the sink's socket when it dies.
                        && pair[0] <= life.killed.end + COMMIT
                        && life.killed.start <= pair[1]
                        && life.killed.start.saturating_duration_since(pair[0]) <= COMMIT
                        && life.waiting.contains(&(*attempt, (*recipient).to_owned()))
                });
                assert!(excused, "{attempt:?} went to {recipient} twice, and no kill excuses it");
                repeated += 1;
            }
        }
        let lost: Vec<_> = promised
            .iter()
            .flat_map(|attempt| {
                attempt
                    .recipients(&[BOB, CAROL])
                    .iter()
                    .map(move |recipient| (*attempt, *recipient))
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
            promised.len() >= self.lives.len() / 2,
            "the lives were too short to show anything"
        );
    }
}

#[test]
fn killed_anywhere_it_loses_nothing_and_repeats_nothing() {
    let mut random = Random::new();
    let mut victim = Victim::new();
    let load = Load::start(CLIENTS, victim.gateway.inside(), ALICE, &[BOB, CAROL]);
    for _ in 0..KILLS {
        let life = LONGEST_LIFE
            .mul_f64(f64::from(u32::try_from(random.below(1_000)).unwrap_or_default()) / 1_000.0);
        victim.live(life, || {});
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
    let mut victim = Victim::new();
    let layer = FileFaults::under(&mut victim.gateway);
    let load = Load::start(CLIENTS, victim.gateway.inside(), ALICE, &[BOB, CAROL]);
    let mut total = Cut::default();
    for _ in 0..CUTS {
        let life = LONGEST_LIFE
            .mul_f64(f64::from(u32::try_from(random.below(1_000)).unwrap_or_default()) / 250.0);
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
