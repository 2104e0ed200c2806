//! Work on the tree: `cargo xtask tidy`, `gen`, `test`, `fuzz`, `bench`.
//!
//! It is **not** part of the product: nothing here is linked into `chancery`. It holds what a contributor and CI run,
//! so that both run the same thing.
//!
//! ```text
//! tidy      the rules no compiler checks: layers, first lines, links, paths
//! gen       docs/reference/*.md from the binary's own tables
//! test      everything: tools, format, lints, docs, tests, licences, fuzz smoke, real peers
//! fuzz      one fuzz target, or all of them for a few seconds each
//! bench     the gateway against Postfix, the CMS engine against OpenSSL's library, each in one run
//! ```
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool for contributors"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod corpora;
mod fuzz;
mod generate;
mod peer;
mod run;
mod test;
mod tidy;
mod tools;

/// Work on the Chancery tree
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Compare with real peers
    Bench {
        /// What to compare
        #[command(subcommand)]
        what: bench::What,
    },
    /// Run everything that must pass before a change lands
    #[command(alias = "ci")]
    Test(test::Options),
    /// Run fuzz targets
    Fuzz(fuzz::Options),
    /// Write the generated reference pages
    Gen {
        /// Change nothing and fail if a page differs
        #[arg(long)]
        check: bool,
    },
    /// Check layers, first lines, links and paths
    Tidy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Bench { what } => bench::run(&what),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Gen { check } => generate::build_and_run(check),
        Task::Test(options) => test::run(&options),
        Task::Tidy => tidy::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
