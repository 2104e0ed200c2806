//! The JSON of a card.

use chancery_pki::{Certificate, Organisation};
use der::DateTime;
use serde::{Deserialize, Serialize};

use crate::card::{Card, Error};

/// What an organisation reads, in the words of the card; unknown words are kept, because newer software may say more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Content ciphers, in the order of liking, such as `aes256-gcm`.
    #[serde(default)]
    pub content: Vec<String>,
    /// Ways to carry the content key, such as `rsa-oaep-sha256`.
    #[serde(default)]
    pub key_transport: Vec<String>,
}

/// Version 1. Fields that we do not know are passed over, unless `critical` names them.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    organisation: String,
    domains: Vec<String>,
    /// PEM, as are all certificates.
    ca: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chain: Vec<String>,
    signing: Vec<String>,
    encryption: Vec<String>,
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(default)]
    reach: Reach,
    /// UTC, as in `2026-06-01T12:00:00Z`.
    issued: String,
    expires: String,
}

/// Where the gateway takes mail.
#[derive(Default, Serialize, Deserialize)]
struct Reach {
    #[serde(default)]
    hosts: Vec<String>,
}

/// What is read first, whatever the rest looks like.
#[derive(Deserialize)]
struct Head {
    version: u64,
    #[serde(default)]
    critical: Vec<String>,
}

impl Capabilities {
    /// Returns what this software reads.
    pub fn ours() -> Self {
        let ours = crate::Capabilities::ours();
        Self {
            content: ours.content.iter().map(|cipher| cipher.as_str().to_owned()).collect(),
            key_transport: ours
                .key_transport
                .iter()
                .map(|transport| transport.as_str().to_owned())
                .collect(),
        }
    }
}

/// Writes the JSON.
pub(super) fn encode(card: &Card) -> Result<String, Error> {
    let pem = |list: &[Certificate]| list.iter().map(Certificate::to_pem).collect();
    let document = Document {
        version: VERSION,
        organisation: card.organisation().to_owned(),
        domains: card.domains().to_vec(),
        ca: card.authority.to_pem(),
        chain: pem(&card.chain),
        signing: pem(&card.signing),
        encryption: pem(&card.encryption),
        capabilities: card.capabilities.clone(),
        reach: Reach { hosts: card.hosts.clone() },
        issued: chancery_pki::time::text(card.issued),
        expires: chancery_pki::time::text(card.expires),
    };
    serde_json::to_string_pretty(&document).map_err(|error| Error::syntax(error.to_string()))
}

/// Reads the JSON; looks at the form of each value, not at how they fit together.
pub(super) fn decode(json: &[u8]) -> Result<Card, Error> {
    let not_json =
        |error: serde_json::Error| Error::syntax(format!("the signed content is no card: {error}"));
    let head: Head = serde_json::from_slice(json).map_err(not_json)?;
    if head.version != u64::from(VERSION) {
        return Err(Error::Version {
            reason: format!("it is of version {}, known is {VERSION}", head.version),
        });
    }
    if let Some(unknown) = head.critical.iter().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(Error::Version {
            reason: format!("it demands {unknown:?}, which is not known"),
        });
    }
    let document: Document = serde_json::from_slice(json).map_err(not_json)?;
    let lists = [&document.chain, &document.signing, &document.encryption];
    if document.domains.len() > MAX_DOMAINS
        || lists.iter().any(|list| list.len() > MAX_CERTIFICATES)
    {
        let reason = format!(
            "it has more than {MAX_DOMAINS} domains or {MAX_CERTIFICATES} certificates of a kind"
        );
        return Err(Error::Syntax { reason });
    }
    let words = document.capabilities.content.iter().chain(&document.capabilities.key_transport);
    if words
        .chain(&document.reach.hosts)
        .any(|word| word.len() > 253 || !word.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        return Err(Error::syntax("a capability or host is no plain word"));
    }
    let organisation = Organisation::new(document.organisation, document.domains)
        .map_err(|error| Error::Domain { reason: error.to_string() })?;
    Ok(Card {
        organisation,
        authority: certificate(&document.ca)?,
        chain: certificates(&document.chain)?,
        signing: certificates(&document.signing)?,
        encryption: certificates(&document.encryption)?,
        capabilities: document.capabilities,
        hosts: document.reach.hosts,
        issued: time(&document.issued)?,
        expires: time(&document.expires)?,
    })
}

fn time(text: &str) -> Result<i64, Error> {
    let time: DateTime = text
        .parse()
        .map_err(|_| Error::syntax("a date is not of the form 2026-06-01T12:00:00Z"))?;
    i64::try_from(time.unix_duration().as_secs())
        .map_err(|_| Error::syntax("a date is out of range"))
}

fn certificates(list: &[String]) -> Result<Vec<Certificate>, Error> {
    list.iter().map(|pem| certificate(pem)).collect()
}

/// Reads exactly one certificate: a second one in the same text would be overlooked.
fn certificate(pem: &str) -> Result<Certificate, Error> {
    match Certificate::chain_from_pem(pem.as_bytes())
        .map_err(|error| Error::certificate(&error))?
        .as_slice()
    {
        [one] => Ok(one.clone()),
        _ => Err(Error::syntax("a certificate is not one PEM block")),
    }
}

/// The version that we write and read.
const VERSION: u32 = 1;
/// The fields that we understand and that a card may therefore call critical.
const FIELDS: [&str; 11] = [
    "version",
    "organisation",
    "domains",
    "ca",
    "chain",
    "signing",
    "encryption",
    "capabilities",
    "reach",
    "issued",
    "expires",
];
/// Large organisations have some hundred domains; each is compared with each certificate.
const MAX_DOMAINS: usize = 500;
/// The current certificate, the next one and some old ones.
const MAX_CERTIFICATES: usize = 16;
