//! The server's side of a connection without its sockets: octets go in, what the client asks for comes out.
//!
//! What needs no knowledge of entries is answered here: who may not bind how, what is refused, what is broken. It is for a
//! directory that is only read.
//!
//! ```
//! use chancery_wire::ldap::server::{Event, Session, Settings};
//! use chancery_wire::ldap::{BindRequest, Message, Operation};
//!
//! let mut session = Session::new(Settings::default());
//! session.feed(&Message::new(1, Operation::Bind(BindRequest::anonymous())).to_ber());
//! assert!(session.first().unwrap().is_some());
//! assert_eq!(session.take(0), Event::Answered);
//! assert_eq!(Message::from_ber(session.output()).unwrap().id, 1);
//! ```

use crate::ldap::bind::{Authentication, BindRequest, Password};
use crate::ldap::extended::{
    DISCONNECTION, ExtendedRequest, ExtendedResponse, START_TLS, WHO_AM_I,
};
use crate::ldap::message::{Control, Message, Operation, Outcome, length_of_first};
use crate::ldap::search::SearchRequest;

/// What a listener permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Octets of one request.
    pub max_request: usize,
    /// TLS can be begun in the connection.
    pub offers_tls: bool,
    /// There is somebody who knows passwords.
    pub takes_passwords: bool,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nobody waits for the answer to the request of this number.
    Abandon(u32),
    /// The answer is in the output, if there is one.
    Answered,
    /// Is this its password? Answer with [`Session::bound`].
    Bind {
        /// The number of the request.
        id: u32,
        /// Who.
        name: String,
        /// The password, never empty.
        password: Password,
    },
    /// The connection ends, after the output.
    Close,
    /// Entries.
    Search {
        /// The number of the request.
        id: u32,
        /// What is searched.
        request: Box<SearchRequest>,
        /// Controls that are not critical, or known to the session.
        controls: Vec<Control>,
    },
    /// TLS begins, after the output; then call [`Session::tls_established`].
    StartTls,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    is_tls: bool,
    /// What a client is told about itself (RFC 4513 section 5.2.1.8); empty for nobody in particular.
    identity: String,
    buffer: Vec<u8>,
    /// Where what was not taken begins in the buffer.
    start: usize,
    output: Vec<u8>,
}

impl Default for Settings {
    fn default() -> Self {
        // A filter with a thousand addresses has 40 kB.
        Self { max_request: 64 * 1024, offers_tls: false, takes_passwords: false }
    }
}

