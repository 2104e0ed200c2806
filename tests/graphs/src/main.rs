//! Certificate graphs by hand.
//!
//! ```text
//! chancery-graphs differences FIRST_SEED COUNT   compares with OpenSSL and certval
//! chancery-graphs federation [SIZE]...           organisations and bridges: time, memory, fetches, signatures
//! chancery-graphs paths                          paths in a second, beside OpenSSL and certval
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for the terminal")]

use std::process::ExitCode;
use std::{env, io};

use chancery_graphs::compare::Comparison;
use chancery_graphs::federation::Federation;
use chancery_graphs::others::openssl::{OpenSsl, library};
use chancery_graphs::speed;

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
    let words: Vec<String> = env::args().skip(1).collect();
    let numbers: Vec<u64> = words.iter().skip(1).filter_map(|word| word.parse().ok()).collect();
    match (words.first().map(String::as_str), numbers.as_slice()) {
        (Some("differences"), [first, count]) => differences(*first, *count),
        (Some("federation"), sizes) => {
            federation(if sizes.is_empty() { &[9, 90, 900] } else { sizes });
            Ok(true)
        }
        (Some("paths"), []) => paths(),
        _ => Err(io::Error::other("differences FIRST_SEED COUNT, federation [SIZE]..., or paths")),
    }
}

fn federation(sizes: &[u64]) {
    for size in sizes {
        print!("{}", Federation::new(usize::try_from(*size).unwrap_or(usize::MAX)).run(1));
    }
}

fn paths() -> io::Result<bool> {
    let library = library().ok_or_else(missing)?;
    let pkits = library.with_file_name("pkits");
    let mut openssl = OpenSsl::start(&env::temp_dir(), &library)?;
    for row in speed::table(&mut openssl, &pkits)? {
        print!("{row}");
    }
    Ok(true)
}

fn missing() -> io::Error {
    io::Error::other("there is no OpenSSL 4; run `cargo xtask test tools`")
}

fn differences(first: u64, count: u64) -> io::Result<bool> {
    let openssl = OpenSsl::start(&env::temp_dir(), &library().ok_or_else(missing)?)?;
    let mut comparison = Comparison::new(openssl);
    for seed in first..first.saturating_add(count) {
        comparison.run(seed)?;
    }
    print!("{}", comparison.tally);
    Ok(comparison.tally.unknown.is_empty())
}
