//! Header confidentiality policies: what the world sees of each field of an encrypted message (RFC 9788 section 3.2).

use chancery_mail::{address::parse_mailbox_list, date, header::Field};

use crate::header::ADDRESSES;

/// What the world sees of the header of an encrypted message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderConfidentiality {
    /// Hides Subject, Comments and Keywords (`hcp_baseline`, RFC 9788 section 3.2.1).
    #[default]
    Baseline,
    /// Hides these, the names beside addresses, and the author's time zone (`hcp_shy`, RFC 9788 section 3.2.2).
    Shy,
    /// Hides nothing; the fields are only protected against changes (`hcp_no_confidentiality`, RFC 9788 section 3.2.3).
    None,
}

impl HeaderConfidentiality {
    /// Returns the name that RFC 9788 gives the policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "hcp_baseline",
            Self::Shy => "hcp_shy",
            Self::None => "hcp_no_confidentiality",
        }
    }

    /// Returns the field as it stands outside, with its line end; nothing if it is only inside.
    ///
    /// `plain` is the field in a form that every relay can carry.
    pub(crate) fn outside(self, name: &str, field: &Field<'_>, plain: Vec<u8>) -> Option<Vec<u8>> {
        match (self, name) {
            (Self::Baseline | Self::Shy, "Subject") => Some(b"Subject: [...]\r\n".to_vec()),
            (Self::Baseline | Self::Shy, "Comments" | "Keywords") => None,
            (Self::Shy, "Date") => {
                let utc = date::parse(&field.unfolded()).map(date::format);
                Some(utc.map_or(plain, |utc| format!("Date: {utc}\r\n").into_bytes()))
            }
            // What cannot be read stays, where a message needs it.
            (Self::Shy, "From") => Some(bare_addresses(name, field).unwrap_or(plain)),
            (Self::Shy, name) if ADDRESSES.contains(&name) => bare_addresses(name, field),
            _ => Some(plain),
        }
    }
}

/// Returns an address field without the names of people; nothing if it is not clear.
fn bare_addresses(name: &str, field: &Field<'_>) -> Option<Vec<u8>> {
    let list = parse_mailbox_list(field.value);
    if !list.problems.is_empty() || list.mailboxes.is_empty() {
        return None;
    }
    let addresses: Vec<String> =
        list.mailboxes.iter().map(|mailbox| mailbox.address.to_string()).collect();
    Some(format!("{name}: {}\r\n", addresses.join(",\r\n ")).into_bytes())
}
