//! `chancery key`: the organisation's own keys, their renewal and their seal; and the keys of others.

mod find;
mod others;

use std::path::Path;

use chancery_gateway::identity::{Identity, KeyState, KeySummary, Renewal};
use chancery_store::Store;
use chancery_store::key::KeyPurpose;
use chancery_store::keybook::KeyDecision;
use serde::Serialize;

use super::block_on;
use super::init::certificate_records;
use crate::cli::{Key, KeyUse, Renew};
use crate::failure::{Failure, Result};
use crate::installation::{
    Installation, act, make_master_key, make_salt, next_to, put_in_place, read_master_key,
};
use crate::output::{Output, ask, counted, day, note, plain, short, table};
use crate::settings::Unseal;

/// Runs the command.
pub(super) fn run(installation: &Installation, command: Key, output: Output) -> Result {
    let store = || installation.store();
    match command {
        Key::Find(options) => find::run(installation, &options, output),
        Key::List { of, others } if others || of.is_some() => {
            others::list(&store()?, of.as_deref(), output)
        }
        Key::List { .. } => list(&store()?, output),
        Key::Show { address } => others::show(installation, &store()?, &address, output),
        Key::Import { file, address, trust } => {
            others::import(&store()?, &file, &address, trust, output)
        }
        Key::Trust { address, fingerprint, undo } => {
            let decision = (!undo).then_some(KeyDecision::Trusted);
            others::decide(&store()?, &address, &fingerprint, decision, output)
        }
        Key::Renew(options) => renew(installation, &store()?, &options, output),
        Key::Retire { fingerprint, address: Some(address), .. } => {
            let decision = Some(KeyDecision::Retired);
            others::decide(&store()?, &address, &fingerprint, decision, output)
        }
        Key::Retire { fingerprint, yes, .. } => retire(&store()?, &fingerprint, yes, output),
        Key::Reseal { unseal } => reseal(installation, &store()?, unseal.as_deref(), output),
    }
}

fn list(store: &Store, output: Output) -> Result {
    let keys = Identity::summary(store)?;
    output.show(&keys, || rows(&keys))
}

fn rows(keys: &[KeySummary]) -> String {
    let row = |key: &KeySummary| {
        vec![
            word(key.purpose).to_owned(),
            state(key).to_owned(),
            day(key.not_after),
            key.kind.clone(),
            short(&key.fingerprint).to_owned(),
            plain(&key.subject),
        ]
    };
    let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
    table(&["USE", "STATE", "UNTIL", "KIND", "FINGERPRINT", "SUBJECT"], &rows)
}

/// What was renewed.
#[derive(Serialize)]
struct Renewed {
    keys: Vec<KeySummary>,
    /// Lines of a DNS zone that take the place of those before.
    dns: Vec<String>,
}

fn renew(installation: &Installation, store: &Store, options: &Renew, output: Output) -> Result {
    let purposes: Vec<KeyPurpose> = if options.what.is_empty() {
        vec![KeyPurpose::Signing, KeyPurpose::Encryption, KeyPurpose::Tls]
    } else {
        options.what.iter().map(|it| purpose(*it)).collect()
    };
    let has_new_tls = purposes.contains(&KeyPurpose::Tls);
    let renewal =
        Renewal { purposes, keep_keys: options.same_key, kind: options.key_type.map(Into::into) };
    let (master, organisation) =
        (installation.working_master_key(store)?, installation.organisation()?);
    let hostname = &installation.settings.hostname;
    let act = act("chancery key renew");
    let keys = block_on(async {
        Ok(Identity::renew(store, &master, &organisation, hostname, &renewal, &act).await?)
    })?;
    let identity = Identity::unseal(store, &master, act.at_ms / 1000)?;
    let renewed = Renewed { keys, dns: certificate_records(installation, &identity) };
    output.show(&renewed, || rows(&renewed.keys))?;
    note(
        "A running gateway uses them from its next message on, and still opens what is encrypted to the old ones.\n\
         Partners with Chancery take a new encryption certificate from the next mail you sign; give all others the new \
         card:\n  chancery partner card --out FILE",
    );
    if has_new_tls && !installation.settings.tls.certificate.exists() {
        note("Restart the gateway: its listeners show the old TLS certificate until then.");
    }
    if renewed.keys.iter().any(|key| key.purpose == KeyPurpose::Encryption) {
        note(&format!("If you publish SMIMEA records, replace them:\n{}", renewed.dns.join("\n")));
    }
    Ok(())
}

fn retire(store: &Store, fingerprint: &str, yes: bool, output: Output) -> Result {
    let key = find(store, fingerprint)?;
    let name = format!("{} ({})", plain(&key.subject), short(&key.fingerprint));
    match key.state {
        KeyState::Used => {
            return Err(
                Failure::no(format!("{name} is in use")).hint("renew it first: chancery key renew")
            );
        }
        KeyState::Destroyed => {
            return Err(Failure::no(format!("the private key of {name} was destroyed before")));
        }
        KeyState::Old => {}
    }
    let question = format!(
        "Destroy the private key of {name}? Mail encrypted to it can never be opened again."
    );
    if !yes
        && !ask(&question)
            .ok_or_else(|| Failure::usage("there is nobody to ask").hint("add --yes"))?
    {
        return Err(Failure::no("nothing was destroyed"));
    }
    let is_done =
        block_on(async { Ok(store.destroy_key(key.id, act("chancery key retire")).await?) })?;
    if !is_done {
        return Err(Failure::failed("the keys were changed meanwhile").hint("try again"));
    }
    output
        .show(&find(store, &key.fingerprint)?, || format!("destroyed the private key of {name}"))?;
    note(
        "Copies of it are in backups and perhaps in unused parts of the database file, sealed; `chancery key reseal` and \
          removing the old master key everywhere makes them worthless.",
    );
    Ok(())
}

