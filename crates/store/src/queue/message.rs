//! What a message and a recipient are, before and after they are stored.

use serde::Serialize;

use crate::body::BodyRef;
use crate::id::{MessageId, RecipientId};
use crate::queue::state::{Stage, State};

/// A message that is to be accepted: the envelope and what the queue needs of the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMessage {
    /// When it came in.
    pub received_at_ms: i64,
    /// When to give up; recipients that wait longer are listed by [`Store::expired`](crate::Store::expired).
    pub expires_at_ms: i64,
    /// When the sender is told that it takes longer; `None` for never.
    pub delay_notice_at_ms: Option<i64>,
    /// Into or out of the organisation.
    pub direction: Direction,
    /// The name of the listener that took it.
    pub listener: String,
    /// The address of the client.
    pub peer: String,
    /// What the client called itself.
    pub helo: String,
    /// Version and cipher of TLS, if any.
    pub tls: Option<String>,
    /// Who had logged in, if anybody.
    pub auth_user: Option<String>,
    /// The envelope sender; empty is the null sender.
    pub reverse_path: String,
    /// BODY= of MAIL (RFC 6152).
    pub body_type: BodyType,
    /// SMTPUTF8 of MAIL (RFC 6531).
    pub smtputf8: bool,
    /// RET= of MAIL (RFC 3461 section 4.3).
    pub ret: Option<String>,
    /// ENVID= of MAIL (RFC 3461 section 4.4).
    pub envid: Option<String>,
    /// The Message-ID field, without angle brackets or with them, as the caller likes to search for it.
    pub message_id: Option<String>,
    /// The From field.
    pub from_header: Option<String>,
    /// The header block, for bounces after the body is gone.
    pub header: Option<Vec<u8>>,
    /// Who it is for; at least one.
    pub recipients: Vec<NewRecipient>,
}

/// One recipient of a message that is to be accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecipient {
    /// The address.
    pub address: String,
    /// ORCPT= of RCPT (RFC 3461 section 4.2).
    pub orcpt: Option<String>,
    /// NOTIFY= of RCPT (RFC 3461 section 4.1).
    pub notify: Option<String>,
}

/// Into or out of the organisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the outside to users of the organisation.
    Inbound,
    /// From users of the organisation.
    #[default]
    Outbound,
}

/// What the client said of the body (RFC 6152).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum BodyType {
    /// `7BIT`, or nothing.
    #[default]
    #[serde(rename = "7bit")]
    SevenBit,
    /// `8BITMIME`.
    #[serde(rename = "8bit")]
    EightBit,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The message it was made of, for a child.
    pub parent: Option<MessageId>,
    /// The group it was made for, for a child.
    pub child_key: Option<String>,
    /// How it is protected, for a child.
    pub form: Option<String>,
    /// Where it goes, for a child.
    pub route: Option<String>,
    /// When it, or the message it was made of, came in.
    pub received_at_ms: i64,
    /// When to give up.
    pub expires_at_ms: i64,
    /// When the sender is to be told that it takes longer; `None` for never, or told already.
    pub delay_notice_at_ms: Option<i64>,
    /// Into or out of the organisation.
    pub direction: Direction,
    /// The name of the listener that took it.
    pub listener: String,
    /// The address of the client.
    pub peer: String,
    /// What the client called itself.
    pub helo: String,
    /// Version and cipher of TLS, if any.
    pub tls: Option<String>,
    /// Who had logged in, if anybody.
    pub auth_user: Option<String>,
    /// The envelope sender; empty is the null sender.
    pub reverse_path: String,
    /// What the client said of the body.
    pub body_type: BodyType,
    /// Whether SMTPUTF8 was asked for.
    pub smtputf8: bool,
    /// RET= of MAIL.
    pub ret: Option<String>,
    /// ENVID= of MAIL.
    pub envid: Option<String>,
    /// The Message-ID field.
    pub message_id: Option<String>,
    /// The From field.
    pub from_header: Option<String>,
    /// Octets of the body, with the trace header put before it.
    pub size: u64,
    /// Where the body is.
    #[serde(skip)]
    pub body: BodyRef,
}

