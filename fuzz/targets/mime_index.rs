//! Any bytes as a message: the index covers it exactly, however the bytes were cut on their way. As a report about the
//! delivery of another message it is read within bounds.
#![no_main]

use chancery_mail::index::{Index, IndexBuilder};
use chancery_mail::notice::Failures;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = Index::of(bytes);
    assert_eq!(whole.len(), bytes.len() as u64);
    for part in whole.parts() {
        for child in whole.children(part) {
            assert!(part.whole().of(bytes).is_some() && child.whole().of(bytes).is_some(), "a part lies in the message");
        }
    }
    let failures = Failures::read(&whole, bytes);
    assert!(failures.is_none_or(|it| (1..=64).contains(&it.recipients.len())));
    // The first byte says how to cut; the ranges must not depend on it.
    let size = usize::from(bytes.first().copied().unwrap_or(1)).max(1);
    let mut builder = IndexBuilder::new();
    for piece in bytes.chunks(size) {
        builder.push(piece);
    }
    assert_eq!(format!("{:?}", builder.finish()), format!("{whole:?}"));
});
