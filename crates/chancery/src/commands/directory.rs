//! `chancery directory`: what strangers find of this organisation's people.

mod asked;
mod dns;
mod status;
mod test;

use std::collections::BTreeSet;
use std::path::Path;

use chancery_directory::{catalogue, judge, key_of};
use chancery_mail::Address;
use chancery_pki::Certificate;
use chancery_policy::document::domain;
use chancery_store::Store;
use chancery_store::published::Kinds;
use serde::Serialize;

use crate::cli::directory::{Directory, KindChoice, Publish, Unpublish};
use crate::commands::block_on;
use crate::convert;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act, now_ms};
use crate::output::{Output, counted, note};
use crate::settings::Settings;

#[derive(Serialize)]
struct Changed {
    changed: usize,
}

/// Runs the command.
pub(super) fn run(installation: &Installation, command: Directory, output: Output) -> Result {
    match command {
        Directory::Publish(options) => publish(installation, &options, output),
        Directory::Unpublish(options) => unpublish(installation, &options, output),
        Directory::Status(options) => status::run(installation, &options, output),
        Directory::Test(options) => test::run(installation, &options, output),
        Directory::Dns(command) => dns::run(installation, &command, output),
        Directory::Asked(options) => asked::run(installation, &options, output),
    }
}

fn publish(installation: &Installation, options: &Publish, output: Output) -> Result {
    let store = installation.store()?;
    let mut who = options.who.clone();
    if let Some(file) = &options.list {
        who.extend(lines(file)?);
    }
    let mut certificates = Vec::new();
    for file in &options.cert {
        certificates.extend(convert::certificates(file, "--cert")?);
    }
    if who.is_empty() {
        who = ours(installation, &certificates);
    }
    if who.is_empty() {
        return Err(Failure::usage("nobody is named")
            .hint("name addresses of your domains, or @DOMAIN for everybody there"));
    }
    let who = who.iter().map(|it| somebody(installation, it)).collect::<Result<Vec<_>>>()?;
    let kinds = match options.kind {
        KindChoice::Encryption => Kinds { encryption: true, signing: false },
        KindChoice::Signing => Kinds { encryption: false, signing: true },
        KindChoice::All => Kinds { encryption: true, signing: true },
    };
    let changed = block_on(async {
        if !certificates.is_empty() {
            let act = act("chancery directory publish");
            store.import(certificates, Vec::new(), "directory publish".to_owned(), act).await?;
        }
        let (label, act) = (options.label.clone(), act("chancery directory publish"));
        Ok(store.publish(who.clone(), kinds, label, act).await?)
    })?;
    output.show(&Changed { changed }, || {
        format!("published: {}", counted(changed, "new decision"))
    })?;
    for address in without_certificate(installation, &store, &who)? {
        note(&format!(
            "There is no certificate for {address} that could be found: import one with `chancery cert import`."
        ));
    }
    if !installation.settings.directory.is_on() {
        note("Nobody can ask yet: the configuration has no `[directory] outside-listen`.");
    }
    Ok(())
}

fn unpublish(installation: &Installation, options: &Unpublish, output: Output) -> Result {
    let store = installation.store()?;
    let who = options.who.iter().map(|it| somebody(installation, it));
    let (domains, people): (Vec<String>, Vec<String>) =
        who.collect::<Result<Vec<_>>>()?.into_iter().partition(|it| it.starts_with('@'));
    let changed = block_on(async {
        let act = || act("chancery directory unpublish");
        let forgotten = store.forget_publications(domains, options.label.clone(), act()).await?;
        // Somebody whose domain is published must be taken out by name.
        let closed = store.publish(people, Kinds::NONE, String::new(), act()).await?;
        Ok(forgotten + closed)
    })?;
    output.show(&Changed { changed }, || {
        format!("unpublished: {}", counted(changed, "changed decision"))
    })
}

/// Reads an address of ours, or `@` and a domain of ours.
fn somebody(installation: &Installation, text: &str) -> Result<String> {
    if let Some(domain) = text.strip_prefix('@') {
        return Ok(format!("@{}", our_domain(&installation.settings, domain)?));
    }
    let address = address(text)?;
    our_domain(&installation.settings, address.domain())?;
    Ok(key_of(&address))
}

/// Reads a domain of ours.
fn our_domain(settings: &Settings, text: &str) -> Result<String> {
    let domain = domain(text).filter(|domain| settings.is_ours(domain));
    domain.ok_or_else(|| {
        Failure::usage(format!("{text} is not a domain of this organisation"))
            .hint("a directory speaks for its own people only; the domains are in `domains` of the configuration")
    })
}

/// Reads an address.
fn address(text: &str) -> Result<Address> {
    Address::parse(text).map_err(|error| {
        Failure::usage(format!("{text:?} is no mail address: {error}"))
            .hint("write it as ann@acme.example")
    })
}

/// Returns the addresses of ours in certificates.
fn ours(installation: &Installation, certificates: &[Certificate]) -> Vec<String> {
    let of_people = certificates.iter().filter(|it| !judge::kinds(it).is_none());
    let addresses = of_people.flat_map(|it| it.emails().iter().cloned());
    addresses.filter(|it| somebody(installation, it).is_ok()).collect()
}

/// Returns the addresses among these for which strangers find nothing.
fn without_certificate<'w>(
    installation: &Installation,
    store: &Store,
    who: &'w [String],
) -> Result<Vec<&'w String>> {
    let people: Vec<&String> = who.iter().filter(|it| !it.starts_with('@')).collect();
    // Everything is read for each question, but judged only if it is asked for.
    let only = match people[..] {
        [] => return Ok(people),
        [one] => Some(one.as_str()),
        _ => None,
    };
    let domains = &installation.settings.domains;
    let items = catalogue::items(store, domains, only, now_ms() / 1000)?;
    let found = items.iter().filter(|item| item.is_published);
    let found: BTreeSet<String> =
        found.filter_map(|item| Some(key_of(&Address::parse(&item.address).ok()?))).collect();
    Ok(people.into_iter().filter(|it| !found.contains(*it)).collect())
}

fn lines(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}
