//! Lists, responses and bundles in words.

use chancery_crypto::hex;

use crate::bundle::Bundle;
use crate::describe::{Description, certificate, signature_algorithm};
use crate::revocation::list::{Entry, Number};
use crate::revocation::ocsp::CertificateStatus;
use crate::revocation::point::{GeneralName, Kind, PointName, Scope};
use crate::revocation::{OcspResponse, RevocationList, SingleResponse};
use crate::time;

pub(super) fn bundle(bundle: &Bundle) -> Description {
    let mut says = Description::new("bundle");
    says.number("certificates", bundle.certificates.len());
    says.number("lists", bundle.lists.len());
    says.number("unreadable", bundle.unreadable);
    says.parts.extend(bundle.certificates.iter().map(certificate::certificate));
    says.parts.extend(bundle.lists.iter().map(list));
    says
}

pub(super) fn list(list: &RevocationList) -> Description {
    let mut says = Description::new(if list.is_delta() { "delta-crl" } else { "crl" });
    let extensions = list.extensions();
    says.one("issuer", list.issuer_name().to_string());
    says.maybe("number", extensions.number.as_ref().map(Number::to_string));
    says.maybe("base_number", extensions.base.as_ref().map(Number::to_string));
    says.one("this_update", time::text(list.this_update()));
    says.maybe("next_update", list.next_update().map(time::text));
    says.one("signature", signature_algorithm(list.signed().algorithm()));
    if let Some(scope) = &extensions.scope {
        self::scope(scope, &mut says);
    }
    says.maybe("authority_key_id", extensions.authority_key_id.as_deref().map(hex));
    says.many("delta_crl_urls", list.delta_urls());
    says.maybe("unknown_critical", extensions.unknown_critical.as_ref());
    says.maybe("unknown_critical_of_entry", list.unknown_entry_extension());
    says.number("revoked", list.len());
    for (serial, found) in list.first_entries(MAX_ENTRIES) {
        let mut part = Description::new("revoked");
        part.one("serial", hex(&serial));
        entry(&found, &mut part);
        says.parts.push(part);
    }
    let more = list.len().saturating_sub(MAX_ENTRIES);
    if more > 0 {
        says.number("revoked_not_shown", more);
    }
    says
}

pub(super) fn response(response: &OcspResponse) -> Description {
    let mut says = Description::new("ocsp");
    says.one("responder", response.responder().to_string());
    says.one("produced_at", time::text(response.produced_at()));
    says.maybe("nonce", response.nonce().map(hex));
    says.one("signature", signature_algorithm(response.signed().algorithm()));
    says.parts.extend(response.answers().take(MAX_ENTRIES).map(|single| answer(&single)));
    says.parts.extend(response.certificates().iter().map(certificate::certificate));
    says
}

fn answer(answer: &SingleResponse) -> Description {
    let mut says = Description::new("answer");
    says.one("serial", hex(answer.serial()));
    match answer.status() {
        CertificateStatus::Good => says.one("status", "good"),
        CertificateStatus::Revoked(found) => {
            says.one("status", "revoked");
            entry(&found, &mut says);
        }
        CertificateStatus::Unknown => says.one("status", "unknown"),
    }
    says.one("this_update", time::text(answer.this_update()));
    says.maybe("next_update", answer.next_update().map(time::text));
    says.maybe("unknown_critical", answer.unknown_critical());
    says
}

fn entry(entry: &Entry, says: &mut Description) {
    says.one("since", time::text(entry.since));
    says.one("reason", entry.reason.name());
    says.maybe("invalid_since", entry.invalid_since.map(time::text));
}

/// What a list covers (RFC 5280 section 5.2.5).
fn scope(scope: &Scope, says: &mut Description) {
    let only = scope.only.map(|kind| match kind {
        Kind::User => "certificates of users",
        Kind::Ca => "certificates of authorities",
        Kind::Attribute => "attribute certificates",
    });
    says.maybe("only", only);
    says.maybe("only_reasons", scope.reasons.map(|reasons| reasons.to_string()));
    if scope.is_indirect {
        says.one("indirect", "yes");
    }
    match &scope.name {
        Some(PointName::Full(names)) => says.many("distribution_point", names.iter().map(name)),
        Some(PointName::Relative(relative)) => {
            says.one("distribution_point", format!("relative:{}", hex(relative)));
        }
        None => {}
    }
}

fn name(name: &GeneralName) -> String {
    match name {
        GeneralName::Directory(name) => format!("directory:{name}"),
        GeneralName::Other(tag, content) => format!("form {}:{}", tag & 0x1f, hex(content)),
        GeneralName::Uri(uri) => format!("uri:{uri}"),
    }
}

/// Entries that are shown; a list may have millions.
const MAX_ENTRIES: usize = 1000;
