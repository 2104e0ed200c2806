//! Generated graphs beside OpenSSL and certval: whatever is not in the table of `known` fails.

#![expect(clippy::disallowed_methods, reason = "how many graphs is said from outside")]

use chancery_graphs::compare::Comparison;
use chancery_graphs::known::{TABLE, page};
use chancery_graphs::others::openssl::{OpenSsl, library};

/// More are compared with `CHANCERY_GRAPHS=20000 cargo nextest run -p chancery-graphs`.
const GRAPHS: u64 = 600;

#[test]
fn every_disagreement_is_explained() {
    let library = library().expect("there is no OpenSSL 4; run `cargo xtask test tools`");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut comparison = Comparison::new(OpenSsl::start(folder, &library).unwrap());
    let wanted = std::env::var("CHANCERY_GRAPHS").ok().and_then(|text| text.parse().ok());
    let count = wanted.unwrap_or(GRAPHS);
    for seed in 1..=count {
        comparison.run(seed).unwrap();
    }
    let tally = comparison.tally;
    println!("{tally}");
    assert!(tally.unknown.is_empty(), "{tally}");
    // A comparison of nothing would find nothing.
    assert!(tally.by_openssl > count && tally.by_certval > count, "{tally}");
    assert!((count / 4..count * 9 / 10).contains(&tally.graphs.1), "{tally}");
    assert!(tally.chains.1 > count / 2 && tally.chains.1 < tally.chains.0 * 3 / 4, "{tally}");
    assert!(tally.other_chain < tally.chains.0 / 2, "{tally}");
}

#[test]
fn a_seed_makes_the_same_graph_again() {
    let (one, again) = (chancery_graphs::graph::generate(7), chancery_graphs::graph::generate(7));
    let ders = |graph: &chancery_graphs::graph::Graph| {
        let all = graph.pool.iter().chain(&graph.anchors).map(|it| it.der.clone());
        all.chain(graph.lists.iter().map(|it| it.der.clone())).collect::<Vec<_>>()
    };
    assert!(ders(&one) == ders(&again));
    assert!(ders(&one) != ders(&chancery_graphs::graph::generate(8)));
}

#[test]
fn each_explanation_has_a_name_of_its_own() {
    let mut names: Vec<_> = TABLE.iter().map(|known| known.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TABLE.len());
}

/// `CHANCERY_WRITE=1` writes the page.
#[test]
fn the_page_is_that_of_the_table() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("docs/reference/path-differences.md");
    if std::env::var_os("CHANCERY_WRITE").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), page());
}
