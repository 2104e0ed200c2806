//! Tells how a message is protected by looking at its structure, as loosely as real programs write it.

use crate::index::{Armor, Index, Part};

/// How a message (or one part of it) is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Not by any form we know.
    Plain,
    /// `multipart/encrypted` of PGP/MIME (RFC 3156), also as Exchange mangles it.
    PgpEncrypted,
    /// Text that begins with a PGP armour, `MESSAGE`.
    PgpInlineEncrypted,
    /// Text that begins with a PGP armour, `SIGNED MESSAGE`.
    PgpInlineSigned,
    /// `multipart/signed` with a PGP signature.
    PgpSigned,
    /// S/MIME with authenticated encryption (RFC 8551 section 3.4).
    SmimeAuthEnveloped,
    /// Certificates only.
    SmimeCertificates,
    /// Compressed data.
    SmimeCompressed,
    /// S/MIME, encrypted (RFC 8551 section 3.3).
    SmimeEnveloped,
    /// S/MIME, but the header does not say which kind: look into the CMS.
    SmimeOpaque,
    /// `multipart/signed` with an S/MIME signature.
    SmimeSignedDetached,
    /// S/MIME with the content inside the signature (RFC 8551 section 3.5.2).
    SmimeSignedOpaque,
}

impl Form {
    /// Returns true if the content can be read only with a private key, going by the header.
    pub fn is_encrypted(self) -> bool {
        matches!(
            self,
            Self::PgpEncrypted
                | Self::PgpInlineEncrypted
                | Self::SmimeAuthEnveloped
                | Self::SmimeEnveloped
        )
    }

    /// Returns true if the body is one CMS object (`application/pkcs7-mime` in any dress).
    pub fn is_cms(self) -> bool {
        matches!(
            self,
            Self::SmimeAuthEnveloped
                | Self::SmimeCertificates
                | Self::SmimeCompressed
                | Self::SmimeEnveloped
                | Self::SmimeOpaque
                | Self::SmimeSignedOpaque
        )
    }
}

/// Classifies the message as a whole.
pub fn classify(index: &Index) -> Form {
    classify_part(index, index.root())
}

/// Classifies one part of the message.
pub fn classify_part(index: &Index, part: &Part) -> Form {
    let content_type = &part.content_type;
    match (content_type.kind.as_str(), content_type.subtype.as_str()) {
        ("multipart", "signed") => signed(index, part),
        ("multipart", "encrypted") => encrypted(index, part),
        ("multipart", _) if is_mangled_pgp(index, part) => Form::PgpEncrypted,
        ("multipart", _) => inline_in_all(index, part),
        (
            "application",
            "pkcs7-mime" | "x-pkcs7-mime" | "pkcs7-signature" | "x-pkcs7-signature",
        ) => smime(part),
        // RFC 8551 section 3.2.1: gateways turn unknown types into octet-stream; the file name tells then.
        ("application", _) if smime_extension(part).is_some() => smime(part),
        _ => inline(part),
    }
}

/// RFC 1847 with RFC 8551 section 3.5.3 or RFC 3156 section 5. The second part says what the signature is; the
/// `protocol` counts only when that part is labelled as something else, it is often missing or wrong.
fn signed(index: &Index, part: &Part) -> Form {
    let Some(signature) = index.children(part).nth(1) else { return Form::Plain };
    let protocol = part.content_type.parameter("protocol").unwrap_or_default().to_ascii_lowercase();
    let by_name = match smime_extension(signature) {
        Some(_) => "application/pkcs7-signature",
        None => "",
    };
    for named in [signature.content_type.essence().as_str(), by_name, protocol.trim()] {
        match named {
            "application/pkcs7-signature"
            | "application/x-pkcs7-signature"
            | "application/pkcs7-mime"
            | "application/x-pkcs7-mime" => return Form::SmimeSignedDetached,
            "application/pgp-signature" => return Form::PgpSigned,
            _ => {}
        }
    }
    Form::Plain
}

/// RFC 3156 section 4.
fn encrypted(index: &Index, part: &Part) -> Form {
    let protocol = part.content_type.parameter("protocol").unwrap_or_default().to_ascii_lowercase();
    let first_is_pgp = index.children(part).next().is_some_and(is_pgp_control);
    if first_is_pgp || protocol.trim() == "application/pgp-encrypted" {
        Form::PgpEncrypted
    } else {
        Form::Plain
    }
}

/// Exchange turns `multipart/encrypted` into `multipart/mixed` with an empty text before it. Nothing else may be in
/// it, or a part in clear would pass as encrypted.
fn is_mangled_pgp(index: &Index, part: &Part) -> bool {
    let mut children: Vec<&Part> = index.children(part).collect();
    if children
        .first()
        .is_some_and(|first| first.content_type.kind == "text" && first.body.len() <= 2)
    {
        children.remove(0);
    }
    let [control, content] = children[..] else { return false };
    is_pgp_control(control) && content.content_type.is("application", "octet-stream")
}

fn is_pgp_control(part: &Part) -> bool {
    part.content_type.is("application", "pgp-encrypted")
}

/// RFC 8551 section 3.2.2; the file name decides if the parameter is missing (section 3.2.1).
fn smime(part: &Part) -> Form {
    let kind =
        part.content_type.parameter("smime-type").unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "enveloped-data" => Form::SmimeEnveloped,
        "authenveloped-data" => Form::SmimeAuthEnveloped,
        "signed-data" => Form::SmimeSignedOpaque,
        "certs-only" => Form::SmimeCertificates,
        "compressed-data" => Form::SmimeCompressed,
        _ => match smime_extension(part) {
            Some("p7c") => Form::SmimeCertificates,
            Some("p7z") => Form::SmimeCompressed,
            _ => Form::SmimeOpaque,
        },
    }
}

/// Returns the ending of the file name if it is one of S/MIME (RFC 8551 section 3.2.1).
fn smime_extension(part: &Part) -> Option<&'static str> {
    let name = part.file_name()?.trim().to_ascii_lowercase();
    let (_, ending) = name.rsplit_once('.')?;
    ["p7c", "p7m", "p7s", "p7z"].into_iter().find(|known| *known == ending)
}

fn inline(part: &Part) -> Form {
    match part.armor {
        Some(Armor::Message) => Form::PgpInlineEncrypted,
        Some(Armor::SignedMessage) => Form::PgpInlineSigned,
        None => Form::Plain,
    }
}

/// A multipart is inline PGP only if each of its leaves is: texts by their armour, files by their name.
fn inline_in_all(index: &Index, part: &Part) -> Form {
    let mut form = None;
    let mut pending: Vec<&Part> = index.children(part).collect();
    while let Some(part) = pending.pop() {
        if !part.is_leaf() {
            pending.extend(index.children(part));
            continue;
        }
        let leaf = match inline(part) {
            Form::Plain if has_pgp_name(part) => continue,
            leaf => leaf,
        };
        if form.is_some_and(|form| form != leaf) {
            return Form::Plain;
        }
        form = Some(leaf);
    }
    form.unwrap_or(Form::Plain)
}

fn has_pgp_name(part: &Part) -> bool {
    let Some(name) = part.file_name() else { return false };
    let ending = name.trim().to_ascii_lowercase();
    [".pgp", ".gpg", ".asc"].into_iter().any(|known| ending.ends_with(known))
}
