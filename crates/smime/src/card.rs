//! Partner cards: who an organisation is, its keys and what it reads, signed by itself.
//!
//! A card is UTF-8 JSON inside CMS `SignedData`, signed with the organisation's signing certificate and armoured as RFC
//! 7468 text; `openssl cms -verify -inform PEM -CAfile ca.pem -in CARD` prints the JSON. The lines above the armour are
//! for people and are never read back.
//!
//! The card proves only that whoever has the keys wrote it: its authority vouches for itself. That it is the partner's
//! is what the [fingerprint](Card::fingerprint) is for, which two people compare over the phone.
//!
//! ```text
//! bytes ─► size ─► armour ─► signature ─► JSON, version ─► domains ─► chain to the CA inside ─► dates ─► Card
//! ```

use chancery_cms::{SignOptions, sign_attached};
use chancery_pki::{Certificate, Organisation, pem, time};

use crate::keys::Signer;

mod checks;
mod document;
mod error;
mod fingerprint;
mod frame;
#[cfg(test)]
mod tests;

pub use checks::{Checks, MAX_LENGTH};
pub use document::Capabilities;
pub use error::{CODES, Error};

/// What a card says. A value of this type that came from [`Card::read`] was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    organisation: Organisation,
    authority: Certificate,
    chain: Vec<Certificate>,
    signing: Vec<Certificate>,
    encryption: Vec<Certificate>,
    capabilities: Capabilities,
    hosts: Vec<String>,
    issued: i64,
    expires: i64,
}

/// What goes into a card of our own.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The organisation and the domains it answers for.
    pub organisation: Organisation,
    /// The certificate of its authority.
    pub authority: Certificate,
    /// Certificates between the authority and the others, if there are any.
    pub chain: Vec<Certificate>,
    /// The certificates it signs with; the card's signer is one of them.
    pub signing: Vec<Certificate>,
    /// The certificates to encrypt to, the best first.
    pub encryption: Vec<Certificate>,
    /// What it reads.
    pub capabilities: Capabilities,
    /// Host names at which its gateway takes mail; for people, mail follows DNS.
    pub hosts: Vec<String>,
    /// When the card was made, in Unix seconds.
    pub issued: i64,
    /// When it stops counting, in Unix seconds.
    pub expires: i64,
}

/// Returns the fingerprint of an authority with a name; a card's is of this kind.
pub fn fingerprint(name: &str, authority: &Certificate) -> String {
    fingerprint::of(name, authority.spki())
}

/// Returns true if somebody typed this fingerprint; case, spaces and the digits that look like letters do not count.
pub fn is_fingerprint(typed: &str, actual: &str) -> bool {
    fingerprint::normalised(typed) == fingerprint::normalised(actual)
}

impl Card {
    /// Writes and signs a card, and reads it back as a partner would, so that no card leaves that would be refused.
    pub fn write(contents: &Contents, signer: &Signer) -> Result<String, Error> {
        let card = Self::of(contents.clone());
        // A card lists the certificates itself, and has no others around it.
        let signer = &signer.silent();
        let json = document::encode(&card)?;
        let (keys, chain) = signer.for_cms();
        let signed_with = Certificate::from_der(signer.certificate())
            .map_err(|error| Error::certificate(&error))?;
        let mut certificates: Vec<Vec<u8>> = Vec::new();
        for certificate in chain.iter().map(Vec::as_slice).chain(card.required(&signed_with)) {
            let is_own = certificate == signer.certificate();
            if !is_own && !certificates.iter().any(|known| known == certificate) {
                certificates.push(certificate.to_vec());
            }
        }
        let options = SignOptions {
            domain_signature: true,
            signing_time: Some(card.issued),
            ..SignOptions::default()
        };
        let block =
            sign_attached(json.as_bytes(), keys, &certificates, &options).map_err(Error::Make)?;
        let text = format!("{}\n{}", card.explanation(), pem::encode(LABEL, &block));
        Self::read(text.as_bytes(), card.issued)?;
        Ok(text)
    }

    /// Reads a card and checks everything at the given time (Unix seconds).
    pub fn read(bytes: &[u8], at: i64) -> Result<(Self, Checks), Error> {
        checks::read(bytes, Some(at))
    }

    /// Reads a card that was checked when it was stored: everything but the dates, which the caller looks at when it
    /// uses the keys.
    pub fn read_stored(bytes: &[u8]) -> Result<Self, Error> {
        checks::read(bytes, None).map(|(card, _)| card)
    }

    /// Returns the 120 bits to read over the phone: six groups of four letters and digits.
    ///
    /// They are of the organisation's name and its authority's key, so they stay the same when other keys are renewed.
    pub fn fingerprint(&self) -> String {
        fingerprint::of(self.organisation(), self.authority.spki())
    }

    /// Returns true if somebody typed this card's fingerprint; case, spaces and the digits that look like letters do
    /// not count.
    pub fn has_fingerprint(&self, typed: &str) -> bool {
        is_fingerprint(typed, &self.fingerprint())
    }

    /// Returns what the organisation calls itself.
    pub fn organisation(&self) -> &str {
        self.organisation.name()
    }

    /// Returns the domains that it answers for, in lower case.
    pub fn domains(&self) -> &[String] {
        self.organisation.domains()
    }

    /// Returns its authority, the anchor for everything it signs.
    pub fn authority(&self) -> &Certificate {
        &self.authority
    }

    /// Returns the certificates between the authority and the others.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Returns the certificates that it signs with.
    pub fn signing(&self) -> &[Certificate] {
        &self.signing
    }

    /// Returns the certificates to encrypt to, the best first. Some may be expired or not valid yet.
    pub fn encryption(&self) -> &[Certificate] {
        &self.encryption
    }

    /// Returns what it reads.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Returns the hosts at which its gateway takes mail.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Returns when the card was made, in Unix seconds.
    pub fn issued(&self) -> i64 {
        self.issued
    }

    /// Returns when the card stops counting, in Unix seconds.
    pub fn expires(&self) -> i64 {
        self.expires
    }

    fn of(contents: Contents) -> Self {
        let Contents {
            organisation,
            authority,
            chain,
            signing,
            encryption,
            capabilities,
            hosts,
            issued,
            expires,
        } = contents;
        Self {
            organisation,
            authority,
            chain,
            signing,
            encryption,
            capabilities,
            hosts,
            issued,
            expires,
        }
    }

    /// Returns the certificates that go along with the signature: all that its path needs, and nothing else.
    fn required<'a>(&'a self, signer: &'a Certificate) -> impl Iterator<Item = &'a [u8]> {
        [signer].into_iter().chain(&self.chain).chain([&self.authority]).map(Certificate::der)
    }

    /// Returns the lines above the armour.
    fn explanation(&self) -> String {
        format!(
            "Chancery partner card\n\n\
             Organisation: {}\n\
             Domains:      {}\n\
             Valid:        {} to {}\n\
             Fingerprint:  {}\n\n\
             Add it with `chancery partner add FILE` and compare the fingerprint over the phone.\n\
             Only the signed block counts; these lines are not read.\n",
            self.organisation(),
            self.domains().join(" "),
            time::text(self.issued),
            time::text(self.expires),
            self.fingerprint(),
        )
    }
}

/// RFC 7468 section 9.
const LABEL: &str = "CMS";
