//! Serves a publication over HTTP/1.1: `GET` and `HEAD` of the files that are there, and nothing else.
//!
//! What is served lies in memory, so that no path of a request ever meets a file system. The answer is decided by a pure
//! function; the sockets, and the limits of connections and time, are those of `net`.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chancery_crypto::{DigestAlgorithm, hex};
use chancery_net::clock::SystemClock;
use chancery_net::http::server::{self, Handler, ServerConfig};
use chancery_net::listener::Client;
use chancery_net::shutdown::Shutdown;
use chancery_net::smtp::TlsMode;
use chancery_net::tls::TlsInfo;
use chancery_wire::http::{Reply, Request, Status};
use tokio::net::TcpListener;

use crate::publication::{Publication, media_type};

/// What is served now; it is replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Shelf(Arc<RwLock<Arc<Publication>>>);

impl Shelf {
    /// Serves this from now on.
    pub fn put(&self, publication: Publication) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(publication);
    }

    fn now(&self) -> Arc<Publication> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Handler for Shelf {
    async fn answer(self: Arc<Self>, _client: Client, request: Request) -> Reply {
        reply(&request, &self.now())
    }

    fn certified(&self, _tls: &TlsInfo) -> Option<String> {
        None
    }
}

/// Serves until shutdown.
pub async fn serve(listener: TcpListener, shelf: Shelf, shutdown: Shutdown) {
    let config = ServerConfig {
        tls: TlsMode::None,
        proxies: Arc::new(|_| false),
        max_connections: MAX_CONNECTIONS,
        max_connections_per_ip: MAX_PER_CLIENT,
        slow_timeout: TIMEOUT,
        answer_timeout: TIMEOUT,
        clock: Arc::new(SystemClock::new()),
    };
    server::serve(listener, Arc::new(shelf), config, shutdown).await;
}

/// Decides the answer to a request.
fn reply(request: &Request, publication: &Publication) -> Reply {
    let path = request.path.trim_start_matches('/');
    let Some(body) = publication.file(path) else { return Reply::new(Status::NotFound, "") };
    let tag = format!("\"{}\"", hex(DigestAlgorithm::Sha256.digest(body).as_ref()));
    let reply = if request.knows(&tag) {
        Reply::new(Status::NotModified, "")
    } else {
        Reply::new(Status::Ok, body).with("Content-Type", media_type(path))
    };
    reply.with("ETag", tag).with("Cache-Control", format!("public, max-age={MAX_AGE}"))
}

/// For reading the request, and for writing the answer, of up to some megabytes.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Connections at a time.
const MAX_CONNECTIONS: usize = 256;
/// Connections of one client at a time.
const MAX_PER_CLIENT: usize = 32;
/// Seconds for which others may keep an answer: how long a revocation may go unnoticed because of that.
const MAX_AGE: u32 = 300;

#[cfg(test)]
mod tests {
    use chancery_wire::http::{Head, read};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    fn publication() -> Publication {
        let mut publication = Publication::default();
        publication.add("bridge.crl", b"list".to_vec());
        publication.add("members/globex.example.card", b"card".to_vec());
        publication
    }

    fn ask(request: &str) -> (String, Vec<u8>) {
        let (reply, is_head) = match read(format!("{request}\r\n\r\n").as_bytes()) {
            Head::Whole(request) => (reply(&request, &publication()), request.is_head),
            Head::Wrong(status) => (Reply::new(status, ""), false),
            Head::Short => panic!("{request} is whole"),
        };
        let octets = reply.write("today", is_head);
        let end = octets.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
        (String::from_utf8(octets[..end].to_vec()).unwrap(), octets[end..].to_vec())
    }

    #[test]
    fn only_what_is_published_is_served() {
        for (request, status, body) in [
            ("GET /bridge.crl HTTP/1.1\r\nHost: b", "200", "list"),
            ("GET /bridge.crl?x HTTP/1.0", "200", "list"),
            ("GET http://b.example/members/globex.example.card HTTP/1.1\r\nHost: b", "200", "card"),
            ("HEAD /bridge.crl HTTP/1.1\r\nHost: b", "200", ""),
            ("GET / HTTP/1.1\r\nHost: b", "404", ""),
            ("GET /../../etc/passwd HTTP/1.1\r\nHost: b", "404", ""),
            ("GET /members/ HTTP/1.1\r\nHost: b", "404", ""),
            ("POST /bridge.crl HTTP/1.1\r\nHost: b", "405", ""),
            ("GET /bridge.crl HTTP/2", "505", ""),
            ("GET  /bridge.crl HTTP/1.1\r\nHost: b", "400", ""),
            ("\u{0}", "400", ""),
        ] {
            let (head, found) = ask(request);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
            assert_eq!(found, body.as_bytes(), "{request}");
            assert!(head.ends_with("\r\n\r\n") && head.contains("Connection: close"), "{head}");
        }
        assert!(ask("GET /bridge.crl HTTP/1.1\r\nHost: b").0.contains("application/pkix-crl"));
        assert!(ask("HEAD /bridge.crl HTTP/1.1\r\nHost: b").0.contains("Content-Length: 4"));
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let head = ask("GET /bridge.crl HTTP/1.1\r\nHost: b").0;
        let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let (head, body) =
                ask(&format!("GET /bridge.crl HTTP/1.1\r\nHost: b\r\nif-none-match: {known}"));
            assert!(head.starts_with("HTTP/1.1 304 ") && body.is_empty(), "{known}: {head}");
        }
        let other =
            "GET /bridge.crl HTTP/1.1\r\nHost: b\r\nIf-None-Match: \"x\"\r\nX-If-None-Match: *";
        assert!(ask(other).0.starts_with("HTTP/1.1 200 "));
    }

    #[tokio::test]
    async fn clients_are_served_one_request_and_slow_ones_hold_a_limited_number_of_places() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shelf, shutdown) = (Shelf::default(), Shutdown::new());
        shelf.put(publication());
        let server = tokio::spawn(serve(listener, shelf.clone(), shutdown.clone()));
        let fetch = async || {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // A server that has no place closes at once; then there is nothing to read.
            let _sent = stream.write_all(b"GET /bridge.crl HTTP/1.0\r\n\r\n").await;
            let mut text = String::new();
            let _ended = stream.read_to_string(&mut text).await;
            text
        };
        assert!(fetch().await.ends_with("\r\n\r\nlist"));
        let mut idle = Vec::new();
        for _ in 0..MAX_PER_CLIENT {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET").await.unwrap();
            idle.push(stream);
        }
        // Connections are accepted in their order, so the places are taken; one that says nothing makes room.
        assert!(fetch().await.ends_with("list"));
        drop(idle);
        shutdown.trigger();
        server.await.unwrap();
    }
}
