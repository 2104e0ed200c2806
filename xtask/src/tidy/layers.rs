//! Who may use whom. The table below is the architecture; a new crate gets a line here first.

use serde::Deserialize;
use toml::{Table, Value};

use super::{File, Finding, Tree};

/// The layers from the bottom; the order is the order of imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    /// Pure: no runtime, sockets, files, environment or clock.
    Core,
    /// Touches the world.
    Base,
    /// One `run` each; they never import each other and meet in the store or over a protocol.
    Role,
    /// The binary.
    Top,
    /// Tools and tests beside the product; nothing imports them.
    Beside,
}

/// One crate of the workspace.
struct Member {
    /// Its folder.
    path: &'static str,
    layer: Layer,
    /// Crates of its own layer that it may use. Lower layers need no word here.
    beside: &'static [&'static str],
    /// Lower layers it may use, where that is less than everything below.
    only: Option<&'static [&'static str]>,
}

/// The layer table.
const MEMBERS: &[Member] = &[
    core("crates/fault", &[]),
    core("crates/crypto", &["fault"]),
    core("crates/mail", &["fault"]),
    core("crates/policy", &["fault"]),
    core("crates/wire", &["fault"]),
    core("crates/cms", &["fault", "crypto"]),
    core("crates/pki", &["fault", "crypto"]),
    core("crates/smime", &["fault", "crypto", "mail", "cms", "pki"]),
    Member {
        path: "crates/store",
        layer: Layer::Base,
        beside: &[],
        only: Some(&["fault", "crypto", "pki"]),
    },
    Member { path: "crates/net", layer: Layer::Base, beside: &[], only: Some(&["fault", "wire"]) },
    Member {
        path: "crates/lookup",
        layer: Layer::Base,
        beside: &["net", "store"],
        only: Some(&["fault", "crypto", "mail", "pki", "wire"]),
    },
    Member { path: "crates/authority", layer: Layer::Role, beside: &[], only: None },
    Member { path: "crates/directory", layer: Layer::Role, beside: &[], only: None },
    Member { path: "crates/gateway", layer: Layer::Role, beside: &[], only: None },
    Member { path: "crates/chancery", layer: Layer::Top, beside: &[], only: None },
    Member { path: "xtask", layer: Layer::Beside, beside: &[], only: Some(&[]) },
    // It drives the binary from outside, so that our own code does not grade itself.
    Member { path: "tests/e2e", layer: Layer::Beside, beside: &[], only: Some(&[]) },
    // It compares with other libraries, which only it may know.
    Member {
        path: "tests/graphs",
        layer: Layer::Beside,
        beside: &[],
        only: Some(&["crypto", "pki"]),
    },
    Member { path: "benches", layer: Layer::Beside, beside: &[], only: None },
    Member { path: "fuzz", layer: Layer::Beside, beside: &[], only: None },
];

/// Outside crates that belong to one place: (name, folders that may use it, reason).
const RESTRICTED: &[(&str, &[&str], &str)] = &[
    // The tests of `cms` seal by other means than its own, to judge what it opens.
    (
        "aws-lc-rs",
        &["crates/crypto", "crates/cms"],
        "cryptography is reached through chancery-crypto",
    ),
    ("aws-lc-sys", &["crates/crypto"], "cryptography is reached through chancery-crypto"),
    ("certval", &["tests/graphs"], "a second opinion is for tests"),
    ("clap", &["crates/chancery", "xtask"], "only programs have a command line"),
    ("hickory-resolver", &["crates/net"], "DNS is reached through chancery-net"),
    ("rusqlite", &["crates/store"], "chancery-store is the only crate that knows the database"),
    // Who asks a directory in a bench has no runtime.
    ("rustls", &["crates/net", "benches"], "TLS is reached through chancery-net"),
    ("smtp-proto", &["crates/wire"], "the SMTP grammar is reached through chancery-wire"),
    ("tokio-rustls", &["crates/net"], "TLS is reached through chancery-net"),
];

/// What no core crate may use, not even in tests.
const IMPURE: &[&str] = &["tokio", "tracing-subscriber", "async-trait", "hyper", "reqwest"];

/// The parts of a manifest that the rules look at.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    dependencies: Table,
    #[serde(default, rename = "dev-dependencies")]
    dev_dependencies: Table,
    #[serde(default, rename = "build-dependencies")]
    build_dependencies: Table,
    #[serde(default)]
    lints: Table,
}

