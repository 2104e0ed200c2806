//! The commands of who runs a bridge.

use chancery_authority::assurance::Levels;
use chancery_authority::{Grant, proof};
use chancery_net::dns::Resolver;
use chancery_pki::Certificate;
use chancery_pki::issue;
use chancery_store::bridge::{DomainRow, MemberRow};
use serde::Serialize;

use super::{open, read_levels, write};
use crate::cli::bridge::{CrossSign, Prove, Publish, Reason, Renew, Revoke};
use crate::commands::block_on;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act, now_ms};
use crate::output::{Output, ask, counted, day, note, plain};

/// A member as a step leaves it.
#[derive(Serialize)]
struct Shown<'m> {
    member: String,
    fingerprint: &'m str,
    domains: &'m [DomainRow],
    /// Lines of a zone file that prove the domains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns: Vec<String>,
}

impl<'m> Shown<'m> {
    fn of(member: &'m MemberRow) -> Self {
        let open = member.domains.iter().filter(|it| it.proof.is_none());
        Self {
            member: plain(&member.name),
            fingerprint: &member.fingerprint,
            domains: &member.domains,
            dns: open.map(|it| proof::zone_line(&it.domain, &it.token)).collect(),
        }
    }
}

/// Takes a request.
pub(super) fn take(installation: &Installation, request: &[u8], output: Output) -> Result {
    let store = installation.store()?;
    let mut host = open(installation, &store)?;
    let taken = block_on(async { Ok(host.take(request, act("chancery bridge join")).await?) })?;
    let shown = Shown::of(&taken.member);
    let domain = taken.member.domains.first().map_or("", |it| it.domain.as_str());
    // What is wrong with the table itself is for `bridge check` to say.
    if let Ok(levels) = read_levels(installation)
        && let Some(text) = unknown_level(&levels, &taken.member.wanted, domain)
    {
        note(&text);
    }
    output.show(&shown, || {
        let mut text = format!(
            "{} asks for {} at level {}\nfingerprint  {}\n",
            shown.member,
            domains(&taken.member),
            plain(&taken.member.wanted),
            shown.fingerprint
        );
        if shown.dns.is_empty() {
            text += &format!("\nIts domains are proven. Next: chancery bridge cross-sign {domain}\n");
        } else {
            let until = taken.member.domains.first().map_or(0, |it| it.token_ends_ms / 1000);
            text += &format!("\nLet it publish by {}, and leave there as long as it is a member:\n", day(until));
            shown.dns.iter().for_each(|line| text += &format!("  {line}\n"));
            text += &format!(
                "Next: chancery bridge prove {domain}\n\
                 or, where no record can be published: chancery bridge prove {domain} --confirm FINGERPRINT --evidence TEXT\n"
            );
        }
        text
    })
}

/// Returns what to say of a level that the bridge does not have: another may be granted.
fn unknown_level(levels: &Levels, wanted: &str, domain: &str) -> Option<String> {
    if levels.level(wanted).is_some() {
        return None;
    }
    let names: Vec<&str> = levels.levels.iter().map(|level| level.name.as_str()).collect();
    Some(format!(
        "There is no level {} here. Let it ask again, or grant another one, of {}:\n  \
         chancery bridge cross-sign {domain} --level LEVEL",
        plain(wanted),
        names.join(", ")
    ))
}

/// Looks for the proofs, or notes what a person says.
pub(super) fn prove(installation: &Installation, options: &Prove, output: Output) -> Result {
    let store = installation.store()?;
    let mut host = open(installation, &store)?;
    let act = act("chancery bridge prove");
    let domain = which(&options.domain);
    let member = block_on(async {
        Ok(match (&options.confirm, &options.evidence) {
            (Some(fingerprint), Some(evidence)) => {
                host.confirm(&domain, fingerprint, evidence, act).await?
            }
            _ => host.prove(&domain, &resolver(installation)?, act).await?,
        })
    })?;
    let shown = Shown::of(&member);
    output.show(&shown, || {
        format!(
            "proven: {}\nNext: chancery bridge cross-sign {domain} --out FILE",
            domains(&member)
        )
    })
}

#[derive(Serialize)]
struct Answered<'a> {
    member: &'a str,
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
}

/// Vouches for a member.
pub(super) fn cross_sign(
    installation: &Installation,
    options: &CrossSign,
    output: Output,
) -> Result {
    let store = installation.store()?;
    let levels = read_levels(installation)?;
    let mut host = open(installation, &store)?;
    let grant = Grant { level: options.level.clone() };
    let answer = block_on(async {
        Ok(host
            .cross_sign(&options.what, &grant, &levels, act("chancery bridge cross-sign"))
            .await?)
    })?;
    let file = write(options.out.as_deref(), &answer)?;
    note("Give the answer to the member, which takes it with `chancery bridge cross-sign FILE`.");
    let is_shown = file.is_none().then_some(answer.as_str());
    let shown = Answered { member: &options.what, file, answer: is_shown };
    output.show(&shown, || shown.answer.map_or_else(String::new, str::to_owned))
}

/// Takes what a member's authority says of the bridge.
pub(super) fn returned(
    installation: &Installation,
    certificate: &Certificate,
    output: Output,
) -> Result {
    let store = installation.store()?;
    let mut host = open(installation, &store)?;
    let returned = block_on(async {
        Ok(host.returned(certificate, act("chancery bridge cross-sign")).await?)
    })?;
    let shown = Shown {
        member: plain(&returned.name),
        fingerprint: &returned.fingerprint,
        domains: &returned.domains,
        dns: Vec::new(),
    };
    output.show(&shown, || {
        format!(
            "{} and the bridge vouch for each other until {}",
            shown.member,
            day(certificate.not_after())
        )
    })
}

