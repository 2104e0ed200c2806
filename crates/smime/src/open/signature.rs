//! Verifies a multipart/signed (RFC 1847 section 2.1, RFC 8551 section 3.5.3).

use std::io::{self, Read};

use chancery_cms::{DetachedVerifier, SignedReport};
use chancery_fault::Code;
use chancery_mail::{Index, Span, index::Part};

use crate::{entity::Entity, error, line_ends::are_crlf, open::body, verdict::Problem};

/// A multipart/signed that was looked at.
pub(super) struct Detached {
    /// Where the signed content is, counted from the start of the entity; none if the multipart has no first part.
    pub(super) content: Option<Span>,
    /// What the signature says; none if there is no signature that can be read.
    pub(super) report: Option<SignedReport>,
    /// What was noticed.
    pub(super) problems: Vec<Problem>,
    /// True if mail programs may show something that nobody signed, because of the part in which the signature is; or if it
    /// is no signature of mail.
    pub(super) is_shown: bool,
}

/// Verifies the multipart/signed `part` of an entity, whatever it calls itself.
pub(super) fn verify(entity: &mut Entity<'_>, index: &Index, part: &Part) -> io::Result<Detached> {
    let mut found = Detached {
        content: index.children(part).next().map(Part::whole),
        report: None,
        problems: Vec::new(),
        is_shown: false,
    };
    let children: Vec<&Part> = index.children(part).collect();
    let [_, signature] = children.as_slice() else {
        found.complain(
            &error::SIGNATURE_MALFORMED,
            format!("multipart/signed has {} parts, not 2", children.len()),
        );
        return Ok(found);
    };
    let head = entity.head_of(entity.placed(signature.whole()))?;
    if !head.is_whole || head.is_ambiguous() {
        found.is_shown = true;
        found.complain(
            &error::SIGNATURE_MALFORMED,
            "the header of the part with the signature can be read differently",
        );
    } else if !is_signature_type(signature) {
        found.is_shown = true;
        let text = format!(
            "the part with the signature calls itself {}, which readers are shown; nobody signed what it says",
            signature.content_type.essence()
        );
        found.complain(&error::SIGNATURE_MALFORMED, text);
    }
    let Some(content) = found.content.map(|it| entity.placed(it)) else { return Ok(found) };
    let mut der = Vec::new();
    let body = entity.placed(signature.body);
    body::cms(entity, body, signature.transfer_encoding)?
        .take(MAX_SIGNATURE + 1)
        .read_to_end(&mut der)?;
    if der.is_empty() {
        found.complain(&error::SIGNATURE_MALFORMED, "the signature is empty");
        return Ok(found);
    }
    if der.len() as u64 > MAX_SIGNATURE {
        found.complain(&error::SIGNATURE_MALFORMED, "the signature is larger than 1 MiB");
        return Ok(found);
    }
    match DetachedVerifier::new(&der) {
        Ok(verifier) => {
            let report = found.verify_content(entity, content, &der, verifier)?;
            let trailing = usize::try_from(report.trailing_bytes).unwrap_or(usize::MAX);
            let trailing = der.get(der.len().saturating_sub(trailing)..).unwrap_or_default();
            // Programs that armour the structure put line ends behind it.
            if !trailing.trim_ascii().is_empty() {
                let text =
                    format!("{} bytes that nobody signed follow the signature", trailing.len());
                found.complain(&error::SIGNATURE_MALFORMED, text);
                found.is_shown = true;
            }
            if report.content_type != "data" {
                let text = format!(
                    "what is signed is no mail but content of the type {}",
                    report.content_type
                );
                found.complain(&error::SIGNATURE_MALFORMED, text);
                found.is_shown = true;
            }
            if report.signers.is_empty() {
                found.complain(&error::SIGNATURE_MALFORMED, "the signature has no signer");
            }
            found.check_micalg(part, &report);
            found.report = Some(report);
        }
        Err(error) => found.complain(
            &error::SIGNATURE_MALFORMED,
            format!("the signature cannot be read: {error}"),
        ),
    }
    Ok(found)
}

/// Returns true if a program for which a lone CR ends a line would find a delimiter in a multipart that we do not: what it
/// shows then lies in parts that we take for something else.
pub(super) fn has_loose_delimiter(entity: &mut Entity<'_>, part: &Part) -> io::Result<bool> {
    let Some(boundary) = part.content_type.boundary() else { return Ok(false) };
    let mut delimiters = LooseDelimiters::new(boundary);
    entity.for_each_chunk(entity.placed(part.body), |chunk| delimiters.push(chunk))?;
    Ok(delimiters.finish())
}

