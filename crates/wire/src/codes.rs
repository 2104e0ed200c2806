//! The stable codes of everything that can go wrong in an SMTP dialogue, on either side.
//!
//! There is no error enum here: what a machine finds wrong ends as a reply or as the outcome of a recipient, and both
//! carry one of these codes.

use chancery_fault::{Code, Fault, Retry};

/// All codes of this crate, for `chancery explain` and the generated reference.
pub const CODES: &[&Code] = &[
    &BARE_NEWLINE,
    &BODY_REFUSED,
    &CONNECTION_LOST,
    &GREETING_REFUSED,
    &LINE_TOO_LONG,
    &MALFORMED_REPLY,
    &MESSAGE_TOO_BIG,
    &NEEDS_8BIT,
    &NEEDS_SMTPUTF8,
    &NUL,
    &OUTCOME_UNKNOWN,
    &REFUSED_FOR_NOW,
    &REFUSED_FOR_GOOD,
    &SESSION_TOO_LONG,
    &SHUTTING_DOWN,
    &SYNTAX,
    &TIMEOUT,
    &TLS_REQUIRED,
    &AUTH_FAILED,
    &TOO_MANY_CONNECTIONS,
    &TOO_MANY_ERRORS,
    &TOO_MANY_RECIPIENTS,
];

