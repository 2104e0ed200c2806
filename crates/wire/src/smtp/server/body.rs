//! Bodies as they come in, by DATA or by BDAT (RFC 3030).

use chancery_fault::Code;

use super::{Event, Progress, Question, Session, Stage};
use crate::codes;
use crate::smtp::data::{Flaw, Piece, Receiver, Scanner};
use crate::smtp::{Protocol, Reply};

/// The message that is coming in.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Octets of the body so far, refused ones too.
    pub(super) received: u64,
    /// When it began.
    pub(super) started: Option<u64>,
    /// The reply that the message will get whatever follows.
    pub(super) refusal: Option<Reply>,
    /// A refusal was sent; nothing but RSET or EHLO helps now.
    is_dead: bool,
    /// Looks for bare newlines over the edges of chunks.
    scanner: Scanner,
}

/// How octets come in at the moment.
#[derive(Debug)]
pub(super) enum Transfer {
    /// One BDAT command.
    Chunk {
        /// Octets still to come.
        left: u64,
        /// It was `BDAT … LAST`.
        is_last: bool,
        /// Octets announced.
        size: u64,
        /// The command was refused, its octets are dropped.
        refusal: Option<Reply>,
    },
    /// DATA.
    Data(Receiver),
}

impl Incoming {
    fn new() -> Self {
        Self {
            received: 0,
            started: None,
            refusal: None,
            is_dead: false,
            scanner: Scanner::default(),
        }
    }
}

impl Session {
    pub(super) fn answer_begin(&mut self, transfer: Transfer, answer: Result<(), Reply>) {
        let mut body = Incoming::new();
        match (transfer, answer) {
            (Transfer::Data(receiver), Ok(())) => {
                // RFC 2034 section 3: no enhanced code in a 3yz reply.
                self.reply(&Reply::plain(354, "end with a dot on a line by itself"));
                self.stage = Stage::Body(Transfer::Data(receiver));
            }
            (Transfer::Data(_), Err(reply)) => {
                self.transaction = None;
                return self.refuse(&reply);
            }
            (chunk @ Transfer::Chunk { .. }, answer) => {
                body.refusal = answer.err();
                self.stage = Stage::Body(chunk);
            }
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.body = Some(body);
        }
    }

