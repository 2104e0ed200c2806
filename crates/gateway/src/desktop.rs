//! Finds out how the sender's own mail program protected a message, from its content and not from its label alone.
//!
//! A message that only *says* that it is encrypted must not satisfy a demand for protection, so the beginning of the
//! content is read: a CMS structure with recipients, or an OpenPGP armour.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use chancery_mail::content_type::TransferEncoding;
use chancery_mail::form::{self, Form as MailForm};
use chancery_mail::index::{self, Index, Part};
use chancery_mail::transfer::Decoder;
use chancery_policy::{Form, Label};
use chancery_smime::{ServicesVerdict, Spools, claimed_services};

use crate::error::Result;

/// Returns how a message is protected.
pub(crate) fn form<R: Read + Seek>(index: &Index, message: &mut R) -> io::Result<Form> {
    match form::classify(index) {
        MailForm::PgpEncrypted => {
            let is_encrypted = is_pgp_encrypted(index, message)?;
            Ok(if is_encrypted { Form::PgpEncrypted } else { Form::Plain })
        }
        MailForm::PgpInlineSigned | MailForm::PgpSigned => Ok(Form::PgpSigned),
        MailForm::SmimeSignedDetached => Ok(Form::SmimeSigned),
        kind if kind.is_cms() => cms(index.root(), message),
        // Text around an inline armour is in clear, so it counts as nothing.
        _ => Ok(Form::Plain),
    }
}

/// Returns the security labels that the sender's own program signed; whether the signature is right is not looked at, as
/// the sender is one of ours and could write any label.
pub(crate) fn labels<R: Read + Seek>(
    form: Form,
    message: &mut R,
    spools: &mut dyn Spools,
) -> Result<Vec<Label>> {
    if form != Form::SmimeSigned {
        return Ok(Vec::new());
    }
    message.rewind()?;
    let services = claimed_services(message, spools)?;
    Ok(services.iter().flat_map(labels_of).collect())
}

/// Returns the labels of one signer as the policy sees them.
pub(crate) fn labels_of(services: &ServicesVerdict) -> Vec<Label> {
    let labels = services.labels.iter().map(|label| Label::Readable {
        policy: label.policy.clone(),
        classification: label.classification,
        mark: label.mark.clone().unwrap_or_default(),
    });
    let is_label = |name: &&&str| name.contains("label");
    let unreadable = services.unreadable.iter().filter(is_label).map(|_| Label::Unreadable);
    labels.chain(unreadable).collect()
}

/// Looks into the CMS structure of a message.
fn cms<R: Read + Seek>(part: &Part, message: &mut R) -> io::Result<Form> {
    let Ok(found) = chancery_cms::inspect(content(part, message)?) else { return Ok(Form::Plain) };
    if !is_only_cms(part, message)? {
        return Ok(Form::Plain);
    }
    Ok(match found.content_type.as_str() {
        ENVELOPED_DATA | AUTH_ENVELOPED_DATA if found.recipient_count > 0 => Form::SmimeEncrypted,
        SIGNED_DATA => Form::SmimeSigned,
        _ => Form::Plain,
    })
}

/// Returns true if nothing readable stands behind the structure, such as a footer that a server has appended: base64
/// and nothing else, or as many octets as the structure says that it has.
fn is_only_cms<R: Read + Seek>(part: &Part, message: &mut R) -> io::Result<bool> {
    if part.transfer_encoding == TransferEncoding::Base64 {
        message.seek(SeekFrom::Start(part.body.start))?;
        return is_only_base64(BufReader::new(message.take(part.body.len())));
    }
    let mut content = content(part, message)?;
    let mut start = [0; 10];
    let mut read = 0;
    while let Some(rest) = start.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match content.read(rest)? {
            0 => break,
            more => read += more,
        }
    }
    let rest = io::copy(&mut content, &mut io::sink())?;
    Ok(announced_length(&start) == Some(read as u64 + rest))
}

