//! What was fetched, known by what it is and not by how it is labelled: servers say `text/plain` about everything.

use chancery_net::ldap::Value;
use chancery_pki::bundle::{self, Bundle};
use chancery_pki::revocation::{OcspResponse, RevocationList};
use chancery_pki::{Certificate, pem};

use crate::error::Error;

/// Certificates, lists and responses that came from one place. Nothing in it is verified.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The certificates.
    pub certificates: Vec<Certificate>,
    /// The lists.
    pub lists: Vec<RevocationList>,
    /// The OCSP responses.
    pub responses: Vec<OcspResponse>,
}

impl Content {
    /// Reads a certificate, a list, a response or a bundle in DER, a bundle in BER, or a PEM text with any of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut content = Self::default();
        let bytes = bytes.trim_ascii_start();
        if bytes.first() == Some(&SEQUENCE) {
            content.add_der(bytes)?;
        } else {
            let blocks = pem::blocks(bytes).map_err(|error| unreadable(&error))?;
            for block in blocks.iter().take(MAX_ITEMS) {
                content.add_labelled(&block.label, &block.der)?;
            }
        }
        if content.is_empty() {
            return Err(Error::Content(
                "there is no certificate, list or response in it".to_owned(),
            ));
        }
        Ok(content)
    }

    /// Reads values of a directory's attributes. What cannot be read is none the worse for the rest.
    pub fn from_values(values: &[Value]) -> Result<Self, Error> {
        let mut content = Self::default();
        let mut last = Error::Content("the entry has no certificate and no list".to_owned());
        for Value { attribute, octets } in values.iter().take(MAX_ITEMS) {
            let added = if attribute == "crosscertificatepair" {
                let pair = bundle::certificate_pair(octets).map_err(|error| unreadable(&error));
                pair.map(|pair| content.certificates.extend(pair))
            } else {
                content.add_der(octets)
            };
            if let Err(error) = added {
                last = error;
            }
        }
        if content.is_empty() { Err(last) } else { Ok(content) }
    }

    /// Returns true if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.lists.is_empty() && self.responses.is_empty()
    }

    /// Returns when the first of its lists and responses ends, in Unix time, if one says so.
    pub(crate) fn next_update(&self) -> Option<i64> {
        let lists = self.lists.iter().map(RevocationList::next_update);
        let answers = self.responses.iter().flat_map(OcspResponse::answers);
        lists.chain(answers.map(|answer| answer.next_update())).flatten().min()
    }

    /// Says what is in it, for people.
    pub(crate) fn summary(&self) -> String {
        let count = |number: usize, what: &str| match number {
            0 => None,
            1 => Some(format!("1 {what}")),
            _ => Some(format!("{number} {what}s")),
        };
        let parts = [
            count(self.certificates.len(), "certificate"),
            count(self.lists.len(), "list"),
            count(self.responses.len(), "response"),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
    }

    /// Reads one structure. The element after the outer one tells which it is: an object identifier begins a bundle, an
    /// enumeration a response, and what else is signed begins with a sequence.
    fn add_der(&mut self, der: &[u8]) -> Result<(), Error> {
        match second_tag(der) {
            Some(OBJECT_IDENTIFIER) => {
                let bundle = Bundle::from_ber(der).map_err(|error| unreadable(&error))?;
                self.certificates.extend(bundle.certificates.into_iter().take(MAX_ITEMS));
                self.lists.extend(bundle.lists.into_iter().take(MAX_ITEMS));
            }
            Some(ENUMERATED) => {
                let response = OcspResponse::from_der(der.to_vec());
                self.responses.push(response.map_err(|error| unreadable(&error))?);
            }
            _ => match Certificate::from_der(der) {
                Ok(certificate) => self.certificates.push(certificate),
                Err(error) => match RevocationList::from_der(der.to_vec()) {
                    Ok(list) => self.lists.push(list),
                    Err(_) => return Err(unreadable(&error)),
                },
            },
        }
        Ok(())
    }

    /// Reads one block of a PEM text; blocks of other kinds are passed over.
    fn add_labelled(&mut self, label: &str, der: &[u8]) -> Result<(), Error> {
        match label {
            "CERTIFICATE"
            | "X509 CERTIFICATE"
            | "TRUSTED CERTIFICATE"
            | "X509 CRL"
            | "PKCS7"
            | "CMS"
            | "OCSP RESPONSE" => self.add_der(der),
            _ => Ok(()),
        }
    }
}

/// Returns the tag of the first element inside the outer one.
fn second_tag(der: &[u8]) -> Option<u8> {
    let length = *der.get(1)?;
    let octets = if length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    der.get(2 + octets).copied()
}

fn unreadable(error: &chancery_pki::Error) -> Error {
    Error::Content(error.to_string())
}

/// The tag of `SEQUENCE`.
const SEQUENCE: u8 = 0x30;
/// The tag of `OBJECT IDENTIFIER`.
const OBJECT_IDENTIFIER: u8 = 0x06;
/// The tag of `ENUMERATED`.
const ENUMERATED: u8 = 0x0a;
/// Certificates or lists taken from one place: the bundle of a bridge with 900 members has 1,800.
const MAX_ITEMS: usize = 4_096;
