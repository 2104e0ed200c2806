//! Patterns for addresses, domains and header values.

/// A text with `*` (any run of characters) and `?` (any one character), compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    pattern: Vec<char>,
}

/// A domain as the policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DomainPattern {
    /// This domain and nothing else.
    Exact(String),
    /// With `*` or `?` somewhere else than a leading `*.`.
    Glob(Glob),
    /// Everything below this domain: `.globex.example` or `*.globex.example`.
    Below(String),
}

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        let mut folded: Vec<char> = pattern.chars().flat_map(char::to_lowercase).collect();
        folded.dedup_by(|a, b| *a == '*' && *b == '*');
        Self { pattern: folded }
    }

    /// Returns true if the whole text fits.
    ///
    /// The text is hostile: on a mismatch the scan goes back to the last star only, so that the work is at most
    /// pattern length times text length and never exponential.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        let (mut in_pattern, mut in_text) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while let Some(&c) = text.get(in_text) {
            match self.pattern.get(in_pattern) {
                Some('*') => {
                    star = Some((in_pattern + 1, in_text));
                    in_pattern += 1;
                }
                Some(&p) if p == '?' || p == c => {
                    in_pattern += 1;
                    in_text += 1;
                }
                _ => match star {
                    Some((after_star, tried)) => {
                        star = Some((after_star, tried + 1));
                        in_pattern = after_star;
                        in_text = tried + 1;
                    }
                    None => return false,
                },
            }
        }
        self.pattern.get(in_pattern..).is_some_and(|rest| rest.iter().all(|&p| p == '*'))
    }
}

impl DomainPattern {
    /// Reads a pattern; `None` if it is no domain.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(parent) = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'))
            && !parent.contains(['*', '?'])
        {
            return checked_domain(without_dot(parent)).map(Self::Below);
        }
        let text = without_dot(text);
        if text.contains(['*', '?']) {
            let allowed = |c: char| c.is_alphanumeric() || matches!(c, '*' | '?' | '.' | '-' | '_');
            let is_good = text.len() <= LONGEST_DOMAIN && text.chars().all(allowed);
            return is_good.then(|| Self::Glob(Glob::new(text)));
        }
        checked_domain(text).map(Self::Exact)
    }

    pub(crate) fn matches(&self, domain: &str) -> bool {
        let domain = normal_domain(domain);
        match self {
            Self::Exact(ours) => *ours == domain,
            Self::Glob(glob) => !domain.is_empty() && glob.matches(&domain),
            Self::Below(parent) => domain
                .strip_suffix(parent.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|sub| !sub.is_empty()),
        }
    }
}

/// Returns the domain in lower case, as A-labels (RFC 5890), without a final dot.
///
/// Without this a rule for `müller.example` would miss mail to `xn--mller-kva.example`, which is the same place.
pub(crate) fn normal_domain(domain: &str) -> String {
    let domain = without_dot(domain);
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

/// Returns the address with its domain normal and needless quotes of the local part gone; the case of the local part stays
/// because patterns ignore it anyway.
///
/// `"bob"@globex.example` and `bob@globex.example` are one mailbox (RFC 5321 section 4.1.2); a rule must not tell them
/// apart.
pub(crate) fn normal_address(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return address.to_owned();
    };
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let local = match quoted {
        Some(inside) => unescaped(inside),
        None => local.to_owned(),
    };
    format!("{local}@{}", normal_domain(domain))
}

/// Returns the pattern of an address with its domain normal when it holds no wildcard.
pub(crate) fn address_glob(pattern: &str) -> Glob {
    match pattern.rsplit_once('@') {
        Some((_, domain)) if !domain.contains(['*', '?']) => Glob::new(&normal_address(pattern)),
        _ => Glob::new(pattern),
    }
}

/// Returns the normal form of a domain, lower case and as A-labels; `None` if it is none by RFC 1035 section 2.3.4 and
/// RFC 5890.
pub fn checked_domain(text: &str) -> Option<String> {
    let domain = idna::domain_to_ascii(text).ok()?;
    let label_is_good = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (domain.len() <= LONGEST_DOMAIN && domain.split('.').all(label_is_good)).then_some(domain)
}

/// Returns the domain without the dot that may end an absolute one (RFC 1034 section 3.1).
fn without_dot(domain: &str) -> &str {
    domain.strip_suffix('.').unwrap_or(domain)
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.extend(characters.next()),
            other => out.push(other),
        }
    }
    out
}

/// RFC 1035 section 2.3.4, without the length octet of the root.
const LONGEST_DOMAIN: usize = 253;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn globs_match_the_whole_text_without_case() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("*[geheim]*", "Re: [GEHEIM] Plan", true),
            ("?ob@*", "Bob@globex.example", true),
            ("?ob@*", "ob@globex.example", false),
            ("**a**", "xxaxx", true),
            ("ÄRGER", "ärger", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn hostile_text_costs_little() {
        let glob = Glob::new("*a*a*a*a*a*a*a*a*b");
        assert!(!glob.matches(&"a".repeat(100_000)));
    }

    #[test]
    fn domain_patterns_bind_at_label_borders() {
        for (pattern, domain, expected) in [
            ("globex.example", "Globex.Example", true),
            ("globex.example", "globex.example.", true),
            ("globex.example", "mail.globex.example", false),
            ("globex.example", "notglobex.example", false),
            (".globex.example", "mail.globex.example", true),
            (".globex.example", "globex.example", false),
            ("*.globex.example", "a.b.globex.example", true),
            ("*.globex.example", "notglobex.example", false),
            ("*.globex.example", ".globex.example", false),
            ("globex.*", "globex.test", true),
            ("*", "anything.example", true),
            ("*", "", false),
            ("müller.example", "xn--mller-kva.example", true),
            ("xn--mller-kva.example", "MÜLLER.example", true),
        ] {
            assert_eq!(
                DomainPattern::parse(pattern).unwrap().matches(domain),
                expected,
                "{pattern} on {domain}"
            );
        }
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            "-a.example",
            "a b.example",
            "bob@globex.example",
            "*.",
            "a/b*",
            &"a".repeat(64),
        ] {
            assert_eq!(DomainPattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_have_one_spelling() {
        for (address, expected) in [
            ("bob@Globex.Example", "bob@globex.example"),
            ("\"bob\"@globex.example", "bob@globex.example"),
            ("\"b\\ob\"@globex.example.", "bob@globex.example"),
            ("\"a@b\"@globex.example", "a@b@globex.example"),
            ("postmaster", "postmaster"),
        ] {
            assert_eq!(normal_address(address), expected);
        }
    }

    proptest! {
        #[test]
        fn a_text_fits_itself_as_a_pattern(text in "[^*?]*") {
            prop_assert!(Glob::new(&text).matches(&text));
        }

        #[test]
        fn no_input_panics(pattern in any::<String>(), text in any::<String>()) {
            Glob::new(&pattern).matches(&text);
            if let Some(domain) = DomainPattern::parse(&pattern) {
                domain.matches(&text);
            }
            normal_address(&text);
        }
    }
}
