//! The server's machine: command lines and bodies in, events and replies out.
//!
//! ```text
//!   step(input) ─► Event ── Mail, Rcpt, Begin ──► answer(Ok or Err(reply))
//!                             ── Auth ───────────────► answer_auth(bool)
//!                             ── Body ───────────────► nothing, or refuse_body(reply)
//!                             ── End ────────────────► finish(replies)
//!                             ── StartTls ───────────► write the output, shake hands, tls_established()
//!                             ── More ───────────────► write the output; if there was none, read more input
//!                             ── Close ──────────────► write the output, close
//! ```
//! The driver keeps input that was not consumed and shows it again with more behind it. However the input is cut, the
//! replies are the same.

use std::sync::Arc;

use chancery_fault::Code;

use super::command::{self, Mistake};
use super::data::Receiver;
use super::{MailFrom, Protocol, RcptTo, Reply};
use crate::codes;

mod auth;
mod body;
mod config;
mod dispatch;

pub use config::{AuthOffer, Config, Credentials};

use auth::AuthStep;
use body::{Incoming, Transfer};

/// What happened; see the picture above for what each event asks of the driver.
#[derive(Debug)]
pub enum Event<'a> {
    /// A password to check.
    Auth(Credentials),
    /// The first octets of a message are about to come.
    Begin,
    /// Octets of the message.
    Body(&'a [u8]),
    /// The dialogue is over.
    Close,
    /// The message turned out unacceptable and is forgotten; the rest of it is dropped and refused without more events.
    Discard(&'static Code),
    /// The message is complete.
    End,
    /// The client said its name; an open transaction is forgotten. It has been answered.
    Hello {
        /// The name.
        name: &'a str,
        /// It was EHLO or LHLO.
        is_extended: bool,
    },
    /// A sender.
    Mail(MailFrom),
    /// Nothing more can be done with this input.
    More,
    /// A recipient.
    Rcpt(RcptTo),
    /// The transaction is forgotten. It has been answered.
    Reset,
    /// Start the TLS handshake after writing the output. All further input belongs to TLS.
    StartTls,
}

/// The server side of one connection.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one fact about the connection; the state is `stage`"
)]
pub struct Session {
    config: Arc<Config>,
    output: Vec<u8>,
    stage: Stage,
    /// EHLO, LHLO or HELO was said.
    is_greeted: bool,
    is_tls: bool,
    is_authenticated: bool,
    is_shutting_down: bool,
    transaction: Option<Transaction>,
    /// Tenths of mistakes; see [`Session::mistake`].
    tenths: u32,
    /// Commands that did nothing since the last message.
    idle_commands: u32,
    messages: u32,
    /// When the session began, once that is known.
    started: Option<u64>,
    /// When the wait for the current command began.
    waiting_since: u64,
    /// The next wait is a new one.
    is_wait_over: bool,
}

/// What the machine waits for.
#[derive(Debug)]
enum Stage {
    /// The driver's answer.
    Answer(Question),
    /// A line of an AUTH dialogue.
    Auth(AuthStep),
    /// A part of the body, by DATA or BDAT.
    Body(Transfer),
    /// Nothing.
    Closed,
    /// A command line.
    Command,
    /// The end of a line that is too long.
    SkipLine,
    /// The TLS handshake.
    Tls,
}

/// What the driver was asked.
#[derive(Debug)]
enum Question {
    Auth,
    Begin(Transfer),
    End,
    Mail { smtputf8: bool },
    Rcpt,
}

#[derive(Debug)]
struct Transaction {
    recipients: usize,
    attempts: usize,
    smtputf8: bool,
    body: Option<Incoming>,
}

/// What one step of the machine came to.
enum Progress<'a> {
    /// Something was done; go on.
    Again,
    Event(Event<'a>),
    Wait,
}

