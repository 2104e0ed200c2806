//! Who can read the secrets, and who can change what the gateway obeys.

use std::fs::{Metadata, metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::Findings;
use crate::installation::{Installation, SALT};
use crate::settings::credentials_directory;

/// What others must not do with a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// Nobody but the owner may read it.
    Secret,
    /// Nobody but the owner and root may change it.
    Obeyed,
}

impl Findings {
    /// The data directory, the files with secrets, and the files that the gateway obeys.
    pub(super) fn files(&mut self, installation: &Installation) {
        let settings = &installation.settings;
        let data = &settings.data;
        // The files belong to the one whom the data belong to.
        let Ok(owner) = metadata(data).map(|meta| meta.uid()) else { return };
        let before = self.0.len();
        let unsealing = settings.keys.unseal.path(credentials_directory().as_deref());
        let tls_key = Some(settings.tls.key.clone());
        let in_data = DATA_FILES.iter().map(|name| data.join(name));
        let secrets = std::iter::once(data.clone())
            .chain(in_data)
            .chain(unsealing)
            .chain(tls_key)
            .chain(settings.inside.auth_file.clone());
        for file in secrets {
            self.guard(&file, owner, Guard::Secret);
        }
        for file in [&installation.file, &settings.policy] {
            self.guard(file, owner, Guard::Obeyed);
        }
        if self.0.len() == before {
            self.ok("files", "secrets can be read by their owner alone");
        }
    }

    /// A file that is not there is complained about by whoever needs it.
    fn guard(&mut self, file: &Path, owner: u32, guard: Guard) {
        let Ok(meta) = metadata(file) else { return };
        let shown = file.display();
        let mode = meta.permissions().mode();
        let (bad, what, mend) = match guard {
            Guard::Secret => (
                0o077,
                "can be read or changed by others",
                if meta.is_dir() { "chmod 700" } else { "chmod 600" },
            ),
            Guard::Obeyed => (0o022, "can be changed by others", "chmod go-w"),
        };
        if mode & bad != 0 {
            let text = format!("{shown} {what} (mode {:04o})", mode & 0o7777);
            self.problem("files", text, &format!("{mend} {shown}"));
            self.at(&shown);
        }
        if !is_owned(&meta, owner) {
            let text =
                format!("{shown} belongs to user {}, and the data to user {owner}", meta.uid());
            self.problem("files", text, &format!("chown {owner} {shown}"));
            self.at(&shown);
        }
    }
}

fn is_owned(meta: &Metadata, owner: u32) -> bool {
    meta.uid() == owner || meta.uid() == ROOT
}

/// What is in the data directory besides bodies, whose folders nobody can enter who cannot enter the directory.
const DATA_FILES: [&str; 6] =
    ["chancery.db", "chancery.db-wal", "chancery.db-shm", "bodies", "tmp", SALT];

const ROOT: u32 = 0;
