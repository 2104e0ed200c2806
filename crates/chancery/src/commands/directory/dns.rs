//! `chancery directory dns`: the certificates that strangers may find, in the DNS.

use std::collections::BTreeMap;
use std::path::Path;

use chancery_crypto::{Zeroizing, hex};
use chancery_directory::catalogue;
use chancery_lookup::keys::{Association, owner_name};
use chancery_mail::Address;
use chancery_net::dns::secure::SecureResolver;
use chancery_net::dns::update::{self, Key, RecordSet};
use serde::Serialize;

use super::our_domain;
use crate::cli::dns::{DirectoryDns, Update, Zone};
use crate::commands::block_on;
use crate::convert;
use crate::failure::{Failure, Result};
use crate::finding;
use crate::installation::{Installation, now_ms};
use crate::output::{Output, counted, note, plain};

/// The records of one person.
#[derive(Serialize)]
struct Person {
    address: String,
    name: String,
    ttl: u32,
    /// The certificates in DER.
    #[serde(serialize_with = "digits")]
    certificates: Vec<Vec<u8>>,
    /// What a validating resolver says afterwards: `there`, `unsigned`, `different` or why it says nothing.
    check: Option<String>,
}

/// Runs the command.
pub(super) fn run(installation: &Installation, command: &DirectoryDns, output: Output) -> Result {
    match command {
        DirectoryDns::Zone(options) => {
            let mut people = people(installation, options)?;
            people.retain(|person| !person.certificates.is_empty());
            output
                .show(&people, || people.iter().flat_map(lines).collect::<Vec<_>>().join("\n"))?;
            if people.is_empty() {
                note(
                    "Nobody of that domain is published: `chancery directory publish ADDRESS` changes that.",
                );
            }
            Ok(())
        }
        DirectoryDns::Update(options) => change(installation, options, output),
    }
}

/// Returns everybody of a domain who is published or might have been.
fn people(installation: &Installation, options: &Zone) -> Result<Vec<Person>> {
    let settings = &installation.settings;
    let domain = our_domain(settings, options.domain.as_ref().unwrap_or(&settings.organisation))?;
    let store = installation.store()?;
    let mut found: BTreeMap<String, (String, Vec<Vec<u8>>)> = BTreeMap::new();
    let mut add = |address: &str, certificate: Option<&[u8]>| {
        let Ok(address) = Address::parse(address) else { return };
        if address.ascii_domain() != domain {
            return;
        }
        let entry = found.entry(owner_name(&address));
        let (_, certificates) = entry.or_insert_with(|| (address.to_string(), Vec::new()));
        if let Some(certificate) = certificate.map(<[u8]>::to_vec)
            && !certificates.contains(&certificate)
        {
            certificates.push(certificate);
        }
    };
    for row in store.publications()? {
        add(&row.who, None);
    }
    for item in catalogue::items(&store, &settings.domains, None, now_ms() / 1000)? {
        let is_for_it = item.is_published && item.kinds.encryption;
        add(&item.address, is_for_it.then(|| item.certificate.der()));
    }
    let person = |(name, (address, certificates))| Person {
        address,
        name,
        ttl: options.ttl,
        certificates,
        check: None,
    };
    Ok(found.into_iter().map(person).collect())
}

fn lines(person: &Person) -> Vec<String> {
    let mut lines = vec![format!("; {}", plain(&person.address))];
    lines.extend(
        person
            .certificates
            .iter()
            .map(|it| format!("{}. {} IN SMIMEA 3 0 0 {}", person.name, person.ttl, hex(it))),
    );
    lines
}

fn change(installation: &Installation, options: &Update, output: Output) -> Result {
    let mut people = people(installation, &options.zone)?;
    let settings = &installation.settings;
    let zone = match &options.in_zone {
        Some(zone) => zone.clone(),
        None => options.zone.domain.clone().unwrap_or_else(|| settings.organisation.clone()),
    };
    let key = read_key(&options.key)?;
    let (host, port) = match options.server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            let port = port.parse().map_err(|_| Failure::usage(format!("{port} is no port")))?;
            (host.trim_matches(['[', ']']), port)
        }
        _ => (options.server.as_str(), 53),
    };
    let sets: Vec<RecordSet> = people.iter().map(record_set).collect();
    // The administrator named the server, so it may be in a private network.
    let dialer = convert::dialer(&settings.dns.servers, true)?;
    block_on(async {
        update::replace(&dialer, (host, port), &zone, &sets, &key)
            .await
            .map_err(|error| Failure::of("", &error))?;
        if !options.no_check {
            let resolver = finding::secure_resolver(&settings.dns)?;
            for (person, set) in people.iter_mut().zip(&sets) {
                person.check = Some(check(&resolver, set).await);
            }
        }
        Ok(())
    })?;
    let wrong = people.iter().filter(|it| it.check.as_deref().is_some_and(|it| it != "there"));
    let wrong = wrong.count();
    output.show(&people, || text(&people))?;
    if wrong > 0 {
        return Err(Failure::no(format!("the DNS does not show {} as it should", counted(wrong, "name")))
            .hint("wait until old answers are forgotten, and look with `delv SMIMEA NAME`; an unsigned zone binds nobody"));
    }
    Ok(())
}

fn record_set(person: &Person) -> RecordSet {
    let association = |certificate: &Vec<u8>| Association {
        usage: 3,
        selector: 0,
        matching: 0,
        data: certificate.clone(),
    };
    let records = person.certificates.iter().map(association).collect();
    RecordSet { name: person.name.clone(), ttl: person.ttl, records }
}

/// Writes certificates as hexadecimal digits.
fn digits<S: serde::Serializer>(
    certificates: &[Vec<u8>],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(certificates.iter().map(|it| hex(it)))
}

/// Asks as strangers do, who check the signatures.
async fn check(resolver: &SecureResolver, set: &RecordSet) -> String {
    let answer = match resolver.associations(&set.name).await {
        Ok(answer) => answer,
        Err(error) => return error.to_string(),
    };
    let is_same = answer.records.len() == set.records.len()
        && set.records.iter().all(|record| answer.records.contains(record));
    match (is_same, answer.is_secure) {
        (true, true) => "there",
        (true, false) => "unsigned",
        (false, _) => "different",
    }
    .to_owned()
}

fn text(people: &[Person]) -> String {
    let line = |person: &Person| {
        let what = match person.certificates.len() {
            0 => "nothing".to_owned(),
            count => counted(count, "certificate"),
        };
        let check = person.check.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
        format!("{}: {what}{check}", plain(&person.address))
    };
    people.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads `ALGORITHM:NAME:SECRET`.
fn read_key(file: &Path) -> Result<Key> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
        Failure::usage(format!("cannot read the key in {}: {error}", file.display()))
    })?;
    let wrong = || {
        Failure::usage(format!("{} is no key in one line", file.display()))
            .hint("write hmac-sha256:NAME:SECRET, as `keymgr -t` and `tsig-keygen` show them")
    };
    let mut parts = text.trim().splitn(3, ':');
    let (Some(algorithm), Some(name), Some(secret)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let secret = base64_simd::STANDARD.decode_to_vec(secret).map_err(|_| wrong())?;
    Key::new(name, algorithm, secret).map_err(|error| Failure::of("", &error))
}
