//! `chancery partner`: cards out, cards in, and whom to believe.

mod trust;

use std::path::Path;

use chancery_smime::card::Card;
use chancery_store::Store;
use chancery_store::partner::PartnerRow;
use serde::Serialize;

use super::{block_on, card};
use crate::cli::Partner;
use crate::failure::{Failure, Result};
use crate::input::{self, SMALL};
use crate::installation::{Installation, act, now_ms};
use crate::output::{Output, ask, day, note, plain, table};

/// A partner as people and programs see it.
#[derive(Debug, Serialize)]
struct Shown {
    organisation: String,
    domains: Vec<String>,
    fingerprint: String,
    valid_until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    added_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added_by: Option<String>,
    encryption: Vec<CertificateShown>,
    signing: Vec<CertificateShown>,
    content_ciphers: Vec<String>,
    key_transport: Vec<String>,
    hosts: Vec<String>,
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct CertificateShown {
    subject: String,
    kind: String,
    valid_until: String,
    fingerprint_sha256: String,
}

/// Runs the command.
pub(super) fn run(installation: &Installation, command: Partner, output: Output) -> Result {
    match command {
        Partner::Card { out } => write_card(installation, out.as_deref(), output),
        Partner::Add { file, yes, fingerprint } => {
            add(installation, &file, yes, fingerprint.as_deref(), output)
        }
        Partner::List => list(installation, output),
        Partner::Show { domain } => show(installation, &domain, output),
        Partner::Remove { domain, yes } => remove(installation, &domain, yes, output),
        Partner::Trust(options) => trust::run(installation, &options, output),
    }
}

#[derive(Serialize)]
struct Written<'a> {
    organisation: &'a str,
    file: Option<String>,
    fingerprint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<&'a str>,
}

fn write_card(installation: &Installation, out: Option<&Path>, output: Output) -> Result {
    let store = installation.store()?;
    let identity = installation.identity(&store)?;
    let (text, fingerprint) = card::make(installation, &identity)?;
    let file = out.filter(|file| *file != Path::new("-"));
    if let Some(file) = file {
        std::fs::write(file, &text).map_err(|error| {
            Failure::failed(format!("cannot write {}: {error}", file.display()))
        })?;
    }
    let organisation = &installation.settings.organisation;
    note(&format!(
        "Fingerprint of {organisation}: {fingerprint}\nGive the card to your partner in any way, and read them the \
         fingerprint over the telephone."
    ));
    let written = Written {
        organisation,
        file: file.map(|file| file.display().to_string()),
        fingerprint: &fingerprint,
        card: file.is_none().then_some(text.as_str()),
    };
    output.show(&written, || match file {
        None => text.clone(),
        Some(file) => format!("wrote {}", file.display()),
    })
}

fn add(
    installation: &Installation,
    file: &Path,
    yes: bool,
    fingerprint: Option<&str>,
    output: Output,
) -> Result {
    let bytes = input::read(file, SMALL)?;
    let (card, checks) = Card::read(&bytes, now_ms() / 1000)
        .map_err(|error| Failure::of(&format!("cannot take {}", file.display()), &error))?;
    for warning in &checks.warnings {
        note(&format!("warning: {}", plain(warning)));
    }
    for domain in card.domains() {
        if installation.settings.is_ours(domain) {
            return Err(Failure::no(format!(
                "the card claims {domain}, which is a domain of this organisation"
            ))
            .hint("do not add your own card; if somebody sent you this one, it is forged"));
        }
    }
    let shown = shown(&card, None);
    note(&describe(&shown));
    let store = installation.store()?;
    let is_renewed = renews(&store, &card)?;
    if !is_renewed || fingerprint.is_some() {
        confirm(&card, yes || is_renewed, fingerprint)?;
    }
    block_on(card::add(&store, &card, &bytes))?;
    output.show(&shown, || {
        let domains = card.domains().join(", ");
        if is_renewed {
            format!("renewed: {domains}; it is the authority that you know, so there is nothing to compare")
        } else {
            format!("added: mail to {domains} is protected from now on")
        }
    })
}

/// Returns true if the card is a newer one of a partner in the book, and for no other domains: who has compared the
/// fingerprint once has compared it for this card too.
fn renews(store: &Store, card: &Card) -> Result<bool> {
    let fingerprint = card.fingerprint();
    let partners = store.partners()?;
    let Some(known) = partners.iter().find(|it| it.fingerprint == fingerprint) else {
        return Ok(false);
    };
    let before = Card::read_stored(&known.card).ok();
    if let Some(before) = before.filter(|before| before.issued() > card.issued()) {
        let (old, new) = (day(card.issued()), day(before.issued()));
        return Err(Failure::no(format!("the card is of {old}, and the one in the book of {new}"))
            .hint("ask the partner for its newest card; to go back to this one, remove the partner first"));
    }
    Ok(card.domains().iter().all(|domain| known.domains.contains(domain)))
}

