//! The decision for one recipient of a message that came from outside.

use chancery_fault::Code;
use serde::Serialize;

use crate::codes::{
    ENCRYPTED_TO_OTHERS, HELD_BY_RULE, NOT_PROTECTED, NOT_SIGNED, REJECTED_BY_RULE,
    SIGNATURE_FAILED, SIGNATURE_UNVERIFIED, UNDECIPHERABLE,
};
use crate::decision::{Demand, Reason, RuleReference, RuleTried, code_id, first_match};
use crate::facts::{Form, Message};
use crate::rules::{Direction, EncryptionBy, InboundAction, Policy};

/// Decides what happens to an incoming message for one recipient.
///
/// First the rules with `direction = "inbound"`, then the `[inbound]` part of the policy. A rule that demands `pass` ends
/// it; one that demands `protect` or `sign` wants the message to have arrived like that.
pub fn inbound_decide(
    policy: &Policy,
    arrival: &Arrival<'_>,
    message: &Message<'_>,
) -> InboundDecision {
    let matched = first_match(&policy.rules, Direction::Inbound, message);
    let mut reasons = Vec::new();
    if matched.rule.is_some() {
        reasons.push(matched.reason());
    }
    let demand = matched.rule.map(|rule| rule.then);
    let mut treatment = match demand {
        Some(Demand::Hold) => InboundTreatment::Hold { code: &HELD_BY_RULE },
        Some(Demand::Pass) => InboundTreatment::Deliver,
        Some(Demand::Reject) => InboundTreatment::Reject { code: &REJECTED_BY_RULE },
        Some(Demand::Protect | Demand::ProtectIfPossible | Demand::Sign) | None => {
            let found = of_arrival(policy, arrival, message, &mut reasons);
            match demand.and_then(|demand| arrival.lacks(policy, demand)) {
                None => found,
                Some(code) => {
                    reasons.push(Reason::new(code.id, code.summary));
                    reasons.extend(arrival.why_not_encrypted(policy));
                    stricter(found, InboundTreatment::of(policy.inbound.unprotected, code))
                }
            }
        }
    };
    if message.released && matches!(treatment, InboundTreatment::Hold { .. }) {
        reasons.push(Reason::new("policy.released", "an administrator has released this message"));
        treatment = InboundTreatment::DeliverWithWarning;
    }
    InboundDecision {
        policy_version: policy.version,
        recipient: message.recipient.to_owned(),
        treatment,
        rule: matched.rule.map(RuleReference::of),
        reasons,
        tried: matched.tried,
    }
}

/// What the verdict on a message says, as far as the policy asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// What opening and verifying came to.
    pub result: ArrivalResult,
    /// Whether it was encrypted to us, and by whom.
    pub encryption: ArrivalEncryption,
    /// Whether a verified signer may speak for the address in `From`.
    pub speaks_for_from: bool,
    /// The domains of the addresses in `From` and of the envelope sender.
    pub sender_domains: &'a [String],
}

/// Whether a message was encrypted to us, and by whom. Whoever reads a signed message on its way can encrypt it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrivalEncryption {
    /// It was encrypted, and the signer says that it was sent readable.
    ByOther,
    /// It was encrypted, and the signer vouches for it.
    BySigner,
    /// It was encrypted, and nothing says by whom.
    ByUnknown,
    /// It was not encrypted.
    None,
}

/// What opening and verifying a message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrivalResult {
    /// It is encrypted, and none of the keys it names is ours.
    EncryptedToOthers,
    /// Its signature or its integrity check is wrong.
    Failed,
    /// It is encrypted to us, and it cannot be opened.
    Undecipherable,
    /// It was not protected.
    Unprotected,
    /// Encrypted without a signature, or signed by nobody we trust.
    Unverified,
    /// A signature by somebody we trust is right.
    Verified,
}

/// What happens to an incoming message, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InboundDecision {
    policy_version: u32,
    recipient: String,
    treatment: InboundTreatment,
    rule: Option<RuleReference>,
    reasons: Vec<Reason>,
    tried: Vec<RuleTried>,
}

/// What the gateway does with an incoming message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum InboundTreatment {
    /// Deliver it.
    Deliver,
    /// Deliver it so that the reader sees that something is wrong.
    DeliverWithWarning,
    /// Keep it.
    Hold {
        /// Why.
        #[serde(serialize_with = "code_id")]
        code: &'static Code,
    },
    /// Refuse it.
    Reject {
        /// Why.
        #[serde(serialize_with = "code_id")]
        code: &'static Code,
    },
}

impl InboundDecision {
    /// Returns the recipient that this is about.
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// Returns what is done.
    pub fn treatment(&self) -> InboundTreatment {
        self.treatment
    }

    /// Returns the rule that matched; `None` if none did.
    pub fn rule(&self) -> Option<&RuleReference> {
        self.rule.as_ref()
    }

    /// Returns the steps that led here.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Returns every rule that was looked at, up to the one that matched.
    pub fn tried(&self) -> &[RuleTried] {
        &self.tried
    }
}

