//! The checked policy: rules in their order, each with its conditions, and what holds when none matches.

use crate::decision::Demand;
use crate::document::Mistake;
use crate::facts::{Envelope, Form, Label, Message, Sensitivity};
use crate::pattern::{DomainPattern, Glob};

/// A policy file that was read without a mistake.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) version: u32,
    pub(crate) rules: Vec<Rule>,
    pub(crate) outbound: OutboundPolicy,
    pub(crate) inbound: InboundPolicy,
    pub(crate) warnings: Vec<Mistake>,
}

/// What holds for all outgoing mail, whatever rule matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundPolicy {
    /// Whether a recipient is asked for a key that mail waits for.
    pub ask_for_key: AskForKey,
    /// Whether encryption by the user's own mail program is enough.
    pub desktop_protected: DesktopProtected,
    /// Whose key is encrypted to where both the recipient and its organisation have one.
    pub encrypt_to: EncryptTo,
    /// What `protect-if-possible` does for a partner whose key cannot be used.
    pub unusable_partner_key: UnusablePartnerKey,
}

/// Whether a recipient is asked for a key that mail waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskForKey {
    /// Never.
    Never,
    /// Once in thirty days, whatever else waits for it.
    Once,
}

/// Whether encryption by the user's own mail program satisfies a demand for protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DesktopProtected {
    /// It does: the message leaves with its bytes unchanged.
    Pass,
    /// It does not: the gateway protects it once more.
    Wrap,
}

/// Whose key is encrypted to where both the recipient and its organisation have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptTo {
    /// The organisation's; the recipient's where the organisation has none that can be used.
    Organisation,
    /// The organisation's and no other.
    OrganisationOnly,
    /// The recipient's, if it is as sure as the partner's card: issued by us, imported or trusted by an administrator, or
    /// from a directory that we or the partner run. Then the organisation's, and then the recipient's from anywhere else.
    Recipient,
}

/// What `protect-if-possible` does when there is a partner and its key is expired, not yet valid or unsuitable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusablePartnerKey {
    /// The message leaves as it is.
    Clear,
    /// The message waits for a new key: a partner who was promised protection does not lose it silently.
    Hold,
}

/// What happens to incoming mail that no rule decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundPolicy {
    /// The signature or the integrity check is wrong.
    pub bad_signature: InboundAction,
    /// Encrypted, and none of the keys it names is ours.
    pub encrypted_to_others: InboundAction,
    /// Whose encryption meets a demand for protection.
    pub encryption_by: EncryptionBy,
    /// Whose requests for signed receipts are answered.
    pub receipts: Receipts,
    /// Domains whose mail must arrive encrypted and verified.
    pub(crate) require_protection_from: Vec<DomainPattern>,
    /// Encrypted to us, and it cannot be opened.
    pub undecipherable: InboundAction,
    /// Signed correctly by nobody we trust.
    pub unknown_signer: InboundAction,
    /// A domain of `require-protection-from` sent it without.
    pub unprotected: InboundAction,
}

/// Whose encryption of incoming mail meets a demand for protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionBy {
    /// Also that of an unknown hand, who may have read the message before; most mail programs do not say who encrypted.
    Anybody,
    /// Only one that the signer vouches for.
    Signer,
}

/// Whose requests for signed receipts are answered (RFC 2634 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipts {
    /// Nobody's.
    Never,
    /// Those of verified messages that are delivered.
    Verified,
}

/// What to do with an incoming message that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundAction {
    /// Deliver it; the result field tells what was found.
    Deliver,
    /// Deliver it with a warning that the reader sees.
    DeliverWithWarning,
    /// Keep it until an administrator decides.
    Hold,
    /// Refuse it.
    Reject,
}

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) when: Conditions,
    pub(crate) then: Demand,
    pub(crate) reason: Option<String>,
}

/// The conditions of one rule; all must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) directions: Directions,
    pub(crate) sender: Vec<Glob>,
    pub(crate) recipient: Vec<Glob>,
    pub(crate) sender_domain: Vec<DomainPattern>,
    pub(crate) recipient_domain: Vec<DomainPattern>,
    pub(crate) size_over: Option<u64>,
    pub(crate) size_under: Option<u64>,
    pub(crate) headers: Vec<HeaderCondition>,
    pub(crate) sensitivity: Vec<Sensitivity>,
    pub(crate) desktop: Vec<Desktop>,
    pub(crate) labels: Vec<LabelCondition>,
}

/// The ways a message can go; a rule that names none is about outgoing mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Directions {
    pub(crate) inbound: bool,
    pub(crate) internal: bool,
    pub(crate) outbound: bool,
}

/// The way one message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Inbound,
    Internal,
    Outbound,
}

/// What is known of a rule before the message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It does not match, whatever comes.
    No,
    /// It depends on what comes.
    Unknown,
    /// It matches, whatever comes.
    Yes,
}

