//! STARTTLS in all its policies.

use std::sync::{Arc, LazyLock};

use chancery_net::dns::Resolver;
use chancery_net::smtp::{
    Client, ClientConfig, DeliveryOptions, Route, ServerConfig, TlsMode, TlsPolicy,
};
use chancery_net::tls::{
    ClientCertificates, Identity, client_opportunistic, client_verified, server,
};
use chancery_wire::smtp::Protocol;
use chancery_wire::smtp::server::{AuthOffer, Config, Credentials};
use rcgen::{CertificateParams, CertifiedKey, KeyPair};

use crate::support::{
    Server, client, client_config, codes, config, deliver_with, letters, route, scripted, zone,
};

/// A self-signed certificate for mx.test and its key.
static CERTIFICATE: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(|| make("mx.test"));

fn make(name: &str) -> CertifiedKey<KeyPair> {
    let signing_key = KeyPair::generate().unwrap();
    let cert =
        CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&signing_key).unwrap();
    CertifiedKey { cert, signing_key }
}

fn identity(certificate: &CertifiedKey<KeyPair>) -> Identity {
    Identity::from_pem(
        certificate.cert.pem().as_bytes(),
        certificate.signing_key.serialize_pem().as_bytes(),
    )
    .unwrap()
}

pub(crate) fn server_tls() -> Arc<rustls::ServerConfig> {
    server(&identity(&CERTIFICATE), ClientCertificates::Ask).unwrap()
}

async fn start(session: Config) -> Server {
    Server::start(ServerConfig {
        tls: TlsMode::StartTls(server_tls()),
        ..ServerConfig::new(session)
    })
    .await
}

/// A client that finds the server under a name, with a policy.
fn named(server: &Server, name: &'static str) -> (Client, Route) {
    let resolver = Resolver::fixed(zone([(name, vec![server.address])]));
    let client = Client::new(ClientConfig { resolver, ..client_config() });
    (
        client,
        Route::Host {
            host: name.to_owned(),
            port: server.address.port(),
            protocol: Protocol::Smtp,
        },
    )
}

fn with(tls: TlsPolicy) -> DeliveryOptions {
    DeliveryOptions { tls, ..DeliveryOptions::default() }
}

fn verified() -> TlsPolicy {
    TlsPolicy::RequiredVerified(client_verified(&[CERTIFICATE.cert.der().to_vec()], None).unwrap())
}

