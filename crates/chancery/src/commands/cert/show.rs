//! `chancery cert show`: certificates and what belongs to them in words; nothing is verified.

use std::path::Path;

use chancery_pki::describe::{Description, Object};

use super::files::MAX_LENGTH;
use crate::cli::cert::Show;
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::Output;

/// Runs the command.
pub(super) fn run(options: &Show, output: Output) -> Result {
    let file = options.file.as_deref().unwrap_or(Path::new("-"));
    let name = input::name(file);
    let bytes = input::read(file, MAX_LENGTH)?;
    let objects = Object::read_all(&bytes);
    let objects = objects.map_err(|error| Failure::of(&format!("cannot show {name}"), &error))?;
    let all: Vec<Description> = objects.iter().map(Object::describe).collect();
    output.show(&all, || all.iter().map(Description::to_string).collect::<Vec<_>>().join("\n"))
}
