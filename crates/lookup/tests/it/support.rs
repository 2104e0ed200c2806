//! Authorities that say where things are, a web server that counts, and a clock that we move.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery_lookup::{Budget, Decided, Lookup, Settings};
use chancery_net::clock::{Clock as _, ManualClock};
use chancery_net::dns::{Resolver, Zone};
use chancery_net::outbound::Dialer;
use chancery_net::reach::Reach;
use chancery_net::tls;
use chancery_pki::path::{self, Answer, Known, Strictness, Trust};
use chancery_pki::{Certificate, Purpose};
use chancery_store::Store;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CustomExtension, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// 2026-06-01 12:00 UTC.
pub(crate) const AT: i64 = 1_780_315_200;
pub(crate) const DAY: i64 = 86_400;

/// A key with a name, which issues certificates and lists.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) own: Certificate,
}

/// Where a certificate says that things are.
#[derive(Clone, Default)]
pub(crate) struct Places {
    pub(crate) issuers: Vec<String>,
    pub(crate) issued: Vec<String>,
    pub(crate) responders: Vec<String>,
    pub(crate) lists: Vec<String>,
    pub(crate) deltas: Vec<String>,
}

impl Authority {
    pub(crate) fn root(name: &str, places: &Places) -> Self {
        let (params, key) = (params(name, true, places), KeyPair::generate().unwrap());
        let own = params.self_signed(&key).unwrap();
        let own = Certificate::from_der(own.der()).unwrap();
        Self { issuer: Issuer::new(params, key), own }
    }

    pub(crate) fn below(&self, name: &str, places: &Places) -> Self {
        let (params, key) = (params(name, true, places), KeyPair::generate().unwrap());
        let own = params.signed_by(&key, &self.issuer).unwrap();
        let own = Certificate::from_der(own.der()).unwrap();
        Self { issuer: Issuer::new(params, key), own }
    }

    pub(crate) fn leaf(&self, name: &str, places: &Places) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, false, places).signed_by(&key, &self.issuer).unwrap();
        Certificate::from_der(certificate.der()).unwrap()
    }

    /// A list of this number that revokes these certificates.
    pub(crate) fn list(
        &self,
        number: u64,
        from: i64,
        to: i64,
        revoked: &[&Certificate],
    ) -> Vec<u8> {
        let moment =
            |unix: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(unix.unsigned_abs());
        let revoked_certs = revoked.iter().map(|certificate| RevokedCertParams {
            serial_number: SerialNumber::from_slice(certificate.serial()),
            revocation_time: moment(from),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: moment(from),
            next_update: moment(to),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

fn params(name: &str, is_ca: bool, places: &Places) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params.use_authority_key_identifier_extension = true;
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    } else {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    }
    if !places.lists.is_empty() {
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: places.lists.clone() }];
    }
    let access = |method: &[u8], urls: &[String]| -> Vec<u8> {
        let describe =
            |url: &String| der(0x30, &[der(0x06, method), der(0x86, url.as_bytes())].concat());
        urls.iter().flat_map(describe).collect()
    };
    let mut add = |oid: &[u64], content: Vec<u8>| {
        if !content.is_empty() {
            let extension = CustomExtension::from_oid_content(oid, der(0x30, &content));
            params.custom_extensions.push(extension);
        }
    };
    let id_ad = |last: u8| [0x2b, 6, 1, 5, 5, 7, 48, last];
    let authority = [access(&id_ad(2), &places.issuers), access(&id_ad(1), &places.responders)];
    add(&[1, 3, 6, 1, 5, 5, 7, 1, 1], authority.concat());
    add(&[1, 3, 6, 1, 5, 5, 7, 1, 11], access(&id_ad(5), &places.issued));
    let point = |url: &String| der(0x30, &der(0xa0, &der(0xa0, &der(0x86, url.as_bytes()))));
    add(&[2, 5, 29, 46], places.deltas.iter().flat_map(point).collect());
    params
}

