//! Takes the S/MIME message out of Outlook's own format, `winmail.dat` (MS-OXTNEF, MS-OXOSMIME).
//!
//! Outlook keeps a protected message as its only attachment: the MIME entity of a clear signature, or a CMS structure.
//! Exchange packs that into TNEF when it is told to send rich text.

use std::io::{self, Read, Write};

/// What was in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unpacked {
    /// The message, and nothing else that a reader is shown.
    Alone,
    /// Another attachment or a text beside the message.
    WithMore,
    /// No attachment that is whole.
    Nothing,
}

/// Copies the first attachment to `out` as a MIME entity.
pub(super) fn unpack(mut tnef: impl Read, out: &mut dyn Write) -> io::Result<Unpacked> {
    let mut head = [0; 6];
    if !fill(&mut tnef, &mut head)? || !head.starts_with(&SIGNATURE) {
        return Ok(Unpacked::Nothing);
    }
    let (mut is_found, mut has_more) = (false, false);
    for _ in 0..MAX_ATTRIBUTES {
        // The level, the identifier, the length.
        let (mut level, mut id, mut length) = ([0; 1], [0; 4], [0; 4]);
        let mut is_there = true;
        for field in [&mut level[..], &mut id, &mut length] {
            is_there = is_there && fill(&mut tnef, field)?;
        }
        if !is_there {
            return Ok(match (is_found, has_more) {
                (false, _) => Unpacked::Nothing,
                (true, false) => Unpacked::Alone,
                (true, true) => Unpacked::WithMore,
            });
        }
        let (id, length) = (u32::from_le_bytes(id), u64::from(u32::from_le_bytes(length)));
        if id == ATTACH_DATA && !is_found {
            if !copy(&mut tnef, length, out)? {
                return Ok(Unpacked::Nothing);
            }
            is_found = true;
            continue;
        }
        let mut data = (&mut tnef).take(length + 2);
        let mut start = Vec::new();
        (&mut data).take(length.min(BODY_START)).read_to_end(&mut start)?;
        let is_blank = start.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace());
        has_more |= id == ATTACH_DATA || id == BODY && !is_blank;
        io::copy(&mut data, &mut io::sink())?;
    }
    // Nobody has so many; what else is in it is not known.
    Ok(if is_found { Unpacked::WithMore } else { Unpacked::Nothing })
}

/// Copies the data of an attachment, and compares its checksum: the sum of its bytes (MS-OXTNEF section 2.1.3.1).
fn copy(tnef: &mut impl Read, length: u64, out: &mut dyn Write) -> io::Result<bool> {
    let mut data = tnef.take(length);
    let mut buffer = vec![0; CHUNK];
    let (mut sum, mut copied) = (0_u16, 0_u64);
    loop {
        let read = data.read(&mut buffer)?;
        let chunk = buffer.get(..read).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        if copied == 0 && chunk.starts_with(&[DER_SEQUENCE]) {
            out.write_all(CMS_HEADER)?;
        }
        out.write_all(chunk)?;
        sum = chunk.iter().fold(sum, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        copied += read as u64;
    }
    let mut expected = [0; 2];
    Ok(copied == length
        && copied > 0
        && fill(tnef, &mut expected)?
        && u16::from_le_bytes(expected) == sum)
}

/// Fills the buffer; returns false if there is less.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match source.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// MS-OXTNEF section 2.1.3.2.
pub(super) const SIGNATURE: [u8; 4] = [0x78, 0x9f, 0x3e, 0x22];

/// `attAttachData` (MS-OXTNEF section 2.1.3.3).
const ATTACH_DATA: u32 = 0x0006_800f;

/// `attBody`, the text that Outlook shows.
const BODY: u32 = 0x0002_800c;

/// So much of a text is looked at; blank is only what is blank here.
const BODY_START: u64 = 4096;

const DER_SEQUENCE: u8 = 0x30;

/// What stands before an attachment that is a CMS structure.
const CMS_HEADER: &[u8] =
    b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n";

/// Exchange writes some twenty; each attachment has six.
const MAX_ATTRIBUTES: usize = 1_000;

const CHUNK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(level: u8, id: u32, data: &[u8]) -> Vec<u8> {
        let sum = data.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        let length = u32::try_from(data.len()).unwrap();
        [&[level][..], &id.to_le_bytes(), &length.to_le_bytes(), data, &sum.to_le_bytes()].concat()
    }

    fn unpacked(tnef: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        (unpack(tnef, &mut out).unwrap() != Unpacked::Nothing).then_some(out)
    }

    #[test]
    fn the_attachment_comes_out_whole_or_not_at_all() {
        let before =
            [&SIGNATURE[..], &[1, 0], &attribute(1, 0x0007_8008, b"IPM.Note.SMIME\0")].concat();
        let data = attribute(2, ATTACH_DATA, b"Content-Type: text/plain\r\n\r\nhello");
        let title = attribute(2, 0x0001_8010, b"smime.p7m\0");
        let good = [before.as_slice(), &data, &title].concat();
        assert_eq!(unpacked(&good).unwrap(), b"Content-Type: text/plain\r\n\r\nhello");
        let der = [before.as_slice(), &attribute(2, ATTACH_DATA, &[0x30, 0x80])].concat();
        assert!(unpacked(&der).unwrap().ends_with(b"binary\r\n\r\n\x30\x80"));
        for end in 0..before.len() + data.len() {
            assert_eq!(unpacked(&good[..end]), None, "{end}");
        }
        let mut changed = good;
        changed[before.len() + 12] ^= 1;
        assert_eq!(unpacked(&changed), None, "the checksum does not fit");
        assert_eq!(unpacked(&[before.as_slice(), &attribute(2, ATTACH_DATA, b"")].concat()), None);
    }

    #[test]
    fn what_lies_beside_the_message_is_noticed() {
        let head = [&SIGNATURE[..], &[1, 0]].concat();
        let message = attribute(2, ATTACH_DATA, b"Content-Type: text/plain\r\n\r\nhello");
        let other = attribute(2, ATTACH_DATA, b"pay Eve");
        let text = |words: &[u8]| attribute(1, BODY, words);
        for (parts, expected) in [
            (vec![&message], Unpacked::Alone),
            (vec![&text(b" \r\n\0"), &message], Unpacked::Alone),
            (vec![&text(b"pay Eve\0"), &message], Unpacked::WithMore),
            (vec![&message, &text(b"pay Eve\0")], Unpacked::WithMore),
            (vec![&message, &other], Unpacked::WithMore),
            (vec![&text(b"pay Eve\0")], Unpacked::Nothing),
        ] {
            let all: Vec<u8> = parts.into_iter().flatten().copied().collect();
            let found = unpack(&*[head.as_slice(), &all].concat(), &mut io::sink()).unwrap();
            assert_eq!(found, expected);
        }
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            unpacked(&[&SIGNATURE[..], &bytes].concat());
            unpacked(&bytes);
        }
    }
}
