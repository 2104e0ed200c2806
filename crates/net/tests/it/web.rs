//! The HTTP client against servers that mean harm, and one that somebody else wrote.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chancery_net::clock::SystemClock;
use chancery_net::dns::{Resolver, Zone};
use chancery_net::http::{Limits, Request, Response, Validators, fetch};
use chancery_net::outbound::{Dialer, Error};
use chancery_net::reach::Reach;
use chancery_net::tls;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that answers each connection with these octets and counts connections.
pub(crate) struct Canned {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Canned {
    pub(crate) async fn start(answer: Vec<u8>) -> Self {
        Self::with(move |mut stream| {
            let answer = answer.clone();
            async move {
                let mut request = [0; 4096];
                drop(stream.read(&mut request).await);
                drop(stream.write_all(&answer).await);
                drop(stream.shutdown().await);
            }
        })
        .await
    }

    pub(crate) async fn with<W>(answer: impl Fn(TcpStream) -> W + Send + 'static) -> Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream));
            }
        });
        Self { address, connections }
    }
}

pub(crate) fn dialer(hosts: &[(&str, SocketAddr)], reach: Reach) -> Dialer {
    let hosts: BTreeMap<_, _> =
        hosts.iter().map(|(name, address)| ((*name).to_owned(), vec![*address])).collect();
    Dialer {
        resolver: Resolver::fixed(Zone { hosts, ..Zone::default() }),
        reach,
        tls: tls::client_opportunistic(None).unwrap(),
        clock: Arc::new(SystemClock::new()),
    }
}

pub(crate) const LIMITS: Limits =
    Limits { time: Duration::from_millis(700), octets: 100_000, redirects: 3 };

async fn get(server: &Canned, path: &str) -> Result<Response, Error> {
    let dialer = dialer(&[("web.test", server.address)], Reach::Anywhere);
    let url = format!("http://web.test{path}");
    fetch(&dialer, &Request { url: &url, post: None, known: None, limits: LIMITS }).await
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [head.replace('\n', "\r\n").as_bytes(), b"\r\n\r\n", body].concat()
}

#[tokio::test]
async fn a_plain_answer_comes_with_what_the_server_says_of_it() {
    let head = "HTTP/1.1 200 OK\nContent-Length: 5\nETag: \"x\"\nCache-Control: max-age=60\nLast-Modified: yesterday";
    let server = Canned::start(answer(head, b"hello")).await;
    let response = get(&server, "/").await.unwrap();
    assert_eq!(response.body.as_deref(), Some(&b"hello"[..]));
    assert_eq!(response.fresh_for, Some(Duration::from_secs(60)));
    assert_eq!(response.validators.tag.as_deref(), Some("\"x\""));
    assert_eq!(response.validators.modified.as_deref(), Some("yesterday"));
    for head in [
        "HTTP/1.0 200 OK",
        "HTTP/1.1 200 OK\nContent-Encoding: identity\nContent-Length: 5",
        "HTTP/1.1 103 Early Hints\nLink: </x>\n\nHTTP/1.1 200 OK\nContent-Length: 5",
    ] {
        let server = Canned::start(answer(head, b"hello")).await;
        assert_eq!(get(&server, "/").await.unwrap().body.as_deref(), Some(&b"hello"[..]), "{head}");
    }
    let chunked =
        answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
    let server = Canned::start(chunked).await;
    assert_eq!(get(&server, "/").await.unwrap().body.as_deref(), Some(&b"hello"[..]));
}

#[tokio::test]
async fn answers_that_break_the_rules_are_refused() {
    let many = format!("HTTP/1.1 200 OK\n{}Content-Length: 5", "X: y\n".repeat(200));
    let long = format!("HTTP/1.1 200 OK\nX: {}\nContent-Length: 5", "y".repeat(100_000));
    for (head, body) in [
        ("HTTP/1.1 200 OK\nContent-Length: 50", &b"hello"[..]),
        ("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6", b"hello"),
        ("HTTP/1.1 200 OK\nContent-Length: -5", b"hello"),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"5\r\nhel"),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"fffffffffffffffff\r\nhello"),
        ("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 5", b"hello"),
        ("220 mail.test ESMTP", b""),
        ("", b""),
        (&many, b"hello"),
        (&long, b"hello"),
    ] {
        let server = Canned::start(answer(head, body)).await;
        let error = get(&server, "/").await.unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{head:.60}: {error}");
    }
    for status in
        ["404 Not Found", "500 Oops", "204 No Content", "304 Not Modified", "206 Partial Content"]
    {
        let server =
            Canned::start(answer(&format!("HTTP/1.1 {status}\nContent-Length: 0"), b"")).await;
        let error = get(&server, "/").await.unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{status}: {error}");
    }
}

