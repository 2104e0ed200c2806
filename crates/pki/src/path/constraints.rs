//! Name constraints: the names that an authority may give (RFC 5280 section 4.2.1.10, RFC 9549, RFC 9598).

use std::borrow::Cow;

use crate::certificate::Certificate;
use crate::extension::NameConstraints;
use crate::name::{AlternativeName, DistinguishedName, printable};
use crate::path::Rule;

/// How a name and a constraint relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A name of a certificate.
enum Name<'a> {
    Subject(&'a DistinguishedName),
    /// An address in the subject (RFC 5280 section 4.1.2.6).
    SubjectEmail(&'a str),
    Alternative(&'a AlternativeName),
}

/// Checks every name of a certificate against the constraints of one authority, or of the trust in the anchor; stops at the first that breaks them.
///
/// RFC 5280 gathers the constraints of all authorities and then looks whether a name lies in their intersection; to ask
/// each authority for itself comes to the same, and tells whose constraint was broken.
pub(super) fn check(
    limits: &NameConstraints,
    by: Option<&Certificate>,
    certificate: &Certificate,
    budget: &mut u32,
) -> Option<(Rule, String)> {
    let of = || {
        by.map_or("of the trust in its anchor".to_owned(), |by| format!("of <{}>", by.subject()))
    };
    if limits.has_distances {
        let by = of();
        let detail =
            format!("is below name constraints with distances {by}, which cannot be evaluated");
        return Some((Rule::NameConstraints, detail));
    }
    let cost = u32::try_from(limits.permitted.len() + limits.excluded.len()).unwrap_or(u32::MAX);
    if cost == 0 {
        return None;
    }
    for name in names(certificate) {
        let Some(rest) = budget.checked_sub(cost) else {
            *budget = 0;
            let detail = "has too many names, or is below too many name constraints, to evaluate";
            return Some((Rule::Budget, detail.to_owned()));
        };
        *budget = rest;
        if let Some(why) = broken(limits, &name) {
            let detail = format!("has {}, which {why} {}", name.text(), of());
            return Some((Rule::NameConstraints, detail));
        }
    }
    None
}

/// Returns whether an authority may give mail names only, and this address among them; `None` if it may give any.
pub(super) fn permits_mail(authority: &Certificate, address: &str) -> Option<bool> {
    let limits = authority.extensions().name_constraints.as_ref()?;
    let is_mail = |base: &&AlternativeName| matches!(base, AlternativeName::Email(_));
    let name = AlternativeName::Email(address.to_owned());
    let mut bases = limits.permitted.iter().filter(is_mail).peekable();
    bases.peek()?;
    Some(bases.any(|base| relation(base, &name) == Relation::Inside))
}

/// Returns every name that constraints apply to: the subject, its old addresses and all alternative names.
fn names(certificate: &Certificate) -> impl Iterator<Item = Name<'_>> {
    let subject = certificate.subject_name();
    let emails = subject.emails().iter().map(|email| Name::SubjectEmail(email));
    let whole = (!subject.is_empty()).then_some(Name::Subject(subject));
    emails.chain(whole).chain(certificate.alternative_names().iter().map(Name::Alternative))
}

/// Returns how the name breaks the constraints, if it does.
fn broken(limits: &NameConstraints, name: &Name<'_>) -> Option<&'static str> {
    // To lie in one of the permitted trees is enough, whatever the others are.
    let mut why = None;
    for base in &limits.permitted {
        match name.relation(base) {
            Relation::Inside => {
                why = None;
                break;
            }
            Relation::Outside => why = why.or(Some("is outside the permitted names")),
            Relation::Unknown => why = Some("cannot be compared with the name constraints"),
            Relation::Unrelated => {}
        }
    }
    if why.is_some() {
        return why;
    }
    for base in &limits.excluded {
        match name.relation(base) {
            Relation::Inside => return Some("is among the excluded names"),
            Relation::Unknown => return Some("cannot be compared with the name constraints"),
            Relation::Outside if name.may_reach(base) => return Some("covers excluded names"),
            Relation::Outside | Relation::Unrelated => {}
        }
    }
    None
}

impl Name<'_> {
    fn relation(&self, base: &AlternativeName) -> Relation {
        match (self, base) {
            (Self::Subject(name), AlternativeName::Directory(base)) => subtree(base, name),
            (Self::SubjectEmail(name), AlternativeName::Email(base)) => mailbox(base, name),
            (Self::Alternative(name), base) => relation(base, name),
            _ => Relation::Unrelated,
        }
    }

    /// Returns true for `*.example.com` if `base` is a host below it: the name stands for that one too.
    fn may_reach(&self, base: &AlternativeName) -> bool {
        let (Self::Alternative(AlternativeName::Dns(name)), AlternativeName::Dns(base)) =
            (self, base)
        else {
            return false;
        };
        name.strip_prefix("*.")
            .is_some_and(|parent| is_host_within(parent, base.trim_start_matches('.')))
    }

    fn text(&self) -> Cow<'static, str> {
        let text = |what: &str, value: &str| Cow::Owned(format!("the {what} {}", printable(value)));
        match self {
            Self::Subject(name) => Cow::Owned(format!("the name <{name}>")),
            Self::Alternative(AlternativeName::Directory(name)) => {
                Cow::Owned(format!("the name <{name}>"))
            }
            Self::SubjectEmail(address) => text("address", address),
            Self::Alternative(AlternativeName::Email(address)) => text("address", address),
            Self::Alternative(AlternativeName::Dns(name)) => text("host name", name),
            Self::Alternative(AlternativeName::Uri(url)) => text("URI", url),
            Self::Alternative(AlternativeName::Upn(name)) => text("user principal name", name),
            Self::Alternative(AlternativeName::Ip(_)) => "an IP address".into(),
            Self::Alternative(AlternativeName::OtherName(kind)) => {
                Cow::Owned(format!("a name of the kind {kind}"))
            }
            Self::Alternative(AlternativeName::Other(_)) => "a name of an unusual form".into(),
        }
    }
}

