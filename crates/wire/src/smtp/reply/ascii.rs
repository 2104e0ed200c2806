//! Spells text in ASCII, because a reply is ASCII unless the other side asked for more (RFC 5321 section 4.2, RFC 6531).
//!
//! Texts of replies are written by administrators in their own language; letters of the languages that have a common
//! spelling without marks get it, so that `für` reads `fuer`.

/// Returns a character as it is written in ASCII: itself, a common spelling, or `?`; control characters become spaces.
pub(super) fn spelled(character: char, out: &mut Vec<u8>) {
    match character {
        c if c.is_control() => out.push(b' '),
        c if c.is_ascii() => out.push(c as u8),
        c => out.extend_from_slice(spelling(c).as_bytes()),
    }
}

fn spelling(character: char) -> &'static str {
    match SPELLINGS.iter().find(|(letters, _)| letters.contains(character)) {
        Some((_, spelling)) => spelling,
        None => "?",
    }
}

/// German first: its marks are written out, in others they are left out.
const SPELLINGS: &[(&str, &str)] = &[
    ("ä", "ae"),
    ("ö", "oe"),
    ("ü", "ue"),
    ("Ä", "Ae"),
    ("Ö", "Oe"),
    ("Ü", "Ue"),
    ("ß", "ss"),
    ("ẞ", "SS"),
    ("æ", "ae"),
    ("Æ", "Ae"),
    ("œ", "oe"),
    ("Œ", "Oe"),
    ("þ", "th"),
    ("Þ", "Th"),
    ("àáâãåāăą", "a"),
    ("ÀÁÂÃÅĀĂĄ", "A"),
    ("çćĉċč", "c"),
    ("ÇĆĈĊČ", "C"),
    ("ðďđ", "d"),
    ("ÐĎĐ", "D"),
    ("èéêëēĕėęě", "e"),
    ("ÈÉÊËĒĔĖĘĚ", "E"),
    ("ĝğġģ", "g"),
    ("ĜĞĠĢ", "G"),
    ("ĥħ", "h"),
    ("ĤĦ", "H"),
    ("ìíîïĩīĭįı", "i"),
    ("ÌÍÎÏĨĪĬĮİ", "I"),
    ("ĵ", "j"),
    ("Ĵ", "J"),
    ("ķ", "k"),
    ("Ķ", "K"),
    ("ĺļľŀł", "l"),
    ("ĹĻĽĿŁ", "L"),
    ("ñńņň", "n"),
    ("ÑŃŅŇ", "N"),
    ("òóôõøōŏő", "o"),
    ("ÒÓÔÕØŌŎŐ", "O"),
    ("ŕŗř", "r"),
    ("ŔŖŘ", "R"),
    ("śŝşšș", "s"),
    ("ŚŜŞŠȘ", "S"),
    ("ţťŧț", "t"),
    ("ŢŤŦȚ", "T"),
    ("ùúûũūŭůűų", "u"),
    ("ÙÚÛŨŪŬŮŰŲ", "U"),
    ("ŵ", "w"),
    ("Ŵ", "W"),
    ("ýÿŷ", "y"),
    ("ÝŸŶ", "Y"),
    ("źżž", "z"),
    ("ŹŻŽ", "Z"),
    ("\u{2018}\u{2019}\u{201a}\u{201b}\u{2039}\u{203a}", "'"),
    ("\u{201c}\u{201d}\u{201e}\u{201f}\u{ab}\u{bb}", "\""),
    ("\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2212}", "-"),
    ("\u{a0}\u{2009}\u{202f}", " "),
    ("…", "..."),
    ("•·", "*"),
    ("€", "EUR"),
    ("§", "section "),
    ("→", "->"),
    ("\u{ad}\u{200b}\u{feff}\u{300}\u{301}\u{302}\u{303}\u{308}\u{327}", ""),
];

#[cfg(test)]
mod tests {
    use super::spelled;

    fn ascii(text: &str) -> String {
        let mut out = Vec::new();
        text.chars().for_each(|character| spelled(character, &mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn words_stay_readable() {
        for (text, expected) in [
            (
                "Anhänge dieser Größe gehen nicht für Österreich",
                "Anhaenge dieser Groesse gehen nicht fuer Oesterreich",
            ),
            ("Refusé : « trop gros » … déjà-vu", "Refuse : \" trop gros \" ... deja-vu"),
            ("Zażółć gęślą jaźń — Łódź", "Zazolc gesla jazn - Lodz"),
            ("Rødgrød på Ærø", "Rodgrod pa Aero"),
            ("u\u{308}ber don\u{2019}t", "uber don't"),
            ("メール", "???"),
            ("a\tb\r\u{85}c", "a b  c"),
        ] {
            assert_eq!(ascii(text), expected);
        }
    }

    #[test]
    fn whatever_comes_is_printable_ascii() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let spelled = ascii(&character.to_string());
            assert!(
                spelled.len() <= 8 && spelled.bytes().all(|b| (0x20..0x7f).contains(&b)),
                "{character:?}"
            );
        }
    }
}