/// Compares the fingerprint, or asks whether somebody did.
fn confirm(card: &Card, yes: bool, fingerprint: Option<&str>) -> Result {
    let actual = card.fingerprint();
    if let Some(expected) = fingerprint {
        if !card.has_fingerprint(expected) {
            return Err(Failure::no(format!("the fingerprint is {actual} and not {}", plain(expected)))
                .hint("do not use this card: ask the partner for the right one, by another way than before"));
        }
        if yes {
            return Ok(());
        }
    }
    match ask("Did the partner read you this fingerprint?") {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::no("nothing was added")),
        None => Err(Failure::usage("there is nobody to ask").hint(
            "give the fingerprint that the partner read to you: --yes --fingerprint XXXX-XXXX-XXXX-XXXX-XXXX-XXXX",
        )),
    }
}

fn list(installation: &Installation, output: Output) -> Result {
    let partners: Vec<Shown> = installation.store()?.partners()?.iter().map(of_row).collect();
    output.show(&partners, || {
        if partners.is_empty() {
            return "no partners yet; `chancery partner add FILE` takes a card".to_owned();
        }
        let rows: Vec<Vec<String>> = partners
            .iter()
            .map(|it| {
                let state = it.problem.clone().unwrap_or_else(|| "good".to_owned());
                vec![
                    plain(&it.organisation),
                    it.domains.join(" "),
                    it.valid_until.clone(),
                    it.fingerprint.clone(),
                    state,
                ]
            })
            .collect();
        table(&["ORGANISATION", "DOMAINS", "UNTIL", "FINGERPRINT", "STATE"], &rows)
    })
}

fn show(installation: &Installation, domain: &str, output: Output) -> Result {
    let row = find(installation, domain)?;
    let shown = of_row(&row);
    output.show(&shown, || describe(&shown))
}

fn remove(installation: &Installation, domain: &str, yes: bool, output: Output) -> Result {
    let row = find(installation, domain)?;
    let question = format!(
        "Forget {} ({})? Mail that must be protected is then held.",
        row.name,
        row.domains.join(", ")
    );
    if !yes
        && !ask(&question)
            .ok_or_else(|| Failure::usage("there is nobody to ask").hint("add --yes"))?
    {
        return Err(Failure::no("nothing was removed"));
    }
    let store = installation.store()?;
    block_on(async {
        Ok(store.remove_partner(&row.fingerprint, act("chancery partner remove")).await?)
    })?;
    output.show(&of_row(&row), || format!("removed {}", plain(&row.name)))
}

fn find(installation: &Installation, domain: &str) -> Result<PartnerRow> {
    let row = installation.store()?.partner_by_domain(&domain.to_ascii_lowercase())?;
    row.ok_or_else(|| {
        Failure::no(format!("no partner has the domain {}", plain(domain)))
            .hint("see `chancery partner list`")
    })
}

fn of_row(row: &PartnerRow) -> Shown {
    let added = (day(row.added_at_ms / 1000), row.added_by.clone());
    match Card::read_stored(&row.card) {
        Ok(card) => shown(&card, Some(added)),
        Err(error) => Shown {
            organisation: row.name.clone(),
            domains: row.domains.clone(),
            fingerprint: row.fingerprint.clone(),
            valid_until: day(row.expires_at_ms / 1000),
            added_at: Some(added.0),
            added_by: Some(added.1),
            encryption: Vec::new(),
            signing: Vec::new(),
            content_ciphers: Vec::new(),
            key_transport: Vec::new(),
            hosts: Vec::new(),
            problem: Some(error.to_string()),
        },
    }
}

fn shown(card: &Card, added: Option<(String, String)>) -> Shown {
    let certificates = |list: &[chancery_pki::Certificate]| {
        list.iter()
            .map(|it| CertificateShown {
                subject: it.subject(),
                kind: it.key_kind(),
                valid_until: day(it.not_after()),
                fingerprint_sha256: it.fingerprint_sha256(),
            })
            .collect()
    };
    let expired = now_ms() / 1000 > card.expires();
    let (added_at, added_by) = added.unzip();
    Shown {
        organisation: card.organisation().to_owned(),
        domains: card.domains().to_vec(),
        fingerprint: card.fingerprint(),
        valid_until: day(card.expires()),
        added_at,
        added_by,
        encryption: certificates(card.encryption()),
        signing: certificates(card.signing()),
        content_ciphers: card.capabilities().content.clone(),
        key_transport: card.capabilities().key_transport.clone(),
        hosts: card.hosts().to_vec(),
        problem: expired.then(|| "expired".to_owned()),
    }
}

fn describe(shown: &Shown) -> String {
    let mut text = format!(
        "organisation  {}\ndomains       {}\nfingerprint   {}\nvalid until   {}\n",
        plain(&shown.organisation),
        shown.domains.join(", "),
        shown.fingerprint,
        shown.valid_until
    );
    for (name, list) in [("encryption", &shown.encryption), ("signing", &shown.signing)] {
        for it in list {
            text += &format!(
                "{name:<13} {} until {}  {}\n",
                it.kind,
                it.valid_until,
                plain(&it.subject)
            );
        }
    }
    text += &format!(
        "reads         {}; {}\n",
        shown.content_ciphers.join(", "),
        shown.key_transport.join(", ")
    );
    if !shown.hosts.is_empty() {
        text += &format!("hosts         {}\n", plain(&shown.hosts.join(", ")));
    }
    if let (Some(at), Some(by)) = (&shown.added_at, &shown.added_by) {
        text += &format!("added         {at} by {}\n", plain(by));
    }
    if let Some(problem) = &shown.problem {
        text += &format!("problem       {}\n", plain(problem));
    }
    text
}
