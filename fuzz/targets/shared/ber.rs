//! Changes messages where their structure is, so that a change is not lost to a wrong length around it.
//!
//! A message is read as a tree of BER elements, one of them is changed, and the tree is written anew with lengths that
//! fit. Bytes that are no BER stay a leaf; the fuzzer's own changes come on top.

/// An element: a tag, and bytes or other elements.
#[derive(Clone)]
pub struct Node {
    tag: u8,
    is_indefinite: bool,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Bytes(Vec<u8>),
    Nodes(Vec<Node>),
}

/// A small generator: the fuzzer gives the seed, so that a run can be repeated.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u32) -> Self {
        Self(u64::from(seed) << 1 | 1)
    }

    /// Returns a number below `limit`, or zero.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }
}

/// Changes one element of the message; none if it is no BER.
pub fn changed(message: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let (mut node, used) = parse(message, MAX_DEPTH)?;
    let trailing = message.get(used..)?.to_vec();
    let count = node.count();
    for _ in 0..=dice.below(2) {
        let mut at = dice.below(count);
        // What others can be taken from.
        let donor = node.nth(&mut dice.below(count))?.clone();
        node.nth(&mut at)?.change(&donor, dice);
    }
    let mut out = Vec::with_capacity(message.len() + 64);
    node.write(&mut out);
    out.extend(trailing);
    Some(out)
}

/// Returns the message with definite lengths and strings in one piece; none if it is no BER.
#[allow(dead_code, reason = "one of the two targets asks for it")]
pub fn definite(message: &[u8]) -> Option<Vec<u8>> {
    let (mut node, used) = parse(message, MAX_DEPTH)?;
    node.make_definite();
    let mut out = Vec::with_capacity(message.len());
    node.write(&mut out);
    out.extend_from_slice(message.get(used..)?);
    Some(out)
}

impl Node {
    fn make_definite(&mut self) {
        self.is_indefinite = false;
        let Body::Nodes(nodes) = &mut self.body else { return };
        nodes.iter_mut().for_each(Node::make_definite);
        // A universal type in pieces that is neither SEQUENCE nor SET.
        if self.tag & 0xc0 == 0 && !matches!(self.tag & 0x1f, 0x10 | 0x11) {
            let mut whole = Vec::new();
            for node in nodes {
                match &node.body {
                    Body::Bytes(bytes) => whole.extend_from_slice(bytes),
                    Body::Nodes(_) => return,
                }
            }
            self.tag &= !0x20;
            self.body = Body::Bytes(whole);
        }
    }

    fn count(&self) -> usize {
        match &self.body {
            Body::Bytes(_) => 1,
            Body::Nodes(nodes) => 1 + nodes.iter().map(Node::count).sum::<usize>(),
        }
    }

    /// Returns the element of this number, counted from here in the order of the message.
    fn nth(&mut self, at: &mut usize) -> Option<&mut Node> {
        if *at == 0 {
            return Some(self);
        }
        *at -= 1;
        match &mut self.body {
            Body::Bytes(_) => None,
            Body::Nodes(nodes) => nodes.iter_mut().find_map(|node| node.nth(at)),
        }
    }

    fn change(&mut self, donor: &Node, dice: &mut Dice) {
        match (dice.below(12), &mut self.body) {
            (0, _) => *self = donor.clone(),
            (1, _) => self.tag = donor.tag,
            (2, _) => self.tag ^= 1 << dice.below(8),
            (3, Body::Nodes(_)) => self.is_indefinite = !self.is_indefinite,
            (4, Body::Nodes(nodes)) => nodes.insert(dice.below(nodes.len() + 1), donor.clone()),
            (5 | 6, Body::Nodes(nodes)) if !nodes.is_empty() => {
                nodes.remove(dice.below(nodes.len()));
            }
            (7, Body::Nodes(nodes)) if nodes.len() > 1 => {
                let (one, other) = (dice.below(nodes.len()), dice.below(nodes.len()));
                nodes.swap(one, other);
            }
            (8, Body::Nodes(nodes)) if !nodes.is_empty() => {
                let twice = nodes[dice.below(nodes.len())].clone();
                nodes.push(twice);
            }
            // A string in pieces.
            (3..=6, Body::Bytes(bytes)) => {
                let (head, tail) = bytes.split_at(dice.below(bytes.len() + 1));
                let piece = |bytes: &[u8]| Node { tag: 0x04, is_indefinite: false, body: Body::Bytes(bytes.to_vec()) };
                let pieces = vec![piece(head), piece(tail)];
                self.tag |= 0x20;
                self.is_indefinite = dice.below(2) == 0;
                self.body = Body::Nodes(pieces);
            }
            (7, Body::Bytes(bytes)) => bytes.truncate(dice.below(bytes.len() + 1)),
            (8, Body::Bytes(bytes)) => bytes.insert(dice.below(bytes.len() + 1), dice.below(256) as u8),
            (_, Body::Bytes(bytes)) if !bytes.is_empty() => {
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
            _ => {}
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut inside = Vec::new();
        match &self.body {
            Body::Bytes(bytes) => inside.extend_from_slice(bytes),
            Body::Nodes(nodes) => nodes.iter().for_each(|node| node.write(&mut inside)),
        }
        out.push(self.tag);
        if self.is_indefinite {
            out.push(0x80);
            out.extend(inside);
            out.extend([0, 0]);
            return;
        }
        match inside.len() {
            short @ 0..0x80 => out.push(short as u8),
            long => {
                let octets = long.to_be_bytes();
                let used = octets.iter().skip_while(|octet| **octet == 0);
                out.push(0x80 | used.clone().count() as u8);
                out.extend(used);
            }
        }
        out.extend(inside);
    }
}

/// Reads one element and returns how many bytes it took.
fn parse(bytes: &[u8], depth: usize) -> Option<(Node, usize)> {
    let (&tag, &first) = (bytes.first()?, bytes.get(1)?);
    let is_constructed = tag & 0x20 != 0;
    let (length, start) = match first {
        0..0x80 => (Some(usize::from(first)), 2),
        0x80 => (None, 2),
        _ => {
            let more = usize::from(first & 0x7f);
            let octets = bytes.get(2..2 + more).filter(|octets| octets.len() <= 8)?;
            let length = octets.iter().try_fold(0usize, |all, octet| all.checked_mul(256)?.checked_add((*octet).into()))?;
            (Some(length), 2 + more)
        }
    };
    let end = match length {
        Some(length) => start.checked_add(length).filter(|end| *end <= bytes.len())?,
        None => bytes.len(),
    };
    if !is_constructed || depth == 0 {
        length?;
        let body = Body::Bytes(bytes.get(start..end)?.to_vec());
        return Some((Node { tag, is_indefinite: false, body }, end));
    }
    let (mut at, mut nodes) = (start, Vec::new());
    loop {
        let rest = bytes.get(at..end)?;
        if length.is_none() && rest.starts_with(&[0, 0]) {
            at += 2;
            break;
        }
        if length.is_some() && rest.is_empty() {
            break;
        }
        let (node, used) = parse(rest, depth - 1)?;
        nodes.push(node);
        at += used;
    }
    Some((Node { tag, is_indefinite: length.is_none(), body: Body::Nodes(nodes) }, at))
}

/// Deeper structures stay as they are.
const MAX_DEPTH: usize = 24;
