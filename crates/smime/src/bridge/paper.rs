//! Documents between a bridge and its members: JSON in CMS `SignedData`, signed by the key of an authority.
//!
//! The signature proves that whoever wrote the document has the key that is to be vouched for; whose key that is, people
//! settle with the fingerprint. `openssl cms -verify -noverify -inform PEM -in FILE` prints the JSON.

use chancery_cms::{SignOptions, SignerKey, sign_attached, verify_attached};
use chancery_crypto::PrivateKey;
use chancery_pki::{Certificate, pem};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bridge::Error;
use crate::sole_signer::sole_signer;

/// A kind of document.
pub(crate) trait Paper: Serialize + DeserializeOwned {
    /// Its name in the JSON.
    const KIND: &'static str;
    /// Its name for people.
    const WHAT: &'static str;
}

#[derive(Deserialize)]
struct Head {
    kind: String,
    version: u64,
}

/// Signs a document; the heading is for people and is never read back.
pub(crate) fn write<P: Paper>(
    paper: &P,
    heading: &str,
    key: &PrivateKey,
    certificate: &Certificate,
    at: i64,
) -> Result<String, Error> {
    let failed = |error: &dyn std::error::Error| Error::new(P::WHAT, error.to_string());
    let mut json = serde_json::to_value(paper).map_err(|error| failed(&error))?;
    if let Some(fields) = json.as_object_mut() {
        fields.insert("kind".into(), P::KIND.into());
        fields.insert("version".into(), VERSION.into());
    }
    let json = serde_json::to_vec_pretty(&json).map_err(|error| failed(&error))?;
    let signer = SignerKey::new(key.clone(), certificate.der()).map_err(|error| failed(&error))?;
    let options = SignOptions { signing_time: Some(at), ..SignOptions::default() };
    let block = sign_attached(&json, &[signer], &[], &options).map_err(|error| failed(&error))?;
    Ok(format!(
        "{heading}\nOnly the signed block counts; these lines are not read.\n\n{}",
        pem::encode(LABEL, &block)
    ))
}

/// Reads a document and returns it with the certificate whose key signed it.
pub(crate) fn read<P: Paper>(bytes: &[u8]) -> Result<(P, Certificate), Error> {
    let wrong = |reason: String| Error::new(P::WHAT, reason);
    if bytes.len() > MAX_LENGTH {
        return Err(wrong(format!("it has {} octets, the limit is {MAX_LENGTH}", bytes.len())));
    }
    let blocks = pem::blocks(bytes).map_err(|error| wrong(error.to_string()))?;
    // Two blocks show one document to a person and another to a program.
    let [block] = blocks.as_slice() else {
        return Err(wrong(format!("it has {} blocks and must have one", blocks.len())));
    };
    if block.label != LABEL {
        return Err(wrong(format!("it holds a block of {}, not of {LABEL}", block.label)));
    }
    let (content, report) =
        verify_attached(&block.der).map_err(|error| wrong(error.to_string()))?;
    let certificate = sole_signer(&report).map_err(wrong)?;
    let no_json = |error: serde_json::Error| wrong(format!("the signed content: {error}"));
    let head: Head = serde_json::from_slice(&content).map_err(no_json)?;
    if head.kind != P::KIND {
        return Err(wrong("it is a document of another kind".to_owned()));
    }
    if head.version != VERSION {
        return Err(wrong(format!("it is of version {}, known is {VERSION}", head.version)));
    }
    Ok((serde_json::from_slice(&content).map_err(no_json)?, certificate))
}

/// Returns which kind of document this may be, for choosing what to do with it; nothing is verified.
pub fn kind(bytes: &[u8]) -> Option<Kind> {
    let blocks = pem::blocks(bytes.get(..MAX_LENGTH).unwrap_or(bytes)).ok()?;
    match blocks.first()?.label.as_str() {
        "CERTIFICATE" => Some(Kind::Certificate),
        LABEL => {
            let (content, _) = verify_attached(&blocks.first()?.der).ok()?;
            match serde_json::from_slice::<Head>(&content).ok()?.kind.as_str() {
                REQUEST => Some(Kind::Request),
                ANSWER => Some(Kind::Answer),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The documents that go to and fro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a bridge tells a member.
    Answer,
    /// A certificate in PEM.
    Certificate,
    /// What a member asks for.
    Request,
}

/// The kind of [`crate::bridge::Request`].
pub(crate) const REQUEST: &str = "chancery bridge request";
/// The kind of [`crate::bridge::Answer`].
pub(crate) const ANSWER: &str = "chancery bridge answer";

const VERSION: u64 = 1;
/// RFC 7468 section 9.
const LABEL: &str = "CMS";
/// A card has up to 256 KiB, and is in the request.
const MAX_LENGTH: usize = 512 * 1024;
