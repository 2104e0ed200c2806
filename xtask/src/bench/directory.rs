//! `cargo xtask bench directory`: who answers for the certificates of one of many people, and how fast.
//!
//! ```text
//!   load ─► slapd                                      a directory server with an index
//!   load ─► slapd, back-ldap and rwm ─► slapd          a proxy in front of it, as one builds it today
//!   load ─► Chancery                                   its own people, on the face for strangers
//!   load ─► Chancery ─► slapd                          every question another one, so that slapd is asked for each
//!   load ─► Chancery (─► slapd)                        the same few people again and again: answers that it remembers
//! ```
//! The load (`benches/src/directory/load.rs`) is one thread that looks at every answer: one entry, and in it the very
//! certificate of the address that was asked for; anything else ends the bench. Load and servers share the machine, so
//! the ratios of one round say more than the figures, and less than what the servers alone would show.

use std::{env, fs, path::PathBuf};

use clap::Args;
use serde::Deserialize;

use super::{Format, build};
use crate::run::{Result, cargo, command, exists, output, succeed, target};

mod report;
mod servers;

use report::{Memory, Report, Row};
use servers::{Server, Servers};

/// How much.
#[derive(Args)]
pub(crate) struct Options {
    /// People in the directory; far more than answers are remembered
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(40_000..10_000_000))]
    entries: u32,
    /// Rounds of each server; the middle one counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..20))]
    rounds: u8,
    /// How long a round takes
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// Connections at a time
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32])]
    connections: Vec<u8>,
    /// Only in clear, or only over TLS
    #[arg(long, value_enum)]
    only: Option<Channel>,
    /// Keep what is prepared here, and use what is here
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Measure this binary instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the load speaks to the servers; what is behind them is asked in clear.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Clear,
    Tls,
}

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Contender {
    Slapd,
    Proxy,
    Own,
    Chained,
    Cached,
}

/// What one round came to; times in microseconds.
#[derive(Clone, Copy)]
struct Round {
    per_second: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    /// Processor time of the server for one search.
    cpu: f64,
    /// The same of the server behind it.
    cpu_behind: Option<f64>,
}

/// What the load prints.
#[derive(Deserialize)]
struct Told {
    searches: f64,
    seconds: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
}

/// Whoever asks.
struct Asker<'o> {
    program: PathBuf,
    folder: PathBuf,
    options: &'o Options,
    /// How many rounds there were: each comes from other addresses.
    rounds: u8,
    /// How many were asked for so far.
    asked: u64,
}

/// Runs the comparison.
pub(super) fn run(options: &Options) -> Result {
    for program in ["slapd", "slapadd"] {
        if !exists(program) {
            return Err(format!("there is no {program}: install slapd and run this again"));
        }
    }
    let binary = match &options.binary {
        Some(binary) => fs::canonicalize(binary)
            .map_err(|error| format!("cannot find {}: {error}", binary.display()))?,
        None => build()?,
    };
    succeed(cargo().args(["build", "--release", "--locked", "--package", "chancery-bench"]))?;
    let passing = env::temp_dir().join(format!("chancery-bench-{}", std::process::id()));
    let folder = options.folder.clone().unwrap_or_else(|| passing.clone());
    let mut asker = Asker {
        program: target().join("release/chancery-bench"),
        folder: folder.clone(),
        options,
        rounds: 0,
        asked: 0,
    };
    let result = asker.prepare().and_then(|()| {
        let servers = Servers::start(&binary, &folder)?;
        asker.compare(&servers)
    });
    if folder == passing {
        fs::remove_dir_all(&folder)
            .map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    }
    let report = result?;
    match options.format {
        Format::Json => super::print_json(&report),
        Format::Text => {
            report.print_text();
            Ok(())
        }
    }
}

impl Contender {
    const ALL: [Self; 5] = [Self::Slapd, Self::Proxy, Self::Own, Self::Chained, Self::Cached];

    fn name(self) -> &'static str {
        match self {
            Self::Slapd => "slapd",
            Self::Proxy => "slapd, back-ldap and rwm",
            Self::Own => "Chancery, its own people",
            Self::Chained => "Chancery, asking slapd",
            Self::Cached => "Chancery, remembering",
        }
    }

    /// Returns who it must be faster than, and how many times, with many connections.
    fn target(self) -> Option<(Self, f64)> {
        match self {
            Self::Slapd | Self::Proxy => None,
            Self::Own | Self::Cached => Some((Self::Slapd, 2.0)),
            Self::Chained => Some((Self::Proxy, 2.0)),
        }
    }

    fn server(self, servers: &Servers) -> &Server {
        match self {
            Self::Slapd => &servers.slapd,
            Self::Proxy => &servers.proxy,
            Self::Own => &servers.own,
            Self::Chained | Self::Cached => &servers.chained,
        }
    }
}

