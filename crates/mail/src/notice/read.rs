//! Reads delivery status notifications of others: who could not be reached (RFC 3464 in a `multipart/report`, RFC 6533).
//!
//! Anybody can write one. What it says is a hint about a message of ours that it must name, and never more.

use crate::header::HeaderBlock;
use crate::index::{Index, Part};
use crate::{message_id, transfer};

/// What a report says about the message it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// The Message-ID of the message, with angle brackets, from the header that was sent back.
    pub message_id: Option<String>,
    /// The recipients that were given up, at most 64.
    pub recipients: Vec<Failure>,
}

/// One recipient that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The addresses that it goes by: as the sender gave it, if that is said, and where it was sent in the end.
    pub addresses: Vec<String>,
    /// Status and diagnostic on one line, such as `5.1.1 550 no such user`, at most 300 characters; empty if neither is said.
    pub reply: String,
}

impl Failures {
    /// Reads a message, or the beginning of one; `None` if it is no report of a failure. Of each part the first 64 KiB are
    /// read.
    pub fn read(index: &Index, message: &[u8]) -> Option<Self> {
        let root = index.root();
        let kind = root.content_type.parameter("report-type").unwrap_or_default();
        let is_report = root.content_type.is("multipart", "report")
            && ["delivery-status", "global-delivery-status"]
                .iter()
                .any(|it| kind.eq_ignore_ascii_case(it));
        if !is_report {
            return None;
        }
        let mut read = Self::default();
        for part in index.children(root) {
            let essence = part.content_type.essence();
            match essence.as_str() {
                "message/delivery-status" | "message/global-delivery-status" => {
                    read.recipients.extend(failures(&decoded(part, message)));
                    read.recipients.truncate(MAX_RECIPIENTS);
                }
                "text/rfc822-headers"
                | "message/global-headers"
                | "message/rfc822"
                | "message/global" => {
                    let body = decoded(part, message);
                    let field = HeaderBlock::parse(&body).text("message-id");
                    read.message_id = field.and_then(|it| message_id::parse(it.as_bytes()));
                }
                _ => {}
            }
        }
        (!read.recipients.is_empty()).then_some(read)
    }
}

/// Returns what there is of a part, without its transfer encoding; RFC 3464 wants none, RFC 6533 section 4 allows some.
fn decoded(part: &Part, message: &[u8]) -> Vec<u8> {
    let start = usize::try_from(part.body.start).unwrap_or(usize::MAX);
    let length = usize::try_from(part.body.len()).unwrap_or(usize::MAX).min(MAX_PART);
    let there = message.get(start..).unwrap_or_default();
    transfer::decode(part.transfer_encoding, there.get(..length).unwrap_or(there))
}

/// Reads the groups of fields after the first, one for each recipient (RFC 3464 section 2.1).
fn failures(mut rest: &[u8]) -> Vec<Failure> {
    let mut failures = Vec::new();
    while !rest.is_empty() && failures.len() < MAX_RECIPIENTS {
        let group = HeaderBlock::parse(rest);
        failures.extend(failure(&group));
        // A group without any field must not stop the reading.
        rest = rest.get(group.body_offset().max(1)..).unwrap_or_default();
    }
    failures
}

fn failure(group: &HeaderBlock<'_>) -> Option<Failure> {
    if !group.text("action")?.trim().eq_ignore_ascii_case("failed") {
        return None;
    }
    let addresses: Vec<String> = ["original-recipient", "final-recipient"]
        .into_iter()
        .filter_map(|name| address(&group.text(name)?))
        .collect();
    if addresses.is_empty() {
        return None;
    }
    let diagnostic = group.text("diagnostic-code").unwrap_or_default();
    let said = diagnostic.split_once(';').map_or(diagnostic.as_str(), |(_, said)| said);
    let status = group.text("status").unwrap_or_default();
    let words: Vec<&str> = status.split_whitespace().chain(said.split_whitespace()).collect();
    let reply = words.join(" ").chars().filter(|c| !c.is_control()).take(MAX_REPLY).collect();
    Some(Failure { addresses, reply })
}

/// Reads `rfc822; bob@globex.example`, or the same with `utf-8` (RFC 6533 section 3).
fn address(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';')?;
    let address = address.trim();
    let is_mail = ["rfc822", "utf-8"].iter().any(|it| kind.trim().eq_ignore_ascii_case(it));
    (is_mail && address.contains('@') && address.len() <= MAX_ADDRESS).then(|| address.to_owned())
}

/// A report about more is about a list, and names the first ones.
const MAX_RECIPIENTS: usize = 64;

const MAX_PART: usize = 64 << 10;

const MAX_REPLY: usize = 300;

/// RFC 5321 section 4.5.3.1.3 has 256 octets for a path.
const MAX_ADDRESS: usize = 320;
