//! The keys of others: what the key book has, which key is used, and what an administrator says about it.

use std::path::Path;

use chancery_gateway::imported::Imported;
use chancery_gateway::mailbox::{Judged, Mailbox};
use chancery_gateway::partners::PartnerBook;
use chancery_mail::Address;
use chancery_pki::describe::Object;
use chancery_pki::path::Known;
use chancery_store::Store;
use chancery_store::keybook::{BookKey, KeyDecision, KeyFilter, Origin, Review};
use serde::Serialize;

use super::{block_on, typed};
use crate::convert;
use crate::failure::{Failure, Result};
use crate::input::{self, SMALL};
use crate::installation::{Installation, act, now_ms};
use crate::output::{Output, counted, day, note, plain, short, table};

/// What is listed.
#[derive(Serialize)]
struct Listed {
    keys: Vec<BookKey>,
    /// Addresses about whose keys a person must decide.
    reviews: Vec<Review>,
}

/// Lists keys: of an address, of a domain, or all.
pub(super) fn list(store: &Store, of: Option<&str>, output: Output) -> Result {
    let of = of.map(|of| if of.contains('@') { of.to_owned() } else { format!("@{of}") });
    let is_meant = |review: &Review| match of.as_deref() {
        None => true,
        Some(of) if of.starts_with('@') => review.address.ends_with(&of.to_lowercase()),
        Some(of) => review.address == of.to_lowercase(),
    };
    let reviews = store.key_reviews()?.into_iter().filter(is_meant).collect();
    let listed = Listed {
        keys: store.book_keys(&KeyFilter { of: of.clone(), fingerprint: None })?,
        reviews,
    };
    output.show(&listed, || listed.text())
}

/// What is shown of an address.
#[derive(Serialize)]
struct Shown<'a> {
    address: &'a str,
    keys: &'a [Judged],
    /// The place of the key in the list that mail is encrypted to.
    chosen: Option<usize>,
    /// Why this one, or why none.
    why: &'a str,
    /// What a person must decide.
    review: Option<&'a str>,
}

/// Shows the keys of an address as the gateway would choose among them now.
pub(super) fn show(
    installation: &Installation,
    store: &Store,
    address: &str,
    output: Output,
) -> Result {
    let address = parse(address)?;
    let identity = installation.identity(store)?;
    let book = PartnerBook::read(store, &identity, &convert::settings(&installation.settings)?)?;
    let imported = Imported::read(store)?;
    let (pool, evidence) = (imported.pool().clone(), imported.evidence().clone());
    let book = book.knowing(&Known { pool, evidence, ..Known::default() });
    let mailbox = Mailbox::read(store, &book, &address, now_ms() / 1000)?;
    let shown = Shown {
        address: &mailbox.address,
        keys: &mailbox.keys,
        chosen: mailbox.choice.chosen,
        why: &mailbox.choice.why,
        review: mailbox.choice.review.as_deref(),
    };
    output.show(&shown, || shown.text())
}

/// What was imported.
#[derive(Serialize)]
struct Brought {
    keys: Vec<BookKey>,
}

