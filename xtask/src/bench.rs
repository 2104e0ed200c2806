//! `cargo xtask bench gateway`: Chancery and Postfix do the same work in one run, in turns.
//!
//! ```text
//!   smtp-source ─► (nothing)  ─► smtp-sink      how fast source and sink are themselves
//!   smtp-source ─► Postfix    ─► smtp-sink      relays in clear
//!   smtp-source ─► Chancery   ─► smtp-sink      signs and encrypts, with RSA-2048 and with P-256 keys
//! ```
//! A message counts when the sink has it. Absolute numbers say little on a shared machine; the ratios of one run do.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};

use crate::{
    run::{Result, cargo, command, output, succeed, target},
    tools,
};

mod contenders;

use contenders::{Chancery, Contender, Direct, Postfix};

/// What to compare.
#[derive(Subcommand)]
pub(crate) enum What {
    /// Accept, protect and deliver, against Postfix relaying in clear
    Gateway(Options),
}

/// How much.
#[derive(Args)]
pub(crate) struct Options {
    /// Messages in each round
    #[arg(long, default_value_t = 5_000)]
    messages: u32,
    /// Octets of a message
    #[arg(long, default_value_t = 10_000)]
    size: u32,
    /// Rounds of each contender and number of sessions; the middle one counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Sessions at a time
    #[arg(long, value_delimiter = ',', default_values_t = [20, 64])]
    sessions: Vec<u32>,
}

/// What one round came to.
#[derive(Clone, Copy)]
struct Round {
    accepted_per_second: f64,
    delivered_per_second: f64,
    cpu_ms_per_message: f64,
}

/// How long a round may take; a contender that needs more is broken.
const PATIENCE: Duration = Duration::from_secs(300);

/// Kernel clock ticks in a second, as `/proc` counts them on Linux everywhere.
const TICKS: f64 = 100.0;

/// Runs a comparison.
pub(crate) fn run(what: &What) -> Result {
    let What::Gateway(options) = what;
    tools::install()?;
    succeed(cargo().args(["build", "--release", "--locked", "--package", "chancery"]))?;
    let binary = target().join("release/chancery");
    let folder = env::temp_dir().join(format!("chancery-bench-{}", std::process::id()));
    fs::create_dir(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let result = compare(options, &binary, &folder);
    fs::remove_dir_all(&folder)
        .map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    result
}

fn compare(options: &Options, binary: &Path, folder: &Path) -> Result {
    let sink = free_port()?;
    let contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Direct { sink }),
        Box::new(Postfix::start(&folder.join("postfix"), sink)?),
        Box::new(Chancery::start(binary, &folder.join("rsa"), "rsa-2048", sink)?),
        Box::new(Chancery::start(binary, &folder.join("p256"), "p-256", sink)?),
    ];
    println!(
        "{} messages of {} octets a round, the middle of {} rounds",
        options.messages, options.size, options.rounds
    );
    println!(
        "\nsessions  contender              accept/s  deliver/s  to Postfix  CPU ms a message"
    );
    for sessions in &options.sessions {
        let mut rounds: Vec<Vec<Round>> = contenders.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            // In turns, so that a neighbour's load falls on all of them alike.
            for (contender, results) in contenders.iter().zip(&mut rounds) {
                results.push(round(contender.as_ref(), options, *sessions, sink)?);
            }
        }
        let middles: Vec<Round> = rounds.iter().map(|results| middle(results)).collect();
        let postfix = middles.get(1).map_or(1.0, |round| round.delivered_per_second);
        for (contender, round) in contenders.iter().zip(&middles) {
            println!(
                "{sessions:>8}  {:<21} {:>9.0}  {:>9.0}  {:>9.2}x  {:>16.3}",
                contender.name(),
                round.accepted_per_second,
                round.delivered_per_second,
                round.delivered_per_second / postfix,
                round.cpu_ms_per_message,
            );
        }
    }
    Ok(())
}

