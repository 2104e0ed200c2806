//! What came out: the middle round of each server, the lowest and highest, and ratios to the others in the same round.

use serde::Serialize;

use super::{Channel, Contender, Options, Round, servers::Server};
use crate::{bench::spread::Spread, run::Result};

/// All results of one run.
#[derive(Serialize)]
pub(super) struct Report {
    entries: u32,
    rounds: u8,
    pub(super) rows: Vec<Row>,
    pub(super) memory: Vec<Memory>,
}

/// One server with one number of connections; times in microseconds.
#[derive(Serialize)]
pub(super) struct Row {
    channel: Channel,
    connections: u8,
    contender: Contender,
    searches_per_second: Spread,
    p50: Spread,
    p90: Spread,
    p99: Spread,
    p999: Spread,
    /// Processor time for one search.
    cpu: Spread,
    /// The same of the server behind it.
    cpu_behind: Option<Spread>,
    /// How many times as many searches as slapd in the same round.
    to_slapd: Spread,
    /// How many times as many as slapd with back-ldap and rwm.
    to_proxy: Spread,
    /// What is promised for many connections, and whether it is so.
    target: Option<String>,
    is_met: Option<bool>,
}

/// The memory of one server in KiB: all of it, and what is not a file's, before the first question and after the last.
#[derive(Serialize)]
pub(super) struct Memory {
    contender: Contender,
    idle: [u64; 2],
    after: [u64; 2],
}

impl Memory {
    pub(super) fn before(contender: Contender, server: &Server) -> Result<Self> {
        Ok(Self { contender, idle: server.memory()?, after: [0; 2] })
    }

    pub(super) fn after(&mut self, server: &Server) -> Result {
        self.after = server.memory()?;
        Ok(())
    }
}

impl Row {
    /// Sums up the rounds, which are those of all contenders in turns.
    pub(super) fn new(
        contender: Contender,
        channel: Channel,
        connections: u8,
        results: &[Vec<Round>; 5],
    ) -> Self {
        let of = |contender: Contender| {
            let place = Contender::ALL.iter().position(|it| *it == contender);
            place.and_then(|it| results.get(it)).map(Vec::as_slice).unwrap_or_default()
        };
        let rounds = of(contender);
        let spread = |value: fn(&Round) -> f64| Spread::of(rounds.iter().map(value));
        let ratio = |other: Contender| {
            let pairs = rounds.iter().zip(of(other));
            Spread::of(pairs.map(|(one, other)| one.per_second / other.per_second))
        };
        let target = contender.target().filter(|_| connections > 1);
        Self {
            channel,
            connections,
            contender,
            searches_per_second: spread(|round| round.per_second),
            p50: spread(|round| round.p50),
            p90: spread(|round| round.p90),
            p99: spread(|round| round.p99),
            p999: spread(|round| round.p999),
            cpu: spread(|round| round.cpu),
            cpu_behind: Spread::of_some(rounds.iter().map(|round| round.cpu_behind)),
            to_slapd: ratio(Contender::Slapd),
            to_proxy: ratio(Contender::Proxy),
            target: target.map(|(other, times)| format!("{times} times {}", other.name())),
            is_met: target.map(|(other, times)| ratio(other).middle >= times),
        }
    }
}

impl Report {
    pub(super) fn new(options: &Options) -> Self {
        let Options { entries, rounds, .. } = options;
        Self { entries: *entries, rounds: *rounds, rows: Vec::new(), memory: Vec::new() }
    }

    /// Prints the tables.
    pub(super) fn print_text(&self) {
        println!(
            "{} people; the middle of {} rounds (lowest–highest); latencies and processor time in µs;\n\
             the ratios say how many times as many searches as the other one in the same round",
            self.entries, self.rounds
        );
        println!(
            "\n{:<5}  {:>5}  {:<24}  {:>22}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}  {:>17}  {:>17}  aim",
            "",
            "conns",
            "server",
            "searches/s",
            "p50",
            "p90",
            "p99",
            "p99.9",
            "CPU",
            "behind",
            "to slapd",
            "to back-ldap"
        );
        for row in &self.rows {
            let channel = if row.channel == Channel::Tls { "TLS" } else { "clear" };
            let behind =
                row.cpu_behind.as_ref().map_or("-".into(), |it| format!("{:.1}", it.middle));
            let aim = match (&row.target, row.is_met) {
                (Some(target), Some(true)) => format!("{target}: met"),
                (Some(target), _) => format!("{target}: MISSED"),
                _ => "-".into(),
            };
            println!(
                "{channel:<5}  {:>5}  {:<24}  {:>22}  {:>6.0}  {:>6.0}  {:>6.0}  {:>6.0}  {:>6.1}  {behind:>6}  {:>17}  {:>17}  {aim}",
                row.connections,
                row.contender.name(),
                row.searches_per_second.text(0),
                row.p50.middle,
                row.p90.middle,
                row.p99.middle,
                row.p999.middle,
                row.cpu.middle,
                row.to_slapd.text(2),
                row.to_proxy.text(2),
            );
        }
        println!("\nmemory in MiB: all (without pages of files)");
        println!("{:<24}  {:>17}  {:>17}", "server", "idle", "after");
        for Memory { contender, idle, after } in &self.memory {
            if *contender == Contender::Cached {
                continue;
            }
            let text = |[all, own]: &[u64; 2]| format!("{} ({})", all / 1024, own / 1024);
            println!("{:<24}  {:>17}  {:>17}", contender.name(), text(idle), text(after));
        }
    }
}
