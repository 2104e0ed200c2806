//! Mail of any size passes in memory that does not grow: protected, opened to a spool, signed and verified.
#![expect(clippy::panic, reason = "helpers of a test stop it")]

use std::{path::Path, process::Command};

/// Far more than any operation may hold; `cargo xtask bench cms` does the same with two gigabytes.
const SIZE: &str = "100000000";

/// What an operation may need over the idle process.
const MOST_KIB: u64 = 16 * 1024;

#[test]
fn a_large_mail_needs_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["prepare", ".", "p-256"]);
    // In this order: what is opened and verified was made before.
    for operation in ["mail-protect", "mail-open", "mail-sign", "mail-verify", "mail-sign-opaque"] {
        let measured = run(folder.path(), &["memory", operation, ".", SIZE]);
        let over_idle = measured["over_idle"].as_u64().unwrap();
        assert!(over_idle <= MOST_KIB, "{operation}: {measured}");
        // Buffers, at least: the figure is one of this operation.
        assert!(over_idle >= 64, "{operation}: {measured}");
    }
}

/// Runs the program and returns what it prints; anything else than success fails the test.
fn run(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let program = env!("CARGO_BIN_EXE_chancery-bench");
    let output = Command::new(program).current_dir(folder).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {printed}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}