/// Reads as much of a fingerprint as was typed, with any signs between the letters.
fn typed(fingerprint: &str) -> Result<String> {
    let letters = fingerprint.chars().filter(char::is_ascii_hexdigit);
    let typed = letters.collect::<String>().to_ascii_lowercase();
    if typed.len() < SHORTEST {
        return Err(Failure::usage(format!("give {SHORTEST} letters of the fingerprint or more"))
            .hint("see `chancery key list`"));
    }
    Ok(typed)
}

/// Finds the one key whose certificate has a fingerprint that begins like this.
fn find(store: &Store, fingerprint: &str) -> Result<KeySummary> {
    let typed = typed(fingerprint)?;
    let mut found: Vec<KeySummary> = Identity::summary(store)?;
    found.retain(|key| key.fingerprint.starts_with(&typed));
    match found.len() {
        0 => Err(Failure::no(format!("no key has the fingerprint {}", plain(fingerprint)))
            .hint("see `chancery key list --format json`")),
        1 => Ok(found.remove(0)),
        _ => {
            Err(Failure::usage("several keys have a fingerprint like this").hint("give more of it"))
        }
    }
}

/// What was sealed, and under what.
#[derive(Serialize)]
struct Sealed {
    keys: usize,
    /// For `keys.unseal`, if it has to be changed.
    unseal: Option<String>,
}

/// The new key is on the disk before anything is sealed under it, and takes the place of the old one after all is; what
/// is cut off in between is finished by the next command that needs a key.
fn reseal(
    installation: &Installation,
    store: &Store,
    unseal: Option<&str>,
    output: Output,
) -> Result {
    let data = &installation.settings.data;
    let old = installation.working_master_key(store)?;
    let (new, next) = match (unseal, &installation.settings.keys.unseal) {
        (Some(named), _) => (new_master(named, data)?, None),
        (None, Unseal::KeyFile(file)) => {
            let next = next_to(file);
            // The old key has just been seen to open the keys, so this is left from an attempt that changed nothing.
            if next.exists() {
                std::fs::remove_file(&next).map_err(|error| {
                    Failure::failed(format!("cannot remove {}: {error}", next.display()))
                })?;
            }
            make_master_key(&next)?;
            (read_master_key(&next, false, data)?, Some((next, file)))
        }
        (None, _) => {
            return Err(Failure::usage("the keys are sealed under a passphrase")
                .hint("name a file with the new one: --unseal passphrase:FILE"));
        }
    };
    let act = act("chancery key reseal");
    let sealed = block_on(async { Ok(Identity::reseal(store, &old, &new, act).await?) })?;
    let Some(keys) = sealed else {
        return Err(Failure::failed("the keys were changed meanwhile, nothing was sealed")
            .hint("try again"));
    };
    if let Some((next, file)) = next {
        put_in_place(&next, file)?;
    }
    let sealed = Sealed { keys, unseal: unseal.map(str::to_owned) };
    output.show(&sealed, || format!("sealed {} anew", counted(keys, "key")))?;
    if let Some(unseal) = unseal {
        note(&format!(
            "Now set it in {} before the gateway starts again, and remove the old one:\n  [keys]\n  unseal = {}",
            installation.file.display(),
            toml::Value::String(unseal.to_owned())
        ));
    }
    note(
        "Back up what unseals the keys, apart from the data; backups from before need the old one.",
    );
    Ok(())
}

/// Reads or makes the master key that a value for `keys.unseal` names.
fn new_master(named: &str, data: &Path) -> Result<chancery_crypto::seal::MasterKey> {
    if named.starts_with("credential:") {
        return Err(Failure::usage("a credential can be read by the service only")
            .hint("give the file with the passphrase: --unseal passphrase:FILE; then hand it over as the credential"));
    }
    if let Some(file) = named.strip_prefix("passphrase:") {
        make_salt(data)?;
        return read_master_key(Path::new(file), true, data);
    }
    let file = Path::new(named);
    if !file.exists() {
        make_master_key(file)?;
    }
    read_master_key(file, false, data)
}

fn purpose(what: KeyUse) -> KeyPurpose {
    match what {
        KeyUse::Authority => KeyPurpose::Ca,
        KeyUse::Encryption => KeyPurpose::Encryption,
        KeyUse::Signing => KeyPurpose::Signing,
        KeyUse::Tls => KeyPurpose::Tls,
    }
}

fn word(purpose: KeyPurpose) -> &'static str {
    match purpose {
        KeyPurpose::Bridge => "bridge",
        KeyPurpose::Ca => "authority",
        KeyPurpose::Encryption => "encryption",
        KeyPurpose::Signing => "signing",
        KeyPurpose::Tls => "tls",
    }
}

fn state(key: &KeySummary) -> &'static str {
    match (key.state, key.purpose) {
        (KeyState::Destroyed, _) => "destroyed",
        (KeyState::Old, KeyPurpose::Encryption) => "opens old mail",
        (KeyState::Old, _) => "replaced",
        (KeyState::Used, _) => "in use",
    }
}

/// So much of a fingerprint must be given: 32 bits tell the handful of keys of an organisation apart.
const SHORTEST: usize = 8;
