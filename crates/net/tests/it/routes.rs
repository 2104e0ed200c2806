//! Where the client goes, in which order, and when it comes back to the same connection.

use std::net::SocketAddr;

use chancery_net::dns::{MailServer, Resolver, Zone};
use chancery_net::smtp::{Client, ClientConfig, DeliveryOptions, Route, ServerConfig};
use chancery_wire::smtp::Protocol;
use chancery_wire::smtp::server::Config;
use tokio::net::TcpListener;

use crate::support::{
    Server, client, client_config, codes, config, deliver, letters, route, scripted, zone,
};

/// An address where nobody listens.
async fn dead() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn mx(servers: &[(u16, &str)]) -> Vec<MailServer> {
    servers
        .iter()
        .map(|(preference, host)| MailServer { preference: *preference, host: (*host).to_owned() })
        .collect()
}

fn domain() -> Route {
    Route::Domain { domain: "b.test".to_owned(), port: 25 }
}

fn client_with(zone: Zone) -> Client {
    Client::new(ClientConfig { resolver: Resolver::fixed(zone), ..client_config() })
}

fn with_mx(mut zone: Zone, servers: &[(u16, &str)]) -> Zone {
    zone.mx.insert("b.test".to_owned(), mx(servers));
    zone
}

#[tokio::test]
async fn servers_are_tried_in_order_until_one_answers() {
    let server = Server::smtp().await;
    let refusing = scripted(vec![vec!["554 no service"]]).await;
    let busy = scripted(vec![vec!["220 hello", "250 ok", "421 busy"]]).await;
    let zone = zone([
        ("one.test", vec![dead().await, refusing]),
        ("two.test", vec![busy]),
        ("four.test", vec![server.address]),
    ]);
    let zone =
        with_mx(zone, &[(40, "four.test"), (10, "one.test"), (20, "two.test"), (30, "three.test")]);
    let report = deliver(&client_with(zone), &domain(), &["b", "bad"], b"x\r\n").await;
    assert_eq!(letters(&report), "DP", "{report:?}");
    assert_eq!(report.host.as_deref(), Some("four.test"));
    assert_eq!(report.peer, Some(server.address));
    let tried: Vec<_> =
        report.attempts.iter().map(|attempt| (attempt.host.as_str(), attempt.code.id)).collect();
    let expected = [
        ("three.test", "dns.no_such_domain"),
        ("one.test", "route.connect"),
        ("one.test", "smtp.greeting_refused"),
        ("two.test", "smtp.refused_for_now"),
    ];
    assert_eq!(tried, expected);
    server.stop().await;
}

#[tokio::test]
async fn another_server_gets_only_the_recipients_that_are_open() {
    let dying = scripted(vec![vec![
        "220 hello",
        "250-x\r\n250 PIPELINING",
        "250 ok",
        "550 no",
        "250 ok",
        "",
    ]])
    .await;
    let server = Server::smtp().await;
    let zone = with_mx(
        zone([("one.test", vec![dying]), ("two.test", vec![server.address])]),
        &[(1, "one.test"), (2, "two.test")],
    );
    let report = deliver(&client_with(zone), &domain(), &["a", "b"], b"x\r\n").await;
    assert_eq!(letters(&report), "PD", "{report:?}");
    let messages = server.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].recipients[0].address, "b@b.test");
    server.stop().await;
}

#[tokio::test]
async fn dns_answers_decide() {
    let mut zone = zone([("self.test", vec!["127.0.0.1:25".parse().unwrap()])]);
    zone.broken.push("broken.test".to_owned());
    zone.mx.insert("null.test".to_owned(), Vec::new());
    zone.mx.insert("loop.test".to_owned(), mx(&[(5, "US.test")]));
    zone.mx.insert("loop2.test".to_owned(), mx(&[(5, "self.test")]));
    zone.mx.insert("gone.test".to_owned(), mx(&[(5, "nowhere.test")]));
    zone.mx.insert("half.test".to_owned(), mx(&[(5, "nowhere.test"), (6, "broken.test")]));
    let own_addresses = vec!["127.0.0.1:0".parse().unwrap()];
    let client = Client::new(ClientConfig {
        resolver: Resolver::fixed(zone),
        own_addresses,
        ..client_config()
    });
    for (name, letter, code) in [
        ("nowhere.test", "P", "dns.no_such_domain"),
        ("null.test", "P", "dns.no_mail"),
        ("broken.test", "T", "dns.temporary"),
        ("loop.test", "P", "route.loop"),
        ("loop2.test", "P", "route.loop"),
        ("gone.test", "P", "dns.no_such_domain"),
        ("half.test", "T", "dns.temporary"),
    ] {
        let report = deliver(
            &client,
            &Route::Domain { domain: name.to_owned(), port: 25 },
            &["b"],
            b"x\r\n",
        )
        .await;
        assert_eq!((letters(&report).as_str(), codes(&report)[0]), (letter, code), "{name}");
    }
    // The next hop of the configuration is not a domain: a name that is not found is our mistake, and mail waits.
    let next_hop =
        Route::Host { host: "nowhere.test".to_owned(), port: 25, protocol: Protocol::Smtp };
    let report = deliver(&client, &next_hop, &["b"], b"x\r\n").await;
    assert_eq!(codes(&report), ["dns.temporary"]);
}

