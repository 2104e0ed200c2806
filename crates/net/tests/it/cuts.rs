//! The connection dies after every single octet, in both directions: no message is lost, and none is called lost
//! that may have arrived.

use std::net::SocketAddr;

use chancery_net::smtp::Outcome;
use chancery_wire::smtp::Protocol;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::{Server, client, deliver, letters, route};

/// Which direction is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    ToClient(usize),
    ToServer(usize),
}

/// Passes on octets and closes both sides once the allowance is used up. Returns the number of octets passed on to
/// the client when the connection ends by itself.
async fn proxy(server: SocketAddr, cut: Cut) -> (SocketAddr, JoinHandle<(usize, usize)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(server).await.unwrap();
        let (mut passed, mut allowed) = ((0, 0), cut);
        let (mut from_client, mut from_server) = ([0; 4096], [0; 4096]);
        loop {
            let is_over = matches!(allowed, Cut::ToClient(0) | Cut::ToServer(0));
            if is_over {
                return passed;
            }
            tokio::select! {
                count = client.read(&mut from_client) => {
                    let Ok(count @ 1..) = count else { return passed };
                    let count = allow(&mut allowed, count, false);
                    passed.0 += count;
                    if server.write_all(&from_client[..count]).await.is_err() { return passed }
                }
                count = server.read(&mut from_server) => {
                    let Ok(count @ 1..) = count else { return passed };
                    let count = allow(&mut allowed, count, true);
                    passed.1 += count;
                    if client.write_all(&from_server[..count]).await.is_err() { return passed }
                }
            }
        }
    });
    (address, task)
}

fn allow(allowed: &mut Cut, count: usize, is_to_client: bool) -> usize {
    match allowed {
        Cut::ToClient(left) if is_to_client => take(left, count),
        Cut::ToServer(left) if !is_to_client => take(left, count),
        _ => count,
    }
}

fn take(left: &mut usize, count: usize) -> usize {
    let count = count.min(*left);
    *left -= count;
    count
}

/// Runs one delivery through a cut and checks that the client's word fits what the server has. Returns true when the
/// cut came too late to matter.
async fn check(server: &Server, protocol: Protocol, cut: Cut) -> bool {
    let before = server.messages().len();
    let (address, passed) = proxy(server.address, cut).await;
    let client = client();
    let report =
        deliver(&client, &route(address, protocol), &["b", "bad", "c"], b".a\r\nbody\r\n").await;
    client.close_idle().await;
    let (to_server, to_client) = passed.await.unwrap();
    let has_arrived = server.messages().len() > before;
    assert_eq!(report.outcomes.len(), 3);
    for (at, outcome) in report.outcomes.iter().enumerate() {
        let context = format!("{protocol:?} {cut:?} recipient {at}: {report:?}");
        match outcome {
            Outcome::Delivered { .. } => assert!(has_arrived && at != 1, "{context}"),
            Outcome::TempFail { .. } => assert!(!has_arrived || at == 1, "{context}"),
            Outcome::PermFail { .. } => assert_eq!(at, 1, "{context}"),
            Outcome::Unknown { .. } => assert!(at != 1, "{context}"),
        }
    }
    let is_done = letters(&report) == "DPD";
    match cut {
        Cut::ToClient(limit) => is_done && to_client < limit,
        Cut::ToServer(limit) => is_done && to_server < limit,
    }
}

async fn cut_everywhere(server: &Server, protocol: Protocol, cut: fn(usize) -> Cut) -> usize {
    let mut octets = 0;
    while !check(server, protocol, cut(octets)).await {
        octets += 1;
        assert!(octets < 5_000, "the dialogue does not end");
    }
    octets
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_cut_at_every_octet() {
    let server = Server::smtp().await;
    assert!(cut_everywhere(&server, Protocol::Smtp, Cut::ToClient).await > 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_cut_at_every_octet() {
    let server = Server::smtp().await;
    assert!(cut_everywhere(&server, Protocol::Smtp, Cut::ToServer).await > 100);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lmtp_cut_at_every_octet() {
    let server = Server::lmtp().await;
    assert!(cut_everywhere(&server, Protocol::Lmtp, Cut::ToClient).await > 200);
    assert!(cut_everywhere(&server, Protocol::Lmtp, Cut::ToServer).await > 100);
    server.stop().await;
}
