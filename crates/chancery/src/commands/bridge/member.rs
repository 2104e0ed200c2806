//! The commands of who joins a bridge.

use chancery_authority::member::{self, Terms, Wish};
use chancery_pki::Certificate;
use chancery_smime::card::is_fingerprint;
use serde::Serialize;

use super::{mappings, write};
use crate::cli::bridge::{CrossSign, Join, Leave};
use crate::commands::{block_on, card};
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act};
use crate::output::{Output, ask as ask_person, day, note, plain};

#[derive(Serialize)]
struct Asked<'a> {
    bridge: String,
    bridge_fingerprint: &'a str,
    our_fingerprint: &'a str,
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
}

/// Asks a bridge.
pub(super) fn ask(
    installation: &Installation,
    bridge: &Certificate,
    options: &Join,
    output: Output,
) -> Result {
    let actual = confirm(bridge, options.fingerprint.as_deref())?;
    let store = installation.store()?;
    let master = installation.working_master_key(&store)?;
    let identity = installation.identity(&store)?;
    let (text, fingerprint) = card::make(installation, &identity)?;
    let domains = if options.domain.is_empty() {
        installation.settings.domains.clone()
    } else {
        options.domain.clone()
    };
    let wish = Wish {
        level: options.level.clone(),
        domains,
        policies: options.policy.clone(),
        publication: options.publication.clone(),
        card: text,
    };
    let request = block_on(async {
        Ok(member::ask(&store, &master, bridge, wish, act("chancery bridge join")).await?)
    })?;
    let file = write(options.out.as_deref(), &request)?;
    note(&format!(
        "Give the request to the bridge, and read it your fingerprint: {fingerprint}\nIt tells you which record to publish in \
         your DNS."
    ));
    let asked = Asked {
        bridge: bridge.subject(),
        bridge_fingerprint: &actual,
        our_fingerprint: &fingerprint,
        request: file.is_none().then_some(request.as_str()),
        file,
    };
    output.show(&asked, || asked.request.map_or_else(String::new, str::to_owned))
}

/// Whoever can exchange a bridge's certificate on its way can be everybody; so people compare its fingerprint, which is
/// returned.
pub(super) fn confirm(bridge: &Certificate, expected: Option<&str>) -> Result<String> {
    let actual = chancery_authority::fingerprint(bridge);
    note(&format!("bridge       {}\nfingerprint  {actual}", plain(&bridge.subject())));
    match expected {
        Some(expected) if is_fingerprint(expected, &actual) => Ok(actual),
        Some(expected) => Err(Failure::no(format!("the fingerprint is {actual} and not {}", plain(expected)))
            .hint("do not use this certificate: get the right one from the bridge, by another way than before")),
        None => match ask_person("Did the bridge read you this fingerprint?") {
            Some(true) => Ok(actual),
            Some(false) => Err(Failure::no("nothing was asked")),
            None => Err(Failure::usage("there is nobody to ask")
                .hint("give the fingerprint that the bridge read to you: --fingerprint XXXX-XXXX-XXXX-XXXX-XXXX-XXXX")),
        },
    }
}

#[derive(Serialize)]
struct Accepted<'a> {
    bridge: &'a str,
    url: &'a str,
    level: &'a str,
    ends: String,
    excluded: &'a [String],
    permitted: &'a [String],
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a str>,
}

/// Takes the answer of a bridge.
pub(super) fn accept(
    installation: &Installation,
    answer: &[u8],
    options: &CrossSign,
    output: Output,
) -> Result {
    let terms = terms(installation, options)?;
    let store = installation.store()?;
    let master = installation.working_master_key(&store)?;
    let joined = block_on(async {
        Ok(member::accept(&store, &master, answer, &terms, act("chancery bridge cross-sign"))
            .await?)
    })?;
    let pem = joined.certificate.to_pem();
    let file = write(options.out.as_deref(), &pem)?;
    note(
        "Give our certificate back to the bridge, which takes it with `chancery bridge cross-sign FILE`.",
    );
    let bridge = &joined.bridge;
    let shown = Accepted {
        bridge: &bridge.name,
        url: &bridge.url,
        level: &bridge.level,
        ends: day(bridge.ends_ms.unwrap_or(0) / 1000),
        excluded: &terms.excluded,
        permitted: &terms.permitted,
        certificate: file.is_none().then_some(pem.as_str()),
        file,
    };
    output.show(&shown, || {
        let joined = format!(
            "joined {} at level {} until {}\n",
            plain(shown.bridge),
            plain(shown.level),
            shown.ends
        );
        shown.certificate.map_or(joined, str::to_owned)
    })
}

/// Our own domains are always excluded: nobody but us speaks for them.
fn terms(installation: &Installation, options: &CrossSign) -> Result<Terms> {
    let mut excluded = installation.settings.domains.clone();
    excluded.extend(options.exclude.iter().cloned());
    excluded.sort();
    excluded.dedup();
    Ok(Terms { excluded, permitted: options.permit.clone(), mappings: mappings(&options.map)? })
}

#[derive(Serialize)]
struct Left<'a> {
    bridge: &'a str,
}

/// Leaves a bridge.
pub(super) fn leave(installation: &Installation, options: &Leave, output: Output) -> Result {
    let question =
        format!("Leave {}? Nothing is reached through it any more.", plain(&options.bridge));
    if !options.yes
        && !ask_person(&question)
            .ok_or_else(|| Failure::usage("there is nobody to ask").hint("add --yes"))?
    {
        return Err(Failure::no("nothing was changed"));
    }
    let store = installation.store()?;
    let left = block_on(async {
        Ok(member::leave(&store, &options.bridge, act("chancery bridge leave")).await?)
    })?;
    note(
        "Tell the bridge, so that it revokes what it says of you: `chancery bridge revoke DOMAIN`.",
    );
    output.show(&Left { bridge: &left.name }, || format!("left {}", plain(&left.name)))
}