fn relation(base: &AlternativeName, name: &AlternativeName) -> Relation {
    match (base, name) {
        (AlternativeName::Directory(base), AlternativeName::Directory(name)) => subtree(base, name),
        (AlternativeName::Dns(base), AlternativeName::Dns(name)) => host(base, name),
        (AlternativeName::Email(base), AlternativeName::Email(name)) => mailbox(base, name),
        // No RFC says how these are constrained; Microsoft, whose names they are, writes the domain with or without @.
        (AlternativeName::Upn(base), AlternativeName::Upn(name)) => {
            mailbox(base.strip_prefix('@').unwrap_or(base), name)
        }
        (AlternativeName::Ip(base), AlternativeName::Ip(name)) => network(base, name),
        (AlternativeName::Uri(base), AlternativeName::Uri(name)) => uri(base, name),
        (AlternativeName::OtherName(base), AlternativeName::OtherName(name)) if base == name => {
            Relation::Unknown
        }
        (AlternativeName::Other(base), AlternativeName::Other(name)) if base == name => {
            Relation::Unknown
        }
        _ => Relation::Unrelated,
    }
}

fn inside(is_inside: bool) -> Relation {
    if is_inside { Relation::Inside } else { Relation::Outside }
}

/// A directory name and all below it.
fn subtree(base: &DistinguishedName, name: &DistinguishedName) -> Relation {
    name.is_within(base).map_or(Relation::Unknown, inside)
}

/// A host name and all below it.
fn host(base: &str, name: &str) -> Relation {
    // RFC 5280 section 4.2.1.10 has no `.domain` for host names. Everybody takes it for the hosts below; whether the domain
    // itself is meant is not known. Nor is what a name with a dot at its end would be compared as.
    match base.strip_prefix('.') {
        _ if !is_plain_host(name) || !is_host_base(base) => Relation::Unknown,
        Some(domain) if domain.eq_ignore_ascii_case(name) => Relation::Unknown,
        Some(domain) => inside(is_host_within(domain, name)),
        None => inside(is_host_within(base, name)),
    }
}

/// A mailbox, a host, or `.domain` for every host below it.
fn mailbox(base: &str, name: &str) -> Relation {
    let Some((local, host)) = name.rsplit_once('@') else { return Relation::Unknown };
    // An @ in a local part is in quotes (RFC 5321 section 4.1.2); otherwise programs differ in where the host begins.
    let is_quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    if local.is_empty() || local.contains('@') && !is_quoted || !is_plain_host(host) {
        return Relation::Unknown;
    }
    match base.rsplit_once('@') {
        // RFC 5280 section 7.5: the local part counts letter by letter, the domain without case.
        Some((base_local, base_host)) if !base_local.is_empty() && is_written_host(base_host) => {
            inside(base_local == local && base_host.eq_ignore_ascii_case(host))
        }
        None if is_host_base(base) => inside(is_host(base, host)),
        _ => Relation::Unknown,
    }
}

/// The host of a URI against a host, or `.domain` for every host below it.
fn uri(base: &str, name: &str) -> Relation {
    // RFC 5280 section 4.2.1.10: a URI without a host name must be rejected.
    let host = host_of(name).filter(|_| is_host_base(base));
    host.map_or(Relation::Unknown, |host| inside(is_host(base, host)))
}

