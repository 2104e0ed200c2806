//! Header protection: the fields of a message inside of its protection (RFC 9788), and the older forms of it.

use chancery_mail::{
    address::{MailboxList, parse_mailbox_list},
    content_type::ContentType,
    header::{Field, HeaderBlock},
};
use serde::Serialize;

pub(crate) mod legacy;
pub(crate) mod legacy_part;
pub(crate) mod parameter;
pub(crate) mod payload;

mod confidentiality;

pub use confidentiality::HeaderConfidentiality;

/// How the header of a message is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderForm {
    /// Not at all: the fields lie outside.
    None,
    /// The content is a whole message, with its header (RFC 8551 section 3.1).
    Wrapped,
    /// The header of the content says `hp` (RFC 9788 section 2.1).
    Hp,
    /// The header of the content says `protected-headers="v1"`, as Autocrypt and Thunderbird wrote it.
    ProtectedHeadersV1,
}

impl HeaderForm {
    /// Reads what the header of the innermost content says.
    pub(crate) fn of_content(content: HeaderBlock<'_>) -> Self {
        // Two fields of this name and programs would differ in which they read.
        let mut fields = content.all("Content-Type");
        let (Some(field), None) = (fields.next(), fields.next()) else { return Self::None };
        let Some(kind) = ContentType::parse(field.value) else { return Self::None };
        // A wrapped message has its header inside; what its wrapper says is about the encryption only.
        if kind.is_message() {
            return Self::None;
        }
        let says = |name: &str, words: &[&str]| {
            kind.parameter(name).is_some_and(|value| {
                words.iter().any(|word| value.trim().eq_ignore_ascii_case(word))
            })
        };
        if says("hp", &["clear", "cipher"]) {
            Self::Hp
        } else if says("protected-headers", &["v1"]) {
            Self::ProtectedHeadersV1
        } else {
            Self::None
        }
    }
}

/// Returns true if the content says that its author did not encrypt it (RFC 9788 section 2.1.1).
pub(crate) fn says_clear(content: HeaderBlock<'_>) -> bool {
    says_hp(content, "clear")
}

/// Returns true if the content says that its author encrypted it (RFC 9788 section 2.1.1).
pub(crate) fn says_cipher(content: HeaderBlock<'_>) -> bool {
    says_hp(content, "cipher")
}

fn says_hp(content: HeaderBlock<'_>, word: &str) -> bool {
    let mut fields = content.all("Content-Type");
    let (Some(field), None) = (fields.next(), fields.next()) else { return false };
    ContentType::parse(field.value)
        .and_then(|kind| kind.parameter("hp").map(|value| value.trim().eq_ignore_ascii_case(word)))
        .unwrap_or_default()
}

/// Returns true if both headers are of one message: the same Message-ID, or the same Date if one has no Message-ID, which
/// servers add on the way. Whoever forwards a message writes another one.
pub(crate) fn is_same_message(outer: HeaderBlock<'_>, inner: HeaderBlock<'_>) -> bool {
    let only = |header: HeaderBlock<'_>, name: &str| header.all(name).take(2).count() == 1;
    let is_same = |name: &str| {
        let both = outer.first(name).zip(inner.first(name));
        only(outer, name)
            && only(inner, name)
            && both.is_some_and(|(a, b)| same_value(name, &a, &b))
    };
    if inner.first("Message-ID").is_some() { is_same("Message-ID") } else { is_same("Date") }
}