#[tokio::test]
async fn size_is_limited_whatever_is_said_in_advance() {
    let endless = |head: &'static str, piece: Vec<u8>| {
        Canned::with(move |mut stream| {
            let (head, piece) = (answer(head, b""), piece.clone());
            async move {
                let mut request = [0; 4096];
                drop(stream.read(&mut request).await);
                drop(stream.write_all(&head).await);
                while stream.write_all(&piece).await.is_ok() {}
            }
        })
    };
    let chunk = [b"3e8\r\n".to_vec(), vec![b'x'; 1000], b"\r\n".to_vec()].concat();
    for server in [
        endless("HTTP/1.1 200 OK", vec![b'x'; 1000]).await,
        endless("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", chunk).await,
        endless("HTTP/1.1 200 OK\nContent-Length: 99999999999", Vec::from(*b"x")).await,
    ] {
        assert_eq!(get(&server, "/").await.unwrap_err(), Error::TooLarge(LIMITS.octets));
    }
}

#[tokio::test]
async fn time_is_limited_whatever_drips() {
    let slow = |head: &'static str| {
        Canned::with(move |mut stream| async move {
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            for octet in answer(head, &[b'x'; 10_000]) {
                if stream.write_all(&[octet]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    for server in [
        slow("HTTP/1.1 200 OK\nContent-Length: 10000").await,
        // It takes the connection and says nothing.
        Canned::with(|stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await,
    ] {
        assert_eq!(get(&server, "/").await.unwrap_err(), Error::TimedOut(LIMITS.time));
    }
}

#[tokio::test]
async fn redirects_are_few_and_checked_like_the_first_address() {
    let loops =
        Canned::start(answer("HTTP/1.1 302 Found\nLocation: /again\nContent-Length: 0", b"")).await;
    assert!(matches!(get(&loops, "/").await, Err(Error::Redirect(_))));
    assert_eq!(loops.connections.load(Ordering::SeqCst), 4);
    for location in
        ["ftp://web.test/", "http://u:p@web.test/", "http://", "javascript:x", "ldap://web.test/"]
    {
        let head = format!("HTTP/1.1 301 Moved\nLocation: {location}\nContent-Length: 0");
        let server = Canned::start(answer(&head, b"")).await;
        let error = get(&server, "/").await.unwrap_err();
        assert!(matches!(error, Error::Redirect(_)), "{location}: {error}");
        assert_eq!(server.connections.load(Ordering::SeqCst), 1, "{location}");
    }
    let nowhere = Canned::start(answer("HTTP/1.1 301 Moved\nContent-Length: 0", b"")).await;
    assert!(matches!(get(&nowhere, "/").await, Err(Error::Redirect(_))));
    // A host that is permitted sends to one that is not.
    let inner = Canned::start(answer("HTTP/1.1 200 OK\nContent-Length: 5", b"inner")).await;
    let head = format!(
        "HTTP/1.1 302 Found\nLocation: http://inner.test:{}/\nContent-Length: 0",
        inner.address.port()
    );
    let outer = Canned::start(answer(&head, b"")).await;
    let hosts = [("web.test", outer.address), ("inner.test", inner.address)];
    let follow = |reach| {
        let dialer = dialer(&hosts, reach);
        async move {
            let request =
                Request { url: "http://web.test/", post: None, known: None, limits: LIMITS };
            fetch(&dialer, &request).await
        }
    };
    assert_eq!(follow(Reach::Anywhere).await.unwrap().body.as_deref(), Some(&b"inner"[..]));
    assert!(matches!(follow(Reach::Public).await, Err(Error::OutOfReach(_))));
    assert_eq!(inner.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_post_is_never_made_a_get() {
    for (status, follows) in [(301, false), (302, false), (303, false), (307, true), (308, true)] {
        let head = format!("HTTP/1.1 {status} Elsewhere\nLocation: /x\nContent-Length: 0");
        let server = Canned::start(answer(&head, b"")).await;
        let dialer = dialer(&[("web.test", server.address)], Reach::Anywhere);
        let post = Some(("application/ocsp-request", b"question".to_vec()));
        let request = Request { url: "http://web.test/", post, known: None, limits: LIMITS };
        let error = fetch(&dialer, &request).await.unwrap_err();
        assert_eq!(matches!(error, Error::Redirect(_)), follows, "{status}: {error}");
        let expected = if follows { 4 } else { 1 };
        assert_eq!(server.connections.load(Ordering::SeqCst), expected, "{status}");
    }
}

#[tokio::test]
async fn only_what_was_offered_may_be_unchanged() {
    let server = Canned::start(answer("HTTP/1.1 304 Not Modified\nETag: \"y\"", b"")).await;
    let dialer = dialer(&[("web.test", server.address)], Reach::Anywhere);
    let known = Validators { tag: Some("\"x\"".to_owned()), modified: None };
    let request =
        Request { url: "http://web.test/", post: None, known: Some(&known), limits: LIMITS };
    let response = fetch(&dialer, &request).await.unwrap();
    assert_eq!((response.body, response.validators.tag.as_deref()), (None, Some("\"y\"")));
}

#[tokio::test]
async fn private_addresses_are_out_of_reach_however_they_are_written() {
    let server = Canned::start(answer("HTTP/1.1 200 OK\nContent-Length: 2", b"no")).await;
    let port = server.address.port();
    let dialer = dialer(&[("web.test", server.address)], Reach::Public);
    for host in [
        "web.test",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "0.0.0.0",
        "127.0.0.1.",
    ] {
        let url = format!("http://{host}:{port}/");
        let request = Request { url: &url, post: None, known: None, limits: LIMITS };
        let error = fetch(&dialer, &request).await.unwrap_err();
        assert!(matches!(error, Error::OutOfReach(_)), "{host}: {error}");
    }
    for url in ["http://web.test:22/", "http://web.test:25/"] {
        let request = Request { url, post: None, known: None, limits: LIMITS };
        assert!(matches!(fetch(&dialer, &request).await, Err(Error::OutOfReach(_))), "{url}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn one_bad_address_does_not_hide_a_good_one_and_is_not_asked() {
    let good = Canned::start(answer("HTTP/1.1 200 OK\nContent-Length: 4", b"good")).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let hosts = BTreeMap::from([("web.test".to_owned(), vec![gone, good.address])]);
    let resolver = Resolver::fixed(Zone { hosts, ..Zone::default() });
    let dialer = Dialer { resolver, ..dialer(&[], Reach::Anywhere) };
    let request = Request { url: "http://web.test/", post: None, known: None, limits: LIMITS };
    assert!(fetch(&dialer, &request).await.is_ok());
}

#[tokio::test]
async fn tls_works_and_says_when_it_does_not() {
    let acceptor = tokio_rustls::TlsAcceptor::from(crate::tls::server_tls());
    let server = Canned::with(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            drop(stream.write_all(&answer("HTTP/1.1 200 OK\nContent-Length: 6", b"sealed")).await);
            drop(stream.shutdown().await);
        }
    })
    .await;
    let dialer = dialer(&[("web.test", server.address)], Reach::Anywhere);
    let request = Request { url: "https://web.test/", post: None, known: None, limits: LIMITS };
    assert_eq!(fetch(&dialer, &request).await.unwrap().body.as_deref(), Some(&b"sealed"[..]));
    let clear = Canned::start(answer("HTTP/1.1 200 OK\nContent-Length: 5", b"clear")).await;
    let dialer = self::dialer(&[("web.test", clear.address)], Reach::Anywhere);
    let error = fetch(&dialer, &request).await.unwrap_err();
    assert!(matches!(error, Error::Tls(_)), "{error}");
}

/// Python's server: another reader of our requests, another writer of answers.
#[tokio::test]
async fn pythons_server_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let body: Vec<u8> = (0..70_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    std::fs::write(folder.path().join("list.crl"), &body).unwrap();
    let script = "import http.server, functools, sys\n\
        class Handler(http.server.SimpleHTTPRequestHandler):\n    protocol_version = 'HTTP/1.1'\n    def log_message(self, *a): pass\n\
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Handler, directory=sys.argv[1]))\n\
        print(server.server_address[1], flush=True)\nserver.serve_forever()\n";
    let mut child = tokio::process::Command::new("python3")
        .args(["-c", script, folder.path().to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = tokio::io::BufReader::new(child.stdout.take().unwrap());
    tokio::io::AsyncBufReadExt::read_line(&mut output, &mut line).await.unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], line.trim().parse().unwrap()));
    let dialer = dialer(&[("web.test", address)], Reach::Anywhere);
    let limits = Limits { time: Duration::from_secs(20), ..LIMITS };
    let ask = |url: &'static str, known: Option<Validators>| {
        let dialer = dialer.clone();
        async move { fetch(&dialer, &Request { url, post: None, known: known.as_ref(), limits }).await }
    };
    let first = ask("http://web.test/list.crl", None).await.unwrap();
    assert_eq!(first.body.as_deref(), Some(&body[..]));
    let again = ask("http://web.test/list.crl", Some(first.validators)).await.unwrap();
    assert_eq!(again.body, None);
    assert!(matches!(ask("http://web.test/none", None).await, Err(Error::Refused(_))));
}
