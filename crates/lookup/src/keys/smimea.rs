//! Certificates in the DNS (RFC 8162): where they are, and what a record says about a certificate.

use chancery_crypto::{DigestAlgorithm, hex};
use chancery_mail::Address;
use chancery_net::dns::secure::{Association, SecureResolver};
use chancery_pki::Certificate;

use super::found::{Channel, Confirmation, Dnssec};
use super::given::{Failure, Given};

/// Returns the name at which the records of an address are: 28 octets of the SHA-256 of its local part as hexadecimal
/// digits, `_smimecert` and the domain (section 3). The letters' case counts.
pub fn owner_name(address: &Address) -> String {
    let digest = hex(DigestAlgorithm::Sha256.digest(address.local().as_bytes()).as_ref());
    format!("{}._smimecert.{}", digest.get(..56).unwrap_or(&digest), address.ascii_domain())
}

/// Asks the DNS. What is not signed gives certificates and no more: nobody is bound by it.
pub(super) async fn ask(names: &SecureResolver, address: &Address) -> Result<Given, Failure> {
    let answer = names.associations(&owner_name(address)).await?;
    let state = if answer.is_secure { Dnssec::Secure } else { Dnssec::Insecure };
    let mut given = Given { lifetime: answer.ttl, ..Given::nothing(Channel::Dns(state)) };
    for record in &answer.records {
        if (record.selector, record.matching) == (CERTIFICATE, WHOLE) {
            match Certificate::from_der(&record.data) {
                Ok(certificate) => given.certificates.push(certificate),
                Err(error) => given.unreadable.push(error.to_string()),
            }
        }
    }
    if answer.is_secure {
        given.associations = answer.records;
    }
    Ok(given)
}

/// Returns what the records say about a certificate; `None` if they say that it is not the right one.
pub(super) fn judge(records: &[Association], certificate: &Certificate) -> Option<Confirmation> {
    let known: Vec<&Association> = records.iter().filter(|it| is_known(it)).collect();
    // RFC 6698 section 4.1: what is not understood is as if it were not there.
    if known.is_empty() {
        return Some(Confirmation::None);
    }
    let fits = |usage: u8| known.iter().any(|it| it.usage == usage && matches(it, certificate));
    let names_authority = || known.iter().any(|it| matches!(it.usage, PKIX_AUTHORITY | AUTHORITY));
    if fits(END_ENTITY) {
        Some(Confirmation::Confirmed)
    } else if fits(PKIX_END_ENTITY) || names_authority() {
        Some(Confirmation::NeedsPath)
    } else {
        None
    }
}

fn is_known(record: &Association) -> bool {
    record.usage <= END_ENTITY && record.selector <= KEY && record.matching <= SHA512
}

fn matches(record: &Association, certificate: &Certificate) -> bool {
    let selected = if record.selector == KEY { certificate.spki() } else { certificate.der() };
    match record.matching {
        WHOLE => record.data == selected,
        SHA256 => record.data == DigestAlgorithm::Sha256.digest(selected).as_ref(),
        SHA512 => record.data == DigestAlgorithm::Sha512.digest(selected).as_ref(),
        _ => false,
    }
}

/// Usages (RFC 6698 section 2.1.1, named by RFC 7218).
const PKIX_AUTHORITY: u8 = 0;
const PKIX_END_ENTITY: u8 = 1;
const AUTHORITY: u8 = 2;
const END_ENTITY: u8 = 3;
/// Selectors (section 2.1.2).
const CERTIFICATE: u8 = 0;
const KEY: u8 = 1;
/// Matching types (section 2.1.3).
const WHOLE: u8 = 0;
const SHA256: u8 = 1;
const SHA512: u8 = 2;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate() -> Certificate {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        Certificate::from_der(certificate.der()).unwrap()
    }

    fn record(usage: u8, selector: u8, matching: u8, data: &[u8]) -> Association {
        Association { usage, selector, matching, data: data.to_vec() }
    }

    #[test]
    fn the_name_is_a_hash_of_the_local_part_as_it_is_written() {
        // RFC 7929 section 3 has the same hash for this one.
        let hugh = "c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6";
        let name = |text: &str| owner_name(&Address::parse(text).unwrap());
        assert_eq!(name("hugh@EXAMPLE.com"), format!("{hugh}._smimecert.example.com"));
        assert_ne!(name("Hugh@example.com"), name("hugh@example.com"));
        assert_eq!(
            name("\"hugh\"@bücher.example"),
            format!("{hugh}._smimecert.xn--bcher-kva.example")
        );
    }

    #[test]
    fn records_confirm_exclude_or_want_a_path() {
        use Confirmation::{Confirmed, NeedsPath};
        let (own, other) = (certificate(), certificate());
        let sha256 = |octets: &[u8]| DigestAlgorithm::Sha256.digest(octets).as_ref().to_vec();
        let sha512 = |octets: &[u8]| DigestAlgorithm::Sha512.digest(octets).as_ref().to_vec();
        for (records, expected) in [
            (vec![], Some(Confirmation::None)),
            (vec![record(3, 0, 0, own.der())], Some(Confirmed)),
            (vec![record(3, 1, 0, own.spki())], Some(Confirmed)),
            (vec![record(3, 0, 1, &sha256(own.der()))], Some(Confirmed)),
            (vec![record(3, 1, 2, &sha512(own.spki()))], Some(Confirmed)),
            (vec![record(3, 0, 0, other.der()), record(3, 0, 0, own.der())], Some(Confirmed)),
            (vec![record(3, 0, 0, other.der())], None),
            (vec![record(3, 0, 1, &sha256(own.spki()))], None),
            (vec![record(3, 1, 1, &sha256(own.der()))], None),
            (vec![record(3, 0, 0, &[])], None),
            (vec![record(1, 0, 0, own.der())], Some(NeedsPath)),
            (vec![record(1, 0, 0, other.der())], None),
            // It names an authority, which must still be seen on the path.
            (vec![record(2, 0, 0, other.der())], Some(NeedsPath)),
            (vec![record(0, 0, 1, &[1; 32]), record(3, 0, 0, other.der())], Some(NeedsPath)),
            // What is not known is as if it were not there.
            (vec![record(4, 0, 0, other.der())], Some(Confirmation::None)),
            (vec![record(3, 2, 0, other.der()), record(255, 0, 0, &[])], Some(Confirmation::None)),
            (vec![record(3, 0, 3, own.der()), record(3, 0, 0, other.der())], None),
        ] {
            assert_eq!(judge(&records, &own), expected, "{records:?}");
        }
    }
}