macro_rules! code {
    ($(#[$doc:meta])* $name:ident, $id:literal, $fault:ident, $retry:ident, $reply:literal, $summary:literal, $help:literal) => {
        $(#[$doc])*
        pub static $name: Code = Code {
            id: $id,
            fault: Fault::$fault,
            retry: Retry::$retry,
            reply: $reply,
            summary: $summary,
            help: $help,
        };
    };
}

code!(
    /// A body line ended in CR or LF alone.
    BARE_NEWLINE, "smtp.bare_newline", Sender, Never, "550 5.6.11", "the message has a bare carriage return or line feed",
    "Configure the sending server to end every line with CR LF. Lone CR or LF characters let one message hide a second \
     one (SMTP smuggling), so such a message is refused as a whole; nothing of it was kept."
);
code!(
    /// The handler refused the body while it was coming in.
    BODY_REFUSED, "smtp.body_refused", Us, Later, "451 4.3.0", "the message could not be stored",
    "Look at the log entries just before this one: they say what the store or the disk reported. The sender keeps the \
     message and tries again."
);
code!(
    /// The connection broke before the message was handed over.
    CONNECTION_LOST, "smtp.connection_lost", Partner, Later, "451 4.4.2", "the connection to the next server broke",
    "Wait: the message was not handed over and is tried again. If it goes on, look at the other server's log for the \
     same time, and at firewalls that inspect SMTP."
);
code!(
    /// The next server did not want to talk to us.
    GREETING_REFUSED, "smtp.greeting_refused", Partner, Later, "451 4.3.2", "the next server refused the connection",
    "Read the server's reply: it often names a block list, a limit on connections or maintenance. The message is tried again."
);
code!(
    /// A command line was longer than allowed.
    LINE_TOO_LONG, "smtp.line_too_long", Sender, Never, "500 5.5.2", "the command line is too long",
    "Check what is talking to this port: no mail server sends commands this long (RFC 5321 section 4.5.3.1.4)."
);
code!(
    /// The next server's reply breaks the grammar.
    MALFORMED_REPLY, "smtp.malformed_reply", Partner, Later, "451 4.5.0", "the next server's reply is not SMTP",
    "Check that the host and port of the next hop are those of a mail server; the start of its reply is in the log."
);
code!(
    /// The message is larger than we take.
    MESSAGE_TOO_BIG, "smtp.message_too_big", Sender, Never, "552 5.3.4", "the message is larger than the limit",
    "Send a smaller message, or raise the size limit of the listener and of every server behind it."
);
code!(
    /// The next hop takes 7-bit mail only.
    NEEDS_8BIT, "smtp.needs_8bit", Partner, Never, "554 5.6.3", "the next server does not take 8-bit mail",
    "Enable 8BITMIME on the next server. The message is not converted because that would break its signature."
);
code!(
    /// The next hop has no SMTPUTF8.
    NEEDS_SMTPUTF8, "smtp.needs_smtputf8", Partner, Never, "550 5.6.7", "the next server does not take addresses in UTF-8",
    "Enable SMTPUTF8 on the next server, or use an address in ASCII."
);
code!(
    /// The body has a NUL octet.
    NUL, "smtp.nul", Sender, Never, "550 5.6.0", "the message has a NUL character",
    "Send binary content in base64; RFC 5322 does not allow NUL and servers disagree on what it means."
);
code!(
    /// The connection broke after the final dot and before the reply.
    OUTCOME_UNKNOWN, "smtp.outcome_unknown", Partner, Later, "451 4.4.2", "the connection broke before the next server confirmed the message",
    "Expect a possible duplicate: the server may have the message. It is sent again, because losing it would be worse \
     (RFC 1047)."
);
code!(
    /// A reply of the 4yz class.
    REFUSED_FOR_NOW, "smtp.refused_for_now", Partner, Later, "451 4.0.0", "the next server refused for now",
    "Read the server's reply; the message is tried again by itself."
);
code!(
    /// A reply of the 5yz class.
    REFUSED_FOR_GOOD, "smtp.refused_for_good", Partner, Never, "554 5.0.0", "the next server refused",
    "Read the server's reply; the sender has been told. Retry by hand only after the cause is mended."
);
code!(
    /// The session has used up its time.
    SESSION_TOO_LONG, "smtp.session_too_long", Sender, Later, "421 4.7.0", "this connection has lasted long enough",
    "Nothing to do if the client connects again. If one message takes longer than that, its line is too slow: raise \
     `limits.session-timeout`."
);
code!(
    /// We are going down.
    SHUTTING_DOWN, "smtp.shutting_down", Us, Later, "421 4.3.2", "this server is shutting down",
    "Wait for the restart; the sending server tries again by itself."
);
code!(
    /// A command breaks the grammar.
    SYNTAX, "smtp.syntax", Sender, Never, "501 5.5.4", "the command is not valid",
    "Look at the reply, it names the part that was not understood."
);
code!(
    /// The other side was silent or too slow.
    TIMEOUT, "smtp.timeout", Partner, Later, "421 4.4.2", "the other side took too long",
    "Check the network between the two servers; the message stays with the side that has it and is tried again."
);
code!(
    /// TLS is demanded and was not to be had.
    TLS_REQUIRED, "smtp.tls_required", Partner, Later, "454 4.7.0", "TLS is required and did not come about",
    "Check the next server's certificate and that it offers STARTTLS; `chancery explain` on the message shows the reason. \
     The message waits, it is never sent in clear."
);
code!(
    /// The next hop did not take our credentials.
    AUTH_FAILED, "smtp.auth_failed", Us, Later, "454 4.7.0", "the next server refused our credentials",
    "Check user name and password of the next hop in the configuration."
);
code!(
    /// A limit on connections was hit.
    TOO_MANY_CONNECTIONS, "smtp.too_many_connections", Sender, Later, "421 4.7.0", "too many connections",
    "Lower the number of connections that the sending server opens at a time, or raise the listener's limits."
);
code!(
    /// The peer made too many mistakes.
    TOO_MANY_ERRORS, "smtp.too_many_errors", Sender, Later, "421 4.7.0", "too many errors in this connection",
    "Look at the earlier replies in the log: the peer kept sending commands that were refused."
);
code!(
    /// One message has more recipients than allowed.
    TOO_MANY_RECIPIENTS, "smtp.too_many_recipients", Sender, Later, "452 4.5.3", "too many recipients for one message",
    "Nothing to do: the sending server sends the remaining recipients in another transaction (RFC 5321 section 4.5.3.1.10)."
);