/// Imports go down only, in tests too, and each crate stands in the table.
pub(super) fn imports_go_down(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, manifest) in manifests(tree, &mut findings) {
        let Some(member) = member_of(file) else {
            findings.push(Finding::new(
                &file.path,
                "give this crate a line in the layer table of xtask/src/tidy/layers.rs",
            ));
            continue;
        };
        for name in manifest.all().filter_map(|name| name.strip_prefix("chancery-")) {
            if let Some(reason) = refusal(member, name) {
                findings.push(Finding::new(
                    &file.path,
                    format!("must not use chancery-{name}: {reason}"),
                ));
            }
        }
    }
    findings
}

/// A heavy dependency stays in the crate that exists to hide it, and core crates stay pure.
pub(super) fn heavy_dependencies_stay_in_their_crate(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, manifest) in manifests(tree, &mut Vec::new()) {
        let folder = file.path.trim_end_matches("/Cargo.toml");
        for name in manifest.product() {
            if let Some((_, folders, reason)) =
                RESTRICTED.iter().find(|(restricted, ..)| restricted == &name)
                && !folders.contains(&folder)
            {
                findings.push(Finding::new(&file.path, format!("must not use {name}: {reason}")));
            }
        }
        for name in manifest.all() {
            if member_of(file).is_some_and(|member| member.layer == Layer::Core)
                && IMPURE.contains(&name)
            {
                findings.push(Finding::new(
                    &file.path,
                    format!("must not use {name}: core crates are pure"),
                ));
            }
        }
    }
    findings
}

/// Every crate takes the workspace's lints.
pub(super) fn crates_share_the_lints(tree: &Tree) -> Vec<Finding> {
    manifests(tree, &mut Vec::new())
        .into_iter()
        // A workspace of its own cannot inherit.
        .filter(|(file, _)| !file.path.starts_with("fuzz/"))
        .filter(|(_, manifest)| manifest.lints.get("workspace") != Some(&Value::Boolean(true)))
        .map(|(file, _)| Finding::new(&file.path, "add `[lints]` with `workspace = true`"))
        .collect()
}

/// A comment stands above every dependency of the workspace, or above the unbroken block it is in.
pub(super) fn dependencies_say_why(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.file("Cargo.toml") else {
        return vec![Finding::new("Cargo.toml", "is missing")];
    };
    let mut findings = Vec::new();
    let (mut inside, mut explained) = (false, false);
    for (index, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
            explained = false;
        } else if line.is_empty() {
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if inside {
            let place = format!("Cargo.toml:{}", index + 1);
            let name = line.split(['=', ' ']).next().unwrap_or(line);
            if !explained {
                findings.push(Finding::new(&place, format!("say above {name} why we have it")));
            }
            if !name.starts_with("chancery-") && (line.contains("\"*\"") || line.contains("git ="))
            {
                findings
                    .push(Finding::new(&place, format!("give {name} a version from the registry")));
            }
        }
    }
    findings
}

/// A core crate's `clippy.toml` replaces the root one, so it must repeat every line of it.
pub(super) fn core_clippy_repeats_the_root(tree: &Tree) -> Vec<Finding> {
    let Some(root) = tree.file("clippy.toml") else {
        return vec![Finding::new("clippy.toml", "is missing")];
    };
    let mut findings = Vec::new();
    for member in MEMBERS.iter().filter(|member| member.layer == Layer::Core) {
        let path = format!("{}/clippy.toml", member.path);
        let Some(own) = tree.file(&path) else {
            findings.push(Finding::new(path, "is missing; copy the one of crates/fault"));
            continue;
        };
        let meaning = |line: &&str| !line.is_empty() && !line.starts_with('#');
        for line in root.text.lines().filter(meaning) {
            if !own.text.lines().any(|found| found == line) {
                findings.push(Finding::new(
                    &path,
                    format!("does not repeat this line of the root's: {line}"),
                ));
            }
        }
        if !own.text.contains("std::fs::") || !own.text.contains("std::net::") {
            findings.push(Finding::new(&path, "must ban files and sockets"));
        }
    }
    findings
}

impl Manifest {
    /// What is built into the product; a test may use anything pure as an oracle.
    fn product(&self) -> impl Iterator<Item = &str> {
        [&self.dependencies, &self.build_dependencies]
            .into_iter()
            .flat_map(|table| table.keys().map(String::as_str))
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        let tables = [&self.dependencies, &self.dev_dependencies, &self.build_dependencies];
        tables.into_iter().flat_map(|table| table.keys().map(String::as_str))
    }
}

