//! Rules about documents: what they point at exists.

use std::path::{Component, Path, PathBuf};

use super::{Finding, Tree};

/// Relative links lead to a file, and `#anchors` to a heading in it.
pub(super) fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_extension("md") {
        for (line, target) in links(&file.text) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let place = || format!("{}:{line}", file.path);
            let Some(path) = resolve(&file.path, path) else {
                findings.push(Finding::new(place(), format!("the link {target} leaves the tree")));
                continue;
            };
            let Some(found) = tree.file(&path) else {
                if !tree.exists(&path) {
                    findings
                        .push(Finding::new(place(), format!("the link {target} leads nowhere")));
                }
                continue;
            };
            if !anchor.is_empty() && !headings(&found.text).any(|heading| heading == anchor) {
                findings.push(Finding::new(place(), format!("{path} has no heading #{anchor}")));
            }
        }
    }
    findings
}

/// Paths in backticks in ARCHITECTURE.md exist, so that the map cannot go stale.
pub(super) fn named_paths_exist(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.file("ARCHITECTURE.md") else {
        return vec![Finding::new("ARCHITECTURE.md", "is missing")];
    };
    let mut findings = Vec::new();
    for (index, line) in prose(&file.text) {
        for word in line.split('`').skip(1).step_by(2) {
            if looks_like_a_path(tree, word) && !tree.exists(word) && tree.file(word).is_none() {
                findings.push(Finding::new(
                    format!("ARCHITECTURE.md:{index}"),
                    format!("`{word}` does not exist"),
                ));
            }
        }
    }
    findings
}

/// A document that a script, a source file or a message names exists.
pub(super) fn mentioned_documents_exist(tree: &Tree) -> Vec<Finding> {
    let known = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"];
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.starts_with("xtask/src/tidy")) {
        for (index, line) in file.text.lines().enumerate() {
            let words = line
                .split(|letter: char| !letter.is_ascii_alphanumeric() && !"/._-".contains(letter));
            for word in words.map(|word| word.trim_end_matches('.')) {
                let guide = word
                    .strip_prefix("docs/")
                    .is_some_and(|rest| Path::new(rest).extension().is_some_and(|end| end == "md"));
                let named = guide || known.contains(&word);
                if named && tree.file(word).is_none() && !tree.exists(word) {
                    findings.push(Finding::new(
                        format!("{}:{}", file.path, index + 1),
                        format!("{word} does not exist"),
                    ));
                }
            }
        }
    }
    findings
}

/// The table of reports and the tests that are named after them agree: a name of a test has the short name and the number
/// of each report that it is for.
pub(super) fn field_reports_have_tests(tree: &Tree) -> Vec<Finding> {
    let Some(table) = tree.file(FIELD_REPORTS) else { return Vec::new() };
    let rows = table.text.lines().enumerate().filter(|(_, line)| line.starts_with("| "));
    let named: Vec<(usize, &str)> = rows
        .flat_map(|(index, line)| line.split('`').skip(1).step_by(2).map(move |it| (index + 1, it)))
        .collect();
    let tests: Vec<(&str, &str)> = tree
        .with_extension("rs")
        .filter(|file| file.path.contains("/tests/"))
        .flat_map(|file| tests_of(&file.text).map(|name| (file.path.as_str(), name)))
        .collect();
    let gone = named.iter().filter(|(_, name)| !tests.iter().any(|(_, test)| test == name)).map(
        |(line, name)| {
            Finding::new(format!("{FIELD_REPORTS}:{line}"), format!("no test is called {name}"))
        },
    );
    let reports: Vec<[&str; 2]> = named.iter().filter_map(|(_, name)| report_of(name)).collect();
    let missing = tests.iter().filter(|(_, test)| {
        report_of(test).is_some_and(|report| reports.contains(&report))
            && !named.iter().any(|(_, name)| name == test)
    });
    let missing = missing.map(|(path, test)| {
        Finding::new(*path, format!("{test} is named after a report and not in {FIELD_REPORTS}"))
    });
    gone.chain(missing).collect()
}

/// Returns the names of the tests in a source file.
fn tests_of(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        let was_test = std::mem::replace(&mut is_test, line == "#[test]");
        let name = line.strip_prefix("fn ")?.split('(').next()?;
        was_test.then_some(name)
    })
}

/// Returns the first report that a test is named after, as `["zammad", "4029"]`: the first number and the word before it.
fn report_of(test: &str) -> Option<[&str; 2]> {
    let words: Vec<&str> = test.split('_').collect();
    let is_number = |word: &str| word.parse::<u32>().is_ok();
    words.windows(2).find_map(|pair| match pair {
        [word, number] if is_number(number) && !is_number(word) => Some([*word, *number]),
        _ => None,
    })
}

