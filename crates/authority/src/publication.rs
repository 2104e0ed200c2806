//! What a bridge publishes: files that any web server can serve, each of them public.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use chancery_smime::bridge::url::MEMBERS;

use crate::error::{Error, Result};

/// Files by their path below the address of the bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    files: BTreeMap<String, Vec<u8>>,
}

impl Publication {
    /// Adds a file. Paths are our own: lower-case words with slashes between.
    pub(crate) fn add(&mut self, path: impl Into<String>, bytes: Vec<u8>) {
        self.files.insert(path.into(), bytes);
    }

    /// Returns a file by its path.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// Returns the paths and files in order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Writes the files below a folder, each whole or not at all, and removes cards of members that have gone.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let failed = |doing: String| move |source| Error::Publish { doing, source };
        for (path, bytes) in &self.files {
            let place = folder.join(path);
            let doing = format!("write {}", place.display());
            replace(&place, bytes).map_err(failed(doing))?;
        }
        let members = folder.join(MEMBERS);
        let listed = match fs::read_dir(&members) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            listed => listed.map_err(failed(format!("read {}", members.display())))?,
        };
        for entry in listed {
            let entry = entry.map_err(failed(format!("read {}", members.display())))?;
            let name = entry.file_name();
            let is_ours = name.to_str().is_some_and(|name| {
                name.strip_suffix(".card").is_none()
                    || self.files.contains_key(&format!("{MEMBERS}{name}"))
            });
            if !is_ours {
                let doing = format!("remove {}", entry.path().display());
                fs::remove_file(entry.path()).map_err(failed(doing))?;
            }
        }
        Ok(())
    }
}

/// Writes beside and renames, so that a web server never serves half a file.
fn replace(place: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(place).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut beside = place.as_os_str().to_owned();
    beside.push(".part");
    let mut file = fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, place)
}

/// Returns the media type of a path (RFC 5280 section 4.2.1.13, RFC 5273, RFC 8551).
pub fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "p7c" => "application/pkcs7-mime",
        "crl" => "application/pkix-crl",
        "cer" => "application/pkix-cert",
        "json" => "application/json",
        "md" => "text/markdown; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

/// The list of members.
pub const INDEX: &str = "members/index.json";
/// The certificate of the bridge in DER, and in PEM.
pub const AUTHORITY: [&str; 2] = ["bridge.cer", "bridge.pem"];
/// The table of levels.
pub const LEVELS: [&str; 2] = ["levels.json", "levels.md"];
