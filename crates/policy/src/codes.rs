//! The codes of everything that a policy can do to a message other than sending it on.

use chancery_fault::{Code, Fault, Retry};

/// `protect` is demanded and no partner has the recipient's domain.
pub static NO_PARTNER: Code = Code {
    id: "policy.no_partner",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.7.5",
    summary: "protection is demanded and the recipient's organisation is not a partner",
    help: "Ask the recipient's organisation for its partner card and add it with `chancery partner add FILE`; held mail \
           for that domain is then protected and sent by itself. To send it as it is, change the rule that demands \
           protection and run `chancery queue release`.",
};

/// The partner's certificates have all expired.
pub static KEY_EXPIRED: Code = Code {
    id: "policy.key_expired",
    fault: Fault::Partner,
    retry: Retry::Later,
    reply: "451 4.7.5",
    summary: "the partner's encryption certificate has expired",
    help: "Ask the partner for a new card and add it with `chancery partner add FILE`; held mail is then protected and \
           sent by itself. `chancery partner show` tells when the old one expired. Mail to a known partner never falls \
           back to clear text because a key ran out, unless the policy says `unusable-partner-key = \"clear\"`.",
};

/// The partner's certificate begins in the future.
pub static KEY_NOT_YET_VALID: Code = Code {
    id: "policy.key_not_yet_valid",
    fault: Fault::Partner,
    retry: Retry::Later,
    reply: "451 4.7.5",
    summary: "the partner's encryption certificate is not valid yet",
    help: "Check the clock of this machine with `chancery check`; if it is right, wait until the certificate begins \
           (`chancery partner show`) or ask the partner for another card.",
};

/// The partner's key cannot be used for encryption.
pub static KEY_UNSUITABLE: Code = Code {
    id: "policy.key_unsuitable",
    fault: Fault::Partner,
    retry: Retry::Later,
    reply: "451 4.7.5",
    summary: "the partner's encryption certificate cannot be used",
    help: "Look at the reason in `chancery explain MESSAGE-ID` (key too small, wrong key usage, unknown algorithm) and \
           ask the partner for a card with another certificate.",
};

/// The keys of an address need a person.
pub static KEY_REVIEW: Code = Code {
    id: "policy.key_review",
    fault: Fault::Partner,
    retry: Retry::Later,
    reply: "451 4.7.5",
    summary: "which key of the recipient is the right one must be decided by a person",
    help: "Different keys are known for this address, and nothing says which one is right. Look at them with \
           `chancery key show ADDRESS`, ask the recipient, and decide: `chancery key trust ADDRESS FINGERPRINT`. Mail that is \
           held for it goes on by itself.",
};

/// A rule says `hold`.
pub static HELD_BY_RULE: Code = Code {
    id: "policy.held",
    fault: Fault::Sender,
    retry: Retry::Later,
    reply: "451 4.7.1",
    summary: "a rule of the policy holds this message",
    help: "Look at the rule that `chancery explain MESSAGE-ID` names, then send the message on with `chancery queue \
           release` or remove it with `chancery queue drop`.",
};

/// A rule says `reject`.
pub static REJECTED_BY_RULE: Code = Code {
    id: "policy.rejected",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "550 5.7.1",
    summary: "a rule of the policy refuses this message",
    help: "Look at the rule that `chancery explain MESSAGE-ID` names; the sender can change the message, the \
           administrator the rule.",
};

/// The signature or the integrity check of an incoming message is wrong.
pub static SIGNATURE_FAILED: Code = Code {
    id: "policy.bad_signature",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "550 5.7.7",
    summary: "the message was changed on its way or its signature is wrong",
    help: "Compare the problems that `chancery explain MESSAGE-ID` lists; a relay that rewrites mail is more common than an \
           attack. What happens to such mail is `bad-signature` in the `[inbound]` part of the policy.",
};

/// The signature is right, but by nobody we know, or not by one who speaks for the author.
pub static SIGNATURE_UNVERIFIED: Code = Code {
    id: "policy.unknown_signer",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "550 5.7.1",
    summary: "nobody we have a reason to trust vouches for the author of the message",
    help: "See the problems in the verdict of the message: the signer is unknown, or may not speak for the address in \
           From, or From was changed on the way. Add the partner card of the signer's organisation if you know it. What happens to such mail is \
           `unknown-signer` in the `[inbound]` part of the policy.",
};

/// The message is for our key, but it cannot be opened.
pub static UNDECIPHERABLE: Code = Code {
    id: "policy.undecipherable",
    fault: Fault::Partner,
    retry: Retry::Later,
    reply: "550 5.7.5",
    summary: "the message is encrypted and cannot be opened",
    help: "Restore the old key if the message was encrypted to one (`chancery queue retry` opens it then), or send the \
           partner your current card. What happens to such mail is `undecipherable` in the `[inbound]` part of the policy.",
};

/// The message is encrypted, and none of the keys it names is ours.
pub static ENCRYPTED_TO_OTHERS: Code = Code {
    id: "policy.encrypted_to_others",
    fault: Fault::Partner,
    retry: Retry::Later,
    reply: "550 5.7.5",
    summary: "the message is encrypted to a key that this gateway does not have",
    help: "If your users hold S/MIME keys of their own, set `encrypted-to-others = \"deliver-with-warning\"` in the \
           `[inbound]` part of the policy; otherwise send the partner your current card.",
};

/// The message had to arrive encrypted and verified, and did not.
pub static NOT_PROTECTED: Code = Code {
    id: "policy.not_protected",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "550 5.7.1",
    summary: "the policy wants mail of this sender encrypted and signed, and this message is not",
    help: "Treat the message as forged until the partner confirms it by another way. Which domains must protect is \
           `require-protection-from`, what happens otherwise is `unprotected` in the `[inbound]` part of the policy.",
};

/// The message had to arrive with a verified signature, and did not.
pub static NOT_SIGNED: Code = Code {
    id: "policy.not_signed",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "550 5.7.1",
    summary: "the policy wants mail of this sender signed, and this message has no verified signature",
    help: "Treat the message as forged until the sender confirms it by another way, or change the rule that \
           `chancery explain MESSAGE-ID` names.",
};

/// All codes of this crate.
pub const CODES: &[&Code] = &[
    &NO_PARTNER,
    &KEY_EXPIRED,
    &KEY_NOT_YET_VALID,
    &KEY_UNSUITABLE,
    &KEY_REVIEW,
    &HELD_BY_RULE,
    &REJECTED_BY_RULE,
    &SIGNATURE_FAILED,
    &SIGNATURE_UNVERIFIED,
    &UNDECIPHERABLE,
    &ENCRYPTED_TO_OTHERS,
    &NOT_PROTECTED,
    &NOT_SIGNED,
];