/// Looks for delimiters with a lone CR before or behind them.
struct LooseDelimiters {
    needle: Vec<u8>,
    /// What was not looked at, and the byte before it.
    kept: Vec<u8>,
    is_found: bool,
}

impl LooseDelimiters {
    fn new(boundary: &[u8]) -> Self {
        // Whatever stands before the body ended a line.
        Self { needle: [b"--", boundary].concat(), kept: vec![b'\n'], is_found: false }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.kept.extend_from_slice(chunk);
        let whole = self.kept.len().saturating_sub(self.needle.len() + MAX_PADDING);
        self.look(whole);
        self.kept.drain(..whole.saturating_sub(1));
    }

    fn finish(mut self) -> bool {
        self.look(self.kept.len());
        self.is_found
    }

    /// Looks at delimiters that start before `end`.
    fn look(&mut self, end: usize) {
        let is_loose = |at: usize| {
            let before = at.checked_sub(1).and_then(|at| self.kept.get(at));
            let behind = self.kept.get(at + self.needle.len()..).unwrap_or_default();
            let behind = behind.strip_prefix(b"--").unwrap_or(behind);
            let blank = behind.iter().take_while(|it| matches!(it, b' ' | b'\t')).count();
            let is_cut = behind.get(blank) == Some(&b'\r')
                && behind.get(blank + 1).is_some_and(|byte| *byte != b'\n');
            before == Some(&b'\r') || before == Some(&b'\n') && (is_cut || blank > MAX_BLANK)
        };
        self.is_found = self.is_found
            || memchr::memmem::find_iter(&self.kept, &self.needle)
                .take_while(|at| *at < end)
                .any(is_loose);
    }
}

/// Returns true if no mail program shows a part with this label (RFC 8551 section 3.5.3.1), also under types that relays give
/// to what they do not know. What has the name of something else is opened as that: a signature has room for any text in what
/// it does not cover.
fn is_signature_type(part: &Part) -> bool {
    let kind = &part.content_type;
    let is_of = |subtypes: &[&str]| subtypes.iter().any(|it| kind.is("application", it));
    let disposition = part.disposition.as_ref().and_then(|it| it.parameter("filename"));
    let names = [disposition, kind.parameter("name")];
    let mut endings = names.iter().flatten().map(|name| {
        let name = name.trim().to_ascii_lowercase();
        name.rsplit_once('.').map(|(_, ending)| ending.to_owned())
    });
    if is_of(&["octet-stream"]) {
        return endings.all(|it| it.as_deref() == Some("p7s"));
    }
    is_of(&["pkcs7-signature", "x-pkcs7-signature", "pkcs7-mime", "x-pkcs7-mime"])
        && endings.all(|it| it.is_none_or(|it| ["p7s", "p7m", "p7c"].contains(&it.as_str())))
}

/// Returns true if no signature fits, and at least one could not be checked: nothing says that the content was changed.
pub(super) fn is_unknown(report: &SignedReport) -> bool {
    !is_good(report) && report.signers.iter().any(|signer| !is_checked(&signer.result))
}

/// Returns true if one signature fits the content and another one does not.
pub(super) fn disagree(report: &SignedReport) -> bool {
    is_good(report) && report.signers.iter().any(|it| it.result.is_err() && is_checked(&it.result))
}

/// Returns false if we lack what it takes to check a signature.
pub(super) fn is_checked(result: &Result<(), chancery_cms::Error>) -> bool {
    use chancery_cms::Error;
    use chancery_crypto::Error as Primitive;
    let is_missing = |error: &Error| {
        matches!(
            error,
            Error::Unsupported { .. }
                | Error::NoCertificate { .. }
                | Error::Crypto(Primitive::Unsupported { .. })
        )
    };
    !result.as_ref().is_err_and(is_missing)
}

/// Returns true if at least one signature fits.
pub(super) fn is_good(report: &SignedReport) -> bool {
    report.signers.iter().any(|signer| signer.result.is_ok())
}

impl Detached {
    fn complain(&mut self, code: &'static Code, text: impl Into<String>) {
        self.problems.push(Problem::new(code, text));
    }