#[tokio::test]
async fn better_servers_than_ourselves_are_used_and_worse_ones_not() {
    let server = Server::smtp().await;
    let zone = with_mx(
        zone([("better.test", vec![server.address]), ("worse.test", vec![server.address])]),
        &[(10, "better.test"), (20, "us.test"), (30, "worse.test")],
    );
    let report = deliver(&client_with(zone.clone()), &domain(), &["b"], b"x\r\n").await;
    assert_eq!(report.host.as_deref(), Some("better.test"));
    let zone = with_mx(zone, &[(20, "us.test"), (30, "worse.test")]);
    let report = deliver(&client_with(zone), &domain(), &["b"], b"x\r\n").await;
    assert_eq!(codes(&report), ["route.loop"]);
    server.stop().await;
}

#[tokio::test]
async fn nobody_listening_is_temporary() {
    let report =
        deliver(&client(), &route(dead().await, Protocol::Smtp), &["a", "b"], b"x\r\n").await;
    assert_eq!(codes(&report), ["route.connect", "route.connect"]);
    assert_eq!(letters(&report), "TT");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server =
        Server::start(ServerConfig { max_connections: 1, ..ServerConfig::new(config()) }).await;
    let client = client();
    for _ in 0..3 {
        // With one connection allowed, a second one would be refused.
        let report = deliver(&client, &server.route(), &["b"], b"x\r\n").await;
        assert_eq!(letters(&report), "D", "{report:?}");
    }
    // After a refusal too.
    assert_eq!(letters(&deliver(&client, &server.route(), &["bad"], b"x\r\n").await), "P");
    assert_eq!(letters(&deliver(&client, &server.route(), &["b"], b"x\r\n").await), "D");
    client.close_idle().await;
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_died_while_waiting_is_replaced() {
    // The server hangs up after one message without a word, and after two with 421.
    let one =
        || vec!["220 hello", "250-x\r\n250 PIPELINING", "250 ok", "250 ok", "354 go", "250 taken"];
    let address = scripted(vec![one(), [one(), vec!["421 bye"]].concat(), one()]).await;
    let client = client();
    for round in 0..3 {
        let report = deliver(&client, &route(address, Protocol::Smtp), &["b"], b"x\r\n").await;
        assert_eq!(letters(&report), "D", "{round}: {report:?}");
    }
}

#[tokio::test]
async fn a_server_that_ends_the_session_is_asked_again() {
    let server = Server::start(ServerConfig::new(Config { max_messages: 1, ..config() })).await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(letters(&deliver(&client, &server.route(), &["b"], b"x\r\n").await), "D");
    }
    assert_eq!(server.messages().len(), 3);
    client.close_idle().await;
    server.stop().await;
}

#[tokio::test]
async fn an_early_refusal_of_a_large_body_is_heard() {
    let mut session = config();
    session.max_message_size = 1_000;
    let server = Server::start(ServerConfig::new(session)).await;
    // Our own server announces its limit.
    let report = deliver(&client(), &server.route(), &["b"], &b"x\r\n".repeat(1_000)).await;
    assert_eq!(codes(&report), ["smtp.message_too_big"]);
    server.stop().await;
    // This one says it in the middle and hangs up without reading on. More than socket buffers hold:
    let body = [&[b'x'; 998][..], b"\r\n"].concat().repeat(16_000);
    let address = scripted(vec![vec![
        "220 hello",
        "250-x\r\n250 PIPELINING",
        "250 ok",
        "250 ok",
        "354 go\r\n552 5.3.4 enough",
    ]])
    .await;
    let report = deliver(&client(), &route(address, Protocol::Smtp), &["b"], &body).await;
    assert_eq!(letters(&report), "P", "{report:?}");
}

#[tokio::test]
async fn lmtp_gives_each_recipient_its_own_reply() {
    let server = Server::lmtp().await;
    let report = deliver(
        &client(),
        &route(server.address, Protocol::Lmtp),
        &["a", "bad", "full", "later"],
        b"x\r\n",
    )
    .await;
    assert_eq!(letters(&report), "DPTT");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_changed_length_is_not_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("body");
    std::fs::write(&path, b"0123456789\r\n").unwrap();
    let body = chancery_net::smtp::Body::from_file(&path).await.unwrap();
    std::fs::write(&path, b"01234").unwrap();
    let server = Server::smtp().await;
    let envelope = chancery_wire::smtp::Envelope::new("", ["b@b.test"]);
    let report =
        client().deliver(&server.route(), &envelope, &body, &DeliveryOptions::default()).await;
    assert_eq!(codes(&report), ["route.body_source"]);
    assert_eq!(letters(&report), "T");
    let recorder = std::sync::Arc::clone(&server.recorder);
    server.stop().await;
    assert!(recorder.messages.lock().unwrap().is_empty());
}
