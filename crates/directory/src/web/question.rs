//! What a request asks for: one full mail address, or an authority. Everything else is refused.

use chancery_wire::http::{Request, Status, decode};

use super::shelf::{Attribute, Key};
use crate::question::Wanted;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// The certificates of all authorities in one bundle.
    Authorities,
    /// Certificates of authorities, by one of their hashes.
    Authority(Key),
    /// The newest revocation list of an authority.
    List(Key),
    /// What is published of a mailbox.
    Mailbox {
        /// Which.
        wanted: Wanted,
        /// How it is sent.
        form: Form,
    },
}

/// How the certificates of a mailbox are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As a message that signs nothing.
    Bundle,
    /// As a store does.
    Store,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: Status,
    pub(super) text: &'static str,
}

/// Reads what is asked for; `store_path` is where the store is besides its usual place.
pub(super) fn read(request: &Request, store_path: &str) -> Result<Question, Refusal> {
    let path = request.path.as_str();
    let query = request.query.as_deref().unwrap_or_default();
    if path == LISTS {
        return list(query);
    }
    if path == AUTHORITIES {
        return Ok(Question::Authorities);
    }
    if path == store_path || path == STORE {
        return store(query);
    }
    let name = path.strip_prefix(BUNDLES).and_then(|name| name.strip_suffix(".p7c"));
    let name = name.ok_or(NO_PLACE)?;
    let wanted = decode(name).and_then(|name| Wanted::read(name.as_bytes()));
    Ok(Question::Mailbox { wanted: wanted.ok_or(NOT_AN_ADDRESS)?, form: Form::Bundle })
}

/// Reads a query of a certificate store (RFC 4387 section 2). Pairs that nobody knows are passed over; those that are
/// known must all ask for the same.
fn store(query: &str) -> Result<Question, Refusal> {
    let mut asked = None;
    for (name, value) in pairs(query) {
        let question = if ADDRESSES.contains(&name) {
            let wanted = decode(value).and_then(|value| Wanted::read(value.as_bytes()));
            Question::Mailbox { wanted: wanted.ok_or(NOT_AN_ADDRESS)?, form: Form::Store }
        } else if let Some(attribute) = Attribute::named(name) {
            Question::Authority(key(attribute, value)?)
        } else {
            continue;
        };
        match &asked {
            Some(other) if *other != question => return Err(NOT_AN_ADDRESS),
            _ => asked = Some(question),
        }
    }
    asked.ok_or(NOT_AN_ADDRESS)
}

/// Reads a query of a store of revocation lists (section 2.2).
fn list(query: &str) -> Result<Question, Refusal> {
    let mut known = pairs(query).filter_map(|(name, value)| {
        let attribute = Attribute::named(name)?;
        let is_of_lists = matches!(attribute, Attribute::Issuer | Attribute::SubjectKey);
        is_of_lists.then_some((attribute, value))
    });
    let (attribute, value) = known.next().ok_or(NOT_A_HASH)?;
    key(attribute, value).map(Question::List)
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('='))
}

/// Reads a hash; anything but digits of base64 is refused (section 2.1).
fn key(attribute: Attribute, value: &str) -> Result<Key, Refusal> {
    let value = decode(value).ok_or(NOT_A_HASH)?;
    let value = match attribute {
        Attribute::Name => value.replace('+', " "),
        _ => value,
    };
    Key::read(attribute, &value).ok_or(NOT_A_HASH)
}

/// The one text for everything that is no address, so that nothing is learned from it.
const NOT_AN_ADDRESS: Refusal = Refusal {
    status: Status::BadRequest,
    text: "this store finds certificates of full mail addresses only, such as ?uri=ann@acme.example\n",
};
const NOT_A_HASH: Refusal =
    Refusal { status: Status::BadRequest, text: "that is no hash in base64 of an authority\n" };
const NO_PLACE: Refusal = Refusal { status: Status::NotFound, text: "there is nothing here\n" };
/// RFC 4387 section 2.2, and the name that section 2.5.1 permits beside it.
const ADDRESSES: &[&str] = &["uri", "email"];
/// RFC 4387 section 3.3.
const STORE: &str = "/certificates/search.cgi";
const LISTS: &str = "/crls/search.cgi";
/// Ours: certificates of one address.
const BUNDLES: &str = "/certificates/";
const AUTHORITIES: &str = "/authorities.p7c";

