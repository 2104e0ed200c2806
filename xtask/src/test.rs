//! `cargo xtask test`: everything that must pass before a change lands, on a machine with only the toolchain.
//!
//! One build in the `dev` profile serves the unit tests, the reference pages and the end-to-end tests: dependencies are
//! optimised in it (root `Cargo.toml`), so that cryptography runs at full speed, and building the whole tree a second
//! time in `release` would cost more than the slower code of our own does. Clippy and rustdoc share a `check` build,
//! and the fuzz targets need one of their own because every dependency is instrumented.

use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use clap::Args;

use crate::{
    corpora, fuzz, generate,
    run::{Result, cache, cargo, command, exists, succeed, target, variable},
    tidy, tools,
};

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only the steps whose name contains one of these words
    words: Vec<String>,
    /// List the steps
    #[arg(long)]
    list: bool,
}

/// One step: its name, and what it does.
type Step = (&'static str, fn() -> Result);

/// In the order of the cheapest failure first, but for the build, which the later steps share.
const STEPS: &[Step] = &[
    ("tools", tools::install),
    ("tidy", tidy::run),
    ("format", format),
    ("clippy", clippy),
    ("documentation", documentation),
    ("licences", licences),
    ("packaging", packaging),
    ("build", build),
    ("reference", reference),
    ("tests", tests),
    ("doctests", doctests),
    ("fuzz", fuzz::smoke),
    ("end-to-end", end_to_end),
];

/// Runs the steps, all of them even after a failure, and prints a table.
pub(crate) fn run(options: &Options) -> Result {
    let chosen = |(name, _): &&Step| {
        options.words.is_empty() || options.words.iter().any(|word| name.contains(word.as_str()))
    };
    if options.list {
        for (name, _) in STEPS.iter().filter(chosen) {
            println!("{name}");
        }
        return Ok(());
    }
    let mut report = Vec::new();
    for (name, step) in STEPS.iter().filter(chosen) {
        println!("\n── {name}");
        let start = Instant::now();
        let outcome = step();
        if let Err(message) = &outcome {
            println!("{message}");
        }
        report.push((*name, start.elapsed(), outcome));
    }
    summary(&report)
}

/// Prints how each step went; the last line is the one that CI reads.
fn summary(report: &[(&str, Duration, Result)]) -> Result {
    println!("\nstep            seconds  outcome");
    for (name, time, outcome) in report {
        let word = if outcome.is_ok() { "passed" } else { "FAILED" };
        println!("{name:<15} {:>7.1}  {word}", time.as_secs_f64());
    }
    let failed: Vec<&str> =
        report.iter().filter(|(.., outcome)| outcome.is_err()).map(|(name, ..)| *name).collect();
    println!("\n{} passed, {} failed", report.len() - failed.len(), failed.len());
    match (report.is_empty(), failed.is_empty()) {
        (true, _) => Err("no step has such a name; try --list".into()),
        (_, true) => Ok(()),
        _ => Err(format!("failed: {}", failed.join(", "))),
    }
}

fn format() -> Result {
    succeed(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result {
    succeed(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documentation() -> Result {
    succeed(cargo().env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--workspace",
        "--no-deps",
        "--locked",
    ]))
}

/// Licences, bans and sources always; advisories where a copy of the database is at hand.
fn licences() -> Result {
    let mut checks = vec!["licenses", "bans", "sources"];
    if advisory_database().is_some_and(|folder| folder.is_dir()) {
        checks.push("advisories");
    } else {
        println!(
            "advisories: not checked, there is no copy of the RustSec database here (see deny.toml)"
        );
    }
    let mut deny = cargo();
    deny.args(["deny", "--log-level", "error", "check", "--hide-inclusion-graph"]);
    succeed(deny.args(checks))
}

/// Where cargo-deny keeps its copy of the advisories by default.
fn advisory_database() -> Option<PathBuf> {
    let home = variable("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cargo")))?;
    Some(home.join("advisory-dbs"))
}

/// The unit is well-formed and gives away little: systemd's own measure goes from 0 (nothing) to 10.
fn packaging() -> Result {
    let unit = "packaging/chancery.service";
    succeed(
        command("systemd-analyze")
            .args(["security", "--no-pager", "--offline=true", "--threshold=20", unit])
            .stdout(Stdio::null()),
    )
}

/// Builds tests and binaries in one go, so that every later step uses the same features of each dependency.
fn build() -> Result {
    succeed(cargo().args(["build", "--workspace", "--all-targets", "--locked"]))
}

fn reference() -> Result {
    generate::run(&target().join("debug/chancery"), true)
}

fn tests() -> Result {
    if !exists(tools::OPENSSL_4) {
        return Err(format!("there is no {}; run the step `tools`", tools::OPENSSL_4));
    }
    let filter = "not package(chancery-e2e)";
    let mut nextest = cargo();
    nextest.env("CHANCERY_CORPUS", corpora::folders()?);
    nextest.env("CHANCERY_PKITS", cache()?.join(tools::PKITS));
    succeed(nextest.args([
        "nextest",
        "run",
        "--workspace",
        "--all-targets",
        "--locked",
        "--no-fail-fast",
        "-E",
        filter,
    ]))
}

fn doctests() -> Result {
    succeed(cargo().args(["test", "--workspace", "--doc", "--locked"]))
}

/// Real peers on real ports: a few at a time, because each test starts several servers.
fn end_to_end() -> Result {
    if !exists("postfix") {
        return Err("there is no Postfix; run the step `tools` as root".into());
    }
    let mut nextest = cargo();
    nextest.env("CHANCERY_BINARY", target().join("debug/chancery"));
    nextest.args(["nextest", "run", "--workspace", "--all-targets", "--locked", "--no-fail-fast"]);
    succeed(nextest.args(["-E", "package(chancery-e2e)"]))
}
