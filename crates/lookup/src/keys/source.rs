//! What the configuration says about a source.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chancery_net::dns::secure::SecureResolver;
use chancery_net::ldap::Client;
use chancery_net::outbound::Dialer;
use chancery_wire::ldap::Template;

use super::found::Kind;

/// What is asked, and how much of it is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The sources in the order of the configuration.
    pub sources: Vec<Source>,
    /// The addresses for which answers are kept.
    pub cached: usize,
}

/// Somebody who may know certificates.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, in messages and metrics.
    pub name: Arc<str>,
    /// What it is.
    pub kind: Kind,
    /// The domains it is asked about.
    pub domains: Domains,
    /// How it is asked.
    pub how: How,
    /// For one question, with everything that belongs to it.
    pub timeout: Duration,
    /// Octets of one answer.
    pub max_octets: usize,
    /// Questions at once.
    pub parallel: usize,
    /// How long an answer with certificates may be used at most.
    pub lifetime: Duration,
    /// How long it is remembered that it has none.
    pub negative_lifetime: Duration,
    /// How long after that an answer may still be used while the source does not answer.
    pub stale: Duration,
}

/// How a source is asked.
#[derive(Clone, Debug)]
pub enum How {
    /// SMIMEA records (RFC 8162).
    Dns(SecureResolver),
    /// A certificate store on the web (RFC 4387).
    Http(Web),
    /// A directory.
    Ldap(Directory),
}

/// A directory.
#[derive(Clone)]
pub struct Directory {
    /// Speaks to its server.
    pub client: Client,
    /// The name of the entry below which it is searched.
    pub base: String,
    /// Which entries an address has.
    pub filter: Template,
    /// The attributes that are asked for; nothing else of an entry is ever read.
    pub attributes: Vec<String>,
}

/// A certificate store.
#[derive(Clone)]
pub struct Web {
    /// Makes the connections.
    pub dialer: Dialer,
    /// Where it is; or where the DNS of the address's domain says that one is.
    pub place: Place,
}

/// Where a certificate store is.
#[derive(Clone, Debug)]
pub enum Place {
    /// At this address; `uri=` and the mail address are added to it.
    At(String),
    /// Where SRV records say.
    Discovered(SecureResolver),
}

/// Domains, by patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains {
    /// These,
    pub only: Vec<Pattern>,
    /// but not these.
    pub except: Vec<Pattern>,
}

/// A domain or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// All domains.
    All,
    /// Every domain below this one.
    Below(String),
    /// This one.
    Exact(String),
}

impl Default for Settings {
    fn default() -> Self {
        Self { sources: Vec::new(), cached: 10_000 }
    }
}

impl Source {
    /// Makes a source with the usual limits.
    pub fn new(name: &str, kind: Kind, domains: Domains, how: How) -> Self {
        let is_dns = matches!(how, How::Dns(_));
        Self {
            name: name.into(),
            kind,
            domains,
            how,
            timeout: Duration::from_secs(5),
            max_octets: 1 << 20,
            parallel: 16,
            lifetime: Duration::from_secs(3600),
            negative_lifetime: Duration::from_secs(300),
            // What the DNS says ends when it says so: a record that was taken away must stop to count.
            stale: if is_dns { Duration::ZERO } else { Duration::from_secs(86_400) },
        }
    }
}

impl Domains {
    /// Returns the domains that are exactly these.
    pub fn exactly<'a>(domains: impl IntoIterator<Item = &'a String>) -> Vec<Pattern> {
        domains.into_iter().map(|domain| Pattern::Exact(domain.clone())).collect()
    }

    /// Returns true if the domain, in lower case and as A-labels, is one of them.
    pub fn contain(&self, domain: &str) -> bool {
        let any = |list: &[Pattern]| list.iter().any(|pattern| pattern.matches(domain));
        any(&self.only) && !any(&self.except)
    }
}

impl Pattern {
    /// Reads `*`, `*.acme.example` or `acme.example`; the domain is checked by `check` and brought into its normal form.
    pub fn parse(text: &str, check: impl Fn(&str) -> Option<String>) -> Option<Self> {
        match text.strip_prefix("*.") {
            Some(above) => check(above).map(Self::Below),
            None if text == "*" => Some(Self::All),
            None => check(text).map(Self::Exact),
        }
    }

    fn matches(&self, domain: &str) -> bool {
        match self {
            Self::All => true,
            Self::Below(above) => domain
                .strip_suffix(above.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty()),
            Self::Exact(own) => own == domain,
        }
    }
}

impl Directory {
    /// The filter of a directory whose entries are people or their certificates alone.
    pub const FILTER: &str = "(mail={address})";
    /// Where directories have certificates for mail (RFC 4523 section 2, RFC 2798 section 2.8). Some know the option and
    /// some do not: slapd wants it for the first and has none for the second.
    pub const ATTRIBUTES: [&str; 4] = [
        "userCertificate;binary",
        "userCertificate",
        "userSMIMECertificate;binary",
        "userSMIMECertificate",
    ];
}

impl fmt::Debug for Directory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, filter, .. } = self;
        formatter.debug_struct("Directory").field("base", base).field("filter", filter).finish()
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Web").field(&self.place).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_labels() {
        let parse = |text: &str| Pattern::parse(text, |text| Some(text.to_owned())).unwrap();
        let domains = Domains {
            only: vec![parse("acme.example"), parse("*.globex.example")],
            except: vec![parse("secret.globex.example")],
        };
        for (domain, expected) in [
            ("acme.example", true),
            ("mail.acme.example", false),
            ("notacme.example", false),
            ("globex.example", false),
            ("a.b.globex.example", true),
            (".globex.example", false),
            ("notglobex.example", false),
            ("secret.globex.example", false),
        ] {
            assert_eq!(domains.contain(domain), expected, "{domain}");
        }
        let all = Domains { only: vec![Pattern::All], except: vec![parse("acme.example")] };
        assert!(all.contain("globex.example") && !all.contain("acme.example"));
        assert!(!Domains::default().contain("acme.example"));
    }
}
