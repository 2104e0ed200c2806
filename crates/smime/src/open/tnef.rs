//! Takes the S/MIME message out of Outlook's own format, `winmail.dat` (MS-OXTNEF, MS-OXOSMIME).
//!
//! Outlook keeps a protected message as its only attachment: the MIME entity of a clear signature, or a CMS structure.
//! Exchange packs that into TNEF when it is told to send rich text.

use std::io::{self, Read, Write};

/// Copies the first attachment to `out` as a MIME entity; returns false if there is none that is whole.
pub(super) fn unpack(mut tnef: impl Read, out: &mut dyn Write) -> io::Result<bool> {
    let mut head = [0; 6];
    if !fill(&mut tnef, &mut head)? || !head.starts_with(&SIGNATURE) {
        return Ok(false);
    }
    for _ in 0..MAX_ATTRIBUTES {
        // The level, the identifier, the length.
        let (mut level, mut id, mut length) = ([0; 1], [0; 4], [0; 4]);
        for field in [&mut level[..], &mut id, &mut length] {
            if !fill(&mut tnef, field)? {
                return Ok(false);
            }
        }
        let (id, length) = (u32::from_le_bytes(id), u32::from_le_bytes(length));
        if id == ATTACH_DATA {
            return copy(&mut tnef, u64::from(length), out);
        }
        let skipped = io::copy(&mut (&mut tnef).take(u64::from(length) + 2), &mut io::sink())?;
        if skipped < u64::from(length) + 2 {
            return Ok(false);
        }
    }
    Ok(false)
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
        unpack(tnef, &mut out).unwrap().then_some(out)
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

    proptest! {
        #[test]
        fn rubbish_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            unpacked(&[&SIGNATURE[..], &bytes].concat());
            unpacked(&bytes);
        }
    }
}