/// Returns the host of a URI if it is a name (RFC 3986 section 3.2).
fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    // What RFC 3986 does not allow there is read by each program in its own way.
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~%!$&'()*+,;=:@[]".contains(c);
    if !authority.chars().all(is_allowed) || authority.matches('@').count() > 1 {
        return None;
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let is_address =
        host.starts_with('[') || host.split('.').all(|label| label.parse::<u8>().is_ok());
    let is_unclear = host.is_empty() || host.ends_with('.') || host.contains('%');
    (!is_unclear && !is_address).then_some(host)
}

/// `.domain` is every host below it, anything else that host alone; nothing is every host.
fn is_host(base: &str, host: &str) -> bool {
    if base.starts_with('.') {
        host.len() > base.len() && ends_with(host, base)
    } else {
        base.is_empty() || base.eq_ignore_ascii_case(host)
    }
}

/// A name with labels added on the left satisfies the constraint.
fn is_host_within(base: &str, name: &str) -> bool {
    let is_below = name.len() > base.len() && ends_with(name, base) && {
        let head = name.get(..name.len() - base.len()).unwrap_or_default();
        head.ends_with('.')
    };
    base.is_empty() || base.eq_ignore_ascii_case(name) || is_below
}

/// A host as an authority writes it in a constraint, with or without a dot in front, or nothing for all. What is none, such
/// as `*.acme.example`, an address in brackets or a URI, was meant to say something: it must not exclude nobody.
fn is_host_base(base: &str) -> bool {
    base.is_empty() || is_written_host(base.strip_prefix('.').unwrap_or(base))
}

fn is_written_host(host: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || !c.is_ascii();
    is_plain_host(host) && host.chars().all(|c| c == '.' || is_part(c))
}

/// Labels with dots between; what has none at a side is compared by each program in its own way (RFC 1034 section 3.5).
fn is_plain_host(name: &str) -> bool {
    name.split('.').all(|label| !label.is_empty() && !label.contains(char::is_whitespace))
}

/// Address and mask, of the same family.
fn network(base: &[u8], name: &[u8]) -> Relation {
    if !matches!(base.len(), 8 | 32) || !matches!(name.len(), 4 | 16) {
        return Relation::Unknown;
    }
    let (network, mask) = base.split_at(base.len() / 2);
    let bits = network.iter().zip(mask).zip(name);
    inside(
        network.len() == name.len()
            && bits.clone().all(|((network, mask), byte)| network & mask == byte & mask),
    )
}

fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start.and_then(|start| text.get(start..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_own_rule() {
        use AlternativeName::{Dns, Email, Ip, Upn, Uri};

        let (inside, outside, unknown) = (Relation::Inside, Relation::Outside, Relation::Unknown);
        let form = |make: fn(String) -> AlternativeName| move |text: &str| make(text.to_owned());
        let (dns, email, uri, upn) = (form(Dns), form(Email), form(Uri), form(Upn));
        let ip = |bytes: &[u8]| Ip(bytes.to_vec());
        let network = ip(&[192, 0, 2, 0, 255, 255, 255, 0]);
        for (base, name, expected) in [
            (dns("acme.example"), dns("acme.example"), inside),
            (dns("acme.example"), dns("MAIL.Acme.Example"), inside),
            (dns("acme.example"), dns("notacme.example"), outside),
            (dns(".acme.example"), dns("mail.acme.example"), inside),
            (dns(".acme.example"), dns("acme.example"), unknown),
            (dns(".acme.example"), dns("notacme.example"), outside),
            (dns("acme.example"), dns("acme.example."), unknown),
            (dns("acme.example"), dns(".acme.example"), unknown),
            (dns("acme.example"), dns("www..acme.example"), unknown),
            (dns("acme.example"), dns(""), unknown),
            (dns("acme.example"), dns("*.acme.example"), inside),
            (dns(""), dns("anything.example"), inside),
            (email("acme.example"), email("alice@ACME.example"), inside),
            (email("acme.example"), email("alice@mail.acme.example"), outside),
            (email(".acme.example"), email("alice@mail.acme.example"), inside),
            (email(".acme.example"), email("alice@acme.example"), outside),
            (email("alice@acme.example"), email("alice@acme.EXAMPLE"), inside),
            (email("alice@acme.example"), email("Alice@acme.example"), outside),
            (email("acme.example"), email("no address"), unknown),
            (email("acme.example"), email("\"alice@home\"@acme.example"), inside),
            (email("acme.example"), email("alice@globex.example@acme.example"), unknown),
            (email(".acme.example"), email("alice@.acme.example"), unknown),
            (email("acme.example"), email("@acme.example"), unknown),
            (email(""), email("alice@acme.example."), unknown),
            (uri("acme.example"), uri("https://acme.example/x"), inside),
            (uri("acme.example"), uri("https://user@acme.example:8443?x"), inside),
            (uri("acme.example"), uri("https://www.acme.example/"), outside),
            (uri(".acme.example"), uri("ldap://www.acme.example/cn=x"), inside),
            (uri(".acme.example"), uri("https://acme.example/"), outside),
            // Without a host name a URI must be rejected (RFC 5280 section 4.2.1.10).
            (uri("acme.example"), uri("https://192.0.2.1/"), unknown),
            (uri("acme.example"), uri("https://[2001:db8::1]/"), unknown),
            (uri("acme.example"), uri("urn:isbn:1"), unknown),
            (uri("acme.example"), uri("https://"), unknown),
            // Programs differ in what they take for the host here.
            (uri("acme.example"), uri("https://globex.example\\@acme.example/"), unknown),
            (uri("acme.example"), uri("https://x@globex.example@acme.example/"), unknown),
            (uri("acme.example"), uri("https://acme.example./"), unknown),
            (uri("acme.example"), uri("https://%61cme.example/"), unknown),
            // What an authority wrote wrongly excludes nobody by itself.
            (email("@acme.example"), email("alice@acme.example"), unknown),
            (email("acme.example."), email("alice@acme.example"), unknown),
            (email("*.acme.example"), email("alice@mail.acme.example"), unknown),
            (email("<alice@acme.example>"), email("alice@acme.example"), unknown),
            (email("alice@acme.example "), email("alice@acme.example"), unknown),
            (email("acme .example"), email("alice@globex.example"), unknown),
            (email("acme\0.example"), email("alice@acme.example"), unknown),
            (email("büro.example"), email("alice@büro.example"), inside),
            (dns("*.acme.example"), dns("mail.acme.example"), unknown),
            (dns(" acme.example"), dns("acme.example"), unknown),
            (uri("https://acme.example/"), uri("https://acme.example/"), unknown),
            (uri("acme.example:443"), uri("https://acme.example/"), unknown),
            (uri("acme.example."), uri("https://acme.example/"), unknown),
            (upn("acme.example"), upn("alice@acme.example"), inside),
            (upn("@acme.example"), upn("alice@acme.example"), inside),
            (upn("acme.example"), upn("alice@globex.example"), outside),
            (network.clone(), ip(&[192, 0, 2, 99]), inside),
            (network.clone(), ip(&[192, 0, 3, 99]), outside),
            (network.clone(), ip(&[0; 16]), outside),
            (network, ip(&[1, 2, 3]), unknown),
            (ip(&[192, 0, 2, 0]), ip(&[192, 0, 2, 0]), unknown),
            (AlternativeName::Other(8), AlternativeName::Other(8), unknown),
            (AlternativeName::Other(8), AlternativeName::Other(5), Relation::Unrelated),
            (dns("acme.example"), email("alice@acme.example"), Relation::Unrelated),
        ] {
            assert_eq!(relation(&base, &name), expected, "{name} under {base}");
        }
    }

    #[test]
    fn one_permitted_tree_is_enough() {
        let dns = |name: &str| AlternativeName::Dns(name.to_owned());
        let limits = |permitted: &[&str]| NameConstraints {
            permitted: permitted.iter().map(|name| dns(name)).collect(),
            ..NameConstraints::default()
        };
        let is_broken =
            |limits: &NameConstraints| broken(limits, &Name::Alternative(&dns("acme.example")));
        // What a leading dot means for the domain itself is not known; the other tree is clear.
        for both in [["acme.example", ".acme.example"], [".acme.example", "acme.example"]] {
            assert_eq!(is_broken(&limits(&both)), None);
        }
        assert!(is_broken(&limits(&[".acme.example", "globex.example"])).is_some());
        assert!(is_broken(&limits(&["globex.example"])).is_some());
    }

    #[test]
    fn a_wildcard_does_not_cover_what_is_excluded() {
        let dns = |name: &str| AlternativeName::Dns(name.to_owned());
        let limits = NameConstraints {
            permitted: vec![dns("acme.example")],
            excluded: vec![dns("secret.acme.example")],
            has_distances: false,
        };
        for (name, is_broken) in [
            ("www.acme.example", false),
            ("www.secret.acme.example", true),
            ("*.acme.example", true),
            ("*.www.acme.example", false),
        ] {
            let name = dns(name);
            assert_eq!(broken(&limits, &Name::Alternative(&name)).is_some(), is_broken, "{name}");
        }
    }
}
