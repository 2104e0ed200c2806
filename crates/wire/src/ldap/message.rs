//! Messages (RFC 4511 section 4): requests and responses as values.

use crate::ldap::ber::{
    self, BOOLEAN, ENUMERATED, Head, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET, element,
};
use crate::ldap::{Error, Filter};

/// `LDAPMessage`, without its controls: those of responses are not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The number that ties a response to its request; zero for what nobody asked for.
    pub id: u32,
    /// What it is.
    pub operation: Operation,
}

/// `protocolOp`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// `ExtendedResponse`, without its value: with number zero the server says goodbye (section 4.4.1).
    Extended(Outcome),
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

/// `LDAPResult`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `resultCode`; zero is success.
    pub code: u32,
    /// The entry up to which a name exists.
    pub matched: String,
    /// What the server says about it.
    pub text: String,
}

/// A search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRequest {
    /// The name of the entry at which it starts.
    pub base: String,
    /// How far it goes.
    pub scope: Scope,
    /// Whether aliases are followed.
    pub dereference: Dereference,
    /// The most entries wanted; zero for any number.
    pub size_limit: u32,
    /// The most seconds it may take; zero for any time.
    pub time_limit: u32,
    /// Only the names of attributes are wanted.
    pub types_only: bool,
    /// Which entries it is about.
    pub filter: Filter,
    /// The attributes wanted; all if there is none.
    pub attributes: Vec<String>,
}

/// How far a search goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The entry itself.
    #[default]
    Base,
    /// The entries directly below.
    OneLevel,
    /// The entry and everything below.
    Subtree,
}

/// Whether aliases are followed (section 4.5.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dereference {
    /// Never.
    #[default]
    Never,
    /// Below the start, not at it.
    Searching,
    /// At the start only.
    Finding,
    /// Everywhere.
    Always,
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchEntry {
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// An attribute with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its description: the type and its options, such as `cACertificate;binary`.
    pub description: String,
    /// Its values.
    pub values: Vec<Vec<u8>>,
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
            SEARCH_REQUEST => Operation::SearchRequest(SearchRequest::read(body.open())?),
            SEARCH_ENTRY => Operation::SearchEntry(SearchEntry::read(body.open())?),
            SEARCH_DONE => Operation::SearchDone(Outcome::read(body.open())?),
            SEARCH_REFERENCE => Operation::SearchReference(texts(body.open())?),
            EXTENDED_RESPONSE => Operation::Extended(Outcome::read(body.open())?),
            UNBIND => Operation::Unbind,
            tag => Operation::Other(tag),
        };
        Ok(Self { id, operation })
    }

    /// Writes the message.
    pub fn to_ber(&self) -> Vec<u8> {
        let operation = match &self.operation {
            Operation::Extended(outcome) => element(EXTENDED_RESPONSE, &outcome.to_ber()),
            Operation::Other(tag) => element(*tag, &[]),
            Operation::SearchDone(outcome) => element(SEARCH_DONE, &outcome.to_ber()),
            Operation::SearchEntry(entry) => element(SEARCH_ENTRY, &entry.to_ber()),
            Operation::SearchReference(urls) => element(SEARCH_REFERENCE, &list(urls)),
            Operation::SearchRequest(request) => element(SEARCH_REQUEST, &request.to_ber()),
            Operation::Unbind => element(UNBIND, &[]),
        };
        element(SEQUENCE, &[ber::number(INTEGER, self.id), operation].concat())
    }
}

impl Outcome {
    /// `success`.
    pub const SUCCESS: u32 = 0;
    /// `sizeLimitExceeded`: there are more entries.
    pub const SIZE_LIMIT: u32 = 4;
    /// `noSuchObject`.
    pub const NO_SUCH_OBJECT: u32 = 32;

    fn read(mut fields: Reader<'_>) -> Result<Self, Error> {
        let code = fields.expect(ENUMERATED)?.number()?;
        let matched = fields.expect(OCTET_STRING)?.text()?;
        let text = fields.expect(OCTET_STRING)?.text()?;
        // Referrals and what an extension adds are not needed here.
        Ok(Self { code, matched, text })
    }

    fn to_ber(&self) -> Vec<u8> {
        let code = ber::number(ENUMERATED, self.code);
        [code, string(&self.matched), string(&self.text)].concat()
    }
}

