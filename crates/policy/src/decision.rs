//! The decision for one recipient of an outgoing message, with every reason for it.

mod treat;

use chancery_fault::Code;
use serde::{Serialize, Serializer};

use crate::facts::{Destination, Envelope, Facts, Message};
use crate::rules::{Direction, Fit, Policy, Rule};

/// Decides what happens to an outgoing message for one recipient.
///
/// The first rule that matches says what is demanded; if none does, the demand is [`Demand::ProtectIfPossible`].
pub fn decide(policy: &Policy, facts: &Facts<'_>) -> Decision {
    let direction = match facts.destination {
        Destination::Internal => Direction::Internal,
        Destination::Outside(_) => Direction::Outbound,
    };
    let matched = first_match(&policy.rules, direction, &facts.message);
    let demand = matched.rule.map_or(Demand::ProtectIfPossible, |rule| rule.then);
    let mut reasons = vec![matched.reason()];
    let treatment = treat::treat(policy, facts, demand, &mut reasons);
    let is_stopped = matches!(treatment, Treatment::Hold { .. } | Treatment::Reject { .. });
    Decision {
        policy_version: policy.version,
        recipient: facts.message.recipient.to_owned(),
        demand,
        treatment,
        // A notice about a notice could loop for ever (RFC 3464 section 2, RFC 5321 section 4.5.5).
        notify_sender: is_stopped && !facts.message.is_null_sender(),
        rule: matched.rule.map(RuleReference::of),
        reasons,
        tried: matched.tried,
    }
}

/// Decides about a request for a key, which the gateway itself writes to a recipient: it has nothing of anybody's message in
/// it, must be readable for whoever has no key yet, and is signed.
pub fn decide_request(policy: &Policy, recipient: &str) -> Decision {
    let why = "the gateway asks the recipient for a key; nothing of a message is in it";
    Decision {
        policy_version: policy.version,
        recipient: recipient.to_owned(),
        demand: Demand::Sign,
        treatment: Treatment::Sign,
        notify_sender: false,
        rule: None,
        reasons: vec![Reason::new("policy.key_request", why)],
        tried: Vec::new(),
    }
}

/// Returns the rule that refuses this recipient of an outgoing message whatever its content will be.
///
/// `None` means no more than that the content has to be seen: a rule that stands before the refusing one asks for it,
/// or nothing refuses. Then [`decide`] speaks once the message is there.
pub fn refuses_envelope(policy: &Policy, envelope: &Envelope<'_>) -> Option<RuleReference> {
    for rule in &policy.rules {
        match rule.when.fit_of_envelope(Direction::Outbound, envelope) {
            Fit::No => {}
            Fit::Unknown => return None,
            Fit::Yes => return (rule.then == Demand::Reject).then(|| RuleReference::of(rule)),
        }
    }
    None
}

/// What the policy wants for one recipient, and what that means for this message.
///
/// ```compile_fail,E0451
/// // Nobody else can make one up.
/// # use chancery_policy::*;
/// # fn steal(honest: Decision) -> Decision {
/// Decision { treatment: Treatment::Clear, ..honest }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    policy_version: u32,
    recipient: String,
    demand: Demand,
    treatment: Treatment,
    notify_sender: bool,
    rule: Option<RuleReference>,
    reasons: Vec<Reason>,
    tried: Vec<RuleTried>,
}

/// What a rule demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// Keep the message until an administrator decides.
    Hold,
    /// Send it on with the bytes it came with.
    Pass,
    /// Encrypt and sign; hold it as long as that is impossible.
    Protect,
    /// Encrypt and sign for partners; others get it as it is.
    ProtectIfPossible,
    /// Refuse it.
    Reject,
    /// Sign it so that everybody can read it.
    Sign,
}

/// What the gateway does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Treatment {
    /// Send it readable: there is no partner to protect it for.
    Clear,
    /// Keep it.
    Hold {
        /// Why.
        #[serde(serialize_with = "code_id")]
        code: &'static Code,
    },
    /// Send it on with the bytes it came with: the policy says so, or it is protected already.
    Pass,
    /// Encrypt and sign.
    Protect,
    /// Refuse it.
    Reject {
        /// Why.
        #[serde(serialize_with = "code_id")]
        code: &'static Code,
    },
    /// Sign it so that everybody can read it.
    Sign,
}

/// One step of the way to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// A stable name, `area.cause`; a code of [`crate::CODES`] when it is what stops the message.
    pub code: &'static str,
    /// A sentence for people: lower case, no full stop.
    pub text: String,
}

/// A rule of the policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleReference {
    /// Its name.
    pub name: String,
    /// Its line in the file.
    pub line: usize,
    /// The reason that its author gave, for the sender to read.
    pub reason: Option<String>,
}

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleTried {
    /// Its name.
    pub rule: String,
    /// Its line in the file.
    pub line: usize,
    /// Why it does not match; `None` if it does.
    pub mismatch: Option<String>,
}