impl Session {
    /// Starts a session; the greeting waits in the output.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let kind = if config.protocol == Protocol::Lmtp { "LMTP" } else { "ESMTP" };
        let greeting = Reply::plain(220, format!("{} {kind} ready", config.hostname));
        let mut session = Self {
            config,
            output: Vec::with_capacity(512),
            stage: Stage::Command,
            is_greeted: false,
            is_tls: false,
            is_authenticated: false,
            is_shutting_down: false,
            transaction: None,
            tenths: 0,
            idle_commands: 0,
            messages: 0,
            started: None,
            waiting_since: 0,
            is_wait_over: true,
        };
        session.reply(&greeting);
        session
    }

    /// Takes input; returns the octets consumed and what happened.
    pub fn step<'a>(&mut self, input: &'a [u8]) -> (usize, Event<'a>) {
        let mut used = 0;
        loop {
            // A client that sends commands and reads no replies must not make us keep them all.
            if self.output.len() > MAX_OUTPUT {
                return (used, Event::More);
            }
            let rest = input.get(used..).unwrap_or_default();
            let (consumed, progress) = match &mut self.stage {
                Stage::Answer(_) | Stage::Tls => (0, Progress::Wait),
                Stage::Closed => (rest.len(), Progress::Event(Event::Close)),
                Stage::Body(_) => self.take_body(rest),
                Stage::SkipLine => self.skip_line(rest),
                Stage::Auth(_) | Stage::Command => self.take_line(rest),
            };
            used += consumed;
            match progress {
                Progress::Again => self.is_wait_over = true,
                Progress::Event(event) => {
                    self.is_wait_over = true;
                    return (used, event);
                }
                Progress::Wait => return (used, Event::More),
            }
        }
    }

    /// Answers [`Event::Mail`], [`Event::Rcpt`] or [`Event::Begin`].
    pub fn answer(&mut self, answer: Result<(), Reply>) {
        let Stage::Answer(question) = std::mem::replace(&mut self.stage, Stage::Command) else {
            return;
        };
        match question {
            Question::Mail { smtputf8 } => match answer {
                Ok(()) => {
                    self.transaction =
                        Some(Transaction { recipients: 0, attempts: 0, smtputf8, body: None });
                    self.ok((2, 1, 0), "sender ok");
                }
                Err(reply) => self.refuse(&reply),
            },
            Question::Rcpt => match answer {
                Ok(()) => {
                    if let Some(transaction) = &mut self.transaction {
                        transaction.recipients += 1;
                    }
                    self.ok((2, 1, 5), "recipient ok");
                }
                Err(reply) => self.refuse(&reply),
            },
            Question::Begin(transfer) => self.answer_begin(transfer, answer),
            question @ (Question::Auth | Question::End) => self.stage = Stage::Answer(question),
        }
        if matches!(self.stage, Stage::Command) {
            self.go_down_if_asked();
        }
    }

    /// Answers [`Event::End`]: LMTP needs one reply for each accepted recipient and repeats the last one if there are
    /// fewer; SMTP takes the first that is not positive, else the first.
    pub fn finish(&mut self, replies: &[Reply]) {
        if !matches!(self.stage, Stage::Answer(Question::End)) {
            return;
        }
        self.stage = Stage::Command;
        self.messages = self.messages.saturating_add(1);
        self.idle_commands = 0;
        let fallback = Reply::from_code(&codes::BODY_REFUSED, "");
        match self.config.protocol {
            Protocol::Smtp => {
                let reply = replies
                    .iter()
                    .find(|reply| !reply.is_positive())
                    .or(replies.first())
                    .unwrap_or(&fallback);
                self.reply(&reply.clone());
            }
            Protocol::Lmtp => {
                let count =
                    self.transaction.as_ref().map_or(0, |transaction| transaction.recipients);
                let last = replies.last().unwrap_or(&fallback);
                for reply in replies.iter().chain(std::iter::repeat(last)).take(count) {
                    self.reply(reply);
                }
            }
        }
        self.transaction = None;
        if replies.iter().any(|reply| reply.code == 421) {
            // RFC 5321 section 3.8: who says 421 closes.
            self.stage = Stage::Closed;
        }
        self.go_down_if_asked();
    }

    /// Refuses the message whose body is coming in. The rest of it is dropped, then the client gets `reply`.
    pub fn refuse_body(&mut self, reply: Reply) {
        if let Some(body) =
            self.transaction.as_mut().and_then(|transaction| transaction.body.as_mut())
        {
            body.refusal.get_or_insert(reply);
        }
    }

    /// Tells that the TLS handshake is done. Everything said before is forgotten (RFC 3207 section 4.2).
    pub fn tls_established(&mut self) {
        self.is_tls = true;
        self.is_greeted = false;
        self.is_authenticated = false;
        self.transaction = None;
        self.is_wait_over = true;
        if matches!(self.stage, Stage::Tls) {
            self.stage = Stage::Command;
        }
    }

    /// Returns what is to be written; clear it with [`Session::clear_output`] once written.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Forgets the output.
    pub fn clear_output(&mut self) {
        self.output.clear();
    }

    /// Tells that the driver now waits for input; returns the time at which to call [`Session::time_out`].
    ///
    /// Both are milliseconds of any clock that never goes back.
    pub fn wait(&mut self, now: u64) -> u64 {
        let end = self.end(now);
        self.end_of_wait(now).min(end)
    }

    fn end_of_wait(&mut self, now: u64) -> u64 {
        let is_new = std::mem::take(&mut self.is_wait_over);
        if is_new {
            self.waiting_since = now;
        }
        let is_body = matches!(self.stage, Stage::Body(_));
        let body = self.transaction.as_mut().and_then(|transaction| transaction.body.as_mut());
        if let (true, Some(body)) = (is_body, body) {
            let grace = self.config.data_timeout_ms;
            let earned = body.received.saturating_mul(1_000) / self.config.min_data_rate.max(1);
            let started = *body.started.get_or_insert(now);
            let too_slow = started.saturating_add(grace).saturating_add(earned);
            return now.saturating_add(grace).min(too_slow);
        }
        self.waiting_since.saturating_add(self.config.command_timeout_ms)
    }

    /// Returns when the session ends at the latest; the first call starts its time.
    pub fn end(&mut self, now: u64) -> u64 {
        self.started.get_or_insert(now).saturating_add(self.config.session_timeout_ms)
    }

    /// Ends the session because the client was silent or too slow, or because it has lasted long enough; returns which.
    pub fn time_out(&mut self, now: u64) -> &'static Code {
        let is_over = now >= self.end(now);
        let code = if is_over { &codes::SESSION_TOO_LONG } else { &codes::TIMEOUT };
        self.close(&Reply::from_code(code, ""));
        code
    }

    /// Ends the session as soon as that is polite: at once, or after the message that is coming in.
    pub fn shut_down(&mut self) {
        self.is_shutting_down = true;
        if matches!(self.stage, Stage::Command | Stage::Auth(_)) {
            self.go_down_if_asked();
        }
    }

    /// Returns true once TLS protects the connection.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns true once the client has logged in.
    pub fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// Takes one line, or waits for it.
    fn take_line<'a>(&mut self, input: &'a [u8]) -> (usize, Progress<'a>) {
        let is_auth = matches!(self.stage, Stage::Auth(_));
        let limit = if is_auth { MAX_LINE } else { self.config.max_line.min(MAX_LINE) };
        let Some(end) = memchr::memchr(b'\n', input.get(..limit).unwrap_or(input)) else {
            if input.len() >= limit {
                self.stage = Stage::SkipLine;
                return (0, Progress::Again);
            }
            return (0, Progress::Wait);
        };
        let line = input.get(..end).unwrap_or_default();
        let Some(line) = line.strip_suffix(b"\r") else {
            // RFC 5321 section 2.3.8: LF alone is not the end of a line, and who sends it may smuggle.
            self.mistake(&Reply::new(500, (5, 5, 2), "a line must end in CR LF"));
            return (end + 1, Progress::Again);
        };
        let progress = if is_auth { self.take_auth_line(line) } else { self.take_command(line) };
        // What came in clear behind STARTTLS may come from an attacker in the middle: drop it (RFC 3207 section 6).
        let consumed = if matches!(self.stage, Stage::Tls) { input.len() } else { end + 1 };
        (consumed, progress)
    }

    fn skip_line<'a>(&mut self, input: &'a [u8]) -> (usize, Progress<'a>) {
        let Some(end) = memchr::memchr(b'\n', input) else {
            return (input.len(), Progress::Wait);
        };
        self.stage = Stage::Command;
        self.mistake(&Reply::from_code(&codes::LINE_TOO_LONG, ""));
        (end + 1, Progress::Again)
    }

    fn take_command<'a>(&mut self, line: &'a [u8]) -> Progress<'a> {
        match command::parse(line) {
            Ok(command) => self.obey(command),
            Err(mistake) => {
                self.complain(mistake);
                Progress::Again
            }
        }
    }

    fn complain(&mut self, mistake: Mistake) {
        match mistake {
            Mistake::Foreign => {
                self.close(&Reply::from_code(&codes::TOO_MANY_ERRORS, "this is not a web server"));
            }
            Mistake::Parameter => self.mistake(&Reply::new(
                555,
                (5, 5, 4),
                "parameter not recognised or not supported",
            )),
            Mistake::Syntax(what) => self.mistake(&Reply::new(501, (5, 5, 4), what)),
            Mistake::Unknown => self.mistake(&Reply::new(500, (5, 5, 1), "command not recognised")),
            Mistake::Unreadable => self.mistake(&Reply::new(
                500,
                (5, 5, 2),
                "line has control characters or is not UTF-8",
            )),
        }
    }

    /// Replies to a mistake of the client and closes when there were too many.
    fn mistake(&mut self, reply: &Reply) {
        self.count(10);
        self.reply(reply);
        self.close_if_too_many();
    }

    /// Passes on a refusal of the driver. A long list of dead recipients is no attack yet: it counts a tenth.
    fn refuse(&mut self, reply: &Reply) {
        if reply.code == 421 {
            return self.close(reply);
        }
        if reply.is_permanent() {
            self.count(1);
        }
        self.reply(reply);
        self.close_if_too_many();
    }

    fn count(&mut self, tenths: u32) {
        self.tenths = self.tenths.saturating_add(tenths);
    }

    fn close_if_too_many(&mut self) {
        if self.tenths >= self.config.max_errors.saturating_mul(10)
            && !matches!(self.stage, Stage::Body(_))
        {
            self.close(&Reply::from_code(&codes::TOO_MANY_ERRORS, ""));
        }
    }

    fn close(&mut self, reply: &Reply) {
        if !matches!(self.stage, Stage::Closed) {
            self.reply(reply);
            self.stage = Stage::Closed;
            self.transaction = None;
        }
    }

    fn go_down_if_asked(&mut self) {
        if self.is_shutting_down && self.body().is_none() {
            self.close(&Reply::from_code(&codes::SHUTTING_DOWN, ""));
        }
    }

    fn body(&self) -> Option<&Incoming> {
        self.transaction.as_ref()?.body.as_ref()
    }

    fn reply(&mut self, reply: &Reply) {
        reply.write_to(&mut self.output);
    }

    fn ok(&mut self, enhanced: super::Enhanced, text: &'static str) {
        self.reply(&Reply::new(250, enhanced, text));
    }

    fn new_receiver() -> Transfer {
        Transfer::Data(Receiver::new())
    }
}

/// The longest line we ever keep: what RFC 4954 section 4 asks for an AUTH response, and CRLF.
pub const MAX_LINE: usize = 12_290;

/// Output above which input waits.
const MAX_OUTPUT: usize = 16 << 10;

/// Commands without effect that are free (Postfix allows as many, `smtpd_junk_command_limit`).
const MAX_IDLE_COMMANDS: u32 = 100;

#[cfg(test)]
mod tests;
