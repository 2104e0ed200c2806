//! Limits, timeouts and shutdown of the server.

use std::sync::Arc;
use std::time::Duration;

use chancery_net::clock::ManualClock;
use chancery_net::smtp::{ServerConfig, TlsMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::support::{Server, advance_until, config, reply};
use crate::tls::server_tls;

async fn connect(server: &Server) -> BufReader<TcpStream> {
    BufReader::new(TcpStream::connect(server.address).await.unwrap())
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> String {
    stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    reply(stream).await
}

#[tokio::test]
async fn connections_over_the_limits_get_421() {
    for limits in [(2, 10), (10, 2)] {
        let config = ServerConfig {
            max_connections: limits.0,
            max_connections_per_ip: limits.1,
            ..ServerConfig::new(config())
        };
        let server = Server::start(config).await;
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut stream = connect(&server).await;
            assert!(reply(&mut stream).await.starts_with("220 "));
            kept.push(stream);
        }
        let mut third = connect(&server).await;
        assert!(reply(&mut third).await.starts_with("421 4.7.0 "));
        assert_eq!(reply(&mut third).await, "");
        // Once one has gone there is room again.
        let mut first = kept.remove(0);
        assert!(say(&mut first, "QUIT\r\n").await.starts_with("221 "));
        assert_eq!(first.read(&mut [0]).await.unwrap(), 0);
        loop {
            let mut fourth = connect(&server).await;
            if reply(&mut fourth).await.starts_with("220 ") {
                break;
            }
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn silent_and_trickling_clients_are_cut_off() {
    for text in
        ["", "EHLO c\r\n", "NOO", "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nDATA\r\nx"]
    {
        let clock = ManualClock::new(0);
        let server = Server::start(ServerConfig {
            clock: Arc::new(clock.clone()),
            ..ServerConfig::new(config())
        })
        .await;
        let mut stream = connect(&server).await;
        stream.get_mut().write_all(text.as_bytes()).await.unwrap();
        let mut output = String::new();
        advance_until(&clock, Duration::from_secs(10), stream.read_to_string(&mut output))
            .await
            .unwrap();
        assert!(output.lines().last().unwrap().starts_with("421 4.4.2 "), "{text:?}: {output}");
        assert!(server.messages().is_empty());
        server.stop().await;
    }
}

/// A server on a clock of its own.
async fn timed(session: chancery_wire::smtp::server::Config) -> (Server, ManualClock) {
    let clock = ManualClock::new(0);
    let config = ServerConfig { clock: Arc::new(clock.clone()), ..ServerConfig::new(session) };
    (Server::start(config).await, clock)
}

#[tokio::test]
async fn a_busy_client_is_cut_off_when_its_time_is_up() {
    let mut session = config();
    (session.session_timeout_ms, session.max_messages) = (600_000, u32::MAX);
    let (server, clock) = timed(session).await;
    let mut stream = connect(&server).await;
    assert!(reply(&mut stream).await.starts_with("220 "));
    assert!(say(&mut stream, "EHLO c\r\n").await.starts_with("250-"));
    let message = "MAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nBDAT 1 LAST\r\nx";
    let mut taken = 0;
    let last = loop {
        stream.get_mut().write_all(message.as_bytes()).await.unwrap();
        let mut answer = String::new();
        for _ in 0..3 {
            answer = reply(&mut stream).await;
            if answer.starts_with("421") {
                break;
            }
        }
        if answer.starts_with("421") {
            break answer;
        }
        taken += 1;
        assert!(taken <= 10, "ten minutes are over");
        clock.advance(Duration::from_secs(60));
    };
    assert!(last.starts_with("421 4.7.0 "), "{last}");
    assert_eq!(server.messages().len(), taken, "what was acknowledged is kept");
    assert!((9..=10).contains(&taken), "{taken}");
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_trickles_in_is_cut_off() {
    let (server, clock) = timed(config()).await;
    let mut stream = connect(&server).await;
    assert!(reply(&mut stream).await.starts_with("220 "));
    stream
        .get_mut()
        .write_all(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n")
        .await
        .unwrap();
    while !reply(&mut stream).await.starts_with("354") {}
    for minute in 1..=4 {
        // The server has the octet before the clock moves, so that it is never silence that ends this.
        stream.get_mut().write_all(b"x").await.unwrap();
        while *server.recorder.octets.borrow() < minute {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(60));
    }
    // Three minutes of grace are over, and an octet is worth two milliseconds more.
    let answer = tokio::time::timeout(PATIENCE, reply(&mut stream)).await;
    assert!(answer.unwrap().starts_with("421 4.4.2 "));
    assert!(server.messages().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_cut_off() {
    let clock = ManualClock::new(0);
    let server = Server::start(ServerConfig {
        clock: Arc::new(clock.clone()),
        tls: TlsMode::StartTls(server_tls()),
        ..ServerConfig::new(config())
    })
    .await;
    let mut stream = connect(&server).await;
    assert!(reply(&mut stream).await.starts_with("220 "));
    assert!(say(&mut stream, "EHLO c\r\n").await.starts_with("250-"));
    assert!(say(&mut stream, "STARTTLS\r\n").await.starts_with("220 "));
    let mut rest = Vec::new();
    let end = advance_until(&clock, Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(end.is_err() || rest.is_empty(), "nothing is said in clear: {rest:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_no_replies_is_cut_off() {
    let clock = ManualClock::new(0);
    let mut session = config();
    session.max_errors = u32::MAX;
    let server = Server::start(ServerConfig {
        clock: Arc::new(clock.clone()),
        ..ServerConfig::new(session)
    })
    .await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let flood = "EHLO c\r\n".repeat(10_000);
    let write = async { while stream.write_all(flood.as_bytes()).await.is_ok() {} };
    advance_until(&clock, Duration::from_secs(1), write).await;
    server.stop().await;
}

#[tokio::test]
async fn shutdown_finishes_the_message_and_sends_the_idle_away() {
    let server = Server::smtp().await;
    let mut idle = connect(&server).await;
    assert!(reply(&mut idle).await.starts_with("220 "));
    let mut busy = connect(&server).await;
    assert!(reply(&mut busy).await.starts_with("220 "));
    assert!(say(&mut busy, "EHLO c\r\n").await.starts_with("250-"));
    assert!(say(&mut busy, "MAIL FROM:<>\r\n").await.starts_with("250 "));
    assert!(say(&mut busy, "RCPT TO:<b@b.test>\r\n").await.starts_with("250 "));
    assert!(say(&mut busy, "DATA\r\n").await.starts_with("354 "));
    server.shutdown.trigger();
    assert!(reply(&mut idle).await.starts_with("421 4.3.2 "));
    assert!(say(&mut busy, "x\r\n.\r\n").await.starts_with("250 2.0.0 "));
    assert!(reply(&mut busy).await.starts_with("421 4.3.2 "));
    assert_eq!(server.messages().len(), 1);
    let address = server.address;
    server.stopped().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let clock = ManualClock::new(0);
    let server = Server::start(ServerConfig {
        clock: Arc::new(clock.clone()),
        ..ServerConfig::new(config())
    })
    .await;
    let mut busy = connect(&server).await;
    let text = "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n";
    busy.get_mut().write_all(text.as_bytes()).await.unwrap();
    while !reply(&mut busy).await.starts_with("354") {}
    server.shutdown.trigger();
    let recorder = Arc::clone(&server.recorder);
    advance_until(&clock, Duration::from_secs(1), server.stopped()).await;
    assert!(recorder.messages.lock().unwrap().is_empty());
}

#[tokio::test]
async fn handler_is_told_when_a_transaction_ends_early() {
    let server = Server::smtp().await;
    let mut stream = connect(&server).await;
    stream
        .get_mut()
        .write_all(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nDATA\r\nhalf a mess")
        .await
        .unwrap();
    while !reply(&mut stream).await.starts_with("354") {}
    drop(stream);
    let recorder = Arc::clone(&server.recorder);
    server.stop().await;
    assert!(recorder.messages.lock().unwrap().is_empty());
    assert_eq!(*recorder.resets.lock().unwrap(), 1);
}

#[tokio::test]
async fn large_bodies_stream_through_one_small_buffer() {
    let server = Server::smtp().await;
    let mut stream = connect(&server).await;
    stream
        .get_mut()
        .write_all(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n")
        .await
        .unwrap();
    while !reply(&mut stream).await.starts_with("354") {}
    // One line of 10 MB.
    let body = vec![b'x'; 10 << 20];
    stream.get_mut().write_all(&body).await.unwrap();
    assert!(say(&mut stream, "\r\n.\r\n").await.starts_with("250 "));
    assert_eq!(server.messages()[0].body.len(), (10 << 20) + 2);
    server.stop().await;
}

/// How long a test that fails waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(20);
