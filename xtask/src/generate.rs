//! Generated reference pages: the binary prints them from the tables it works with, so that they cannot go stale.

use std::{fs, path::Path};

use crate::run::{Result, cargo, command, output, root, succeed, target};

/// What `chancery doc PAGE` prints, and where it is kept.
const PAGES: &[(&str, &str)] = &[
    ("cli", "docs/reference/cli.md"),
    ("configuration", "docs/reference/configuration.md"),
    ("errors", "docs/reference/errors.md"),
    ("metrics", "docs/reference/metrics.md"),
    ("policy", "docs/reference/policy.md"),
    ("queue-states", "docs/reference/queue-states.md"),
];

/// Builds the binary and writes or compares the pages.
pub(crate) fn build_and_run(check: bool) -> Result {
    succeed(cargo().args(["build", "--package", "chancery"]))?;
    run(&target().join("debug/chancery"), check)
}

/// Writes the pages, or says which ones differ.
pub(crate) fn run(binary: &Path, check: bool) -> Result {
    let mut stale = Vec::new();
    for (page, path) in PAGES {
        let wanted = output(command(binary).args(["doc", page]))?;
        let place = root().join(path);
        if fs::read_to_string(&place).ok().as_deref() == Some(&wanted) {
            continue;
        }
        if check {
            stale.push(*path);
            continue;
        }
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        }
        fs::write(&place, wanted).map_err(|error| format!("cannot write {path}: {error}"))?;
        println!("wrote {path}");
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "out of date: {}; run `cargo xtask gen` and commit the result",
            stale.join(", ")
        ))
    }
}
