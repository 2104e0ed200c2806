//! Messages (RFC 4511 section 4): requests and responses as values.

use crate::ldap::Error;
use crate::ldap::ber::{
    self, BOOLEAN, ENUMERATED, Head, INTEGER, OCTET_STRING, Reader, SEQUENCE, element,
};
use crate::ldap::bind::BindRequest;
use crate::ldap::extended::{ExtendedRequest, ExtendedResponse};
use crate::ldap::search::{SearchEntry, SearchRequest};

/// `LDAPMessage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The number that ties a response to its request; zero for what nobody asked for.
    pub id: u32,
    /// What it is.
    pub operation: Operation,
    /// What else is asked for or told.
    pub controls: Vec<Control>,
}

/// `protocolOp`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// `AbandonRequest`: nobody waits for the answer to the request of this number.
    Abandon(u32),
    /// `BindRequest`: the client says who it is.
    Bind(BindRequest),
    /// `BindResponse`, without what SASL adds.
    BindDone(Outcome),
    /// `ExtendedResponse`: with number zero the server says goodbye (section 4.4.1).
    Extended(ExtendedResponse),
    /// `ExtendedRequest`.
    ExtendedRequest(ExtendedRequest),
    /// A request that is not read further, because no directory of certificates takes it.
    Foreign(Foreign),
    /// The response to one.
    ForeignDone(Foreign, Outcome),
    /// Something else; its tag.
    Other(u8),
    /// `SearchResultDone`: there is no more.
    SearchDone(Outcome),
    /// `SearchResultEntry`.
    SearchEntry(SearchEntry),
    /// `SearchResultReference`: other places where there may be more.
    SearchReference(Vec<String>),
    /// `SearchRequest`.
    SearchRequest(SearchRequest),
    /// `UnbindRequest`: the client says goodbye.
    Unbind,
}

/// What would change entries or compare their values (sections 4.6 to 4.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// `AddRequest`.
    Add,
    /// `CompareRequest`.
    Compare,
    /// `DelRequest`.
    Delete,
    /// `ModifyRequest`.
    Modify,
    /// `ModifyDNRequest`.
    ModifyName,
}

/// `Control` (section 4.1.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its object identifier.
    pub kind: String,
    /// The request is not to be served by whoever does not know it.
    pub is_critical: bool,
    /// What it says.
    pub value: Option<Vec<u8>>,
}

/// `LDAPResult`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `resultCode`; zero is success.
    pub code: u32,
    /// The entry up to which a name exists.
    pub matched: String,
    /// What the server says about it.
    pub text: String,
}

/// Returns how many octets the message has that begins here, as far as can be told; `None` if more are needed for that.
pub fn length_of_first(bytes: &[u8]) -> Result<Option<usize>, Error> {
    if bytes.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Err(Error::Message { what: "something else than a message is", offset: 0 });
    }
    match ber::head(bytes) {
        Head::Known { head, length } => Ok(head.checked_add(length)),
        Head::Short => Ok(None),
        Head::Bad => Err(Error::Message { what: "a length that LDAP does not have is", offset: 1 }),
    }
}

impl Message {
    /// Makes a message without controls.
    pub fn new(id: u32, operation: Operation) -> Self {
        Self { id, operation, controls: Vec::new() }
    }

