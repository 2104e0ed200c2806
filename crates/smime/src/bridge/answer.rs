//! What a bridge tells a new member.

use chancery_crypto::PrivateKey;
use chancery_pki::Certificate;
use serde::{Deserialize, Serialize};

use crate::bridge::Error;
use crate::bridge::paper::{self, Paper};
use crate::bridge::request::plain;
use crate::bridge::{is_vouched_for, url};

/// The answer to a request: the cross-certificate, signed by the bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The number of the request.
    pub request: String,
    /// The name of the bridge.
    pub bridge: String,
    /// Where it publishes.
    pub url: String,
    /// The level that is granted.
    pub level: String,
    /// Object identifiers of the policies of that level and those below, as the bridge says them.
    pub policies: Vec<String>,
    /// What the bridge says of the member's authority, PEM.
    pub certificate: String,
    /// When it was made, in Unix seconds.
    pub issued: i64,
}

impl Paper for Answer {
    const KIND: &'static str = paper::ANSWER;
    const WHAT: &'static str = "answer";
}

impl Answer {
    /// Signs the answer.
    pub fn write(&self, key: &PrivateKey, bridge: &Certificate) -> Result<String, Error> {
        let heading = format!(
            "Chancery bridge answer\n\nBridge: {}\nLevel:  {}\n\nGive it to the member, which takes it with \
             `chancery bridge cross-sign FILE`.",
            self.bridge, self.level
        );
        paper::write(self, &heading, key, bridge, self.issued)
    }

    /// Reads the answer of a bridge to a request, and the certificate in it; `authority` is that of the member.
    pub fn read(
        bytes: &[u8],
        bridge: &Certificate,
        request: &str,
        authority: &Certificate,
        at: i64,
    ) -> Result<(Self, Certificate), Error> {
        let (answer, signer) = paper::read::<Self>(bytes)?;
        let wrong = |reason: &str| Err(Error::new(Self::WHAT, reason));
        if signer.spki() != bridge.spki() {
            return wrong("it is not signed by the bridge that was asked");
        }
        if answer.request != request {
            return wrong("it is no answer to the newest request");
        }
        if !url::is_base(&answer.url) {
            return wrong("its address is no http address that ends in a slash");
        }
        let certificate = Certificate::from_pem(answer.certificate.as_bytes())
            .map_err(|error| Error::new(Self::WHAT, error.to_string()))?;
        if certificate.spki() != authority.spki()
            || certificate.subject_name() != authority.subject_name()
            || certificate.issuer_name() != bridge.subject_name()
        {
            return wrong("its certificate is not by this bridge for our authority");
        }
        if !is_vouched_for(&certificate, bridge, at) {
            return wrong("its certificate does not hold now");
        }
        let names = [&answer.bridge, &answer.level];
        if names.iter().any(|name| **name != plain(name) || name.is_empty()) {
            return wrong("a name in it is not printable");
        }
        Ok((answer, certificate))
    }
}
