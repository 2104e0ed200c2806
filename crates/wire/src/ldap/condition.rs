//! Filters as a server reads them, item by item (RFC 4511 section 4.5.1.7).

use crate::ldap::Error;
use crate::ldap::ber::{OCTET_STRING, Reader, SEQUENCE};
use crate::ldap::filter::{
    AND, ANY, APPROXIMATE, EQUALITY, EXTENSIBLE, FINAL, Filter, GREATER_OR_EQUAL, INITIAL,
    LESS_OR_EQUAL, NOT, OR, PRESENT, SUBSTRINGS,
};

/// One step through a filter, from left to right: what is composed begins with [`Step::Open`] and ends with
/// [`Step::Close`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A filter of filters ends.
    Close(Composed),
    /// A condition on one attribute.
    Item(Item<'a>),
    /// A filter of filters begins.
    Open(Composed),
}

/// What a filter of filters demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Composed {
    /// All of them.
    And,
    /// That the one in it is not so.
    Not,
    /// One of them.
    Or,
}

/// A condition on one attribute. Values are octets: not every syntax is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The description of the attribute; empty for an extensible match on any.
    pub attribute: &'a str,
    /// What its values are compared with.
    pub test: Test<'a>,
}

/// What the values of an attribute are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Test<'a> {
    /// They are about this.
    Approximate(&'a [u8]),
    /// They are this.
    Equal(&'a [u8]),
    /// They match by a named rule; it is not read further.
    Extensible,
    /// They are this or come after it.
    GreaterOrEqual(&'a [u8]),
    /// They are this or come before it.
    LessOrEqual(&'a [u8]),
    /// There are any.
    Present,
    /// They begin with the first, contain these in this order, and end with the last.
    Substrings {
        /// How they begin.
        initial: Option<&'a [u8]>,
        /// What they contain.
        any: Vec<&'a [u8]>,
        /// How they end.
        last: Option<&'a [u8]>,
    },
}

impl Filter {
    /// Reads the filter. What is nested too deep, has too many items or is none is an error.
    pub fn steps(&self) -> Result<Vec<Step<'_>>, Error> {
        let mut steps = Vec::new();
        let mut outer = Reader::new(self.ber());
        let mut open: Vec<(Composed, Reader<'_>, usize)> = Vec::new();
        loop {
            let reader = open.last_mut().map_or(&mut outer, |(_, reader, _)| reader);
            if reader.is_empty() {
                let Some((composed, reader, count)) = open.pop() else {
                    return if steps.is_empty() {
                        Err(outer.flaw("the filter is empty"))
                    } else {
                        Ok(steps)
                    };
                };
                if composed == Composed::Not && count != 1 {
                    return Err(reader.flaw("a negation is not of one filter"));
                }
                steps.push(Step::Close(composed));
                continue;
            }
            if steps.len() >= MAX_STEPS {
                return Err(reader.flaw("the filter has too many items"));
            }
            let element = reader.any()?;
            if let Some((_, _, count)) = open.last_mut() {
                *count += 1;
            }
            let composed = match element.tag {
                AND => Composed::And,
                OR => Composed::Or,
                NOT => Composed::Not,
                tag => {
                    steps.push(Step::Item(item(tag, &element)?));
                    continue;
                }
            };
            if open.len() >= MAX_DEPTH {
                return Err(element.open().flaw("there are too many levels"));
            }
            steps.push(Step::Open(composed));
            open.push((composed, element.open(), 0));
        }
    }
}

fn item<'a>(tag: u8, element: &super::ber::Element<'a>) -> Result<Item<'a>, Error> {
    if tag == PRESENT {
        return Ok(Item { attribute: element.str()?, test: Test::Present });
    }
    let mut fields = element.open();
    if tag == EXTENSIBLE {
        return Ok(Item { attribute: "", test: Test::Extensible });
    }
    if !matches!(tag, EQUALITY | SUBSTRINGS | GREATER_OR_EQUAL | LESS_OR_EQUAL | APPROXIMATE) {
        return Err(fields.flaw("the filter is none that LDAP has"));
    }
    let attribute = fields.expect(OCTET_STRING)?.str()?;
    if tag == SUBSTRINGS {
        return Ok(Item { attribute, test: substrings(fields.expect(SEQUENCE)?.open())? });
    }
    let value = fields.expect(OCTET_STRING)?.content;
    let test = match tag {
        EQUALITY => Test::Equal(value),
        GREATER_OR_EQUAL => Test::GreaterOrEqual(value),
        LESS_OR_EQUAL => Test::LessOrEqual(value),
        _ => Test::Approximate(value),
    };
    Ok(Item { attribute, test })
}

fn substrings(mut pieces: Reader<'_>) -> Result<Test<'_>, Error> {
    let (mut initial, mut any, mut last) = (None, Vec::new(), None);
    while !pieces.is_empty() {
        let piece = pieces.any()?;
        match piece.tag {
            INITIAL if initial.is_none() && any.is_empty() && last.is_none() => {
                initial = Some(piece.content);
            }
            ANY if last.is_none() && any.len() < MAX_PIECES => any.push(piece.content),
            FINAL if last.is_none() => last = Some(piece.content),
            _ => return Err(pieces.flaw("a substring is where none can be")),
        }
    }
    if initial.is_none() && any.is_empty() && last.is_none() {
        return Err(pieces.flaw("there is no substring"));
    }
    Ok(Test::Substrings { initial, any, last })
}

/// Filters within filters.
const MAX_DEPTH: usize = 32;
/// Items, beginnings and ends; a client that asks for a hundred recipients at once needs a hundred.
const MAX_STEPS: usize = 2_048;
/// Pieces of one substring match.
const MAX_PIECES: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(filter: &Filter) -> String {
        let show = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let steps = filter.steps().unwrap();
        let mut text = String::new();
        for step in steps {
            match step {
                Step::Open(Composed::And) => text += "(&",
                Step::Open(Composed::Or) => text += "(|",
                Step::Open(Composed::Not) => text += "(!",
                Step::Close(_) => text += ")",
                Step::Item(Item { attribute, test }) => {
                    text += &match test {
                        Test::Approximate(value) => format!("({attribute}~={})", show(value)),
                        Test::Equal(value) => format!("({attribute}={})", show(value)),
                        Test::Extensible => "(:)".to_owned(),
                        Test::GreaterOrEqual(value) => format!("({attribute}>={})", show(value)),
                        Test::LessOrEqual(value) => format!("({attribute}<={})", show(value)),
                        Test::Present => format!("({attribute}=*)"),
                        Test::Substrings { initial, any, last } => {
                            let any: String = any.iter().map(|it| show(it) + "*").collect();
                            let (initial, last) =
                                (initial.unwrap_or_default(), last.unwrap_or_default());
                            format!("({attribute}={}*{any}{})", show(initial), show(last))
                        }
                    };
                }
            }
        }
        text
    }

    #[test]
    fn a_filter_is_what_was_written() {
        for text in [
            "(mail=a@b.example)",
            "(objectClass=*)",
            "(|(sn=*a@b*)(|(cn=*a@b*)(mail=*a@b*)))",
            "(&(mail=*)(|(mail=a*)(cn=a*b*c)(!(uid~=x))(x>=1)(y<=2)))",
            "(&)",
            "(|)",
        ] {
            assert_eq!(shown(&Filter::parse(text).unwrap()), text);
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for octets in [
            &[][..],
            &[0xa2, 0],
            &[0xa2, 4, 0x87, 0, 0x87, 0],
            &[0xa3, 2, 4, 0],
            &[0xa4, 4, 4, 0, 0x30, 0],
            &[0x87, 1, 0xff],
            &[0x88, 0],
            &[0x04, 0],
            &[0xa4, 8, 4, 0, 0x30, 4, 0x82, 0, 0x80, 0],
        ] {
            assert!(Filter::from_ber(octets).steps().is_err(), "{octets:?}");
        }
        let mut deep = vec![0x87, 0];
        for _ in 0..MAX_DEPTH {
            deep = super::super::ber::element(NOT, &deep);
        }
        assert!(Filter::from_ber(&deep).steps().is_ok());
        assert!(Filter::from_ber(&super::super::ber::element(NOT, &deep)).steps().is_err());
        let wide = super::super::ber::element(OR, &[0x87, 0].repeat(MAX_STEPS));
        assert!(Filter::from_ber(&wide).steps().is_err());
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(steps) = Filter::from_ber(&octets).steps() {
                let opened = steps.iter().filter(|it| matches!(it, Step::Open(_))).count();
                let closed = steps.iter().filter(|it| matches!(it, Step::Close(_))).count();
                prop_assert_eq!(opened, closed);
            }
        }
    }
}
