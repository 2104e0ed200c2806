//! `chancery directory status`: whose certificates strangers find, and why not.

use chancery_directory::catalogue::{self, Item};
use chancery_directory::judge::Opinion;
use chancery_directory::key_of;
use chancery_store::published::{PublicationRow, Publications};
use serde::Serialize;

use crate::cli::directory::Status;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, now_ms};
use crate::output::{Output, day, note, plain, short, table};

#[derive(Serialize)]
struct Shown {
    decisions: Vec<PublicationRow>,
    certificates: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    address: String,
    fingerprint: String,
    kinds: String,
    not_after: i64,
    /// Strangers find it.
    is_found: bool,
    /// Why, or why not.
    why: String,
}

/// Runs the command; with an address that strangers do not find, the answer is no.
pub(super) fn run(installation: &Installation, options: &Status, output: Output) -> Result {
    let store = installation.store()?;
    let only = match &options.address {
        None => None,
        Some(text) => Some(key_of(&super::address(text)?)),
    };
    let domains = &installation.settings.domains;
    let items = catalogue::items(&store, domains, only.as_deref(), now_ms() / 1000)?;
    let decisions = store.publications()?;
    let published = Publications::new(&decisions);
    let rows: Vec<Row> = items
        .iter()
        .map(|item| {
            let key = super::address(&item.address).map(|it| key_of(&it)).unwrap_or_default();
            row(item, !published.of(&key).is_none())
        })
        .collect();
    let domain = only.as_ref().and_then(|it| it.rfind('@').and_then(|at| it.get(at..)));
    let is_about = |row: &PublicationRow| {
        only.is_none() || Some(&row.who) == only.as_ref() || Some(row.who.as_str()) == domain
    };
    let shown =
        Shown { decisions: decisions.into_iter().filter(is_about).collect(), certificates: rows };
    output.show(&shown, || text(&shown))?;
    let is_found = shown.certificates.iter().any(|row| row.is_found);
    match only {
        Some(_) if !is_found => Err(Failure::no("strangers find nothing for this address")),
        None if shown.decisions.is_empty() => {
            note("Nobody is published: `chancery directory publish ADDRESS` changes that.");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn row(item: &Item, is_decided: bool) -> Row {
    let why = match (&item.opinion, item.is_published, is_decided) {
        (Opinion::Unfit(why), ..) => why.clone(),
        (_, false, false) => "is not published".to_owned(),
        (_, false, true) => "is of a kind that is not published".to_owned(),
        (Opinion::Trusted, ..) => "a path leads to it".to_owned(),
        (Opinion::Unjudged, ..) => "nobody said which authority to believe about it".to_owned(),
    };
    Row {
        address: item.address.clone(),
        fingerprint: item.certificate.fingerprint_sha256(),
        kinds: item.kinds.words(),
        not_after: item.certificate.not_after(),
        is_found: item.is_published,
        why,
    }
}

fn text(shown: &Shown) -> String {
    let decisions: Vec<Vec<String>> = shown
        .decisions
        .iter()
        .map(|row| {
            let kinds = row.kinds.words();
            let kinds = if kinds.is_empty() { "nothing".to_owned() } else { kinds };
            vec![plain(&row.who), kinds, plain(&row.label), plain(&row.changed_by)]
        })
        .collect();
    let certificates: Vec<Vec<String>> = shown
        .certificates
        .iter()
        .map(|row| {
            vec![
                if row.is_found { "yes" } else { "no" }.to_owned(),
                plain(&row.address),
                row.kinds.clone(),
                day(row.not_after),
                short(&row.fingerprint).to_owned(),
                plain(&row.why),
            ]
        })
        .collect();
    let head = ["FOUND", "ADDRESS", "FOR", "UNTIL", "SHA-256", "WHY"];
    format!(
        "{}\n\n{}",
        table(&["WHO", "MAY BE FOUND", "LABEL", "BY"], &decisions),
        table(&head, &certificates)
    )
}
