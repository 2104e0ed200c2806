//! Real mail: every file below the folders that `CHANCERY_CORPUS` lists, and the vectors.
//!
//! `cargo xtask test` finds the corpora and sets the variable: the mail that the authors of another parser and of Python
//! collected.

use std::fs;
use std::path::{Path, PathBuf};

use chancery_mail::index::Index;

use crate::support::{check, in_chunks};

mod oracle;

#[test]
fn every_mail_of_the_corpus_is_covered_and_cut_alike() {
    let files = corpus();
    for (path, message) in &files {
        let index = Index::of(message);
        check(message, &index);
        for sizes in [&[1][..], &[2, 3, 5, 7], &[64 * 1024]] {
            assert_eq!(in_chunks(message, sizes), index, "{}", path.display());
        }
    }
    assert!(files.len() >= 40, "only {} files", files.len());
}

#[test]
fn every_mail_of_the_corpus_has_the_parts_that_another_parser_sees() {
    let files = corpus();
    let mut unexpected = Vec::new();
    for (path, message) in &files {
        let difference = oracle::difference(message, &Index::of(message));
        let name = path.to_string_lossy();
        let reason =
            oracle::EXPLAINED.iter().find(|(end, _)| name.ends_with(end)).map(|(_, reason)| reason);
        match (difference, reason) {
            (Some(difference), None) => unexpected.push(format!("{name}: {difference}")),
            (None, Some(reason)) => unexpected.push(format!("{name}: no longer differs: {reason}")),
            _ => {}
        }
    }
    assert!(
        unexpected.is_empty(),
        "{} of {}:\n{}",
        unexpected.len(),
        files.len(),
        unexpected.join("\n")
    );
}

#[expect(clippy::disallowed_methods, reason = "the caller of the tests says where the corpora are")]
fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let corpora = std::env::var_os("CHANCERY_CORPUS").unwrap_or_default();
    let mut files = Vec::new();
    let mut pending = vec![vectors];
    pending.extend(std::env::split_paths(&corpora).filter(|folder| !folder.as_os_str().is_empty()));
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if has_mail_ending(&path) {
                files.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn has_mail_ending(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let is_message =
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("msg_"));
    matches!(ending, "eml" | "msg" | "mbox" | "mime") || (ending == "txt" && is_message)
}
