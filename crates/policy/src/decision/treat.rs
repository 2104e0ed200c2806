//! From what is demanded to what is done.

use chancery_fault::Code;

use super::{Demand, Reason, Treatment};
use crate::codes::{
    HELD_BY_RULE, KEY_EXPIRED, KEY_NOT_YET_VALID, KEY_REVIEW, KEY_UNSUITABLE, NO_PARTNER,
    REJECTED_BY_RULE,
};
use crate::facts::{Destination, Facts, Form, PartnerKey};
use crate::rules::{DesktopProtected, Policy, UnusablePartnerKey};

/// Returns what a demand means for this message, and notes why.
pub(super) fn treat(
    policy: &Policy,
    facts: &Facts<'_>,
    demand: Demand,
    reasons: &mut Vec<Reason>,
) -> Treatment {
    match demand {
        Demand::Hold => Treatment::Hold { code: &HELD_BY_RULE },
        Demand::Pass => Treatment::Pass,
        Demand::Protect => protect(policy, facts, reasons),
        Demand::ProtectIfPossible => protect_if_possible(policy, facts, reasons),
        Demand::Reject => Treatment::Reject { code: &REJECTED_BY_RULE },
        Demand::Sign => {
            let form = facts.message.form;
            if form != Form::Plain && policy.outbound.desktop_protected == DesktopProtected::Pass {
                reasons.push(desktop_reason(form));
                return Treatment::Pass;
            }
            Treatment::Sign
        }
    }
}

/// `protect`: there are three ways out, and none of them is readable on the way.
fn protect(policy: &Policy, facts: &Facts<'_>, reasons: &mut Vec<Reason>) -> Treatment {
    if is_encrypted_enough(policy, facts.message.form) {
        reasons.push(desktop_reason(facts.message.form));
        return Treatment::Pass;
    }
    let Destination::Outside(key) = &facts.destination else {
        reasons.push(Reason::new(
            NO_PARTNER.id,
            "the recipient is in our own domains, where no gateway could open it",
        ));
        return Treatment::Hold { code: &NO_PARTNER };
    };
    reasons.push(key.reason());
    match key.problem() {
        None => Treatment::Protect,
        Some(code) => Treatment::Hold { code },
    }
}

fn protect_if_possible(policy: &Policy, facts: &Facts<'_>, reasons: &mut Vec<Reason>) -> Treatment {
    let form = facts.message.form;
    if is_encrypted_enough(policy, form) {
        reasons.push(desktop_reason(form));
        return Treatment::Pass;
    }
    match &facts.destination {
        Destination::Internal => {
            reasons.push(Reason::new("policy.internal", "the recipient is in our own domains"));
        }
        Destination::Outside(key) => {
            reasons.push(key.reason());
            match (key, key.problem()) {
                (_, None) => return Treatment::Protect,
                (PartnerKey::NoPartner, _) => {}
                (_, Some(code))
                    if policy.outbound.unusable_partner_key == UnusablePartnerKey::Hold =>
                {
                    return Treatment::Hold { code };
                }
                (_, Some(_)) => reasons.push(Reason::new(
                    "policy.unusable_partner_key",
                    "the policy sends mail in clear when a partner's key cannot be used",
                )),
            }
        }
    }
    if form == Form::Plain {
        return Treatment::Clear;
    }
    reasons.push(desktop_reason(form));
    Treatment::Pass
}

/// A signature alone hides nothing, so only encryption counts.
fn is_encrypted_enough(policy: &Policy, form: Form) -> bool {
    form.is_encrypted() && policy.outbound.desktop_protected == DesktopProtected::Pass
}

fn desktop_reason(form: Form) -> Reason {
    let what = match form {
        Form::Plain => "not protected",
        Form::PgpEncrypted => "OpenPGP encrypted",
        Form::PgpSigned => "OpenPGP signed",
        Form::SmimeEncrypted => "S/MIME encrypted",
        Form::SmimeSigned => "S/MIME signed",
    };
    Reason::new(
        "policy.desktop_protected",
        format!("the message came {what} from the sender's own mail program"),
    )
}

impl PartnerKey {
    fn problem(&self) -> Option<&'static Code> {
        match self {
            Self::OfRecipient(_) | Self::Usable => None,
            Self::NoPartner => Some(&NO_PARTNER),
            Self::Expired => Some(&KEY_EXPIRED),
            Self::NotYetValid => Some(&KEY_NOT_YET_VALID),
            Self::Review(_) => Some(&KEY_REVIEW),
            Self::Unsuitable(_) => Some(&KEY_UNSUITABLE),
        }
    }

    fn reason(&self) -> Reason {
        let code = self.problem().map_or("policy.partner_key", |code| code.id);
        match self {
            Self::Usable => {
                Reason::new(code, "the recipient's organisation is a partner with a usable key")
            }
            Self::NoPartner => Reason::new(code, "the recipient's organisation is not a partner"),
            Self::Expired => Reason::new(code, "the partner's encryption certificate has expired"),
            Self::NotYetValid => {
                Reason::new(code, "the partner's encryption certificate is not valid yet")
            }
            Self::OfRecipient(why) => {
                Reason::new(code, format!("the recipient has a key of its own: {why}"))
            }
            Self::Review(why) => {
                Reason::new(code, format!("the recipient's keys need a decision: {why}"))
            }
            Self::Unsuitable(why) => {
                Reason::new(code, format!("the partner's key cannot be used: {why}"))
            }
        }
    }
}
