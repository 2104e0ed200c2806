//! What an organisation asks of a bridge.

use crate::card::Card;
use chancery_crypto::PrivateKey;
use chancery_pki::{Certificate, ObjectIdentifier};
use serde::{Deserialize, Serialize};

use crate::bridge::Error;
use crate::bridge::paper::{self, Paper};
use crate::bridge::url;

/// A request to be a member: signed by the authority that is to be vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// A random number, so that no request counts twice.
    pub id: String,
    /// The fingerprint of the bridge that is asked, so that no request counts elsewhere.
    pub bridge: String,
    /// The assurance level that is asked for.
    pub level: String,
    /// The domains, all of them on the card.
    pub domains: Vec<String>,
    /// Object identifiers of the member's own certificate policies.
    #[serde(default)]
    pub policies: Vec<String>,
    /// Where the member publishes certificates itself, ending in a slash.
    #[serde(default)]
    pub publication: Option<String>,
    /// The member's card.
    pub card: String,
    /// When it was made, in Unix seconds.
    pub issued: i64,
}

impl Paper for Request {
    const KIND: &'static str = paper::REQUEST;
    const WHAT: &'static str = "request";
}

impl Request {
    /// Signs the request.
    pub fn write(&self, key: &PrivateKey, authority: &Certificate) -> Result<String, Error> {
        let heading = format!(
            "Chancery bridge request\n\nDomains: {}\nLevel:   {}\n\nGive it to the bridge, which takes it with \
             `chancery bridge join FILE`.",
            self.domains.join(" "),
            self.level
        );
        paper::write(self, &heading, key, authority, self.issued)
    }

    /// Reads a request for the bridge with this fingerprint, and the card in it. That it was not taken before is for the
    /// caller to see.
    pub fn read(bytes: &[u8], bridge: &str, at: i64) -> Result<(Self, Card), Error> {
        let (request, signer) = paper::read::<Self>(bytes)?;
        let wrong = |reason: String| Error::new(Self::WHAT, reason);
        if request.bridge != bridge {
            return Err(wrong(format!(
                "it is for the bridge with fingerprint {}, and this one has {bridge}",
                plain(&request.bridge)
            )));
        }
        if request.issued > at.saturating_add(LEEWAY) {
            return Err(wrong("it is from the future".to_owned()));
        }
        if at > request.issued.saturating_add(LIFE) {
            return Err(wrong("it is older than 30 days".to_owned()));
        }
        let (card, _) = Card::read(request.card.as_bytes(), at)
            .map_err(|error| wrong(format!("its card: {error}")))?;
        if card.authority().spki() != signer.spki()
            || card.authority().subject_name() != signer.subject_name()
        {
            return Err(wrong("it is not signed by the authority of its card".to_owned()));
        }
        request.check_form(&card)?;
        Ok((request, card))
    }

    fn check_form(&self, card: &Card) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::new(Self::WHAT, reason));
        if self.id.len() != 32 || !self.id.bytes().all(|it| it.is_ascii_hexdigit()) {
            return wrong("its number is not one of 128 bits".to_owned());
        }
        let mut seen: Vec<&str> = Vec::new();
        for domain in &self.domains {
            if !card.domains().contains(domain) {
                return wrong(format!("{} is not on its card", plain(domain)));
            }
            if seen.contains(&domain.as_str()) {
                return wrong(format!("it lists {domain} twice"));
            }
            seen.push(domain);
        }
        if self.domains.is_empty() {
            return wrong("it lists no domain".to_owned());
        }
        if self.policies.len() > MAX_POLICIES {
            return wrong(format!("it lists more than {MAX_POLICIES} policies"));
        }
        if let Some(bad) = self.policies.iter().find(|it| ObjectIdentifier::new(it).is_err()) {
            return wrong(format!("{} is no object identifier", plain(bad)));
        }
        if self.level.is_empty() || self.level.len() > 64 || self.level.contains(char::is_control) {
            return wrong("its level is no plain word".to_owned());
        }
        match &self.publication {
            Some(text) if !url::is_base(text) => {
                wrong(format!("{} is no http address that ends in a slash", plain(text)))
            }
            _ => Ok(()),
        }
    }
}

/// Makes foreign text safe to print.
pub fn plain(text: &str) -> String {
    // The ranges are the invisible and the bidirectional format characters.
    let is_hidden = |it: char| {
        it.is_control()
            || matches!(it, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().take(100).map(|it| if is_hidden(it) { '?' } else { it }).collect()
}

/// The member's clock may be ahead of ours.
const LEEWAY: i64 = 3600;
/// For how long a request counts: 30 days.
const LIFE: i64 = 30 * 86_400;
/// Policies of one member; real ones have a handful.
const MAX_POLICIES: usize = 32;