    /// Checks the content byte for byte first, and with CRLF line ends if that fails and it has others.
    fn verify_content(
        &mut self,
        entity: &mut Entity<'_>,
        content: Span,
        der: &[u8],
        mut verifier: DetachedVerifier,
    ) -> io::Result<SignedReport> {
        let mut ends = LineEnds::default();
        entity.for_each_chunk(content, |chunk| {
            verifier.update(chunk);
            ends.look(chunk);
        })?;
        let report = verifier.finish();
        if is_good(&report) || !ends.has_bare {
            return Ok(report);
        }
        // RFC 8551 section 3.1.1: text is signed with CRLF line ends, whatever a relay made of them.
        let Ok(mut verifier) = DetachedVerifier::new(der) else { return Ok(report) };
        let mut canonical = Canonical::default();
        entity.for_each_chunk(content, |chunk| {
            canonical.push(chunk, |bytes| verifier.update(bytes));
        })?;
        let second = verifier.finish();
        if !is_good(&second) {
            return Ok(report);
        }
        self.complain(
            &error::LINE_ENDINGS,
            "the line ends of the signed part were changed on the way",
        );
        Ok(second)
    }

    /// Notices a micalg that announces another digest; the one in the signature counts (RFC 8551 section 3.5.3.2).
    fn check_micalg(&mut self, part: &Part, report: &SignedReport) {
        let plain = |name: &str| name.to_ascii_lowercase().replace('-', "");
        let Some(announced) = part.content_type.parameter("micalg") else { return };
        let announced: Vec<String> = announced.split(',').map(|name| plain(name.trim())).collect();
        for digest in report.signers.iter().filter_map(|signer| signer.digest) {
            if !announced.contains(&plain(digest.name())) {
                let text =
                    format!("micalg says {}, the signature uses {digest}", announced.join(","));
                self.complain(&error::MICALG, text);
            }
        }
    }
}

/// Finds out whether there are line ends other than CRLF.
#[derive(Default)]
struct LineEnds {
    last: u8,
    has_bare: bool,
}

impl LineEnds {
    fn look(&mut self, chunk: &[u8]) {
        if self.has_bare {
            return;
        }
        if are_crlf(self.last, chunk) {
            self.last = chunk.last().copied().unwrap_or(self.last);
            return;
        }
        for at in memchr::memchr_iter(b'\n', chunk) {
            let before =
                at.checked_sub(1).and_then(|at| chunk.get(at).copied()).unwrap_or(self.last);
            if before != b'\r' {
                self.has_bare = true;
                return;
            }
        }
        self.last = chunk.last().copied().unwrap_or(self.last);
    }
}

/// Makes every line end CRLF.
#[derive(Default)]
struct Canonical {
    last: u8,
}

impl Canonical {
    /// Gives `emit` the chunk with a CR before every LF that has none.
    fn push(&mut self, chunk: &[u8], mut emit: impl FnMut(&[u8])) {
        let mut start = 0;
        for at in memchr::memchr_iter(b'\n', chunk) {
            let before =
                at.checked_sub(1).and_then(|at| chunk.get(at).copied()).unwrap_or(self.last);
            if before != b'\r' {
                emit(chunk.get(start..at).unwrap_or_default());
                emit(b"\r");
                start = at;
            }
        }
        emit(chunk.get(start..).unwrap_or_default());
        self.last = chunk.last().copied().unwrap_or(self.last);
    }
}

/// Signatures carry a few certificates; a megabyte of them is not honest.
const MAX_SIGNATURE: u64 = 1024 * 1024;

/// White space behind a delimiter that is looked over; no program writes any.
const MAX_BLANK: usize = 128;

/// What can follow a delimiter: `--`, white space and a line end.
const MAX_PADDING: usize = 2 + MAX_BLANK + 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn line_ends_become_crlf_however_the_content_is_cut(text in "[ab\r\n]{0,60}", cut in 0_usize..60) {
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            let (mut canonical, mut written, mut ends) = (Canonical::default(), Vec::new(), LineEnds::default());
            for chunk in [first, second] {
                canonical.push(chunk, |bytes| written.extend_from_slice(bytes));
                ends.look(chunk);
            }
            let expected = text.replace("\r\n", "\n").replace('\n', "\r\n");
            prop_assert_eq!(ends.has_bare, expected != text);
            prop_assert_eq!(String::from_utf8(written).unwrap(), expected);
        }
    }
}
