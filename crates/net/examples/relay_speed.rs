//! How many messages a second server and client move together over loopback: `relay_speed [SECONDS] [SESSIONS]`.
//!
//! The handler drops what it gets, so this is the ceiling that the protocol code sets, and not what a gateway reaches.
#![expect(clippy::print_stdout, reason = "the result")]
#![expect(clippy::unwrap_used, reason = "an example may stop")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chancery_net::dns::{Resolver, Zone};
use chancery_net::listener::{Listener, Peer};
use chancery_net::shutdown::Shutdown;
use chancery_net::smtp::{
    Body, Client, ClientConfig, DeliveryOptions, Final, Handler, Route, ServerConfig, Session,
    serve,
};
use chancery_wire::smtp::server::Config;
use chancery_wire::smtp::{Envelope, MailFrom, Protocol, RcptTo, Reply};

struct Sink(Arc<AtomicU64>);

struct Drain(Arc<AtomicU64>);

impl Handler for Sink {
    type Session = Drain;

    async fn connect(&self, _peer: &Peer) -> Result<Drain, Reply> {
        Ok(Drain(Arc::clone(&self.0)))
    }
}

impl Session for Drain {
    async fn mail(&mut self, _mail: &MailFrom) -> Result<(), Reply> {
        Ok(())
    }

    async fn rcpt(&mut self, _recipient: &RcptTo) -> Result<(), Reply> {
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), Reply> {
        Ok(())
    }

    async fn chunk(&mut self, _octets: &[u8]) -> Result<(), Reply> {
        Ok(())
    }

    async fn end(&mut self) -> Final {
        self.0.fetch_add(1, Ordering::Relaxed);
        Reply::new(250, (2, 0, 0), "dropped").into()
    }

    async fn reset(&mut self) {}
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (seconds, sessions) = (arguments.next().unwrap_or(3), arguments.next().unwrap_or(20));
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (count, shutdown) = (Arc::new(AtomicU64::new(0)), Shutdown::new());
    let config = ServerConfig::new(Config { max_messages: u32::MAX, ..Config::new("sink.test") });
    let server =
        tokio::spawn(serve(listener, Arc::new(Sink(Arc::clone(&count))), config, shutdown.clone()));
    let started = Instant::now();
    let until = started + Duration::from_secs(seconds);
    let clients: Vec<_> = (0..sessions).map(|_| tokio::spawn(send(address, until))).collect();
    for client in clients {
        client.await.unwrap();
    }
    let (sent, elapsed) = (count.load(Ordering::Relaxed), started.elapsed());
    shutdown.trigger();
    server.await.unwrap().unwrap();
    let rate = u128::from(sent) * 1_000 / elapsed.as_millis().max(1);
    println!("{sent} messages of 10 kB in {elapsed:?}: {rate} a second, {sessions} sessions");
}

/// Sends one message after the other over one connection.
async fn send(address: SocketAddr, until: Instant) {
    let config = ClientConfig::new("source.test", Resolver::fixed(Zone::default())).unwrap();
    let client = Client::new(ClientConfig { max_messages: u32::MAX, ..config });
    let route = Route::Host {
        host: address.ip().to_string(),
        port: address.port(),
        protocol: Protocol::Smtp,
    };
    let line = b"This is a line of a message that has the usual length of lines in messages.\r\n";
    let body = Body::from_bytes(line.repeat(10_240 / line.len()));
    let envelope = Envelope::new("a@a.test", ["b@b.test"]);
    while Instant::now() < until {
        let report = client.deliver(&route, &envelope, &body, &DeliveryOptions::default()).await;
        assert!(
            report.outcomes.iter().all(chancery_net::smtp::Outcome::is_delivered),
            "{report:?}"
        );
    }
    client.close_idle().await;
}
