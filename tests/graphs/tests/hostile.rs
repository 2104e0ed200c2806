//! Hostile graphs: each costs no more than the page says, which is that of the last run.

#![expect(clippy::disallowed_methods, reason = "how large the list is is said from outside")]

use chancery_graphs::hostile::{page, table};

/// The limits of `Budget::default()`; nested questions about signers of lists share them.
const LIMITS: [u32; 4] = [20_000, 1_000, 200, 500_000];

/// `CHANCERY_WRITE=1` writes the page. `CHANCERY_LIST=4000000` makes a list of 100 MB, and the page is not looked at.
#[test]
fn every_hostile_graph_is_bounded() {
    let entries = std::env::var("CHANCERY_LIST").ok().and_then(|text| text.parse().ok());
    let rows = table(entries.unwrap_or(300_000));
    for row in &rows {
        println!("{row}");
        for (count, limit) in row.counts.iter().zip(LIMITS) {
            assert!(*count <= limit, "{row}");
        }
        assert!(!row.outcome.ends_with("than the list"), "{row}");
    }
    if entries.is_some() {
        return;
    }
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/reference/hostile-graphs.md");
    if std::env::var_os("CHANCERY_WRITE").is_some() {
        std::fs::write(&file, page(&rows)).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), page(&rows));
}