/// Shorthand for a core crate and the core crates it may use.
const fn core(path: &'static str, beside: &'static [&'static str]) -> Member {
    Member { path, layer: Layer::Core, beside, only: None }
}

/// Returns why a crate may not use another one of ours, if so.
fn refusal(member: &Member, name: &str) -> Option<String> {
    let Some(used) = MEMBERS.iter().find(|other| other.path.rsplit('/').next() == Some(name))
    else {
        return Some("it is not in the layer table".into());
    };
    if used.layer > member.layer {
        return Some(format!(
            "imports go down, and {:?} lies above {:?}",
            used.layer, member.layer
        ));
    }
    if used.layer == member.layer {
        let allowed = member.beside.contains(&name);
        return (!allowed)
            .then(|| format!("both are {:?}, and the table does not allow it", used.layer));
    }
    let allowed = member.only.is_none_or(|only| only.contains(&name));
    (!allowed).then(|| "the table allows fewer crates than lie below".into())
}

fn member_of(file: &File) -> Option<&'static Member> {
    MEMBERS.iter().find(|member| file.path.strip_suffix("/Cargo.toml") == Some(member.path))
}

/// Reads the manifests of our crates.
fn manifests<'a>(tree: &'a Tree, findings: &mut Vec<Finding>) -> Vec<(&'a File, Manifest)> {
    let files = tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    files
        .filter_map(|file| match toml::from_str(&file.text) {
            Ok(manifest) => Some((file, manifest)),
            Err(error) => {
                findings.push(Finding::new(&file.path, format!("cannot be read: {error}")));
                None
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::tree, *};

    fn texts(findings: &[Finding]) -> String {
        findings
            .iter()
            .map(|finding| format!("{}: {}", finding.place, finding.text))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn an_upward_import_is_found() {
        let cases = [
            (
                "crates/mail/Cargo.toml",
                "[dependencies]\nchancery-store.workspace = true",
                "lies above",
            ),
            (
                "crates/mail/Cargo.toml",
                "[dev-dependencies]\nchancery-gateway.workspace = true",
                "lies above",
            ),
            (
                "crates/mail/Cargo.toml",
                "[dependencies]\nchancery-crypto.workspace = true",
                "does not allow",
            ),
            (
                "crates/store/Cargo.toml",
                "[dependencies]\nchancery-mail.workspace = true",
                "fewer crates",
            ),
            (
                "crates/net/Cargo.toml",
                "[dependencies]\nchancery-store.workspace = true",
                "does not allow",
            ),
            (
                "crates/gateway/Cargo.toml",
                "[dependencies]\nchancery-new.workspace = true",
                "not in the layer table",
            ),
            ("crates/new/Cargo.toml", "[dependencies]", "a line in the layer table"),
        ];
        for (path, text, expected) in cases {
            let findings = texts(&imports_go_down(&tree(&[(path, text)])));
            assert!(findings.contains(expected), "{path} {text}: {findings}");
        }
        let fine =
            tree(&[("crates/cms/Cargo.toml", "[dependencies]\nchancery-crypto.workspace = true")]);
        assert_eq!(imports_go_down(&fine), []);
    }

    #[test]
    fn a_misplaced_dependency_is_found() {
        for text in
            ["[dependencies]\nrusqlite = \"1\"", "[dev-dependencies]\ntokio.workspace = true"]
        {
            let tree = tree(&[("crates/mail/Cargo.toml", text)]);
            assert_eq!(heavy_dependencies_stay_in_their_crate(&tree).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let text = "[workspace.dependencies]\n# why\none = \"1\"\ntwo = \"2\"\n\nthree = \"3\"\n# why\nfour = \"*\"\n";
        let findings = texts(&dependencies_say_why(&tree(&[("Cargo.toml", text)])));
        assert_eq!(
            findings,
            "Cargo.toml:6: say above three why we have it\nCargo.toml:8: give four a version from the registry"
        );
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        let tree = tree(&[("crates/mail/Cargo.toml", "[dependencies]")]);
        assert_eq!(crates_share_the_lints(&tree).len(), 1);
    }

    #[test]
    fn a_core_clippy_that_forgets_a_line_is_found() {
        let tree = tree(&[
            ("clippy.toml", "a = true\n"),
            ("crates/fault/clippy.toml", "std::fs:: std::net::\n"),
        ]);
        let findings = texts(&core_clippy_repeats_the_root(&tree));
        assert!(findings.contains(
            "crates/fault/clippy.toml: does not repeat this line of the root's: a = true"
        ));
        assert!(findings.contains("crates/mail/clippy.toml: is missing"));
    }
}
