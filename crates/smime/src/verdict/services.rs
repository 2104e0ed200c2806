//! What the verdict says about receipts, labels and lists (RFC 2634).

use chancery_cms::{Receipt, ReceiptsFrom, SecurityLabel, Services};
use chancery_crypto::hex;
use serde::Serialize;

/// What one signer asks for, and marks the message with. Nobody but the signer says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServicesVerdict {
    /// The signer wants a signed receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt_request: Option<RequestVerdict>,
    /// How sensitive the message is: the label, then those that mean the same by other policies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelVerdict>,
    /// The mailing lists that handed the message on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ListVerdict>,
    /// Names of the attributes that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<&'static str>,
}

/// A request for a signed receipt (RFC 2634 section 2.7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestVerdict {
    /// What the sender knows the message by, in hexadecimal.
    pub identifier: String,
    /// Who shall answer: `all`, `first-tier`, or addresses.
    pub from: Vec<String>,
    /// Where receipts go.
    pub to: Vec<String>,
}

/// A security label (RFC 2634 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelVerdict {
    /// The policy, as an object identifier with dots.
    pub policy: String,
    /// 0 unmarked, 1 unclassified, 2 restricted, 3 confidential, 4 secret, 5 top secret; others as the policy says.
    pub classification: Option<u64>,
    /// A text for people.
    pub mark: Option<String>,
    /// All of it in words.
    pub text: String,
}

/// A mailing list that handed a message on (RFC 2634 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListVerdict {
    /// The list's certificate in words.
    pub list: String,
    /// When, in Unix seconds; nobody vouches for it.
    pub time: Option<i64>,
    /// True if the list forbids receipts or wants them for itself.
    pub changes_receipts: bool,
}

/// What a signed receipt confirms: that its signer got a message and found its signature right (RFC 2634 section 2.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptVerdict {
    /// The identifier of the request, in hexadecimal.
    pub identifier: String,
    /// The type of the content.
    pub content_type: String,
    /// The signature that was found right, in hexadecimal, the beginning.
    pub signature: String,
}

impl ServicesVerdict {
    /// Puts the services of a signature into words.
    pub fn of(services: &Services) -> Self {
        let labels = services.label.iter().chain(&services.equivalent_labels);
        Self {
            receipt_request: services.receipt_request.as_ref().map(|request| RequestVerdict {
                identifier: shown(&request.identifier),
                from: match &request.from {
                    ReceiptsFrom::All => vec!["all".to_owned()],
                    ReceiptsFrom::FirstTier => vec!["first-tier".to_owned()],
                    ReceiptsFrom::List(addresses) => addresses.clone(),
                },
                to: request.to.clone(),
            }),
            labels: labels.map(LabelVerdict::of).collect(),
            lists: services
                .list_expansions
                .iter()
                .map(|it| ListVerdict {
                    list: it.list.clone(),
                    time: it.time,
                    changes_receipts: it.changes_receipts,
                })
                .collect(),
            unreadable: services.unreadable.clone(),
        }
    }

    /// Returns true if there is nothing of it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns all of it in words, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.labels.iter().map(|label| format!("label: {}", label.text)).collect();
        lines.extend(self.receipt_request.as_ref().map(|request| {
            format!("wants a receipt from {} to {}", request.from.join(", "), request.to.join(", "))
        }));
        lines.extend(self.lists.iter().map(|list| {
            let changes = if list.changes_receipts { ", which changes receipts" } else { "" };
            format!("handed on by the list {}{changes}", list.list)
        }));
        lines.extend(self.unreadable.iter().map(|name| format!("the {name} cannot be read")));
        lines
    }
}

impl LabelVerdict {
    fn of(label: &SecurityLabel) -> Self {
        Self {
            policy: label.policy.clone(),
            classification: label.classification,
            mark: label.privacy_mark.clone(),
            text: label.to_string(),
        }
    }
}

impl ReceiptVerdict {
    pub(crate) fn of(receipt: &Receipt) -> Self {
        Self {
            identifier: shown(&receipt.identifier),
            content_type: receipt.content_type.clone(),
            signature: shown(&receipt.signature),
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    hex(bytes.get(..MAX_HEX).unwrap_or(bytes))
}

/// Bytes of identifiers and signatures that are shown.
const MAX_HEX: usize = 64;
