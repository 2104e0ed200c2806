//! How a text of a name is prepared for comparing: the string preparation of LDAP (RFC 4518, which RFC 5280 section 7.1 demands).
//!
//! Two texts are the same if this makes the same of them. Characters that Unicode got after version 3.2 are not refused, as
//! section 2.4 would have it: they stand for themselves, and half of today's scripts would be no name otherwise.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

/// Returns the text as it is compared, or `None` if it holds a character of which nobody knows what it is.
pub(super) fn prepare(text: &str) -> Option<Vec<u8>> {
    // Nearly all names are ASCII, and nothing but case, spaces and control characters happens to those.
    if text.is_ascii() {
        return Some(ascii(text.as_bytes()));
    }
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let mapped: String = text.chars().filter_map(map).flat_map(fold).collect();
    let once = normalizer.normalize(&mapped);
    // What compatible characters stand for has a case of its own, and may be a character that is mapped (RFC 3454 section
    // 3.2 and table B.2 have the second round within the table).
    let again: String = once.chars().filter_map(map).flat_map(fold).collect();
    let text = normalizer.normalize(&again);
    (!text.chars().any(is_prohibited)).then(|| without_superfluous_spaces(&text))
}

/// The whole preparation of a text that is ASCII.
fn ascii(text: &[u8]) -> Vec<u8> {
    let mut prepared = Vec::with_capacity(text.len());
    let mut is_space_due = false;
    for byte in text {
        match byte {
            b'\t'..=b'\r' | b' ' => is_space_due = !prepared.is_empty(),
            0..=0x1f | 0x7f => {}
            byte => {
                if is_space_due {
                    prepared.push(b' ');
                    is_space_due = false;
                }
                prepared.push(byte.to_ascii_lowercase());
            }
        }
    }
    prepared
}

/// RFC 4518 section 2.2: some characters are as if they were not there, others are spaces.
fn map(character: char) -> Option<char> {
    match character {
        '\t'..='\r'
        | '\u{85}'
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Some(' '),
        '\0'..='\u{8}'
        | '\u{e}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{1806}'
        | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        // Up to U+2063 in the table; the others were added to Unicode since, and are as invisible.
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffc}'
        | '\u{1d173}'..='\u{1d17a}'
        // Tags and, since Unicode 4, the rest of the variation selectors.
        | '\u{e0000}'..='\u{e0fff}' => None,
        other => Some(other),
    }
}

/// RFC 4518 section 2.2: case does not count. There and back again finds characters without an upper case of their own, as ß.
fn fold(character: char) -> impl Iterator<Item = char> {
    // The ı of Turkish has I for its upper case, and is another letter than i all the same.
    let is_dotless = character == DOTLESS_I;
    let folded = character
        .to_lowercase()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(move |_| !is_dotless);
    is_dotless.then_some(character).into_iter().chain(folded)
}

/// RFC 4518 section 2.4: private use, no characters, and the sign that a character was lost.
fn is_prohibited(character: char) -> bool {
    matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fffd}' | '\u{f0000}'..)
        || u32::from(character) & 0xfffe == 0xfffe
}

/// RFC 4518 section 2.6.1: spaces at the ends and all but one between words do not count; what bears an accent is no space.
fn without_superfluous_spaces(text: &str) -> Vec<u8> {
    let classes = CanonicalCombiningClassMapBorrowed::new();
    let mut prepared = String::with_capacity(text.len());
    let mut is_space_due = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_bare = characters.peek().is_none_or(|next| classes.get_u8(*next) == 0);
        if character == ' ' && is_bare {
            is_space_due = !prepared.is_empty();
        } else {
            if is_space_due {
                prepared.push(' ');
                is_space_due = false;
            }
            prepared.push(character);
        }
    }
    prepared.into_bytes()
}

const DOTLESS_I: char = 'ı';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_the_same_is_the_same() {
        for (one, other) in [
            ("Acme", "ACME"),
            ("  Acme \t Inc. ", "acme inc."),
            ("Ac\u{1}me\u{7f}", "acme"),
            ("Café", "Cafe\u{301}"),
            ("CAFÉ", "cafe\u{301}"),
            ("Ac\u{200b}me", "Acme"),
            ("Ac\u{ad}me", "Acme"),
            ("Ac\u{34f}me\u{fe0f}", "Acme"),
            ("A\u{202e}cme", "Acme"),
            ("Ａｃｍｅ", "acme"),
            ("Acme\u{a0}Inc", "Acme Inc"),
            ("Acme\u{3000}\u{2009}Inc\u{85}", "Acme Inc"),
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ﬁnance", "FINANCE"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("K", "k"),
            ("℡", "tel"),
            ("①", "1"),
            ("𝐀cme", "acme"),
            ("İ", "i\u{307}"),
        ] {
            assert_eq!(prepare(one), prepare(other), "{one} and {other}");
            assert!(prepare(one).is_some(), "{one}");
        }
    }

    #[test]
    fn what_reads_differently_is_not() {
        for (one, other) in [
            ("Café", "Cafe"),
            ("Acme Inc", "AcmeInc"),
            ("Аcme", "Acme"),
            ("ı", "i"),
            ("Acme", "Acme ¨"),
            ("ö", "oe"),
        ] {
            assert_ne!(prepare(one), prepare(other), "{one} and {other}");
        }
    }

    #[test]
    fn a_character_that_nobody_knows_has_no_preparation() {
        for text in ["Ac\u{fffd}me", "\u{e000}", "é\u{f8ff}", "\u{fdd0}", "\u{ffff}", "\u{10fffe}"]
        {
            assert_eq!(prepare(text), None, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn preparing_twice_changes_nothing() {
        // Where letters with case, compatible characters and marks are; the others are ideographs and unassigned.
        let ranges = ['\0'..='\u{33ff}', '\u{a640}'..='\u{abff}', '\u{f900}'..='\u{ffff}'];
        for character in ranges.into_iter().flatten().filter(|it| !is_prohibited(*it)) {
            let text = format!("a{character}b");
            let Some(once) = prepare(&text) else { panic!("{}", text.escape_unicode()) };
            let once = String::from_utf8(once).unwrap();
            let twice = prepare(&once).unwrap();
            assert_eq!(once.as_bytes(), twice, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn the_short_way_for_ascii_is_the_long_one() {
        for byte in 0..0x80_u8 {
            let text = format!(" A {}b ", char::from(byte));
            let long: String = text.chars().filter_map(map).flat_map(fold).collect();
            assert_eq!(prepare(&text).unwrap(), without_superfluous_spaces(&long), "{byte:#x}");
        }
    }
}
