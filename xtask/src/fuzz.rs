//! Fuzz targets with libFuzzer on the stable compiler.
//!
//! `cargo fuzz` asks for nightly because of its sanitizers. Our code is safe Rust, so what we look for are panics,
//! overflows, endless loops and memory without a limit; coverage alone finds those, and the compiler's coverage pass is
//! reachable with stable flags. Each crash found becomes a seed or a test vector.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use clap::Args;
use serde::Deserialize;

use crate::{
    peer,
    run::{Result, cargo, command, output, root, succeed, target, variable},
};

/// What to fuzz, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// One target; all of them when left out
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Where the fuzzer's generator starts; by default somewhere else each time
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// How many inputs the comparison with OpenSSL gets at most
    #[arg(long)]
    runs: Option<u32>,
}

/// Edge coverage as libFuzzer reads it: eight-bit counters beside a table of places, and the operands of comparisons.
/// Overflow checks and debug assertions stay on, so that an overflow is a crash and not a wrong number.
const FLAGS: &str = "--cfg fuzzing -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares -C debug-assertions -C overflow-checks";

/// Seconds a target gets in the test run.
const SMOKE_SECONDS: u32 = 10;

/// The target that compares us with OpenSSL.
const ORACLE: &str = "cms_openssl";

/// Inputs it gets in the test run: as many as fit the seconds on a busy machine, so that a run finds what the one before
/// found, and a difference that is not listed yet is one that was made here and not chance.
const SMOKE_RUNS: u32 = 5_000;

/// No input may need more than this, in seconds; the slowest honest one takes milliseconds.
const TIMEOUT_SECONDS: u32 = 10;

/// The targets must be bounded in memory: MIB for the process, of which libFuzzer itself needs about a hundred.
const MEMORY_MIB: u32 = 1024;

/// The largest input tried; larger ones are covered by the property and end-to-end tests.
const LONGEST_INPUT: u32 = 65_536;

/// Runs one target or all.
pub(crate) fn run(options: &Options) -> Result {
    let all = targets()?;
    let chosen: Vec<&String> = all
        .iter()
        .filter(|name| options.target.as_ref().is_none_or(|wanted| wanted == *name))
        .collect();
    if chosen.is_empty() {
        return Err(format!("there are these targets: {}", all.join(", ")));
    }
    let folder = build()?;
    let peer = peer::build()?;
    // A target keeps one processor busy.
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let waiting = Mutex::new(chosen.into_iter());
    let crashed = Mutex::new(Vec::new());
    let next = || waiting.lock().ok()?.next();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(name) = next() {
                    println!("fuzzing {name} for {} s", options.seconds);
                    if let Err(message) = fuzz(&folder.join(name), name, &peer, options) {
                        println!("{message}");
                        crashed.lock().unwrap_or_else(PoisonError::into_inner).push(name.as_str());
                    }
                }
            });
        }
    });
    let crashed = crashed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if crashed.is_empty() {
        Ok(())
    } else {
        Err(format!("found a fault in {}; the input is in fuzz/artifacts", crashed.join(", ")))
    }
}

/// Runs every target for a few seconds, from the same place each time: a test run should not fail by chance.
pub(crate) fn smoke() -> Result {
    run(&Options { target: None, seconds: SMOKE_SECONDS, seed: 1, runs: Some(SMOKE_RUNS) })
}

/// Builds all targets with coverage and returns the folder with the programs.
fn build() -> Result<PathBuf> {
    let version = output(command("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .ok_or("rustc does not name its host")?;
    let folder = target().join("fuzz");
    // The same versions as everywhere else; cargo adds the fuzzer to them.
    let lock = root().join("fuzz/Cargo.lock");
    fs::copy(root().join("Cargo.lock"), &lock)
        .map_err(|error| format!("cannot write {}: {error}", lock.display()))?;
    let mut build = cargo();
    // A target given by name keeps the flags away from build scripts and derive macros, which could not link.
    build
        .args(["build", "--release", "--target", host, "--manifest-path"])
        .arg(root().join("fuzz/Cargo.toml"));
    succeed(build.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &folder))?;
    Ok(folder.join(host).join("release"))
}

/// Runs one target on its seeds and what earlier runs found.
fn fuzz(program: &Path, name: &str, peer: &Path, options: &Options) -> Result {
    let corpus = root().join("fuzz/corpus").join(name);
    let artifacts = root().join("fuzz/artifacts").join(name);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder)
            .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    }
    let mut fuzzer = command(program);
    fuzzer.env("CHANCERY_OPENSSL_PEER", peer);
    fuzzer.arg(&corpus).arg(root().join("fuzz/seeds").join(name));
    fuzzer
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-artifact_prefix={}/", artifacts.display()));
    fuzzer.arg(format!("-timeout={TIMEOUT_SECONDS}")).arg(format!("-rss_limit_mb={MEMORY_MIB}"));
    fuzzer.arg(format!("-max_len={LONGEST_INPUT}")).args(["-print_final_stats=1", "-verbosity=0"]);
    let seed = variable("CHANCERY_FUZZ_SEED").unwrap_or_else(|| options.seed.to_string());
    fuzzer.arg(format!("-seed={seed}"));
    if let Some(runs) = options.runs.filter(|_| name == ORACLE) {
        fuzzer.arg(format!("-runs={runs}"));
    }
    succeed(&mut fuzzer)
}

/// Returns the names of the targets, from the manifest.
fn targets() -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Manifest {
        bin: Vec<Binary>,
    }
    #[derive(Deserialize)]
    struct Binary {
        name: String,
    }

    let path = root().join("fuzz/Cargo.toml");
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let manifest: Manifest = toml::from_str(&text)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(manifest.bin.into_iter().map(|binary| binary.name).collect())
}
