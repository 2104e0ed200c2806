//! Directories that answer late, in another order, too much, nonsense, with referrals, or not at all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery_lookup::keys::{
    Asked, Channel, Directory, Domains, Finder, Found, How, Kind, Pattern, Settings, Source,
};
use chancery_mail::Address;
use chancery_net::clock::SystemClock;
use chancery_net::dns::{Resolver, Zone};
use chancery_net::ldap::{Client, Security, Server};
use chancery_net::outbound::Dialer;
use chancery_net::reach::Reach;
use chancery_net::tls;
use chancery_wire::ldap::{
    Attribute, Chain, Filter, Message, Operation, Outcome, SearchEntry, Template, length_of_first,
};
use rcgen::KeyUsagePurpose;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::keys::person;

/// What the server does with a question.
#[derive(Clone)]
enum Reply {
    Close,
    /// These octets.
    Raw(Vec<u8>),
    /// Nothing at all.
    Silence,
    /// An entry with these attributes, and the end.
    Values(Vec<(&'static str, Vec<u8>)>),
    /// What makes the end, after these messages.
    With(Vec<Operation>, u32),
}

/// A directory that answers by the address in the filter.
#[derive(Clone, Default)]
struct Fake {
    replies: Arc<Mutex<BTreeMap<String, Reply>>>,
    /// Everything that came: the connection and the message.
    asked: Arc<Mutex<Vec<(usize, Message)>>>,
    /// Answers wait until there are so many questions, and go out in the opposite order.
    together: Arc<Mutex<usize>>,
}

impl Fake {
    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = self.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let fake = fake.clone();
                tokio::spawn(async move { fake.serve(number, stream).await });
            }
        });
        address
    }

    async fn serve(&self, number: usize, mut stream: TcpStream) -> Option<()> {
        let (mut buffer, mut waiting) = (Vec::new(), Vec::new());
        loop {
            while let Ok(Some(length)) = length_of_first(&buffer) {
                if buffer.len() < length {
                    break;
                }
                let message: Vec<u8> = buffer.drain(..length).collect();
                let message = Message::from_ber(&message).unwrap();
                self.asked.lock().unwrap().push((number, message.clone()));
                if let Operation::SearchRequest(request) = &message.operation {
                    match self.reply(&request.filter) {
                        Reply::Close => return None,
                        Reply::Silence => {}
                        Reply::Raw(octets) => waiting.push(octets),
                        Reply::Values(values) => {
                            waiting.push(answer(message.id, vec![entry(values)], 0));
                        }
                        Reply::With(operations, code) => {
                            waiting.push(answer(message.id, operations, code));
                        }
                    }
                }
            }
            if waiting.len() >= *self.together.lock().unwrap() {
                for octets in waiting.drain(..).rev() {
                    stream.write_all(&octets).await.ok()?;
                }
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
    }

    fn reply(&self, filter: &Filter) -> Reply {
        let replies = self.replies.lock().unwrap();
        let found =
            replies.iter().find(|(email, _)| *filter == Filter::equal("mail", email.as_bytes()));
        found.map_or(Reply::With(Vec::new(), 0), |(_, reply)| reply.clone())
    }

    fn put(&self, email: &str, reply: Reply) {
        self.replies.lock().unwrap().insert(email.to_owned(), reply);
    }

    fn put_person(&self, email: &str) {
        self.put(email, Reply::Values(vec![("userCertificate;binary", certificate(email))]));
    }

    fn connections(&self) -> usize {
        self.asked.lock().unwrap().iter().map(|(number, _)| number + 1).max().unwrap_or(0)
    }
}

fn certificate(email: &str) -> Vec<u8> {
    person(email, KeyUsagePurpose::KeyAgreement, (2040, 1, 1)).der().to_vec()
}

fn entry(values: Vec<(&'static str, Vec<u8>)>) -> Operation {
    let attribute = |(description, value): (&str, Vec<u8>)| Attribute {
        description: description.to_owned(),
        values: vec![value],
    };
    let attributes = values.into_iter().map(attribute).collect();
    Operation::SearchEntry(SearchEntry { name: "cn=x".to_owned(), attributes })
}

fn answer(id: u32, operations: Vec<Operation>, code: u32) -> Vec<u8> {
    let done = Operation::SearchDone(Outcome::new(code, "so it is"));
    let operations = operations.into_iter().chain([done]);
    operations.flat_map(|operation| Message::new(id, operation).to_ber()).collect()
}

/// A finder with this directory; the time is real, because questions wait for sockets.
fn finder(address: SocketAddr, connections: usize, timeout: Duration) -> Finder {
    let clock = Arc::new(SystemClock::new());
    let dialer = Dialer {
        resolver: Resolver::fixed(Zone::default()),
        reach: Reach::Anywhere,
        tls: tls::client_opportunistic(None).unwrap(),
        clock: clock.clone(),
    };
    let server = Server {
        host: address.ip().to_string(),
        port: address.port(),
        security: Security::Clear,
        login: None,
        connections,
        max_octets: 64 * 1024,
    };
    let directory = Directory {
        client: Client::new(server, dialer),
        base: "o=acme".to_owned(),
        filter: Template::parse(Directory::FILTER).unwrap(),
        attributes: Directory::ATTRIBUTES.map(str::to_owned).to_vec(),
    };
    let domains = Domains { only: vec![Pattern::All], except: Vec::new() };
    let how = How::Ldap(directory);
    let source = Source {
        timeout,
        max_octets: 32 * 1024,
        ..Source::new("dir", Kind::Directory, domains, how)
    };
    let settings = Settings { sources: vec![source], ..Settings::default() };
    Finder::new(settings, [7; 16], clock)
}

async fn find(finder: &Finder, email: &str) -> Found {
    finder.find(&Address::parse(email).unwrap(), Asked::default()).await
}

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn many_questions_share_a_connection_and_find_their_answers() {
    let fake = Fake::default();
    let finder = finder(fake.start().await, 1, LONG);
    let emails: Vec<String> = (0..16).map(|at| format!("p{at}@acme.example")).collect();
    for email in &emails {
        fake.put_person(email);
    }
    *fake.together.lock().unwrap() = emails.len();
    let ask = |email: &String| {
        let (finder, email) = (finder.clone(), email.clone());
        tokio::spawn(async move {
            find(&finder, &email).await.candidates[0].certificate.emails().to_vec()
        })
    };
    let asked: Vec<_> = emails.iter().map(ask).collect();
    for (email, answer) in emails.iter().zip(asked) {
        assert_eq!(answer.await.unwrap(), std::slice::from_ref(email));
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn nothing_but_certificates_is_asked_for_or_taken_and_the_question_says_where_it_was() {
    let fake = Fake::default();
    let finder = finder(fake.start().await, 1, LONG);
    let (ann, other) = ("ann@acme.example", certificate("ann@acme.example"));
    let values =
        vec![("mail", ann.into()), ("photo;binary", other), ("USERcertificate", certificate(ann))];
    fake.put(ann, Reply::Values(values));
    let asked = Asked { passed: vec![[1; 16]], ..Asked::default() };
    let found = finder.find(&Address::parse(ann).unwrap(), asked).await;
    assert_eq!((found.candidates.len(), found.dropped.len()), (1, 0));
    assert_eq!(found.candidates[0].origin.channel, Channel::Clear);
    assert!(!found.candidates[0].is_vouched_for(), "anybody could have written it");
    let asked = fake.asked.lock().unwrap();
    let [(_, Message { operation: Operation::SearchRequest(request), controls, .. })] = &asked[..]
    else {
        panic!("{asked:?}")
    };
    assert_eq!(request.attributes, Directory::ATTRIBUTES);
    let [control] = &controls[..] else { panic!("{controls:?}") };
    assert!(control.kind == Chain::OID && !control.is_critical);
    let chain = Chain::from_ber(control.value.as_deref().unwrap()).unwrap();
    assert_eq!(chain.passed, [[1; 16], [7; 16]]);
}

#[tokio::test]
async fn a_directory_that_fails_gives_no_answer_and_answers_the_next_question() {
    let fake = Fake::default();
    let finder = finder(fake.start().await, 2, LONG);
    let huge = vec![("userCertificate;binary", vec![0x30; 40 * 1024])];
    let reference = Operation::SearchReference(vec!["ldap://127.0.0.1:1/o=acme??sub".to_owned()]);
    // A message that says that it is longer than it may be, and one that is none.
    let endless = vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1];
    for (name, reply, code, is_temporary) in [
        ("garbage", Reply::Raw(b"HTTP/1.1 400 Bad Request\r\n".to_vec()), "fetch.protocol", true),
        ("endless", Reply::Raw(endless), "fetch.too_large", false),
        ("huge", Reply::Values(huge), "fetch.too_large", false),
        ("many", Reply::With(vec![entry(Vec::new()); 200], 0), "fetch.too_large", false),
        ("closed", Reply::Close, "fetch.protocol", true),
        ("busy", Reply::With(Vec::new(), 51), "fetch.refused", true),
        ("referral", Reply::With(Vec::new(), 10), "fetch.redirect", false),
    ] {
        fake.put(&format!("{name}@acme.example"), reply);
        let found = find(&finder, &format!("{name}@acme.example")).await;
        let [unanswered] = &found.unanswered[..] else { panic!("{name}: {found:?}") };
        assert_eq!((unanswered.code, unanswered.is_temporary), (code, is_temporary), "{name}");
        assert!(found.candidates.is_empty());
        let good = format!("after-{name}@acme.example");
        fake.put_person(&good);
        assert_eq!(find(&finder, &good).await.candidates.len(), 1, "after {name}");
    }
    // References in circles lead nowhere: nobody follows them.
    fake.put("circle@acme.example", Reply::With(vec![reference; 3], 0));
    let found = find(&finder, "circle@acme.example").await;
    assert!(found.candidates.is_empty() && found.unanswered.is_empty());
}

#[tokio::test]
async fn a_slow_directory_is_left_alone_and_a_dead_connection_given_up() {
    let fake = Fake::default();
    let finder = finder(fake.start().await, 1, SHORT);
    for name in ["one", "two"] {
        fake.put(&format!("{name}@acme.example"), Reply::Silence);
        let found = find(&finder, &format!("{name}@acme.example")).await;
        assert_eq!(found.unanswered[0].code, "fetch.timed_out");
    }
    fake.put_person("three@acme.example");
    assert_eq!(find(&finder, "three@acme.example").await.candidates.len(), 1);
    assert_eq!(fake.connections(), 2);
    let asked = fake.asked.lock().unwrap();
    let abandoned = asked.iter().filter(|it| matches!(it.1.operation, Operation::Abandon(_)));
    assert!(abandoned.count() >= 1, "{asked:?}");
}

#[tokio::test]
async fn a_directory_that_never_ends_is_left() {
    let fake = Fake::default();
    let finder = finder(fake.start().await, 1, LONG);
    // Far more than a question may have, and than may come for nobody.
    fake.put("eve@acme.example", Reply::With(vec![entry(Vec::new()); 100_000], 0));
    let found = find(&finder, "eve@acme.example").await;
    assert_eq!(found.unanswered[0].code, "fetch.too_large");
    fake.put_person("ann@acme.example");
    let ended = async {
        while fake.connections() < 2 {
            let asked = Asked { from_cache: false, ..Asked::default() };
            let ann = Address::parse("ann@acme.example").unwrap();
            assert_eq!(finder.find(&ann, asked).await.candidates.len(), 1);
        }
    };
    tokio::time::timeout(LONG, ended).await.expect("the connection is given up");
}