impl SearchRequest {
    fn read(mut fields: Reader<'_>) -> Result<Self, Error> {
        let base = fields.expect(OCTET_STRING)?.text()?;
        let scope = match fields.expect(ENUMERATED)?.number()? {
            0 => Scope::Base,
            1 => Scope::OneLevel,
            2 => Scope::Subtree,
            _ => return Err(fields.flaw("the scope is none we know")),
        };
        let dereference = match fields.expect(ENUMERATED)?.number()? {
            0 => Dereference::Never,
            1 => Dereference::Searching,
            2 => Dereference::Finding,
            3 => Dereference::Always,
            _ => return Err(fields.flaw("the treatment of aliases is none we know")),
        };
        let size_limit = fields.expect(INTEGER)?.number()?;
        let time_limit = fields.expect(INTEGER)?.number()?;
        let types_only = fields.expect(BOOLEAN)?.boolean()?;
        let filter = Filter::from_ber(fields.any()?.whole);
        let attributes = texts(fields.expect(SEQUENCE)?.open())?;
        Ok(Self {
            base,
            scope,
            dereference,
            size_limit,
            time_limit,
            types_only,
            filter,
            attributes,
        })
    }

    fn to_ber(&self) -> Vec<u8> {
        let scope = match self.scope {
            Scope::Base => 0,
            Scope::OneLevel => 1,
            Scope::Subtree => 2,
        };
        let dereference = match self.dereference {
            Dereference::Never => 0,
            Dereference::Searching => 1,
            Dereference::Finding => 2,
            Dereference::Always => 3,
        };
        [
            string(&self.base),
            ber::number(ENUMERATED, scope),
            ber::number(ENUMERATED, dereference),
            ber::number(INTEGER, self.size_limit),
            ber::number(INTEGER, self.time_limit),
            element(BOOLEAN, &[if self.types_only { 0xff } else { 0 }]),
            self.filter.ber().to_vec(),
            element(SEQUENCE, &list(&self.attributes)),
        ]
        .concat()
    }
}

impl SearchEntry {
    /// Returns the values of all attributes of a type, whatever their options; types have no case.
    pub fn values_of(&self, attribute_type: &str) -> impl Iterator<Item = &[u8]> {
        let is_it = move |attribute: &&Attribute| {
            let kind = attribute.description.split(';').next().unwrap_or_default();
            kind.eq_ignore_ascii_case(attribute_type)
        };
        let attributes = self.attributes.iter().filter(is_it);
        attributes.flat_map(|attribute| attribute.values.iter().map(Vec::as_slice))
    }

    fn read(mut fields: Reader<'_>) -> Result<Self, Error> {
        let name = fields.expect(OCTET_STRING)?.text()?;
        let mut list = fields.expect(SEQUENCE)?.open();
        let mut attributes = Vec::new();
        while !list.is_empty() {
            let mut parts = list.expect(SEQUENCE)?.open();
            let description = parts.expect(OCTET_STRING)?.text()?;
            let mut set = parts.expect(SET)?.open();
            let mut values = Vec::new();
            while let Some(value) = set.optional(OCTET_STRING)? {
                values.push(value.content.to_vec());
            }
            if !set.is_empty() {
                return Err(set.flaw("a value is no string of octets"));
            }
            attributes.push(Attribute { description, values });
        }
        Ok(Self { name, attributes })
    }

    fn to_ber(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for Attribute { description, values } in &self.attributes {
            let values: Vec<u8> =
                values.iter().flat_map(|value| element(OCTET_STRING, value)).collect();
            let parts = [string(description), element(SET, &values)].concat();
            list.extend(element(SEQUENCE, &parts));
        }
        [string(&self.name), element(SEQUENCE, &list)].concat()
    }
}

fn texts(mut list: Reader<'_>) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    while !list.is_empty() {
        texts.push(list.expect(OCTET_STRING)?.text()?);
    }
    Ok(texts)
}

fn list(texts: &[String]) -> Vec<u8> {
    texts.iter().flat_map(|text| string(text)).collect()
}

fn string(text: &str) -> Vec<u8> {
    element(OCTET_STRING, text.as_bytes())
}

