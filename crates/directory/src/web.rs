//! The same over HTTP: a certificate store (RFC 4387), and bundles of certificates.
//!
//! Only a full mail address finds somebody. The other keys of RFC 4387, hashes of names, serial numbers and certificates,
//! find authorities and their lists, which are public, and never a person: a hash of an issuer would list everybody, and
//! those of names and serial numbers can be guessed.

use std::sync::Arc;

use chancery_crypto::{DigestAlgorithm, hex};
use chancery_net::http::server::Handler;
use chancery_net::listener::Client;
use chancery_net::tls::TlsInfo;
use chancery_pki::Certificate;
use chancery_pki::bundle::Bundle;
use chancery_wire::http::{Reply, Request, Status};

use crate::entry::Entry;
use crate::face::{Denied, Face};
use crate::metrics::Counter;

mod question;
mod shelf;

use question::{Form, Question};
pub(crate) use shelf::Shelf;

/// A face over HTTP.
pub(crate) struct Web(pub(crate) Face);

/// What is answered, before a client's own copy is looked at.
struct Content {
    kind: String,
    body: Vec<u8>,
    /// Until when others may keep it at most, in Unix seconds.
    until: i64,
}

impl Handler for Web {
    async fn answer(self: Arc<Self>, client: Client, request: Request) -> Reply {
        let Self(face) = &*self;
        if !face.permits(&client) {
            return text(Status::Forbidden, "ask from inside, or with a certificate\n");
        }
        let content = match question::read(&request, &face.shared.settings.store_path) {
            Ok(question) => self.content(&client, question).await,
            Err(refusal) => {
                face.shared.metrics.add(Counter::Refused, 1);
                return text(refusal.status, refusal.text);
            }
        };
        match content {
            Ok(Some(content)) => self.found(&request, content),
            // Whether somebody is hidden or not there at all, nobody can tell from this.
            Ok(None) => {
                let seconds = face.shared.settings.negative_lifetime.as_secs();
                text(Status::NotFound, "nothing is found for that\n")
                    .with("Cache-Control", self.cache(seconds))
            }
            Err(Denied::Busy) => {
                text(Status::TooManyRequests, "too many different addresses; ask later\n")
                    .with("Cache-Control", "no-store")
            }
            Err(Denied::Unavailable) => {
                text(Status::Unavailable, "somebody who might know cannot be asked now\n")
                    .with("Cache-Control", "no-store")
            }
        }
    }

    fn certified(&self, tls: &TlsInfo) -> Option<String> {
        self.0.certified_name(tls)
    }
}

impl Web {
    async fn content(
        &self,
        client: &Client,
        question: Question,
    ) -> Result<Option<Content>, Denied> {
        let Self(face) = self;
        let (wanted, form) = match question {
            Question::Mailbox { wanted, form } => (wanted, form),
            Question::Authority(key) => {
                let catalogue = face.shared.catalogue();
                return Ok(catalogue
                    .shelf()
                    .authorities(&key)
                    .and_then(|list| certificates(&list)));
            }
            Question::Authorities => {
                let catalogue = face.shared.catalogue();
                return Ok(bundle(catalogue.shelf().all(), i64::MAX));
            }
            Question::List(key) => {
                let catalogue = face.shared.catalogue();
                let list = catalogue.shelf().list(&key);
                return Ok(list.map(|(list, until)| Content {
                    kind: "application/pkix-crl".to_owned(),
                    body: list.to_vec(),
                    until: until.unwrap_or(i64::MAX),
                }));
            }
        };
        let found = face.mailboxes(client, std::slice::from_ref(&wanted), &[]).await?;
        let entry = found.first();
        Ok(entry.and_then(|entry: &Arc<Entry>| match form {
            Form::Bundle => bundle(entry.certificates(), entry.until()),
            Form::Store => {
                let certificates = certificates(&entry.certificates().collect::<Vec<_>>())?;
                Some(Content { until: entry.until(), ..certificates })
            }
        }))
    }

    /// Sends what was found, unless the client has it.
    fn found(&self, request: &Request, content: Content) -> Reply {
        let Self(face) = self;
        let left = content.until.saturating_sub(face.shared.clock.unix());
        let left = u64::try_from(left).unwrap_or(0);
        let seconds = left.min(face.shared.settings.lifetime.as_secs());
        let digest = DigestAlgorithm::Sha256.digest(&content.body);
        let tag = format!("\"{}\"", hex(digest.as_ref().get(..16).unwrap_or_default()));
        let reply = if request.knows(&tag) {
            Reply::new(Status::NotModified, "")
        } else {
            Reply::new(Status::Ok, content.body).with("Content-Type", content.kind)
        };
        reply.with("ETag", tag).with("Cache-Control", self.cache(seconds))
    }

    /// What is answered inside is not for everybody who shares a cache.
    fn cache(&self, seconds: u64) -> String {
        let whose = if self.0.is_inside { "private" } else { "public" };
        format!("{whose}, max-age={seconds}")
    }
}

/// One certificate as it is, several as parts of one answer (RFC 4387 section 2, RFC 2585 section 4.1).
fn certificates(list: &[&[u8]]) -> Option<Content> {
    let until = i64::MAX;
    match list {
        [] => None,
        [one] => Some(Content { kind: CERTIFICATE.to_owned(), body: one.to_vec(), until }),
        several => {
            // Made of what it parts, so that the same answer is the same octets, and cannot be found in it.
            let digest = DigestAlgorithm::Sha256.digest(&several.concat());
            let boundary = hex(digest.as_ref().get(..16).unwrap_or_default());
            let mut body = Vec::new();
            for one in several {
                let head = format!("--{boundary}\r\nContent-Type: {CERTIFICATE}\r\n\r\n");
                body.extend([head.as_bytes(), one, b"\r\n"].concat());
            }
            body.extend(format!("--{boundary}--\r\n").as_bytes());
            Some(Content { kind: format!("multipart/mixed; boundary={boundary}"), body, until })
        }
    }
}

/// A message that has certificates and nothing else (RFC 8551 section 3.2.2).
fn bundle<'c>(list: impl IntoIterator<Item = &'c [u8]>, until: i64) -> Option<Content> {
    let certificates: Vec<_> =
        list.into_iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
    if certificates.is_empty() {
        return None;
    }
    let body = Bundle { certificates, ..Bundle::default() }.to_der();
    Some(Content { kind: BUNDLE.to_owned(), body, until })
}

fn text(status: Status, text: &str) -> Reply {
    Reply::new(status, text).with("Content-Type", "text/plain; charset=utf-8")
}

const CERTIFICATE: &str = "application/pkix-cert";
const BUNDLE: &str = "application/pkcs7-mime; smime-type=certs-only; name=smime.p7c";

#[cfg(test)]
mod tests;
