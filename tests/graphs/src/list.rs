//! One revocation list as it is to be written, right or wrong.

use chancery_crypto::PrivateKey;

use crate::der::{boolean, element, explicit, implicit, integer, named_bits, sequence, text, time};
use crate::recipe::{GeneralName, Name, algorithm, extension, general_name, name, signed};

/// A list of version 2 before it is signed.
#[derive(Clone, Debug, Default)]
pub struct ListRecipe {
    /// Who issues it.
    pub issuer: Name,
    /// `thisUpdate`, in Unix seconds.
    pub this_update: i64,
    /// `nextUpdate`, in Unix seconds.
    pub next_update: i64,
    /// What was revoked.
    pub entries: Vec<Entry>,
    /// `CRLNumber`.
    pub number: u64,
    /// `AuthorityKeyIdentifier`.
    pub key_id: Option<Vec<u8>>,
    /// `DeltaCRLIndicator`: the number of the complete list.
    pub base: Option<u64>,
    /// `FreshestCRL`: where changes to this list are.
    pub freshest: Option<String>,
    /// `IssuingDistributionPoint`.
    pub scope: Option<Scope>,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The serial number.
    pub serial: u64,
    /// Since when, in Unix seconds.
    pub since: i64,
    /// `reasonCode`.
    pub reason: Option<u8>,
    /// `certificateIssuer`, in indirect lists.
    pub issuer: Option<Name>,
}

/// What a list is about (`IssuingDistributionPoint`, RFC 5280 section 5.2.5).
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// `distributionPoint`, as a URI.
    pub uri: Option<String>,
    /// `onlyContainsUserCerts`.
    pub only_users: bool,
    /// `onlyContainsCACerts`.
    pub only_authorities: bool,
    /// `onlySomeReasons`, bit 0 being the lowest.
    pub reasons: Option<u16>,
    /// `indirectCRL`.
    pub is_indirect: bool,
}

impl ListRecipe {
    /// Writes the list.
    pub fn write(&self, signer: &PrivateKey) -> Vec<u8> {
        let algorithm = algorithm(signer);
        let mut parts = vec![
            integer(1),
            algorithm.clone(),
            name(&self.issuer),
            time(self.this_update),
            time(self.next_update),
        ];
        if !self.entries.is_empty() {
            parts.push(sequence(&self.entries.iter().map(Entry::write).collect::<Vec<_>>()));
        }
        let mut extensions = vec![extension("2.5.29.20", false, &integer(self.number))];
        if let Some(id) = &self.key_id {
            extensions.push(extension("2.5.29.35", false, &sequence(&[implicit(0, id)])));
        }
        if let Some(base) = self.base {
            extensions.push(extension("2.5.29.27", true, &integer(base)));
        }
        if let Some(uri) = &self.freshest {
            let points = distribution_points(&[(Some(uri.clone()), None, None)]);
            extensions.push(extension("2.5.29.46", false, &points));
        }
        if let Some(scope) = &self.scope {
            extensions.push(extension("2.5.29.28", true, &scope.write()));
        }
        parts.push(explicit(0, &sequence(&extensions)));
        signed(&sequence(&parts), &algorithm, signer)
    }
}

impl Entry {
    fn write(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        if let Some(reason) = self.reason {
            extensions.push(extension("2.5.29.21", false, &element(10, &[reason])));
        }
        if let Some(issuer) = &self.issuer {
            let names = sequence(&[general_name(&GeneralName::Directory(issuer.clone()))]);
            extensions.push(extension("2.5.29.29", true, &names));
        }
        let mut parts = vec![integer(self.serial), time(self.since)];
        if !extensions.is_empty() {
            parts.push(sequence(&extensions));
        }
        sequence(&parts)
    }
}

impl Scope {
    fn write(&self) -> Vec<u8> {
        let mut parts = Vec::new();
        if let Some(uri) = &self.uri {
            parts.push(explicit(0, &full_name(uri)));
        }
        let flag = |number| implicit(number, boolean(true).get(2..).unwrap_or_default());
        if self.only_users {
            parts.push(flag(1));
        }
        if self.only_authorities {
            parts.push(flag(2));
        }
        if let Some(reasons) = self.reasons {
            parts.push(reason_flags(3, reasons));
        }
        if self.is_indirect {
            parts.push(flag(4));
        }
        sequence(&parts)
    }
}

/// Returns `CRLDistributionPoints` with points of a URI, reasons and another issuer each.
pub fn distribution_points(points: &[(Option<String>, Option<u16>, Option<Name>)]) -> Vec<u8> {
    let point = |(uri, reasons, issuer): &(Option<String>, Option<u16>, Option<Name>)| {
        let mut parts = Vec::new();
        if let Some(uri) = uri {
            parts.push(explicit(0, &full_name(uri)));
        }
        if let Some(reasons) = reasons {
            parts.push(reason_flags(1, *reasons));
        }
        if let Some(issuer) = issuer {
            parts.push(explicit(2, &general_name(&GeneralName::Directory(issuer.clone()))));
        }
        sequence(&parts)
    };
    sequence(&points.iter().map(point).collect::<Vec<_>>())
}

/// `fullName` of a `DistributionPointName`.
fn full_name(uri: &str) -> Vec<u8> {
    explicit(0, &text(0x86, uri))
}

fn reason_flags(number: u8, reasons: u16) -> Vec<u8> {
    let bits = named_bits(reasons);
    implicit(number, bits.get(2..).unwrap_or_default())
}