/// A field that must be there, with a value that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderCondition {
    pub(crate) name: String,
    /// Empty: any value.
    pub(crate) matches: Vec<Glob>,
}

/// A security label that the signer must have put on the message (RFC 2634 section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelCondition {
    /// The policy as an object identifier with dots; none for any.
    pub(crate) policy: Option<String>,
    /// The lowest classification that fits.
    pub(crate) at_least: Option<u64>,
    /// Empty: any mark, or none.
    pub(crate) marks: Vec<Glob>,
}

/// What the user's own mail program did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Desktop {
    Encrypted,
    None,
    Signed,
}

impl Policy {
    /// Returns what the author should know although the file is valid, such as a rule that can never match.
    pub fn warnings(&self) -> &[Mistake] {
        &self.warnings
    }

    /// Returns the version of the policy language that the file is written in.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Returns what holds for all outgoing mail.
    pub fn outbound(&self) -> &OutboundPolicy {
        &self.outbound
    }

    /// Returns what holds for incoming mail.
    pub fn inbound(&self) -> &InboundPolicy {
        &self.inbound
    }
}

impl Default for Policy {
    /// Returns the policy of an empty file: protect whenever possible.
    fn default() -> Self {
        Self {
            version: 1,
            rules: Vec::new(),
            outbound: OutboundPolicy::default(),
            inbound: InboundPolicy::default(),
            warnings: Vec::new(),
        }
    }
}

impl Default for OutboundPolicy {
    fn default() -> Self {
        Self {
            ask_for_key: AskForKey::Once,
            desktop_protected: DesktopProtected::Pass,
            encrypt_to: EncryptTo::Recipient,
            unusable_partner_key: UnusablePartnerKey::Hold,
        }
    }
}

impl Default for InboundPolicy {
    fn default() -> Self {
        Self {
            bad_signature: InboundAction::DeliverWithWarning,
            encrypted_to_others: InboundAction::Hold,
            encryption_by: EncryptionBy::Anybody,
            receipts: Receipts::Never,
            require_protection_from: Vec::new(),
            undecipherable: InboundAction::Hold,
            unknown_signer: InboundAction::Deliver,
            unprotected: InboundAction::Hold,
        }
    }
}

impl InboundPolicy {
    /// Returns true if mail from this domain must arrive encrypted and verified.
    pub fn requires_protection_from(&self, domain: &str) -> bool {
        self.require_protection_from.iter().any(|pattern| pattern.matches(domain))
    }
}

impl Directions {
    pub(crate) const OUTBOUND: Self = Self { inbound: false, internal: false, outbound: true };

    pub(crate) fn has(self, direction: Direction) -> bool {
        match direction {
            Direction::Inbound => self.inbound,
            Direction::Internal => self.internal,
            Direction::Outbound => self.outbound,
        }
    }

    /// Returns true if every direction of `other` is one of ours.
    pub(crate) fn covers(self, other: Self) -> bool {
        (self.inbound || !other.inbound)
            && (self.internal || !other.internal)
            && (self.outbound || !other.outbound)
    }
}

impl Direction {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Internal => "internal",
            Self::Outbound => "outbound",
        }
    }
}

impl Desktop {
    fn of(form: Form) -> Self {
        if form.is_encrypted() {
            Self::Encrypted
        } else if form.is_signed_only() {
            Self::Signed
        } else {
            Self::None
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::None => "none",
            Self::Signed => "signed",
        }
    }
}

impl Conditions {
    /// Returns what the envelope alone says about this rule.
    pub(crate) fn fit_of_envelope(&self, direction: Direction, envelope: &Envelope<'_>) -> Fit {
        if self.mismatch_of_envelope(direction, envelope.sender, envelope.recipient).is_some() {
            return Fit::No;
        }
        // What is announced as too large is too large; what is announced as small may turn out otherwise.
        let is_over = |limit| envelope.announced_size.is_some_and(|size| size > limit);
        let is_settled = self.size_over.is_none_or(is_over)
            && self.size_under.is_none()
            && self.headers.is_empty()
            && self.sensitivity.is_empty()
            && self.desktop.is_empty()
            && self.labels.is_empty();
        if is_settled { Fit::Yes } else { Fit::Unknown }
    }

    /// Returns why the message does not fit; `None` if it does.
    ///
    /// The text never quotes a header value: it goes to the decision record, which more people may read than the mail.
    pub(crate) fn mismatch(
        &self,
        direction: Direction,
        message: &Message<'_>,
        then: Demand,
    ) -> Option<String> {
        self.mismatch_of_envelope(direction, message.sender, message.recipient)
            .or_else(|| self.mismatch_of_content(message, then))
    }

