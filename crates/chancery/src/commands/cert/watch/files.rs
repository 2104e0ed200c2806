//! What ends among certificates and lists in files, without an installation.

use std::path::PathBuf;

use super::End;
use super::graph::{self, Issued};
use crate::commands::cert::files::{Found, each};
use crate::failure::Result;

/// Returns everything that ends.
pub(super) fn ends(pool: &[PathBuf], crls: &[PathBuf]) -> Result<Vec<End>> {
    let mut all = Found::default();
    each(&[pool, crls].concat(), |file| {
        let found = Found::read(file, None)?;
        all.certificates.extend(found.certificates);
        all.lists.extend(found.lists);
        Ok(())
    })?;
    let certificates = graph::current(&all.certificates);
    let issued = Issued::new(&certificates);
    let mut ends = Vec::new();
    for certificate in &certificates {
        let depends = issued.by(certificate.subject_name(), certificate.subject_key_id());
        let (what, consequence) = if certificate.is_ca() {
            ("authority", "no path leads over it any more")
        } else {
            ("certificate", "nothing is encrypted to it and nothing it signs counts")
        };
        let advice = "ask its issuer for a new one";
        ends.push(End::of(certificate, what, depends, consequence, advice));
    }
    for list in graph::newest(&all.lists) {
        let Some(at) = list.next_update() else { continue };
        ends.push(End {
            at,
            what: if list.is_delta() { "delta list" } else { "revocation list" },
            name: list.issuer_name().to_string(),
            fingerprint_sha256: None,
            depends: issued.by(list.issuer_name(), None),
            consequence: "whether these certificates are revoked is unknown".to_owned(),
            advice: "fetch the next list".to_owned(),
        });
    }
    Ok(ends)
}