#[cfg(test)]
mod tests {
    use chancery_wire::http::{self, Head};
    use proptest::prelude::*;

    use super::*;

    fn ask(target: &str) -> Result<Question, Status> {
        match http::read(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes()) {
            Head::Whole(request) => read(&request, "/search.cgi").map_err(|it| it.status),
            other => panic!("{target}: {other:?}"),
        }
    }

    fn address(target: &str) -> String {
        match ask(target) {
            Ok(Question::Mailbox { wanted, .. }) => wanted.key,
            other => panic!("{target}: {other:?}"),
        }
    }

    #[test]
    fn full_addresses_are_read() {
        for (target, key) in [
            ("/search.cgi?uri=ann@acme.example", "ann@acme.example"),
            ("/search.cgi?email=Ann%40ACME.example", "ann@acme.example"),
            ("/search.cgi?x-y=z&uri=a%2Bb@acme.example", "a+b@acme.example"),
            ("/search.cgi?uri=a+b@acme.example", "a+b@acme.example"),
            ("/search.cgi?uri=a@b.example&email=a%40b.example", "a@b.example"),
            ("/certificates/search.cgi?uri=ann@acme.example", "ann@acme.example"),
            ("/certificates/ann%40acme.example.p7c", "ann@acme.example"),
        ] {
            assert_eq!(address(target), key, "{target}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for target in [
            "/search.cgi",
            "/search.cgi?",
            "/search.cgi?uri=",
            "/search.cgi?uri",
            "/search.cgi?uri=ann",
            "/search.cgi?uri=@acme.example",
            "/search.cgi?uri=ann@",
            "/search.cgi?uri=%00ann@acme.example",
            "/search.cgi?uri=ann@acme.example%00",
            "/search.cgi?uri=ann%c0%40acme.example",
            "/search.cgi?uri=ann%4@acme.example",
            "/search.cgi?uri=ann@acme.example,bob@acme.example",
            "/search.cgi?uri=ann@acme.example&uri=bob@acme.example",
            "/search.cgi?uri=ann@acme.example&name=Acme",
            "/search.cgi?URI=ann@acme.example",
            "/search.cgi?serialNumber=1",
            "/search.cgi?iHash=abc",
            "/search.cgi?certHash=*",
            "/crls/search.cgi?uri=ann@acme.example",
            "/crls/search.cgi?sHash=AAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "/certificates/ann.p7c",
            "/certificates/..%2fauthorities.p7c",
        ] {
            assert_eq!(ask(target), Err(Status::BadRequest), "{target}");
        }
        for target in ["/", "/search.cgi/", "/Search.cgi?uri=a@b.example", "/certificates/"] {
            assert_eq!(ask(target), Err(Status::NotFound), "{target}");
        }
    }

    #[test]
    fn hashes_ask_for_authorities() {
        for name in ["certHash", "sHash", "iHash", "iAndSHash", "sKIDHash"] {
            let asked = ask(&format!("/search.cgi?{name}=AAAAAAAAAAAAAAAAAAAAAAAAAA%2B"));
            assert!(matches!(asked, Ok(Question::Authority(_))), "{name}: {asked:?}");
        }
        assert!(matches!(ask("/search.cgi?name=Acme+CA"), Ok(Question::Authority(_))));
        let list = ask("/crls/search.cgi?iHash=AAAAAAAAAAAAAAAAAAAAAAAAAAA");
        assert!(matches!(list, Ok(Question::List(_))), "{list:?}");
    }

    proptest! {
        #[test]
        fn whoever_is_asked_for_was_named_in_full(
            query in "(uri|email|iHash|name|x)=[a-z@%.*&=0-9+]{0,30}"
        ) {
            if let Ok(Question::Mailbox { wanted, .. }) = ask(&format!("/search.cgi?{query}")) {
                let mut named = pairs(&query).filter_map(|(_, value)| decode(value));
                let is_it = |value: String| value.to_lowercase() == wanted.key;
                prop_assert!(named.any(is_it), "{} {}", query, wanted.key);
            }
        }
    }
}
