//! Rules about source files: they say what they are for, they skip no test, and they name no machine.

use super::{Finding, Tree};

/// The first line of every Rust file says what it is for.
pub(super) fn files_open_with_their_purpose(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("rs")
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| {
            Finding::new(&file.path, "open with a `//!` line that says what the file is for")
        })
        .collect()
}

/// A test that does not run proves nothing, and an unfinished function is not finished.
pub(super) fn tests_are_not_skipped(tree: &Tree) -> Vec<Finding> {
    // Put together here so that this file does not find itself.
    let forbidden = [
        (format!("#[{}", "ignore"), "run the test or remove it"),
        (format!("#[{}", "should_panic"), "assert the error instead"),
        (format!("{}!(", "todo"), "finish it"),
        (format!("{}!(", "unimplemented"), "finish it"),
    ];
    lines(tree, "rs", &forbidden)
}

/// No path of somebody's machine and no registry host stands in a tracked file.
pub(super) fn machines_are_not_named(tree: &Tree) -> Vec<Finding> {
    let paths = [
        "work/main",
        "work/steering",
        "work/.library",
        "work/shared",
        "root/.",
        "farm/",
        "tmp/target",
        "tmp/bash_jobs",
    ];
    let hosts =
        ["crates.io", "pypi.org", "pythonhosted.org", "npmjs.org", "npmjs.com", "debian.org"];
    let mut findings = Vec::new();
    // Lock files name the registry they were made from; cargo writes them.
    for file in tree.files.iter().filter(|file| !file.is("lock")) {
        for (index, line) in file.text.lines().enumerate() {
            let place = || format!("{}:{}", file.path, index + 1);
            if let Some(path) =
                paths.iter().map(|path| format!("/{path}")).find(|path| line.contains(path))
            {
                findings.push(Finding::new(place(), format!("take out the machine's path {path}")));
            }
            let host = urls(line).find(|url| {
                hosts.iter().any(|host| url == host || url.ends_with(&format!(".{host}")))
            });
            if let Some(host) = host {
                findings.push(Finding::new(place(), format!("take out the registry host {host}")));
            }
        }
    }
    findings
}

/// Returns the host of every address in a line.
fn urls(line: &str) -> impl Iterator<Item = &str> {
    line.split("://")
        .skip(1)
        .map(|rest| rest.split(['/', ')', '"', '\'', '>', ' ', ':']).next().unwrap_or(rest))
}

fn lines(tree: &Tree, extension: &str, forbidden: &[(String, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_extension(extension) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some((word, mend)) = forbidden.iter().find(|(word, _)| line.contains(word)) {
                findings.push(Finding::new(
                    format!("{}:{}", file.path, index + 1),
                    format!("`{word}`: {mend}"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{super::tests::tree, *};

    #[test]
    fn a_file_without_a_purpose_is_found() {
        let tree =
            tree(&[("a.rs", "fn main() {}\n"), ("b.rs", "//! Says it.\n"), ("c.md", "text\n")]);
        let findings = files_open_with_their_purpose(&tree);
        assert_eq!(
            findings.iter().map(|finding| finding.place.as_str()).collect::<Vec<_>>(),
            ["a.rs"]
        );
    }

    #[test]
    fn a_skipped_test_is_found() {
        let text = format!("//! x\n#[test]\n#[{}]\nfn x() {{ {}!() }}\n", "ignore", "todo");
        assert_eq!(tests_are_not_skipped(&tree(&[("a.rs", &text)])).len(), 2);
    }

    #[test]
    fn a_machine_is_found() {
        let path = format!("see {}work/main/x", '/');
        let host = format!("https:{}index.{}/x", "//", "crates.io");
        let fine = "work/mainly, https://docs.rs/x and crates.io by name";
        let tree =
            tree(&[("a.md", &path), ("b.toml", &host), ("c.md", fine), ("Cargo.lock", &host)]);
        let places: Vec<_> =
            machines_are_not_named(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["a.md:1", "b.toml:1"]);
    }
}