    pub(super) fn take_body<'a>(&mut self, input: &'a [u8]) -> (usize, Progress<'a>) {
        // Nothing crosses the size limit in one piece, so which fault came first does not depend on how the octets came.
        let input = input.get(..self.octets_to_limit()).unwrap_or(input);
        match &mut self.stage {
            Stage::Body(Transfer::Data(receiver)) => {
                let (used, piece) = receiver.next(input);
                let flaw = receiver.flaw();
                match piece {
                    Piece::Body(octets) => (used, self.passed(octets, flaw)),
                    Piece::End => (used, self.body_complete()),
                    Piece::More => (used, Progress::Wait),
                }
            }
            Stage::Body(Transfer::Chunk { left: 0, .. }) => (0, self.chunk_complete()),
            Stage::Body(Transfer::Chunk { left, refusal, .. }) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                let Some(octets) = input.get(..length).filter(|octets| !octets.is_empty()) else {
                    return (0, Progress::Wait);
                };
                *left -= length as u64;
                if refusal.is_some() {
                    return (length, Progress::Again);
                }
                let flaw = self
                    .transaction
                    .as_mut()
                    .and_then(|transaction| transaction.body.as_mut())
                    .and_then(|body| {
                        body.scanner.push(octets);
                        body.scanner.flaw()
                    });
                (length, self.passed(octets, flaw))
            }
            _ => (0, Progress::Wait),
        }
    }

    /// Returns how many octets the message may still have before it is too big; the maximum once it is.
    fn octets_to_limit(&self) -> usize {
        let received = self.body().map_or(0, |body| body.received);
        match self.config.max_message_size.saturating_sub(received) {
            0 => usize::MAX,
            left => usize::try_from(left).unwrap_or(usize::MAX),
        }
    }

    /// Passes octets on unless the message is refused already or must be now.
    fn passed<'a>(&mut self, octets: &'a [u8], flaw: Option<Flaw>) -> Progress<'a> {
        let (limit, allow_nul) = (self.config.max_message_size, self.config.allow_nul);
        let Some(body) =
            self.transaction.as_mut().and_then(|transaction| transaction.body.as_mut())
        else {
            return Progress::Again;
        };
        body.received = body.received.saturating_add(octets.len() as u64);
        if body.refusal.is_some() {
            let is_endless = body.received > limit.saturating_mul(2).saturating_add(MAX_DRAIN);
            if is_endless {
                let reply = body
                    .refusal
                    .take()
                    .unwrap_or_else(|| Reply::from_code(&codes::MESSAGE_TOO_BIG, ""));
                self.close(&reply);
            }
            return Progress::Again;
        }
        if octets.is_empty() {
            return Progress::Again;
        }
        let problem: Option<&'static Code> = match flaw {
            _ if body.received > limit => Some(&codes::MESSAGE_TOO_BIG),
            Some(Flaw::BareNewline) => Some(&codes::BARE_NEWLINE),
            Some(Flaw::Nul) if !allow_nul => Some(&codes::NUL),
            _ => None,
        };
        match problem {
            None => Progress::Event(Event::Body(octets)),
            Some(code) => {
                body.refusal = Some(Reply::from_code(code, ""));
                Progress::Event(Event::Discard(code))
            }
        }
    }

    fn chunk_complete<'a>(&mut self) -> Progress<'a> {
        let Stage::Body(Transfer::Chunk { is_last, size, refusal, .. }) =
            std::mem::replace(&mut self.stage, Stage::Command)
        else {
            return Progress::Again;
        };
        if let Some(refusal) = refusal {
            self.mistake(&refusal);
            return Progress::Again;
        }
        let Some(body) =
            self.transaction.as_mut().and_then(|transaction| transaction.body.as_mut())
        else {
            return Progress::Again;
        };
        if is_last {
            // A CR at the very end has no LF to come.
            if body.refusal.is_none() && body.scanner.finish().has_bare_newline {
                body.refusal = Some(Reply::from_code(&codes::BARE_NEWLINE, ""));
                self.body_complete_refused();
                return Progress::Event(Event::Discard(&codes::BARE_NEWLINE));
            }
            return self.body_complete();
        }
        match &body.refusal {
            None => self.reply(&Reply::new(250, (2, 0, 0), format!("{size} octets taken"))),
            Some(_) if body.is_dead => {
                self.mistake(&Reply::new(503, (5, 5, 1), "the message was refused; say RSET"));
            }
            Some(refusal) => {
                let refusal = refusal.clone();
                body.is_dead = true;
                self.refuse(&refusal);
            }
        }
        Progress::Again
    }

    fn body_complete<'a>(&mut self) -> Progress<'a> {
        if self.body().is_some_and(|body| body.refusal.is_some()) {
            self.body_complete_refused();
            return Progress::Again;
        }
        self.stage = Stage::Answer(Question::End);
        Progress::Event(Event::End)
    }

    /// Sends the refusal of a complete message, in LMTP once for each accepted recipient (RFC 2033 section 4.2).
    fn body_complete_refused(&mut self) {
        self.stage = Stage::Command;
        self.messages = self.messages.saturating_add(1);
        let Some(transaction) = self.transaction.take() else { return };
        let Some(body) = transaction.body else { return };
        let dead = Reply::new(503, (5, 5, 1), "the message was refused before");
        let reply = body.refusal.filter(|_| !body.is_dead).unwrap_or(dead);
        let copies =
            if self.config.protocol == Protocol::Lmtp { transaction.recipients } else { 1 };
        for _ in 1..copies {
            self.reply(&reply);
        }
        self.refuse(&reply);
        self.go_down_if_asked();
    }
}

/// Octets of a refused message that are read and dropped, beyond twice the size limit, before we hang up.
const MAX_DRAIN: u64 = 64 << 20;
