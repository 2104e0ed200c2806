//! The `chancery` command.

use std::process::ExitCode;

use chancery::cli::{Cli, Format};
use chancery::failure::Failure;
use chancery::output::Output;
use clap::Parser as _;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && wants_json() => {
            let text = error.to_string();
            let message = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
            return ended(&Failure::usage(message), Output::new(Format::Json));
        }
        // Status 2 on a wrong command line, 0 after --help and --version.
        Err(error) => error.exit(),
    };
    let output = Output::new(cli.format);
    match chancery::commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ended(&failure, output),
    }
}

fn ended(failure: &Failure, output: Output) -> ExitCode {
    failure.tell(output);
    ExitCode::from(failure.status as u8)
}

/// Returns true if a command line that cannot be read asks for JSON.
fn wants_json() -> bool {
    let words: Vec<_> = std::env::args_os().collect();
    words.iter().any(|word| word == "--format=json")
        || words
            .windows(2)
            .any(|pair| matches!(pair, [name, value] if name == "--format" && value == "json"))
}