/// Returns the length of a DER structure with its header (X.690 section 8.1.3); `None` if it does not say.
fn announced_length(start: &[u8; 10]) -> Option<u64> {
    let [_, first, rest @ ..] = start;
    match first {
        0..=0x7F => Some(u64::from(*first) + 2),
        0x81..=0x88 => {
            let octets = rest.get(..usize::from(first & 0x7F))?;
            let length = octets.iter().fold(0_u64, |length, octet| length << 8 | u64::from(*octet));
            length.checked_add(2 + octets.len() as u64)
        }
        _ => None,
    }
}

/// Returns true if the text is lines of base64, then white space (RFC 2045 section 6.8).
fn is_only_base64(mut text: impl BufRead) -> io::Result<bool> {
    let mut has_ended = false;
    loop {
        let octets = text.fill_buf()?;
        if octets.is_empty() {
            return Ok(true);
        }
        for octet in octets {
            match octet {
                b'=' => has_ended = true,
                b'\r' | b'\n' => {}
                _ if has_ended || !is_base64(*octet) => return Ok(false),
                _ => {}
            }
        }
        let read = octets.len();
        text.consume(read);
    }
}

/// Returns true if a PGP/MIME message has its two parts (RFC 3156 section 4), nothing readable around them, and nothing
/// but armour in the second.
fn is_pgp_encrypted<R: Read + Seek>(index: &Index, message: &mut R) -> io::Result<bool> {
    let root = index.root();
    let parts: Vec<&Part> = index.children(root).collect();
    let [control, data] = parts.as_slice() else { return Ok(false) };
    let tiled: u64 = [control, data]
        .iter()
        .map(|part| part.delimiter.len() + part.header.len() + part.body.len())
        .sum::<u64>()
        + root.close.map_or(0, index::Span::len);
    let before = control.delimiter.start.saturating_sub(root.body.start);
    let around = root.body.len().saturating_sub(tiled).saturating_sub(before);
    Ok(before <= MAX_BEFORE
        && control.content_type.is("application", "pgp-encrypted")
        && control.body.len() <= MAX_CONTROL
        && around <= MAX_AROUND
        && is_only_armor(BufReader::new(content(data, message)?))?)
}

/// Returns true if the text is one armoured PGP message and nothing else (RFC 9580 section 6.2).
fn is_only_armor(mut text: impl BufRead) -> io::Result<bool> {
    let mut line = Vec::new();
    let mut place = Place::Before;
    let mut headers = 0;
    loop {
        line.clear();
        if (&mut text).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(place == Place::After);
        }
        let trimmed = line.trim_ascii();
        place = match (place, trimmed) {
            (Place::Before | Place::After, b"") => place,
            (Place::Before, b"-----BEGIN PGP MESSAGE-----") => Place::Headers,
            (Place::Headers, b"") => Place::Data,
            (Place::Headers, header)
                if is_armor_header(header) && headers < ARMOR_HEADERS.len() =>
            {
                headers += 1;
                Place::Headers
            }
            (Place::Data, b"-----END PGP MESSAGE-----") => Place::After,
            (Place::Data, data) if data.len() <= 76 && data.iter().copied().all(is_base64) => {
                Place::Data
            }
            _ => return Ok(false),
        };
    }
}

/// Where in an armoured text a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Headers,
    Data,
    After,
}

fn is_armor_header(line: &[u8]) -> bool {
    line.len() <= 76 && ARMOR_HEADERS.iter().any(|name| line.starts_with(name))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Reads the decoded content of a part.
fn content<'a, R: Read + Seek>(
    part: &Part,
    message: &'a mut R,
) -> io::Result<Decoder<io::Take<&'a mut R>>> {
    message.seek(SeekFrom::Start(part.body.start))?;
    Ok(Decoder::new(part.transfer_encoding, message.take(part.body.len())))
}

/// The headers that an armour may have; others could carry text.
const ARMOR_HEADERS: [&[u8]; 4] = [b"Version:", b"Comment:", b"Hash:", b"Charset:"];

/// Octets of an armoured line; longer ones are no armour.
const MAX_LINE: u64 = 512;

/// Octets of the part that says `Version: 1`.
const MAX_CONTROL: u64 = 100;

/// Octets before the parts: programs write a sentence there.
const MAX_BEFORE: u64 = 200;

