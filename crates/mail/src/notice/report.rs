//! Delivery status notifications: RFC 3464 in a `multipart/report` (RFC 6522), RFC 6533 for non-ASCII addresses.

use std::fmt::Write as _;

use crate::address::Address;
use crate::header::HeaderBlock;
use crate::notice::{Envelope, Notice, text};
use crate::{date, xtext};

/// A delivery status notification about one or more recipients.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// From, to, the original.
    pub envelope: Envelope<'a>,
    /// When the original arrived here, in seconds since 1970.
    pub arrived: Option<i64>,
    /// ENVID of the original, decoded from xtext (RFC 3461 section 4.4).
    pub envelope_id: Option<&'a str>,
    /// The recipients it is about; their actions may differ.
    pub recipients: &'a [Recipient<'a>],
}

/// What became of one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// The address we tried.
    pub address: &'a Address,
    /// ORCPT as it came, still in xtext, such as `rfc822;bob+2Bx@globex.example` (RFC 3461 section 4.2).
    pub original: Option<&'a str>,
    /// What became of it.
    pub action: Action,
    /// Enhanced status code, such as `5.1.1` (RFC 3463).
    pub status: &'a str,
    /// The reply of the other server, such as `550 5.1.1 no such user`; or what went wrong here, if `remote_mta` is
    /// `None`.
    pub diagnostic: Option<&'a str>,
    /// The server that gave the reply.
    pub remote_mta: Option<&'a str>,
    /// When it was last tried, in seconds since 1970.
    pub last_attempt: Option<i64>,
    /// When we give up, in seconds since 1970; for delays.
    pub retry_until: Option<i64>,
    /// Why, for people, as a sentence; may be empty.
    pub reason: &'a str,
}

/// Action field (RFC 3464 section 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Given up.
    Failed,
    /// Not yet; we go on trying.
    Delayed,
    /// Handed to a server that will not report back.
    Relayed,
    /// Handed over to the final mailbox.
    Delivered,
}