/// The permission to let one message leave readable for one recipient.
///
/// The writer of outgoing mail takes either protected mail or one of these, so that mail which must be protected has no
/// way out that a forgotten check could open. Only [`Decision::clear_permit`] makes one:
///
/// ```compile_fail,E0451
/// use chancery_policy::{ClearKind, ClearPermit};
/// let forged = ClearPermit { recipient: String::new(), kind: ClearKind::Clear };
/// ```
///
/// and it cannot be copied for a second message:
///
/// ```compile_fail,E0599
/// # fn twice(permit: chancery_policy::ClearPermit) {
/// let again = permit.clone();
/// # }
/// ```
///
/// or read from a file or a database row:
///
/// ```compile_fail,E0277
/// fn needs<T: serde::de::DeserializeOwned>() {}
/// needs::<chancery_policy::ClearPermit>();
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit is for the writer of outgoing mail"]
pub struct ClearPermit {
    recipient: String,
    kind: ClearKind,
}

/// How a message may leave readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClearKind {
    /// As it is, because there is no partner to protect it for.
    Clear,
    /// With the bytes it came with, because the policy says so or it is protected already.
    Pass,
    /// With our signature.
    Sign,
}

impl Decision {
    /// Returns the recipient that this is about.
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// Returns what the policy demands.
    pub fn demand(&self) -> Demand {
        self.demand
    }

    /// Returns what is done.
    pub fn treatment(&self) -> Treatment {
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

    /// Returns true if the sender is to be told; never for the null sender.
    pub fn notify_sender(&self) -> bool {
        self.notify_sender
    }

    /// Returns the permission to send this message readable; `None` if it must be protected or stopped.
    pub fn clear_permit(&self) -> Option<ClearPermit> {
        let kind = match self.treatment {
            Treatment::Clear => ClearKind::Clear,
            Treatment::Pass => ClearKind::Pass,
            Treatment::Sign => ClearKind::Sign,
            Treatment::Hold { .. } | Treatment::Protect | Treatment::Reject { .. } => return None,
        };
        Some(ClearPermit { recipient: self.recipient.clone(), kind })
    }
}

impl ClearPermit {
    /// Returns the only recipient that it holds for.
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// Returns how the message may leave.
    pub fn kind(&self) -> ClearKind {
        self.kind
    }
}

impl Demand {
    /// Returns the word used in the policy file, in logs and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Pass => "pass",
            Self::Protect => "protect",
            Self::ProtectIfPossible => "protect-if-possible",
            Self::Reject => "reject",
            Self::Sign => "sign",
        }
    }
}

impl Treatment {
    /// Returns the word used in logs, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Hold { .. } => "hold",
            Self::Pass => "pass",
            Self::Protect => "protect",
            Self::Reject { .. } => "reject",
            Self::Sign => "sign",
        }
    }
}

impl RuleReference {
    pub(crate) fn of(rule: &Rule) -> Self {
        Self { name: rule.name.clone(), line: rule.line, reason: rule.reason.clone() }
    }
}

impl Reason {
    pub(crate) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// The outcome of going through the rules.
pub(crate) struct Matched<'p> {
    pub(crate) rule: Option<&'p Rule>,
    pub(crate) tried: Vec<RuleTried>,
}

/// Goes through the rules in their order up to the first that matches.
///
/// A message that an administrator has released is past every `hold` rule; the next rule that matches counts.
pub(crate) fn first_match<'p>(
    rules: &'p [Rule],
    direction: Direction,
    message: &Message<'_>,
) -> Matched<'p> {
    let mut tried = Vec::new();
    for rule in rules {
        let mismatch = match rule.when.mismatch(direction, message, rule.then) {
            None if rule.then == Demand::Hold && message.released => {
                Some("an administrator has released this message".to_owned())
            }
            mismatch => mismatch,
        };
        let has_matched = mismatch.is_none();
        tried.push(RuleTried { rule: rule.name.clone(), line: rule.line, mismatch });
        if has_matched {
            return Matched { rule: Some(rule), tried };
        }
    }
    Matched { rule: None, tried }
}

impl Matched<'_> {
    pub(crate) fn reason(&self) -> Reason {
        match self.rule {
            Some(rule) => Reason::new(
                "policy.rule",
                format!(
                    "rule \"{}\" in line {} demands {}",
                    rule.name,
                    rule.line,
                    rule.then.as_str()
                ),
            ),
            None => Reason::new("policy.no_rule", "no rule matches"),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes every field by reference")]
pub(crate) fn code_id<S: Serializer>(
    code: &&'static Code,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.id)
}

#[cfg(test)]
mod tests;
