//! Address fields of a header (RFC 5322 section 3.4): lists, groups, display names, comments.

use crate::address::{Address, shown};
use crate::encoded_word;
use crate::error::Error;
use crate::header::{HeaderBlock, loose_lines, loose_name};

mod tokens;

use tokens::{Kind, Token, tokenize};

/// One entry of an address field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name, decoded for people; empty if there is none. Never use it to decide anything.
    pub display: String,
    /// The address.
    pub address: Address,
    /// What else some programs show: the comments of the entry and the name of its group, decoded.
    pub beside: String,
}

/// What an address field holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxList {
    /// The entries that can be read in one way only, groups flattened.
    pub mailboxes: Vec<Mailbox>,
    /// What could not be read, one error for each entry.
    pub problems: Vec<Error>,
    /// True if a group has nobody in it: its name is shown, and belongs to no address.
    pub has_empty_group: bool,
}

/// Reads the value of an address field (From, To, Cc …) and returns the mailboxes that are clear.
pub fn parse_mailboxes(value: &[u8]) -> Vec<Mailbox> {
    parse_mailbox_list(value).mailboxes
}

/// Reads the value of an address field and says what could not be read.
///
/// ```
/// use chancery_mail::address::parse_mailbox_list;
///
/// let list = parse_mailbox_list(b"\"boss@acme.example\" <eve@evil.example>, bob@globex.example (Bob)");
/// assert_eq!(list.mailboxes[0].address.to_string(), "eve@evil.example");
/// assert_eq!(list.mailboxes[1].display, "Bob");
///
/// let list = parse_mailbox_list(b"<boss@acme.example> <eve@evil.example>");
/// assert!(list.mailboxes.is_empty() && list.problems.len() == 1);
/// ```
pub fn parse_mailbox_list(value: &[u8]) -> MailboxList {
    let mut list = MailboxList::default();
    let (tokens, problem) = tokenize(value);
    let mut group = None;
    let mut group_name = String::new();
    let mut entry = 0;
    let mut in_angle = false;
    for (position, token) in tokens.iter().enumerate() {
        let so_far = tokens.get(entry..position).unwrap_or_default();
        match token.kind {
            Kind::Special(b'<') => in_angle = true,
            Kind::Special(b'>') => in_angle = false,
            _ if in_angle => {}
            Kind::Special(b',') => {
                list.add(so_far, &group_name);
                entry = position + 1;
            }
            Kind::Special(b':') => {
                // RFC 5322 section 3.4: a group has a name and is not inside another.
                group_name = display(so_far).chars().take(MAX_GROUP_NAME).collect();
                if group.is_some() || so_far.is_empty() || !is_phrase(so_far) {
                    list.problem(token.offset, "a colon stands where no group can begin");
                }
                group = Some((token.offset, list.mailboxes.len()));
                entry = position + 1;
            }
            Kind::Special(b';') => {
                list.add(so_far, &std::mem::take(&mut group_name));
                match group.take() {
                    None => list.problem(token.offset, "a semicolon ends no group"),
                    Some((_, members)) => list.has_empty_group |= members == list.mailboxes.len(),
                }
                entry = position + 1;
            }
            _ => {}
        }
    }
    // What comes before an unclosed quote or comment may be inside it for another program.
    match problem {
        Some((offset, why)) => list.problem(offset, why),
        None => list.add(tokens.get(entry..).unwrap_or_default(), &group_name),
    }
    if let Some((offset, _)) = group {
        list.problem(offset, "a group is not closed");
    }
    list
}

/// Returns the authors of a message: the mailboxes of its one From field, which must be clear in every part.
///
/// This is what a signature is bound to, so anything that two programs could read differently is an error: a second
/// From field, also one that only a careless reader would see as such, or an entry that is not clear.
pub fn authors(header: &HeaderBlock<'_>) -> Result<Vec<Mailbox>, Error> {
    let is_continued =
        |offset: usize, line: &[u8]| offset > 0 && matches!(line.first(), Some(b' ' | b'\t'));
    let visible = loose_lines(header.raw())
        .filter(|(offset, line)| {
            !is_continued(*offset, line) && loose_name(line).as_deref() == Some("from")
        })
        .count();
    if visible > 1 {
        return Err(Error::Author { why: "there is more than one From field" });
    }
    let field = header.first("from").filter(|_| visible == 1);
    let field = field.ok_or(Error::Author { why: "there is no From field" })?;
    let list = parse_mailbox_list(field.value);
    if let Some(problem) = list.problems.into_iter().next() {
        return Err(problem);
    }
    if list.mailboxes.is_empty() {
        return Err(Error::Author { why: "the From field names nobody" });
    }
    if list.has_empty_group {
        return Err(Error::Author { why: "a name in the From field belongs to nobody" });
    }
    Ok(list.mailboxes)
}

