//! One message over one connection: its commands, and which reply belongs to whom.

use std::collections::VecDeque;
use std::fmt::Write as _;

use super::{Features, Outcome};
use crate::codes;
use crate::smtp::command::is_address;
use crate::smtp::data::Facts;
use crate::smtp::{BodyKind, Envelope, MailFrom, Protocol, RcptTo, Reply};

/// The state of one message.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one fact about what was said; together they are no state"
)]
pub(super) struct Transaction {
    mail: MailFrom,
    recipients: Vec<RcptTo>,
    /// One for each recipient.
    states: Vec<State>,
    pub(super) facts: Facts,
    pub(super) use_chunking: bool,
    protocol: Protocol,
    /// Commands whose replies are owed, in order.
    owed: VecDeque<Owed>,
    /// The next recipient to be named to the server.
    next_recipient: usize,
    has_sent_mail: bool,
    has_sent_data: bool,
    reset_first: bool,
    /// The reply that refused MAIL.
    mail_refused: Option<Reply>,
}

#[derive(Clone, Debug)]
enum State {
    /// The server took this recipient; the message decides.
    Accepted,
    Decided(Outcome),
    Open,
}

#[derive(Clone, Copy, Debug)]
enum Owed {
    Data,
    Mail,
    Recipient(usize),
    Reset,
}

/// What follows a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// All are decided, and the server is in a state that only closing ends.
    Abandon,
    /// All are decided.
    Done,
    More,
    SendBody,
    SendDotOnly,
}

impl Transaction {
    pub(super) fn new(
        envelope: &Envelope,
        facts: Facts,
        use_chunking: bool,
        protocol: Protocol,
    ) -> Self {
        Self {
            mail: envelope.mail.clone(),
            recipients: envelope.recipients.clone(),
            states: vec![State::Open; envelope.recipients.len()],
            facts,
            use_chunking,
            protocol,
            owed: VecDeque::new(),
            next_recipient: 0,
            has_sent_mail: false,
            has_sent_data: false,
            reset_first: false,
            mail_refused: None,
        }
    }

    /// Decides what can be decided before a word is said.
    pub(super) fn check(&mut self, envelope: &Envelope, features: &Features) {
        let mail = &envelope.mail;
        let is_utf8 = !mail.address.is_ascii() || (mail.smtputf8 && self.facts.is_8bit);
        if !mail.is_null() && !is_address(&mail.address) {
            // Nothing that could break the line may reach the wire.
            self.decide_rest(&Outcome::from_code(&codes::SYNTAX, "the sender is not an address"));
        } else if is_utf8 && !features.smtputf8 {
            self.decide_rest(&Outcome::from_code(&codes::NEEDS_SMTPUTF8, ""));
        } else if self.facts.is_8bit && !features.eight_bit_mime {
            self.decide_rest(&Outcome::from_code(&codes::NEEDS_8BIT, ""));
        } else if let Some(limit) = features.max_size.filter(|limit| self.facts.length > *limit) {
            let detail = format!("{} octets, the next server takes {limit}", self.facts.length);
            self.decide_rest(&Outcome::from_code(&codes::MESSAGE_TOO_BIG, &detail));
        }
        for (recipient, state) in envelope.recipients.iter().zip(&mut self.states) {
            let address = &recipient.address;
            if !is_address(address) && !address.eq_ignore_ascii_case("postmaster") {
                *state = State::Decided(Outcome::from_code(
                    &codes::SYNTAX,
                    "the recipient is not an address",
                ));
            } else if !address.is_ascii() && !features.smtputf8 {
                *state = State::Decided(Outcome::from_code(&codes::NEEDS_SMTPUTF8, ""));
            }
        }
    }

    /// Says RSET before MAIL.
    pub(super) fn reset_first(&mut self) {
        self.reset_first = true;
    }

    /// Writes as many commands as may go out together (RFC 2920), or the next one.
    pub(super) fn write_commands(&mut self, features: &Features, out: &mut Vec<u8>) {
        let batch = if features.pipelining { BATCH } else { 1 };
        while self.owed.len() < batch {
            if std::mem::take(&mut self.reset_first) {
                out.extend_from_slice(b"RSET\r\n");
                self.owed.push_back(Owed::Reset);
            } else if !self.has_sent_mail {
                self.has_sent_mail = true;
                out.extend_from_slice(self.mail_command(features).as_bytes());
                self.owed.push_back(Owed::Mail);
            } else if let Some(index) = self.next_open_recipient() {
                out.extend_from_slice(self.recipient_command(index, features).as_bytes());
                self.owed.push_back(Owed::Recipient(index));
            } else {
                // DATA may ride along with the last recipients; BDAT brings the body and must know first.
                let may_pipeline =
                    !self.use_chunking && (features.pipelining || self.has_accepted());
                if may_pipeline && !self.has_sent_data {
                    self.has_sent_data = true;
                    out.extend_from_slice(b"DATA\r\n");
                    self.owed.push_back(Owed::Data);
                }
                return;
            }
        }
    }

    /// Takes the reply to the oldest command.
    pub(super) fn take_reply(
        &mut self,
        reply: Reply,
        features: &Features,
        out: &mut Vec<u8>,
    ) -> Next {
        match self.owed.pop_front() {
            // Nothing was asked.
            None => return Next::Abandon,
            Some(Owed::Reset | Owed::Mail) if reply.is_positive() => {}
            Some(Owed::Reset | Owed::Mail) => {
                let first = self.mail_refused.get_or_insert(reply).clone();
                self.decide_rest(&Outcome::of(first).unwrap_or_else(malformed));
            }
            Some(Owed::Recipient(index)) => self.take_recipient_reply(index, reply),
            Some(Owed::Data) => return self.take_data_reply(reply),
        }
        if !self.owed.is_empty() {
            return Next::More;
        }
        self.write_commands(features, out);
        if !self.owed.is_empty() {
            return Next::More;
        }
        if !self.has_accepted() {
            return Next::Done;
        }
        // RFC 3030 section 2: the size and the octets right behind it.
        let line = format!("BDAT {} LAST\r\n", self.facts.length);
        out.extend_from_slice(line.as_bytes());
        Next::SendBody
    }

