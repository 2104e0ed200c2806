//! One certificate as it is to be written, right or wrong.

use chancery_crypto::{DigestAlgorithm, PrivateKey};

use crate::der::{
    bits, boolean, element, explicit, implicit, integer, named_bits, octets, oid, sequence, set,
    text, time,
};

/// A certificate of version 3 before it is signed.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// The serial number.
    pub serial: u64,
    /// Who issues it.
    pub issuer: Name,
    /// Whom it names.
    pub subject: Name,
    /// Validity, in Unix seconds.
    pub valid: (i64, i64),
    /// `BasicConstraints`: `cA` and `pathLenConstraint`.
    pub basic: Option<(bool, Option<u64>)>,
    /// `KeyUsage`, bit 0 being the lowest.
    pub usage: Option<u16>,
    /// `ExtKeyUsage`.
    pub extended_usage: Vec<&'static str>,
    /// `SubjectAltName`.
    pub names: Vec<GeneralName>,
    /// `NameConstraints`.
    pub permitted: Vec<GeneralName>,
    /// `NameConstraints`.
    pub excluded: Vec<GeneralName>,
    /// `CertificatePolicies`.
    pub policies: Option<Vec<&'static str>>,
    /// `PolicyMappings`.
    pub mappings: Vec<(&'static str, &'static str)>,
    /// `requireExplicitPolicy`.
    pub require_explicit: Option<u64>,
    /// `inhibitPolicyMapping`.
    pub inhibit_mapping: Option<u64>,
    /// `InhibitAnyPolicy`.
    pub inhibit_any: Option<u64>,
    /// `SubjectKeyIdentifier`, `AuthorityKeyIdentifier`.
    pub key_ids: (Option<Vec<u8>>, Option<Vec<u8>>),
    /// The DER of `CRLDistributionPoints`.
    pub distribution_points: Option<Vec<u8>>,
    /// Places for `caIssuers` and `caRepository`.
    pub urls: (Vec<String>, Vec<String>),
    /// The DER of another `SubjectPublicKeyInfo` than that of the key.
    pub key_info: Option<Vec<u8>>,
    /// Further extensions: identifier, whether critical, value.
    pub others: Vec<(&'static str, bool, Vec<u8>)>,
}

/// A distinguished name: attributes, each a relative name of its own.
pub type Name = Vec<(&'static str, String)>;

/// A `GeneralName`; as a constraint an address has a mask behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneralName {
    /// `directoryName`.
    Directory(Name),
    /// `dNSName`.
    Dns(String),
    /// `rfc822Name`.
    Email(String),
    /// `iPAddress`.
    Ip(Vec<u8>),
    /// `otherName` of Windows.
    Upn(String),
    /// `uniformResourceIdentifier`.
    Uri(String),
}

impl Recipe {
    /// Writes the certificate of a key, signed with another one.
    pub fn write(&self, key: &PrivateKey, signer: &PrivateKey) -> Vec<u8> {
        let algorithm = algorithm(signer);
        let mut extensions = self.extensions();
        extensions.extend(
            self.others.iter().map(|(id, is_critical, value)| extension(id, *is_critical, value)),
        );
        let mut parts = vec![
            explicit(0, &integer(2)),
            integer(self.serial),
            algorithm.clone(),
            name(&self.issuer),
            sequence(&[time(self.valid.0), time(self.valid.1)]),
            name(&self.subject),
            self.key_info.clone().unwrap_or_else(|| key.public_key().spki_der().to_vec()),
        ];
        if !extensions.is_empty() {
            parts.push(explicit(3, &sequence(&extensions)));
        }
        signed(&sequence(&parts), &algorithm, signer)
    }

