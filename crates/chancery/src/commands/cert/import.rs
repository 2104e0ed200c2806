//! `chancery cert import`: certificates and lists of others into the store. None is trusted for being there.

use std::path::Path;

use chancery_store::certificate::Imported;
use serde::Serialize;

use super::files::{self, Found};
use crate::cli::cert::Import;
use crate::commands::block_on;
use crate::commands::message::first_line;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act};
use crate::output::{Output, counted, note, plain};

/// What was imported.
#[derive(Default, Serialize)]
struct Told {
    #[serde(flatten)]
    imported: Imported,
    /// Private keys in the files, which were left there.
    keys_left: usize,
    /// Certificates and lists that cannot be read.
    unreadable: usize,
}

/// Runs the command.
pub(super) fn run(installation: &Installation, options: &Import, output: Output) -> Result {
    let passphrase = options.passphrase_file.as_deref().map(first_line).transpose()?;
    let store = installation.store()?;
    let mut told = Told::default();
    // Everything is read before anything is written: a slip in the last name changes nothing.
    let mut read = Vec::new();
    files::each(&options.files, |file| {
        let found = Found::read(file, passphrase.as_ref().map(|it| it.as_slice()))?;
        if found.certificates.is_empty() && found.lists.is_empty() {
            return Err(Failure::usage(format!("there is nothing to import in {}", shown(file)))
                .hint("OCSP responses are good for hours only and are not kept; give certificates or lists"));
        }
        read.push((file.to_path_buf(), found));
        Ok(())
    })?;
    for (file, found) in read {
        files::tell_unreadable(&file, found.unreadable);
        let name =
            file.file_name().map_or_else(|| shown(&file), |name| plain(&name.to_string_lossy()));
        let imported = block_on(async {
            let act = act("chancery cert import");
            Ok(store.import(found.certificates, found.lists, name, act).await?)
        })?;
        told.imported.certificates += imported.certificates;
        told.imported.lists += imported.lists;
        told.imported.known += imported.known;
        told.keys_left += found.keys;
        told.unreadable += found.unreadable;
    }
    output.show(&told, || {
        format!(
            "imported {} and {}; {} known before",
            counted(told.imported.certificates, "certificate"),
            counted(told.imported.lists, "revocation list"),
            told.imported.known
        )
    })?;
    if told.keys_left > 0 {
        note(&format!(
            "{}: this organisation's keys are made by `chancery key renew`, and \
             `chancery message --key FILE` uses others.",
            left(told.keys_left)
        ));
    }
    if told.imported.certificates > 0 {
        note(
            "Nothing is trusted for being imported; it only helps to find paths. To believe an authority:\n  \
             chancery partner trust DOMAIN --anchor FILE",
        );
    }
    Ok(())
}

/// Says that private keys were not taken.
fn left(keys: usize) -> String {
    let rest = if keys == 1 { "was left where it is" } else { "were left where they are" };
    format!("{} {rest}", counted(keys, "private key"))
}

fn shown(file: &Path) -> String {
    plain(&file.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{files, left};

    #[test]
    fn keys_that_stay_are_counted() {
        assert_eq!(left(1), "1 private key was left where it is");
        assert_eq!(left(2), "2 private keys were left where they are");
    }

    #[test]
    fn a_store_with_a_passphrase_says_where_to_give_it() {
        let failure = files::cannot_use(Path::new("x.p12"), &chancery_pki::Error::KeyEncrypted);
        let hint = failure.hint.unwrap();
        assert!(hint.contains("cert import --passphrase-file FILE"), "{hint}");
    }
}
