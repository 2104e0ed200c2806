//! The envelope: who sent a message and who gets it, with the parameters of the extensions we offer.

/// The argument of MAIL with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailFrom {
    /// The reverse-path without angle brackets; empty for `<>`.
    pub address: String,
    /// Declared size in octets (RFC 1870).
    pub size: Option<u64>,
    /// What the body holds (RFC 6152).
    pub body: BodyKind,
    /// The message needs SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// What a failure notice returns (RFC 3461 section 4.3).
    pub ret: Option<Return>,
    /// The envelope id as xtext (RFC 3461 section 4.4); see [`decode_xtext`].
    pub envid: Option<String>,
}

/// The argument of RCPT with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptTo {
    /// The forward-path without angle brackets and source route.
    pub address: String,
    /// When to notify the sender (RFC 3461 section 4.1); `None` is the default: on failure, perhaps on delay.
    pub notify: Option<Notify>,
    /// The original recipient, `type;xtext` (RFC 3461 section 4.2).
    pub orcpt: Option<String>,
}

/// One sender and the recipients of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The sender.
    pub mail: MailFrom,
    /// The recipients, in order.
    pub recipients: Vec<RcptTo>,
}

/// The `BODY` parameter of MAIL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// ASCII only, or nothing said.
    #[default]
    SevenBit,
    /// Octets above 127 may occur.
    EightBitMime,
}

/// The `RET` parameter of MAIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// The whole message.
    Full,
    /// The header only.
    Headers,
}

/// The `NOTIFY` parameter of RCPT; all false means `NEVER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// Tell the sender about delivery.
    pub success: bool,
    /// Tell the sender about failure.
    pub failure: bool,
    /// Tell the sender about delay.
    pub delay: bool,
}

impl MailFrom {
    /// Makes a sender without parameters.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// Returns true for the null reverse-path, to which nothing may be sent back (RFC 5321 section 4.5.5).
    pub fn is_null(&self) -> bool {
        self.address.is_empty()
    }

    /// Returns the part after the last `@`, or nothing.
    pub fn domain(&self) -> &str {
        domain_of(&self.address)
    }
}

impl RcptTo {
    /// Makes a recipient without parameters.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// Returns the part after the last `@`, or nothing for `postmaster`.
    pub fn domain(&self) -> &str {
        domain_of(&self.address)
    }
}

impl Envelope {
    /// Makes an envelope without parameters.
    pub fn new<R: Into<String>>(
        from: impl Into<String>,
        recipients: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            mail: MailFrom::new(from),
            recipients: recipients.into_iter().map(RcptTo::new).collect(),
        }
    }
}

impl Notify {
    /// Returns true for `NOTIFY=NEVER`.
    pub fn is_never(self) -> bool {
        !(self.success || self.failure || self.delay)
    }

    /// Returns the value of the parameter.
    pub fn to_param(self) -> String {
        if self.is_never() {
            return "NEVER".to_owned();
        }
        let words = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect::<Vec<_>>().join(",")
    }
}

impl Return {
    /// Returns the value of the parameter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        }
    }
}

/// Decodes xtext (RFC 3461 section 4); `None` if it is malformed or not UTF-8.
pub fn decode_xtext(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => {
                let digit = |b: u8| match b {
                    b'0'..=b'9' => Some(b - b'0'),
                    b'A'..=b'F' => Some(b - b'A' + 10),
                    _ => None,
                };
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                out.push(high << 4 | low);
            }
            b'=' => return None,
            b'!'..=b'~' => out.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(out).ok()
}

/// Encodes text as xtext (RFC 3461 section 4).
pub fn encode_xtext(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b'!'..=b'~') && byte != b'+' && byte != b'=' {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "+{byte:02X}");
        }
    }
    out
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}
