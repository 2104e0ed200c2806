//! The same message through another parser, and what it sees elsewhere.

use chancery_mail::index::Index;
use mail_parser::{Encoding, Message, MessageParser, PartType};

/// One part: kind, start of the header, start and end of the body.
type Seen = (&'static str, usize, usize, usize);

/// Returns where both parsers first see something else; `None` if they agree.
pub(crate) fn difference(message: &[u8], index: &Index) -> Option<String> {
    let ours = ours(index);
    let theirs = theirs(message);
    let (number, our, their) = (0..ours.len().max(theirs.len()))
        .map(|number| (number, ours.get(number), theirs.get(number)))
        .find(|(_, our, their)| our != their)?;
    Some(format!(
        "part {number} of {}/{}: we see {our:?}, they see {their:?}",
        ours.len(),
        theirs.len()
    ))
}

fn ours(index: &Index) -> Vec<Seen> {
    let number = |offset: u64| usize::try_from(offset).unwrap();
    let seen = index.parts().iter().map(|part| {
        let kind = match part.children.first().and_then(|&child| index.part(child)) {
            None => "leaf",
            Some(child) if child.delimiter.is_empty() => "message",
            Some(_) => "multipart",
        };
        (kind, number(part.header.start), number(part.body.start), number(part.body.end))
    });
    seen.collect()
}

fn theirs(message: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    if let Some(parsed) = MessageParser::new().parse(message) {
        walk(&parsed, 0, &mut seen);
    }
    seen
}

fn walk(message: &Message<'_>, number: u32, seen: &mut Vec<Seen>) {
    let Some(part) = message.parts.get(number as usize) else { return };
    let (kind, children, inner): (_, &[u32], _) = match &part.body {
        PartType::Multipart(children) => ("multipart", children, None),
        PartType::Message(inner) if part.encoding == Encoding::None => {
            ("message", &[], Some(inner))
        }
        _ => ("leaf", &[], None),
    };
    seen.push((
        kind,
        part.offset_header as usize,
        part.offset_body as usize,
        part.offset_end as usize,
    ));
    for &child in children {
        walk(message, child, seen);
    }
    if let Some(inner) = inner {
        walk(inner, 0, seen);
    }
}

/// Where both parsers differ in the corpora that we use, and why we stay as we are. The ends of the paths.
pub(crate) const EXPLAINED: &[(&str, &str)] = &[
    ("malformed/000.eml", LINE_END),
    ("malformed/001.eml", LINE_END),
    ("malformed/004.eml", PREFIX),
    (
        "malformed/007.eml",
        "a part's own boundary, before its header has ended, is no delimiter for us",
    ),
    ("malformed/008.eml", PREFIX),
    ("malformed/009.eml", OUTER),
    ("malformed/011.eml", OUTER),
    ("malformed/012.eml", OUTER),
    ("malformed/013.eml", LAST),
    ("malformed/014.eml", LAST),
    ("malformed/016.eml", OUTER),
    ("malformed/019.eml", LINE_END),
    (
        "malformed/020.eml",
        "the inner multipart has no empty line after its header; they look for its parts nevertheless",
    ),
    (
        "malformed/021.eml",
        "the inner multipart has no empty line after its header; they look for its parts nevertheless",
    ),
    ("malformed/022.eml", "a message without fields is a message for us, and a text for them"),
    ("thirdparty/005.eml", MID_LINE),
    ("thirdparty/011.eml", LINE_END),
    ("thirdparty/015.eml", OUTER),
    ("msg_12.txt", LINE_END),
    ("msg_37.txt", LINE_END),
    ("msg_38.txt", OUTER),
    ("msg_42.txt", OUTER),
    ("msg_47.txt", LINE_END),
    ("empty-message/input.eml", "nothing is a message without parts for them"),
    ("mixed-boundary-prefixes/input.eml", PREFIX),
    ("mixed-cut-in-part-header/input.eml", LAST),
    ("mixed-empty-parts/input.eml", LINE_END),
    ("mixed-inner-not-closed/input.eml", OUTER),
    (
        "mixed-part-without-header/input.eml",
        "a part that begins with text has no header; they look for one up to an empty line",
    ),
    ("mixed-text-before-boundary/input.eml", MID_LINE),
    (
        "mixed-two-content-types/input.eml",
        "the first of two Content-Type fields counts; theirs is the last",
    ),
    (
        "nul-bytes/input.eml",
        "a delimiter line with more than white space after the boundary is none",
    ),
    ("smime-signed-empty-content/input.eml", LINE_END),
];

const LINE_END: &str = "RFC 2046 section 5.1.1: the line end before a delimiter belongs to it, also the empty line of a part without body";
const LAST: &str = "a delimiter that is not followed by anything begins an empty part";
const MID_LINE: &str = "a delimiter begins a line; theirs may stand anywhere";
const OUTER: &str = "RFC 2046 section 5.1.2: the delimiter of an outer multipart ends the inner ones, also where they are not closed";
const PREFIX: &str = "--ab is no delimiter of the boundary a";
