//! The LDAP server over sockets: answers in any order, abandoned and late searches, slow clients, shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chancery_net::clock::ManualClock;
use chancery_net::ldap::server::{Handler, Search, ServerConfig, serve};
use chancery_net::listener::Client;
use chancery_net::shutdown::Shutdown;
use chancery_net::smtp::TlsMode;
use chancery_net::tls::TlsInfo;
use chancery_wire::ldap::server::Settings;
use chancery_wire::ldap::{
    Dereference, Filter, Message, Operation, Outcome, Scope, SearchRequest, length_of_first,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Answers at once, unless it is searched below `o=slow`: then when it is told to.
struct Slow(Semaphore);

impl Handler for Slow {
    fn quick(&self, _client: &Client, _message: &[u8], _output: &mut Vec<u8>) -> bool {
        false
    }

    async fn search(self: Arc<Self>, _client: Client, search: Search) -> Vec<u8> {
        if search.request.base == "o=slow" {
            self.0.acquire().await.unwrap().forget();
        }
        Message::new(search.id, Operation::SearchDone(Outcome::default())).to_ber()
    }

    async fn is_password(self: Arc<Self>, _: Client, _: String, _: Vec<u8>) -> bool {
        false
    }

    fn certified(&self, _tls: &TlsInfo) -> Option<String> {
        None
    }
}

struct Server {
    address: SocketAddr,
    handler: Arc<Slow>,
    clock: ManualClock,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

async fn start() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (clock, shutdown) = (ManualClock::new(0), Shutdown::new());
    let handler = Arc::new(Slow(Semaphore::new(0)));
    let config = ServerConfig {
        session: Settings::default(),
        tls: TlsMode::None,
        proxies: Arc::new(|_| false),
        max_connections: 10,
        max_connections_per_ip: 10,
        idle_timeout: Duration::from_mins(5),
        slow_timeout: Duration::from_secs(30),
        search_timeout: Duration::from_secs(20),
        clock: Arc::new(clock.clone()),
    };
    let task = tokio::spawn(serve(listener, Arc::clone(&handler), config, shutdown.clone()));
    Server { address, handler, clock, shutdown, task }
}

fn search(id: u32, base: &str, time_limit: u32) -> Vec<u8> {
    let request = SearchRequest {
        base: base.to_owned(),
        scope: Scope::Subtree,
        dereference: Dereference::Never,
        size_limit: 0,
        time_limit,
        types_only: false,
        filter: Filter::equal("mail", b"a@b.example"),
        attributes: vec![],
    };
    Message::new(id, Operation::SearchRequest(request)).to_ber()
}

/// Reads one message; `None` at the end of the connection.
async fn next(stream: &mut TcpStream) -> Option<(u32, u32)> {
    let mut octets = Vec::new();
    loop {
        if let Ok(Some(length)) = length_of_first(&octets)
            && octets.len() == length
        {
            let message = Message::from_ber(&octets).unwrap();
            return Some(match message.operation {
                Operation::SearchDone(outcome) => (message.id, outcome.code),
                Operation::Extended(notice) => (message.id, notice.outcome.code),
                other => panic!("{other:?}"),
            });
        }
        let mut octet = [0];
        if stream.read(&mut octet).await.ok()? == 0 {
            return None;
        }
        octets.extend(octet);
    }
}

#[tokio::test]
async fn nobody_waits_for_a_slow_answer_and_abandoned_ones_never_come() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let abandon = Message::new(9, Operation::Abandon(1)).to_ber();
    let requests = [search(1, "o=slow", 0), search(2, "o=slow", 0), search(3, "", 0), abandon];
    stream.write_all(&requests.concat()).await.unwrap();
    assert_eq!(next(&mut stream).await, Some((3, 0)));
    // A number that is in use tells nobody apart.
    stream.write_all(&search(2, "", 0)).await.unwrap();
    assert_eq!(next(&mut stream).await, Some((2, Outcome::PROTOCOL_ERROR)));
    server.handler.0.add_permits(2);
    stream.write_all(&search(4, "", 0)).await.unwrap();
    let mut answers = [next(&mut stream).await.unwrap(), next(&mut stream).await.unwrap()];
    answers.sort_unstable();
    assert_eq!(answers, [(2, 0), (4, 0)]);
    server.shutdown.trigger();
    assert_eq!(next(&mut stream).await, Some((0, Outcome::UNAVAILABLE)));
    assert_eq!(next(&mut stream).await, None);
    server.task.await.unwrap();
}

#[tokio::test]
async fn searches_end_when_their_client_wants_or_we_do() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&search(1, "o=slow", 5)).await.unwrap();
    let clock = server.clock.clone();
    let moving = tokio::spawn(async move {
        loop {
            clock.has_sleepers().await;
            clock.advance(Duration::from_millis(500));
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(next(&mut stream).await, Some((1, Outcome::TIME_LIMIT)));
    stream.write_all(&search(2, "o=slow", 100_000)).await.unwrap();
    assert_eq!(next(&mut stream).await, Some((2, Outcome::TIME_LIMIT)));
    // Afterwards it is idle for too long.
    assert_eq!(next(&mut stream).await, Some((0, Outcome::UNAVAILABLE)));
    assert_eq!(next(&mut stream).await, None);
    moving.abort();
    server.shutdown.trigger();
    server.task.await.unwrap();
}

#[tokio::test]
async fn a_request_octet_by_octet_gets_no_more_time_than_another() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // A hundred seconds and more in all, of which thirty are permitted.
    let request = search(1, &"x".repeat(20), 0);
    server.clock.has_sleepers().await;
    for octet in &request[..request.len() - 1] {
        server.clock.advance(Duration::from_secs(2));
        if stream.write_all(&[*octet]).await.is_err() {
            break;
        }
        // The server looks at each one before the next one comes: the runtime polls its sockets every few dozen turns.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
    // Octets that came after the end may have taken the goodbye with them.
    let answer = next(&mut stream).await;
    assert!(matches!(answer, None | Some((0, Outcome::UNAVAILABLE))), "{answer:?}");
    server.shutdown.trigger();
    server.task.await.unwrap();
}
