//! Somebody between us and the name server, who passes questions on and changes what comes back.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// Types of records (RFC 1035 section 3.2.2, RFC 4034, RFC 5155, RFC 8162).
pub mod kind {
    /// An alias.
    pub const CNAME: u16 = 5;
    /// The digest of a child's key.
    pub const DS: u16 = 43;
    /// A key.
    pub const DNSKEY: u16 = 48;
    /// A gap between names.
    pub const NSEC: u16 = 47;
    /// A gap between hashes of names.
    pub const NSEC3: u16 = 50;
    /// The server of a zone.
    pub const NS: u16 = 2;
    /// What the client's messages may be like; no record of a zone.
    pub const OPT: u16 = 41;
    /// A signature.
    pub const RRSIG: u16 = 46;
    /// A certificate for mail.
    pub const SMIMEA: u16 = 53;
    /// The head of a zone.
    pub const SOA: u16 = 6;
}

/// A message of the DNS whose names are written out, so that records can be taken away.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The number by which the asker knows it.
    pub id: [u8; 2],
    /// The two octets of flags.
    pub flags: [u8; 2],
    /// The one question: name, type, class.
    pub question: Vec<u8>,
    /// Answer, authority, additional.
    pub sections: [Vec<Record>; 3],
}

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Whose it is, as octets.
    pub name: Vec<u8>,
    /// Its type.
    pub kind: u16,
    /// Class and time to live.
    middle: [u8; 6],
    /// What it says.
    pub data: Vec<u8>,
}

/// Changes an answer; what it returns is sent one after the other.
pub type Change = Box<dyn Fn(&Upstream, Packet) -> Vec<Packet> + Send>;

/// What the forger does.
pub enum Way {
    /// It changes each answer.
    Change(Change),
    /// It says of each answer that it is too long for UDP, and answers nobody over TCP.
    TooLong,
    /// It never answers.
    Silent,
}

/// The real server.
#[derive(Debug)]
pub struct Upstream(SocketAddr);

/// The forger; it ends with the process.
pub struct Forger {
    address: SocketAddr,
    way: Arc<Mutex<Way>>,
    answered: Arc<AtomicUsize>,
}

impl Forger {
    /// Starts between the clients and the server.
    pub fn before(server: SocketAddr) -> Self {
        // A port that is free for both.
        let (listener, socket) = loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
            let address = listener.local_addr().expect("it is bound");
            if let Ok(socket) = UdpSocket::bind(address) {
                break (listener, socket);
            }
        };
        let address = socket.local_addr().expect("it is bound");
        let way = Arc::new(Mutex::new(Way::Change(Box::new(|_, answer| vec![answer]))));
        let answered = Arc::new(AtomicUsize::new(0));
        let (of_udp, of_tcp) = (Arc::clone(&way), Arc::clone(&way));
        let counted = Arc::clone(&answered);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                counted.fetch_add(1, Relaxed);
                for answer in answers(&Upstream(server), &of_udp, &buffer[..length], true) {
                    drop(socket.send_to(&answer, from));
                }
            }
        });
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let way = Arc::clone(&of_tcp);
                thread::spawn(move || over_tcp(&Upstream(server), &way, stream));
            }
        });
        Self { address, way, answered }
    }

    /// Returns where it is asked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes on in another way.
    pub fn go(&self, way: Way) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = way;
    }

    /// Returns how many questions came by UDP.
    pub fn asked(&self) -> usize {
        self.answered.load(Relaxed)
    }
}

impl Upstream {
    /// Asks the real server.
    pub fn ask(&self, question: &[u8]) -> Option<Packet> {
        let mut stream = TcpStream::connect(self.0).ok()?;
        write_long(&mut stream, question)?;
        Packet::read(&read_long(&mut stream)?)
    }
}

impl Packet {
    /// Reads a message; none if it is broken.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let count = |at: usize| Some(u16::from_be_bytes([*octets.get(at)?, *octets.get(at + 1)?]));
        let (mut question, at) = name(octets, 12)?;
        question.extend(octets.get(at..at + 4)?);
        let mut at = at + 4;
        let mut sections = [const { Vec::new() }; 3];
        for (section, place) in sections.iter_mut().zip([6, 8, 10]) {
            for _ in 0..count(place)? {
                let (record, end) = Record::read(octets, at)?;
                section.push(record);
                at = end;
            }
        }
        let (id, flags) = (octets.get(..2)?.try_into().ok()?, octets.get(2..4)?.try_into().ok()?);
        Some(Self { id, flags, question, sections })
    }

    /// Writes it.
    pub fn write(&self) -> Vec<u8> {
        let mut out = [self.id, self.flags, [0, 1]].concat();
        for section in &self.sections {
            out.extend(u16::try_from(section.len()).expect("it is short").to_be_bytes());
        }
        out.extend(&self.question);
        for record in self.sections.iter().flatten() {
            let length = u16::try_from(record.data.len()).expect("it is short").to_be_bytes();
            let kind = record.kind.to_be_bytes();
            out.extend([&record.name[..], &kind, &record.middle, &length, &record.data].concat());
        }
        out
    }

    /// Returns the type that is asked for.
    pub fn asks_for(&self) -> u16 {
        let at = self.question.len() - 4;
        u16::from_be_bytes([self.question[at], self.question[at + 1]])
    }

    /// Takes away the records of these types, and the signatures over them.
    #[must_use]
    pub fn without(mut self, kinds: &[u16]) -> Self {
        for section in &mut self.sections {
            section.retain(|it| !kinds.contains(&it.kind) && !kinds.contains(&it.covered()));
        }
        self
    }

    /// Returns all records of a type.
    pub fn of(&mut self, kind: u16) -> impl Iterator<Item = &mut Record> {
        self.sections.iter_mut().flatten().filter(move |it| it.kind == kind)
    }
}

