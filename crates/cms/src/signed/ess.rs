//! Enhanced security services: what a signer asks for and marks the message with (RFC 2634, RFC 5035).
//!
//! All of it is in signed attributes, so it is as true as the signature; nothing of it decides whether a signature fits.

use std::fmt;

use chancery_crypto::hex;

use crate::error::Error;
use crate::oid;
use crate::time;
use crate::tlv::{Slice, Tlv, element, integer, sequence, tag};

/// The services that one signature has attributes of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Services {
    /// The signer wants to know that the message was read and its signature checked (RFC 2634 section 2.7).
    pub receipt_request: Option<ReceiptRequest>,
    /// How sensitive the content is (RFC 2634 section 3).
    pub label: Option<SecurityLabel>,
    /// The same in the terms of other policies (RFC 2634 section 3.4).
    pub equivalent_labels: Vec<SecurityLabel>,
    /// The mailing lists that handed the message on, in their order (RFC 2634 section 4.2).
    pub list_expansions: Vec<ListExpansion>,
    /// In a signed receipt: the digest of the signed attributes that it confirms (RFC 2634 section 2.6).
    pub message_signature_digest: Option<Vec<u8>>,
    /// Names of the attributes that cannot be read, or are there twice.
    pub unreadable: Vec<&'static str>,
}

/// Asks for a signed receipt (RFC 2634 section 2.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRequest {
    /// What the sender knows the message by.
    pub identifier: Vec<u8>,
    /// Who shall answer.
    pub from: ReceiptsFrom,
    /// The addresses that receipts go to; names of other kinds are left out.
    pub to: Vec<String>,
}

/// Who shall send a receipt (RFC 2634 section 2.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptsFrom {
    /// Everybody who gets the message.
    All,
    /// Everybody who did not get it through a mailing list.
    FirstTier,
    /// These addresses.
    List(Vec<String>),
}

/// How sensitive content is, by somebody's policy (RFC 2634 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityLabel {
    /// The policy, as an object identifier with dots.
    pub policy: String,
    /// 0 unmarked, 1 unclassified, 2 restricted, 3 confidential, 4 secret, 5 top secret; others as the policy says.
    pub classification: Option<u64>,
    /// A text for people.
    pub privacy_mark: Option<String>,
    /// The kinds of categories, as object identifiers with dots; what they hold is the policy's business.
    pub categories: Vec<String>,
}

/// A mailing list that handed a message on (RFC 2634 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListExpansion {
    /// The list's certificate: issuer and serial number, or key identifier, in words.
    pub list: String,
    /// When, in seconds since 1970.
    pub time: Option<i64>,
    /// Whether the list forbids receipts, or wants them for itself.
    pub changes_receipts: bool,
}

impl Services {
    /// Returns true if there is nothing of it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes an attribute if it is one of ours. What is broken is named, and spoils nothing.
    pub(super) fn take(&mut self, id: &[u8], mut values: Slice<'_>) {
        let Some((name, is_there)) = self.known(id) else { return };
        let one = values.any();
        let read = match one {
            Ok(value) if values.is_empty() && !is_there => self.read(id, value),
            _ => Err(Error::SignedAttributes { reason: "an attribute is there twice" }),
        };
        if read.is_err() && !self.unreadable.contains(&name) {
            self.unreadable.push(name);
        }
    }

    /// Returns the name of an attribute, and whether it is already there.
    fn known(&self, id: &[u8]) -> Option<(&'static str, bool)> {
        Some(match id {
            oid::RECEIPT_REQUEST => ("receipt request", self.receipt_request.is_some()),
            oid::SECURITY_LABEL => ("security label", self.label.is_some()),
            oid::EQUIVALENT_LABELS => ("equivalent labels", !self.equivalent_labels.is_empty()),
            oid::LIST_EXPANSION => ("mailing list history", !self.list_expansions.is_empty()),
            oid::MESSAGE_SIGNATURE_DIGEST => {
                ("message signature digest", self.message_signature_digest.is_some())
            }
            _ => return None,
        })
    }

