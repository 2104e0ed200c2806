//! `chancery bridge`: running a bridge, joining one.
//!
//! The commands of both sides are the same; the file that is given says which side this is.

mod check;
mod host;
mod init;
mod list;
mod member;
mod peer;

use std::path::Path;

use chancery_authority::Host;
use chancery_authority::assurance::Levels;
use chancery_pki::Certificate;
use chancery_smime::bridge::{Kind, kind};
use chancery_store::Store;

use crate::cli::bridge::{Bridge, CrossSign, Join};
use crate::failure::{Failure, Result};
use crate::input::{self, SMALL};
use crate::installation::Installation;
use crate::output::{Output, note, plain};

/// Runs the command.
pub(super) fn run(config: Option<&Path>, command: Bridge, output: Output) -> Result {
    let load = || Installation::load(config);
    match command {
        Bridge::Init(options) => init::run(config, &options, output),
        Bridge::Join(options) => join(&load()?, &options, output),
        Bridge::Prove(options) => host::prove(&load()?, &options, output),
        Bridge::CrossSign(options) => cross_sign(&load()?, &options, output),
        Bridge::Peer(options) => peer::run(&load()?, &options, output),
        Bridge::List => list::run(&load()?, output),
        Bridge::Check(options) => check::run(&load()?, &options, output),
        Bridge::Levels(options) => list::levels(&load()?, &options, output),
        Bridge::Renew(options) => host::renew(&load()?, &options, output),
        Bridge::Revoke(options) => host::revoke(&load()?, &options, output),
        Bridge::Leave(options) => member::leave(&load()?, &options, output),
        Bridge::Publish(options) => host::publish(&load()?, &options, output),
    }
}

/// The file says who we are: a bridge's certificate asks, a request is taken.
fn join(installation: &Installation, options: &Join, output: Output) -> Result {
    let bytes = input::read(&options.file, SMALL)?;
    match kind(&bytes) {
        Some(Kind::Certificate) => {
            member::ask(installation, &certificate(&bytes)?, options, output)
        }
        Some(Kind::Request) => host::take(installation, &bytes, output),
        _ => Err(of_no_use(&options.file, "a bridge's certificate (PEM), nor a request")),
    }
}

/// Likewise: an answer is taken, a certificate is published, and anything else is a domain.
fn cross_sign(installation: &Installation, options: &CrossSign, output: Output) -> Result {
    let file = Path::new(&options.what);
    if !file.is_file() {
        let is_bridge = installation.store()?.bridge()?.is_some();
        return match no_file(&options.what, is_bridge) {
            Some(failure) => Err(failure),
            None => host::cross_sign(installation, options, output),
        };
    }
    let bytes = input::read(file, SMALL)?;
    match kind(&bytes) {
        Some(Kind::Answer) => member::accept(installation, &bytes, options, output),
        Some(Kind::Certificate) => host::returned(installation, &certificate(&bytes)?, output),
        _ => Err(of_no_use(file, "an answer of a bridge, nor a certificate (PEM)")),
    }
}

/// Returns what is wrong with the name of a member where it is no file, if something is.
fn no_file(what: &str, is_bridge: bool) -> Option<Failure> {
    let is_fingerprint = what.bytes().filter(u8::is_ascii_alphanumeric).count() == 24;
    let is_member = chancery_pki::is_domain(what) || is_fingerprint;
    let what = plain(what);
    if !is_bridge {
        let message =
            format!("there is no file {what}, and no bridge here that could vouch for it");
        return Some(Failure::usage(message).hint("give the file with the answer of the bridge"));
    }
    let message = format!("{what} is no file, no domain and no fingerprint");
    (!is_member).then(|| Failure::usage(message))
}

/// Opens the bridge of an installation.
fn open<'a>(installation: &Installation, store: &'a Store) -> Result<Host<'a>> {
    Ok(Host::open(store, &installation.working_master_key(store)?)?)
}

/// Reads the table of levels.
pub(crate) fn read_levels(installation: &Installation) -> Result<Levels> {
    let file = installation.settings.data.join(LEVELS);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Failure::usage(format!("cannot read the assurance levels, {}: {error}", file.display()))
            .hint("restore it from a backup; `chancery bridge init` makes it")
    })?;
    Ok(Levels::parse(&text)?)
}

/// Reads pairs of policies, each of the form `OURS=THEIRS`.
fn mappings(pairs: &[String]) -> Result<Vec<(String, String)>> {
    let read = |pair: &String| {
        let (ours, theirs) = pair.split_once('=').ok_or_else(|| {
            let pair = plain(pair);
            Failure::usage(format!("`--map` {pair} is not of the form OURS=THEIRS"))
        })?;
        Ok((ours.to_owned(), theirs.to_owned()))
    };
    pairs.iter().map(read).collect()
}

fn certificate(bytes: &[u8]) -> Result<Certificate> {
    Certificate::from_pem(bytes).map_err(|error| Failure::of("cannot use the certificate", &error))
}

fn of_no_use(file: &Path, what: &str) -> Failure {
    Failure::usage(format!("{} is not {what}", plain(&file.display().to_string())))
}

/// Writes a result to a file, or says that it goes to standard output; returns the name of the file.
fn write(out: Option<&Path>, text: &str) -> Result<Option<String>> {
    let Some(file) = out.filter(|file| *file != Path::new("-")) else { return Ok(None) };
    std::fs::write(file, text)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))?;
    note(&format!("wrote {}", file.display()));
    Ok(Some(file.display().to_string()))
}

/// The table of levels, in the data directory.
const LEVELS: &str = "levels.toml";

#[cfg(test)]
mod tests {
    use super::no_file;

    #[test]
    fn a_member_whose_file_is_missing_is_not_taken_for_a_bridge() {
        for (what, is_bridge, says) in [
            ("acme.example", true, None),
            ("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF", true, None),
            ("no such file", true, Some("no file, no domain and no fingerprint")),
            ("acme.answer", false, Some("there is no file acme.answer")),
            ("no such file", false, Some("there is no file no such file")),
        ] {
            let failure = no_file(what, is_bridge).map(|it| it.message);
            assert_eq!(failure.is_some(), says.is_some(), "{failure:?}");
            assert!(failure.unwrap_or_default().contains(says.unwrap_or_default()), "{what}");
        }
    }
}
