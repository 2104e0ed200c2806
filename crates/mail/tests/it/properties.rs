//! The index of generated messages: how they are cut does not matter, and every byte is accounted for.

use std::fmt::Write as _;

use chancery_mail::index::Index;
use proptest::prelude::*;

use crate::support::{check, in_chunks};

/// Lines that mean something to the index, in any order: most messages made of them are broken.
fn line() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("--a"),
        Just("--a--"),
        Just("--ab"),
        Just("--ab--"),
        Just("--a "),
        Just("--a--\t"),
        Just("--"),
        Just("-"),
        Just(""),
        Just("----"),
        Just("--a-"),
        Just(" "),
        Just("text"),
        Just(" folded"),
        Just("Subject: x"),
        Just("rubbish: "),
        Just(":"),
        Just("Content-Type: multipart/mixed; boundary=a"),
        Just("Content-Type: multipart/signed; boundary=\"ab\""),
        Just("Content-Type: multipart/digest; boundary=a--"),
        Just("Content-Type: message/rfc822"),
        Just("content-type : text/html"),
        Just("Content-Transfer-Encoding: base64"),
        Just("Content-Type:"),
        Just(" multipart/mixed; boundary=ab"),
        Just("-----BEGIN PGP MESSAGE-----"),
        Just("From x@y"),
        Just("\r"),
        Just("\0"),
    ]
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let newline = prop_oneof![8 => Just("\r\n"), 4 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\r\n"), 1 => Just("")];
    let lines = proptest::collection::vec((line(), newline), 0..40);
    let root = prop_oneof![
        Just(""),
        Just("Content-Type: multipart/mixed; boundary=a\r\n\r\n"),
        Just("Content-Type: multipart/mixed; boundary=a\n\n--a\n"),
        Just("Content-Type: message/rfc822\r\n\r\n"),
    ];
    (root, lines).prop_map(|(root, lines)| {
        lines
            .iter()
            .fold(root.to_owned(), |text, (line, newline)| text + line + newline)
            .into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_byte_is_in_one_tile(message in message()) {
        check(&message, &Index::of(&message));
    }

    #[test]
    fn chunks_make_no_difference(message in message(), sizes in proptest::collection::vec(1_usize..30, 1..8)) {
        let whole = Index::of(&message);
        prop_assert_eq!(&in_chunks(&message, &sizes), &whole);
        prop_assert_eq!(&in_chunks(&message, &[1]), &whole);
    }

    #[test]
    fn rubbish_has_an_index(message in proptest::collection::vec(any::<u8>(), 0..300)) {
        let index = Index::of(&message);
        check(&message, &index);
        prop_assert_eq!(in_chunks(&message, &[1]), index);
    }

    #[test]
    fn a_tree_comes_back(tree in tree(), newline in prop_oneof![Just("\r\n"), Just("\n")]) {
        let mut text = String::new();
        tree.write(&mut text, 0);
        let message = text.replace('\n', newline).into_bytes();
        let index = Index::of(&message);
        check(&message, &index);
        prop_assert_eq!(Tree::read(&index, &message, 0, newline), tree);
    }
}

/// A message as its writer thinks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree {
    Leaf(String),
    Message(Box<Tree>),
    Multipart(Vec<Tree>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = "([a-z -]{0,9}\n){0,3}[a-z]{0,9}".prop_map(Tree::Leaf);
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Message(Box::new(tree))),
            proptest::collection::vec(inner, 1..5).prop_map(Tree::Multipart),
        ]
    })
}

impl Tree {
    fn write(&self, text: &mut String, depth: usize) {
        match self {
            Self::Leaf(body) => {
                text.push_str("Content-Type: application/x\n\n");
                text.push_str(body);
            }
            Self::Message(inner) => {
                text.push_str("Content-Type: message/rfc822\n\n");
                inner.write(text, depth + 1);
            }
            Self::Multipart(parts) => {
                // Boundaries that begin alike, the outer ones shorter.
                let boundary = format!("B{}", "=".repeat(depth));
                let _ = write!(
                    text,
                    "Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\npreamble"
                );
                for part in parts {
                    let _ = write!(text, "\n--{boundary}\n");
                    part.write(text, depth + 1);
                }
                let _ = write!(text, "\n--{boundary}--\nepilogue");
            }
        }
    }

    fn read(index: &Index, message: &[u8], number: usize, newline: &str) -> Self {
        let part = index.part(number).unwrap();
        let mut children =
            part.children.iter().map(|&child| Self::read(index, message, child, newline));
        match part.content_type.essence().as_str() {
            "message/rfc822" => Self::Message(Box::new(children.next().unwrap())),
            "multipart/mixed" => Self::Multipart(children.collect()),
            _ => {
                let body = std::str::from_utf8(part.body.of(message).unwrap()).unwrap();
                Self::Leaf(body.replace(newline, "\n"))
            }
        }
    }
}
