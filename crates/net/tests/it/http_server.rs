//! The HTTP server over sockets: one answer a connection, slow and half-open clients, proxies, shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chancery_net::clock::ManualClock;
use chancery_net::http::server::{Handler, ServerConfig, serve};
use chancery_net::listener::Client;
use chancery_net::shutdown::Shutdown;
use chancery_net::smtp::TlsMode;
use chancery_net::tls::TlsInfo;
use chancery_wire::http::{Reply, Request, Status};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Says who asks for what; `/never` is never answered, which it tells.
#[derive(Default)]
struct Echo(Notify);

impl Handler for Echo {
    async fn answer(self: Arc<Self>, client: Client, request: Request) -> Reply {
        if request.path == "/never" {
            self.0.notify_one();
            std::future::pending::<()>().await;
        }
        let who = client.address.map(|it| it.to_string()).unwrap_or_default();
        Reply::new(Status::Ok, format!("{who} {}", request.path))
    }

    fn certified(&self, _tls: &TlsInfo) -> Option<String> {
        None
    }
}

struct Server {
    address: SocketAddr,
    handler: Arc<Echo>,
    clock: ManualClock,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

async fn start(is_behind_a_proxy: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // 2026-06-01 12:00:00 UTC.
    let (clock, shutdown) = (ManualClock::new(1_780_315_200_000), Shutdown::new());
    let config = ServerConfig {
        tls: TlsMode::None,
        proxies: Arc::new(move |_| is_behind_a_proxy),
        max_connections: 8,
        max_connections_per_ip: 4,
        slow_timeout: Duration::from_secs(30),
        answer_timeout: Duration::from_secs(20),
        clock: Arc::new(clock.clone()),
    };
    let handler = Arc::new(Echo::default());
    let task = tokio::spawn(serve(listener, Arc::clone(&handler), config, shutdown.clone()));
    Server { address, handler, clock, shutdown, task }
}

/// Sends octets and reads to the end of the connection.
async fn ask(server: &Server, octets: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // A server that has no place closes at once.
    let _sent = stream.write_all(octets).await;
    rest(&mut stream).await
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let _ended = stream.read_to_string(&mut text).await;
    text
}

#[tokio::test]
async fn each_connection_gets_one_answer() {
    let server = start(false).await;
    let said = ask(&server, b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("\r\n\r\n127.0.0.1 /a"));
    assert!(said.contains("Date: Mon, 01 Jun 2026 12:00:00 GMT\r\n"), "{said}");
    // What is hidden behind the first request is never one.
    let two = b"GET /a HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n";
    let said = ask(&server, two).await;
    assert!(said.ends_with("/a") && !said.contains("/b"), "{said}");
    assert!(ask(&server, b"HEAD /a HTTP/1.0\r\n\r\n").await.ends_with("\r\n\r\n"));
    assert!(ask(&server, b"POST /a HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.1 405 "));
    assert!(ask(&server, b"\x16\x03\x01\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    // The answer arrives although the client goes on sending.
    let flood = [b"GET /a HTTP/1.1\r\n".as_slice(), &b"a: b\r\n".repeat(3_000)].concat();
    assert!(ask(&server, &flood).await.starts_with("HTTP/1.1 431 "));
    let line = [b"GET /".as_slice(), &b"a".repeat(20_000)].concat();
    assert!(ask(&server, &line).await.starts_with("HTTP/1.1 414 "));
    // Who has no more to say is told what was wrong with it.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 400 "));
    server.shutdown.trigger();
    server.task.await.unwrap();
}

#[tokio::test]
async fn slow_clients_lose_their_places() {
    let server = start(false).await;
    let mut slow = Vec::new();
    for text in ["", "GET", "GET / HTTP/1.1\r\nHost", "GET /never HTTP/1.0\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    server.handler.0.notified().await;
    // Four from one address are all there may be: one that has said nothing makes room, one that waits for us does not.
    for _ in 0..8 {
        assert!(ask(&server, b"GET /a HTTP/1.0\r\n\r\n").await.contains(" 200 "));
    }
    server.clock.advance(Duration::from_secs(20));
    let mut asked = slow.pop().unwrap();
    assert!(rest(&mut asked).await.starts_with("HTTP/1.1 503 "));
    // An octet now and then does not make it more time.
    for stream in &mut slow {
        let _gone = stream.write_all(b"x").await;
    }
    server.clock.advance(Duration::from_secs(10));
    for stream in &mut slow {
        assert_eq!(rest(stream).await, "");
    }
    while !ask(&server, b"GET /a HTTP/1.0\r\n\r\n").await.contains(" 200 ") {
        tokio::task::yield_now().await;
    }
    server.shutdown.trigger();
    server.task.await.unwrap();
}

#[tokio::test]
async fn who_is_behind_a_proxy_is_the_client() {
    let server = start(true).await;
    let header = |client: [u8; 4]| {
        let fixed = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice();
        [fixed, &client, &[127, 0, 0, 1, 0, 1, 0, 2], b"GET /a HTTP/1.0\r\n\r\n"].concat()
    };
    assert!(ask(&server, &header([192, 0, 2, 7])).await.ends_with("\r\n192.0.2.7 /a"));
    // Without the header nobody knows who it is.
    assert_eq!(ask(&server, b"GET /a HTTP/1.0\r\n\r\n").await, "");
    server.shutdown.trigger();
    server.task.await.unwrap();
}

#[tokio::test]
async fn a_shutdown_ends_who_has_not_asked() {
    let server = start(false).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET / ").await.unwrap();
    assert!(ask(&server, b"GET /a HTTP/1.0\r\n\r\n").await.contains(" 200 "));
    server.shutdown.trigger();
    server.task.await.unwrap();
    assert_eq!(rest(&mut idle).await, "");
}
