//! `chancery directory`: what strangers find of this organisation's people.

mod asked;
mod dns;
mod status;
mod test;

use std::path::Path;

use chancery_directory::{judge, key_of};
use chancery_mail::Address;
use chancery_pki::Certificate;
use chancery_store::Store;
use chancery_store::published::Kinds;
use serde::Serialize;

use crate::cli::directory::{Directory, KindChoice, Publish, Unpublish};
use crate::commands::block_on;
use crate::convert;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act};
use crate::output::{Output, counted, note};

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
    for address in who.iter().filter(|it| !it.starts_with('@')) {
        if !has_certificate(installation, &store, address)? {
            note(&format!(
                "There is no certificate for {address} that could be found: import one with `chancery cert import`."
            ));
        }
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
    let foreign = |domain: &str| {
        Failure::usage(format!("{domain} is not a domain of this organisation"))
            .hint("a directory speaks for its own people only; the domains are in `domains` of the configuration")
    };
    if let Some(domain) = text.strip_prefix('@') {
        let normal = chancery_policy::document::domain(domain).ok_or_else(|| foreign(domain))?;
        return if installation.settings.is_ours(&normal) {
            Ok(format!("@{normal}"))
        } else {
            Err(foreign(domain))
        };
    }
    let address = address(text)?;
    if installation.settings.is_ours(&address.ascii_domain()) {
        Ok(key_of(&address))
    } else {
        Err(foreign(address.domain()))
    }
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

fn has_certificate(installation: &Installation, store: &Store, address: &str) -> Result<bool> {
    let at = crate::installation::now_ms() / 1000;
    let domains = &installation.settings.domains;
    let items = chancery_directory::catalogue::items(store, domains, Some(address), at)?;
    Ok(items.iter().any(|item| item.is_published))
}

fn lines(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}