    /// Reads one message; there must be nothing after it.
    pub fn from_ber(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::new(bytes);
        let mut fields = outer.expect(SEQUENCE)?.open();
        if !outer.is_empty() {
            return Err(outer.flaw("there is more after the end"));
        }
        let id = fields.expect(INTEGER)?.number()?;
        let body = fields.any()?;
        let operation = match body.tag {
            ABANDON => Operation::Abandon(body.number()?),
            BIND => Operation::Bind(BindRequest::read(body.open())?),
            BIND_DONE => Operation::BindDone(Outcome::read(&mut body.open())?),
            SEARCH_REQUEST => Operation::SearchRequest(SearchRequest::read(body.open())?),
            SEARCH_ENTRY => Operation::SearchEntry(SearchEntry::read(body.open())?),
            SEARCH_DONE => Operation::SearchDone(Outcome::read(&mut body.open())?),
            SEARCH_REFERENCE => Operation::SearchReference(texts(body.open())?),
            EXTENDED_REQUEST => Operation::ExtendedRequest(ExtendedRequest::read(body.open())?),
            EXTENDED_RESPONSE => Operation::Extended(ExtendedResponse::read(body.open())?),
            UNBIND => Operation::Unbind,
            tag => match Foreign::ALL.into_iter().find(|it| it.tags().contains(&tag)) {
                Some(foreign) if foreign.tags().first() == Some(&tag) => {
                    Operation::Foreign(foreign)
                }
                Some(foreign) => Operation::ForeignDone(foreign, Outcome::read(&mut body.open())?),
                None => Operation::Other(tag),
            },
        };
        let controls = match fields.optional(CONTROLS)? {
            Some(list) => controls(list.open())?,
            None => Vec::new(),
        };
        Ok(Self { id, operation, controls })
    }

    /// Writes the message.
    pub fn to_ber(&self) -> Vec<u8> {
        let operation = match &self.operation {
            Operation::Abandon(id) => ber::number(ABANDON, *id),
            Operation::Bind(request) => element(BIND, &request.to_ber()),
            Operation::BindDone(outcome) => element(BIND_DONE, &outcome.to_ber()),
            Operation::Extended(response) => element(EXTENDED_RESPONSE, &response.to_ber()),
            Operation::ExtendedRequest(request) => element(EXTENDED_REQUEST, &request.to_ber()),
            Operation::Foreign(foreign) => element(foreign.tags()[0], &[]),
            Operation::ForeignDone(foreign, outcome) => {
                element(foreign.tags()[1], &outcome.to_ber())
            }
            Operation::Other(tag) => element(*tag, &[]),
            Operation::SearchDone(outcome) => element(SEARCH_DONE, &outcome.to_ber()),
            Operation::SearchEntry(entry) => element(SEARCH_ENTRY, &entry.to_ber()),
            Operation::SearchReference(urls) => element(SEARCH_REFERENCE, &list(urls)),
            Operation::SearchRequest(request) => element(SEARCH_REQUEST, &request.to_ber()),
            Operation::Unbind => element(UNBIND, &[]),
        };
        let mut content = [ber::number(INTEGER, self.id), operation].concat();
        if !self.controls.is_empty() {
            let controls: Vec<u8> = self.controls.iter().flat_map(Control::to_ber).collect();
            content.extend(element(CONTROLS, &controls));
        }
        element(SEQUENCE, &content)
    }
}

impl Foreign {
    const ALL: [Self; 5] = [Self::Add, Self::Compare, Self::Delete, Self::Modify, Self::ModifyName];

    /// Returns the tags of request and response.
    fn tags(self) -> [u8; 2] {
        match self {
            Self::Add => [0x68, 0x69],
            Self::Compare => [0x6e, 0x6f],
            Self::Delete => [0x4a, 0x6b],
            Self::Modify => [0x66, 0x67],
            Self::ModifyName => [0x6c, 0x6d],
        }
    }
}

impl Control {
    fn read(mut fields: Reader<'_>) -> Result<Self, Error> {
        let kind = fields.expect(OCTET_STRING)?.text()?;
        let is_critical = match fields.optional(BOOLEAN)? {
            Some(value) => value.boolean()?,
            None => false,
        };
        let value = fields.optional(OCTET_STRING)?.map(|value| value.content.to_vec());
        Ok(Self { kind, is_critical, value })
    }

    fn to_ber(&self) -> Vec<u8> {
        let mut fields = string(&self.kind);
        if self.is_critical {
            fields.extend(element(BOOLEAN, &[0xff]));
        }
        if let Some(value) = &self.value {
            fields.extend(element(OCTET_STRING, value));
        }
        element(SEQUENCE, &fields)
    }
}

