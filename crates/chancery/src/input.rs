//! Files and standard input of the command line, read up to a limit.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::failure::{Failure, Result};
use crate::output::plain;

/// Octets of a megabyte.
pub(crate) const MB: u64 = 1_000_000;

/// Octets of the largest file that people hand on: a card, a request, a key, a signature.
pub(crate) const SMALL: u64 = 4 * MB;

/// Reads a file, or standard input for `-`, of at most `limit` octets.
pub(crate) fn read(file: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if file == Path::new(STANDARD) {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|opened| opened.take(limit + 1).read_to_end(&mut bytes))
    };
    let name = name(file);
    read.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::usage(format!("{name} is larger than {} MB", limit / MB)));
    }
    Ok(bytes)
}

/// Returns what to call a file in a sentence.
pub(crate) fn name(file: &Path) -> String {
    if file == Path::new(STANDARD) {
        "standard input".to_owned()
    } else {
        plain(&file.display().to_string())
    }
}

/// The name of standard input on the command line.
const STANDARD: &str = "-";
