//! A key for another mail program, as PKCS#12.

use std::io::Write as _;
use std::path::Path;

use chancery_pki::{Certificate, key_file};

use super::files::Sink;
use super::keys::{self, Held};
use crate::cli::message::{ExportKey, Files};
use crate::failure::{Failure, Result};
use crate::installation::now_ms;
use crate::output::note;

/// Writes the file.
pub(super) fn run(options: &ExportKey) -> Result {
    let is_stdin = |file: &Path| file == Path::new("-");
    let passphrases =
        [options.rest.passphrase_file.as_deref(), Some(&*options.new_passphrase_file)];
    if passphrases.into_iter().flatten().filter(|file| is_stdin(file)).count() > 1 {
        return Err(Failure::usage("two passphrases cannot both come from standard input")
            .hint("put one of them into a file"));
    }
    let passphrase = keys::passphrase(&options.rest)?;
    let held = Held::read(&options.key, &options.rest, passphrase.as_ref())?;
    let at = now_ms() / 1000;
    let mut pair = held.best(|it| it.is_valid_at(at));
    let passphrase = keys::first_line(&options.new_passphrase_file)?;
    if passphrase.is_empty() {
        return Err(Failure::usage("the new passphrase is empty").hint(
            "write one into the first line: whoever has the file and no passphrase has the key",
        ));
    }
    if let Some(chain) = &options.chain {
        pair.others.extend(keys::certificates(chain)?);
    }
    let mut certificates = vec![pair.certificate];
    for other in pair.others {
        if certificates.iter().all(|known| known.der() != other.der()) {
            certificates.push(other);
        }
    }
    let own = certificates.first();
    let address = own.and_then(|own| own.emails().first().cloned());
    let name = options.name.clone().or(address);
    let name = name.unwrap_or_else(|| own.map(Certificate::subject).unwrap_or_default());
    let file = key_file::write_pkcs12(&pair.key, &certificates, &name, &passphrase)
        .map_err(|error| Failure::of("cannot write the key", &error))?;
    let out = Some(options.out.clone());
    let mut sink =
        Sink::open(&Files { file: None, out, force: options.force, bare: false }, false)?;
    sink.write_all(&file)
        .map_err(|error| Failure::failed(format!("cannot write the result: {error}")))?;
    sink.finish()?;
    note(&format!(
        "the key of {name}, with {} certificates; delete the file when it was imported",
        certificates.len()
    ));
    Ok(())
}