    fn read(&mut self, id: &[u8], value: Tlv<'_>) -> Result<(), Error> {
        match id {
            oid::RECEIPT_REQUEST => self.receipt_request = Some(ReceiptRequest::from_tlv(value)?),
            oid::SECURITY_LABEL => self.label = Some(SecurityLabel::from_tlv(value)?),
            oid::EQUIVALENT_LABELS => {
                self.equivalent_labels =
                    list(value, "equivalent labels", MAX_LIST, SecurityLabel::from_tlv)?;
            }
            oid::LIST_EXPANSION => {
                self.list_expansions =
                    list(value, "mailing lists", MAX_LIST, ListExpansion::from_tlv)?;
            }
            _ => {
                let digest = expected(value, tag::OCTET_STRING, "expected a digest")?;
                self.message_signature_digest = Some(digest.content.to_vec());
            }
        }
        Ok(())
    }
}

impl ReceiptRequest {
    fn from_tlv(value: Tlv<'_>) -> Result<Self, Error> {
        let mut fields = expected(value, tag::SEQUENCE, "expected a receipt request")?.children();
        let identifier =
            fields.expect(tag::OCTET_STRING, "expected a content identifier")?.content.to_vec();
        let from = fields.any()?;
        let from = match from.tag {
            ALL_OR_FIRST_TIER if from.content == [0] => ReceiptsFrom::All,
            ALL_OR_FIRST_TIER if from.content == [1] => ReceiptsFrom::FirstTier,
            RECEIPT_LIST => ReceiptsFrom::List(addresses(from)?),
            _ => {
                return Err(Error::Malformed { offset: from.offset, what: "expected who answers" });
            }
        };
        let to = addresses(fields.expect(tag::SEQUENCE, "expected where receipts go")?)?;
        fields.finish()?;
        Ok(Self { identifier, from, to })
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        let from = match &self.from {
            ReceiptsFrom::All => element(ALL_OR_FIRST_TIER, &[&[0]]),
            ReceiptsFrom::FirstTier => element(ALL_OR_FIRST_TIER, &[&[1]]),
            ReceiptsFrom::List(names) => element(RECEIPT_LIST, &[&general_names(names)]),
        };
        sequence(&[
            &element(tag::OCTET_STRING, &[&self.identifier]),
            &from,
            &sequence(&[&general_names(&self.to)]),
        ])
    }
}

impl SecurityLabel {
    fn from_tlv(value: Tlv<'_>) -> Result<Self, Error> {
        let mut fields = expected(value, tag::SET, "expected a security label")?.children();
        let (mut policy, mut label) = (None, Self::none());
        while !fields.is_empty() {
            // A set has no order but that of DER, and senders of BER take any.
            let field = fields.any()?;
            match field.tag {
                tag::OID if policy.is_none() => policy = Some(oid::numbers(field.content)),
                tag::INTEGER if label.classification.is_none() => {
                    label.classification = Some(field.unsigned()?);
                }
                UTF8_STRING | PRINTABLE_STRING if label.privacy_mark.is_none() => {
                    label.privacy_mark = Some(text(field)?);
                }
                tag::SET if label.categories.is_empty() => {
                    label.categories = list(field, "categories", MAX_LIST, category)?;
                }
                _ => return Err(unexpected(field)),
            }
        }
        label.policy = policy
            .ok_or(Error::Malformed { offset: value.offset, what: "expected a label's policy" })?;
        Ok(label)
    }

    fn none() -> Self {
        Self {
            policy: String::new(),
            classification: None,
            privacy_mark: None,
            categories: Vec::new(),
        }
    }

    /// Returns the label as an element; nothing if the policy is no object identifier. Categories are not written.
    pub(super) fn to_der(&self) -> Option<Vec<u8>> {
        let mut fields = vec![element(tag::OID, &[&oid::from_numbers(&self.policy)?])];
        fields.extend(self.classification.map(integer));
        fields.extend(
            self.privacy_mark.as_ref().map(|mark| element(UTF8_STRING, &[mark.as_bytes()])),
        );
        // X.690 section 10.3: the elements of a SET stand in the order of their tags.
        fields.sort_by_key(|field| field.first().copied());
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        Some(element(tag::SET, &fields))
    }
}

impl fmt::Display for SecurityLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.classification {
            Some(number) => match usize::try_from(number).ok().and_then(|it| CLASSES.get(it)) {
                Some(name) => f.write_str(name)?,
                None => write!(f, "classification {number}")?,
            },
            None => f.write_str("no classification")?,
        }
        write!(f, " by policy {}", self.policy)?;
        if let Some(mark) = &self.privacy_mark {
            write!(f, ", marked \"{mark}\"")?;
        }
        if !self.categories.is_empty() {
            write!(f, ", categories {}", self.categories.join(", "))?;
        }
        Ok(())
    }
}

