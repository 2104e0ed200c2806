//! Mail that the gateway writes itself: delivery status notifications (RFC 3464) and notices to senders; and what
//! notifications of others say.
//!
//! All of it is sent with the null reverse path, marked `Auto-Submitted` (RFC 3834), 7 bit clean, and says its point in
//! the first line.

use std::fmt::Write as _;

use crate::address::Address;
use crate::header::HeaderBlock;
use crate::{date, encoded_word, message_id};

mod read;
mod report;
mod text;

pub use read::{Failure, Failures};
pub use report::{Action, Recipient, Report};

/// A notice ready to send, from the null sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The message: CRLF line ends, no line over 998 bytes, ASCII unless `smtputf8`.
    pub message: Vec<u8>,
    /// True if an address in the header is not ASCII, so that it must be sent with SMTPUTF8.
    pub smtputf8: bool,
}

/// What all notices have in common.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Our host name, such as `gate.acme.example`.
    pub host: &'a str,
    /// Who sends it, such as `postmaster@acme.example`.
    pub from: &'a Address,
    /// Who gets it: the sender of the original.
    pub to: &'a Address,
    /// Its own message id, with angle brackets; see [`message_id::make`].
    pub message_id: &'a str,
    /// When it is written, in seconds since 1970.
    pub date: i64,
    /// The original's header block (without the empty line); empty if there is none.
    pub original_header: &'a [u8],
}

/// Tells the sender that a message waits here: one clear line first, then why, then what happens next.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// From, to, the original.
    pub envelope: Envelope<'a>,
    /// The recipients whose copies wait.
    pub recipients: &'a [Address],
    /// Why, as a sentence: `No key is known for globex.example.`
    pub reason: &'a str,
    /// What happens next and what the sender can do, as sentences.
    pub next: &'a str,
    /// When it is given up, in seconds since 1970.
    pub until: Option<i64>,
    /// Error code that `chancery explain` knows.
    pub code: Option<&'a str>,
}

impl Held<'_> {
    /// Writes the notice.
    pub fn write(&self) -> Notice {
        let mut body = match self.recipients {
            [one] => format!("Your message to {one} is waiting at {}.\n", self.envelope.host),
            all => format!(
                "Your message to {} recipients is waiting at {}.\n",
                all.len(),
                self.envelope.host
            ),
        };
        body.push_str("Nothing of it has been sent there; it is safe here.\n");
        text::section(&mut body, "Why", self.reason);
        text::section(&mut body, "What happens next", self.next);
        if let Some(until) = self.until {
            let _ = write!(
                body,
                "  If nothing changes, it is returned to you on\n  {}.\n",
                date::format(until)
            );
        }
        if self.recipients.len() > 1 {
            body.push_str("\nThe recipients:\n");
            for recipient in self.recipients.iter().take(MAX_LISTED) {
                let _ = writeln!(body, "  {recipient}");
            }
            if let Some(more) =
                self.recipients.len().checked_sub(MAX_LISTED).filter(|&more| more > 0)
            {
                let _ = writeln!(body, "  and {more} more");
            }
        }
        body.push_str(&self.envelope.about_the_original());
        if let Some(code) = self.code {
            let _ = writeln!(body, "\nFor the postmaster: chancery explain {code}");
        }
        plain(&self.envelope, &self.envelope.subject("Waiting"), &body)
    }
}

/// Asks somebody for a key, in plain words: a message waits for them that must be encrypted.
///
/// Nothing of the message is told but who wrote it; its envelope has no header of an original.
#[derive(Clone, Copy, Debug)]
pub struct KeyRequest<'a> {
    /// From, to.
    pub envelope: Envelope<'a>,
    /// Who wrote the message that waits; answers go there.
    pub sender: &'a Address,
    /// The sender's organisation.
    pub organisation: &'a str,
    /// When the message is given up, in seconds since 1970.
    pub until: i64,
}