const UNBIND: u8 = 0x42;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const EXTENDED_RESPONSE: u8 = 0x78;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(".{0,12}", 0..4)
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        (0..200_u32, ".{0,20}", ".{0,200}").prop_map(|(code, matched, text)| Outcome {
            code,
            matched,
            text,
        })
    }

    fn request() -> impl Strategy<Value = SearchRequest> {
        let scopes = prop::sample::select(vec![Scope::Base, Scope::OneLevel, Scope::Subtree]);
        let aliases = prop::sample::select(vec![
            Dereference::Never,
            Dereference::Searching,
            Dereference::Finding,
            Dereference::Always,
        ]);
        let limit = 0..=i32::MAX.cast_unsigned();
        (".{0,40}", scopes, aliases, limit.clone(), limit, any::<bool>(), "[a-z]{1,9}", texts())
            .prop_map(
                |(
                    base,
                    scope,
                    dereference,
                    size_limit,
                    time_limit,
                    types_only,
                    name,
                    attributes,
                )| {
                    let filter = Filter::equal(&name, base.as_bytes());
                    SearchRequest {
                        base,
                        scope,
                        dereference,
                        size_limit,
                        time_limit,
                        types_only,
                        filter,
                        attributes,
                    }
                },
            )
    }

    fn entry() -> impl Strategy<Value = SearchEntry> {
        let values = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..3);
        let attribute = ("[a-zA-Z;]{0,12}", values)
            .prop_map(|(description, values)| Attribute { description, values });
        (".{0,40}", prop::collection::vec(attribute, 0..4))
            .prop_map(|(name, attributes)| SearchEntry { name, attributes })
    }

    fn message() -> impl Strategy<Value = Message> {
        let operation = prop_oneof![
            outcome().prop_map(Operation::Extended),
            outcome().prop_map(Operation::SearchDone),
            entry().prop_map(Operation::SearchEntry),
            texts().prop_map(Operation::SearchReference),
            request().prop_map(Operation::SearchRequest),
            Just(Operation::Unbind),
        ];
        (0..=i32::MAX.cast_unsigned(), operation)
            .prop_map(|(id, operation)| Message { id, operation })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_is_written_is_read(message in message()) {
            let ber = message.to_ber();
            prop_assert_eq!(length_of_first(&ber), Ok(Some(ber.len())));
            prop_assert_eq!(Message::from_ber(&ber), Ok(message));
        }

        #[test]
        fn a_part_is_never_a_whole(message in message(), cut in any::<prop::sample::Index>()) {
            let ber = message.to_ber();
            let part = &ber[..cut.index(ber.len())];
            prop_assert!(Message::from_ber(part).is_err());
            let length = length_of_first(part).unwrap();
            prop_assert!(length.is_none_or(|length| length == ber.len()));
        }

        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200), at in 0..40_usize, message in message()) {
            drop(Message::from_ber(&octets));
            let mut ber = message.to_ber();
            let place = at % ber.len();
            ber[place] ^= octets.first().copied().unwrap_or(1);
            drop(Message::from_ber(&ber));
        }
    }

    #[test]
    fn lengths_beyond_ldap_are_refused() {
        for (octets, expected) in [
            (&[][..], Ok(None)),
            (&[0x30], Ok(None)),
            (&[0x30, 0x82, 0x01], Ok(None)),
            (&[0x30, 0x05], Ok(Some(7))),
            (&[0x30, 0x84, 0, 0, 1, 0], Ok(Some(262))),
        ] {
            assert_eq!(length_of_first(octets), expected, "{octets:?}");
        }
        for octets in [&[0x02, 0x01][..], &[0x30, 0x80], &[0x30, 0x85, 0, 0, 0, 0, 1], b"HTTP/1.1"]
        {
            assert!(length_of_first(octets).is_err(), "{octets:?}");
        }
        assert!(Message::from_ber(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_err());
        // The number of a message is at most 2147483647.
        assert!(Message::from_ber(&[0x30, 8, 2, 5, 0, 0x80, 0, 0, 0, 0x42, 0]).is_err());
        assert!(Message::from_ber(&[0x30, 5, 2, 1, 0xff, 0x42, 0]).is_err());
        assert!(Message::from_ber(&[0x30, 4, 2, 0, 0x42, 0]).is_err());
    }

    #[test]
    fn values_are_found_whatever_the_options() {
        let attribute = |description: &str, value: u8| Attribute {
            description: description.to_owned(),
            values: vec![vec![value]],
        };
        let attributes = vec![
            attribute("CACertificate;binary", 1),
            attribute("cn", 2),
            attribute("cacertificate", 3),
        ];
        let entry = SearchEntry { name: String::new(), attributes };
        assert_eq!(entry.values_of("cACertificate").collect::<Vec<_>>(), [[1], [3]]);
    }
}