impl Report<'_> {
    /// Writes the notification.
    pub fn write(&self) -> Notice {
        let is_global = self.is_global();
        let text = text::body(&self.for_people());
        let (status_encoding, status) = text::clean(self.status_fields(is_global).as_bytes());
        let original = whole_fields(self.envelope.original_header);
        let (header_encoding, header) = text::clean(original);
        let is_utf8_header = !original.is_ascii() && std::str::from_utf8(original).is_ok();
        let boundary = self.boundary(&[&text, &status, &header]);

        let status_type = if is_global { "global-delivery-status" } else { "delivery-status" };
        // RFC 6533 section 3: the header as it is, in UTF-8. Quoted-printable keeps it 7 bit clean (section 4).
        let header_type = if is_global && is_utf8_header {
            "message/global-headers"
        } else {
            "text/rfc822-headers"
        };
        let subject = self.envelope.subject(self.worst().summary());
        let mut message = self.envelope.header(&subject, "auto-replied");
        let _ = write!(
            message,
            "Content-Type: multipart/report; report-type={status_type};\r\n boundary=\"{boundary}\"\r\n\r\n\
             This is a delivery status notification (RFC 3464).\r\n\r\n\
             --{boundary}\r\nContent-Description: Notification\r\n{text}\r\n\
             --{boundary}\r\nContent-Description: Delivery report\r\nContent-Type: message/{status_type}\r\n\
             Content-Transfer-Encoding: {status_encoding}\r\n\r\n{status}\r\n"
        );
        if !header.is_empty() {
            let _ = write!(
                message,
                "--{boundary}\r\nContent-Description: Header of your message\r\nContent-Type: {header_type}\r\n\
                 Content-Transfer-Encoding: {header_encoding}\r\n\r\n{header}\r\n"
            );
        }
        let _ = write!(message, "--{boundary}--\r\n");
        Notice { message: message.into_bytes(), smtputf8: self.envelope.needs_smtputf8() }
    }

    /// Returns true if an address is not ASCII (RFC 6533).
    fn is_global(&self) -> bool {
        self.envelope.needs_smtputf8()
            || self.recipients.iter().any(|recipient| !recipient.address.is_ascii())
    }

    fn worst(&self) -> Action {
        self.recipients.iter().map(|recipient| recipient.action).min().unwrap_or(Action::Failed)
    }

    fn for_people(&self) -> String {
        let mut body = String::new();
        for action in [Action::Failed, Action::Delayed, Action::Relayed, Action::Delivered] {
            let concerned: Vec<_> =
                self.recipients.iter().filter(|recipient| recipient.action == action).collect();
            if concerned.is_empty() {
                continue;
            }
            if !body.is_empty() {
                body.push('\n');
            }
            let _ = writeln!(body, "{}", action.sentence());
            for recipient in concerned {
                recipient.for_people(&mut body);
            }
        }
        body.push_str(&self.envelope.about_the_original());
        let _ =
            write!(body, "\nSent by the mail gateway {}.\n", text::one_line(self.envelope.host));
        if self.worst() == Action::Failed {
            let _ = writeln!(body, "Questions go to {}.", self.envelope.from);
        }
        body
    }

    /// RFC 3464 section 2.1: fields about the message, then a group of fields for each recipient.
    fn status_fields(&self, is_global: bool) -> String {
        let mut fields = String::new();
        if let Some(id) = self.envelope_id {
            let _ = write!(fields, "Original-Envelope-Id: {}\r\n", text::one_line(id));
        }
        let _ = write!(fields, "Reporting-MTA: dns; {}\r\n", text::one_line(self.envelope.host));
        if let Some(arrived) = self.arrived {
            let _ = write!(fields, "Arrival-Date: {}\r\n", date::format(arrived));
        }
        for recipient in self.recipients {
            fields.push_str("\r\n");
            recipient.status_fields(&mut fields, is_global);
        }
        fields
    }

    /// Returns a boundary that is in none of the parts.
    fn boundary(&self, parts: &[&str]) -> String {
        let id = self.envelope.message_id;
        let base: String = id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        // With so few parts and each try different, one of the first few must do.
        let mut number = 0_u64;
        loop {
            let boundary = format!("=_{base}_{number}");
            if !parts.iter().any(|part| part.contains(&boundary)) {
                return boundary;
            }
            number += 1;
        }
    }
}

impl Recipient<'_> {
    fn for_people(&self, body: &mut String) {
        let _ = writeln!(body, "\n  {}", self.address);
        if !self.reason.is_empty() {
            text::paragraph(body, self.reason);
        }
        match (self.remote_mta, self.diagnostic) {
            (Some(server), Some(reply)) => {
                let reply = format!(
                    "The server {} said: {}",
                    text::one_line(server),
                    text::one_line(reply)
                );
                text::paragraph(body, &reply);
            }
            (None, Some(problem)) if self.reason.is_empty() => {
                text::paragraph(body, &text::one_line(problem));
            }
            _ => {}
        }
        if let (Action::Delayed, Some(until)) = (self.action, self.retry_until) {
            let _ = writeln!(body, "  It is tried again until {}.", date::format(until));
        }
    }

    /// RFC 3464 section 2.3, in its order.
    fn status_fields(&self, fields: &mut String, is_global: bool) {
        let mut field = |name: &str, value: &str| {
            let _ = write!(fields, "{name}: {value}\r\n");
        };
        if let Some(original) = self.original.and_then(|orcpt| original_recipient(orcpt, is_global))
        {
            field("Original-Recipient", &original);
        }
        field("Final-Recipient", &typed(self.address));
        field("Action", self.action.keyword());
        field("Status", self.checked_status());
        if let Some(server) = self.remote_mta {
            field("Remote-MTA", &format!("dns; {}", text::one_line(server)));
        }
        if let Some(diagnostic) = self.diagnostic {
            let kind = if self.remote_mta.is_some() { "smtp" } else { "x-chancery" };
            field(
                "Diagnostic-Code",
                &text::folded(&format!("{kind}; {}", text::one_line(diagnostic))),
            );
        }
        if let Some(last_attempt) = self.last_attempt {
            field("Last-Attempt-Date", &date::format(last_attempt));
        }
        if let (Action::Delayed, Some(until)) = (self.action, self.retry_until) {
            field("Will-Retry-Until", &date::format(until));
        }
    }

    /// RFC 3463 section 2: three numbers, the first of which fits the action.
    pub(super) fn checked_status(&self) -> &str {
        let mut numbers = self.status.split('.');
        let is_number = |text: &str, most| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        let class = numbers.next().unwrap_or_default();
        let fits = match self.action {
            Action::Failed => matches!(class, "4" | "5"),
            Action::Delayed => class == "4",
            Action::Relayed | Action::Delivered => class == "2",
        };
        let is_good = fits
            && numbers.next().is_some_and(|subject| is_number(subject, 3))
            && numbers.next().is_some_and(|detail| is_number(detail, 3))
            && numbers.next().is_none();
        if is_good { self.status } else { self.action.default_status() }
    }
}

