//! Recipients with a shared key, with a password, and with a key for encapsulation (RFC 5652 sections 6.2.3 to 6.2.5,
//! RFC 3211, RFC 9629).

use chancery_crypto::{ContentKey, KeyKind, KeyWrap, PrivateKey};

use super::{Entry, Method, RecipientName, algorithm, unsupported};
use crate::algorithms::AlgorithmIdentifier;
use crate::algorithms::keys::{self, Derivation, PasswordDerivation};
use crate::error::Error;
use crate::identity::Identifier;
use crate::oid;
use crate::tlv::{Slice, Tlv, tag};

/// What `KEMRecipientInfo` says.
#[derive(Debug)]
pub(crate) struct Encapsulation {
    /// The kind of key it is for.
    pub(crate) kind: KeyKind,
    pub(crate) wrap: KeyWrap,
    derivation: Derivation,
    /// Input of the key derivation beside the secret.
    other_info: Vec<u8>,
    ciphertext: Vec<u8>,
    wrapped: Vec<u8>,
}

impl Encapsulation {
    /// Decrypts the content key.
    pub(super) fn content_key(&self, key: &PrivateKey) -> Result<ContentKey, Error> {
        let secret = key.decapsulate(&self.ciphertext)?;
        let wrapping_key = self.derivation.derive(self.wrap, &secret, b"", &self.other_info)?;
        Ok(self.wrap.unwrap(&wrapping_key, &self.wrapped)?)
    }

    /// Returns a name for reports.
    pub(super) fn name(&self) -> String {
        let kind = self.kind.to_string().to_ascii_lowercase();
        format!("{kind} {} {}", self.derivation.name(), self.wrap.name())
    }
}

/// Reads `KEKRecipientInfo` (RFC 5652 section 6.2.3).
pub(super) fn shared_key(info: Tlv<'_>) -> Result<Entry, Error> {
    let mut fields = info.children();
    fields.expect(tag::INTEGER, "expected a version")?;
    // Date and other attributes of the identifier only help to find the key.
    let mut name = fields.expect(tag::SEQUENCE, "expected a key identifier")?.children();
    let name = name.expect(tag::OCTET_STRING, "expected a key identifier")?.content.to_vec();
    let algorithm = algorithm(&mut fields)?;
    let wrapped = encrypted_key(&mut fields)?;
    let method = keys::key_wrap(&algorithm).map(|wrap| Method::SharedKey { wrap, wrapped });
    Ok(Entry { recipient: RecipientName::SharedKey(name), method })
}

/// Reads `PasswordRecipientInfo` (RFC 5652 section 6.2.4).
pub(super) fn password(info: Tlv<'_>) -> Result<Entry, Error> {
    let mut fields = info.children();
    fields.expect(tag::INTEGER, "expected a version")?;
    let derivation = fields.optional(tag::context(0))?;
    let algorithm = algorithm(&mut fields)?;
    let wrapped = encrypted_key(&mut fields)?;
    let method = || {
        let derivation =
            derivation.ok_or_else(|| unsupported("password without a key derivation"))?;
        let derivation = AlgorithmIdentifier::from_tlv(derivation)?;
        let derivation = PasswordDerivation::from_identifier(&derivation)?;
        let wrap = keys::password_wrap(&algorithm)?;
        Ok(Method::Password { derivation, wrap, wrapped })
    };
    Ok(Entry { recipient: RecipientName::Password, method: method() })
}

/// Reads `OtherRecipientInfo`, which is a `KEMRecipientInfo` (RFC 9629 section 3) or unknown.
pub(super) fn encapsulation(info: Tlv<'_>) -> Result<Entry, Error> {
    let mut fields = info.children();
    let kind = fields.expect(tag::OID, "expected a kind of recipient")?;
    if kind.content != oid::KEM_RECIPIENT {
        return Ok(unknown());
    }
    let mut fields = fields.expect(tag::SEQUENCE, "expected KEMRecipientInfo")?.children();
    fields.expect(tag::INTEGER, "expected a version")?;
    let identifier = Identifier::from_tlv(fields.any()?)?;
    let kem = algorithm(&mut fields)?;
    let ciphertext = fields.expect(tag::OCTET_STRING, "expected a ciphertext")?.content.to_vec();
    let derivation = algorithm(&mut fields)?;
    let length = fields.expect(tag::INTEGER, "expected a key length")?.unsigned()?;
    let material = match fields.optional(tag::context(0))? {
        None => None,
        Some(field) => {
            let material =
                field.children().expect(tag::OCTET_STRING, "expected keying material")?;
            Some(material.content)
        }
    };
    let wrap_identifier = algorithm(&mut fields)?;
    let wrapped = encrypted_key(&mut fields)?;
    let method = || {
        let kind = keys::ml_kem(&kem)?;
        let wrap = keys::key_wrap(&wrap_identifier)?;
        let derivation = keys::key_derivation(&derivation)?;
        if length != wrap.key_len() as u64 {
            return Err(unsupported("key wrap with a key of another length"));
        }
        let other_info = keys::kem_other_info(wrap, wrap_identifier.whole, material);
        let found = Encapsulation { kind, wrap, derivation, other_info, ciphertext, wrapped };
        Ok(Method::Encapsulation(found))
    };
    Ok(Entry { recipient: RecipientName::Certificate(identifier), method: method() })
}

/// Returns the entry of a recipient of a kind that we do not know.
pub(super) fn unknown() -> Entry {
    let method = Err(unsupported("other kind of recipient"));
    Entry { recipient: RecipientName::Other, method }
}

/// Reads the last field.
fn encrypted_key(fields: &mut Slice<'_>) -> Result<Vec<u8>, Error> {
    let encrypted = fields.expect(tag::OCTET_STRING, "expected an encrypted key")?;
    fields.finish()?;
    Ok(encrypted.content.to_vec())
}
