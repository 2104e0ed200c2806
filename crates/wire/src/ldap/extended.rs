//! Requests that later documents define (RFC 4511 section 4.12).

use crate::ldap::Error;
use crate::ldap::ber::{Reader, element};
use crate::ldap::message::Outcome;

/// A request that a later document defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedRequest {
    /// Its object identifier.
    pub name: String,
    /// What it says.
    pub value: Option<Vec<u8>>,
}

/// The response to one, or what the server says unasked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtendedResponse {
    /// What became of it.
    pub outcome: Outcome,
    /// Its object identifier.
    pub name: Option<String>,
    /// What it says.
    pub value: Option<Vec<u8>>,
}

/// `StartTLS` (section 4.14).
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// `Notice of Disconnection` (section 4.4.1).
pub const DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
/// "Who am I?" (RFC 4532).
pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

impl ExtendedRequest {
    /// Makes a request that says nothing else.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), value: None }
    }

    pub(super) fn read(mut fields: Reader<'_>) -> Result<Self, Error> {
        let name = fields.expect(REQUEST_NAME)?.text()?;
        let value = fields.optional(REQUEST_VALUE)?.map(|value| value.content.to_vec());
        Ok(Self { name, value })
    }

    pub(super) fn to_ber(&self) -> Vec<u8> {
        let mut fields = element(REQUEST_NAME, self.name.as_bytes());
        if let Some(value) = &self.value {
            fields.extend(element(REQUEST_VALUE, value));
        }
        fields
    }
}

impl ExtendedResponse {
    pub(super) fn read(mut fields: Reader<'_>) -> Result<Self, Error> {
        let outcome = Outcome::read(&mut fields)?;
        let name = fields.optional(RESPONSE_NAME)?.map(|name| name.text()).transpose()?;
        let value = fields.optional(RESPONSE_VALUE)?.map(|value| value.content.to_vec());
        Ok(Self { outcome, name, value })
    }

    pub(super) fn to_ber(&self) -> Vec<u8> {
        let mut fields = self.outcome.to_ber();
        if let Some(name) = &self.name {
            fields.extend(element(RESPONSE_NAME, name.as_bytes()));
        }
        if let Some(value) = &self.value {
            fields.extend(element(RESPONSE_VALUE, value));
        }
        fields
    }
}

const REQUEST_NAME: u8 = 0x80;
const REQUEST_VALUE: u8 = 0x81;
const RESPONSE_NAME: u8 = 0x8a;
const RESPONSE_VALUE: u8 = 0x8b;
