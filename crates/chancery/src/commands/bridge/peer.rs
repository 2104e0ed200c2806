//! `chancery bridge peer`: two bridges vouch for each other.

use chancery_pki::Certificate;
use chancery_smime::bridge::{Kind, kind};
use chancery_store::bridge::PeerTerms;
use serde::Serialize;

use super::{certificate, host, mappings, member, of_no_use, open, read_levels, write};
use crate::cli::bridge::Peer;
use crate::commands::block_on;
use crate::failure::Result;
use crate::input::{self, SMALL};
use crate::installation::{Installation, act};
use crate::output::{Output, note, plain};

#[derive(Serialize)]
struct Vouched<'a> {
    bridge: String,
    fingerprint: String,
    terms: &'a PeerTerms,
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a str>,
}

/// The file says what is to be done: a certificate that a bridge issued to itself is vouched for, one for us is taken.
pub(super) fn run(installation: &Installation, options: &Peer, output: Output) -> Result {
    let bytes = input::read(&options.file, SMALL)?;
    if kind(&bytes) != Some(Kind::Certificate) {
        return Err(of_no_use(&options.file, "the certificate of a bridge (PEM)"));
    }
    let bridge = certificate(&bytes)?;
    if bridge.is_self_issued() {
        vouch(installation, &bridge, options, output)
    } else {
        host::returned(installation, &bridge, output)
    }
}

fn vouch(
    installation: &Installation,
    bridge: &Certificate,
    options: &Peer,
    output: Output,
) -> Result {
    let terms = terms(options)?;
    let fingerprint = member::confirm(bridge, options.fingerprint.as_deref())?;
    let store = installation.store()?;
    let levels = read_levels(installation)?;
    let mut host = open(installation, &store)?;
    let made = block_on(async {
        Ok(host.peer(bridge, terms.clone(), &levels, act("chancery bridge peer")).await?)
    })?;
    let pem = made.to_pem();
    let file = write(options.out.as_deref(), &pem)?;
    note(
        "Give our certificate to the other bridge, which takes it with `chancery bridge peer FILE` after it has vouched for ours.",
    );
    let shown = Vouched {
        bridge: plain(&bridge.subject()),
        fingerprint,
        terms: &terms,
        certificate: file.is_none().then_some(pem.as_str()),
        file,
    };
    output.show(&shown, || shown.certificate.map_or_else(String::new, str::to_owned))
}

fn terms(options: &Peer) -> Result<PeerTerms> {
    Ok(PeerTerms {
        excluded: options.exclude.clone(),
        permitted: options.permit.clone(),
        mappings: mappings(&options.map)?,
        path_length: options.path_length,
    })
}
