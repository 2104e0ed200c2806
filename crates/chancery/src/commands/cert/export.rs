//! `chancery cert export`: certificates for other programs, and our own keys for nobody but ourselves.

use std::collections::BTreeSet;
use std::path::Path;

use chancery_crypto::Zeroizing;
use chancery_gateway::identity::Identity;
use chancery_pki::bundle::Bundle;
use chancery_pki::pkcs12::Pkcs12;
use chancery_pki::revocation::RevocationList;
use chancery_pki::{Certificate, DistinguishedName};
use chancery_smime::card::Card;
use chancery_store::Store;
use chancery_store::certificate::{CertificateFilter, CertificateKind};
use chancery_store::key::KeyPurpose;
use serde::Serialize;
use serde_json::json;

use crate::cli::cert::{Export, Form};
use crate::commands::block_on;
use crate::commands::message::first_line;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act, write_private, write_public};
use crate::output::{Output, counted, note, plain};

/// What was written.
#[derive(Serialize)]
struct Told {
    file: String,
    certificates: usize,
    lists: usize,
    keys: usize,
}

/// Runs the command.
pub(super) fn run(installation: &Installation, options: &Export, output: Output) -> Result {
    let store = installation.store()?;
    let mut certificates = Vec::new();
    for what in &options.what {
        for certificate in select(&store, what)? {
            if !certificates.contains(&certificate) {
                certificates.push(certificate);
            }
        }
    }
    let lists = if options.crls { lists_of(&store, &certificates)? } else { Vec::new() };
    let keys = if options.key {
        own_keys(installation, &store, &certificates, options)?
    } else {
        Vec::new()
    };
    let told = Told {
        file: plain(&options.out.display().to_string()),
        certificates: certificates.len(),
        lists: lists.len(),
        keys: keys.len(),
    };
    if !keys.is_empty() {
        // Before the file is there: a key that got out is in the log, even if writing fails afterwards.
        let names: Vec<String> = keys.iter().map(|(_, own)| own.fingerprint_sha256()).collect();
        let details = json!({"file": told.file, "certificates": names});
        block_on(async {
            Ok(store.audit(act("chancery cert export"), "key.export", "own", details).await?)
        })?;
    }
    let has_keys = !keys.is_empty();
    let bytes = encode(options, certificates, lists, keys)?;
    if options.out == Path::new("-") {
        use std::io::Write as _;
        let written = std::io::stdout().lock().write_all(&bytes);
        return written
            .map_err(|error| Failure::failed(format!("cannot write the result: {error}")));
    }
    let write = if has_keys { write_private } else { write_public };
    write(&options.out, &bytes)?;
    output.show(&told, || {
        format!("wrote {} to {}", counted(told.certificates, "certificate"), told.file)
    })?;
    if has_keys {
        note("Whoever has this file and its passphrase has the keys: delete it when it was used.");
    }
    Ok(())
}

/// Returns the certificates that a word of the command line stands for; there is one at least.
fn select(store: &Store, what: &str) -> Result<Vec<Certificate>> {
    let stored = |filter: &CertificateFilter| -> Result<Vec<Certificate>> {
        Ok(store.certificates(filter)?.into_iter().map(|row| row.certificate).collect())
    };
    let found = match what {
        "own" => {
            let of_others = CertificateFilter {
                kind: Some(CertificateKind::Own),
                ..CertificateFilter::default()
            };
            let mut own = used(store)?;
            own.extend(stored(&of_others)?);
            own
        }
        "authorities" => store.authorities()?,
        "all" => stored(&CertificateFilter::default())?,
        _ if what.starts_with("partner:") => {
            of_partner(store, what.trim_start_matches("partner:"))?
        }
        _ if what.contains('@') => stored(&CertificateFilter {
            address: Some(what.to_owned()),
            ..CertificateFilter::default()
        })?,
        _ => {
            let digits = super::fingerprint(what)?;
            let filter = CertificateFilter {
                fingerprint: Some(digits.clone()),
                ..CertificateFilter::default()
            };
            let own = all_own(store)?.into_iter().map(|(_, certificate)| certificate);
            let own = own.filter(|it| it.fingerprint_sha256().starts_with(&digits));
            let mut found: Vec<Certificate> = own.collect();
            found.extend(stored(&filter)?);
            found
        }
    };
    if found.is_empty() {
        return Err(Failure::no(format!("there is no certificate for {}", plain(what)))
            .hint("see `chancery cert list`, `chancery key list` and `chancery partner list`"));
    }
    Ok(found)
}

