//! The rules that no compiler checks. Each one is a function from the tree to a list of findings; the test at the
//! bottom runs them all, so `cargo test` is enough.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::run::{Result, command, output, root};

mod documents;
mod layers;
mod sources;

/// A place where a rule is broken: the file and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Path from the root, with a line number where there is one.
    place: String,
    /// What is wrong, and the mend.
    text: String,
}

/// The files of the tree that git knows or would add, with the text of those that are text.
pub(crate) struct Tree {
    root: PathBuf,
    files: Vec<File>,
}

/// One text file.
pub(crate) struct File {
    /// Path from the root, with `/`.
    path: String,
    text: String,
}

/// Checks everything and prints the findings.
pub(crate) fn run() -> Result {
    let findings = check(&Tree::read(root())?);
    for finding in &findings {
        println!("{}: {}", finding.place, finding.text);
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!("the tree is not tidy: {count} findings")),
    }
}

/// Runs every rule.
fn check(tree: &Tree) -> Vec<Finding> {
    let rules: &[fn(&Tree) -> Vec<Finding>] = &[
        layers::imports_go_down,
        layers::heavy_dependencies_stay_in_their_crate,
        layers::crates_share_the_lints,
        layers::dependencies_say_why,
        layers::core_clippy_repeats_the_root,
        sources::files_open_with_their_purpose,
        sources::tests_are_not_skipped,
        sources::machines_are_not_named,
        documents::links_lead_somewhere,
        documents::named_paths_exist,
        documents::mentioned_documents_exist,
        documents::field_reports_have_tests,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}

impl Finding {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }
}

impl Tree {
    /// Reads every text file that is tracked, or new and not ignored.
    fn read(root: &Path) -> Result<Self> {
        let listed = tracked(root).map_or_else(|_| exported(root), Ok)?;
        let mut files: Vec<File> = listed
            .into_iter()
            // A file that is binary, or deleted but not yet committed, has no text to check.
            .filter_map(|path| {
                let text = fs::read_to_string(root.join(&path)).ok()?;
                Some(File { path, text })
            })
            .collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { root: root.into(), files })
    }

    fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    fn with_extension<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| {
            Path::new(&file.path).extension().is_some_and(|found| found == extension)
        })
    }

    fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }
}

/// Returns the paths that git knows or would add, whoever owns the checkout.
fn tracked(root: &Path) -> Result<Vec<String>> {
    let mut git = command("git");
    git.current_dir(root).args(["-c", "safe.directory=*", "ls-files", "-z"]);
    let listing = output(git.args(["--cached", "--others", "--exclude-standard"]))?;
    Ok(listing.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// Returns the paths of a tree that came without git, such as an unpacked archive: all but hidden folders of tools and what
/// builds leave behind.
fn exported(root: &Path) -> Result<Vec<String>> {
    let cannot = |error| format!("cannot list the tree: {error}");
    let mut paths = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            let is_folder = entry.file_type().map_err(cannot)?.is_dir();
            if is_folder && name != "target" && !name.starts_with("target-") && name != ".git" {
                folders.push(path);
            } else if !is_folder && let Ok(inside) = path.strip_prefix(root) {
                paths.push(inside.to_string_lossy().into_owned());
            }
        }
    }
    Ok(paths)
}

impl File {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a tree for a rule's own tests; nothing in it exists on disk.
    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        let files = files
            .iter()
            .map(|(path, text)| File { path: (*path).into(), text: (*text).into() })
            .collect();
        Tree { root: PathBuf::from("/nonexistent"), files }
    }

    #[test]
    fn a_tree_without_git_has_the_same_files() {
        let mut known = tracked(root()).unwrap();
        let mut walked = exported(root()).unwrap();
        known.sort();
        walked.sort();
        let missing: Vec<_> = known.iter().filter(|path| !walked.contains(path)).collect();
        assert!(missing.iter().all(|path| !root().join(path).exists()), "{missing:#?}");
        assert!(walked.contains(&"README.md".to_owned()));
        assert!(
            !walked.iter().any(|path| path.starts_with(".git/") || path.starts_with("target/"))
        );
    }

    #[test]
    fn the_tree_is_tidy() {
        let findings = check(&Tree::read(root()).unwrap());
        assert!(findings.is_empty(), "{findings:#?}");
    }
}
