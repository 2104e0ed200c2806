//! Domains that look like another one, because their letters come from another script.
//!
//! Registries forbid most of them, and browsers show them as A-labels; mail programs do neither. This knows the letters
//! that look like ASCII in all usual fonts, and is no copy of Unicode's table (UTS 39): what it names, it names rightly.

use crate::address::{Address, punycode};

impl Address {
    /// Returns the domain that people read if the domain of this address only looks like it: letters of another script in
    /// place of Latin ones, in a label that has both, or before a top-level domain in Latin letters.
    ///
    /// ```
    /// use chancery_mail::Address;
    ///
    /// let address = Address::parse("boss@\u{430}cme.example")?; // CYRILLIC SMALL LETTER A
    /// assert_eq!(address.looks_like().as_deref(), Some("acme.example"));
    /// # Ok::<(), chancery_mail::Error>(())
    /// ```
    pub fn looks_like(&self) -> Option<String> {
        let labels: Vec<String> = self.domain.split('.').map(unicode).collect();
        let last = labels.last()?;
        let is_any = labels.iter().any(|label| {
            let foreign = label.chars().filter(|c| latin(*c).is_some()).count();
            let is_mixed = label.chars().any(|c| c.is_ascii_alphabetic());
            foreign > 0 && (is_mixed || last.is_ascii() && seen(label).is_ascii())
        });
        is_any.then(|| labels.iter().map(|label| seen(label)).collect::<Vec<_>>().join("."))
    }
}

fn unicode(label: &str) -> String {
    let decoded = label.strip_prefix("xn--").and_then(punycode::decode);
    decoded.unwrap_or_else(|| label.to_owned())
}

/// Returns a label as people read it.
fn seen(label: &str) -> String {
    label.chars().map(|c| latin(c).unwrap_or(c)).collect()
}

/// Returns the ASCII letter that a letter of another script cannot be told from.
fn latin(c: char) -> Option<char> {
    LOOK_ALIKES.iter().find(|(letters, _)| letters.contains(c)).map(|(_, latin)| *latin)
}

/// Cyrillic, Greek and Armenian letters, and two of the phonetic alphabet.
const LOOK_ALIKES: [(&str, char); 21] = [
    ("\u{430}\u{3B1}\u{251}", 'a'),
    ("\u{441}\u{3F2}", 'c'),
    ("\u{501}", 'd'),
    ("\u{435}", 'e'),
    ("\u{261}\u{581}", 'g'),
    ("\u{4BB}\u{570}", 'h'),
    ("\u{456}\u{3B9}", 'i'),
    ("\u{458}\u{575}", 'j'),
    ("\u{43A}\u{3BA}", 'k'),
    ("\u{4CF}", 'l'),
    ("\u{578}", 'n'),
    ("\u{43E}\u{3BF}\u{585}", 'o'),
    ("\u{440}\u{3C1}", 'p'),
    ("\u{51B}\u{566}", 'q'),
    ("\u{455}", 's'),
    ("\u{57D}\u{3C5}", 'u'),
    ("\u{475}\u{3BD}", 'v'),
    ("\u{51D}", 'w'),
    ("\u{445}\u{3C7}", 'x'),
    ("\u{443}\u{3B3}", 'y'),
    ("\u{1D22}", 'z'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_another_script_are_noticed_and_other_languages_are_not() {
        for (domain, seen) in [
            ("\u{430}cme.example", Some("acme.example")),
            ("xn--cme-5cd.example", Some("acme.example")),
            // All of it Cyrillic, before a Latin top-level domain.
            ("\u{430}\u{440}\u{440}\u{4CF}\u{435}.com", Some("apple.com")),
            ("mail.g\u{3BF}\u{3BF}gle.com", Some("mail.google.com")),
            ("acme.example", None),
            ("b\u{fc}cher.example", None),
            ("\u{43F}\u{43E}\u{447}\u{442}\u{430}.\u{440}\u{444}", None),
            ("\u{440}\u{43E}\u{441}.\u{440}\u{444}", None),
            ("\u{43F}\u{43E}\u{447}\u{442}\u{430}.com", None),
            ("\u{4F8B}\u{3048}.jp", None),
            ("xn--!!.example", None),
        ] {
            let Ok(address) = Address::parse(&format!("boss@{domain}")) else { continue };
            assert_eq!(address.looks_like().as_deref(), seen, "{domain}");
        }
    }
}
