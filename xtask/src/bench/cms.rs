//! `cargo xtask bench cms`: our engine and OpenSSL's library do the same operation in one run, in turns.
//!
//! Each figure is the processor time of a process with one thread (`benches/src/operations.rs` and
//! `benches/openssl/peer.c`), so that other work on the machine changes little; still, the ratios of one run say more
//! than the figures of two. `encrypt-1000` is a message to a thousand recipients: its content is encrypted once.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{Format, spread::Spread};
use crate::{
    peer,
    run::{Result, cargo, command, output, succeed, target},
};

/// How much.
#[derive(Args)]
pub(crate) struct Options {
    /// Rounds of each side; the middle one counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long a round takes, in milliseconds of processor time
    #[arg(long, default_value_t = 300)]
    milliseconds: u32,
    /// Only operations whose name contains this word
    #[arg(long, default_value = "")]
    only: String,
    /// Octets of the mail whose memory is measured; 0 to measure none
    #[arg(long, default_value_t = 2_000_000_000)]
    memory_size: u64,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// One line of the table before it is measured.
struct Case {
    operation: &'static str,
    /// What the peer does, if that has another name.
    peer: &'static str,
    key: &'static str,
    size: u32,
    target: Target,
}

/// What we promise.
#[derive(Clone, Copy)]
enum Target {
    None,
    /// No more than so many microseconds.
    Time(f64),
    /// At least so many megabytes in a second, and so many times as fast as the peer.
    Rate(f64, f64),
}

const SMALL: u32 = 10_000;
const LARGE: u32 = 10_000_000;

/// The lines of the table. With large messages the kind of key does not matter.
const CASES: &[Case] = &[
    case("sign-encrypt", "rsa-2048", SMALL, Target::Time(400.0)),
    case("sign-encrypt", "p-256", SMALL, Target::Time(120.0)),
    case("decrypt-verify", "rsa-2048", SMALL, Target::None),
    case("decrypt-verify", "p-256", SMALL, Target::None),
    case("verify", "rsa-2048", SMALL, Target::None),
    case("verify", "p-256", SMALL, Target::None),
    case("encrypt", "rsa-2048", SMALL, Target::None),
    case("encrypt", "p-256", SMALL, Target::None),
    case("encrypt-1000", "rsa-2048", SMALL, Target::None),
    case("encrypt-1000", "p-256", SMALL, Target::None),
    case("mail-protect", "rsa-2048", SMALL, Target::None),
    case("mail-protect", "p-256", SMALL, Target::None),
    case("mail-open", "rsa-2048", SMALL, Target::None),
    case("mail-open", "p-256", SMALL, Target::None),
    Case {
        peer: "sign-encrypt-whole",
        ..case("sign-encrypt", "p-256", LARGE, Target::Rate(600.0, 3.0))
    },
    case("sign-encrypt", "p-256", LARGE, Target::Rate(600.0, 0.0)),
    case("decrypt-verify", "p-256", LARGE, Target::Rate(600.0, 0.0)),
    case("verify", "p-256", LARGE, Target::Time(15_000.0)),
    case("mail-protect", "p-256", LARGE, Target::None),
    case("mail-open", "p-256", LARGE, Target::None),
];

const fn case(operation: &'static str, key: &'static str, size: u32, target: Target) -> Case {
    Case { operation, peer: operation, key, size, target }
}

/// All results of one run.
#[derive(Serialize)]
struct Report {
    rounds: u32,
    /// The version of the peer's library.
    openssl: String,
    rows: Vec<Row>,
    memory: Vec<Memory>,
}

/// One operation; all but the ratio in microseconds of processor time.
#[derive(Serialize)]
struct Row {
    operation: &'static str,
    peer: &'static str,
    key: &'static str,
    size: u32,
    ours: Spread,
    theirs: Spread,
    /// How many times as long OpenSSL took in the same round.
    ratio: Spread,
    target: Option<String>,
    is_met: Option<bool>,
}

/// The most memory that an operation on a large mail needed.
#[derive(Serialize)]
struct Memory {
    operation: &'static str,
    size: u64,
    kibibytes: Kibibytes,
}

/// What `chancery-bench memory` prints, in KiB.
#[derive(Deserialize, Serialize)]
struct Kibibytes {
    idle: u64,
    most: u64,
    over_idle: u64,
}

/// What a process prints after it repeated its operation.
#[derive(Deserialize)]
struct Measured {
    nanoseconds: f64,
    operations: f64,
    #[serde(default)]
    version: String,
}

/// Both programs and the folder with the keys.
struct Bench {
    ours: PathBuf,
    theirs: PathBuf,
    folder: PathBuf,
}

/// Runs the comparison.
pub(super) fn run(options: &Options) -> Result {
    succeed(cargo().args(["build", "--release", "--locked", "--package", "chancery-bench"]))?;
    let folder = env::temp_dir().join(format!("chancery-bench-{}", std::process::id()));
    let bench = Bench {
        ours: target().join("release/chancery-bench"),
        theirs: peer::build()?,
        folder: folder.clone(),
    };
    let result = bench.compare(options);
    fs::remove_dir_all(&folder)
        .map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    let report = result?;
    match options.format {
        Format::Json => super::print_json(&report),
        Format::Text => {
            report.print_text();
            Ok(())
        }
    }
}

impl Bench {
    fn compare(&self, options: &Options) -> Result<Report> {
        for key in ["rsa-2048", "p-256"] {
            output(command(&self.ours).arg("prepare").arg(self.folder.join(key)).arg(key))?;
        }
        let is_wanted = |name: &str| name.contains(&options.only);
        let mut report = Report {
            rounds: options.rounds,
            openssl: String::new(),
            rows: Vec::new(),
            memory: Vec::new(),
        };
        for case in CASES.iter().filter(|case| is_wanted(case.operation)) {
            let mut rounds = Vec::new();
            for _ in 0..options.rounds {
                // In turns, so that a neighbour's load falls on both alike.
                let ours = self.round(&self.ours, case.operation, case, options)?;
                let theirs = self.round(&self.theirs, case.peer, case, options)?;
                rounds.push((ours.microseconds(), theirs.microseconds()));
                report.openssl = theirs.version;
            }
            report.rows.push(Row::new(case, &rounds));
        }
        let operations =
            ["mail-protect", "mail-open", "mail-sign", "mail-verify", "mail-sign-opaque"];
        for operation in operations {
            if options.memory_size > 0 && is_wanted(operation) {
                report.memory.push(self.memory(operation, options.memory_size)?);
            }
        }
        Ok(report)
    }