impl Record {
    /// The record of a question that wants signatures with its answer (RFC 3225).
    pub fn signatures_wanted() -> Self {
        Self { name: vec![0], kind: kind::OPT, middle: [0x10, 0, 0, 0, 0x80, 0], data: Vec::new() }
    }

    /// Returns the type that a signature is over; 0 for what is no signature.
    fn covered(&self) -> u16 {
        if self.kind == kind::RRSIG { u16::from_be_bytes([self.data[0], self.data[1]]) } else { 0 }
    }

    fn read(octets: &[u8], at: usize) -> Option<(Self, usize)> {
        let (owner, at) = name(octets, at)?;
        let head: [u8; 10] = octets.get(at..at + 10)?.try_into().ok()?;
        let [k0, k1, middle @ .., l0, l1] = head;
        let (start, length) = (at + 10, usize::from(u16::from_be_bytes([l0, l1])));
        let kind = u16::from_be_bytes([k0, k1]);
        // These are the types here in which names may be shortened.
        let data = match kind {
            kind::NS | kind::CNAME => name(octets, start)?.0,
            kind::SOA => {
                let (first, at) = name(octets, start)?;
                let (second, at) = name(octets, at)?;
                [&first[..], &second, octets.get(at..start + length)?].concat()
            }
            _ => octets.get(start..start + length)?.to_vec(),
        };
        Some((Self { name: owner, kind, middle, data }, start + length))
    }
}

/// Reads a name and writes it out; returns where it ends.
fn name(octets: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let (mut at, mut end, mut out) = (start, None, Vec::new());
    for _ in 0..128 {
        let length = *octets.get(at)?;
        if length >= 0xc0 {
            end.get_or_insert(at + 2);
            at = usize::from(u16::from_be_bytes([length & 0x3f, *octets.get(at + 1)?]));
            continue;
        }
        let next = at + 1 + usize::from(length);
        out.extend(octets.get(at..next)?);
        at = next;
        if length == 0 {
            return Some((out, end.unwrap_or(at)));
        }
    }
    None
}

/// Returns what is sent for a question.
fn answers(upstream: &Upstream, way: &Mutex<Way>, question: &[u8], is_udp: bool) -> Vec<Vec<u8>> {
    let Some(answer) = upstream.ask(question) else { return Vec::new() };
    let shorten = |answer: Packet| {
        let octets = answer.write();
        if is_udp && octets.len() > MOST { cut(answer) } else { octets }
    };
    match &*way.lock().unwrap_or_else(PoisonError::into_inner) {
        Way::Change(change) => change(upstream, answer).into_iter().map(shorten).collect(),
        Way::TooLong if is_udp => vec![cut(answer)],
        Way::TooLong | Way::Silent => Vec::new(),
    }
}

/// Says that the answer is too long (RFC 2181 section 9).
fn cut(mut answer: Packet) -> Vec<u8> {
    answer.flags[0] |= 2;
    for section in &mut answer.sections {
        section.retain(|record| record.kind == kind::OPT);
    }
    answer.write()
}

fn over_tcp(upstream: &Upstream, way: &Mutex<Way>, mut stream: TcpStream) -> Option<()> {
    loop {
        let question = read_long(&mut stream)?;
        let all = answers(upstream, way, &question, false);
        if all.is_empty() {
            return None;
        }
        for answer in all {
            write_long(&mut stream, &answer)?;
        }
    }
}

fn read_long(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut octets).ok()?;
    Some(octets)
}

fn write_long(stream: &mut TcpStream, octets: &[u8]) -> Option<()> {
    let length = u16::try_from(octets.len()).ok()?.to_be_bytes();
    stream.write_all(&[&length, octets].concat()).ok()
}

/// Octets of an answer by UDP.
const MOST: usize = 1_232;
