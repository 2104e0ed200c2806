//! Finds mail that others collected, for the tests of the MIME index; none of it is in the tree.

use std::{env, ffi::OsString, path::PathBuf};

use serde::Deserialize;

use crate::run::{Result, cargo, command, output};

/// The MIME parser that the tests compare ours with; its package has the mail that its author collected.
const OTHER_PARSER: &str = "mail-parser";

/// Prints the folder of Python's own tests of mail, where they are installed.
const PYTHON_TESTS: &str = "import test.test_email as tests; print(tests.__path__[0])";

/// What `cargo metadata` prints, as far as it is needed.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

/// Returns the folders, as a list of paths.
pub(crate) fn folders() -> Result<OsString> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Metadata = serde_json::from_str(&metadata)
        .map_err(|error| format!("cannot read what cargo metadata says: {error}"))?;
    let parser = metadata.packages.into_iter().find(|package| package.name == OTHER_PARSER);
    let parser = parser.ok_or(format!("{OTHER_PARSER} is not among the dependencies"))?;
    let mut folders = vec![parser.manifest_path.with_file_name("resources")];
    // Distributions leave Python's own tests out.
    match output(command("python3").args(["-c", PYTHON_TESTS])) {
        Ok(folder) => folders.push(folder.trim().into()),
        Err(_) => println!("this Python has no mail to test with"),
    }
    env::join_paths(&folders).map_err(|error| format!("cannot name the corpora: {error}"))
}