impl InboundTreatment {
    /// Returns the word used in logs, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::DeliverWithWarning => "deliver-with-warning",
            Self::Hold { .. } => "hold",
            Self::Reject { .. } => "reject",
        }
    }

    fn of(action: InboundAction, code: &'static Code) -> Self {
        match action {
            InboundAction::Deliver => Self::Deliver,
            InboundAction::DeliverWithWarning => Self::DeliverWithWarning,
            InboundAction::Hold => Self::Hold { code },
            InboundAction::Reject => Self::Reject { code },
        }
    }
}

impl Arrival<'_> {
    fn is_signed_by_sender(&self) -> bool {
        self.result == ArrivalResult::Verified && self.speaks_for_from
    }

    fn is_protected(&self, policy: &Policy) -> bool {
        let is_encrypted = match self.encryption {
            ArrivalEncryption::BySigner => true,
            ArrivalEncryption::ByUnknown => policy.inbound.encryption_by == EncryptionBy::Anybody,
            ArrivalEncryption::ByOther | ArrivalEncryption::None => false,
        };
        is_encrypted && self.is_signed_by_sender()
    }

    /// Returns what is missing for a rule's demand.
    fn lacks(&self, policy: &Policy, demand: Demand) -> Option<&'static Code> {
        match demand {
            Demand::Protect if !self.is_protected(policy) => Some(&NOT_PROTECTED),
            Demand::Sign if !self.is_signed_by_sender() => Some(&NOT_SIGNED),
            _ => None,
        }
    }

    /// Returns why an encryption does not count, if there is one.
    fn why_not_encrypted(&self, policy: &Policy) -> Option<Reason> {
        let text = match self.encryption {
            ArrivalEncryption::ByOther => "its signer sent it readable; somebody else encrypted it",
            ArrivalEncryption::ByUnknown
                if policy.inbound.encryption_by == EncryptionBy::Signer =>
            {
                "its signer does not vouch for the encryption (inbound.encryption-by)"
            }
            _ => return None,
        };
        self.is_signed_by_sender().then(|| Reason::new(NOT_PROTECTED.id, text))
    }
}

/// The `[inbound]` part of the policy; of two things that apply, the stricter one.
fn of_arrival(
    policy: &Policy,
    arrival: &Arrival<'_>,
    message: &Message<'_>,
    reasons: &mut Vec<Reason>,
) -> InboundTreatment {
    let inbound = &policy.inbound;
    let mut treatment = match arrival.result {
        ArrivalResult::Verified if arrival.speaks_for_from => {
            reasons.push(Reason::new(
                "policy.verified",
                "signed by somebody who may speak for the sender",
            ));
            InboundTreatment::Deliver
        }
        ArrivalResult::Verified => {
            reasons.push(Reason::new(
                SIGNATURE_UNVERIFIED.id,
                "the signer may not speak for the address in From",
            ));
            InboundTreatment::of(inbound.unknown_signer, &SIGNATURE_UNVERIFIED)
        }
        ArrivalResult::Unverified => found(inbound.unknown_signer, &SIGNATURE_UNVERIFIED, reasons),
        ArrivalResult::Failed => found(inbound.bad_signature, &SIGNATURE_FAILED, reasons),
        ArrivalResult::Undecipherable => found(inbound.undecipherable, &UNDECIPHERABLE, reasons),
        ArrivalResult::EncryptedToOthers => {
            found(inbound.encrypted_to_others, &ENCRYPTED_TO_OTHERS, reasons)
        }
        ArrivalResult::Unprotected => {
            let text = match message.form {
                Form::PgpEncrypted => "OpenPGP encrypted for the recipient's own mail program",
                Form::PgpSigned => "OpenPGP signed; left to the recipient's own mail program",
                Form::Plain | Form::SmimeEncrypted | Form::SmimeSigned => "not protected",
            };
            reasons.push(Reason::new("policy.unprotected", text));
            InboundTreatment::Deliver
        }
    };
    let demanding =
        arrival.sender_domains.iter().find(|domain| inbound.requires_protection_from(domain));
    if let Some(domain) = demanding.filter(|_| !arrival.is_protected(policy)) {
        reasons.extend(arrival.why_not_encrypted(policy));
        reasons.push(Reason::new(
            NOT_PROTECTED.id,
            format!("mail from {domain} must arrive encrypted and verified"),
        ));
        treatment = stricter(treatment, InboundTreatment::of(inbound.unprotected, &NOT_PROTECTED));
    }
    treatment
}

fn found(
    action: InboundAction,
    code: &'static Code,
    reasons: &mut Vec<Reason>,
) -> InboundTreatment {
    reasons.push(Reason::new(code.id, code.summary));
    InboundTreatment::of(action, code)
}

fn stricter(a: InboundTreatment, b: InboundTreatment) -> InboundTreatment {
    let rank = |treatment: &InboundTreatment| match treatment {
        InboundTreatment::Deliver => 0,
        InboundTreatment::DeliverWithWarning => 1,
        InboundTreatment::Hold { .. } => 2,
        InboundTreatment::Reject { .. } => 3,
    };
    if rank(&b) > rank(&a) { b } else { a }
}

#[cfg(test)]
mod tests;