impl Action {
    fn keyword(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Relayed => "relayed",
            Self::Delivered => "delivered",
        }
    }

    /// The start of the subject.
    fn summary(self) -> &'static str {
        match self {
            Self::Failed => "Not delivered",
            Self::Delayed => "Delayed",
            Self::Relayed => "Relayed",
            Self::Delivered => "Delivered",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Failed => "Your message could not be delivered to:",
            Self::Delayed => {
                "Your message has not been delivered yet to the following; nothing needs\nto be done, we go on trying:"
            }
            Self::Relayed => {
                "Your message was handed to the next mail server, which does not report\nwhether it is delivered, for:"
            }
            Self::Delivered => "Your message was delivered to:",
        }
    }

    fn default_status(self) -> &'static str {
        match self {
            Self::Failed => "5.0.0",
            Self::Delayed => "4.0.0",
            Self::Relayed | Self::Delivered => "2.0.0",
        }
    }
}

/// Writes an address with its type (RFC 3464 section 2.3.2, RFC 6533 section 3).
fn typed(address: &Address) -> String {
    let kind = if address.is_ascii() { "rfc822" } else { "utf-8" };
    format!("{kind}; {address}")
}

/// Returns ORCPT for Original-Recipient: its xtext decoded (RFC 3464 section 2.3.1); `None` if it is not well formed.
fn original_recipient(orcpt: &str, is_global: bool) -> Option<String> {
    let (kind, address) = orcpt.split_once(';')?;
    let is_keyword =
        !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let decoded =
        String::from_utf8(xtext::decode(address).or_else(|| Some(address.as_bytes().to_vec()))?)
            .ok()?;
    let is_clear = decoded.chars().all(|c| !c.is_control() && (is_global || c.is_ascii()));
    (is_keyword && is_clear && decoded.len() <= MAX_ORIGINAL).then(|| format!("{kind};{decoded}"))
}

/// Returns the first fields of a header that together are not too long; never half a field.
fn whole_fields(header: &[u8]) -> &[u8] {
    let raw = HeaderBlock::parse(header).raw();
    if raw.len() <= MAX_ORIGINAL_HEADER {
        return raw;
    }
    let fits = |end: &usize| *end <= MAX_ORIGINAL_HEADER;
    let end =
        HeaderBlock::parse(raw).fields().map(|field| field.range().end).take_while(fits).last();
    raw.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// How much of the original's header goes back: more than honest mail has.
const MAX_ORIGINAL_HEADER: usize = 64 * 1024;

/// RFC 3461 section 4.2 allows 500 characters.
const MAX_ORIGINAL: usize = 500;