impl Mailbox {
    /// Returns the addresses that the reader is shown with this mailbox and that are not its own; [`MAX_MISLEADING`](super::MAX_MISLEADING)
    /// at most, and then there may be more.
    ///
    /// `"boss@acme.example" <eve@evil.example>` is the usual deception; many readers show only the name. Comments, the
    /// name of a group and an `@` in the local part do the same.
    pub fn misleading_addresses(&self) -> Vec<Address> {
        let mut all = shown::other_addresses(&self.display, &self.address);
        for text in [self.beside.as_str(), self.address.local()] {
            for address in shown::other_addresses(text, &self.address) {
                if all.len() < shown::MAX_MISLEADING && !all.contains(&address) {
                    all.push(address);
                }
            }
        }
        all
    }
}

impl MailboxList {
    fn problem(&mut self, offset: usize, why: &'static str) {
        self.problems.push(Error::Address { offset, why });
    }

    /// Adds one entry: what stands between two commas. An empty one is allowed (RFC 5322 section 4.4).
    fn add(&mut self, entry: &[Token], group: &str) {
        let Some(first) = entry.first() else { return };
        match mailbox(entry) {
            Ok(mut mailbox) => {
                if !group.is_empty() && self.mailboxes.len() < MAX_NAMED {
                    mailbox.beside = format!("{group} {}", mailbox.beside);
                }
                self.mailboxes.push(mailbox);
            }
            Err(why) => self.problem(first.offset, why),
        }
    }
}

fn mailbox(entry: &[Token]) -> Result<Mailbox, &'static str> {
    let Some(open) = entry.iter().position(|token| token.kind == Kind::Special(b'<')) else {
        let comment =
            entry.iter().rev().find_map(|token| token.comment_after.as_deref()).unwrap_or_default();
        return Ok(Mailbox {
            display: encoded_word::decode(comment.as_bytes()),
            address: address(entry)?,
            beside: comments(entry),
        });
    };
    let (name, rest) = entry.split_at_checked(open).unwrap_or_default();
    let [_, inner @ .., last] = rest else { return Err("an angle bracket is not closed") };
    if last.kind != Kind::Special(b'>') {
        return Err("something follows the address in angle brackets");
    }
    let address = address(inner)?;
    // `a@b <a@b>` is common and clear; any other name with an @ outside quotes is not.
    let repeats =
        !is_phrase(name) && self::address(name).is_ok_and(|name| name.same_mailbox(&address));
    if !is_phrase(name) && !repeats {
        return Err("the display name is not a phrase");
    }
    Ok(Mailbox { display: display(name), address, beside: comments(entry) })
}

/// Returns what the comments of an entry say.
fn comments(entry: &[Token]) -> String {
    let all: Vec<&str> = entry
        .iter()
        .flat_map(|token| [&token.comment_before, &token.comment_after])
        .filter_map(Option::as_deref)
        .collect();
    encoded_word::decode(all.join(" ").as_bytes())
}

/// Reads an addr-spec. White space and comments inside it are refused, although RFC 5322 lets them stand around the @:
/// programs differ in what they make of them.
fn address(tokens: &[Token]) -> Result<Address, &'static str> {
    if tokens.iter().skip(1).any(|token| token.is_spaced) {
        return Err("there is white space or a comment inside the address");
    }
    let mut text = String::new();
    for token in tokens {
        match &token.kind {
            Kind::Atom(atom) if is_encoded_word(atom) => {
                return Err("there is an encoded word in the address");
            }
            Kind::Atom(atom) | Kind::Literal(atom) => text.push_str(atom),
            Kind::Quoted { raw, .. } => text.push_str(raw),
            Kind::Special(special @ (b'@' | b'.')) => text.push(char::from(*special)),
            Kind::Special(_) => {
                return Err("there is a character that may not stand in an address");
            }
        }
    }
    Address::parse(&text).map_err(|problem| match problem {
        Error::Address { why, .. } | Error::Author { why } => why,
    })
}

/// RFC 2047 section 5: an encoded word may not stand in an addr-spec, but some programs decode it there.
fn is_encoded_word(atom: &str) -> bool {
    atom.contains("=?") && atom.contains("?=")
}

/// RFC 5322 section 3.2.5 with the dots of section 4.1.
fn is_phrase(tokens: &[Token]) -> bool {
    tokens.iter().all(|token| {
        matches!(token.kind, Kind::Atom(_) | Kind::Quoted { .. } | Kind::Special(b'.'))
    })
}

fn display(name: &[Token]) -> String {
    let mut display = String::new();
    for token in name {
        if token.is_spaced && !display.is_empty() {
            display.push(' ');
        }
        match &token.kind {
            Kind::Atom(text) | Kind::Literal(text) | Kind::Quoted { text, .. } => {
                display.push_str(text);
            }
            Kind::Special(special) => display.push(char::from(*special)),
        }
    }
    encoded_word::decode(display.as_bytes())
}

/// What is kept of the name of a group, and of how many members: enough for what is looked at, and no field can fill
/// the memory with it.
const MAX_GROUP_NAME: usize = 1_000;
const MAX_NAMED: usize = 1_000;
