//! `chancery cert list` and `remove`: what was imported.

use chancery_pki::Certificate;
use chancery_store::Store;
use chancery_store::certificate::{CertificateFilter, CertificateKind, CertificateRow, ListRow};
use serde::Serialize;

use crate::cli::cert::{KindChoice, List};
use crate::commands::block_on;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act, now_ms};
use crate::output::{Output, counted, day, plain, short, table};

/// What is listed.
#[derive(Serialize)]
struct Listed {
    certificates: Vec<Shown>,
    lists: Vec<ShownList>,
}

#[derive(Serialize)]
struct Shown {
    fingerprint_sha256: String,
    kind: CertificateKind,
    subject: String,
    issuer: String,
    emails: Vec<String>,
    not_before: i64,
    not_after: i64,
    source: String,
    added_at_ms: i64,
    added_by: String,
}

#[derive(Serialize)]
struct ShownList {
    fingerprint_sha256: String,
    issuer: String,
    is_delta: bool,
    entries: usize,
    this_update: i64,
    next_update: Option<i64>,
    source: String,
    added_at_ms: i64,
    added_by: String,
}

/// Lists what was imported.
pub(super) fn run(installation: &Installation, options: &List, output: Output) -> Result {
    let store = installation.store()?;
    let within = options.expiring.as_deref().map(super::within).transpose()?;
    let ends_before = within.map(|within| (now_ms() / 1000).saturating_add(within));
    let filter = CertificateFilter {
        fingerprint: None,
        address: options.address.clone(),
        subject: options.subject.clone(),
        ends_before,
        kind: options.kind.map(CertificateKind::from),
    };
    // Lists have neither addresses nor kinds.
    let wants_lists = filter.address.is_none() && filter.kind.is_none();
    let lists = if wants_lists { store.revocation_lists()? } else { Vec::new() };
    let is_wanted = |row: &ListRow| {
        let name = row.list.issuer_name().to_string().to_lowercase();
        let is_named =
            filter.subject.as_ref().is_none_or(|part| name.contains(&part.to_lowercase()));
        let ends = row.list.next_update();
        is_named && ends_before.is_none_or(|before| ends.is_some_and(|end| end < before))
    };
    let listed = Listed {
        certificates: store.certificates(&filter)?.into_iter().map(Shown::of).collect(),
        lists: lists.into_iter().filter(is_wanted).map(ShownList::of).collect(),
    };
    output.show(&listed, || listed.text())
}

/// Removes certificates and lists.
pub(super) fn remove(
    installation: &Installation,
    fingerprints: &[String],
    output: Output,
) -> Result {
    let store = installation.store()?;
    let known = known(&store)?;
    let mut chosen = Vec::new();
    for typed in fingerprints {
        let digits = super::fingerprint(typed)?;
        let mut found = known.iter().filter(|it| it.starts_with(&digits));
        let first = found.next().ok_or_else(|| {
            Failure::no(format!("nothing that was imported has the fingerprint {}", plain(typed)))
                .hint("see `chancery cert list`")
        })?;
        if found.next().is_some() {
            return Err(Failure::usage(format!(
                "several fingerprints begin with {}",
                plain(typed)
            ))
            .hint("give more digits"));
        }
        chosen.push(first.clone());
    }
    let act = act("chancery cert remove");
    let count = block_on(async { Ok(store.remove_certificates(chosen.clone(), act).await?) })?;
    output.show(&serde_json::json!({"removed": chosen}), || format!("removed {count}"))
}

/// Returns the fingerprints of everything that was imported.
fn known(store: &Store) -> Result<Vec<String>> {
    let certificates = store.certificates(&CertificateFilter::default())?;
    let of_certificates = certificates.iter().map(|row| row.certificate.fingerprint_sha256());
    let of_lists = store.revocation_lists()?.into_iter().map(|row| row.fingerprint);
    Ok(of_certificates.chain(of_lists).collect())
}

impl Shown {
    fn of(row: CertificateRow) -> Self {
        let certificate: &Certificate = &row.certificate;
        Self {
            fingerprint_sha256: certificate.fingerprint_sha256(),
            kind: row.kind,
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            emails: certificate.emails().to_vec(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            source: row.source,
            added_at_ms: row.added_at_ms,
            added_by: row.added_by,
        }
    }
}

impl ShownList {
    fn of(row: ListRow) -> Self {
        Self {
            fingerprint_sha256: row.fingerprint,
            issuer: row.list.issuer_name().to_string(),
            is_delta: row.list.is_delta(),
            entries: row.list.len(),
            this_update: row.list.this_update(),
            next_update: row.list.next_update(),
            source: row.source,
            added_at_ms: row.added_at_ms,
            added_by: row.added_by,
        }
    }
}

impl Listed {
    fn text(&self) -> String {
        if self.certificates.is_empty() && self.lists.is_empty() {
            return "nothing; `chancery cert import FILE` takes certificates and revocation lists"
                .to_owned();
        }
        let certificates = self.certificates.iter().map(|it| {
            let name = if it.emails.is_empty() { it.subject.clone() } else { it.emails.join(" ") };
            vec![
                it.kind.word().to_owned(),
                day(it.not_after),
                short(&it.fingerprint_sha256).to_owned(),
                plain(&name),
                plain(&it.issuer),
            ]
        });
        let lists = self.lists.iter().map(|it| {
            vec![
                if it.is_delta { "delta-list" } else { "list" }.to_owned(),
                it.next_update.map_or_else(|| "?".to_owned(), day),
                short(&it.fingerprint_sha256).to_owned(),
                counted(it.entries, "entry").replace("entrys", "entries"),
                plain(&it.issuer),
            ]
        });
        let rows: Vec<Vec<String>> = certificates.chain(lists).collect();
        table(&["KIND", "UNTIL", "FINGERPRINT", "SUBJECT", "ISSUER"], &rows)
    }
}

impl From<KindChoice> for CertificateKind {
    fn from(choice: KindChoice) -> Self {
        match choice {
            KindChoice::Authority => Self::Authority,
            KindChoice::Cross => Self::Cross,
            KindChoice::EndEntity => Self::EndEntity,
            KindChoice::Own => Self::Own,
        }
    }
}
