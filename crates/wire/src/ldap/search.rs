//! Searches and what they find (RFC 4511 sections 4.5.1 and 4.5.2).

use crate::ldap::ber::{
    self, BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET, element,
};
use crate::ldap::message::{list, string, texts};
use crate::ldap::{Error, Filter};

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

impl SearchRequest {
    pub(super) fn read(mut fields: Reader<'_>) -> Result<Self, Error> {
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

    pub(super) fn to_ber(&self) -> Vec<u8> {
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

    pub(super) fn read(mut fields: Reader<'_>) -> Result<Self, Error> {
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

    pub(super) fn to_ber(&self) -> Vec<u8> {
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
