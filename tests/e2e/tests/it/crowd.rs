//! Crowds at the directory: thousands of clients that are silent, slow or half open, and `ldapsearch` among them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use chancery_e2e::wait;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

use crate::directory::{Acme, answers_of, equal, has, search};

/// What a client does that never gets to the point.
#[derive(Clone, Copy)]
enum Manner {
    /// It begins a request.
    Half,
    /// It asks for TLS and begins a handshake.
    Handshake,
    /// It connects.
    Silent,
    /// It writes its request octet by octet.
    Slow,
}

/// Many of them.
struct Crowd(Vec<(Manner, TcpStream)>);

impl Crowd {
    /// Connects so many to the address, in turn from each of these addresses, and in turn with each of these manners.
    fn gather(count: usize, server: SocketAddr, from: &[Ipv4Addr], manners: &[Manner]) -> Self {
        let clients = manners.iter().cycle().zip(from.iter().cycle()).take(count);
        let join = |(manner, from): (&Manner, &Ipv4Addr)| {
            let mut stream = client(*from, server);
            // Whoever has lost its seat meanwhile has lost it.
            drop(begin(*manner, &mut stream));
            (*manner, stream)
        };
        Self(clients.map(join).collect())
    }

    /// Lets the slow ones write an octet more of their request.
    fn go_on(&mut self, at: usize) {
        for (_, stream) in self.0.iter_mut().filter(|it| matches!(it.0, Manner::Slow)) {
            drop(stream.write_all(&request()[at..=at]));
        }
    }
}

fn begin(manner: Manner, stream: &mut TcpStream) -> std::io::Result<()> {
    match manner {
        Manner::Silent | Manner::Slow => Ok(()),
        Manner::Half => stream.write_all(&request()[..20]),
        Manner::Handshake => {
            stream.write_all(START_TLS)?;
            let mut answer = [0; 14];
            stream.read_exact(&mut answer)?;
            // The record of a ClientHello, its head and version.
            stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])
        }
    }
}

fn request() -> Vec<u8> {
    search(1, "", &equal("mail", "ann@acme.example"))
}

/// Connects from an address of this machine.
pub(crate) fn client(from: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let made = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a descriptor is left");
    bind(&made, &SocketAddrV4::new(from, 0)).expect("it is ours");
    connect(&made, &server).expect("it listens");
    TcpStream::from(made)
}

/// Lets this process open as many files as the system permits; returns how many.
fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("it may");
    limit.maximum.map_or(usize::MAX, |most| usize::try_from(most).expect("it fits"))
}

/// Returns how many files the server has open, and how much memory in kibibytes.
fn cost(acme: &Acme) -> (usize, usize) {
    let process = acme.gateway.process().expect("it runs");
    let files = fs::read_dir(format!("/proc/{process}/fd")).expect("it is ours").count();
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it is ours");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.expect("Linux says it").split_whitespace().next();
    (files, words.expect("a number").parse().expect("a number"))
}

/// Asks with a real client; returns how long it took.
fn ask(acme: &Acme) -> Duration {
    let begun = Instant::now();
    let found = acme.search(&["-o", "nettimeout=20", "-b", "", "(mail=ann@acme.example)", "1.1"]);
    let took = begun.elapsed();
    assert!(has(&found, "ann") && found.1 == 0, "after {took:?}: {found:?}");
    assert!(took < PROMPT, "{took:?}");
    took
}

/// Asks as one of the crowd's own addresses.
fn ask_from(address: Ipv4Addr, server: SocketAddr) {
    let mut stream = client(address, server);
    stream.write_all(&request()).expect("it reads");
    stream.shutdown(Shutdown::Write).ok();
    assert_eq!(answers_of(&mut stream, 1).names, ["mail=ann@acme.example,dc=acme,dc=example"]);
}