impl ListExpansion {
    fn from_tlv(value: Tlv<'_>) -> Result<Self, Error> {
        let mut fields = expected(value, tag::SEQUENCE, "expected a mailing list")?.children();
        let identifier = fields.any()?;
        let list = match identifier.tag {
            tag::SEQUENCE => crate::identity::Identifier::from_tlv(identifier)?.to_string(),
            tag::OCTET_STRING => {
                hex(identifier.content.get(..MAX_KEY).unwrap_or(identifier.content))
            }
            _ => return Err(unexpected(identifier)),
        };
        let time = time::from_tlv(fields.expect(tag::GENERALIZED_TIME, "expected a time")?);
        let changes_receipts = !fields.is_empty();
        Ok(Self { list, time, changes_receipts })
    }
}

fn category(value: Tlv<'_>) -> Result<String, Error> {
    let mut fields = expected(value, tag::SEQUENCE, "expected a category")?.children();
    Ok(oid::numbers(fields.expect(tag::implicit(0), "expected a category's type")?.content))
}

/// Reads a list, each of whose elements is one of ours.
fn list<T>(
    value: Tlv<'_>,
    what: &'static str,
    limit: usize,
    read: impl Fn(Tlv<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let (mut elements, mut found) = (value.children(), Vec::new());
    while !elements.is_empty() {
        if found.len() == limit {
            return Err(Error::Limit { what, limit: limit as u64 });
        }
        found.push(read(elements.any()?)?);
    }
    Ok(found)
}

/// Reads a list of `GeneralNames` and returns the mail addresses in it (RFC 5280 section 4.2.1.6).
fn addresses(names: Tlv<'_>) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut groups = names.children();
    while !groups.is_empty() {
        let mut names = groups.expect(tag::SEQUENCE, "expected names")?.children();
        while !names.is_empty() {
            let name = names.any()?;
            if found.len() == MAX_LIST {
                return Err(Error::Limit { what: "names", limit: MAX_LIST as u64 });
            }
            if name.tag == RFC822_NAME && name.content.is_ascii() {
                found.push(String::from_utf8_lossy(name.content).into_owned());
            }
        }
    }
    Ok(found)
}

/// Returns one `GeneralNames` for each address.
fn general_names(addresses: &[String]) -> Vec<u8> {
    addresses
        .iter()
        .flat_map(|address| sequence(&[&element(RFC822_NAME, &[address.as_bytes()])]))
        .collect()
}

fn text(field: Tlv<'_>) -> Result<String, Error> {
    let text = std::str::from_utf8(field.content).map_err(|_| unexpected(field))?;
    Ok(text.chars().take(MAX_MARK).map(|c| if c.is_control() { ' ' } else { c }).collect())
}

fn expected<'a>(value: Tlv<'a>, tag: u8, what: &'static str) -> Result<Tlv<'a>, Error> {
    if value.tag == tag { Ok(value) } else { Err(Error::Malformed { offset: value.offset, what }) }
}

fn unexpected(field: Tlv<'_>) -> Error {
    Error::Malformed { offset: field.offset, what: "unexpected field in an attribute" }
}

/// `AllOrFirstTier`, implicitly tagged.
const ALL_OR_FIRST_TIER: u8 = tag::implicit(0);
/// `receiptList`, implicitly tagged.
const RECEIPT_LIST: u8 = tag::context(1);
/// `rfc822Name` of `GeneralName` (RFC 5280 section 4.2.1.6).
const RFC822_NAME: u8 = tag::implicit(1);
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;

/// RFC 2634 section 3.2.
const CLASSES: [&str; 6] =
    ["unmarked", "unclassified", "restricted", "confidential", "secret", "top secret"];

/// RFC 2634 has limits of 16 for names and 64 for categories.
const MAX_LIST: usize = 64;

/// RFC 2634 section 3.2: `ub-privacy-mark-length`.
const MAX_MARK: usize = 128;

/// Key identifiers have 20 bytes.
const MAX_KEY: usize = 64;

#[cfg(test)]
mod tests;