    fn extensions(&self) -> Vec<Vec<u8>> {
        let mut list = Vec::new();
        let mut add =
            |id, is_critical, value: Vec<u8>| list.push(extension(id, is_critical, &value));
        if let Some(id) = &self.key_ids.1 {
            add("2.5.29.35", false, sequence(&[implicit(0, id)]));
        }
        if let Some(id) = &self.key_ids.0 {
            add("2.5.29.14", false, octets(id));
        }
        if let Some(usage) = self.usage {
            add("2.5.29.15", true, named_bits(usage));
        }
        if let Some((is_ca, length)) = self.basic {
            let mut parts = Vec::new();
            if is_ca {
                parts.push(boolean(true));
            }
            parts.extend(length.map(integer));
            add("2.5.29.19", true, sequence(&parts));
        }
        if !self.extended_usage.is_empty() {
            add("2.5.29.37", false, oids(&self.extended_usage));
        }
        if !self.names.is_empty() {
            let names: Vec<_> = self.names.iter().map(general_name).collect();
            add("2.5.29.17", self.subject.is_empty(), sequence(&names));
        }
        if !self.permitted.is_empty() || !self.excluded.is_empty() {
            let trees = |number, names: &[GeneralName]| {
                let trees: Vec<_> =
                    names.iter().map(|name| sequence(&[general_name(name)])).collect();
                if trees.is_empty() { Vec::new() } else { explicit(number, &trees.concat()) }
            };
            add(
                "2.5.29.30",
                true,
                sequence(&[trees(0, &self.permitted), trees(1, &self.excluded)]),
            );
        }
        self.policy_extensions(&mut add);
        if let Some(points) = &self.distribution_points {
            add("2.5.29.31", false, points.clone());
        }
        let access = |method, urls: &[String]| {
            let one = |url: &String| sequence(&[oid(method), implicit(6, url.as_bytes())]);
            sequence(&urls.iter().map(one).collect::<Vec<_>>())
        };
        if !self.urls.0.is_empty() {
            add("1.3.6.1.5.5.7.1.1", false, access("1.3.6.1.5.5.7.48.2", &self.urls.0));
        }
        if !self.urls.1.is_empty() {
            add("1.3.6.1.5.5.7.1.11", false, access("1.3.6.1.5.5.7.48.5", &self.urls.1));
        }
        list
    }

    fn policy_extensions(&self, add: &mut impl FnMut(&'static str, bool, Vec<u8>)) {
        if let Some(policies) = &self.policies {
            let list: Vec<_> = policies.iter().map(|policy| sequence(&[oid(policy)])).collect();
            add("2.5.29.32", false, sequence(&list));
        }
        if !self.mappings.is_empty() {
            let pair = |(from, to): &(&str, &str)| sequence(&[oid(from), oid(to)]);
            add("2.5.29.33", true, sequence(&self.mappings.iter().map(pair).collect::<Vec<_>>()));
        }
        if self.require_explicit.is_some() || self.inhibit_mapping.is_some() {
            let counter = |number, count: Option<u64>| {
                count.map_or(Vec::new(), |count| {
                    implicit(number, &crate::der::integer_octets(count))
                })
            };
            let parts = [counter(0, self.require_explicit), counter(1, self.inhibit_mapping)];
            add("2.5.29.36", true, sequence(&parts));
        }
        if let Some(count) = self.inhibit_any {
            add("2.5.29.54", true, integer(count));
        }
    }
}

/// Returns the key identifier of method 1 (RFC 5280 section 4.2.1.2).
pub fn key_id(key: &PrivateKey) -> Vec<u8> {
    DigestAlgorithm::Sha1.digest(key.public_key().key_bits()).as_ref().to_vec()
}

/// Returns a name in DER.
pub fn name(attributes: &[(&str, String)]) -> Vec<u8> {
    let relative: Vec<_> = attributes
        .iter()
        .map(|(kind, value)| {
            // The old place of addresses takes an IA5String, all else UTF-8 (RFC 5280 appendix A).
            let tag = if *kind == "1.2.840.113549.1.9.1" { 0x16 } else { 0x0c };
            set(&[sequence(&[oid(kind), text(tag, value)])])
        })
        .collect();
    sequence(&relative)
}

/// Returns a `GeneralName` in DER.
pub fn general_name(name: &GeneralName) -> Vec<u8> {
    match name {
        GeneralName::Directory(attributes) => explicit(4, &self::name(attributes)),
        GeneralName::Dns(host) => implicit(2, host.as_bytes()),
        GeneralName::Email(address) => implicit(1, address.as_bytes()),
        GeneralName::Ip(octets) => implicit(7, octets),
        GeneralName::Upn(principal) => {
            let value = explicit(0, &text(0x0c, principal));
            explicit(0, &[oid("1.3.6.1.4.1.311.20.2.3"), value].concat())
        }
        GeneralName::Uri(uri) => implicit(6, uri.as_bytes()),
    }
}

/// Returns one extension.
pub fn extension(id: &str, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if is_critical {
        parts.push(boolean(true));
    }
    parts.push(octets(value));
    sequence(&parts)
}

/// Returns `SIGNED{}` over what is to be signed.
pub fn signed(content: &[u8], algorithm: &[u8], signer: &PrivateKey) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "the keys here can sign")]
    let signature =
        signer.sign(signer.default_signature_algorithm(), content).expect("a signature");
    element(0x30, &[content, algorithm, &bits(&signature)].concat())
}

/// Returns the identifier of the algorithm with which a key signs.
pub fn algorithm(signer: &PrivateKey) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "the keys here can sign")]
    signer.default_signature_algorithm().to_der().expect("an algorithm")
}

fn oids(list: &[&str]) -> Vec<u8> {
    sequence(&list.iter().map(|id| oid(id)).collect::<Vec<_>>())
}