/// Where reports about other programs are listed with the tests for them.
const FIELD_REPORTS: &str = "docs/reference/field-reports.md";

/// Returns each relative link of a document with its line.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| {
        let targets = line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .map(|(target, _)| target);
        let targets = targets.map(|target| target.split(' ').next().unwrap_or(target));
        targets.filter(|target| !target.contains(':')).map(move |target| (number, target))
    })
}

/// Returns the numbered lines outside fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// Returns the anchors of a document's headings, as forges make them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter_map(|(_, line)| line.strip_prefix('#')).map(|rest| {
        let title = rest.trim_start_matches('#').trim().to_lowercase();
        let kept =
            title.chars().filter(|letter| letter.is_alphanumeric() || "-_ ".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    })
}

/// Returns a link's target as a path from the root; none if it climbs out of the tree.
fn resolve(from: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(from.into());
    }
    let start = if target.starts_with('/') { Path::new("") } else { Path::new(from).parent()? };
    let mut path = PathBuf::new();
    for component in start.join(target.trim_start_matches('/')).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => path.pop().then_some(())?,
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir => return None,
        }
    }
    Some(path.to_string_lossy().into_owned())
}

/// Tells a path from a media type or a command: it ends like one, or starts in a folder of ours.
fn looks_like_a_path(tree: &Tree, word: &str) -> bool {
    let plain =
        word.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    let extension = Path::new(word)
        .extension()
        .is_some_and(|end| ["md", "rs", "service", "toml"].iter().any(|known| end == *known));
    let first = word.split('/').next().unwrap_or(word);
    // `chancery.toml` and the like are files of an installation, not of the tree; a path has a slash.
    plain
        && word.contains('/')
        && !word.starts_with('/')
        && (extension || word.ends_with('/') || tree.exists(first))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::tree, *};

    fn texts(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| format!("{}: {}", finding.place, finding.text)).collect()
    }

    #[test]
    fn a_dead_link_is_found() {
        let guide = "# Start here\n[ok](../README.md) [ok](https://example.org) [ok](#start-here) [ok](../README.md#so-it-is)\n\
                     [bad](gone.md) [bad](../../x.md) [bad](#gone) \n```\n[code](gone.md)\n```\n";
        let tree = tree(&[("docs/guide.md", guide), ("README.md", "## So it is!\n")]);
        let expected = [
            "docs/guide.md:3: the link gone.md leads nowhere",
            "docs/guide.md:3: the link ../../x.md leaves the tree",
            "docs/guide.md:3: docs/guide.md has no heading #gone",
        ];
        assert_eq!(texts(links_lead_somewhere(&tree)), expected);
    }

    #[test]
    fn a_stale_path_is_found() {
        let text = "See `crates/mail/`, `crates/gone/src/lib.rs`, `application/pkcs7-mime` and `chancery.toml`.\n";
        let found = texts(named_paths_exist(&tree(&[("ARCHITECTURE.md", text)])));
        let expected = [
            "ARCHITECTURE.md:1: `crates/mail/` does not exist",
            "ARCHITECTURE.md:1: `crates/gone/src/lib.rs` does not exist",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_report_without_its_test_and_a_test_without_its_report_are_found() {
        let table = "| report | tests |\n| a/zammad#1 | `zammad_1_one`, `zammad_1_gone` |\n";
        let tests = "#[test]\nfn zammad_1_one() {}\n#[test]\nfn zammad_1_two() {}\nfn zammad_1_no_test() {}\n\
                     #[test]\nfn aes_128_of_zammad_1() {}\n";
        let tree = tree(&[(FIELD_REPORTS, table), ("crates/a/tests/it/field.rs", tests)]);
        let expected = [
            format!("{FIELD_REPORTS}:2: no test is called zammad_1_gone"),
            format!(
                "crates/a/tests/it/field.rs: zammad_1_two is named after a report and not in {FIELD_REPORTS}"
            ),
        ];
        assert_eq!(texts(field_reports_have_tests(&tree)), expected);
    }

    #[test]
    fn a_missing_document_is_found() {
        let tree = tree(&[
            (".ci/run", "# see docs/gone.md and CONTRIBUTING.md.\n"),
            ("CONTRIBUTING.md", ""),
        ]);
        assert_eq!(
            texts(mentioned_documents_exist(&tree)),
            [".ci/run:1: docs/gone.md does not exist"]
        );
    }
}
