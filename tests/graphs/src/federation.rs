//! A federation on one machine: organisations with authorities of their own, and bridges between them.
//!
//! ```text
//!   organisation ⇄ bridge ⇄ bridge ⇄ organisation ─► gateway
//!   anchor of the sender                 target
//! ```
//! Nobody has the certificates of others: each certificate says where those of its issuer are to be had, and the
//! simulation hands them out when the engine says that they are missing, and counts.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::Certificate;
use chancery_pki::path::{self, Answer, Pool, Purpose, Question, Trust, Verifier};
use chancery_pki::revocation::Evidence;

use crate::graph::{AT, CERT_SIGN, CRL_SIGN, DAY, DIGITAL_SIGNATURE};
use crate::measure::{Clocked, Spread, memory, processor_time};
use crate::random::Random;
use crate::recipe::{GeneralName, Name, Recipe, key_id};

/// All organisations, and where their certificates are published.
#[derive(Debug)]
pub struct Federation {
    organisations: Vec<Organisation>,
    /// What is to be had at each place, in DER.
    published: BTreeMap<String, Vec<Vec<u8>>>,
    /// Certificates of authorities, over all places.
    count: usize,
}

/// One organisation.
#[derive(Debug)]
struct Organisation {
    /// Its own authority, which it trusts and nothing else.
    anchor: Certificate,
    /// What signs its mail.
    gateway: Certificate,
    bridge: usize,
}

/// What an installation has learned.
#[derive(Debug, Default)]
struct Installation {
    pool: Pool,
    asked: HashSet<String>,
}

/// What one question took, until no more helped.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    fetches: u32,
    /// Nanoseconds of the last decision, of its signatures, and of everything with reading what was fetched.
    decided: u64,
    signing: u64,
    all: u64,
    signatures: u32,
}

/// One line of the table.
#[derive(Debug, Default)]
pub struct Row {
    /// How many organisations there are, and certificates of authorities.
    pub size: (usize, usize),
    /// Microseconds of a decision with everything there and nothing verified, through two bridges.
    pub cold: Spread,
    /// The same in proportion to the time of its signatures.
    pub ratio: Spread,
    /// Microseconds of an installation's first question with reading what it fetches.
    pub first: Spread,
    /// Fetches of it.
    pub fetches: Spread,
    /// Signatures of it.
    pub signatures: Spread,
    /// Microseconds of a decision when everything is known.
    pub warm: Spread,
    /// Signatures verified while everything was known.
    pub warm_signatures: u32,
    /// Fetches and signatures of one installation that comes to know all others.
    pub settled: (u32, u32),
    /// Bytes that an installation needs that knows all others.
    pub memory: u64,
}

impl Federation {
    /// Makes so many organisations, with elliptic and RSA keys in turns.
    pub fn new(count: usize) -> Self {
        let bridges: Vec<_> =
            (0..BRIDGES).map(|number| Party::new(bridge(number), KeyKind::EcP256)).collect();
        let mut published: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for (issuer, by) in bridges.iter().enumerate() {
            for (subject, of) in
                bridges.iter().enumerate().filter(|(subject, _)| *subject != issuer)
            {
                let der = by.vouch(of, (BRIDGES * issuer + subject) as u64, &[]);
                published.entry(of.place()).or_default().push(der);
            }
        }
        let organisations = (0..count).map(|number| {
            let kind = if number % 2 == 0 { KeyKind::EcP256 } else { KeyKind::Rsa2048 };
            let own = Party::new(organisation(number), kind);
            let bridge = number % BRIDGES;
            let domain = format!("org{number}.example");
            if let Some(by) = bridges.get(bridge) {
                let to =
                    by.vouch(&own, 1000 + number as u64, &[GeneralName::Email(domain.clone())]);
                published.entry(own.place()).or_default().push(to);
                published.entry(by.place()).or_default().push(own.vouch(by, 2, &[]));
            }
            let anchor = read(&own.vouch(&own, 1, &[]));
            let gateway = read(&own.gateway(&domain));
            Organisation { anchor, gateway, bridge }
        });
        let organisations = organisations.collect();
        let count = published.values().map(Vec::len).sum();
        Self { organisations, published, count }
    }

