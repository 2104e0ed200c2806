//! What each command does (RFC 5321 section 4.1.4 for their order).

use super::{AuthOffer, Event, MAX_IDLE_COMMANDS, Progress, Question, Session, Stage};
use crate::codes;
use crate::smtp::command::Command;
use crate::smtp::server::body::Transfer;
use crate::smtp::{MailFrom, Protocol, RcptTo, Reply};

impl Session {
    pub(super) fn obey<'a>(&mut self, command: Command<'a>) -> Progress<'a> {
        // BDAT first: its octets follow whatever we think of it.
        if let Command::Bdat { size, is_last } = command {
            return self.chunk(size, is_last);
        }
        if self.is_shutting_down && !matches!(command, Command::Quit) {
            self.close(&Reply::from_code(&codes::SHUTTING_DOWN, ""));
            return Progress::Again;
        }
        match command {
            Command::Ehlo(name) => return self.hello(name, true, Protocol::Smtp),
            Command::Helo(name) => return self.hello(name, false, Protocol::Smtp),
            Command::Lhlo(name) => return self.hello(name, true, Protocol::Lmtp),
            Command::Mail(mail) => return self.mail(mail),
            Command::Rcpt(recipient) => return self.recipient(recipient),
            Command::Data => return self.data(),
            Command::Auth { mechanism, initial } => return self.start_auth(mechanism, initial),
            Command::StartTls => return self.start_tls(),
            Command::Rset => {
                self.idle();
                self.ok((2, 0, 0), "ok");
                if self.transaction.take().is_some() {
                    return Progress::Event(Event::Reset);
                }
            }
            Command::Noop => {
                self.idle();
                self.ok((2, 0, 0), "ok");
            }
            Command::Help => {
                self.idle();
                self.reply(&Reply::new(214, (2, 0, 0), "see RFC 5321"));
            }
            // RFC 5321 section 7.3: 252 neither confirms nor denies.
            Command::Vrfy => {
                self.idle();
                self.reply(&Reply::new(252, (2, 1, 5), "cannot verify; send a message and see"));
            }
            Command::Expn => self.mistake(&Reply::new(502, (5, 5, 1), "not implemented")),
            Command::Quit => self.close(&Reply::new(221, (2, 0, 0), "goodbye")),
            Command::Bdat { .. } => {}
        }
        self.close_if_too_many();
        Progress::Again
    }

    fn hello<'a>(&mut self, name: &'a str, is_extended: bool, protocol: Protocol) -> Progress<'a> {
        if self.config.protocol != protocol {
            // RFC 2033 section 4.1: HELO and EHLO are not for LMTP, LHLO is not for SMTP.
            self.mistake(&Reply::new(
                500,
                (5, 5, 1),
                "this is the other protocol: LMTP has LHLO, SMTP has EHLO",
            ));
            return Progress::Again;
        }
        self.idle();
        self.is_greeted = true;
        // RFC 5321 section 4.1.4: EHLO clears the transaction like RSET.
        self.transaction = None;
        let text = if is_extended { self.extensions() } else { self.config.hostname.clone() };
        self.reply(&Reply::plain(250, text));
        self.close_if_too_many();
        Progress::Event(Event::Hello { name, is_extended })
    }

    fn extensions(&self) -> String {
        let size = self.config.max_message_size;
        let mut text = format!(
            "{}\nPIPELINING\nSIZE {size}\n8BITMIME\nSMTPUTF8\nCHUNKING\nENHANCEDSTATUSCODES\nDSN",
            self.config.hostname
        );
        if self.config.offer_starttls && !self.is_tls {
            text.push_str("\nSTARTTLS");
        }
        if self.offers_auth() && !self.is_authenticated {
            text.push_str("\nAUTH PLAIN LOGIN");
        }
        text
    }

    pub(super) fn offers_auth(&self) -> bool {
        match self.config.auth {
            AuthOffer::AfterTls => self.is_tls,
            AuthOffer::Always => true,
            AuthOffer::Never => false,
        }
    }

    fn mail<'a>(&mut self, mail: MailFrom) -> Progress<'a> {
        if !self.is_greeted {
            self.out_of_order("say EHLO first");
        } else if self.config.require_tls && !self.is_tls {
            self.mistake(&Reply::new(530, (5, 7, 0), "say STARTTLS first"));
        } else if self.transaction.is_some() {
            self.out_of_order("a transaction is open; say RSET first");
        } else if self.messages >= self.config.max_messages {
            self.close(&Reply::new(
                421,
                (4, 7, 0),
                "enough messages for one connection; connect again",
            ));
        } else if mail.size.is_some_and(|size| size > self.config.max_message_size) {
            self.refuse(&Reply::from_code(&codes::MESSAGE_TOO_BIG, ""));
        } else if !mail.smtputf8 && !mail.address.is_ascii() {
            self.needs_smtputf8();
        } else {
            self.stage = Stage::Answer(Question::Mail { smtputf8: mail.smtputf8 });
            return Progress::Event(Event::Mail(mail));
        }
        Progress::Again
    }

    fn recipient<'a>(&mut self, recipient: RcptTo) -> Progress<'a> {
        let Some(transaction) = &mut self.transaction else {
            self.out_of_order("say MAIL first");
            return Progress::Again;
        };
        if transaction.body.is_some() {
            self.out_of_order("the message has begun");
            return Progress::Again;
        }
        transaction.attempts += 1;
        if transaction.recipients >= self.config.max_recipients {
            self.refuse(&Reply::from_code(&codes::TOO_MANY_RECIPIENTS, ""));
        } else if !transaction.smtputf8 && !recipient.address.is_ascii() {
            self.needs_smtputf8();
        } else {
            self.stage = Stage::Answer(Question::Rcpt);
            return Progress::Event(Event::Rcpt(recipient));
        }
        Progress::Again
    }

    fn data<'a>(&mut self) -> Progress<'a> {
        // RFC 3030 section 2: DATA and BDAT do not mix in one transaction.
        if self.body().is_some() {
            self.out_of_order("the message has begun with BDAT");
            return Progress::Again;
        }
        if let Some(refusal) = self.not_ready() {
            self.mistake(&refusal);
            return Progress::Again;
        }
        self.stage = Stage::Answer(Question::Begin(Self::new_receiver()));
        Progress::Event(Event::Begin)
    }

    fn chunk<'a>(&mut self, size: u64, is_last: bool) -> Progress<'a> {
        let refusal = if self.is_shutting_down && self.body().is_none() {
            Some(Reply::from_code(&codes::SHUTTING_DOWN, ""))
        } else if self.body().is_some() {
            None
        } else {
            self.not_ready()
        };
        let transfer = Transfer::Chunk { left: size, is_last, size, refusal };
        match transfer {
            Transfer::Chunk { refusal: None, .. } if self.body().is_none() => {
                self.stage = Stage::Answer(Question::Begin(transfer));
                Progress::Event(Event::Begin)
            }
            transfer => {
                self.stage = Stage::Body(transfer);
                Progress::Again
            }
        }
    }

    /// Returns why a body cannot begin now.
    fn not_ready(&self) -> Option<Reply> {
        match &self.transaction {
            None => Some(Reply::new(503, (5, 5, 1), "say MAIL and RCPT first")),
            Some(transaction) if transaction.attempts == 0 => {
                Some(Reply::new(503, (5, 5, 1), "say RCPT first"))
            }
            // RFC 2033 section 4.2: LMTP says 503 here.
            Some(transaction) if transaction.recipients == 0 => match self.config.protocol {
                Protocol::Lmtp => Some(Reply::new(503, (5, 5, 1), "no valid recipients")),
                Protocol::Smtp => Some(Reply::new(554, (5, 5, 1), "no valid recipients")),
            },
            Some(_) => None,
        }
    }

    fn start_tls<'a>(&mut self) -> Progress<'a> {
        if self.is_tls {
            self.out_of_order("TLS is on already");
        } else if !self.config.offer_starttls {
            self.mistake(&Reply::new(502, (5, 5, 1), "not offered"));
        } else if !self.is_greeted {
            self.out_of_order("say EHLO first");
        } else {
            self.reply(&Reply::new(220, (2, 0, 0), "ready for TLS"));
            self.transaction = None;
            self.stage = Stage::Tls;
            return Progress::Event(Event::StartTls);
        }
        Progress::Again
    }

    pub(super) fn out_of_order(&mut self, what: &'static str) {
        self.mistake(&Reply::new(503, (5, 5, 1), what));
    }

    fn needs_smtputf8(&mut self) {
        // RFC 6531 section 3.5.
        self.mistake(&Reply::new(
            553,
            (5, 6, 7),
            "an address in UTF-8 needs the SMTPUTF8 parameter",
        ));
    }

    /// Counts a command that brings no mail forward.
    fn idle(&mut self) {
        self.idle_commands = self.idle_commands.saturating_add(1);
        if self.idle_commands > MAX_IDLE_COMMANDS {
            self.count(10);
        }
    }
}
