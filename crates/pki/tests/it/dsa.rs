//! Verification of DSA (FIPS 186-4 section 4.7) for the three cases of NIST's suite that have it; the product has none.

use chancery_crypto::DigestAlgorithm;
use chancery_pki::path::{Algorithms, CheckSignature, Flaw, OurCryptography, Signed};
use chancery_pki::{Certificate, ObjectIdentifier};
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode as _, Reader as _, SliceReader};
use num_bigint::BigUint;

/// Our cryptography, and DSA with SHA-1.
pub(crate) struct WithDsa;

/// `Dss-Parms` (RFC 3279 section 2.3.2).
struct Parameters {
    p: BigUint,
    q: BigUint,
    g: BigUint,
}

impl CheckSignature for WithDsa {
    fn check(&self, signed: &Signed<'_>, algorithms: Algorithms) -> Result<(), Flaw> {
        if signed.key.public_key.is_some() {
            return OurCryptography.check(signed, algorithms);
        }
        match verify(signed) {
            Some(true) => Ok(()),
            Some(false) => Err(Flaw::Forged),
            None => Err(Flaw::Refused("is no DSA".to_owned())),
        }
    }

    fn flaw_of_key(&self, certificate: &Certificate, algorithms: Algorithms) -> Option<String> {
        match read_key(certificate.spki()) {
            Some(_) => None,
            None => OurCryptography.flaw_of_key(certificate, algorithms),
        }
    }
}

#[expect(clippy::many_single_char_names, reason = "the names that FIPS 186-4 gives them")]
fn verify(signed: &Signed<'_>) -> Option<bool> {
    let mut algorithm = SliceReader::new(signed.algorithm).ok()?;
    let oid = algorithm.sequence(ObjectIdentifier::decode).ok()?;
    if oid != DSA_WITH_SHA1 {
        return None;
    }
    let (own, y) = read_key(signed.key.spki)?;
    let inherited = || read_key(signed.key.parameters?)?.0;
    let Parameters { p, q, g } = own.or_else(inherited)?;
    // A signature that cannot be read is none.
    let Some((r, s)) = read_pair(signed.signature) else { return Some(false) };
    let zero = BigUint::default();
    if r == zero || s == zero || r >= q || s >= q {
        return Some(false);
    }
    let w = s.modinv(&q)?;
    let digest = DigestAlgorithm::Sha1.digest(signed.message);
    let z = BigUint::from_bytes_be(digest.as_ref());
    let v = g.modpow(&(z * &w % &q), &p) * y.modpow(&(&r * &w % &q), &p) % &p % &q;
    Some(v == r)
}

/// Reads parameters, if there are any, and the public value.
fn read_key(spki: &[u8]) -> Option<(Option<Parameters>, BigUint)> {
    let mut reader = SliceReader::new(spki).ok()?;
    let (oid, parameters, bits) = reader
        .sequence(|reader| {
            let (oid, parameters) = reader.sequence(|reader| {
                let oid = ObjectIdentifier::decode(reader)?;
                let parameters = Option::<AnyRef<'_>>::decode(reader)?;
                der::Result::Ok((oid, parameters))
            })?;
            der::Result::Ok((oid, parameters, BitStringRef::decode(reader)?))
        })
        .ok()?;
    let y = UintRef::from_der(bits.as_bytes()?).ok()?;
    let parameters = parameters.and_then(|any| {
        let mut reader = SliceReader::new(any.value()).ok()?;
        let mut number =
            || Some(BigUint::from_bytes_be(UintRef::decode(&mut reader).ok()?.as_bytes()));
        Some(Parameters { p: number()?, q: number()?, g: number()? })
    });
    (oid == DSA).then(|| (parameters, BigUint::from_bytes_be(y.as_bytes())))
}

fn read_pair(der: &[u8]) -> Option<(BigUint, BigUint)> {
    let mut reader = SliceReader::new(der).ok()?;
    let pair = reader.sequence(|reader| {
        let number = |reader: &mut SliceReader<'_>| {
            der::Result::Ok(BigUint::from_bytes_be(UintRef::decode(reader)?.as_bytes()))
        };
        der::Result::Ok((number(reader)?, number(reader)?))
    });
    pair.ok()
}

const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
const DSA_WITH_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.3");
