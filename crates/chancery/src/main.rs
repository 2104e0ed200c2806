//! The `chancery` command.

use std::process::ExitCode;

use chancery::cli::Cli;
use chancery::output::note;
use clap::Parser as _;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // clap ends with status 2 on a wrong command line, and with 0 after --help and --version.
    let cli = Cli::parse();
    match chancery::commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            note(&format!("chancery: {failure}"));
            ExitCode::from(failure.status as u8)
        }
    }
}
