//! One request over the network: which protocol, which form, and what came.

use std::time::Duration;

use chancery_crypto::{DigestAlgorithm, random};
use chancery_net::http::{self, Limits, Request, Validators};
use chancery_net::{ldap, outbound};
use chancery_pki::revocation::{Nonce, OcspRequest};
use chancery_pki::{self as pki, Certificate};

use crate::content::Content;
use crate::error::Error;
use crate::lookup::{Lookup, Settings};
use crate::source::Source;

/// What came.
#[derive(Debug)]
pub(crate) struct Received {
    /// `None` if it is what was known.
    pub(crate) content: Option<Content>,
    pub(crate) validators: Validators,
    pub(crate) fresh_for: Option<Duration>,
    pub(crate) octets: usize,
}

impl Lookup {
    /// Fetches a single file, such as the card of a bridge's member: at most so many octets by HTTP, within the time of all
    /// requests. Nothing is kept of it.
    pub async fn file(&self, url: &str, octets: usize) -> Result<Vec<u8>, outbound::Error> {
        let limits = self.limits(octets);
        let response = self.http(&Request { url, post: None, known: None, limits }).await?;
        // Without a known version there is always a body.
        Ok(response.body.unwrap_or_default())
    }

    /// Asks a source.
    pub(crate) async fn ask(
        &self,
        source: &Source,
        known: Option<&Validators>,
    ) -> Result<Received, Error> {
        match source {
            Source::Place { url } if is_directory(url) => self.ask_directory(url).await,
            Source::Place { url } => self.ask_web(url, known).await,
            Source::Kept { .. } => {
                Err(Error::Content("it is not known about which certificate to ask".to_owned()))
            }
            Source::Responder { url, certificate, issuer } => {
                self.ask_responder(url, certificate, issuer).await
            }
        }
    }

    async fn ask_web(&self, url: &str, known: Option<&Validators>) -> Result<Received, Error> {
        let limits = self.limits(self.0.settings.max_octets);
        let response = self.http(&Request { url, post: None, known, limits }).await?;
        let octets = response.body.as_ref().map_or(0, Vec::len);
        let http::Response { body, validators, fresh_for } = response;
        let content = match body {
            Some(body) => Some(read(body).await?),
            None => None,
        };
        Ok(Received { content, validators, fresh_for, octets })
    }

    async fn ask_directory(&self, url: &str) -> Result<Received, Error> {
        if !self.0.settings.ldap {
            let why = "is of a directory, and those are not asked (lookup.ldap)".to_owned();
            return Err(outbound::Error::Address(why).into());
        }
        let Settings { timeout, max_octets, .. } = self.0.settings;
        let values = ldap::fetch(&self.0.dialer, url, timeout, max_octets).await?;
        let octets = values.iter().map(|value| value.octets.len()).sum();
        let content = Some(Content::from_values(&values)?);
        Ok(Received { content, validators: Validators::default(), fresh_for: None, octets })
    }

    /// Asks a responder, naming the certificate by SHA-256 and, if the responder does not understand that, by SHA-1
    /// (RFC 9919 section 3.1.1).
    async fn ask_responder(
        &self,
        url: &str,
        certificate: &Certificate,
        issuer: &Certificate,
    ) -> Result<Received, Error> {
        let first = self.ask_about(url, certificate, issuer, DigestAlgorithm::Sha256).await;
        match first {
            Err(Misunderstood::Perhaps(_)) => {
                let second = self.ask_about(url, certificate, issuer, DigestAlgorithm::Sha1).await;
                second.map_err(Misunderstood::into_error)
            }
            other => other.map_err(Misunderstood::into_error),
        }
    }

    async fn ask_about(
        &self,
        url: &str,
        certificate: &Certificate,
        issuer: &Certificate,
        digest: DigestAlgorithm,
    ) -> Result<Received, Misunderstood> {
        let request = OcspRequest::new(certificate, issuer, digest, self.nonce())
            .map_err(|error| Misunderstood::No(Error::Content(error.to_string())))?;
        let get = if self.0.settings.nonce { None } else { request.url(url) };
        let limits = self.limits(MAX_RESPONSE);
        // Short questions without a nonce go by GET, so that the answer can come from a cache on the way
        // (RFC 9919 section 6).
        let post = get.is_none().then(|| ("application/ocsp-request", request.to_der()));
        let url = get.as_deref().unwrap_or(url);
        let sent = Request { url, post, known: None, limits };
        let response = match self.http(&sent).await {
            Ok(response) => response,
            // Some responders answer 400 to what they cannot read.
            Err(error @ outbound::Error::Refused(_)) => {
                return Err(Misunderstood::Perhaps(error.into()));
            }
            Err(error) => return Err(Misunderstood::No(error.into())),
        };
        let body = response.body.unwrap_or_default();
        let octets = body.len();
        let answer = request.accept(body).map_err(|error| match error {
            pki::Error::Responder { status: "tryLater" | "sigRequired" } => {
                Misunderstood::No(Error::Content(error.to_string()))
            }
            // It failed over the question, or answers about a certificate of another name.
            pki::Error::Responder { .. } | pki::Error::Answer { .. } => {
                Misunderstood::Perhaps(Error::Content(error.to_string()))
            }
            _ => Misunderstood::No(Error::Content(error.to_string())),
        })?;
        Ok(Received {
            content: Some(Content { responses: vec![answer], ..Content::default() }),
            validators: Validators::default(),
            fresh_for: response.fresh_for,
            octets,
        })
    }

    async fn http(&self, request: &Request<'_>) -> Result<http::Response, outbound::Error> {
        http::fetch(&self.0.dialer, request).await
    }

    fn limits(&self, octets: usize) -> Limits {
        Limits { time: self.0.settings.timeout, octets, ..Limits::default() }
    }

    fn nonce(&self) -> Nonce {
        // Without randomness there is no nonce; an answer made in advance is taken anyway.
        match random::bytes() {
            Ok(nonce) if self.0.settings.nonce => Nonce::Preferred(nonce),
            _ => Nonce::Absent,
        }
    }
}

/// Reads what came; a list of 30 MB takes a while, during which others shall not wait.
async fn read(body: Vec<u8>) -> Result<Content, Error> {
    if body.len() <= SMALL {
        return Content::from_bytes(&body);
    }
    let reading = tokio::task::spawn_blocking(move || Content::from_bytes(&body));
    reading.await.map_err(|_| Error::Interrupted)?
}

/// Returns true for an address of LDAP.
fn is_directory(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("ldap") || scheme.eq_ignore_ascii_case("ldaps")
}

/// Why a responder gave no answer.
enum Misunderstood {
    /// It may not have understood how the certificate is named.
    Perhaps(Error),
    /// For another reason.
    No(Error),
}

impl Misunderstood {
    fn into_error(self) -> Error {
        match self {
            Self::Perhaps(error) | Self::No(error) => error,
        }
    }
}

/// What is read within a millisecond.
const SMALL: usize = 64 * 1024;
/// A response is about one certificate, with the responder's own and perhaps its issuer's beside it.
const MAX_RESPONSE: usize = 64 * 1024;
