//! One connection of who asks: one question at a time, and every answer is looked at.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use chancery_wire::ldap::{
    Dereference, Filter, Message, Operation, Scope, SearchRequest, length_of_first,
};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::pki_types::ServerName;

use super::residents::{Residents, address, local};
use crate::Result;

/// A question that is asked again and again, for one after the other.
pub(crate) struct Question {
    message: Vec<u8>,
    /// Where the local part stands in it.
    place: usize,
}

/// A connection with one question under way.
pub(crate) struct Connection {
    stream: TcpStream,
    tls: Option<rustls::ClientConnection>,
    question: Question,
    /// What came and was not looked at yet.
    buffer: Vec<u8>,
    /// For whom it asked, and when.
    asked: (usize, Instant),
    entries: usize,
}

impl Question {
    /// Makes the usual question of mail clients, as the load of the field notes had it.
    pub(crate) fn new(base: &str) -> Result<Self> {
        let request = SearchRequest {
            base: base.to_owned(),
            scope: Scope::Subtree,
            dereference: Dereference::Never,
            size_limit: 0,
            time_limit: 0,
            types_only: false,
            filter: Filter::equal("mail", address(0).as_bytes()),
            attributes: vec!["mail".to_owned(), "userCertificate;binary".to_owned()],
        };
        let message = Message::new(ID, Operation::SearchRequest(request)).to_ber();
        let local = local(0);
        let place = message.windows(local.len()).position(|it| it == local.as_bytes());
        Ok(Self { message, place: place.ok_or("the question has no address")? })
    }

    fn about(&mut self, number: usize) -> &[u8] {
        let local = local(number);
        for (to, from) in self.message.iter_mut().skip(self.place).zip(local.bytes()) {
            *to = from;
        }
        &self.message
    }
}

impl Connection {
    /// Connects, from an address of its own, since servers count who asks.
    pub(crate) fn open(
        from: Ipv4Addr,
        to: SocketAddrV4,
        tls: Option<&Arc<rustls::ClientConfig>>,
        question: Question,
    ) -> Result<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddrV4::new(from, 0))?;
        connect(&socket, &to)?;
        let mut stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let mut tls = match tls {
            Some(config) => {
                let name = ServerName::try_from("localhost")?;
                Some(rustls::ClientConnection::new(Arc::clone(config), name)?)
            }
            None => None,
        };
        if let Some(tls) = &mut tls {
            while tls.is_handshaking() {
                tls.complete_io(&mut stream)?;
            }
        }
        stream.set_nonblocking(true)?;
        let asked = (0, Instant::now());
        Ok(Self { stream, tls, question, buffer: Vec::new(), asked, entries: 0 })
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Asks for one of them.
    pub(crate) fn ask(&mut self, number: usize) -> Result {
        let Self { stream, tls, question, asked, entries, .. } = self;
        let message = question.about(number);
        *entries = 0;
        *asked = (number, Instant::now());
        // Nothing else is under way, so that there is room in the socket.
        match tls {
            None => stream.write_all(message)?,
            Some(tls) => {
                tls.writer().write_all(message)?;
                while tls.wants_write() {
                    tls.write_tls(stream)?;
                }
            }
        }
        Ok(())
    }

    /// Takes what came. Returns when the question was asked, if its answer is whole now; it fails if that is not the
    /// certificate that was asked for, and nothing else.
    pub(crate) fn take(&mut self, residents: &Residents) -> Result<Option<Instant>> {
        self.read()?;
        let mut at = 0;
        let mut answered = None;
        while let Some(length) = length_of_first(self.buffer.get(at..).unwrap_or_default())? {
            let Some(message) = self.buffer.get(at..at + length) else { break };
            at += length;
            if answered.is_some() {
                return Err("there is more than one answer".into());
            }
            match look(message) {
                Some((ENTRY, content)) => {
                    let wanted = residents.certificate(self.asked.0);
                    // It is the last value wherever we look; only if it is not, it is searched for.
                    let is_there = content.ends_with(wanted)
                        || content.windows(wanted.len()).any(|it| it == wanted);
                    if !is_there {
                        return Err(format!("a wrong entry for {}", address(self.asked.0)).into());
                    }
                    self.entries += 1;
                }
                Some((DONE, [0x0a, 1, 0, ..])) if self.entries == 1 => {
                    answered = Some(self.asked.1);
                }
                _ => {
                    let message = Message::from_ber(message);
                    let (number, entries) = (self.asked.0, self.entries);
                    return Err(format!("{number}: {message:?} after {entries} entries").into());
                }
            }
        }
        self.buffer.drain(..at);
        Ok(answered)
    }

    /// Reads what is there.
    fn read(&mut self) -> Result {
        let mut block = [0; BLOCK];
        match &mut self.tls {
            None => match self.stream.read(&mut block) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(count) => self.buffer.extend_from_slice(block.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            },
            Some(tls) => {
                match tls.read_tls(&mut self.stream) {
                    Ok(0) => return Err("the server closed the connection".into()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
                tls.process_new_packets()?;
                loop {
                    match tls.reader().read(&mut block) {
                        Ok(0) => return Err("the server closed the connection".into()),
                        Ok(count) => {
                            self.buffer.extend_from_slice(block.get(..count).unwrap_or_default());
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Returns the tag and content of a response with our number.
fn look(message: &[u8]) -> Option<(u8, &[u8])> {
    let (_, fields) = element(message)?;
    let rest = fields.strip_prefix(&[0x02, 4])?.strip_prefix(&ID.to_be_bytes())?;
    element(rest)
}

/// Returns the tag and content of the first element.
fn element(octets: &[u8]) -> Option<(u8, &[u8])> {
    match octets {
        [tag, length @ 0..=0x7f, rest @ ..] => Some((*tag, rest.get(..usize::from(*length))?)),
        [tag, count @ 0x81..=0x84, rest @ ..] => {
            let (length, rest) = rest.split_at_checked(usize::from(count & 0x7f))?;
            let length = length.iter().fold(0, |all, it| all << 8 | usize::from(*it));
            Some((*tag, rest.get(..length)?))
        }
        _ => None,
    }
}

/// The number of every question; four octets, wherever it is written.
const ID: u32 = 0x0100_0000;
/// `SearchResultEntry`.
const ENTRY: u8 = 0x64;
/// `SearchResultDone`.
const DONE: u8 = 0x65;
/// More than an answer has.
const BLOCK: usize = 16 * 1024;
