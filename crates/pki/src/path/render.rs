//! An answer for people: text for terminals. For programs it is [`Serialize`](serde::Serialize), see `json.rs`.

use std::collections::BTreeSet;
use std::fmt;

use const_oid::ObjectIdentifier;

use crate::extension::ANY_POLICY;
use crate::name::printable;
use crate::path::answer::{Answer, Attempt, InForce, Missing, Step, Wanted};
use crate::path::{Outcome, Rule};
use crate::{revocation, time};

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = &self.asked;
        let outcome = self.outcome.text();
        write!(
            formatter,
            "{outcome}: <{}>, for {}",
            self.target().unwrap_or_default(),
            asked.purpose.text()
        )?;
        if let Some(address) = &asked.address {
            write!(formatter, ", for {}", printable(address))?;
        }
        writeln!(formatter, ", at {}", time::text(asked.at))?;
        write!(formatter, "\n{}", self.path)?;
        if self.outcome == Outcome::Trusted {
            writeln!(formatter, "policies: {}", policies(&self.path.user_policies))?;
            if let Some(end) = self.path.expiry() {
                writeln!(formatter, "ends first: {}, {}", end.what, time::text(end.at))?;
            }
        }
        for (number, other) in self.others.iter().enumerate() {
            write!(formatter, "\nother path {}\n{other}", number + 1)?;
        }
        if !self.missing.is_empty() {
            writeln!(formatter, "\nmissing")?;
            for missing in &self.missing {
                writeln!(formatter, "  {missing}")?;
            }
        }
        if let Some(limit) = self.exhausted {
            writeln!(formatter, "\nthe search ended at its limit of {limit}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.steps.iter().enumerate() {
            writeln!(formatter, "  {depth}  {step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    /// The certificate, what does not hold of it, and what it puts in force; without the last line end.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificate = &self.certificate;
        let anchor = if self.is_anchor { " (anchor)" } else { "" };
        let (subject, serial) = (certificate.subject(), certificate.serial_hex());
        write!(formatter, "<{subject}>{anchor} serial {serial}")?;
        for failure in self.failures() {
            write!(formatter, "\n     FAILS: {} ({})", failure.detail, failure.clause)?;
        }
        let held = self.checks.iter().filter(|check| check.failure.is_none());
        let held: Vec<&str> = held.map(|check| check.rule.held()).collect();
        write!(formatter, "\n     holds: {}", held.join(", "))?;
        if let Some(revocation) = &self.revocation {
            // What held is summed up above; JSON has it all. That one piece of evidence tells nothing that another did not
            // tell before says nothing about the certificate.
            let is_told = |step: &&revocation::Step| {
                !step.holds
                    && (step.rule != revocation::Rule::Reasons || revocation.status.is_unknown())
            };
            for step in revocation.steps.iter().filter(is_told) {
                write!(formatter, "\n     revocation: {step}")?;
            }
        }
        for line in self.in_force.lines() {
            write!(formatter, "\n     in force: {line}")?;
        }
        Ok(())
    }
}

impl InForce {
    /// Returns what limits the certificates below, as short sentences.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let is_any = |it: &crate::path::ValidPolicy| it.policy == ANY_POLICY;
        if !self.policies.iter().any(is_any) && !self.policies.is_empty() {
            let text = self.policies.iter().map(|it| {
                let expected: Vec<String> = it.expected.iter().map(policy).collect();
                let same = it.expected == [it.policy];
                if same {
                    policy(&it.policy)
                } else {
                    format!("{} (as {})", policy(&it.policy), expected.join(", "))
                }
            });
            lines.push(format!("policies {}", text.collect::<Vec<_>>().join(", ")));
        }
        for authority in &self.constrained_by {
            let limits = authority.extensions().name_constraints.as_ref();
            let (permitted, excluded) =
                limits.map_or((0, 0), |limits| (limits.permitted.len(), limits.excluded.len()));
            lines.push(format!(
                "name constraints of <{}>: {permitted} permitted, {excluded} excluded",
                authority.subject()
            ));
        }
        lines
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Wanted::Issuer { name, .. } => {
                write!(formatter, "a certificate of <{name}>, who issued <{}>", self.of.subject())?;
            }
            Wanted::IssuedBy => {
                write!(formatter, "what <{}> issued", self.of.subject())?;
            }
            Wanted::Delta => {
                write!(formatter, "a delta list about <{}>", self.of.subject())?;
            }
            Wanted::Revocation { .. } => {
                write!(formatter, "a list or response about <{}>", self.of.subject())?;
            }
        }
        for url in &self.urls {
            write!(formatter, "\n    {}", printable(url))?;
        }
        Ok(())
    }
}

impl Answer {
    /// Returns the subject of the certificate in question.
    fn target(&self) -> Option<String> {
        self.path.steps.last().map(|step| step.certificate.subject())
    }
}

impl Rule {
    /// Returns what is so when the rule holds, in a word or two.
    fn held(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Algorithm => "algorithm",
            Self::BasicConstraints => "is an authority",
            Self::Budget => "budget",
            Self::Expired => "not ended",
            Self::ExtendedKeyUsage => "extended key usage",
            Self::KeyCertSign => "may sign certificates",
            Self::KeyUsage => "key usage",
            Self::NameConstraints => "names permitted",
            Self::NoAnchor => "anchored",
            Self::NotYetValid => "begun",
            Self::PathLength => "path length",
            Self::Policy => "policy",
            Self::PolicyMapping => "policy mapping",
            Self::RevocationUnknown => "revocation known",
            Self::Revoked => "not revoked",
            Self::Signature => "signature",
            Self::UnknownCriticalExtension => "critical extensions known",
        }
    }
}

impl Outcome {
    fn text(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Stranger => "stranger",
            Self::Trusted => "trusted",
        }
    }
}

fn policies(set: &BTreeSet<ObjectIdentifier>) -> String {
    if set.is_empty() {
        return "none".to_owned();
    }
    set.iter().map(policy).collect::<Vec<_>>().join(", ")
}

fn policy(policy: &ObjectIdentifier) -> String {
    if *policy == ANY_POLICY { "any".to_owned() } else { policy.to_string() }
}
