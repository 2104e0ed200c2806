//! The client's machine: says hello, secures the connection, hands over messages, and knows what each recipient got.
//!
//! ```text
//!   receive(input) ─► Event ── More ─────► write the output, then read more
//!                           ── StartTls ─► shake hands, tls_established()
//!                           ── Ready ────► send(envelope, facts), or quit()
//!                           ── SendBody ─► push_body()… end_body(), writing the output in between
//!                           ── Done ─────► one outcome for each recipient; is_usable() tells about the connection
//!                           ── Failed ───► the connection is of no use
//!   the connection broke ─► lost(code) ─► one outcome for each recipient
//! ```
//! The line that matters is the final dot. Before it has left, a message that fails can be sent again without harm;
//! after it, silence means [`Outcome::Unknown`] (RFC 1047).

use std::sync::Arc;

use chancery_fault::Code;

use super::data::{Facts, Stuffer};
use super::reply::{Parser, Reply};
use super::server::Credentials;
use super::{Envelope, Protocol};
use crate::codes;

mod features;
mod outcome;
mod transaction;

pub use features::Features;
pub use outcome::Outcome;
use transaction::Transaction;

/// How a session behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Our name in EHLO.
    pub hostname: String,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// Whether to use STARTTLS.
    pub tls: TlsWish,
    /// Log in with this.
    pub auth: Option<Arc<Credentials>>,
}

/// Whether to use STARTTLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsWish {
    /// If the server offers it.
    #[default]
    IfOffered,
    /// No.
    Never,
    /// Yes, or nothing is sent.
    Required,
}

/// What happened; see the picture above for what each event asks of the driver.
#[derive(Clone, Debug)]
pub enum Event {
    /// Every recipient of the message has its outcome, in the order of the envelope.
    Done(Vec<Outcome>),
    /// No message can be sent over this connection.
    Failed {
        /// Why.
        code: &'static Code,
        /// The server's reply, or ours.
        reply: Reply,
    },
    /// Nothing more can be done with this input.
    More,
    /// A message can be sent.
    Ready,
    /// The server waits for the body.
    SendBody,
    /// Start the TLS handshake.
    StartTls,
}

/// What the machine waits for, for the driver's timeouts (RFC 5321 section 4.5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Octets of the body.
    Body,
    /// The reply to a command.
    Command,
    /// The reply to the whole message.
    End,
    /// The greeting or the TLS handshake.
    Greeting,
    /// The driver's next message.
    Idle,
}

/// The body that was pushed has not the length that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body has {pushed} octets and not {announced}")]
pub struct WrongLength {
    /// What `send` was told.
    pub announced: u64,
    /// What came.
    pub pushed: u64,
}

/// The client side of one connection.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one fact about the connection; the state is `stage`"
)]
pub struct Session {
    options: Arc<Options>,
    output: Vec<u8>,
    parser: Parser,
    stage: Stage,
    features: Features,
    is_tls: bool,
    /// Whether STARTTLS was tried on this connection; a server that refuses it is not asked twice.
    has_tried_tls: bool,
    is_usable: bool,
    needs_reset: bool,
    transaction: Option<Transaction>,
    stuffer: Stuffer,
    pushed: u64,
}

/// What the machine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Auth,
    Body,
    Closed,
    Ehlo,
    Envelope,
    Final,
    Greeting,
    Handshake,
    Helo,
    Ready,
    StartTls,
}

impl Session {
    /// Starts a session that waits for the greeting.
    pub fn new(options: impl Into<Arc<Options>>) -> Self {
        Self {
            options: options.into(),
            output: Vec::new(),
            parser: Parser::default(),
            stage: Stage::Greeting,
            features: Features::default(),
            is_tls: false,
            has_tried_tls: false,
            is_usable: true,
            needs_reset: false,
            transaction: None,
            stuffer: Stuffer::new(),
            pushed: 0,
        }
    }