/// Octets between and after the parts: line ends.
const MAX_AROUND: u64 = 8;

/// Names of content types, as [`chancery_cms::inspect`] gives them (RFC 5652 section 14, RFC 5083).
const SIGNED_DATA: &str = "signed-data";
const ENVELOPED_DATA: &str = "enveloped-data";
const AUTH_ENVELOPED_DATA: &str = "auth-enveloped-data";

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use chancery_cms::{ContentCipher, EnvelopedWriter, Recipient, RsaPadding};
    use chancery_crypto::{KeyKind, PrivateKey};
    use chancery_mail::transfer::Base64Encoder;
    use chancery_pki::{Organisation, issue};

    use super::*;

    #[test]
    fn a_label_alone_is_no_protection() {
        for message in [
            "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nthe secret plan\r\n",
            "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\nContent-Transfer-Encoding: base64\r\n\r\nTUlNRQ==\r\n",
            "Content-Type: multipart/encrypted; boundary=b; protocol=\"application/pgp-encrypted\"\r\n\r\n--b\r\n\
             Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n\
             the secret plan\r\n--b--\r\n",
            "Content-Type: multipart/encrypted; boundary=b; protocol=\"application/pgp-encrypted\"\r\n\r\n--b\r\n\
             Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n\
             -----BEGIN PGP MESSAGE-----\r\n\r\nthe secret plan\r\n-----END PGP MESSAGE-----\r\n--b--\r\n",
            "Content-Type: multipart/encrypted; boundary=b; protocol=\"application/pgp-encrypted\"\r\n\r\n--b\r\n\
             Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n\
             -----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----\r\n--b\r\n\r\nthe secret plan\r\n--b--\r\n",
        ] {
            let index = Index::of(message.as_bytes());
            assert_eq!(form(&index, &mut Cursor::new(message)).unwrap(), Form::Plain, "{message}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_structure() {
        let of = |start: &[u8]| {
            let mut all = [0; 10];
            all[..start.len()].copy_from_slice(start);
            announced_length(&all)
        };
        assert_eq!(of(&[0x30, 0x05]), Some(7));
        assert_eq!(of(&[0x30, 0x82, 0x01, 0x00]), Some(260));
        assert_eq!(of(&[0x30, 0x80]), None, "without a length");
        assert_eq!(of(&[0x30, 0x88, 255, 255, 255, 255, 255, 255, 255, 255]), None);
    }

    #[test]
    fn what_openssl_and_we_encrypt_is_encrypted() {
        let at = 1_790_000_000;
        let organisation = Organisation::new("Acme", ["acme.example"]).unwrap();
        let ca_key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let ca = issue::ca(&organisation, &ca_key, at, [1; 20]).unwrap();
        let issuer = issue::Authority { key: &ca_key, certificate: &ca };
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let certificate =
            issue::organisation_encryption(&organisation, &issuer, key.public_key(), at, [2; 20]);
        let certificate = certificate.unwrap();
        for cipher in [ContentCipher::Aes256Cbc, ContentCipher::Aes256Gcm] {
            let recipient =
                Recipient::from_certificate(certificate.der(), RsaPadding::default()).unwrap();
            let mut writer = EnvelopedWriter::new(Vec::new(), cipher, &[recipient]).unwrap();
            writer.write_all(b"Content-Type: text/plain\r\n\r\nsecret\r\n").unwrap();
            let mut body = Base64Encoder::new(Vec::new());
            body.write_all(&writer.finish().unwrap()).unwrap();
            let body = String::from_utf8(body.finish().unwrap()).unwrap();
            // The label is missing on purpose: the content tells.
            let message = format!(
                "Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n"
            );
            let index = Index::of(message.as_bytes());
            let found = form(&index, &mut Cursor::new(message)).unwrap();
            assert_eq!(found, Form::SmimeEncrypted, "{cipher:?}");
            // A server that appends its footer to everything.
            let message = format!(
                "Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n-- \r\nthe secret plan\r\n"
            );
            let index = Index::of(message.as_bytes());
            let found = form(&index, &mut Cursor::new(message)).unwrap();
            assert_eq!(found, Form::Plain, "{cipher:?}");
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
