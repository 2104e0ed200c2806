//! Certificates in the DNS (RFC 8162): where they are, and what a record says about a certificate.

use chancery_crypto::{DigestAlgorithm, hex};
use chancery_mail::Address;
use chancery_net::dns::secure::Association;
use chancery_pki::Certificate;

use super::found::{Channel, Confirmation, Dnssec};
use super::given::{Failure, Given};
use super::source::Names;

/// Returns the name at which the records of an address are: 28 octets of the SHA-256 of its local part as hexadecimal
/// digits, `_smimecert` and the domain (section 3). The letters' case counts.
pub fn owner_name(address: &Address) -> String {
    let digest = hex(DigestAlgorithm::Sha256.digest(address.local().as_bytes()).as_ref());
    format!("{}._smimecert.{}", digest.get(..56).unwrap_or(&digest), address.ascii_domain())
}

/// Asks the DNS. What is not signed gives certificates and no more: nobody is bound by it.
pub(super) async fn ask(names: &Names, address: &Address) -> Result<Given, Failure> {
    let answer = names.0.associations(&owner_name(address)).await?;
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
