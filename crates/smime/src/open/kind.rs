//! Tells what kind of CMS structure a body holds, by what is inside of it.

use std::io;

use chancery_mail::form::Form;

use crate::open::layers::Content;

/// What kind of CMS structure a body holds.
pub(super) enum Kind {
    Authenticated(Sealed),
    Compressed,
    Digested,
    Enveloped(Sealed),
    /// Something that is not used in mail; its type.
    Other(String),
    Signed,
}

/// What can be seen of an encryption from outside.
pub(super) struct Sealed {
    pub(super) name: &'static str,
    /// The first recipients, in words.
    pub(super) recipients: String,
}

/// Tells the kind by the content type inside; the header is often wrong (RFC 8551 section 3.2.2).
pub(super) fn kind_of(at: &mut Content<'_>, form: Form) -> io::Result<Kind> {
    let Ok(inspected) = chancery_cms::inspect(at.cms()?) else {
        // It says that it is encrypted, or does not say: opening it tells what is wrong with it.
        let sealed = Sealed { name: "enveloped-data", recipients: String::new() };
        return Ok(if form == Form::SmimeSignedOpaque {
            Kind::Signed
        } else {
            Kind::Enveloped(sealed)
        });
    };
    let sealed = |name| {
        let named: Vec<&str> =
            inspected.recipients.iter().take(MAX_NAMED).map(String::as_str).collect();
        let more = if inspected.recipient_count > named.len() { "; …" } else { "" };
        Sealed { name, recipients: format!("{}{more}", named.join("; ")) }
    };
    Ok(match inspected.content_type.as_str() {
        "authenticated-data" => Kind::Authenticated(sealed("authenticated-data")),
        "enveloped-data" => Kind::Enveloped(sealed("enveloped-data")),
        "auth-enveloped-data" => Kind::Enveloped(sealed("authenveloped-data")),
        "compressed-data" => Kind::Compressed,
        "digested-data" => Kind::Digested,
        "signed-data" => Kind::Signed,
        _ => Kind::Other(inspected.content_type),
    })
}

/// Recipients named in a problem; the admin looks for the own name among them.
const MAX_NAMED: usize = 3;
