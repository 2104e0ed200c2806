//! Certificates, lists, responses and bundles in words: one value that is text for people and JSON for programs.
//!
//! Everything that came from outside is made safe to print. Nothing is verified: a description says what is written there.

mod certificate;
mod evidence;

use std::fmt::{self, Write as _};

use chancery_crypto::SignatureAlgorithm;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::bundle::Bundle;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::name::printable;
use crate::pem;
use crate::revocation::{OcspResponse, RevocationList};

/// What one thing says, in the order in which people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What it is: `certificate`, `crl`, `delta-crl`, `ocsp`, `answer`, `revoked` or `bundle`.
    pub kind: &'static str,
    /// What it says.
    pub fields: Vec<(&'static str, Value)>,
    /// What is inside.
    pub parts: Vec<Description>,
}

/// What one field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Any number of things.
    Many(Vec<String>),
    /// A count.
    Number(u64),
    /// One thing.
    One(String),
}

/// Something that was read from a file.
#[derive(Clone, Debug)]
pub enum Object {
    /// Certificates and lists in one piece.
    Bundle(Bundle),
    /// A certificate.
    Certificate(Certificate),
    /// A list of revoked certificates.
    List(RevocationList),
    /// A response of an OCSP responder.
    Response(OcspResponse),
}

impl Object {
    /// Reads what is in a file: every block of a PEM text that is of these kinds, or one of them in DER.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        // 0x30 is the SEQUENCE that all of them start with; in a text it is the digit 0.
        if bytes.first() == Some(&0x30) {
            return Self::from_der(bytes).map(|object| vec![object]);
        }
        let mut objects = Vec::new();
        for block in pem::blocks(bytes)? {
            objects.extend(match block.label.as_str() {
                "CERTIFICATE" | "X509 CERTIFICATE" => {
                    Some(Self::Certificate(Certificate::from_der(&block.der)?))
                }
                "X509 CRL" | "CRL" => {
                    Some(Self::List(RevocationList::from_der(block.der.to_vec())?))
                }
                "OCSP RESPONSE" => {
                    Some(Self::Response(OcspResponse::from_der(block.der.to_vec())?))
                }
                "PKCS7" | "CMS" => Some(Self::Bundle(Bundle::from_ber(&block.der)?)),
                // Keys and whatever else may be in the same file are not shown.
                _ => None,
            });
        }
        let reason = "there is no certificate, list, response or bundle in it";
        if objects.is_empty() {
            Err(Error::Pem { offset: bytes.len(), reason })
        } else {
            Ok(objects)
        }
    }

    /// Reads one of them in DER. What it is is seen from what it begins with.
    fn from_der(der: &[u8]) -> Result<Self, Error> {
        let first = match der.get(1) {
            Some(length @ 0x81..=0x84) => 2 + usize::from(length & 0x7f),
            _ => 2,
        };
        match der.get(first) {
            // The object identifier of `ContentInfo`, the status of `OCSPResponse`.
            Some(0x06) => Bundle::from_ber(der).map(Self::Bundle),
            Some(0x0a) => OcspResponse::from_der(der.to_vec()).map(Self::Response),
            _ => Certificate::from_der(der).map(Self::Certificate).or_else(|error| {
                // If it is neither, what it lacks as a certificate is told.
                RevocationList::from_der(der.to_vec()).map(Self::List).map_err(|_| error)
            }),
        }
    }

    /// Says in words what it says.
    pub fn describe(&self) -> Description {
        match self {
            Self::Bundle(bundle) => evidence::bundle(bundle),
            Self::Certificate(certificate) => certificate::certificate(certificate),
            Self::List(list) => evidence::list(list),
            Self::Response(response) => evidence::response(response),
        }
    }
}

impl Description {
    fn new(kind: &'static str) -> Self {
        Self { kind, fields: Vec::new(), parts: Vec::new() }
    }

    /// Adds a field of one value.
    fn one(&mut self, name: &'static str, value: impl AsRef<str>) {
        self.fields.push((name, Value::One(printable(value.as_ref()))));
    }

    fn number(&mut self, name: &'static str, value: usize) {
        self.fields.push((name, Value::Number(u64::try_from(value).unwrap_or(u64::MAX))));
    }

    /// Adds a field of one value if there is one.
    fn maybe(&mut self, name: &'static str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.one(name, value);
        }
    }

    /// Adds a field of many values if there is any.
    fn many(&mut self, name: &'static str, values: impl IntoIterator<Item = impl AsRef<str>>) {
        let values: Vec<_> = values.into_iter().map(|value| printable(value.as_ref())).collect();
        if !values.is_empty() {
            self.fields.push((name, Value::Many(values)));
        }
    }

    /// Writes the fields in a column, and what is inside below, farther to the right.
    fn write(&self, depth: usize, out: &mut impl fmt::Write) -> fmt::Result {
        let indent = "  ".repeat(depth);
        writeln!(out, "{indent}{}", self.kind)?;
        let width = self.fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.fields {
            let name = name.replace('_', " ");
            let mut label = format!("{indent}  {name:width$}");
            let values = match value {
                Value::Many(values) => values.clone(),
                Value::Number(number) => vec![number.to_string()],
                Value::One(value) => vec![value.clone()],
            };
            for value in values {
                writeln!(out, "{label}  {value}")?;
                label = " ".repeat(label.chars().count());
            }
        }
        self.parts.iter().try_for_each(|part| part.write(depth + 1, out))
    }
}

impl fmt::Display for Description {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(0, &mut text)?;
        formatter.write_str(text.trim_end())?;
        formatter.write_char('\n')
    }
}

impl Serialize for Description {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        if !self.parts.is_empty() {
            map.serialize_entry("parts", &self.parts)?;
        }
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Many(values) => values.serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::One(value) => value.serialize(serializer),
        }
    }
}

/// Names the algorithm of a signature.
fn signature_algorithm(der: &[u8]) -> String {
    SignatureAlgorithm::from_der(der)
        .map_or_else(|error| error.to_string(), |algorithm| algorithm.to_string())
}