/// Writes an element of DER.
pub(crate) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut element = vec![tag];
    match length {
        0..=0x7f => element.push(u8::try_from(length).unwrap()),
        0x80..=0xff => element.extend([0x81, u8::try_from(length).unwrap()]),
        _ => {
            element.push(0x82);
            element.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    element.extend(content);
    element
}

/// A web server that gives what was put there and counts who asks. Its name is `web.test`.
#[derive(Clone)]
pub(crate) struct Web {
    address: SocketAddr,
    files: Arc<Mutex<HashMap<String, Reply>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Nothing is answered while it is closed.
    gate: watch::Sender<bool>,
}

#[derive(Clone, Default)]
struct Reply {
    fields: Vec<String>,
    body: Vec<u8>,
}

impl Web {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = Self {
            address: listener.local_addr().unwrap(),
            files: Arc::default(),
            asked: Arc::default(),
            gate: watch::Sender::new(true),
        };
        let server = web.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let server = server.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        web
    }

    /// Puts a file there; returns its address.
    pub(crate) fn put(&self, path: &str, body: &[u8]) -> String {
        self.put_with(path, body, &[])
    }

    pub(crate) fn put_with(&self, path: &str, body: &[u8], fields: &[&str]) -> String {
        let fields = fields.iter().map(|&field| field.to_owned()).collect();
        let reply = Reply { fields, body: body.to_vec() };
        self.files.lock().unwrap().insert(path.to_owned(), reply);
        url(path)
    }

    /// Sends whoever asks for a path to another place.
    pub(crate) fn send_elsewhere(&self, path: &str, to: &str) {
        let fields = vec![format!("{ELSEWHERE}{to}")];
        let reply = Reply { fields, body: Vec::new() };
        self.files.lock().unwrap().insert(path.to_owned(), reply);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.files.lock().unwrap().remove(path);
    }

    /// Returns how often a path was asked for, with what follows it in the request line.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|it| it.starts_with(path)).count()
    }

    pub(crate) fn close(&self) {
        self.gate.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.gate.send_replace(true);
    }

    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let (mut length, mut tag) = (0, None);
        loop {
            let mut field = String::new();
            stream.read_line(&mut field).await.ok()?;
            let field = field.trim_end();
            if field.is_empty() {
                break;
            }
            let (name, value) = field.split_once(": ")?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "if-none-match" => tag = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        self.asked.lock().unwrap().push(path.clone());
        self.gate.subscribe().wait_for(|is_open| *is_open).await.ok()?;
        let reply = self.files.lock().unwrap().get(&path).cloned();
        let answer = match &reply {
            Some(reply)
                if tag.is_some_and(|tag| reply.fields.contains(&format!("ETag: {tag}"))) =>
            {
                b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()
            }
            Some(reply) if reply.fields.iter().any(|it| it.starts_with(ELSEWHERE)) => {
                format!("HTTP/1.1 302 Found\r\n{}\r\nContent-Length: 0\r\n\r\n", reply.fields[0])
                    .into_bytes()
            }
            Some(reply) => {
                let mut head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", reply.body.len());
                reply.fields.iter().for_each(|field| head.push_str(&format!("{field}\r\n")));
                [head.as_bytes(), b"\r\n", &reply.body].concat()
            }
            None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        };
        stream.write_all(&answer).await.ok()?;
        stream.shutdown().await.ok()
    }
}

/// The field that sends elsewhere.
const ELSEWHERE: &str = "Location: ";

/// Returns the address of a path at the server.
pub(crate) fn url(path: &str) -> String {
    format!("http://web.test{path}")
}

/// A lookup, its clock, and the server it finds under `web.test`.
pub(crate) struct Bench {
    pub(crate) lookup: Lookup,
    pub(crate) clock: ManualClock,
    pub(crate) web: Web,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default(), Reach::Anywhere).await
    }

    pub(crate) async fn with(settings: Settings, reach: Reach) -> Self {
        let (web, clock, dialer) = Self::parts(reach).await;
        Self { lookup: Lookup::new(settings, dialer), clock, web }
    }

    /// The same with what a store keeps.
    pub(crate) async fn kept(store: &Store) -> Self {
        let (web, clock, dialer) = Self::parts(Reach::Anywhere).await;
        let lookup = Lookup::with_store(Settings::default(), dialer, store).unwrap();
        Self { lookup, clock, web }
    }

    pub(crate) async fn parts(reach: Reach) -> (Web, ManualClock, Dialer) {
        let web = Web::start().await;
        let clock = ManualClock::new(u64::try_from(AT).unwrap() * 1000);
        let hosts = BTreeMap::from([("web.test".to_owned(), vec![web.address])]);
        let resolver = Resolver::fixed(Zone { hosts, ..Zone::default() });
        let tls = tls::client_opportunistic(None).unwrap();
        let dialer = Dialer { resolver, reach, tls, clock: Arc::new(clock.clone()) };
        (web, clock, dialer)
    }

    /// Decides whether the certificate leads to the anchor now.
    pub(crate) async fn decide(&self, target: &Certificate, trust: &Trust) -> Decided {
        self.lookup.decide(Budget::default(), |known| self.ask(known, target, trust)).await
    }

    pub(crate) fn ask(&self, known: &Known, target: &Certificate, trust: &Trust) -> Answer {
        path::decide(&known.question(target, Purpose::Any, self.clock.unix(), trust))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(Duration::from_secs(seconds.unsigned_abs()));
    }
}

/// Trusts one authority, and wants to know about revocation or not.
pub(crate) fn trust(anchor: &Authority, strictness: Strictness) -> Trust {
    let mut trust = Trust::anchors(std::slice::from_ref(&anchor.own));
    trust.revocation.strictness = strictness;
    trust
}