    fn mismatch_of_envelope(
        &self,
        direction: Direction,
        sender: &str,
        recipient: &str,
    ) -> Option<String> {
        let (sender, recipient) = (Address::of(sender), Address::of(recipient));
        if !self.directions.has(direction) {
            return Some(format!("direction: this message is {}", direction.as_str()));
        }
        if !self.sender.is_empty() && !self.sender.iter().any(|glob| glob.matches(&sender.text)) {
            return Some(format!("sender: {} does not fit", shown(&sender.text)));
        }
        if !self.sender_domain.is_empty()
            && !self.sender_domain.iter().any(|one| one.matches(sender.domain()))
        {
            return Some(format!("sender-domain: {} does not fit", shown(sender.domain())));
        }
        if !self.recipient.is_empty()
            && !self.recipient.iter().any(|glob| glob.matches(&recipient.text))
        {
            return Some(format!("recipient: {} does not fit", shown(&recipient.text)));
        }
        if !self.recipient_domain.is_empty()
            && !self.recipient_domain.iter().any(|one| one.matches(recipient.domain()))
        {
            return Some(format!("recipient-domain: {} does not fit", shown(recipient.domain())));
        }
        None
    }

    fn mismatch_of_content(&self, message: &Message<'_>, then: Demand) -> Option<String> {
        if let Some(limit) = self.size_over.filter(|limit| message.size <= *limit) {
            return Some(format!("size-over: {} octets are not over {limit}", message.size));
        }
        if let Some(limit) = self.size_under.filter(|limit| message.size >= *limit) {
            return Some(format!("size-under: {} octets are not under {limit}", message.size));
        }
        if !self.sensitivity.is_empty() && !self.sensitivity.contains(&message.sensitivity) {
            return Some(format!(
                "sensitivity: this message is marked {}",
                message.sensitivity.as_str()
            ));
        }
        let desktop = Desktop::of(message.form);
        if !self.desktop.is_empty() && !self.desktop.contains(&desktop) {
            return Some(format!("desktop: this message has {}", desktop.as_str()));
        }
        if !self.labels.is_empty() && !LabelCondition::any_fits(&self.labels, message, then) {
            return Some(match message.labels.len() {
                0 => "label: this message has none".to_owned(),
                count => format!("label: none of {count} fits"),
            });
        }
        self.headers.iter().find_map(|condition| condition.mismatch(message, then))
    }

    /// Returns true if nothing but the direction is asked.
    pub(crate) fn is_unconditional(&self) -> bool {
        *self == Self { directions: self.directions, ..Self::any() }
    }

    pub(crate) fn any() -> Self {
        Self {
            directions: Directions::OUTBOUND,
            sender: Vec::new(),
            recipient: Vec::new(),
            sender_domain: Vec::new(),
            recipient_domain: Vec::new(),
            size_over: None,
            size_under: None,
            headers: Vec::new(),
            sensitivity: Vec::new(),
            desktop: Vec::new(),
            labels: Vec::new(),
        }
    }
}

impl LabelCondition {
    /// Returns true if one label meets one condition. What cannot be read fits a demand that is careful, as it does for
    /// headers.
    fn any_fits(conditions: &[Self], message: &Message<'_>, then: Demand) -> bool {
        let is_careful = matches!(then, Demand::Hold | Demand::Protect | Demand::Reject);
        message.labels.iter().any(|label| match label {
            Label::Unreadable => is_careful,
            Label::Readable { policy, classification, mark } => conditions.iter().any(|it| {
                it.policy.as_ref().is_none_or(|wanted| wanted == policy)
                    && it.at_least.is_none_or(|least| classification.is_some_and(|it| it >= least))
                    && (it.marks.is_empty()
                        || it.marks.iter().any(|glob| glob.matches(mark.trim())))
            }),
        })
    }
}

impl HeaderCondition {
    fn mismatch(&self, message: &Message<'_>, then: Demand) -> Option<String> {
        let is_careful = matches!(then, Demand::Hold | Demand::Protect | Demand::Reject);
        let values = (message.header)(&self.name);
        if values.is_empty() {
            return Some(format!("header: there is no {} field", self.name));
        }
        let fits = self.matches.is_empty()
            || values.iter().any(|value| {
                is_careful && !value.is_whole
                    || self.matches.iter().any(|glob| glob.matches(value.text.trim()))
            });
        (!fits).then(|| format!("header: no {} field fits", self.name))
    }
}

/// An address in the one spelling that patterns are compared with.
struct Address {
    text: String,
    domain_at: usize,
}

impl Address {
    fn of(address: &str) -> Self {
        if address.is_empty() || address == "<>" {
            return Self { text: "<>".to_owned(), domain_at: 2 };
        }
        let text = crate::pattern::normal_address(address);
        let domain_at = text.rfind('@').map_or(text.len(), |at| at + 1);
        Self { text, domain_at }
    }

    fn domain(&self) -> &str {
        self.text.get(self.domain_at..).unwrap_or_default()
    }
}

/// Returns text from outside in a form that is safe to show and store.
fn shown(text: &str) -> String {
    const LONGEST: usize = 320; // an address of 64 + 1 + 255 octets (RFC 5321 section 4.5.3.1)
    if text.is_empty() {
        return "nothing".to_owned();
    }
    text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
