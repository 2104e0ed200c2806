//! Serves a publication over HTTP/1.1: `GET` and `HEAD` of the files that are there, and nothing else.
//!
//! What is served lies in memory, so that no path of a request ever meets a file system. One request a connection: a
//! gateway fetches a handful of files a day, and a client that wants more opens another one. The answer is decided by a
//! pure function; around it are a limit of connections, one for each client, and a limit of time.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chancery_crypto::{DigestAlgorithm, hex};
use chancery_net::shutdown::Shutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

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

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<'p> {
    /// Status line and header fields, with the empty line.
    pub head: String,
    /// What follows; nothing for `HEAD`.
    pub body: &'p [u8],
}

/// Serves until shutdown.
pub async fn serve(listener: TcpListener, shelf: Shelf, shutdown: Shutdown) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let clients = Clients::default();
    loop {
        let accepted = tokio::select! {
            () = shutdown.triggered() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: without a pause this would be a loop that does nothing else.
                tracing::warn!(%error, "cannot accept a connection to the publication");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
        let Some(place) = clients.enter(peer.ip()) else { continue };
        let publication = shelf.now();
        tokio::spawn(async move {
            let _held = (slot, place);
            // A client that is slow or goes away is its own problem.
            let _ended = tokio::time::timeout(TIMEOUT, answer(stream, &publication)).await;
        });
    }
}

async fn answer(mut stream: TcpStream, publication: &Publication) -> io::Result<()> {
    let mut request = Vec::with_capacity(1024);
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if request.len() > MAX_REQUEST || stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let reply = reply(&request, publication);
    stream.write_all(reply.head.as_bytes()).await?;
    stream.write_all(reply.body).await?;
    stream.shutdown().await
}

/// Decides the answer to the octets of a request.
pub fn reply<'p>(request: &[u8], publication: &'p Publication) -> Reply<'p> {
    let Some(head) = request.windows(4).position(|it| it == b"\r\n\r\n") else {
        return if request.len() > MAX_REQUEST {
            error("431 Request Header Fields Too Large", "")
        } else {
            error("400 Bad Request", "")
        };
    };
    let Some(text) = request.get(..head).and_then(|it| std::str::from_utf8(it).ok()) else {
        return error("400 Bad Request", "");
    };
    let mut lines = text.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.1" | "HTTP/1.0"] = words.as_slice() else {
        return error("400 Bad Request", "");
    };
    if !matches!(*method, "GET" | "HEAD") {
        return error("405 Method Not Allowed", "Allow: GET, HEAD\r\n");
    }
    // RFC 9112 section 3.2.2: the absolute form must be understood as well.
    let path = target
        .strip_prefix("http://")
        .map_or(*target, |rest| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"));
    let path = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let Some(body) = publication.file(path) else { return error("404 Not Found", "") };
    let tag = format!("\"{}\"", hex(DigestAlgorithm::Sha256.digest(body).as_ref()));
    let is_known = lines.filter_map(|line| line.split_once(':')).any(|(name, value)| {
        let mut tags = value.split(',').map(|it| it.trim().trim_start_matches("W/"));
        name.eq_ignore_ascii_case("if-none-match") && tags.any(|it| it == tag || it == "*")
    });
    let cache = format!("ETag: {tag}\r\nCache-Control: public, max-age={MAX_AGE}\r\n");
    if is_known {
        return Reply {
            head: format!("HTTP/1.1 304 Not Modified\r\n{cache}{ALWAYS}\r\n"),
            body: &[],
        };
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n{cache}{ALWAYS}\r\n",
        media_type(path),
        body.len()
    );
    Reply { head, body: if *method == "HEAD" { &[] } else { body } }
}

fn error(status: &str, more: &str) -> Reply<'static> {
    Reply {
        head: format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{more}{ALWAYS}\r\n"),
        body: &[],
    }
}