/// Sends the messages and waits until the sink has them all.
fn round(
    contender: &dyn Contender,
    options: &Options,
    sessions: u32,
    sink_port: u16,
) -> Result<Round> {
    let count = options.messages.to_string();
    let mut sink = Running::spawn(
        command("smtp-sink")
            .args(["-M", &count, &format!("127.0.0.1:{sink_port}"), "1024"])
            .stdout(Stdio::null()),
    )?;
    wait_for_port(sink_port)?;
    let cpu = contender.cpu_ticks()?;
    let start = Instant::now();
    let mut source = command("smtp-source");
    source.args(["-d", "-s", &sessions.to_string(), "-m", &count, "-l", &options.size.to_string()]);
    source.args(["-f", "alice@acme.example", "-t", "bob@globex.example"]);
    let source = succeed(source.arg(format!("127.0.0.1:{}", contender.port())));
    let accepted = start.elapsed();
    // Without a contender the sink ends under the source's last session, which the source reports.
    if contender.process().is_some() {
        source?;
    }
    sink.wait(PATIENCE).map_err(|error| format!("{}: {error}", contender.name()))?;
    let delivered = start.elapsed();
    let messages = f64::from(options.messages);
    Ok(Round {
        accepted_per_second: messages / accepted.as_secs_f64(),
        delivered_per_second: messages / delivered.as_secs_f64(),
        cpu_ms_per_message: (contender.cpu_ticks()? - cpu) / TICKS * 1_000.0 / messages,
    })
}

/// Returns the round in the middle by speed.
fn middle(rounds: &[Round]) -> Round {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(|one, other| one.delivered_per_second.total_cmp(&other.delivered_per_second));
    sorted.get(sorted.len() / 2).copied().unwrap_or(Round {
        accepted_per_second: 0.0,
        delivered_per_second: 0.0,
        cpu_ms_per_message: 0.0,
    })
}

/// A child that ends with us.
struct Running(Child);

impl Running {
    fn spawn(command: &mut Command) -> Result<Self> {
        command.spawn().map(Self).map_err(|error| format!("cannot start {command:?}: {error}"))
    }

    fn wait(&mut self, patience: Duration) -> Result {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            match self.0.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => pause(),
                Err(error) => return Err(format!("cannot wait: {error}")),
            }
        }
        Err(format!("not all messages arrived in {patience:?}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Returns a port that is free now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| format!("there is no free port: {error}"))
}

/// Waits until somebody listens.
fn wait_for_port(port: u16) -> Result {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        // Looked up and not connected to: a connection would count as a session of the sink.
        if is_listening(port)? {
            return Ok(());
        }
        pause();
    }
    Err(format!("nothing listens on port {port}"))
}

fn is_listening(port: u16) -> Result<bool> {
    let table = fs::read_to_string("/proc/net/tcp")
        .map_err(|error| format!("cannot read the sockets: {error}"))?;
    let (address, listening) = (format!("0100007F:{port:04X}"), "0A");
    Ok(table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(&address) && words.nth(1) == Some(listening)
    }))
}

/// Lets time pass between two looks.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark looks at another process; one millisecond does not blur it"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(1));
}

/// Returns the CPU time of a process, of all that descend from it, and of those that have ended, in ticks.
fn cpu_ticks(root: u32) -> Result<f64> {
    let listing = output(command("ps").args(["-A", "-o", "pid=,ppid="]))?;
    let parents: Vec<(u32, u32)> = listing
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
            Some((numbers.next()?, numbers.next()?))
        })
        .collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family
            .extend(parents.iter().filter(|(_, found)| *found == parent).map(|(child, _)| *child));
        next += 1;
    }
    Ok(family.iter().filter_map(|process| ticks_of(*process)).sum())
}

/// Reads utime, stime, cutime and cstime; none if the process has just ended.
fn ticks_of(process: u32) -> Option<f64> {
    let text = fs::read_to_string(PathBuf::from(format!("/proc/{process}/stat"))).ok()?;
    // The name, in brackets, may hold spaces; the fields after it are fixed.
    let (_, fields) = text.rsplit_once(')')?;
    Some(
        fields
            .split_whitespace()
            .skip(11)
            .take(4)
            .filter_map(|field| field.parse::<f64>().ok())
            .sum(),
    )
}