impl Outcome {
    /// `success`.
    pub const SUCCESS: u32 = 0;
    /// `operationsError`: not in this order.
    pub const OPERATIONS_ERROR: u32 = 1;
    /// `protocolError`.
    pub const PROTOCOL_ERROR: u32 = 2;
    /// `timeLimitExceeded`.
    pub const TIME_LIMIT: u32 = 3;
    /// `sizeLimitExceeded`: there are more entries.
    pub const SIZE_LIMIT: u32 = 4;
    /// `authMethodNotSupported`.
    pub const METHOD_NOT_SUPPORTED: u32 = 7;
    /// `adminLimitExceeded`.
    pub const ADMIN_LIMIT: u32 = 11;
    /// `unavailableCriticalExtension`.
    pub const UNAVAILABLE_CRITICAL: u32 = 12;
    /// `confidentialityRequired`: not without TLS.
    pub const CONFIDENTIALITY_REQUIRED: u32 = 13;
    /// `noSuchObject`.
    pub const NO_SUCH_OBJECT: u32 = 32;
    /// `invalidCredentials`.
    pub const INVALID_CREDENTIALS: u32 = 49;
    /// `insufficientAccessRights`.
    pub const INSUFFICIENT_RIGHTS: u32 = 50;
    /// `busy`: later.
    pub const BUSY: u32 = 51;
    /// `unavailable`: shutting down.
    pub const UNAVAILABLE: u32 = 52;
    /// `unwillingToPerform`.
    pub const UNWILLING: u32 = 53;
    /// `loopDetect`: the question has been here before.
    pub const LOOP: u32 = 54;
    /// `other`.
    pub const OTHER: u32 = 80;

    /// Makes an outcome with a text of the server.
    pub fn new(code: u32, text: &str) -> Self {
        Self { code, matched: String::new(), text: text.to_owned() }
    }

    /// Reads it; what an operation adds is left to be read.
    pub(super) fn read(fields: &mut Reader<'_>) -> Result<Self, Error> {
        let code = fields.expect(ENUMERATED)?.number()?;
        let matched = fields.expect(OCTET_STRING)?.text()?;
        let text = fields.expect(OCTET_STRING)?.text()?;
        // Referrals are not followed: they lead to places that nobody asked us to ask.
        fields.optional(REFERRAL)?;
        Ok(Self { code, matched, text })
    }

    pub(super) fn to_ber(&self) -> Vec<u8> {
        let code = ber::number(ENUMERATED, self.code);
        [code, string(&self.matched), string(&self.text)].concat()
    }
}

fn controls(mut list: Reader<'_>) -> Result<Vec<Control>, Error> {
    let mut controls = Vec::new();
    while !list.is_empty() {
        if controls.len() >= MAX_CONTROLS {
            return Err(list.flaw("there are too many controls"));
        }
        controls.push(Control::read(list.expect(SEQUENCE)?.open())?);
    }
    Ok(controls)
}

pub(super) fn texts(mut list: Reader<'_>) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    while !list.is_empty() {
        texts.push(list.expect(OCTET_STRING)?.text()?);
    }
    Ok(texts)
}

pub(super) fn list(texts: &[String]) -> Vec<u8> {
    texts.iter().flat_map(|text| string(text)).collect()
}

pub(super) fn string(text: &str) -> Vec<u8> {
    element(OCTET_STRING, text.as_bytes())
}

const ABANDON: u8 = 0x50;
const BIND: u8 = 0x60;
const BIND_DONE: u8 = 0x61;
const UNBIND: u8 = 0x42;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
const CONTROLS: u8 = 0xa0;
/// Within an outcome.
const REFERRAL: u8 = 0xa3;
/// Controls of one message; clients send three at most.
const MAX_CONTROLS: usize = 16;

#[cfg(test)]
mod tests;