/// How many connections each client has; an IPv6 /64 is one client.
#[derive(Clone, Default)]
struct Clients(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection of a client, until it is dropped.
struct Place {
    clients: Clients,
    client: IpAddr,
}

impl Clients {
    fn enter(&self, address: IpAddr) -> Option<Place> {
        let client = match address {
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => IpAddr::V4(address),
                None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            },
            address @ IpAddr::V4(_) => address,
        };
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= MAX_PER_CLIENT {
            return None;
        }
        *count += 1;
        Some(Place { clients: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

/// In every answer: one request a connection, and no browser takes a file for something else than it is.
const ALWAYS: &str = "Connection: close\r\nX-Content-Type-Options: nosniff\r\n";
/// Octets of a request header; real ones have a few hundred.
const MAX_REQUEST: usize = 8 * 1024;
/// For reading the request and writing the answer, of up to some megabytes.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Connections at a time.
const MAX_CONNECTIONS: usize = 256;
/// Connections of one client at a time.
const MAX_PER_CLIENT: usize = 32;
/// After an accept that failed.
const PAUSE: Duration = Duration::from_millis(100);
/// Seconds for which others may keep an answer: how long a revocation may go unnoticed because of that.
const MAX_AGE: u32 = 300;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::net::TcpListener;

    use super::*;

    fn publication() -> Publication {
        let mut publication = Publication::default();
        publication.add("bridge.crl", b"list".to_vec());
        publication.add("members/globex.example.card", b"card".to_vec());
        publication
    }

    fn ask(request: &str) -> (String, Vec<u8>) {
        let publication = publication();
        let reply = reply(format!("{request}\r\n\r\n").as_bytes(), &publication);
        (reply.head.clone(), reply.body.to_vec())
    }

    #[test]
    fn only_what_is_published_is_served() {
        for (request, status, body) in [
            ("GET /bridge.crl HTTP/1.1\r\nHost: b", "200", "list"),
            ("GET /bridge.crl?x HTTP/1.0", "200", "list"),
            ("GET http://b.example/members/globex.example.card HTTP/1.1", "200", "card"),
            ("HEAD /bridge.crl HTTP/1.1", "200", ""),
            ("GET / HTTP/1.1", "404", ""),
            ("GET /../../etc/passwd HTTP/1.1", "404", ""),
            ("GET /members/ HTTP/1.1", "404", ""),
            ("POST /bridge.crl HTTP/1.1", "405", ""),
            ("GET /bridge.crl HTTP/2", "400", ""),
            ("GET  /bridge.crl HTTP/1.1", "400", ""),
            ("\u{0}", "400", ""),
        ] {
            let (head, found) = ask(request);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
            assert_eq!(found, body.as_bytes(), "{request}");
            assert!(head.ends_with("\r\n\r\n") && head.contains("Connection: close"), "{head}");
        }
        assert!(ask("GET /bridge.crl HTTP/1.1").0.contains("application/pkix-crl"));
        assert!(ask("HEAD /bridge.crl HTTP/1.1").0.contains("Content-Length: 4"));
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let head = ask("GET /bridge.crl HTTP/1.1").0;
        let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let (head, body) = ask(&format!("GET /bridge.crl HTTP/1.1\r\nif-none-match: {known}"));
            assert!(head.starts_with("HTTP/1.1 304 ") && body.is_empty(), "{known}: {head}");
        }
        let other = "GET /bridge.crl HTTP/1.1\r\nIf-None-Match: \"x\"\r\nX-If-None-Match: *";
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
            let _sent = stream.write_all(b"GET /bridge.crl HTTP/1.1\r\n\r\n").await;
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
        // Connections are accepted in their order, so the places are taken.
        assert_eq!(fetch().await, "");
        idle.pop();
        let mut text = fetch().await;
        while text.is_empty() {
            tokio::task::yield_now().await;
            text = fetch().await;
        }
        assert!(text.ends_with("list"));
        drop(idle);
        shutdown.trigger();
        server.await.unwrap();
    }

    proptest! {
        #[test]
        fn no_request_is_answered_with_anything_but_a_whole_head(
            request in proptest::collection::vec(any::<u8>(), 0..200),
            line in "(GET|HEAD|PUT|) ?/?[a-z./%?]{0,20} ?HTTP/1.[01]",
        ) {
            for request in [request, format!("{line}\r\n\r\n").into_bytes()] {
                let publication = publication();
                let reply = reply(&request, &publication);
                prop_assert!(reply.head.starts_with("HTTP/1.1 ") && reply.head.ends_with("\r\n\r\n"));
                prop_assert!(reply.body.is_empty() || reply.head.starts_with("HTTP/1.1 200 "));
            }
        }
    }
}
