//! How a client says who it is (RFC 4511 section 4.2).

use std::fmt;

use crate::ldap::Error;
use crate::ldap::ber::{self, INTEGER, OCTET_STRING, Reader, element};
use crate::ldap::message::string;

/// A client that says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindRequest {
    /// The version of the protocol; 3.
    pub version: u32,
    /// The name; empty for nobody in particular.
    pub name: String,
    /// How it proves it.
    pub authentication: Authentication,
}

/// How a client proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authentication {
    /// In a way that is not version 3 of the protocol; its tag.
    Other(u8),
    /// By a mechanism of SASL; the credentials are not read.
    Sasl(String),
    /// By a password, which is empty for nobody in particular.
    Simple(Password),
}

/// A password; it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Vec<u8>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl BindRequest {
    /// Makes the request of nobody in particular.
    pub fn anonymous() -> Self {
        Self::simple("", Vec::new())
    }

    /// Makes the request of somebody who has a password.
    pub fn simple(name: &str, password: Vec<u8>) -> Self {
        let authentication = Authentication::Simple(Password(password));
        Self { version: 3, name: name.to_owned(), authentication }
    }

    pub(super) fn read(mut fields: Reader<'_>) -> Result<Self, Error> {
        let version = fields.expect(INTEGER)?.number()?;
        let name = fields.expect(OCTET_STRING)?.text()?;
        let proof = fields.any()?;
        let authentication = match proof.tag {
            SIMPLE => Authentication::Simple(Password(proof.content.to_vec())),
            SASL => Authentication::Sasl(proof.open().expect(OCTET_STRING)?.text()?),
            tag => Authentication::Other(tag),
        };
        Ok(Self { version, name, authentication })
    }

    pub(super) fn to_ber(&self) -> Vec<u8> {
        let proof = match &self.authentication {
            Authentication::Other(tag) => element(*tag, &[]),
            Authentication::Sasl(mechanism) => element(SASL, &string(mechanism)),
            Authentication::Simple(password) => element(SIMPLE, &password.0),
        };
        [ber::number(INTEGER, self.version), string(&self.name), proof].concat()
    }
}

const SIMPLE: u8 = 0x80;
const SASL: u8 = 0xa3;
