//! What the CMS engine and S/MIME messages cost, for `cargo xtask bench cms` and for the test of memory; and who asks
//! directories, for `cargo xtask bench directory`.
//!
//! ```text
//! chancery-bench prepare FOLDER KEY_TYPE                      makes a key and certificates
//! chancery-bench measure OPERATION FOLDER SIZE MILLISECONDS   prints the processor time of an operation
//! chancery-bench memory OPERATION FOLDER SIZE                 prints the largest memory while it runs
//! chancery-bench directory-prepare FOLDER COUNT SUFFIX        makes people with certificates
//! chancery-bench directory-load LOAD                          asks for them; LOAD is JSON, as `directory/load.rs` has it
//! ```
//! What certification paths cost is measured where their graphs are made, in `tests/graphs/src/speed.rs`
//! (`cargo xtask bench paths`), beside OpenSSL and certval in one run.
//!
//! `openssl/peer.c` beside it measures the same operations with OpenSSL's library. Both are processes of one thread
//! that count their own processor time, so that a neighbour's load changes little.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for the terminal")]

use std::{env, process::ExitCode};

mod directory;
mod generated;
mod memory;
mod operations;
mod people;

/// Every error ends the program, so text is enough.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("chancery-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<serde_json::Value> {
    match *arguments {
        ["prepare", folder, kind] => {
            people::prepare(folder.as_ref(), kind)?;
            Ok(serde_json::json!({ "prepared": folder }))
        }
        ["measure", operation, folder, size, milliseconds] => {
            operations::measure(operation, folder.as_ref(), size.parse()?, milliseconds.parse()?)
        }
        ["memory", operation, folder, size] => {
            memory::measure(operation, folder.as_ref(), size.parse()?)
        }
        ["directory-prepare", folder, count, suffix] => {
            directory::residents::prepare(folder.as_ref(), count.parse()?, suffix)?;
            Ok(serde_json::json!({ "prepared": folder }))
        }
        ["directory-load", load] => {
            let outcome = directory::load::run(&serde_json::from_str(load)?)?;
            Ok(serde_json::to_value(&outcome)?)
        }
        _ => Err("prepare FOLDER KEY_TYPE, measure OPERATION FOLDER SIZE MILLISECONDS, \
                  memory OPERATION FOLDER SIZE, directory-prepare FOLDER COUNT SUFFIX, or \
                  directory-load LOAD"
            .into()),
    }
}