impl Session {
    /// Begins a connection.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            is_tls: false,
            identity: String::new(),
            buffer: Vec::new(),
            start: 0,
            output: Vec::new(),
        }
    }

    /// Takes octets of the client; there are never more in it than a request and these.
    pub fn feed(&mut self, octets: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..std::mem::take(&mut self.start));
        }
        self.buffer.extend_from_slice(octets);
    }

    /// Returns the first request, if it is whole. If nothing good can follow, the output says so and the connection is to
    /// be closed after it.
    pub fn first(&mut self) -> Result<Option<&[u8]>, Broken> {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let whole = match length_of_first(rest) {
            Ok(None) => false,
            Ok(Some(length)) if length <= self.settings.max_request => length <= rest.len(),
            Ok(Some(_)) => return Err(self.disconnect(Outcome::PROTOCOL_ERROR, "too long")),
            Err(_) => return Err(self.disconnect(Outcome::PROTOCOL_ERROR, "not LDAP")),
        };
        Ok(if whole { Some(self.head()) } else { None })
    }

    /// Leaves the first request out; somebody else has answered it.
    pub fn skip(&mut self) {
        self.start += self.head().len();
    }

    /// Takes the first request; so many others are not answered yet.
    pub fn take(&mut self, outstanding: usize) -> Event {
        let head = self.head();
        if head.is_empty() {
            return Event::Answered;
        }
        let message = Message::from_ber(head);
        self.start += self.head().len();
        let Ok(message) = message else {
            let _broken = self.disconnect(Outcome::PROTOCOL_ERROR, "the message cannot be read");
            return Event::Close;
        };
        self.serve(message, outstanding)
    }

    /// Answers a bind; with success the client has this name.
    pub fn bound(&mut self, id: u32, name: &str, outcome: Outcome) {
        self.identity =
            if outcome.code == Outcome::SUCCESS { name.to_owned() } else { String::new() };
        self.answer(id, Operation::BindDone(outcome));
    }

    /// Says that the connection is encrypted from now on; what came in clear before is forgotten.
    pub fn tls_established(&mut self) {
        self.is_tls = true;
        self.buffer.clear();
        self.start = 0;
    }

    /// Says goodbye (section 4.4.1).
    pub fn disconnect(&mut self, code: u32, why: &str) -> Broken {
        let response = ExtendedResponse {
            outcome: Outcome::new(code, why),
            name: Some(DISCONNECTION.to_owned()),
            value: None,
        };
        self.answer(0, Operation::Extended(response));
        Broken
    }

    /// Returns what is to be sent.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Forgets what was sent, or moves it where it is sent from.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        into.append(&mut self.output);
    }

    /// Returns the name that the client proved, or nothing.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Returns true if octets came that are not part of a request that was taken.
    pub fn has_more(&self) -> bool {
        self.buffer.len() > self.start
    }

    /// Returns the first request if it is whole, or nothing.
    fn head(&self) -> &[u8] {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        match length_of_first(rest) {
            Ok(Some(length)) => rest.get(..length).unwrap_or_default(),
            _ => &[],
        }
    }

    fn serve(&mut self, message: Message, outstanding: usize) -> Event {
        let Message { id, operation, controls } = message;
        if id == 0 {
            let _broken = self.disconnect(Outcome::PROTOCOL_ERROR, "a request has no number");
            return Event::Close;
        }
        let unknown = controls
            .iter()
            .any(|it| it.is_critical && !HARMLESS_CONTROLS.contains(&it.kind.as_str()));
        let refusal = unknown
            .then(|| Outcome::new(Outcome::UNAVAILABLE_CRITICAL, "a control is not supported"));
        let answer = match (operation, refusal) {
            (Operation::Unbind, _) => return Event::Close,
            (Operation::Abandon(id), _) => return Event::Abandon(id),
            (Operation::Bind(_), Some(refusal)) => Operation::BindDone(refusal),
            (Operation::Bind(request), None) => return self.bind(id, request, outstanding),
            (Operation::SearchRequest(_), Some(refusal)) => Operation::SearchDone(refusal),
            (Operation::SearchRequest(request), None) => {
                return Event::Search { id, request: Box::new(request), controls };
            }
            (Operation::ExtendedRequest(_), Some(outcome)) => {
                Operation::Extended(ExtendedResponse { outcome, name: None, value: None })
            }
            (Operation::ExtendedRequest(request), None) => {
                return self.extended(id, &request, outstanding);
            }
            (Operation::Foreign(foreign), refusal) => {
                let refusal = refusal.unwrap_or_else(|| {
                    Outcome::new(Outcome::UNWILLING, "this directory is for searches only")
                });
                Operation::ForeignDone(foreign, refusal)
            }
            _ => {
                let _broken = self.disconnect(Outcome::PROTOCOL_ERROR, "not a request");
                return Event::Close;
            }
        };
        self.answer(id, answer);
        Event::Answered
    }

    fn bind(&mut self, id: u32, request: BindRequest, outstanding: usize) -> Event {
        // RFC 4511 section 4.2.1: whoever binds again is nobody until it has succeeded.
        self.identity.clear();
        let BindRequest { version, name, authentication } = request;
        let outcome = match authentication {
            _ if version != 3 => Outcome::new(Outcome::PROTOCOL_ERROR, "only version 3 is spoken"),
            _ if outstanding > 0 => {
                Outcome::new(Outcome::OPERATIONS_ERROR, "answers are outstanding")
            }
            Authentication::Simple(password) if password.0.is_empty() => {
                if name.is_empty() {
                    Outcome::default()
                } else {
                    // RFC 4513 section 5.1.2: a client that forgot the password must not believe that it is somebody.
                    Outcome::new(Outcome::UNWILLING, "a name needs a password; leave out both")
                }
            }
            Authentication::Simple(_) if !self.is_tls => {
                Outcome::new(Outcome::CONFIDENTIALITY_REQUIRED, "a password needs TLS")
            }
            Authentication::Simple(_) if !self.settings.takes_passwords => {
                Outcome::new(Outcome::INVALID_CREDENTIALS, "")
            }
            Authentication::Simple(password) => return Event::Bind { id, name, password },
            Authentication::Sasl(_) | Authentication::Other(_) => {
                Outcome::new(Outcome::METHOD_NOT_SUPPORTED, "only simple binds are taken")
            }
        };
        self.answer(id, Operation::BindDone(outcome));
        Event::Answered
    }

    fn extended(&mut self, id: u32, request: &ExtendedRequest, outstanding: usize) -> Event {
        let mut response = ExtendedResponse::default();
        let mut event = Event::Answered;
        match request.name.as_str() {
            START_TLS => {
                response.name = Some(START_TLS.to_owned());
                if !self.settings.offers_tls {
                    response.outcome = Outcome::new(Outcome::PROTOCOL_ERROR, "TLS is not offered");
                } else if self.is_tls {
                    response.outcome = Outcome::new(Outcome::OPERATIONS_ERROR, "TLS is there");
                } else if outstanding > 0 || self.has_more() {
                    // Section 4.14.1: what a stranger put behind the request would be believed to be the client's.
                    response.outcome =
                        Outcome::new(Outcome::OPERATIONS_ERROR, "requests are outstanding");
                } else {
                    event = Event::StartTls;
                }
            }
            WHO_AM_I => {
                let identity = if self.identity.is_empty() {
                    String::new()
                } else {
                    format!("u:{}", self.identity)
                };
                response.value = Some(identity.into_bytes());
            }
            _ => response.outcome = Outcome::new(Outcome::PROTOCOL_ERROR, "unknown operation"),
        }
        self.answer(id, Operation::Extended(response));
        event
    }

    fn answer(&mut self, id: u32, operation: Operation) {
        self.output.extend(Message::new(id, operation).to_ber());
    }
}

/// The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Controls that change nothing here, so that they may be critical: there are no referrals, neither as entries
/// (`ManageDsaIT`, RFC 3296) nor as answers (Microsoft's `LDAP_SERVER_DOMAIN_SCOPE_OID`).
const HARMLESS_CONTROLS: &[&str] = &["2.16.840.1.113730.3.4.2", "1.2.840.113556.1.4.1339"];

#[cfg(test)]
mod tests;