/// Imports certificates for the addresses in them.
pub(super) fn import(
    store: &Store,
    file: &Path,
    addresses: &[String],
    trust: bool,
    output: Output,
) -> Result {
    let (name, bytes) = (input::name(file), input::read(file, SMALL)?);
    let cannot = |error: chancery_pki::Error| Failure::of(&format!("cannot use {name}"), &error);
    let mut certificates = Vec::new();
    for object in Object::read_all(&bytes).map_err(cannot)? {
        match object {
            Object::Bundle(bundle) => certificates.extend(bundle.certificates),
            Object::Certificate(certificate) => certificates.push(certificate),
            Object::List(_) | Object::Response(_) => {}
        }
    }
    let wanted =
        addresses.iter().map(|it| Ok(parse(it)?.folded())).collect::<Result<Vec<String>>>()?;
    let mut keys = Vec::new();
    for certificate in certificates.iter().filter(|it| !it.is_ca()) {
        for address in certificate.emails() {
            let is_wanted = |it: &String| it.eq_ignore_ascii_case(address);
            if !wanted.is_empty() && !wanted.iter().any(is_wanted) {
                continue;
            }
            let origin = Origin::Imported;
            let mut key =
                BookKey::seen(address, certificate.clone(), origin, name.clone(), now_ms());
            key.decision = trust.then_some(KeyDecision::Trusted);
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return Err(Failure::no(format!("no certificate in {name} is for such a mail address"))
            .hint("see whose they are: chancery cert show FILE"));
    }
    block_on(async { Ok(store.import_keys(keys.clone(), act("chancery key import")).await?) })?;
    let brought = Brought { keys };
    output.show(&brought, || rows(&brought.keys))?;
    if !trust {
        note(
            "A key is used if somebody whom we believe about the address vouches for it; see\n  chancery key show ADDRESS",
        );
    }
    Ok(())
}

/// Writes what an administrator says about a key; with nothing said, takes back what was.
pub(super) fn decide(
    store: &Store,
    address: &str,
    fingerprint: &str,
    decision: Option<KeyDecision>,
    output: Output,
) -> Result {
    let (address, typed) = (parse(address)?.folded(), typed(fingerprint)?);
    let filter = KeyFilter { of: Some(address.clone()), fingerprint: Some(typed) };
    let mut found = store.book_keys(&filter)?;
    let mut key = match (found.pop(), found.is_empty()) {
        (Some(key), true) => key,
        (None, _) => {
            let words = format!("the key book has no such key of {}", plain(&address));
            return Err(Failure::no(words).hint(format!("see `chancery key list {address}`")));
        }
        (Some(_), false) => {
            return Err(Failure::usage("several keys of the address have a fingerprint like this")
                .hint("give more of it"));
        }
    };
    let fingerprint = key.certificate.fingerprint_sha256();
    let act = act("chancery key");
    let is_done =
        block_on(async { Ok(store.decide_key(&address, fingerprint, decision, act).await?) })?;
    if !is_done {
        return Err(Failure::failed("the keys were changed meanwhile").hint("try again"));
    }
    key.decision = decision;
    output.show(&key, || rows(std::slice::from_ref(&key)))
}

fn parse(address: &str) -> Result<Address> {
    Address::parse(address)
        .map_err(|_bad| Failure::usage(format!("{} is no mail address", plain(address))))
}

impl Listed {
    fn text(&self) -> String {
        let mut text = match self.keys.len() {
            0 => "no keys".to_owned(),
            _ => rows(&self.keys),
        };
        for review in &self.reviews {
            text.push_str(&format!(
                "\n{} needs a decision since {}: {}\n  chancery key show {}",
                plain(&review.address),
                day(review.since_ms / 1000),
                review.why,
                plain(&review.address)
            ));
        }
        text
    }
}

impl Shown<'_> {
    fn text(&self) -> String {
        if self.keys.is_empty() {
            let address = plain(self.address);
            return format!("no keys of {address}; look for some: chancery key find {address}");
        }
        let mut text = format!("{} of {}", counted(self.keys.len(), "key"), plain(self.address));
        for (at, judged) in self.keys.iter().enumerate() {
            let mark = if self.chosen == Some(at) { "→" } else { " " };
            let standing = if judged.usable { "usable" } else { "not usable" };
            let certificate = &judged.key.certificate;
            text.push_str(&format!(
                "\n{mark} {}\n    {}\n    {standing}: {}\n    from {} ({}), {}; ends {}",
                certificate.fingerprint_sha256(),
                plain(&certificate.subject()),
                plain(&judged.why),
                judged.key.origin.word(),
                plain(&judged.key.source),
                day(judged.key.found_at_ms / 1000),
                day(certificate.not_after())
            ));
            let mut told = Vec::new();
            told.extend(judged.key.decision.map(|it| it.word().to_owned()));
            for (what, at_ms) in
                [("used", judged.key.used_at_ms), ("confirmed", judged.key.confirmed_at_ms)]
            {
                if at_ms > 0 {
                    told.push(format!("{what} {}", day(at_ms / 1000)));
                }
            }
            if !told.is_empty() {
                text.push_str(&format!("\n    {}", told.join(", ")));
            }
            if judged.key.failed_at_ms > 0 {
                let (at, why) = (day(judged.key.failed_at_ms / 1000), plain(&judged.key.failure));
                text.push_str(&format!("\n    mail to it could not be delivered {at}: {why}"));
            }
        }
        let what = if self.chosen.is_some() { "the marked key is used" } else { "none is used" };
        text.push_str(&format!("\n{what}: {}", self.why));
        if self.chosen.is_none() && self.review.is_none() {
            let domain = self.address.rsplit_once('@').map_or("", |(_, domain)| domain);
            text.push_str(&format!(
                "\nto use one whose fingerprint you have compared: chancery key trust {} FINGERPRINT\n\
                 to believe its authority: chancery partner trust {} --anchor FILE",
                plain(self.address),
                plain(domain)
            ));
        }
        if let Some(review) = self.review {
            text.push_str(&format!(
                "\ndecide: {review}\n  chancery key trust {} FINGERPRINT",
                plain(self.address)
            ));
        }
        text
    }
}

fn rows(keys: &[BookKey]) -> String {
    let row = |key: &BookKey| {
        let at = |at_ms: i64| if at_ms > 0 { day(at_ms / 1000) } else { "-".to_owned() };
        vec![
            plain(&key.address),
            short(&key.certificate.fingerprint_sha256()).to_owned(),
            key.origin.word().to_owned(),
            key.decision.map_or("-", KeyDecision::word).to_owned(),
            day(key.certificate.not_after()),
            at(key.used_at_ms),
            plain(&key.source),
        ]
    };
    let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
    table(&["ADDRESS", "FINGERPRINT", "ORIGIN", "DECISION", "UNTIL", "USED", "SOURCE"], &rows)
}
