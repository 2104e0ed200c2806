//! Compares generated graphs with OpenSSL and certval: `chancery-graphs FIRST_SEED COUNT`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for the terminal")]

use std::process::ExitCode;
use std::{env, io};

use chancery_graphs::compare::Comparison;
use chancery_graphs::others::openssl::{OpenSsl, library};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chancery-graphs: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<bool> {
    let numbers: Vec<u64> = env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [first, count] = numbers.as_slice() else {
        return Err(io::Error::other("FIRST_SEED COUNT"));
    };
    let missing = || io::Error::other("there is no OpenSSL 4; run `cargo xtask test tools`");
    let openssl = OpenSsl::start(&env::temp_dir(), &library().ok_or_else(missing)?)?;
    let mut comparison = Comparison::new(openssl);
    for seed in *first..first.saturating_add(*count) {
        comparison.run(seed)?;
    }
    print!("{}", comparison.tally);
    Ok(comparison.tally.unknown.is_empty())
}
