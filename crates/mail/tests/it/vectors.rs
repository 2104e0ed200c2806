//! Hand-written messages: each folder of `tests/vectors` has `input.eml` and the index that is expected of it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use chancery_mail::index::Index;

use crate::support::{check, describe, in_chunks};

#[test]
#[expect(clippy::disallowed_methods, reason = "the vectors are files")]
fn every_vector_has_the_index_that_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert!(names.len() >= 55, "only {} vectors", names.len());
    let mut wrong = String::new();
    for name in names {
        let message = fs::read(folder.join(&name).join("input.eml")).unwrap();
        let index = Index::of(&message);
        check(&message, &index);
        assert_eq!(in_chunks(&message, &[1]), index, "{}", name.display());
        let found = describe(&message, &index);
        let expected =
            fs::read_to_string(folder.join(&name).join("expect.txt")).unwrap_or_default();
        if found != expected {
            let _ =
                write!(wrong, "=== {}\n--- expected\n{expected}--- found\n{found}", name.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