impl KeyRequest<'_> {
    /// Writes the request.
    pub fn write(&self) -> Notice {
        let (sender, organisation) = (self.sender, self.organisation);
        let mut body = format!(
            "{sender} has written to you. The message waits, because it must be encrypted.\n"
        );
        let why = format!(
            "The rules of {organisation} demand that this message is encrypted, and no key is known with which you could \
             read it."
        );
        text::section(&mut body, "Why", &why);
        text::section(
            &mut body,
            "What you can do",
            "Answer this mail, and sign your answer with S/MIME: in most mail programs that is a button or a tick named \
             \"sign\". Your certificate travels with the signature, and the message follows by itself, encrypted to it. If \
             you have no certificate, your own mail administrator can tell you how to get one. Never send your private \
             key to anybody.",
        );
        let next = format!(
            "If no key comes until {}, the message is returned to its sender. You are asked only once. Whether this \
             request is genuine you can ask {sender} by telephone.",
            date::format(self.until)
        );
        text::section(&mut body, "What happens next", &next);
        let mut message = self.envelope.header(
            &format!("A confidential message from {sender} waits for your key"),
            "auto-generated",
        );
        message.push_str(&format!("Reply-To: <{sender}>\r\n"));
        message.push_str(&text::body(&body));
        let smtputf8 = self.envelope.needs_smtputf8() || !sender.is_ascii();
        Notice { message: message.into_bytes(), smtputf8 }
    }
}

/// Writes a plain notice with this subject and text (`Auto-Submitted: auto-generated`).
pub fn plain(envelope: &Envelope<'_>, subject: &str, text: &str) -> Notice {
    let mut message = envelope.header(subject, "auto-generated");
    message.push_str(&text::body(text));
    Notice { message: message.into_bytes(), smtputf8: envelope.needs_smtputf8() }
}

impl Envelope<'_> {
    /// Returns true if the notice's own header cannot be ASCII.
    fn needs_smtputf8(&self) -> bool {
        !self.from.is_ascii() || !self.to.is_ascii()
    }

    /// Writes the header up to, and without, the fields that describe the body.
    fn header(&self, subject: &str, auto_submitted: &str) -> String {
        let mut header = String::new();
        let mut field = |name: &str, value: &str| {
            let _ = write!(header, "{name}: {value}\r\n");
        };
        field("From", &format!("Mail gateway <{}>", self.from));
        field("To", &format!("<{}>", self.to));
        field("Subject", &text::folded(&encoded_word::encode(subject)));
        field("Date", &date::format(self.date));
        field("Message-ID", &message_id::parse(self.message_id.as_bytes()).unwrap_or_default());
        if let Some(original) = self.original_id() {
            field("In-Reply-To", &original);
            field("References", &original);
        }
        field("Auto-Submitted", auto_submitted);
        field("MIME-Version", "1.0");
        header
    }

    /// Returns `Waiting: subject of the original`.
    fn subject(&self, what: &str) -> String {
        match HeaderBlock::parse(self.original_header).text("subject") {
            Some(subject) if !subject.is_empty() => {
                format!("{what}: {}", text::shortened(&subject, MAX_SUBJECT))
            }
            _ => format!("{what}: your message"),
        }
    }

    /// Says which message it is about, in the sender's own words.
    fn about_the_original(&self) -> String {
        let block = HeaderBlock::parse(self.original_header);
        let mut about = String::new();
        for (label, name) in
            [("Subject", "subject"), ("Date", "date"), ("Message id", "message-id")]
        {
            if let Some(value) = block.text(name) {
                let _ = writeln!(about, "  {label}: {}", text::shortened(&value, MAX_SUBJECT));
            }
        }
        if about.is_empty() { about } else { format!("\nYour message:\n{about}") }
    }

    fn original_id(&self) -> Option<String> {
        let field = HeaderBlock::parse(self.original_header).first("message-id")?;
        message_id::parse(field.value).filter(|id| id.is_ascii() && id.len() <= MAX_ID)
    }
}

/// How many recipients a text lists.
const MAX_LISTED: usize = 50;

/// How many characters of a subject are repeated.
const MAX_SUBJECT: usize = 120;

/// Longer ids are not repeated in our own header.
const MAX_ID: usize = 250;

#[cfg(test)]
mod tests;