    /// Every organisation asks about a partner picked at random, first with nothing and then again.
    pub fn run(&self, seed: u64) -> Row {
        let mut random = Random::new(seed);
        let mut row = Row { size: (self.organisations.len(), self.count), ..Row::default() };
        for _ in 0..QUESTIONS.div_ceil(self.organisations.len()) {
            for sender in &self.organisations {
                let (Some(partner), verifier) = (random.pick(&self.partners(sender)), clocked())
                else {
                    continue;
                };
                let mut installation = Installation::default();
                let (answer, cost) = self.ask(&mut installation, sender, partner, &verifier);
                assert!(answer.is_trusted(), "{answer:?}");
                row.first.add(micro(cost.all));
                row.fetches.add(f64::from(cost.fetches));
                row.signatures.add(f64::from(cost.signatures));
            }
        }
        self.settle(&mut random, &mut row);
        row
    }

    /// Returns an anchor, everything that is published, and a gateway behind another bridge; none of a smaller federation.
    pub fn far(&self) -> Option<(Certificate, Pool, Certificate)> {
        let [sender, partner, ..] = self.organisations.as_slice() else { return None };
        let pool: Vec<Certificate> =
            self.published.values().flatten().map(|der| read(der)).collect();
        Some((sender.anchor.clone(), pool.iter().collect(), partner.gateway.clone()))
    }

    /// Everybody but the sender.
    fn partners(&self, sender: &Organisation) -> Vec<&Organisation> {
        self.organisations.iter().filter(|other| other.gateway != sender.gateway).collect()
    }

    /// One installation comes to know everybody; then it is asked with all signatures forgotten, and with all remembered.
    fn settle(&self, random: &mut Random, row: &mut Row) {
        let Some(sender) = self.organisations.first() else { return };
        let before = memory();
        let (mut installation, verifier) = (Installation::default(), clocked());
        for partner in self.partners(sender) {
            let (answer, cost) = self.ask(&mut installation, sender, partner, &verifier);
            assert!(answer.is_trusted(), "{answer:?}");
            row.settled.0 += cost.fetches;
            row.settled.1 += cost.signatures;
        }
        row.memory = memory().saturating_sub(before);
        let far: Vec<&Organisation> =
            self.organisations.iter().filter(|it| it.bridge != sender.bridge).collect();
        let trust = Trust::anchors(std::slice::from_ref(&sender.anchor));
        for _ in 0..QUESTIONS {
            let Some(partner) = random.pick(&far) else { return };
            let cold = self.decide(&installation, &trust, partner, &clocked()).1;
            row.cold.add(micro(cold.decided));
            row.ratio.add(micro(cold.decided) / micro(cold.signing));
            let warm = self.decide(&installation, &trust, partner, &verifier).1;
            row.warm.add(micro(warm.decided));
            row.warm_signatures += warm.signatures;
        }
    }

    /// Asks, fetches what is missing, and asks again until a path holds or nothing more is to be had.
    fn ask(
        &self,
        installation: &mut Installation,
        sender: &Organisation,
        partner: &Organisation,
        verifier: &Verifier,
    ) -> (Answer, Cost) {
        let trust = Trust::anchors(std::slice::from_ref(&sender.anchor));
        let start = processor_time();
        let mut fetches = 0;
        let mut signatures = 0;
        loop {
            let (answer, mut cost) = self.decide(installation, &trust, partner, verifier);
            signatures += cost.signatures;
            let mut is_new = false;
            for url in answer.missing.iter().flat_map(|missing| &missing.urls) {
                if answer.is_trusted() || !installation.asked.insert(url.clone()) {
                    continue;
                }
                fetches += 1;
                is_new = true;
                for der in self.published.get(url).into_iter().flatten() {
                    installation.pool.add(&read(der));
                }
            }
            if !is_new {
                cost = Cost { fetches, signatures, all: processor_time() - start, ..cost };
                return (answer, cost);
            }
        }
    }

    #[expect(clippy::unused_self, reason = "it reads as the others do")]
    fn decide(
        &self,
        installation: &Installation,
        trust: &Trust,
        partner: &Organisation,
        verifier: &Verifier,
    ) -> (Answer, Cost) {
        let evidence = Evidence::new();
        let question = Question::new(
            &partner.gateway,
            Purpose::SmimeSign,
            AT,
            trust,
            &installation.pool,
            &evidence,
            verifier,
        );
        Clocked::take();
        let start = processor_time();
        let answer = path::decide(&question);
        let decided = processor_time() - start;
        let cost = Cost {
            decided,
            signing: Clocked::take(),
            signatures: answer.spent.signatures,
            ..Cost::default()
        };
        (answer, cost)
    }
}