    /// Takes a reply to the whole message; returns true once there are enough of them.
    pub(super) fn take_final(&mut self, outcome: Outcome) -> bool {
        if self.protocol == Protocol::Lmtp {
            // RFC 2033 section 4.2: one reply for each accepted recipient, in order.
            if let Some(state) =
                self.states.iter_mut().find(|state| matches!(state, State::Accepted))
            {
                *state = State::Decided(outcome);
            }
            return !self.has_accepted();
        }
        self.decide_accepted(&outcome);
        true
    }

    pub(super) fn decide_accepted(&mut self, outcome: &Outcome) {
        for state in self.states.iter_mut().filter(|state| matches!(state, State::Accepted)) {
            *state = State::Decided(outcome.clone());
        }
    }

    pub(super) fn decide_rest(&mut self, outcome: &Outcome) {
        for state in self.states.iter_mut().filter(|state| !matches!(state, State::Decided(_))) {
            *state = State::Decided(outcome.clone());
        }
    }

    pub(super) fn is_decided(&self) -> bool {
        self.states.iter().all(|state| matches!(state, State::Decided(_)))
    }

    pub(super) fn into_outcomes(self) -> Vec<Outcome> {
        let outcome = |state| match state {
            State::Decided(outcome) => outcome,
            State::Accepted | State::Open => Outcome::from_code(&codes::CONNECTION_LOST, ""),
        };
        self.states.into_iter().map(outcome).collect()
    }

    fn take_recipient_reply(&mut self, index: usize, reply: Reply) {
        let Some(state) = self.states.get_mut(index).filter(|state| matches!(state, State::Open))
        else {
            return;
        };
        *state = match Outcome::of(reply) {
            Some(Outcome::Delivered { .. }) => State::Accepted,
            Some(outcome) => State::Decided(outcome),
            None => State::Decided(malformed()),
        };
    }

    fn take_data_reply(&mut self, reply: Reply) -> Next {
        match (reply.code == 354, self.has_accepted(), self.protocol) {
            (true, true, _) => Next::SendBody,
            (true, false, Protocol::Smtp) => Next::SendDotOnly,
            // An LMTP server owes no reply then, so nothing would tell us where we are.
            (true, false, Protocol::Lmtp) => Next::Abandon,
            (false, ..) => {
                // 2yz to DATA is nonsense: the server and we are not in step.
                let is_nonsense = !(reply.is_temporary() || reply.is_permanent());
                let outcome = if is_nonsense { malformed() } else { Outcome::refused(reply) };
                self.decide_accepted(&outcome);
                if is_nonsense { Next::Abandon } else { Next::Done }
            }
        }
    }

    fn has_accepted(&self) -> bool {
        self.states.iter().any(|state| matches!(state, State::Accepted))
    }

    fn next_open_recipient(&mut self) -> Option<usize> {
        let from = self.next_recipient;
        let offset =
            self.states.get(from..)?.iter().position(|state| matches!(state, State::Open))?;
        self.next_recipient = from + offset + 1;
        Some(from + offset)
    }

    fn mail_command(&self, features: &Features) -> String {
        let mail = &self.mail;
        let mut line = format!("MAIL FROM:<{}>", mail.address);
        if features.size {
            // Writing to a String cannot fail, here and below.
            let _ok = write!(line, " SIZE={}", self.facts.length);
        }
        if features.eight_bit_mime && (self.facts.is_8bit || mail.body == BodyKind::EightBitMime) {
            line.push_str(" BODY=8BITMIME");
        }
        let is_utf8 = mail.smtputf8
            || !mail.address.is_ascii()
            || self.recipients.iter().any(|r| !r.address.is_ascii());
        if features.smtputf8 && is_utf8 {
            line.push_str(" SMTPUTF8");
        }
        if features.dsn {
            if let Some(ret) = mail.ret {
                let _ok = write!(line, " RET={}", ret.as_str());
            }
            if let Some(envid) = mail.envid.as_deref().filter(|envid| is_parameter(envid)) {
                let _ok = write!(line, " ENVID={envid}");
            }
        }
        line.push_str("\r\n");
        line
    }

    fn recipient_command(&self, index: usize, features: &Features) -> String {
        let Some(recipient) = self.recipients.get(index) else { return "NOOP\r\n".to_owned() };
        let mut line = format!("RCPT TO:<{}>", recipient.address);
        if features.dsn {
            if let Some(notify) = recipient.notify {
                let _ok = write!(line, " NOTIFY={}", notify.to_param());
            }
            if let Some(orcpt) = recipient.orcpt.as_deref().filter(|orcpt| is_parameter(orcpt)) {
                let _ok = write!(line, " ORCPT={orcpt}");
            }
        }
        line.push_str("\r\n");
        line
    }
}

fn malformed() -> Outcome {
    Outcome::from_code(&codes::MALFORMED_REPLY, "")
}

/// A stored parameter that could end the line or the parameter is left out.
fn is_parameter(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| matches!(b, b'!'..=b'~'))
}

/// Commands sent before their replies are read. Their replies must fit into the socket buffers of both sides, or each
/// side would wait for the other to read (RFC 2920 section 3.1).
const BATCH: usize = 100;