#[derive(Serialize)]
struct Renewed {
    renewed: Vec<String>,
}

/// Renews what ends soon.
pub(super) fn renew(installation: &Installation, options: &Renew, output: Output) -> Result {
    let store = installation.store()?;
    let levels = read_levels(installation)?;
    let mut host = open(installation, &store)?;
    let act = act("chancery bridge renew");
    let mut renewed = Vec::new();
    block_on(async {
        if options.new_key {
            let master = installation.working_master_key(&store)?;
            host.roll_over(&master, options.key_type.into(), &levels, act.clone()).await?;
            renewed.push("the bridge's key, and what it says of every member".to_owned());
        }
        renewed.extend(host.renew(&levels, act).await?);
        Ok(())
    })?;
    if options.new_key {
        let file = installation.settings.data.join("bridge.pem");
        std::fs::write(&file, host.authority().to_pem()).map_err(|error| {
            Failure::failed(format!("cannot write {}: {error}", file.display()))
        })?;
        note(&format!("The new fingerprint, for members to come: {}", host.fingerprint()));
    }
    output.show(&Renewed { renewed: renewed.clone() }, || {
        if renewed.is_empty() {
            "nothing is due".to_owned()
        } else {
            format!("renewed: {}", renewed.join("; "))
        }
    })
}

/// Revokes a member.
pub(super) fn revoke(installation: &Installation, options: &Revoke, output: Output) -> Result {
    let store = installation.store()?;
    let mut host = open(installation, &store)?;
    let domain = which(&options.domain);
    let peer = host.find_peer(&options.domain).map(|it| plain(&it.name));
    let question = if let Some(name) = &peer {
        format!("Revoke {name}? Our members and its members no longer reach each other.")
    } else {
        let member = host.member(&domain)?;
        let (name, domains) = (plain(&member.name), domains(member));
        format!("Revoke {name} ({domains})? No member reaches it any more.")
    };
    if !options.yes
        && !ask(&question)
            .ok_or_else(|| Failure::usage("there is nobody to ask").hint("add --yes"))?
    {
        return Err(Failure::no("nothing was revoked"));
    }
    let reason = match options.reason {
        Reason::AffiliationChanged => issue::Reason::AffiliationChanged,
        Reason::CessationOfOperation => issue::Reason::CessationOfOperation,
        Reason::KeyCompromise => issue::Reason::KeyCompromise,
        Reason::Superseded => issue::Reason::Superseded,
        Reason::Unspecified => issue::Reason::Unspecified,
    };
    let act = act("chancery bridge revoke");
    if peer.is_some() {
        let peer = block_on(async { Ok(host.part(&options.domain, reason, act).await?) })?;
        note(PUBLISH);
        let (member, fingerprint) = (plain(&peer.name), &peer.fingerprint);
        let shown = Shown { member, fingerprint, domains: &[], dns: Vec::new() };
        return output.show(&shown, || format!("revoked {}", shown.member));
    }
    let member = block_on(async { Ok(host.revoke(&domain, reason, act).await?) })?;
    note(PUBLISH);
    let shown = Shown::of(&member);
    output.show(&shown, || format!("revoked {}", shown.member))
}

#[derive(Serialize)]
struct Published {
    folder: String,
    files: usize,
}

/// Writes the publication.
pub(super) fn publish(installation: &Installation, options: &Publish, output: Output) -> Result {
    let store = installation.store()?;
    let levels = read_levels(installation)?;
    let mut host = open(installation, &store)?;
    let act = act("chancery bridge publish");
    let at = act.at_ms / 1000;
    block_on(async { Ok(host.renew(&levels, act).await?) })?;
    let publication = host.publication(&levels, at.max(now_ms() / 1000))?;
    publication.write(&options.out)?;
    let shown =
        Published { folder: options.out.display().to_string(), files: publication.files().count() };
    output.show(&shown, || format!("wrote {} below {}", counted(shown.files, "file"), shown.folder))
}

/// Returns the resolver that the configuration names.
pub(super) fn resolver(installation: &Installation) -> Result<Resolver> {
    Resolver::with_servers(&installation.settings.dns.servers)
        .map_err(|error| Failure::of("", &error))
}

/// Domains are in lower case; fingerprints are read in any.
fn which(typed: &str) -> String {
    typed.to_ascii_lowercase()
}

fn domains(member: &MemberRow) -> String {
    let names: Vec<&str> = member.domains.iter().map(|it| it.domain.as_str()).collect();
    names.join(", ")
}

/// What is left to do after something was taken back.
const PUBLISH: &str = "A running `chancery serve` publishes the new revocation list within a minute; otherwise publish it now.";

#[cfg(test)]
mod tests {
    use super::{Levels, unknown_level};

    #[test]
    fn a_level_that_is_not_there_is_told_with_those_that_are() {
        let levels = Levels::parse(&Levels::template("1.3.6.1.4.1.99999")).unwrap();
        let first = levels.levels[0].name.as_str();
        assert_eq!(unknown_level(&levels, first, "acme.example"), None);
        let text = unknown_level(&levels, "nosuch", "acme.example").unwrap();
        assert!(text.contains("no level nosuch") && text.contains(first), "{text}");
        assert!(text.contains("cross-sign acme.example --level"), "{text}");
    }
}
