//! Brings BER into DER as far as PKCS#12 files need it: lengths that are not known beforehand, and strings in pieces.
//!
//! No recursion: what is open is on a stack, whose height is limited.

use zeroize::Zeroizing;

use crate::error::Error;

/// Rewrites BER (X.690 section 8) with definite lengths of the shortest form, and with octet strings in one piece.
///
/// DER comes out as it went in. Nothing is rewritten inside of strings.
pub(super) fn to_der(ber: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut output = Zeroizing::new(Vec::with_capacity(ber.len()));
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    loop {
        while let Some(top) = open.last() {
            let is_done = match top.end {
                Some(end) if at > end => {
                    return Err(malformed(at, "a part is longer than its whole"));
                }
                Some(end) => at == end,
                None if ber.get(at..).is_some_and(|rest| rest.starts_with(&[0, 0])) => {
                    at += 2;
                    true
                }
                None => false,
            };
            if !is_done {
                break;
            }
            let Some(Open { tag, content, .. }) = open.pop() else { break };
            put(open.last_mut(), &mut output, tag, &content);
        }
        if at == ber.len() {
            break;
        }
        let header = Header::read(ber, at)?;
        at = header.start;
        if header.tag & CONSTRUCTED == 0 {
            let end = header.end.ok_or_else(|| malformed(at, "a value without a length"))?;
            let content = ber.get(at..end).ok_or_else(|| malformed(at, "it is cut off"))?;
            if open.last().is_some_and(|top| top.tag == OCTET_STRING) && header.tag != OCTET_STRING
            {
                return Err(malformed(at, "a piece of a string that is no string"));
            }
            put(open.last_mut(), &mut output, header.tag, content);
            at = end;
            continue;
        }
        if open.len() == MAX_DEPTH {
            return Err(malformed(at, "it is nested too deeply"));
        }
        let is_string = header.tag == OCTET_STRING | CONSTRUCTED;
        let tag = if is_string { OCTET_STRING } else { header.tag };
        open.push(Open { tag, end: header.end, content: Zeroizing::default() });
    }
    if open.is_empty() { Ok(output) } else { Err(malformed(at, "it is cut off")) }
}

/// Something constructed that is not complete.
struct Open {
    /// Its tag in DER.
    tag: u8,
    /// Where it ends; none if two zeros will say so.
    end: Option<usize>,
    content: Zeroizing<Vec<u8>>,
}

/// Puts an element into what is around it: a string in a string is a piece of it.
fn put(around: Option<&mut Open>, output: &mut Vec<u8>, tag: u8, content: &[u8]) {
    let (is_piece, target) = match around {
        Some(around) => (around.tag == OCTET_STRING, &mut *around.content),
        None => (false, output),
    };
    if !is_piece {
        head(target, tag, content.len());
    }
    target.extend_from_slice(content);
}

/// Writes tag and length of an element in DER (X.690 section 8.1.3).
pub(super) fn head(target: &mut Vec<u8>, tag: u8, length: usize) {
    target.push(tag);
    let octets = length.to_be_bytes();
    let significant = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len() - 1);
    let octets = octets.get(significant..).unwrap_or_default();
    if length >= 0x80 {
        target.push(0x80 | u8::try_from(octets.len()).unwrap_or_default());
    }
    target.extend_from_slice(octets);
}

struct Header {
    tag: u8,
    /// Where the content starts.
    start: usize,
    /// Where it ends, if the length is definite.
    end: Option<usize>,
}

impl Header {
    fn read(ber: &[u8], at: usize) -> Result<Self, Error> {
        let octet = |at: usize| ber.get(at).copied().ok_or_else(|| malformed(at, "it is cut off"));
        let (tag, first) = (octet(at)?, octet(at + 1)?);
        if tag & 0x1f == 0x1f || tag == 0 {
            return Err(malformed(at, "a tag that no such file has"));
        }
        let mut start = at + 2;
        let length = match first {
            0x80 => return Ok(Self { tag, start, end: None }),
            0..=0x7f => usize::from(first),
            _ => {
                let octets = usize::from(first & 0x7f);
                if octets > MAX_LENGTH_OCTETS {
                    return Err(malformed(at, "a length that no such file has"));
                }
                let mut length = 0;
                for _ in 0..octets {
                    length = length << 8 | usize::from(octet(start)?);
                    start += 1;
                }
                length
            }
        };
        Ok(Self { tag, start, end: Some(start + length) })
    }
}

fn malformed(offset: usize, reason: &str) -> Error {
    Error::Malformed { what: "a PKCS#12 file", offset, reason: reason.to_owned() }
}

const OCTET_STRING: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;

/// PKCS#12 files reach ten.
const MAX_DEPTH: usize = 32;

/// Four gigabytes; `usize` has more on every machine that this runs on.
const MAX_LENGTH_OCTETS: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_become_definite_and_strings_whole() {
        let cases: [(&[u8], &[u8]); 6] = [
            (&[0x30, 0x80, 0x02, 1, 5, 0, 0], &[0x30, 3, 0x02, 1, 5]),
            (&[0x24, 0x80, 0x04, 1, 7, 0x04, 1, 8, 0, 0], &[0x04, 2, 7, 8]),
            (&[0x24, 7, 0x24, 0x80, 0x04, 1, 7, 0, 0], &[0x04, 1, 7]),
            (&[0xa0, 0x80, 0x24, 0x80, 0x04, 1, 7, 0, 0, 0, 0], &[0xa0, 3, 0x04, 1, 7]),
            (&[0x30, 0x83, 0, 0, 3, 0x02, 1, 5], &[0x30, 3, 0x02, 1, 5]),
            // Two zeros that are content, not an end.
            (&[0x30, 0x80, 0x04, 2, 0, 0, 0, 0], &[0x30, 4, 0x04, 2, 0, 0]),
        ];
        for (ber, der) in cases {
            assert_eq!(to_der(ber).unwrap().as_slice(), der, "{ber:?}");
            assert_eq!(to_der(der).unwrap().as_slice(), der);
        }
        let long = [&[0x04, 0x82, 1, 0][..], &[9; 256]].concat();
        assert_eq!(to_der(&long).unwrap().as_slice(), long);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for ber in [
            &[0x30, 0x80, 0x02, 1, 5][..],
            &[0x30, 2, 0x02, 1, 5],
            &[0x30, 5, 0x02, 1, 5],
            &[0x24, 0x80, 0x02, 1, 5, 0, 0],
            &[0x04, 0x80],
            &[0x1f, 1, 1],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x30],
            &[0x30; 100],
            &[0, 0],
        ] {
            assert!(to_der(ber).is_err(), "{ber:?}");
        }
        assert!(to_der(&[0x30, 0x80].repeat(MAX_DEPTH + 1)).is_err());
    }

    proptest! {
        #[test]
        fn anything_ends(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(der) = to_der(&bytes) {
                let again = to_der(&der).unwrap();
                prop_assert_eq!(again.as_slice(), der.as_slice());
                prop_assert!(der.len() <= bytes.len());
            }
        }
    }
}