fn of_partner(store: &Store, domain: &str) -> Result<Vec<Certificate>> {
    let Some(row) = store.partner_by_domain(domain)? else { return Ok(Vec::new()) };
    let card = Card::read_stored(&row.card).map_err(|error| {
        Failure::of(&format!("cannot read the card of {}", plain(domain)), &error)
    })?;
    let all = card.encryption().iter().chain(card.signing()).chain(card.chain());
    Ok(all.chain([card.authority()]).cloned().collect())
}

/// Returns our certificates that are in use, those that vouch for others first.
fn used(store: &Store) -> Result<Vec<Certificate>> {
    let mut certificates = Vec::new();
    for purpose in KeyPurpose::ALL {
        for row in store.keys(purpose)?.into_iter().filter(|row| row.active) {
            certificates.extend(Certificate::from_der(&row.certificate).ok());
        }
    }
    Ok(certificates)
}

/// Returns all certificates of ours whose keys are here.
fn all_own(store: &Store) -> Result<Vec<(KeyPurpose, Certificate)>> {
    let mut all = Vec::new();
    for purpose in KeyPurpose::ALL {
        let rows = store.keys(purpose)?.into_iter().filter(|row| !row.is_destroyed());
        all.extend(
            rows.filter_map(|row| Some((purpose, Certificate::from_der(&row.certificate).ok()?))),
        );
    }
    Ok(all)
}

/// Returns the newest lists of the authorities among the certificates.
fn lists_of(store: &Store, certificates: &[Certificate]) -> Result<Vec<RevocationList>> {
    let names: BTreeSet<&[u8]> =
        certificates.iter().map(|it| DistinguishedName::der(it.subject_name())).collect();
    let lists = store.revocation_lists()?.into_iter().map(|row| row.list);
    Ok(lists.filter(|list| names.contains(list.issuer_name().der())).collect())
}

/// A private key of ours with its certificate.
type Pair = (chancery_crypto::PrivateKey, Certificate);

fn own_keys(
    installation: &Installation,
    store: &Store,
    certificates: &[Certificate],
    options: &Export,
) -> Result<Vec<Pair>> {
    if options.form != Form::P12 {
        return Err(Failure::usage("private keys go into PKCS#12 alone").hint("add --form p12"));
    }
    let master = installation.working_master_key(store)?;
    let pairs = Identity::private_keys(store, &master, certificates)?;
    if pairs.is_empty() {
        return Err(Failure::no("none of these certificates is of a key of this organisation")
            .hint("leave out --key, or name `own`"));
    }
    Ok(pairs)
}

fn encode(
    options: &Export,
    certificates: Vec<Certificate>,
    lists: Vec<RevocationList>,
    keys: Vec<Pair>,
) -> Result<Zeroizing<Vec<u8>>> {
    let public = |bytes: Vec<u8>| Ok(Zeroizing::new(bytes));
    match options.form {
        Form::Pem => {
            let mut text: String = certificates.iter().map(Certificate::to_pem).collect();
            for list in &lists {
                text += &chancery_pki::pem::encode("X509 CRL", list.der());
            }
            public(text.into_bytes())
        }
        Form::Der => match (certificates.as_slice(), lists.as_slice()) {
            ([certificate], []) => public(certificate.der().to_vec()),
            _ => Err(Failure::usage(format!(
                "DER has room for one certificate, and these are {}",
                certificates.len() + lists.len()
            ))
            .hint("name one, or use another --form")),
        },
        Form::P7c => public(Bundle { certificates, lists, unreadable: 0 }.to_der()),
        Form::P12 => {
            let passphrase = options.passphrase_file.as_deref().map(first_line).transpose()?;
            let passphrase = passphrase.unwrap_or_default();
            if passphrase.is_empty() && !keys.is_empty() {
                return Err(Failure::usage("the passphrase is empty").hint(
                    "write one into the first line: whoever has the file and no passphrase has the keys",
                ));
            }
            let failure = |error| Failure::of("cannot write the file", &error);
            let mut file = Pkcs12::new();
            for (key, own) in keys {
                let name = own.subject();
                file.add_key(key, &[own], &name).map_err(failure)?;
            }
            for certificate in &certificates {
                file.add_certificate(certificate);
            }
            file.lists = lists;
            file.write(&passphrase).map_err(failure)
        }
    }
}
