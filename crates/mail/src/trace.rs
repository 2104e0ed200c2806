//! Trace fields: counting hops and writing our own Received line (RFC 5321 section 4.4).

use std::net::IpAddr;

use crate::address::Address;
use crate::date;
use crate::header::HeaderBlock;

/// What goes into a Received field.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// What the client said in HELO or EHLO; anything that may not stand in a field is left out.
    pub helo: &'a str,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Our host name.
    pub by: &'a str,
    /// Protocol of the RFC 3848 registry, such as `ESMTPS`.
    pub with: &'a str,
    /// Our id of the message.
    pub id: &'a str,
    /// The recipient, only if there is exactly one: others would learn of Bcc recipients.
    pub recipient: Option<&'a Address>,
    /// Such as `TLS1.3 with cipher TLS_AES_256_GCM_SHA384`; written as a comment.
    pub tls: Option<&'a str>,
    /// When it was received, in seconds since 1970.
    pub at: i64,
}

impl Received<'_> {
    /// Writes the field, folded, with its CRLF.
    ///
    /// ```
    /// use chancery_mail::trace::Received;
    ///
    /// let field = Received {
    ///     helo: "mx.globex.example",
    ///     client: Some("192.0.2.7".parse()?),
    ///     by: "gate.acme.example",
    ///     with: "ESMTP",
    ///     id: "1a2b",
    ///     recipient: None,
    ///     tls: None,
    ///     at: 0,
    /// };
    /// assert_eq!(
    ///     field.write(),
    ///     "Received: from mx.globex.example ([192.0.2.7])\r\n\tby gate.acme.example with ESMTP id 1a2b;\r\n\t\
    ///      Thu, 1 Jan 1970 00:00:00 +0000\r\n"
    /// );
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn write(&self) -> String {
        let client = match self.client {
            Some(IpAddr::V4(address)) => format!(" ([{address}])"),
            Some(IpAddr::V6(address)) => format!(" ([IPv6:{address}])"),
            None => String::new(),
        };
        let helo = match clean(self.helo) {
            helo if helo.is_empty() => "unknown".to_owned(),
            helo => helo,
        };
        let tls = self.tls.map(|tls| format!("\r\n\t(using {})", comment(tls))).unwrap_or_default();
        let recipient = self.recipient.filter(|address| address.is_ascii());
        let recipient =
            recipient.map(|address| format!("\r\n\tfor <{address}>")).unwrap_or_default();
        let (by, with, id) = (clean(self.by), clean(self.with), clean(self.id));
        let at = date::format(self.at);
        format!(
            "Received: from {helo}{client}{tls}\r\n\tby {by} with {with} id {id}{recipient};\r\n\t{at}\r\n"
        )
    }
}

/// Returns how many servers the message has passed: the number of Received fields.
pub fn hops(header: &HeaderBlock<'_>) -> usize {
    header.all("received").count()
}

fn clean(text: &str) -> String {
    let is_clean =
        |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    text.chars().filter(is_clean).take(MAX_WORD).collect()
}

fn comment(text: &str) -> String {
    text.chars()
        .filter(|c| (c.is_ascii_graphic() || *c == ' ') && !matches!(c, '(' | ')' | '\\'))
        .take(MAX_WORD)
        .collect()
}

/// A domain name is not longer (RFC 5321 section 4.5.3.1.2).
const MAX_WORD: usize = 255;

#[cfg(test)]
mod tests {
    use super::Received;
    use crate::address::Address;
    use crate::header::HeaderBlock;

    #[test]
    fn nothing_that_the_client_says_makes_a_new_field() {
        let recipient = Address::parse("bob@acme.example").unwrap();
        let field = Received {
            helo: "evil\r\nX-Injected: yes (",
            client: Some("2001:db8::1".parse().unwrap()),
            by: "gate.acme.example",
            with: "ESMTPS",
            id: "1a2b",
            recipient: Some(&recipient),
            tls: Some("TLS1.3) (x\r\nY: z"),
            at: 0,
        }
        .write();
        let block = HeaderBlock::parse(field.as_bytes());
        assert_eq!(block.fields().count(), 1);
        assert_eq!(super::hops(&block), 1);
        assert_eq!(
            block.text("received").unwrap(),
            "from evilX-Injected:yes ([IPv6:2001:db8::1])\t(using TLS1.3 xY: z)\tby gate.acme.example with ESMTPS id \
             1a2b\tfor <bob@acme.example>;\tThu, 1 Jan 1970 00:00:00 +0000"
                .replace('\t', " ")
        );
    }
}