    fn round(
        &self,
        program: &Path,
        operation: &str,
        case: &Case,
        options: &Options,
    ) -> Result<Measured> {
        let mut measure = command(program);
        measure.args(["measure", operation]).arg(self.folder.join(case.key));
        measure.args([case.size.to_string(), options.milliseconds.to_string()]);
        parsed(&output(&mut measure)?)
    }

    fn memory(&self, operation: &'static str, size: u64) -> Result<Memory> {
        let mut measure = command(&self.ours);
        measure.args(["memory", operation]).arg(self.folder.join("p-256")).arg(size.to_string());
        Ok(Memory { operation, size, kibibytes: parsed(&output(&mut measure)?)? })
    }
}

fn parsed<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T> {
    serde_json::from_str(line).map_err(|error| format!("cannot read {line}: {error}"))
}

impl Measured {
    fn microseconds(&self) -> f64 {
        self.nanoseconds / self.operations / 1000.0
    }
}

impl Row {
    fn new(case: &Case, rounds: &[(f64, f64)]) -> Self {
        let ours = Spread::of(rounds.iter().map(|(ours, _)| *ours));
        let ratio = Spread::of(rounds.iter().map(|(ours, theirs)| theirs / ours));
        let rate = f64::from(case.size) / ours.middle;
        let (target, is_met) = match case.target {
            Target::None => (None, None),
            Target::Time(most) => (Some(format!("≤ {most} us")), Some(ours.middle <= most)),
            Target::Rate(least, times) => {
                let times_text =
                    if times > 0.0 { format!(", ≥ {times}x") } else { String::new() };
                let is_met = rate >= least && ratio.middle >= times;
                (Some(format!("≥ {least} MB/s{times_text}")), Some(is_met))
            }
        };
        Self {
            operation: case.operation,
            peer: case.peer,
            key: case.key,
            size: case.size,
            theirs: Spread::of(rounds.iter().map(|(_, theirs)| *theirs)),
            ours,
            ratio,
            target,
            is_met,
        }
    }
}

impl Report {
    fn print_text(&self) {
        println!(
            "the middle of {} rounds (lowest–highest), processor time of one core; the peer is OpenSSL {} as a library;\n\
             the ratio says how many times as long it took in the same round\n",
            self.rounds, self.openssl
        );
        println!(
            "{:<15} {:<9} {:>9}  {:>26} {:>6}  {:>26} {:>6}  {:>16}  target",
            "operation", "key", "octets", "ours, us", "MB/s", "OpenSSL, us", "MB/s", "ratio"
        );
        for row in &self.rows {
            let rate = |spread: &Spread| f64::from(row.size) / spread.middle;
            let met = row.is_met.map_or("", |met| if met { ": met" } else { ": MISSED" });
            let note =
                if row.peer == row.operation { String::new() } else { format!(" ({})", row.peer) };
            println!(
                "{:<15} {:<9} {:>9}  {:>26} {:>6.0}  {:>26} {:>6.0}  {:>16}  {}{met}{note}",
                row.operation,
                row.key,
                row.size,
                row.ours.text(1),
                rate(&row.ours),
                row.theirs.text(1),
                rate(&row.theirs),
                row.ratio.text(1) + "x",
                row.target.as_deref().unwrap_or_default(),
            );
        }
        if !self.memory.is_empty() {
            println!("\nmemory of a mail on its way, KiB");
            println!(
                "{:<15} {:>13}  {:>8} {:>8} {:>10}",
                "operation", "octets", "idle", "most", "over idle"
            );
        }
        for Memory { operation, size, kibibytes } in &self.memory {
            let Kibibytes { idle, most, over_idle } = kibibytes;
            println!("{operation:<15} {size:>13}  {idle:>8} {most:>8} {over_idle:>10}");
        }
    }
}
