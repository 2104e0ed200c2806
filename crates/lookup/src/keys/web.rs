//! Certificate stores on the web (RFC 4387): one request a question, and the place from the configuration or from the DNS.

use chancery_mail::index::Part;
use chancery_mail::transfer::decode;
use chancery_mail::{Address, Index};
use chancery_net::dns::secure::{SecureResolver, Service};
use chancery_net::http::{self, Limits, Request};
use chancery_net::outbound;
use chancery_wire::http::encode;

use crate::content::Content;

use super::found::{Channel, Kind};
use super::given::{Failure, Given};
use super::source::{Place, Source, Web};

/// Asks a certificate store.
pub(super) async fn ask(web: &Web, source: &Source, address: &Address) -> Result<Given, Failure> {
    let mut last = None;
    for url in places(web, address).await? {
        match fetch(web, source, &url, address).await {
            Ok(given) => return Ok(given),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => {
            let failure = Failure::from(error);
            // The store of one domain says nothing about those of others.
            let is_of_source = failure.is_of_source && matches!(web.place, Place::At(_));
            Err(Failure { is_of_source, ..failure })
        }
        // The domain has no store.
        None => Ok(Given::nothing(Channel::Clear)),
    }
}

async fn fetch(
    web: &Web,
    source: &Source,
    url: &str,
    address: &Address,
) -> Result<Given, outbound::Error> {
    let mark = if url.contains('?') { '&' } else { '?' };
    let mailbox = encode(&address.normal());
    // Section 2.2 calls it `uri`; section 2.5.1 knows older stores and clients that call it `email`.
    let url = format!("{url}{mark}uri={mailbox}&email={mailbox}");
    // Who is believed for its own word must give it itself.
    let redirects = if matches!(source.kind, Kind::Directory | Kind::Partner) { 0 } else { 3 };
    let limits = Limits { time: source.timeout, octets: source.max_octets, redirects };
    let request = Request { url: &url, post: None, known: None, limits };
    let is_safe = url.starts_with("https:");
    // A redirect may have led into the clear, but then it is from nobody who is believed for its own word.
    let mut given = Given::nothing(if is_safe { Channel::Tls } else { Channel::Clear });
    let response = match http::fetch(&web.dialer, &request).await {
        Ok(response) => response,
        // Section 2: there is nothing of that address.
        Err(outbound::Error::Refused(status)) if matches!(status.as_str(), "404" | "410") => {
            return Ok(given);
        }
        Err(error) => return Err(error),
    };
    given.lifetime = response.fresh_for;
    let body = response.body.unwrap_or_default();
    for part in parts(&body) {
        match Content::from_bytes(&part) {
            Ok(content) => given.certificates.extend(content.certificates),
            Err(error) => given.unreadable.push(error.to_string()),
        }
    }
    Ok(given)
}

/// Returns the addresses to try.
async fn places(web: &Web, address: &Address) -> Result<Vec<String>, Failure> {
    match &web.place {
        Place::At(url) => Ok(vec![url.clone()]),
        Place::Discovered(names) => discover(names, &address.ascii_domain()).await,
    }
}

/// Asks the DNS for the stores of a domain (section 3.2; RFC 4386).
async fn discover(names: &SecureResolver, domain: &str) -> Result<Vec<String>, Failure> {
    for service in SERVICES {
        let answer = names.services(&format!("{service}.{domain}")).await?;
        let servers = answer.records.iter().filter(|it| !it.host.is_empty() && it.port != 0);
        let urls: Vec<String> = servers.take(MAX_SERVERS).flat_map(addresses).collect();
        if !urls.is_empty() {
            return Ok(urls);
        }
    }
    Ok(Vec::new())
}

/// An SRV record does not say which scheme: TLS is tried first, except at the port that is for the clear.
fn addresses(service: &Service) -> Vec<String> {
    let Service { host, port, .. } = service;
    let at = |scheme: &str| format!("{scheme}://{host}:{port}{PATH}");
    match port {
        80 => vec![format!("https://{host}{PATH}"), at("http")],
        443 => vec![at("https")],
        _ => vec![at("https"), at("http")],
    }
}

/// Takes a body with several certificates apart (`multipart/mixed`, RFC 2046 section 5.1); any other is one part.
pub fn parts(body: &[u8]) -> Vec<Vec<u8>> {
    let first = body.split(|octet| *octet == b'\n').next().unwrap_or_default().trim_ascii_end();
    // PEM begins with five hyphens.
    let boundary =
        first.strip_prefix(b"--").filter(|it| !it.starts_with(b"---") && it.len() <= MAX_BOUNDARY);
    let Some(boundary) = boundary else { return vec![body.to_vec()] };
    // Servers label it in ways of their own, so the boundary is taken from where it stands.
    let head = [b"Content-Type: multipart/mixed; boundary=\"", boundary, b"\"\r\n\r\n"].concat();
    let message = [&head, body].concat();
    let index = Index::of(&message);
    // A part without an end is none.
    let whole =
        index.root().children.len().saturating_sub(usize::from(index.root().close.is_none()));
    let parts = index.children(index.root()).take(whole.min(MAX_PARTS));
    let content =
        |part: &Part| decode(part.transfer_encoding, part.body.of(&message).unwrap_or_default());
    parts.map(content).collect()
}

/// The names of the service, in the order in which they are tried.
const SERVICES: [&str; 2] = ["_certificates._tcp", "_pkixrep._tcp"];
/// The one place of a store that is known by its host alone (section 3.3).
const PATH: &str = "/search.cgi";
/// Servers of a domain that are tried.
const MAX_SERVERS: usize = 3;
/// Parts of a body that are looked at.
const MAX_PARTS: usize = 64;
/// Characters of a boundary (RFC 2046 section 5.1.1).
const MAX_BOUNDARY: usize = 70;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_apart_at_their_boundaries() {
        let body = b"--x\r\nContent-Type: application/pkix-cert\r\n\r\n0\x82\r\nab\r\n--x\r\n\r\ncd\r\n--x--\r\nend";
        assert_eq!(parts(body), [&b"0\x82\r\nab"[..], b"cd"]);
        let encoded = b"--x\r\nContent-Transfer-Encoding: base64\r\n\r\nMIJhYg==\r\n--x--\r\n";
        assert_eq!(parts(encoded), [b"0\x82ab"]);
        let cut = b"--x\r\n\r\nab\r\n--x\r\n\r\ncd";
        assert_eq!(parts(cut), [b"ab"], "the second one has no end");
        for whole in [&b"0\x82abc"[..], b"", b"-----BEGIN CERTIFICATE-----\n"] {
            assert_eq!(parts(whole), [whole]);
        }
        for broken in [&b"--x"[..], b"--x\r\nno end", b"--x\r\n\r\n\r\nno boundary", b"--x--"] {
            assert!(parts(broken).is_empty(), "{broken:?}");
        }
        assert!(parts(&b"--x\r\n\r\n".repeat(100_000)).len() <= MAX_PARTS);
    }

    #[test]
    fn tls_is_tried_first() {
        let at = |port| {
            addresses(&Service { priority: 0, weight: 0, port, host: "h.example".to_owned() })
        };
        assert_eq!(at(443), ["https://h.example:443/search.cgi"]);
        assert_eq!(at(80), ["https://h.example/search.cgi", "http://h.example:80/search.cgi"]);
        assert_eq!(
            at(8080),
            ["https://h.example:8080/search.cgi", "http://h.example:8080/search.cgi"]
        );
    }
}