/// A stored recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recipient {
    /// Its id.
    pub id: RecipientId,
    /// The message that came in.
    pub message: MessageId,
    /// The child that goes to it; `None` until planned.
    pub carrier: Option<MessageId>,
    /// The address.
    pub address: String,
    /// ORCPT= of RCPT.
    pub orcpt: Option<String>,
    /// NOTIFY= of RCPT.
    pub notify: Option<String>,
    /// Where it stands.
    pub state: State,
    /// When it is its turn; `None` unless queued.
    pub due_ms: Option<i64>,
    /// How often delivery was tried.
    pub attempts: u32,
    /// The code of the last failure or hold.
    pub code: Option<String>,
    /// The last reply of the next hop, or the reason of the hold.
    pub reply: Option<String>,
    /// Who took it: the name of the next hop.
    pub by: Option<String>,
    /// When its state changed.
    pub changed_at_ms: i64,
}

/// What there is to do for one message; see [`Store::claim`](crate::Store::claim).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Decide what becomes of these recipients, then [`Store::commit_plan`](crate::Store::commit_plan).
    Plan {
        /// The message that came in.
        message: Message,
        /// Its recipients that wait for a plan.
        recipients: Vec<Recipient>,
    },
    /// Deliver to these recipients, then [`Store::settle`](crate::Store::settle).
    Deliver {
        /// The child.
        carrier: Message,
        /// Where it goes.
        route: String,
        /// The recipients of the child that are due.
        recipients: Vec<Recipient>,
    },
}

/// Why something was done to a message: what `chancery explain` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRecord {
    /// The message.
    pub message: MessageId,
    /// When.
    pub at_ms: i64,
    /// What kind of decision, such as `policy` or `verdict`.
    pub kind: String,
    /// The facts, as JSON.
    pub json: String,
}

impl Direction {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "inbound" => Some(Self::Inbound),
            "outbound" => Some(Self::Outbound),
            _ => None,
        }
    }
}

impl BodyType {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::EightBit => "8bit",
            Self::SevenBit => "7bit",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "8bit" => Some(Self::EightBit),
            "7bit" => Some(Self::SevenBit),
            _ => None,
        }
    }
}

impl NewRecipient {
    /// Returns a recipient without DSN options.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// Returns the recipient as [`rows`](crate::queue::rows) would read it.
    pub(crate) fn stored(&self, id: RecipientId, message: MessageId, now_ms: i64) -> Recipient {
        Recipient {
            id,
            message,
            carrier: None,
            address: self.address.clone(),
            orcpt: self.orcpt.clone(),
            notify: self.notify.clone(),
            state: State::Queued(Stage::Plan),
            due_ms: Some(now_ms),
            attempts: 0,
            code: None,
            reply: None,
            by: None,
            changed_at_ms: now_ms,
        }
    }
}

impl NewMessage {
    /// Returns the message as [`rows`](crate::queue::rows) would read it.
    pub(crate) fn stored(&self, id: MessageId, size: u64) -> Message {
        Message {
            id,
            parent: None,
            child_key: None,
            form: None,
            route: None,
            received_at_ms: self.received_at_ms,
            expires_at_ms: self.expires_at_ms,
            delay_notice_at_ms: self.delay_notice_at_ms,
            direction: self.direction,
            listener: self.listener.clone(),
            peer: self.peer.clone(),
            helo: self.helo.clone(),
            tls: self.tls.clone(),
            auth_user: self.auth_user.clone(),
            reverse_path: self.reverse_path.clone(),
            body_type: self.body_type,
            smtputf8: self.smtputf8,
            ret: self.ret.clone(),
            envid: self.envid.clone(),
            message_id: self.message_id.clone(),
            from_header: self.from_header.clone(),
            size,
            body: BodyRef { owner: id, prefix: Vec::new(), kept: None },
        }
    }
}

/// Returns the domain of an address in lower case, for lists and counts; empty if there is none.
pub(crate) fn domain(address: &str) -> String {
    address.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase()).unwrap_or_default()
}
