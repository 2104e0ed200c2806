//! The codes of what the gateway itself refuses or gives up.

use chancery_fault::{Code, Fault, Retry};

/// A client that is not on the list and has not logged in.
pub static NOT_ALLOWED: Code = Code {
    id: "intake.not_allowed",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "554 5.7.1",
    summary: "this address may not submit mail here",
    help: "Add the address of the server to `inside.allow`, or give it a user (`inside.auth-file`) or a client certificate.",
};

/// A client that must log in first.
pub static AUTHENTICATION_REQUIRED: Code = Code {
    id: "intake.authentication_required",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "530 5.7.0",
    summary: "authentication is required",
    help: "Log in with AUTH after STARTTLS, show a certificate of `inside.client-ca`, or add the \
           address of the client to `inside.allow`.",
};

/// Mail from the internet for somebody who is not ours.
pub static RELAY_DENIED: Code = Code {
    id: "intake.relay_denied",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "550 5.7.1",
    summary: "this gateway takes mail from the internet only for its own domains",
    help: "Check the recipient's domain; if it is yours, add it to `domains` in the configuration. Mail that leaves the \
           organisation is handed over at the inside listener.",
};

/// Mail from inside with a sender of somebody else.
pub static SENDER_NOT_OURS: Code = Code {
    id: "intake.sender_not_ours",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "550 5.7.1",
    summary: "mail that leaves the organisation must have a sender of its own domains",
    help: "Use an envelope sender of one of the `domains`, rewrite the sender when forwarding (SRS), or set \
           `inside.foreign-senders = \"accept\"` if this gateway shall sign and send mail of others.",
};

/// A user who writes as somebody else.
pub static SENDER_NOT_THE_USER: Code = Code {
    id: "intake.sender_not_the_user",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "553 5.7.1",
    summary: "the user who has logged in may not write as this sender",
    help: "Write as the address that the user has logged in with. If the user may write as others too, list them at the \
           end of the user's line in `inside.auth-file` (`chancery password NAME --sender ADDRESS`).",
};

/// An address that we cannot understand.
pub static BAD_ADDRESS: Code = Code {
    id: "intake.bad_address",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "553 5.1.3",
    summary: "the address is not valid",
    help: "Write the address as local@domain (RFC 5321 section 4.1.2).",
};

/// A header that is larger than any mail program writes.
pub static HEADER_TOO_LARGE: Code = Code {
    id: "intake.header_too_large",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "552 5.3.4",
    summary: "the header of the message is larger than 256 KiB",
    help: "Look at the program that wrote the message: a real header has a few kilobytes. Rules look at header fields, so a \
           header that cannot be looked at whole is not accepted.",
};

/// A message that goes in circles.
pub static LOOP: Code = Code {
    id: "intake.loop",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "554 5.4.6",
    summary: "the message has passed too many servers, so it goes in circles",
    help: "Look at its Received fields: two servers send it to each other. Most often `route.inside` points back to this \
           gateway, or the inside server sends its own domains to the gateway.",
};

/// Nobody could be reached in time.
pub static EXPIRED: Code = Code {
    id: "queue.expired",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "554 5.4.7",
    summary: "the message could not be delivered in time",
    help: "Look at the last reply in `chancery explain MESSAGE-ID`. How long is tried is `queue.expire`.",
};

/// Planning failed for a reason of ours.
pub static PLAN_FAILED: Code = Code {
    id: "gateway.plan_failed",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.0",
    summary: "the message could not be prepared",
    help: "Look at the log around the message's id; nothing was sent and the message is tried again by itself.",
};

/// Our own keys are missing or cannot be unsealed.
pub static NO_IDENTITY: Code = Code {
    id: "gateway.no_identity",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.5",
    summary: "the organisation's own keys cannot be used",
    help: "The message says which key, and why. If it cannot be unsealed, the file that `keys.unseal` names is not the one that \
           the keys were sealed under: restore the right one from a backup. If there are no keys, this is no data directory \
           that `chancery init` made: check `data` in the configuration.",
};

/// The server stops.
pub static STOPPING: Code = Code {
    id: "gateway.stopping",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "421 4.3.2",
    summary: "the gateway is stopping",
    help: "Nothing to do: the message is safe and goes on when the gateway runs again.",
};

/// All codes of this crate.
pub const CODES: &[&Code] = &[
    &NOT_ALLOWED,
    &AUTHENTICATION_REQUIRED,
    &RELAY_DENIED,
    &SENDER_NOT_OURS,
    &SENDER_NOT_THE_USER,
    &BAD_ADDRESS,
    &HEADER_TOO_LARGE,
    &LOOP,
    &EXPIRED,
    &PLAN_FAILED,
    &NO_IDENTITY,
    &STOPPING,
    &crate::error::LISTEN,
];
