//! SMTP spoken by hand: bytes out, replies in, nothing added.

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
};

use crate::wait;

/// A connection on which the test says every byte itself.
#[derive(Debug)]
pub struct Dialogue {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Dialogue {
    /// Connects and says nothing.
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
    }

    /// Connects, unless the server is not there.
    pub fn try_connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(wait::PATIENCE))?;
        stream.set_write_timeout(Some(wait::PATIENCE))?;
        stream.set_nodelay(true)?;
        let reader = BufReader::new(stream.try_clone()?);
        Ok(Self { stream, reader })
    }

    /// Connects, reads the greeting and says `EHLO`.
    pub fn greeted(address: SocketAddr) -> Self {
        let mut dialogue = Self::connect(address);
        let banner = dialogue.reply();
        assert!(banner.starts_with("220 "), "unexpected greeting {banner:?}");
        let answer = dialogue.say("EHLO client.example");
        assert!(answer.starts_with("250"), "EHLO was answered {answer:?}");
        dialogue
    }

    /// Sends bytes as they are; false if the server no longer listens.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends a command line and returns the reply.
    pub fn say(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n"));
        self.reply()
    }

    /// Reads one reply, with all its lines; empty if the server closed the connection.
    pub fn reply(&mut self) -> String {
        self.try_reply().unwrap_or_else(|error| panic!("no reply: {error}"))
    }

    /// Reads one reply; an error if none comes in time.
    pub fn try_reply(&mut self) -> std::io::Result<String> {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let count = match self.reader.read_line(&mut reply) {
                Ok(count) => count,
                Err(error)
                    if [ErrorKind::TimedOut, ErrorKind::WouldBlock].contains(&error.kind()) =>
                {
                    return Err(error);
                }
                // However a connection ends, there is no reply.
                Err(_) => 0,
            };
            let more = reply.get(start..).is_some_and(|line| line.as_bytes().get(3) == Some(&b'-'));
            if count == 0 || !more {
                return Ok(reply.trim_end().to_owned());
            }
        }
    }

    /// Sends a message with dot-stuffing in one transaction and returns the last reply, or the first refusal.
    pub fn deliver(&mut self, from: &str, to: &[&str], message: &str) -> String {
        let mut commands = vec![format!("MAIL FROM:<{from}>")];
        commands.extend(to.iter().map(|recipient| format!("RCPT TO:<{recipient}>")));
        for command in commands {
            let answer = self.say(&command);
            if !answer.starts_with("250") {
                return answer;
            }
        }
        let answer = self.say("DATA");
        if !answer.starts_with("354") {
            return answer;
        }
        self.send(stuffed(message));
        self.reply()
    }

    /// Says that nothing more will come, and returns everything the server still says.
    pub fn finish(mut self) -> String {
        self.stream.shutdown(Shutdown::Write).ok();
        let mut rest = String::new();
        self.reader.read_to_string(&mut rest).ok();
        rest
    }

    /// Returns true if the server closed the connection and says nothing more.
    pub fn is_closed(&mut self) -> bool {
        self.try_reply().is_ok_and(|reply| reply.is_empty())
    }
}

/// Returns the message as it goes over the wire after `DATA`, with the ending.
pub fn stuffed(message: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 8);
    for line in message.split_inclusive("\r\n") {
        if line.starts_with('.') {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(line.as_bytes());
    }
    if !message.ends_with("\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}