impl Asker<'_> {
    /// Makes the people, unless they are there.
    fn prepare(&self) -> Result {
        let entries = self.options.entries.to_string();
        let mark = self.folder.join("entries");
        if fs::read_to_string(&mark).is_ok_and(|text| text == entries) {
            return Ok(());
        }
        eprintln!("making {entries} people");
        let mut make = command(&self.program);
        make.arg("directory-prepare").arg(&self.folder).args([&entries, servers::SUFFIX]);
        output(&mut make)?;
        servers::fill(&self.folder)?;
        fs::write(&mark, entries)
            .map_err(|error| format!("cannot write {}: {error}", mark.display()))
    }

    fn compare(&mut self, servers: &Servers) -> Result<Report> {
        let mut report = Report::new(self.options);
        for contender in Contender::ALL {
            report.memory.push(Memory::before(contender, contender.server(servers))?);
        }
        let channels = [Channel::Clear, Channel::Tls];
        for channel in
            channels.into_iter().filter(|it| self.options.only.is_none_or(|only| only == *it))
        {
            for connections in self.options.connections.clone() {
                // Whatever a first question costs is paid before.
                for contender in Contender::ALL {
                    self.round(servers, contender, channel, connections, WARM_UP)?;
                }
                let mut results: [Vec<Round>; 5] = Default::default();
                for _ in 0..self.options.rounds {
                    // In turns, so that a neighbour's load falls on all of them alike.
                    for (contender, results) in Contender::ALL.into_iter().zip(&mut results) {
                        let milliseconds = self.options.seconds * 1_000;
                        results.push(self.round(
                            servers,
                            contender,
                            channel,
                            connections,
                            milliseconds,
                        )?);
                    }
                }
                for contender in Contender::ALL {
                    report.rows.push(Row::new(contender, channel, connections, &results));
                }
            }
        }
        for (memory, contender) in report.memory.iter_mut().zip(Contender::ALL) {
            memory.after(contender.server(servers))?;
        }
        Ok(report)
    }

    fn round(
        &mut self,
        servers: &Servers,
        contender: Contender,
        channel: Channel,
        connections: u8,
        milliseconds: u32,
    ) -> Result<Round> {
        let server = contender.server(servers);
        // The limits of who asks are those of an hour: with so many addresses nobody comes twice.
        self.rounds = self.rounds % 250 + 1;
        let is_hot = contender == Contender::Cached;
        let load = serde_json::json!({
            "folder": self.folder,
            "port": if channel == Channel::Tls { server.tls_port } else { server.port },
            "tls": channel == Channel::Tls,
            "base": server.base,
            "connections": connections,
            "round": self.rounds,
            "milliseconds": milliseconds,
            "skip": if is_hot { 0 } else { self.asked },
            "from": if is_hot { 0 } else { HOT },
            "among": if is_hot { HOT } else { self.options.entries - HOT },
        });
        let failure = |error| format!("{}: {error}\n{}", contender.name(), server.log());
        let behind = servers.behind(contender);
        let (requests, cpu) = (servers.requests(contender)?, server.ticks()?);
        let cpu_behind = behind.map(Server::ticks).transpose()?;
        let told = output(command(&self.program).arg("directory-load").arg(load.to_string()));
        let told: Told = serde_json::from_str(&told.map_err(failure)?)
            .map_err(|error| format!("cannot read what the load says: {error}"))?;
        let Told { searches, seconds, p50, p90, p99, p999 } = told;
        let each = |ticks: f64| ticks / super::round::TICKS * 1e6 / searches;
        let cpu = each(server.ticks()? - cpu);
        let cpu_behind = match (behind, cpu_behind) {
            (Some(behind), Some(before)) => Some(each(behind.ticks()? - before)),
            _ => None,
        };
        let asked = servers.requests(contender)? - requests;
        // A proxy that remembers wins every time; one that is asked for what it should remember never does.
        let is_as_said = match contender {
            Contender::Chained => asked >= searches,
            Contender::Cached => milliseconds == WARM_UP || asked < searches / 10.0,
            _ => true,
        };
        if !is_as_said {
            return Err(failure(format!("of {searches} questions it asked slapd {asked}")));
        }
        if !is_hot {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let searches = searches as u64;
            self.asked += searches;
        }
        Ok(Round { per_second: searches / seconds, p50, p90, p99, p999, cpu, cpu_behind })
    }
}

/// Milliseconds before it counts.
const WARM_UP: u32 = 700;
/// People that are asked for again and again; fewer than answers are remembered by default.
const HOT: u32 = 2_000;
