//! Name constraints: the names that an authority may give (RFC 5280 section 4.2.1.10).

use crate::certificate::Certificate;
use crate::extension::NameConstraints;
use crate::name::AlternativeName;
use crate::path::rules::failure;
use crate::path::{Failure, Rule};

/// How a name and a constraint relate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// The name lies within the constraint.
    Inside,
    /// They are of the same form and the name lies outside.
    Outside,
    /// They are of different forms and say nothing about each other.
    Unrelated,
    /// They are of the same form, but one of them cannot be evaluated.
    Unknown,
}

/// Checks the certificates below an authority against its constraints; stops at the first name that breaks them.
pub(super) fn check(authority: &Certificate, below: &[&Certificate]) -> Option<Failure> {
    let constraints = authority.extensions().name_constraints.as_ref()?;
    if constraints.has_distances {
        let detail = "has name constraints with a minimum or maximum, which cannot be evaluated";
        return Some(failure(authority, Rule::NameConstraints, detail));
    }
    let mut budget = MAX_COMPARISONS;
    for (index, certificate) in below.iter().enumerate() {
        // RFC 5280 section 6.1.3 (b): a self-issued certificate is exempt, unless it is the target.
        if index > 0 && certificate.is_self_issued() {
            continue;
        }
        for name in names(certificate) {
            let cost = constraints.permitted.len() + constraints.excluded.len();
            let Some(rest) = budget.checked_sub(cost) else {
                return Some(failure(
                    authority,
                    Rule::Budget,
                    "has too many name constraints to evaluate",
                ));
            };
            budget = rest;
            if let Some(why) = broken(constraints, &name) {
                let detail =
                    format!("has {}, which {why} of <{}>", describe(&name), authority.subject());
                return Some(failure(certificate, Rule::NameConstraints, detail));
            }
        }
    }
    None
}

/// Returns every name that constraints apply to: the subject, its old addresses and all alternative names.
fn names(certificate: &Certificate) -> Vec<AlternativeName> {
    let subject = certificate.subject_name();
    let mut names: Vec<AlternativeName> =
        subject.emails().iter().cloned().map(AlternativeName::Email).collect();
    if !subject.is_empty() {
        names.push(AlternativeName::Directory(subject.clone()));
    }
    names.extend(certificate.alternative_names().iter().cloned());
    names
}

/// Returns how the name breaks the constraints, if it does.
fn broken(constraints: &NameConstraints, name: &AlternativeName) -> Option<&'static str> {
    let mut is_limited = false;
    let mut is_permitted = false;
    for base in &constraints.permitted {
        match relation(base, name) {
            Relation::Inside => (is_limited, is_permitted) = (true, true),
            Relation::Outside => is_limited = true,
            Relation::Unknown => return Some("cannot be compared with the name constraints"),
            Relation::Unrelated => {}
        }
    }
    if is_limited && !is_permitted {
        return Some("is outside the permitted names");
    }
    for base in &constraints.excluded {
        match relation(base, name) {
            Relation::Inside => return Some("is among the excluded names"),
            Relation::Unknown => return Some("cannot be compared with the name constraints"),
            Relation::Outside | Relation::Unrelated => {}
        }
    }
    None
}

fn relation(base: &AlternativeName, name: &AlternativeName) -> Relation {
    let inside = |is_inside: bool| if is_inside { Relation::Inside } else { Relation::Outside };
    match (base, name) {
        (AlternativeName::Directory(base), AlternativeName::Directory(name)) => {
            inside(name.is_within(base))
        }
        (AlternativeName::Dns(base), AlternativeName::Dns(name)) => {
            inside(is_host_within(base, name))
        }
        (AlternativeName::Email(base), AlternativeName::Email(name)) => email_relation(base, name),
        (AlternativeName::Ip(base), AlternativeName::Ip(name)) => ip_relation(base, name),
        (AlternativeName::Uri(_), AlternativeName::Uri(_)) => Relation::Unknown,
        (AlternativeName::Other(base), AlternativeName::Other(name)) if base == name => {
            Relation::Unknown
        }
        _ => Relation::Unrelated,
    }
}

/// A mailbox, a host, or `.domain` for every host below it.
fn email_relation(base: &str, name: &str) -> Relation {
    let Some((local, host)) = name.rsplit_once('@') else { return Relation::Unknown };
    let is_inside = if let Some((base_local, base_host)) = base.rsplit_once('@') {
        base_local == local && base_host.eq_ignore_ascii_case(host)
    } else if base.starts_with('.') {
        ends_with(host, base) && host.len() > base.len()
    } else {
        base.is_empty() || base.eq_ignore_ascii_case(host)
    };
    if is_inside { Relation::Inside } else { Relation::Outside }
}

/// A name with labels added on the left satisfies the constraint; a leading dot, though not in the RFC, means the same.
fn is_host_within(base: &str, name: &str) -> bool {
    let base = base.strip_prefix('.').unwrap_or(base);
    let is_below = name.len() > base.len() && ends_with(name, base) && {
        let head = name.get(..name.len() - base.len()).unwrap_or_default();
        head.ends_with('.')
    };
    base.is_empty() || base.eq_ignore_ascii_case(name) || is_below
}

/// Address and mask, of the same family.
fn ip_relation(base: &[u8], name: &[u8]) -> Relation {
    if base.len() != 8 && base.len() != 32 {
        return Relation::Unknown;
    }
    let (network, mask) = base.split_at(base.len() / 2);
    if network.len() != name.len() {
        return Relation::Outside;
    }
    let matches = network
        .iter()
        .zip(mask)
        .zip(name)
        .all(|((network, mask), byte)| network & mask == byte & mask);
    if matches { Relation::Inside } else { Relation::Outside }
}

fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start.and_then(|start| text.get(start..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

fn describe(name: &AlternativeName) -> String {
    match name {
        AlternativeName::Directory(name) => format!("the name <{name}>"),
        AlternativeName::Dns(name) => format!("the host name {}", crate::name::printable(name)),
        AlternativeName::Email(address) => {
            format!("the address {}", crate::name::printable(address))
        }
        AlternativeName::Ip(_) => "an IP address".to_owned(),
        AlternativeName::Other(_) => "a name of an unusual form".to_owned(),
        AlternativeName::Uri(_) => "a URI".to_owned(),
    }
}

/// Names times constraints. Each is bounded by the size of a certificate only, so that two certificates of 128 kB could
/// ask for a hundred million comparisons; real ones ask for a few thousand.
const MAX_COMPARISONS: usize = 250_000;
