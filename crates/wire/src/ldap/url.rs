//! Addresses of directory entries: `ldap://host:port/dn?attributes?scope?filter` (RFC 4516).

use crate::ldap::{Error, Filter, Scope};

/// An address of entries in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// The connection is over TLS from its start (`ldaps`).
    pub is_tls: bool,
    /// The host; empty if the address leaves it to the reader to know a directory.
    pub host: String,
    /// The port; 389 or 636 if none is written.
    pub port: u16,
    /// The name of the entry at which the search starts.
    pub base: String,
    /// The attributes asked for; all if there is none.
    pub attributes: Vec<String>,
    /// How far the search goes.
    pub scope: Scope,
    /// Which entries it is about.
    pub filter: Filter,
}

impl Url {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_LENGTH || !text.is_ascii() {
            return Err(flaw("something that is no address is", 0));
        }
        let (is_tls, start) = match text.get(..8).map(str::to_ascii_lowercase).as_deref() {
            Some("ldaps://") => (true, 8),
            _ if text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("ldap://")) => {
                (false, 7)
            }
            _ => return Err(flaw("neither ldap nor ldaps is", 0)),
        };
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (host, port) = host_and_port(authority, if is_tls { 636 } else { 389 })
            .ok_or_else(|| flaw("no host with a port is", start))?;
        let mut fields = rest.strip_prefix('/').unwrap_or(rest).splitn(5, '?');
        let mut offset = start + end + usize::from(rest.starts_with('/'));
        let mut next = || {
            let field = fields.next().unwrap_or_default();
            let place = offset;
            offset += field.len() + 1;
            unescape(field, place)
        };
        let base = next()?;
        let attributes = next()?;
        let scope = match next()?.to_ascii_lowercase().as_str() {
            "" | "base" => Scope::Base,
            "one" => Scope::OneLevel,
            "sub" => Scope::Subtree,
            _ => return Err(flaw("an unknown scope is", start)),
        };
        let filter = match next()? {
            filter if filter.is_empty() => Filter::present("objectClass"),
            filter => Filter::parse(&filter)?,
        };
        // Section 2: what begins with an exclamation mark must be understood, and we know no extension.
        if next()?.split(',').any(|extension| extension.starts_with('!')) {
            return Err(flaw("an extension that we do not know is", start));
        }
        let attributes = attributes.split(',').filter(|it| !it.is_empty()).take(MAX_ATTRIBUTES);
        let attributes = attributes.map(str::to_owned).collect();
        Ok(Self { is_tls, host, port, base, attributes, scope, filter })
    }
}

/// Reads `host`, `host:port` or `[address]:port`.
fn host_and_port(text: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':')?)),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_host =
        |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b':');
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None => usual,
    };
    host.bytes().all(is_host).then(|| (host.to_ascii_lowercase(), port))
}

/// Replaces a per cent sign and two hexadecimal digits with their octet (RFC 3986 section 2.1).
fn unescape(text: &str, offset: usize) -> Result<String, Error> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let mut digit = || rest.next().and_then(|octet| char::from(octet).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(flaw("a per cent sign without two digits is", offset));
        };
        octets.extend(u8::try_from(high * 16 + low));
    }
    let text =
        String::from_utf8(octets).map_err(|_| flaw("something that is not UTF-8 is", offset))?;
    if text.contains('\0') { Err(flaw("a NUL is", offset)) } else { Ok(text) }
}

fn flaw(what: &'static str, offset: usize) -> Error {
    Error::Text { of: "address", what, offset }
}

/// Longer addresses are not written by anybody who wants to be found.
const MAX_LENGTH: usize = 2_048;
/// Attributes that are asked for.
const MAX_ATTRIBUTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_authorities_write_them_are_read() {
        let text = "ldap://LDAP.acme.example/cn=Acme%20CA,o=Acme,c=US?cACertificate;binary,crossCertificatePair;binary";
        let url = Url::parse(text).unwrap();
        assert_eq!((url.host.as_str(), url.port, url.is_tls), ("ldap.acme.example", 389, false));
        assert_eq!(url.base, "cn=Acme CA,o=Acme,c=US");
        assert_eq!(url.attributes, ["cACertificate;binary", "crossCertificatePair;binary"]);
        assert_eq!((url.scope, url.filter), (Scope::Base, Filter::present("objectClass")));
        // Microsoft's authorities leave the host to the reader.
        let text = "ldap:///CN=Acme,CN=AIA,DC=acme,DC=example?cACertificate?base?objectClass=certificationAuthority";
        let url = Url::parse(text).unwrap();
        assert_eq!(url.host, "");
        assert_eq!(url.filter, Filter::equal("objectClass", b"certificationAuthority"));
        let url =
            Url::parse("LDAPS://[2001:db8::7]:3269/dc=example??sub?(cn=a%2Ab%20%3f)").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.is_tls), ("2001:db8::7", 3269, true));
        assert_eq!((url.scope, url.attributes.len()), (Scope::Subtree, 0));
        assert_eq!(url.filter, Filter::parse("(cn=a*b ?)").unwrap());
        assert_eq!(Url::parse("ldap://h").unwrap().base, "");
        assert!(Url::parse("ldap://h/????x=1,bindname=cn").is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("ldap://h/{}", "a".repeat(3_000));
        for text in [
            "",
            "ldap:",
            "http://h/",
            "ldap://h:0/",
            "ldap://h:99999/",
            "ldap://h:x/",
            "ldap://u@h/",
            "ldap://h/%4",
            "ldap://h/%zz",
            "ldap://h/%ff",
            "ldap://h/%00",
            "ldap://h/??deep",
            "ldap://h/???(cn",
            "ldap://h/????!x",
            "ldap://ä/",
            "ldap://[::1/",
            &long,
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