#[tokio::test]
async fn policies_decide_about_tls() {
    let server = start(config()).await;
    let (client, route) = named(&server, "mx.test");
    for (policy, is_tls, is_verified) in [
        (TlsPolicy::None, false, false),
        (TlsPolicy::Opportunistic, true, false),
        (TlsPolicy::Required, true, false),
        (verified(), true, true),
    ] {
        let report = deliver_with(&client, &route, &["b"], b"x\r\n", &with(policy)).await;
        assert_eq!(letters(&report), "D", "{report:?}");
        assert_eq!(report.tls.is_some(), is_tls);
        if let Some(info) = report.tls {
            assert_eq!((info.version, info.is_verified), ("TLSv1.3", is_verified));
            assert_eq!(info.peer_certificate.as_deref(), Some(CERTIFICATE.cert.der().as_ref()));
        }
    }
    let seen: Vec<_> = server.messages().iter().map(|message| message.tls.is_some()).collect();
    assert_eq!(seen, [false, true, true, true], "connections of different policies are not shared");
    client.close_idle().await;
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_stops_verified_mail_only() {
    let server = start(config()).await;
    let (wrong_name, wrong_route) = named(&server, "other.test");
    let report = deliver_with(&wrong_name, &wrong_route, &["b"], b"x\r\n", &with(verified())).await;
    assert_eq!((letters(&report).as_str(), codes(&report)[0]), ("T", "tls.handshake"));
    let stranger = client_verified(&[make("mx.test").cert.der().to_vec()], None).unwrap();
    let (client, route) = named(&server, "mx.test");
    let report = deliver_with(
        &client,
        &route,
        &["b"],
        b"x\r\n",
        &with(TlsPolicy::RequiredVerified(stranger)),
    )
    .await;
    assert_eq!((letters(&report).as_str(), codes(&report)[0]), ("T", "tls.handshake"));
    assert!(server.messages().is_empty());
    let report =
        deliver_with(&wrong_name, &wrong_route, &["b"], b"x\r\n", &with(TlsPolicy::Required)).await;
    assert_eq!(letters(&report), "D");
    wrong_name.close_idle().await;
    server.stop().await;
}

#[tokio::test]
async fn required_tls_is_never_given_up() {
    let server = Server::smtp().await;
    for policy in [TlsPolicy::Required, verified()] {
        let report =
            deliver_with(&client(), &server.route(), &["b"], b"x\r\n", &with(policy)).await;
        assert_eq!((letters(&report).as_str(), codes(&report)[0]), ("T", "smtp.tls_required"));
    }
    assert!(server.messages().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_broken_handshake_means_clear_text_only_when_opportunistic() {
    let broken = || vec!["220 hello", "250-x\r\n250 STARTTLS", "220 go\r", "no TLS here"];
    let clear = vec![
        "220 hello",
        "250-x\r\n250-PIPELINING\r\n250 STARTTLS",
        "250 ok",
        "250 ok",
        "354 go",
        "250 taken",
    ];
    let address = scripted(vec![broken(), clear]).await;
    let report = deliver_with(
        &client(),
        &route(address, Protocol::Smtp),
        &["b"],
        b"x\r\n",
        &with(TlsPolicy::Opportunistic),
    )
    .await;
    assert_eq!(letters(&report), "D", "{report:?}");
    assert!(report.tls.is_none());
    let address = scripted(vec![broken()]).await;
    let report = deliver_with(
        &client(),
        &route(address, Protocol::Smtp),
        &["b"],
        b"x\r\n",
        &with(TlsPolicy::Required),
    )
    .await;
    assert_eq!(codes(&report), ["tls.handshake"]);
}

#[tokio::test]
async fn client_certificates_reach_the_handler() {
    let server = start(config()).await;
    let own = make("us.test");
    let tls = client_opportunistic(Some(&identity(&own))).unwrap();
    let client = Client::new(ClientConfig { tls, ..client_config() });
    let report =
        deliver_with(&client, &server.route(), &["b"], b"x\r\n", &with(TlsPolicy::Required)).await;
    assert_eq!(letters(&report), "D", "{report:?}");
    let info = server.messages()[0].tls.clone().unwrap();
    assert_eq!(info.peer_certificate.as_deref(), Some(own.cert.der().as_ref()));
    client.close_idle().await;
    server.stop().await;
}

#[tokio::test]
async fn credentials_are_used_over_tls() {
    let server = start(Config { auth: AuthOffer::AfterTls, ..config() }).await;
    for (password, expected) in [("secret", "ok"), ("wrong", "smtp.auth_failed")] {
        let auth =
            Some(Arc::new(Credentials { user: "joe".to_owned(), password: password.to_owned() }));
        let options =
            DeliveryOptions { auth, tls: TlsPolicy::Required, ..DeliveryOptions::default() };
        let client = client();
        let report = deliver_with(&client, &server.route(), &["b"], b"x\r\n", &options).await;
        assert_eq!(codes(&report), [expected], "{report:?}");
        client.close_idle().await;
    }
    assert_eq!(server.messages()[0].user.as_deref(), Some("joe"));
    server.stop().await;
}

#[tokio::test]
async fn large_bodies_cross_tls_whole() {
    let server = start(config()).await;
    let body = b".line of a large body\r\n".repeat(200_000);
    for prefer_chunking in [false, true] {
        let options = DeliveryOptions {
            prefer_chunking,
            tls: TlsPolicy::Required,
            ..DeliveryOptions::default()
        };
        let client = client();
        let report = deliver_with(&client, &server.route(), &["b"], &body, &options).await;
        assert_eq!(letters(&report), "D", "{report:?}");
        client.close_idle().await;
    }
    assert!(server.messages().iter().all(|message| message.body == body));
    server.stop().await;
}

#[test]
fn broken_identities_are_refused() {
    let good = &*CERTIFICATE;
    let (cert, key) = (good.cert.pem(), good.signing_key.serialize_pem());
    assert!(Identity::from_pem(b"", key.as_bytes()).is_err());
    assert!(Identity::from_pem(cert.as_bytes(), b"").is_err());
    assert!(Identity::from_pem(cert.as_bytes(), cert.as_bytes()).is_err());
    let foreign = make("x.test").signing_key.serialize_pem();
    let mismatch = Identity::from_pem(cert.as_bytes(), foreign.as_bytes()).unwrap();
    assert!(
        server(&mismatch, ClientCertificates::Ignore).is_err(),
        "a key that does not fit is noticed at start"
    );
}
