//! `cargo xtask bench gateway`: Chancery and Postfix do the same work in one run, in turns. `bench cms` is in `bench/cms.rs`,
//! `bench directory` in `bench/directory.rs`.
//!
//! ```text
//!   smtp-source ─► (nothing)  ─► smtp-sink      how fast source and sink are themselves
//!   smtp-source ─► Postfix    ─► smtp-sink      relays in clear
//!   smtp-source ─► Chancery   ─► smtp-sink      signs and encrypts, with RSA-2048 and with P-256 keys
//! ```
//! A message counts when the sink has it. Absolute numbers say little on a shared machine; the ratios of one run do.
//! All four share its processors, so the ratio is less than what the gateway alone would show, never more.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::run::{Result, cargo, exists, succeed, target};

mod cms;
mod contenders;
mod directory;
mod report;
mod round;
mod spread;

use contenders::{Chancery, Contender, Direct, Postfix};
use report::{Report, Row};
use round::{Load, Round, Sink, free_port};

/// What to compare.
#[derive(Subcommand)]
pub(crate) enum What {
    /// Sign, encrypt and open messages, against OpenSSL's library
    Cms(cms::Options),
    /// Find certificates by LDAP, against slapd and slapd's proxy
    Directory(directory::Options),
    /// Find paths in a federation of organisations and bridges: time, memory, fetches, signatures
    Federation {
        /// How many organisations, one table each
        #[arg(default_values_t = [9, 90, 900])]
        sizes: Vec<u32>,
    },
    /// Accept, protect and deliver, against Postfix relaying in clear
    Gateway(Options),
    /// Find and validate paths, beside OpenSSL and certval, which are given the chains
    Paths,
}

/// How much.
#[derive(Args)]
pub(crate) struct Options {
    /// Octets of a message
    #[arg(long, default_value_t = 10_000)]
    size: u32,
    /// Rounds of each contender and number of sessions; the middle one counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Sessions at a time
    #[arg(long, value_delimiter = ',', default_values_t = [20, 64])]
    sessions: Vec<u32>,
    /// How long a round should take
    #[arg(long, default_value_t = 4)]
    seconds: u32,
    /// Messages in each round, instead of as many as fill the seconds
    #[arg(long)]
    messages: Option<u32>,
    /// Measure this binary instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How to print the result.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Text,
}

/// Messages that show what a contender makes of them.
const PROOF: u32 = 10;

/// Messages of the round that tells how many fill the seconds; it also starts processes and fills caches.
const WARM_UP: u32 = 1_000;

/// Runs a comparison.
pub(crate) fn run(what: &What) -> Result {
    match what {
        What::Cms(options) => cms::run(options),
        What::Directory(options) => directory::run(options),
        What::Federation { sizes } => graphs("federation", sizes),
        What::Gateway(options) => gateway(options),
        What::Paths => graphs("paths", &[]),
    }
}

/// Runs a command of `tests/graphs`, which prints its table.
fn graphs(what: &str, sizes: &[u32]) -> Result {
    let sizes = sizes.iter().map(ToString::to_string);
    let mut run = cargo();
    run.args([
        "run",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        "chancery-graphs",
        "--",
        what,
    ]);
    succeed(run.args(sizes))
}

fn gateway(options: &Options) -> Result {
    for program in ["postfix", "smtp-sink", "smtp-source"] {
        if !exists(program) {
            return Err(format!("there is no {program}: install Postfix and run this again"));
        }
    }
    let binary = match &options.binary {
        Some(binary) => fs::canonicalize(binary)
            .map_err(|error| format!("cannot find {}: {error}", binary.display()))?,
        None => build()?,
    };
    let folder = env::temp_dir().join(format!("chancery-bench-{}", std::process::id()));
    fs::create_dir(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let result = compare(options, &binary, &folder);
    fs::remove_dir_all(&folder)
        .map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    let report = result?;
    match options.format {
        Format::Json => print_json(&report)?,
        Format::Text => report.print_text(),
    }
    Ok(())
}

/// Prints a result for programs.
fn print_json(report: &impl Serialize) -> Result {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| format!("cannot write the result: {error}"))?;
    println!("{text}");
    Ok(())
}

fn build() -> Result<PathBuf> {
    succeed(cargo().args(["build", "--release", "--locked", "--package", "chancery"]))?;
    Ok(target().join("release/chancery"))
}

fn compare(options: &Options, binary: &Path, folder: &Path) -> Result<Report> {
    let sink_port = free_port()?;
    let contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Direct { sink_port }),
        Box::new(Postfix::start(&folder.join("postfix"), sink_port)?),
        Box::new(Chancery::start(binary, &folder.join("rsa"), "rsa-2048", sink_port)?),
        Box::new(Chancery::start(binary, &folder.join("p256"), "p-256", sink_port)?),
    ];
    for contender in &contenders {
        prove(contender.as_ref(), options.size, sink_port, folder)?;
    }
    let sink = Sink::start(sink_port, None)?;
    let mut report = Report { size: options.size, rounds: options.rounds, rows: Vec::new() };
    for sessions in options.sessions.iter().copied() {
        let loads = contenders
            .iter()
            .map(|contender| load(contender.as_ref(), options, sessions, &sink))
            .collect::<Result<Vec<Load>>>()?;
        let mut results: Vec<Vec<Round>> = contenders.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            // In turns, so that a neighbour's load falls on all of them alike.
            for ((contender, load), results) in contenders.iter().zip(&loads).zip(&mut results) {
                results.push(Round::run(contender.as_ref(), load, &sink)?);
            }
        }
        let reference = results.get(1).cloned().unwrap_or_default();
        let rows = contenders.iter().zip(&loads).zip(&results);
        report.rows.extend(rows.map(|((contender, load), rounds)| {
            Row::new(contender.as_ref(), load, rounds, &reference)
        }));
    }
    Ok(report)
}

/// Fails unless the contender does what it is measured for: a gateway that relays in clear would win every time.
fn prove(contender: &dyn Contender, size: u32, sink_port: u16, folder: &Path) -> Result {
    let caught = folder.join("caught");
    let sink = Sink::start(sink_port, Some(&caught))?;
    Round::run(contender, &Load { sessions: 1, messages: PROOF, size }, &sink)?;
    drop(sink);
    let file = caught.join("mail");
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    fs::remove_dir_all(&caught)
        .map_err(|error| format!("cannot remove {}: {error}", caught.display()))?;
    let protected = text.lines().filter(|line| line.contains("application/pkcs7-mime")).count();
    let expected = if contender.is_protecting() { PROOF } else { 0 };
    if usize::try_from(expected) == Ok(protected) {
        Ok(())
    } else {
        Err(format!("{} protected {protected} of {PROOF} messages", contender.name()))
    }
}

/// Returns as many messages as fill the seconds.
fn load(contender: &dyn Contender, options: &Options, sessions: u32, sink: &Sink) -> Result<Load> {
    let size = options.size;
    if let Some(messages) = options.messages {
        return Ok(Load { sessions, messages, size });
    }
    let warm = Round::run(contender, &Load { sessions, messages: WARM_UP, size }, sink)?;
    let wanted = warm.delivered_per_second * f64::from(options.seconds);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of messages, and a cast saturates"
    )]
    let messages = (wanted as u32).max(WARM_UP);
    Ok(Load { sessions, messages, size })
}