#[test]
fn ten_thousand_clients_with_nothing_to_say_keep_nobody_waiting() {
    let descriptors = raise();
    // A quarter stays free in the server, and some here.
    let count = CROWD.min(descriptors / 4 * 3 - 200);
    if count < CROWD {
        eprintln!("this system permits {descriptors} open files: only {count} clients");
    }
    let many = toml::Value::from(100_000);
    let nowhere: toml::Value = Vec::<String>::new().into();
    let acme = Acme::start(&[
        ("connections", many.clone()),
        ("connections-per-client", many),
        ("outside-tls-listen", nowhere.clone()),
        ("inside-listen", nowhere),
    ]);
    let server: SocketAddr = acme.at("outside").parse().expect("an address");
    let quiet = ask(&acme);
    let before = cost(&acme);
    let mut crowd = Crowd::gather(count, server, &[Ipv4Addr::new(127, 0, 0, 2)], &ALL);
    // The server had a few files open before that it has closed since.
    wait::until("the crowd is in", || (cost(&acme).0 + 50 >= before.0 + count).then_some(()));
    let mut times: Vec<Duration> = (0..10)
        .map(|turn| {
            crowd.go_on(turn);
            ask(&acme)
        })
        .collect();
    times.sort_unstable();
    let after = cost(&acme);
    let each = (after.1 - before.1) * 1024 / count;
    eprintln!(
        "{count} clients that say nothing: ldapsearch takes {:?} at most, {quiet:?} without them; \
         {} KiB before, {} KiB with them, {each} octets each",
        times[9], before.1, after.1
    );
    assert!(each < MOST, "{each}");
    // One that wakes up is answered like any other.
    let (_, stream) = crowd.0.first_mut().expect("there are some");
    stream.write_all(&request()).expect("it reads");
    assert_eq!(answers_of(stream, 1).codes, [0]);
}

#[test]
fn a_crowd_beyond_the_limits_makes_room_for_whoever_asks() {
    raise();
    let acme = Acme::start(&[("connections", 400.into()), ("connections-per-client", 20.into())]);
    let server: SocketAddr = acme.at("outside").parse().expect("an address");
    let before = cost(&acme);
    let addresses: Vec<Ipv4Addr> = (1..=100).map(|host| Ipv4Addr::new(127, 0, 3, host)).collect();
    let mut crowd = Crowd::gather(4_000, server, &addresses, &ALL);
    for (turn, address) in addresses.iter().take(3).enumerate() {
        crowd.go_on(turn);
        ask(&acme);
        // One of the crowd that has a question gets its answer as well.
        ask_from(*address, server);
        ask_from(Ipv4Addr::LOCALHOST, server);
    }
    // All from the address from which is asked then.
    let own = Crowd::gather(1_000, server, &[Ipv4Addr::LOCALHOST], &ALL);
    ask(&acme);
    let after = cost(&acme);
    eprintln!(
        "of {} clients {} are held; {} KiB before, {} KiB with them",
        crowd.0.len() + own.0.len(),
        after.0 - before.0,
        before.1,
        after.1
    );
    assert!(after.0 <= before.0 + 400 + 20, "{before:?} {after:?}");
}

#[test]
fn without_descriptors_the_silent_ones_make_room() {
    let acme = Acme::start(&[]);
    let server: SocketAddr = acme.at("outside").parse().expect("an address");
    let process = acme.gateway.process().and_then(|it| Pid::from_raw(it.try_into().ok()?));
    let few = u64::try_from(cost(&acme).0 + 40).expect("it is small");
    let limit = Rlimit { current: Some(few), maximum: Some(few) };
    prlimit(process, Resource::Nofile, limit).expect("it is our child");
    let addresses: Vec<Ipv4Addr> = (1..=20).map(|host| Ipv4Addr::new(127, 0, 4, host)).collect();
    let crowd = Crowd::gather(200, server, &addresses, &[Manner::Silent, Manner::Half]);
    ask(&acme);
    ask(&acme);
    assert!(acme.gateway.log().contains("cannot accept a connection"), "it had enough");
    drop(crowd);
    ask(&acme);
}

const ALL: [Manner; 4] = [Manner::Silent, Manner::Half, Manner::Handshake, Manner::Slow];
/// The clients of the first crowd.
const CROWD: usize = 10_000;
/// Within this time a question is answered even where the processors are busy with other tests.
const PROMPT: Duration = Duration::from_secs(5);
/// Octets that a client may cost that says nothing.
const MOST: usize = 64 * 1024;
/// The request for TLS (RFC 4511 section 4.14.1).
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
