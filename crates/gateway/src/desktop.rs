//! Finds out how the sender's own mail program protected a message, from its content and not from its label alone.
//!
//! A message that only *says* that it is encrypted must not satisfy a demand for protection, so the beginning of the
//! content is read: a CMS structure with recipients, or an OpenPGP armour.

use std::io::{self, Read, Seek, SeekFrom};

use chancery_mail::form::{self, Form as MailForm};
use chancery_mail::index::{Index, Part};
use chancery_mail::transfer::Decoder;
use chancery_policy::Form;

/// Returns how a message is protected.
pub(crate) fn form<R: Read + Seek>(index: &Index, message: &mut R) -> io::Result<Form> {
    match form::classify(index) {
        MailForm::PgpEncrypted => {
            let content = index.children(index.root()).last();
            let is_armored = match content {
                Some(part) => starts_with_armor(part, message)?,
                None => false,
            };
            Ok(if is_armored { Form::PgpEncrypted } else { Form::Plain })
        }
        MailForm::PgpInlineSigned | MailForm::PgpSigned => Ok(Form::PgpSigned),
        MailForm::SmimeSignedDetached => Ok(Form::SmimeSigned),
        kind if kind.is_cms() => cms(index.root(), message),
        // Text around an inline armour is in clear, so it counts as nothing.
        _ => Ok(Form::Plain),
    }
}

/// Looks into the CMS structure of a message.
fn cms<R: Read + Seek>(part: &Part, message: &mut R) -> io::Result<Form> {
    let Ok(found) = chancery_cms::inspect(content(part, message)?) else { return Ok(Form::Plain) };
    Ok(match found.content_type.as_str() {
        ENVELOPED_DATA | AUTH_ENVELOPED_DATA if found.recipient_count > 0 => Form::SmimeEncrypted,
        SIGNED_DATA => Form::SmimeSigned,
        _ => Form::Plain,
    })
}

fn starts_with_armor<R: Read + Seek>(part: &Part, message: &mut R) -> io::Result<bool> {
    let mut start = Vec::new();
    content(part, message)?.take(1024).read_to_end(&mut start)?;
    Ok(start.trim_ascii_start().starts_with(b"-----BEGIN PGP MESSAGE-----"))
}

/// Reads the decoded content of a part.
fn content<'a, R: Read + Seek>(
    part: &Part,
    message: &'a mut R,
) -> io::Result<Decoder<io::Take<&'a mut R>>> {
    message.seek(SeekFrom::Start(part.body.start))?;
    Ok(Decoder::new(part.transfer_encoding, message.take(part.body.len())))
}

/// Names of content types (RFC 5652 section 14, RFC 5083).
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const ENVELOPED_DATA: &str = "1.2.840.113549.1.7.3";
const AUTH_ENVELOPED_DATA: &str = "1.2.840.113549.1.9.16.1.23";

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_label_alone_is_no_protection() {
        for message in [
            "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nthe secret plan\r\n",
            "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\nContent-Transfer-Encoding: base64\r\n\r\nTUlNRQ==\r\n",
            "Content-Type: multipart/encrypted; boundary=b; protocol=\"application/pgp-encrypted\"\r\n\r\n--b\r\n\
             Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n\
             the secret plan\r\n--b--\r\n",
        ] {
            let index = Index::of(message.as_bytes());
            assert_eq!(form(&index, &mut Cursor::new(message)).unwrap(), Form::Plain, "{message}");
        }
    }

    #[test]
    fn pgp_mime_is_encrypted() {
        let message = "Content-Type: multipart/encrypted; boundary=b; protocol=\"application/pgp-encrypted\"\r\n\r\n--b\r\n\
             Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n\
             -----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----\r\n--b--\r\n";
        let index = Index::of(message.as_bytes());
        assert_eq!(form(&index, &mut Cursor::new(message)).unwrap(), Form::PgpEncrypted);
    }
}
