//! Entries that are about the server and not about anybody: what it can do, and which attributes there are.

use chancery_wire::ldap::{Attribute, START_TLS, SearchEntry, WHO_AM_I};

use crate::name::Bases;
use crate::selection::{Kind, Selection};

/// Returns what the server can do (RFC 4512 section 5.1).
pub(crate) fn root(
    bases: &Bases,
    offers_tls: bool,
    selection: Selection,
    named: &[String],
) -> SearchEntry {
    let mut extensions = vec![WHO_AM_I];
    if offers_tls {
        extensions.insert(0, START_TLS);
    }
    let operational = [
        ("namingContexts", bases.iter().collect()),
        ("supportedLDAPVersion", vec!["3"]),
        ("supportedExtension", extensions),
        ("supportedFeatures", vec![ALL_OPERATIONAL, ABSOLUTE_FILTERS]),
        ("subschemaSubentry", vec![SCHEMA]),
        ("vendorName", vec!["Chancery"]),
    ];
    entry("", &operational, &["top"], selection, named)
}

/// Returns the attributes that there are (RFC 4512 section 4.2), as their documents define them.
pub(crate) fn schema(selection: Selection, named: &[String]) -> SearchEntry {
    let operational = [
        ("attributeTypes", ATTRIBUTE_TYPES.to_vec()),
        ("objectClasses", OBJECT_CLASSES.to_vec()),
        ("cn", vec!["Subschema"]),
    ];
    entry(SCHEMA, &operational, &["top", "subentry", "subschema"], selection, named)
}

/// Returns the entry of a base.
pub(crate) fn suffix(base: &str, selection: Selection) -> SearchEntry {
    entry(base, &[], &["top", "extensibleObject"], selection, &[])
}

fn entry(
    name: &str,
    operational: &[(&str, Vec<&str>)],
    classes: &[&str],
    selection: Selection,
    named: &[String],
) -> SearchEntry {
    let mut attributes = Vec::new();
    let mut add = |description: &str, values: &[&str]| {
        let values = values.iter().map(|value| value.as_bytes().to_vec());
        let values = if selection.is_types_only() { Vec::new() } else { values.collect() };
        attributes.push(Attribute { description: description.to_owned(), values });
    };
    if selection.has(Kind::ObjectClass) {
        add("objectClass", classes);
    }
    for (description, values) in operational {
        let is_named = named.iter().any(|it| it.eq_ignore_ascii_case(description));
        // Strictly they are for those who name them; clients that ask for everything at once are glad to have them.
        if is_named || selection.has_operational() || selection.has_all() {
            add(description, values);
        }
    }
    SearchEntry { name: name.to_owned(), attributes }
}

const SCHEMA: &str = "cn=Subschema";
/// RFC 3673.
const ALL_OPERATIONAL: &str = "1.3.6.1.4.1.4203.1.5.1";
/// RFC 4526.
const ABSOLUTE_FILTERS: &str = "1.3.6.1.4.1.4203.1.5.3";
const ATTRIBUTE_TYPES: &[&str] = &[
    "( 2.5.4.0 NAME 'objectClass' EQUALITY objectIdentifierMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )",
    "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
    "( 2.5.4.13 NAME 'description' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
    "( 0.9.2342.19200300.100.1.3 NAME ( 'mail' 'rfc822Mailbox' ) EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{256} )",
    "( 2.5.4.36 NAME 'userCertificate' SYNTAX 1.3.6.1.4.1.1466.115.121.1.8 )",
    "( 2.5.4.37 NAME 'cACertificate' SYNTAX 1.3.6.1.4.1.1466.115.121.1.8 )",
    "( 2.5.4.38 NAME 'authorityRevocationList' SYNTAX 1.3.6.1.4.1.1466.115.121.1.9 )",
    "( 2.5.4.39 NAME 'certificateRevocationList' SYNTAX 1.3.6.1.4.1.1466.115.121.1.9 )",
    "( 2.5.4.40 NAME 'crossCertificatePair' SYNTAX 1.3.6.1.4.1.1466.115.121.1.10 )",
    "( 2.16.840.1.113730.3.1.40 NAME 'userSMIMECertificate' SYNTAX 1.3.6.1.4.1.1466.115.121.1.5 )",
    "( 1.2.840.113556.1.4.482 NAME 'calFBURL' SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )",
];
const OBJECT_CLASSES: &[&str] = &[
    "( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
    "( 1.3.6.1.4.1.1466.101.120.111 NAME 'extensibleObject' SUP top AUXILIARY )",
    "( 2.5.6.21 NAME 'pkiUser' SUP top AUXILIARY MAY userCertificate )",
    "( 2.5.6.22 NAME 'pkiCA' SUP top AUXILIARY MAY ( cACertificate $ certificateRevocationList $ authorityRevocationList $ crossCertificatePair ) )",
];
