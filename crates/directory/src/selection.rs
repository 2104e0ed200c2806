//! Which attributes of an entry a client wants (RFC 4511 section 4.5.1.8).

/// The attributes that our entries may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `authorityRevocationList;binary`.
    AuthorityRevocationList,
    /// `cACertificate;binary`.
    AuthorityCertificate,
    /// `calFBURL` (RFC 2739).
    Calendar,
    /// `userCertificate;binary`.
    Certificate,
    /// `crossCertificatePair;binary`.
    CrossPair,
    /// `description`.
    Description,
    /// `mail`.
    Mail,
    /// `cn`.
    Name,
    /// `objectClass`.
    ObjectClass,
    /// `certificateRevocationList;binary`.
    RevocationList,
    /// `userSMIMECertificate`.
    SmimeCertificate,
}

/// What a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    kinds: u16,
    operational: bool,
    /// `userSMIMECertificate` was asked for without `;binary`, and so it is answered: Outlook knows it so.
    plain_smime: bool,
    types_only: bool,
}

impl Selection {
    /// Reads the list of a search.
    pub(crate) fn read<'a>(
        attributes: impl IntoIterator<Item = &'a str>,
        types_only: bool,
    ) -> Self {
        let mut selection = Self { types_only, ..Self::default() };
        let mut is_empty = true;
        for attribute in attributes {
            is_empty = false;
            selection.add(attribute);
        }
        if is_empty {
            selection.kinds = u16::MAX;
        }
        selection
    }

    /// Returns true if the attribute is wanted.
    pub(crate) fn has(self, kind: Kind) -> bool {
        self.kinds & bit(kind) != 0
    }

    /// Returns true if attributes that tell about the server are wanted.
    pub(crate) fn has_operational(self) -> bool {
        self.operational
    }

    /// Returns true if everything is wanted that is for users.
    pub(crate) fn has_all(self) -> bool {
        self.kinds == u16::MAX
    }

    /// Returns true if only the names of attributes are wanted.
    pub(crate) fn is_types_only(self) -> bool {
        self.types_only
    }

    /// Returns what an attribute is called in the answer.
    pub(crate) fn description(self, kind: Kind) -> &'static str {
        match kind {
            Kind::AuthorityRevocationList => "authorityRevocationList;binary",
            Kind::AuthorityCertificate => "cACertificate;binary",
            Kind::Calendar => "calFBURL",
            Kind::Certificate => "userCertificate;binary",
            Kind::CrossPair => "crossCertificatePair;binary",
            Kind::Description => "description",
            Kind::Mail => "mail",
            Kind::Name => "cn",
            Kind::ObjectClass => "objectClass",
            Kind::RevocationList => "certificateRevocationList;binary",
            Kind::SmimeCertificate if self.plain_smime => "userSMIMECertificate",
            Kind::SmimeCertificate => "userSMIMECertificate;binary",
        }
    }

    fn add(&mut self, attribute: &str) {
        match attribute {
            "*" => self.kinds = u16::MAX,
            "+" => self.operational = true,
            _ => {
                let mut parts = attribute.split(';');
                let name = parts.next().unwrap_or_default();
                let Some((_, kind)) =
                    NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
                else {
                    return;
                };
                self.kinds |= bit(*kind);
                if *kind == Kind::SmimeCertificate {
                    let is_binary = parts.any(|option| option.eq_ignore_ascii_case("binary"));
                    self.plain_smime |= !is_binary;
                }
            }
        }
    }
}

fn bit(kind: Kind) -> u16 {
    1 << (kind as u16)
}

/// Names and object identifiers (RFC 4519, 4523, 4524, 2798, 2739).
const NAMES: &[(&str, Kind)] = &[
    ("userCertificate", Kind::Certificate),
    ("mail", Kind::Mail),
    ("userSMIMECertificate", Kind::SmimeCertificate),
    ("cn", Kind::Name),
    ("objectClass", Kind::ObjectClass),
    ("cACertificate", Kind::AuthorityCertificate),
    ("certificateRevocationList", Kind::RevocationList),
    ("authorityRevocationList", Kind::AuthorityRevocationList),
    ("crossCertificatePair", Kind::CrossPair),
    ("calFBURL", Kind::Calendar),
    ("description", Kind::Description),
    ("commonName", Kind::Name),
    ("rfc822mailbox", Kind::Mail),
    ("2.5.4.36", Kind::Certificate),
    ("0.9.2342.19200300.100.1.3", Kind::Mail),
    ("2.16.840.1.113730.3.1.40", Kind::SmimeCertificate),
    ("2.5.4.3", Kind::Name),
    ("2.5.4.0", Kind::ObjectClass),
    ("2.5.4.37", Kind::AuthorityCertificate),
    ("2.5.4.39", Kind::RevocationList),
    ("2.5.4.38", Kind::AuthorityRevocationList),
    ("2.5.4.40", Kind::CrossPair),
    ("1.2.840.113556.1.4.482", Kind::Calendar),
    ("2.5.4.13", Kind::Description),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(attributes: &[&str]) -> Vec<&'static str> {
        let selection = Selection::read(attributes.iter().copied(), false);
        [Kind::Mail, Kind::Certificate, Kind::SmimeCertificate]
            .into_iter()
            .filter(|kind| selection.has(*kind))
            .map(|kind| selection.description(kind))
            .collect()
    }

    #[test]
    fn attributes_are_known_by_every_name_in_any_case() {
        let all = ["mail", "userCertificate;binary", "userSMIMECertificate;binary"];
        assert_eq!(wants(&[]), all);
        assert_eq!(wants(&["*"]), all);
        assert_eq!(wants(&["1.1"]), [""; 0]);
        assert_eq!(wants(&["+"]), [""; 0]);
        assert_eq!(wants(&["USERCERTIFICATE", "2.5.4.36"]), ["userCertificate;binary"]);
        assert_eq!(wants(&["usercertificate;binary"]), ["userCertificate;binary"]);
        assert_eq!(wants(&["userSMIMECertificate"]), ["userSMIMECertificate"]);
        assert_eq!(wants(&["UserSmimeCertificate;Binary", "Mail"]), [all[0], all[2]]);
    }
}