/// An authority with its key.
struct Party {
    name: Name,
    key: PrivateKey,
}

impl Party {
    fn new(name: Name, kind: KeyKind) -> Self {
        #[expect(clippy::expect_used, reason = "without randomness there is nothing to measure")]
        Self { name, key: PrivateKey::generate(kind).expect("a key") }
    }

    /// Where certificates that others issued for this one are published.
    fn place(&self) -> String {
        let name = self.name.last().map_or("", |(_, name)| name.as_str());
        format!("http://{}/issued.p7c", name.replace(' ', "-"))
    }

    fn vouch(&self, other: &Self, serial: u64, permitted: &[GeneralName]) -> Vec<u8> {
        let mut recipe = Recipe {
            serial: serial + 1,
            issuer: self.name.clone(),
            subject: other.name.clone(),
            valid: (AT - 365 * DAY, AT + 365 * DAY),
            basic: Some((true, None)),
            usage: Some(CERT_SIGN | CRL_SIGN),
            key_ids: (Some(key_id(&other.key)), Some(key_id(&self.key))),
            permitted: permitted.to_vec(),
            urls: (vec![self.place()], Vec::new()),
            ..Recipe::default()
        };
        if self.name != other.name {
            recipe.policies = Some(vec![ASSURANCE]);
        }
        recipe.write(&other.key, &self.key)
    }

    fn gateway(&self, domain: &str) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "without randomness there is nothing to measure")]
        let key = PrivateKey::generate(KeyKind::EcP256).expect("a key");
        let recipe = Recipe {
            serial: 77,
            issuer: self.name.clone(),
            subject: vec![("2.5.4.10", domain.to_owned()), ("2.5.4.3", "Gateway".to_owned())],
            valid: (AT - 365 * DAY, AT + 365 * DAY),
            usage: Some(DIGITAL_SIGNATURE),
            names: vec![GeneralName::Email(format!("gateway@{domain}"))],
            extended_usage: vec![crate::themes::EMAIL],
            key_ids: (Some(key_id(&key)), Some(key_id(&self.key))),
            policies: Some(vec![ASSURANCE]),
            urls: (vec![self.place()], Vec::new()),
            ..Recipe::default()
        };
        recipe.write(&key, &self.key)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, cold, ratio, first, fetches, signatures, warm, settled, .. } = self;
        writeln!(
            formatter,
            "{} organisations, 3 bridges, {} certificates of authorities",
            size.0, size.1
        )?;
        writeln!(formatter, "                                             median      p99")?;
        writeln!(formatter, "  cold, two bridges, microseconds          {cold}")?;
        writeln!(
            formatter,
            "    times its signature checks             {:>8.2} {:>8.2}",
            ratio.percentile(50),
            ratio.percentile(99)
        )?;
        writeln!(formatter, "  warm, microseconds                       {warm}")?;
        writeln!(
            formatter,
            "    signatures verified                    {:>8}",
            self.warm_signatures
        )?;
        writeln!(formatter, "  first question of all, microseconds      {first}")?;
        writeln!(formatter, "    fetches                                {fetches}")?;
        writeln!(formatter, "    signatures verified                    {signatures}")?;
        writeln!(
            formatter,
            "  to know all others: {} fetches, {} signatures, {:.1} MB",
            settled.0,
            settled.1,
            micro(self.memory / 1000)
        )
    }
}

fn clocked() -> Verifier {
    Verifier::with(Box::new(Clocked))
}

fn read(der: &[u8]) -> Certificate {
    #[expect(clippy::expect_used, reason = "it was written here")]
    Certificate::from_der(der).expect("a certificate that can be read")
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds for people")]
fn micro(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

fn bridge(number: usize) -> Name {
    vec![("2.5.4.10", "Federation".to_owned()), ("2.5.4.3", format!("Bridge {number}"))]
}

fn organisation(number: usize) -> Name {
    vec![("2.5.4.10", format!("Organisation {number}")), ("2.5.4.3", format!("Authority {number}"))]
}

/// The assurance that all of them have.
const ASSURANCE: &str = "1.3.6.1.4.1.99999.3.1";
const BRIDGES: usize = 3;
/// Questions for each line, at least.
const QUESTIONS: usize = 900;
