//! Brings a captured element into definite form: minimal lengths, strings in one piece.

use crate::ber::MAX_DEPTH;
use crate::error::Error;
use crate::tlv::{header, tag, write};

/// Returns the element with definite, minimal lengths and joined octet strings; unchanged if it is so already.
///
/// `offset` is where the element was in the message, for errors. Values are not touched: the order in sets and the
/// form of booleans stay as the sender wrote them.
pub(crate) fn definite_form(raw: Vec<u8>, offset: u64) -> Result<Vec<u8>, Error> {
    if is_definite(&raw, MAX_DEPTH)? {
        return Ok(raw);
    }
    let mut output = Vec::with_capacity(raw.len());
    let used = convert(&raw, &mut output, MAX_DEPTH, offset)?;
    if used != raw.len() {
        return Err(malformed(offset));
    }
    Ok(output)
}

/// Returns true if all lengths inside are definite and minimal and no octet string is in pieces.
fn is_definite(mut bytes: &[u8], depth: usize) -> Result<bool, Error> {
    while !bytes.is_empty() {
        let Some(found) = header(bytes) else { return Ok(false) };
        let Some(length) = found.length else { return Ok(false) };
        let (Some(content), Some(rest)) = (
            bytes.get(found.octets..found.octets.saturating_add(length)),
            bytes.get(found.octets.saturating_add(length)..),
        ) else {
            return Ok(false);
        };
        if !found.is_minimal || found.tag == tag::OCTET_STRING | tag::CONSTRUCTED {
            return Ok(false);
        }
        if found.tag & tag::CONSTRUCTED != 0 {
            let depth = depth.checked_sub(1).ok_or(TOO_DEEP)?;
            if !is_definite(content, depth)? {
                return Ok(false);
            }
        }
        bytes = rest;
    }
    Ok(true)
}

/// Appends the first element of `bytes` in definite form and returns how many bytes it took.
fn convert(bytes: &[u8], output: &mut Vec<u8>, depth: usize, offset: u64) -> Result<usize, Error> {
    let depth = depth.checked_sub(1).ok_or(TOO_DEEP)?;
    let found = header(bytes).ok_or_else(|| malformed(offset))?;
    let content_start = found.octets;
    if found.tag & tag::CONSTRUCTED == 0 {
        let end = found
            .length
            .and_then(|length| content_start.checked_add(length))
            .ok_or_else(|| malformed(offset))?;
        let content = bytes.get(content_start..end).ok_or_else(|| malformed(offset))?;
        write(output, found.tag, content);
        return Ok(end);
    }
    let end = match found.length {
        Some(length) => Some(content_start.checked_add(length).ok_or_else(|| malformed(offset))?),
        None => None,
    };
    let inside = bytes.get(..end.unwrap_or(bytes.len())).ok_or_else(|| malformed(offset))?;
    let mut content = Vec::new();
    let mut at = content_start;
    loop {
        let rest = inside.get(at..).unwrap_or_default();
        if end.is_none() && rest.starts_with(&[0, 0]) {
            at += 2;
            break;
        }
        if rest.is_empty() {
            if end.is_none() {
                return Err(malformed(offset));
            }
            break;
        }
        at += convert(rest, &mut content, depth, offset + at as u64)?;
    }
    if found.tag == tag::OCTET_STRING | tag::CONSTRUCTED {
        write(output, tag::OCTET_STRING, &joined(&content, offset)?);
    } else {
        write(output, found.tag, &content);
    }
    Ok(at)
}

/// Joins the pieces of an octet string; they are in definite form already.
fn joined(mut pieces: &[u8], offset: u64) -> Result<Vec<u8>, Error> {
    let mut whole = Vec::with_capacity(pieces.len());
    while !pieces.is_empty() {
        let found = header(pieces)
            .filter(|found| found.tag == tag::OCTET_STRING)
            .ok_or_else(|| malformed(offset))?;
        let end = found.octets + found.length.unwrap_or_default();
        whole.extend_from_slice(pieces.get(found.octets..end).ok_or_else(|| malformed(offset))?);
        pieces = pieces.get(end..).unwrap_or_default();
    }
    Ok(whole)
}

fn malformed(offset: u64) -> Error {
    Error::Malformed { offset, what: "structure is not well-formed" }
}

const TOO_DEEP: Error = Error::Limit { what: "levels of nesting", limit: MAX_DEPTH as u64 };
