//! `chancery cert show`: certificates and what belongs to them in words; nothing is verified.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use chancery_pki::describe::{Description, Object};

use crate::cli::cert::Show;
use crate::failure::{Failure, Result};
use crate::output::{Output, plain};

/// Runs the command.
pub(super) fn run(options: &Show, output: Output) -> Result {
    let file = options.file.as_deref().filter(|file| *file != Path::new("-"));
    let name = file.map_or("standard input".to_owned(), |file| plain(&file.display().to_string()));
    let mut bytes = Vec::new();
    let read = match file {
        None => io::stdin().lock().take(MAX_LENGTH + 1).read_to_end(&mut bytes),
        Some(file) => {
            File::open(file).and_then(|opened| opened.take(MAX_LENGTH + 1).read_to_end(&mut bytes))
        }
    };
    read.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(Failure::usage(format!("{name} is larger than {} MB", MAX_LENGTH >> 20)));
    }
    let objects = Object::read_all(&bytes);
    let objects = objects.map_err(|error| Failure::of(&format!("cannot show {name}"), &error))?;
    let all: Vec<Description> = objects.iter().map(Object::describe).collect();
    output.show(&all, || all.iter().map(Description::to_string).collect::<Vec<_>>().join("\n"))
}

/// A revocation list may have 100 MB, and half as much again as text.
const MAX_LENGTH: u64 = 256 << 20;
