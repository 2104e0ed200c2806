//! The resolver against a small name server that speaks real DNS over UDP.

use std::net::SocketAddr;

use chancery_net::dns::{Error, MailServer, Resolver};
use tokio::net::UdpSocket;

const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const A: u16 = 1;
const SOA: u16 = 6;
const MX: u16 = 15;
const AAAA: u16 = 28;

/// What the name server says about a name and type: a code and records.
fn answer(name: &str, kind: u16) -> (u8, Vec<Vec<u8>>) {
    match (name, kind) {
        ("two.test", MX) => (NOERROR, vec![mx(20, "MX2.test"), mx(10, "mx1.test")]),
        ("null.test", MX) => (NOERROR, vec![mx(0, "")]),
        ("bare.test" | "mx1.test", A) => (NOERROR, vec![vec![192, 0, 2, 1], vec![192, 0, 2, 2]]),
        ("mx1.test", AAAA) => (NOERROR, vec![[&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1]].concat()]),
        ("half.test" | "half2.test", AAAA) | ("broken.test", _) => (SERVFAIL, Vec::new()),
        ("bare.test" | "empty.test" | "mx1.test" | "half2.test", _) => (NOERROR, Vec::new()),
        ("half.test", A) => (NOERROR, vec![vec![192, 0, 2, 3]]),
        _ => (NXDOMAIN, Vec::new()),
    }
}

fn mx(preference: u16, host: &str) -> Vec<u8> {
    [preference.to_be_bytes().to_vec(), name(host)].concat()
}

fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut out: Vec<u8> = labels
        .flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat())
        .collect();
    out.push(0);
    out
}

/// Reads the one question of a query: its name, type, and length.
fn question(query: &[u8]) -> (String, u16, usize) {
    let mut at = 12;
    let mut labels = Vec::new();
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    (labels.join("."), u16::from_be_bytes([query[at + 1], query[at + 2]]), at + 5 - 12)
}

fn respond(query: &[u8]) -> Vec<u8> {
    let (asked, kind, length) = question(query);
    let (code, records) = answer(&asked, kind);
    let is_negative = records.is_empty() && code != SERVFAIL;
    let counts = [0, 1, 0, u8::try_from(records.len()).unwrap(), 0, u8::from(is_negative), 0, 0];
    let mut out = [&query[..2], &[0x81, 0x80 | code], &counts, &query[12..12 + length]].concat();
    for data in records {
        out.extend(record(&[0xc0, 12], kind, &data));
    }
    if is_negative {
        out.extend(record(
            &name("test"),
            SOA,
            &[name("ns.test"), name("admin.test"), vec![0; 20]].concat(),
        ));
    }
    out
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [owner, &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 60], &length, data].concat()
}

async fn resolver() -> Resolver {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            socket.send_to(&respond(&buffer[..length]), from).await.unwrap();
        }
    });
    Resolver::with_servers(&[address]).unwrap()
}

#[tokio::test]
async fn mail_servers_come_in_order() {
    let resolver = resolver().await;
    let server = |preference, host: &str| MailServer { preference, host: host.to_owned() };
    assert_eq!(
        resolver.mail_servers("two.test").await.unwrap(),
        [server(10, "mx1.test"), server(20, "mx2.test")]
    );
    assert_eq!(
        resolver.mail_servers("bare.test").await.unwrap(),
        [server(0, "bare.test")],
        "the implicit MX"
    );
}

#[tokio::test]
async fn a_plain_no_is_told_from_a_failure() {
    let resolver = resolver().await;
    assert!(matches!(resolver.mail_servers("null.test").await, Err(Error::NullMx { .. })));
    for name in ["nowhere.test", "empty.test"] {
        let result = resolver.mail_servers(name).await;
        assert!(matches!(result, Err(Error::NoSuchDomain { .. })), "{name}: {result:?}");
    }
    let result = resolver.mail_servers("broken.test").await;
    assert!(matches!(result, Err(Error::Temporary { .. })), "{result:?}");
}

#[tokio::test]
async fn addresses_of_both_families_take_turns() {
    let resolver = resolver().await;
    let found = resolver.addresses("mx1.test", 25).await.unwrap();
    let expected: Vec<SocketAddr> = ["[2001:db8::1]:25", "192.0.2.1:25", "192.0.2.2:25"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    assert_eq!(found, expected);
    assert_eq!(resolver.addresses("half.test", 25).await.unwrap().len(), 1, "one family is enough");
    // No IPv4 and IPv6 unknown: it may exist.
    assert!(matches!(resolver.addresses("half2.test", 25).await, Err(Error::Temporary { .. })));
    assert!(matches!(
        resolver.addresses("nowhere.test", 25).await,
        Err(Error::NoSuchDomain { .. })
    ));
}
