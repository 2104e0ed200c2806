//! Fetches what an LDAP address names: one connection, one search, nobody logs in (RFC 4511, 4516). For a server that is
//! asked often there is a [`Client`].
//!
//! Referrals are not followed: they would lead to places that nobody asked us to ask.

mod client;
mod connection;
pub mod server;

use std::time::Duration;

use chancery_wire::ldap::{
    Dereference, Message, Operation, Outcome, SearchRequest, Url, length_of_first,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use crate::outbound::{Dialer, Error};
use crate::stream::Stream;

pub use client::{Client, Login, Security, Server};

/// A value of an attribute that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The type of the attribute in lower case, without options: `cacertificate`.
    pub attribute: String,
    /// The value.
    pub octets: Vec<u8>,
}

/// Searches as the address says, for so long at most; all that comes may have so many octets.
pub async fn fetch(
    dialer: &Dialer,
    url: &str,
    time: Duration,
    octets: usize,
) -> Result<Vec<Value>, Error> {
    let url =
        Url::parse(url).map_err(|error| Error::Address(format!("cannot be read: {error}")))?;
    if url.host.is_empty() {
        let why = "names no host: only those in the authority's own network know the directory";
        return Err(Error::Address(why.to_owned()));
    }
    dialer.within(time, search(dialer, &url, time, octets)).await
}

async fn search(
    dialer: &Dialer,
    url: &Url,
    time: Duration,
    octets: usize,
) -> Result<Vec<Value>, Error> {
    let mut stream = dialer.dial(&url.host, url.port, &[389, 636], url.is_tls).await?;
    let attributes = match url.attributes.as_slice() {
        [] => ATTRIBUTES.map(str::to_owned).to_vec(),
        wanted => wanted.to_vec(),
    };
    let request = SearchRequest {
        base: url.base.clone(),
        scope: url.scope,
        dereference: Dereference::Never,
        size_limit: MAX_ENTRIES,
        time_limit: u32::try_from(time.as_secs()).unwrap_or(60).clamp(1, 600),
        types_only: false,
        filter: url.filter.clone(),
        attributes,
    };
    let request = Message::new(ID, Operation::SearchRequest(request));
    send(&mut stream, &request).await?;
    let mut messages = Messages::new(stream, octets);
    let mut values = Vec::new();
    loop {
        let Message { id, operation, .. } = messages.next().await?;
        match operation {
            Operation::SearchEntry(entry) if id == ID => {
                for attribute in entry.attributes {
                    let kind = attribute.description.split(';').next().unwrap_or_default();
                    let kind = kind.to_ascii_lowercase();
                    values.extend(
                        attribute
                            .values
                            .into_iter()
                            .map(|octets| Value { attribute: kind.clone(), octets }),
                    );
                }
                if values.len() > MAX_VALUES {
                    return Err(Error::TooLarge(octets));
                }
            }
            Operation::SearchDone(outcome) if id == ID => {
                // The answer is complete; a goodbye that fails harms nobody.
                drop(send(&mut messages.stream, &GOODBYE).await);
                return judge(&outcome).map(|()| values);
            }
            Operation::SearchReference(_) if id == ID => {}
            // The server ends the connection (section 4.4.1).
            Operation::Extended(notice) if id == 0 => return Err(refused(&notice.outcome)),
            _ => return Err(Error::Protocol("it does not belong to the question".to_owned())),
        }
    }
}

/// Messages that come in.
struct Messages<R> {
    stream: R,
    buffer: Vec<u8>,
    /// Where the next message begins in the buffer.
    start: usize,
    /// Octets that may still come.
    left: usize,
    octets: usize,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    /// Takes messages of so many octets in all.
    fn new(stream: R, octets: usize) -> Self {
        Self { stream, buffer: Vec::new(), start: 0, left: octets, octets }
    }

    /// Lets as many octets come as in the beginning.
    fn renew(&mut self) {
        self.left = self.octets;
    }

    /// Gives the stream back, if nothing came that was not read.
    fn end(self) -> Result<R, Error> {
        if self.start == self.buffer.len() {
            Ok(self.stream)
        } else {
            Err(Error::Protocol("there is more than one answer".to_owned()))
        }
    }

    async fn next(&mut self) -> Result<Message, Error> {
        self.next_with_length().await.map(|(message, _)| message)
    }

    /// Returns the next message and its octets.
    async fn next_with_length(&mut self) -> Result<(Message, usize), Error> {
        let broken = |error: chancery_wire::ldap::Error| Error::Protocol(error.to_string());
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let length = length_of_first(rest).map_err(broken)?;
            if let Some(length) = length {
                if let Some(message) = rest.get(..length) {
                    let message = Message::from_ber(message).map_err(broken)?;
                    self.start += length;
                    return Ok((message, length));
                }
                // Said in advance, it need not be begun.
                if length.saturating_sub(rest.len()) > self.left {
                    return Err(Error::TooLarge(self.octets));
                }
            }
            self.buffer.drain(..std::mem::take(&mut self.start));
            self.buffer.reserve(BLOCK);
            let read = self.stream.read_buf(&mut self.buffer).await;
            let read = read.map_err(|error| Error::Protocol(error.to_string()))?;
            if read == 0 {
                return Err(Error::Protocol("it ends too early".to_owned()));
            }
            self.left = self.left.checked_sub(read).ok_or(Error::TooLarge(self.octets))?;
        }
    }
}

async fn send(stream: &mut Stream, message: &Message) -> Result<(), Error> {
    let written = async {
        stream.write_all(&message.to_ber()).await?;
        stream.flush().await
    };
    written.await.map_err(|error| Error::Connect(error.to_string()))
}

/// More entries than were asked for are no failure: what came may do.
fn judge(outcome: &Outcome) -> Result<(), Error> {
    match outcome.code {
        Outcome::SUCCESS | Outcome::SIZE_LIMIT => Ok(()),
        REFERRAL => Err(Error::Redirect("to another directory, which is not followed".to_owned())),
        _ => Err(refused(outcome)),
    }
}

fn refused(outcome: &Outcome) -> Error {
    // What the server says is foreign text.
    let text: String = outcome.text.chars().filter(|it| !it.is_control()).take(MAX_TEXT).collect();
    let text = if text.is_empty() { String::new() } else { format!(": {text}") };
    Error::Refused(match outcome.code {
        Outcome::NO_SUCH_OBJECT => format!("that there is no such entry{text}"),
        code => format!("result code {code}{text}"),
    })
}

/// `referral` (RFC 4511 section 4.1.10).
const REFERRAL: u32 = 10;
/// The number of our one request.
const ID: u32 = 1;
const GOODBYE: Message = Message { id: ID + 1, operation: Operation::Unbind, controls: Vec::new() };
/// What is asked for if the address does not say (RFC 4523 section 2).
const ATTRIBUTES: [&str; 6] = [
    "cACertificate;binary",
    "crossCertificatePair;binary",
    "certificateRevocationList;binary",
    "authorityRevocationList;binary",
    "deltaRevocationList;binary",
    "userCertificate;binary",
];
/// Entries of one search; what addresses in certificates name is one.
const MAX_ENTRIES: u32 = 100;
/// Values of one search; a bridge has one pair of cross-certificates for each member.
const MAX_VALUES: usize = 4_096;
/// Octets read at once.
const BLOCK: usize = 16 * 1024;
/// Characters of a server's message that are repeated.
const MAX_TEXT: usize = 200;