    /// Takes input; returns the octets consumed and what happened.
    pub fn receive(&mut self, input: &[u8]) -> (usize, Event) {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let (consumed, result) = self.parser.next(rest);
            used += consumed;
            let reply = match result {
                Ok(Some(reply)) => reply,
                Ok(None) => return (used, Event::More),
                Err(_) => return (input.len(), self.break_off(&codes::MALFORMED_REPLY)),
            };
            let is_starttls = self.stage == Stage::StartTls && reply.code == 220;
            if is_starttls && used < input.len() {
                // Whatever stands in clear behind this reply was put there by somebody in the middle.
                return (input.len(), self.break_off(&codes::MALFORMED_REPLY));
            }
            match self.take(reply) {
                Event::More => {}
                event => return (used, event),
            }
        }
    }

    /// Starts a message; the commands wait in the output. `Err` are the outcomes if nothing needs to be said at all.
    ///
    /// BDAT is used if the server offers it and either `prefer_chunking` is set or the body does not end in CRLF,
    /// which DATA cannot say; never for a body with bare newlines, which only DATA mends on the way.
    pub fn send(
        &mut self,
        envelope: &Envelope,
        facts: &Facts,
        prefer_chunking: bool,
    ) -> Result<(), Vec<Outcome>> {
        let wants_chunking = (prefer_chunking || !facts.ends_with_crlf) && !facts.has_bare_newline;
        let use_chunking = wants_chunking && self.features.chunking;
        let mut transaction =
            Transaction::new(envelope, *facts, use_chunking, self.options.protocol);
        transaction.check(envelope, &self.features);
        if transaction.is_decided() {
            return Err(transaction.into_outcomes());
        }
        if std::mem::take(&mut self.needs_reset) {
            transaction.reset_first();
        }
        transaction.write_commands(&self.features, &mut self.output);
        self.transaction = Some(transaction);
        self.stage = Stage::Envelope;
        self.stuffer = Stuffer::new();
        self.pushed = 0;
        Ok(())
    }

    /// Appends octets of the body to the output.
    pub fn push_body(&mut self, octets: &[u8]) {
        self.pushed = self.pushed.saturating_add(octets.len() as u64);
        if self.transaction.as_ref().is_some_and(|transaction| transaction.use_chunking) {
            self.output.extend_from_slice(octets);
        } else {
            self.stuffer.push(octets, &mut self.output);
        }
    }

    /// Ends the body. From here on a lost connection means [`Outcome::Unknown`].
    ///
    /// On `Err` nothing was ended: drop the connection, so that the server forgets the message.
    pub fn end_body(&mut self) -> Result<(), WrongLength> {
        let Some(transaction) = &self.transaction else { return Ok(()) };
        let announced = transaction.facts.length;
        if self.pushed != announced {
            return Err(WrongLength { announced, pushed: self.pushed });
        }
        if !transaction.use_chunking {
            std::mem::take(&mut self.stuffer).finish(&mut self.output);
        }
        self.stage = Stage::Final;
        Ok(())
    }

    /// Ends the message because the connection broke, a timeout passed or the body could not be read; `code` is why.
    /// Returns one outcome for each recipient, or nothing if no message was under way.
    ///
    /// The driver must have cleared the output if and only if all of it has left.
    pub fn lost(&mut self, code: &'static Code) -> Vec<Outcome> {
        // Output that was not cleared did not leave as a whole, and its last octets end the message.
        let is_after_end = self.stage == Stage::Final && self.output.is_empty();
        self.stage = Stage::Closed;
        self.is_usable = false;
        let Some(mut transaction) = self.transaction.take() else { return Vec::new() };
        if is_after_end {
            let reply = Reply::from_code(&codes::OUTCOME_UNKNOWN, code.summary);
            transaction.decide_accepted(&Outcome::Unknown { reply, code: &codes::OUTCOME_UNKNOWN });
        }
        transaction.decide_rest(&Outcome::TempFail { reply: Reply::from_code(code, ""), code });
        transaction.into_outcomes()
    }

    /// Tells that the TLS handshake is done; says EHLO again (RFC 3207 section 4.2).
    pub fn tls_established(&mut self) {
        self.is_tls = true;
        self.features = Features::default();
        self.hello();
    }

    /// Says goodbye; the driver writes the output and closes without waiting.
    pub fn quit(&mut self) {
        if self.is_usable {
            self.output.extend_from_slice(b"QUIT\r\n");
        }
        self.stage = Stage::Closed;
        self.is_usable = false;
    }

    /// Returns what is to be written; clear it with [`Session::clear_output`] once written.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Forgets the output.
    pub fn clear_output(&mut self) {
        self.output.clear();
    }

    /// Returns true if another message can be sent over this connection.
    pub fn is_usable(&self) -> bool {
        self.is_usable && self.stage == Stage::Ready
    }

    /// Returns what the server offers.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Returns what is being waited for.
    pub fn phase(&self) -> Phase {
        match self.stage {
            Stage::Auth | Stage::Ehlo | Stage::Envelope | Stage::Helo | Stage::StartTls => {
                Phase::Command
            }
            Stage::Body => Phase::Body,
            Stage::Closed | Stage::Ready => Phase::Idle,
            Stage::Final => Phase::End,
            Stage::Greeting | Stage::Handshake => Phase::Greeting,
        }
    }

    fn take(&mut self, reply: Reply) -> Event {
        if reply.code == 421 {
            self.is_usable = false;
        }
        match self.stage {
            Stage::Greeting if reply.code == 220 => self.hello(),
            Stage::Ehlo => self.take_ehlo(reply),
            Stage::Helo if reply.is_positive() => self.secure(),
            Stage::Greeting | Stage::Helo => self.fail(&codes::GREETING_REFUSED, reply),
            Stage::StartTls => self.take_starttls(reply),
            Stage::Auth if reply.code == 235 => self.ready(),
            Stage::Auth if reply.code == 334 => self.continue_auth(),
            Stage::Auth => self.fail(&codes::AUTH_FAILED, reply),
            Stage::Envelope => self.take_envelope(reply),
            Stage::Body => self.take_early(reply),
            Stage::Final => self.take_final(reply),
            // A server may say 421 at any time; anything else out of turn is no dialogue any more.
            Stage::Closed | Stage::Handshake | Stage::Ready => {
                self.fail(&codes::CONNECTION_LOST, reply)
            }
        }
    }

    fn hello(&mut self) -> Event {
        let verb = if self.options.protocol == Protocol::Lmtp { "LHLO" } else { "EHLO" };
        self.command(&[verb, " ", &Arc::clone(&self.options).hostname]);
        self.stage = Stage::Ehlo;
        Event::More
    }

    fn take_ehlo(&mut self, reply: Reply) -> Event {
        if reply.is_positive() {
            self.features = Features::parse(&reply);
            return self.secure();
        }
        // RFC 5321 section 3.2: an old server refuses EHLO; try HELO. After TLS there are no old servers.
        if reply.is_permanent() && self.options.protocol == Protocol::Smtp && !self.is_tls {
            self.command(&["HELO ", &Arc::clone(&self.options).hostname]);
            self.stage = Stage::Helo;
            return Event::More;
        }
        self.fail(&codes::GREETING_REFUSED, reply)
    }

    fn secure(&mut self) -> Event {
        let wants = self.options.tls != TlsWish::Never && !self.is_tls;
        if wants && self.features.starttls && !self.has_tried_tls {
            self.has_tried_tls = true;
            self.command(&["STARTTLS"]);
            self.stage = Stage::StartTls;
            return Event::More;
        }
        if wants && self.options.tls == TlsWish::Required {
            return self.fail(
                &codes::TLS_REQUIRED,
                Reply::from_code(&codes::TLS_REQUIRED, "STARTTLS is not offered"),
            );
        }
        self.log_in()
    }

    fn take_starttls(&mut self, reply: Reply) -> Event {
        if reply.code == 220 {
            self.stage = Stage::Handshake;
            return Event::StartTls;
        }
        if self.options.tls == TlsWish::Required || reply.code == 421 {
            return self.fail(&codes::TLS_REQUIRED, reply);
        }
        self.log_in()
    }

    fn log_in(&mut self) -> Event {
        let Some(credentials) = self.options.auth.clone() else { return self.ready() };
        if !self.is_tls {
            let reply = Reply::from_code(&codes::TLS_REQUIRED, "a password is not sent in clear");
            return self.fail(&codes::TLS_REQUIRED, reply);
        }
        if self.features.auth_plain {
            let response = format!("\0{}\0{}", credentials.user, credentials.password);
            self.command(&["AUTH PLAIN ", &base64_simd::STANDARD.encode_to_string(response)]);
        } else if self.features.auth_login {
            self.command(&[
                "AUTH LOGIN ",
                &base64_simd::STANDARD.encode_to_string(&credentials.user),
            ]);
        } else {
            let reply = Reply::from_code(&codes::AUTH_FAILED, "neither PLAIN nor LOGIN is offered");
            return self.fail(&codes::AUTH_FAILED, reply);
        }
        self.stage = Stage::Auth;
        Event::More
    }

    /// Answers the challenge of AUTH LOGIN for the password.
    fn continue_auth(&mut self) -> Event {
        let Some(credentials) = self.options.auth.clone().filter(|_| !self.features.auth_plain)
        else {
            return self.break_off(&codes::MALFORMED_REPLY);
        };
        self.command(&[&base64_simd::STANDARD.encode_to_string(&credentials.password)]);
        // A second challenge would be for something that we do not have.
        self.features.auth_plain = true;
        Event::More
    }

    fn ready(&mut self) -> Event {
        self.stage = Stage::Ready;
        Event::Ready
    }

    fn take_envelope(&mut self, reply: Reply) -> Event {
        let Some(transaction) = &mut self.transaction else {
            return self.break_off(&codes::MALFORMED_REPLY);
        };
        if reply.code == 421 {
            // RFC 5321 section 3.8: the server closes now; no more replies will come.
            transaction.decide_rest(&Outcome::refused(reply));
            return self.done();
        }
        match transaction.take_reply(reply, &self.features, &mut self.output) {
            transaction::Next::More => Event::More,
            transaction::Next::SendBody => {
                self.stage = Stage::Body;
                Event::SendBody
            }
            transaction::Next::SendDotOnly => {
                // DATA was pipelined and nobody wants the message: end it without one octet (RFC 2920 section 3.1).
                self.output.extend_from_slice(b".\r\n");
                self.stage = Stage::Final;
                Event::More
            }
            transaction::Next::Abandon => {
                self.is_usable = false;
                self.done()
            }
            transaction::Next::Done => {
                self.needs_reset = true;
                self.done()
            }
        }
    }

    /// A reply before the body is complete: the server has given up on the message and on the dialogue.
    fn take_early(&mut self, reply: Reply) -> Event {
        self.is_usable = false;
        if !(reply.is_temporary() || reply.is_permanent()) {
            return self.break_off(&codes::MALFORMED_REPLY);
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.decide_accepted(&Outcome::refused(reply));
        }
        self.done()
    }

    fn take_final(&mut self, reply: Reply) -> Event {
        let Some(transaction) = &mut self.transaction else {
            return self.break_off(&codes::MALFORMED_REPLY);
        };
        let Some(outcome) = Outcome::of(reply) else {
            return self.break_off(&codes::MALFORMED_REPLY);
        };
        if transaction.take_final(outcome) { self.done() } else { Event::More }
    }

    fn done(&mut self) -> Event {
        self.stage = if self.is_usable { Stage::Ready } else { Stage::Closed };
        let Some(mut transaction) = self.transaction.take() else { return Event::Done(Vec::new()) };
        let reply = Reply::from_code(&codes::CONNECTION_LOST, "");
        transaction.decide_rest(&Outcome::TempFail { reply, code: &codes::CONNECTION_LOST });
        Event::Done(transaction.into_outcomes())
    }

    /// Gives up on the dialogue because of what the server says.
    fn break_off(&mut self, code: &'static Code) -> Event {
        if self.transaction.is_some() {
            return Event::Done(self.lost(code));
        }
        self.fail(code, Reply::from_code(code, ""))
    }

    fn fail(&mut self, code: &'static Code, reply: Reply) -> Event {
        self.stage = Stage::Closed;
        self.is_usable = false;
        Event::Failed { code, reply }
    }

    fn command(&mut self, parts: &[&str]) {
        for part in parts {
            self.output.extend_from_slice(part.as_bytes());
        }
        self.output.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