/// Returns the name of the field as we write it if it is one that header protection is about: what readers see, answer
/// to or act upon. Trace fields and those of lists belong to the way; they change on it.
pub(crate) fn protected_name(field: &Field<'_>) -> Option<&'static str> {
    PROTECTED.into_iter().find(|name| field.is(name))
}

/// Returns true if both fields mean the same, however they are folded, encoded or quoted.
pub(crate) fn same_value(name: &str, one: &Field<'_>, other: &Field<'_>) -> bool {
    if one.value == other.value || words_of(one) == words_of(other) {
        return true;
    }
    if !ADDRESSES.contains(&name) {
        return false;
    }
    let (one, other) = (parse_mailbox_list(one.value), parse_mailbox_list(other.value));
    let is_clear = |list: &MailboxList| list.problems.is_empty() && !list.mailboxes.is_empty();
    is_clear(&one)
        && is_clear(&other)
        && one.mailboxes.len() == other.mailboxes.len()
        && one.mailboxes.iter().zip(&other.mailboxes).all(|(one, other)| {
            one.address.same_mailbox(&other.address)
                && one.display.split_whitespace().eq(other.display.split_whitespace())
        })
}

/// Returns the words of a field; two fields that cannot be decoded are the same only if their bytes are.
fn words_of(field: &Field<'_>) -> Vec<String> {
    let decoded = field.decoded();
    if decoded.is_whole {
        decoded.text.split_whitespace().map(str::to_owned).collect()
    } else {
        vec![format!("{:?}", field.unfolded())]
    }
}

/// The fields that are protected, in the order in which we write them.
pub(crate) const PROTECTED: [&str; 20] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Comments",
    "Keywords",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Disposition-Notification-To",
    "Importance",
    "Priority",
    "X-Priority",
    "Sensitivity",
    "Auto-Submitted",
];

/// Those of them that hold addresses.
pub(crate) const ADDRESSES: [&str; 8] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Disposition-Notification-To",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn same(name: &str, one: &str, other: &str) -> bool {
        let (one, other) = (format!("{name}: {one}\r\n"), format!("{name}: {other}\r\n"));
        let field = |text: &'_ str| HeaderBlock::parse(text.as_bytes()).raw().to_vec();
        let (one, other) = (field(&one), field(&other));
        let (one, other) = (HeaderBlock::parse(&one), HeaderBlock::parse(&other));
        same_value(name, &one.first(name).unwrap(), &other.first(name).unwrap())
    }

    #[test]
    fn what_relays_do_to_fields_is_no_difference() {
        for (name, one, other) in [
            ("Subject", "a  long\r\n subject", "a long subject"),
            ("Subject", "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "=?utf-8?B?R3LDvMOfZQ==?="),
            ("Subject", "Gr\u{fc}\u{df}e", "=?iso-8859-1?Q?Gr=FC=DFe?="),
            ("From", "J <j@acme.example>", "\"J\" <j@ACME.example>"),
            ("From", "j@acme.example", "<j@acme.example>"),
            ("To", "a@b.example,b@b.example", "a@b.example,\r\n\tb@b.example"),
        ] {
            assert!(same(name, one, other), "{name}: {one:?} {other:?}");
        }
        for (name, one, other) in [
            ("Subject", "pay", "pay now"),
            ("Subject", "Pay", "pay"),
            ("Subject", "=?x-a?Q?a?=", "=?x-a?Q?b?="),
            ("From", "J <j@acme.example>", "K <j@acme.example>"),
            ("From", "j@acme.example", "J@acme.example"),
            ("From", "j@acme.example", "j@acme.example, k@acme.example"),
            ("To", "a@b.example, <", "a@b.example, >"),
        ] {
            assert!(!same(name, one, other), "{name}: {one:?} {other:?}");
        }
    }

    #[test]
    fn the_form_is_what_the_content_says_once() {
        for (header, form) in [
            ("Content-Type: text/plain; hp=clear\r\n", HeaderForm::Hp),
            ("Content-Type: text/plain; HP=\"Cipher\"\r\n", HeaderForm::Hp),
            ("Content-Type: text/plain; protected-headers=v1\r\n", HeaderForm::ProtectedHeadersV1),
            ("Content-Type: text/plain; hp=\"no\"\r\n", HeaderForm::None),
            ("Content-Type: text/plain; hp=clear\r\nContent-Type: text/html\r\n", HeaderForm::None),
            ("Subject: hp=clear\r\n", HeaderForm::None),
        ] {
            assert_eq!(
                HeaderForm::of_content(HeaderBlock::parse(header.as_bytes())),
                form,
                "{header}"
            );
        }
    }
}
