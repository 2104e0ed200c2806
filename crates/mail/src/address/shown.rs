//! Addresses that a text shows to its reader, whatever a parser would make of them.
//!
//! People read `boss @ acme.example`, `{boss@acme.example}` and `boss＠acme.example` as an address, and so do programs
//! that turn texts into links. What cannot be seen is left out before looking, and look-alikes of `@` and `.` count.

use crate::address::{Address, LocalPart, is_deceptive};
use crate::encoded_word;

/// Returns the addresses that `text` shows and that are not `own`, [`MAX_MISLEADING`] at most.
pub(super) fn other_addresses(text: &str, own: &Address) -> Vec<Address> {
    let mut found = Vec::new();
    let mut text = text.to_owned();
    for _ in 0..DECODED {
        collect(&visible(&text), own, &mut found);
        if let Some(turned) = turned(&text) {
            collect(&visible(&turned), own, &mut found);
        }
        // Some programs decode what they have decoded.
        let again = encoded_word::decode_carelessly(text.as_bytes());
        if again == text {
            break;
        }
        text = again;
    }
    found
}

/// Returns the text with what is written from right to left by force turned round, as a screen shows it (Unicode Standard
/// Annex 9, section 2.2); `None` if there is nothing like that.
fn turned(text: &str) -> Option<String> {
    let mut pieces = text.split(OVERRIDE);
    let mut shown = pieces.next()?.to_owned();
    let before = shown.len();
    for piece in pieces {
        let (inside, behind) = piece.split_once(POP).unwrap_or((piece, ""));
        shown.extend(inside.chars().rev());
        shown.push_str(behind);
    }
    (shown.len() > before).then_some(shown)
}

/// Returns the text as it is seen.
fn visible(text: &str) -> Vec<char> {
    let shown = text.chars().filter(|&c| c.is_whitespace() || !is_deceptive(c));
    let mut shown: String = shown.map(plain).collect();
    if shown.contains(['(', '[', '{']) {
        for at in ["(at)", "[at]", "{at}", "(AT)", "[AT]", "{AT}"] {
            shown = shown.replace(at, "@");
        }
    }
    shown.chars().collect()
}

/// Returns the character that this one looks like, where it matters for an address.
fn plain(c: char) -> char {
    match c {
        '\u{FE6B}' => '@',
        // Full-width forms of ASCII.
        '\u{FF01}'..='\u{FF5E}' => {
            char::from_u32(u32::from(c) - 0xFF01 + u32::from('!')).unwrap_or(c)
        }
        '\u{2024}' | '\u{3002}' | '\u{FE52}' | '\u{FF61}' => '.',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c => c,
    }
}

/// Looks around every `@`. Each character is looked at a few times at most.
fn collect(text: &[char], own: &Address, found: &mut Vec<Address>) {
    let ats = text.iter().enumerate().filter(|(_, c)| **c == '@').map(|(at, _)| at);
    for at in ats {
        let (before, after) = text.split_at(at);
        let after = after.get(1..).unwrap_or_default();
        let (local, is_loose_before) = local_before(before);
        let (domain, is_loose_after) = domain_after(after, !is_loose_before);
        let is_loose = is_loose_before || is_loose_after;
        let is_own = |local: &str| {
            let same = |it: Address| it.same_mailbox_by(own, LocalPart::IgnoreAsciiCase);
            Address::parse(&format!("{local}@{domain}")).is_ok_and(same)
        };
        let bare = local.trim_matches(|c: char| !c.is_alphanumeric());
        if !is_domain(&domain) || bare.is_empty() || is_own(&local) || is_own(bare) {
            continue;
        }
        let Ok(address) = Address::parse(&format!("{bare}@{domain}")) else { continue };
        // `Ann @ Acme.example` is where she works.
        if is_loose && is_related(&address.ascii_domain(), &own.ascii_domain()) {
            continue;
        }
        if found.len() < MAX_MISLEADING && !found.contains(&address) {
            found.push(address);
        }
    }
}

/// Returns what stands before an `@`, and whether something lies between.
fn local_before(before: &[char]) -> (String, bool) {
    let end = before.iter().rposition(|c| !is_between(*c)).map_or(0, |at| at + 1);
    let run = before.get(..end).unwrap_or_default();
    let start = run.iter().rposition(|c| !is_local(*c)).map_or(0, |at| at + 1);
    let start = start.max(end.saturating_sub(MAX_RUN));
    (run.get(start..).unwrap_or_default().iter().collect(), end < before.len())
}

/// Returns the domain behind an `@`, and whether something lies between; white space beside a dot of it is left out if
/// the `@` stands close to what is before it.
fn domain_after(after: &[char], is_close: bool) -> (String, bool) {
    let start = after.iter().position(|c| !is_between(*c)).unwrap_or(after.len());
    let rest = after.get(start..).unwrap_or_default();
    let label = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        from + tail
            .iter()
            .take(MAX_RUN)
            .position(|c| !is_label(*c))
            .unwrap_or(tail.len().min(MAX_RUN))
    };
    let mut end = label(0);
    let mut domain: String = rest.get(..end).unwrap_or_default().iter().collect();
    while is_close && start == 0 && domain.len() < MAX_RUN {
        let gap = rest.get(end..).unwrap_or_default();
        let spaces = gap.iter().take(MAX_RUN).take_while(|c| c.is_whitespace()).count();
        let next = label(end + spaces);
        let more: String = rest.get(end + spaces..next).unwrap_or_default().iter().collect();
        let is_split = domain.ends_with('.') != more.starts_with('.');
        let is_name = more.chars().all(|c| c == '.' || c.is_lowercase()) && more.len() > 1;
        if spaces == 0 || !is_split || !is_name {
            break;
        }
        domain += &more;
        end = next;
    }
    (domain.trim_matches(|c: char| !c.is_alphanumeric()).to_owned(), start > 0)
}

/// Returns true for a name with a dot whose last label could be a top-level domain.
fn is_domain(domain: &str) -> bool {
    let Some((_, last)) = domain.rsplit_once('.') else { return false };
    last.chars().count() > 1
        && (last.chars().all(char::is_alphabetic) || last.to_ascii_lowercase().starts_with("xn--"))
}

/// Returns true if the domains are the same, or one lies below the other.
fn is_related(one: &str, other: &str) -> bool {
    let is_below = |lower: &str, upper: &str| {
        lower.strip_suffix(upper).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_below(one, other) || is_below(other, one)
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn is_label(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// What may stand beside an `@` without anybody minding: white space, quotes and brackets.
fn is_between(c: char) -> bool {
    c.is_whitespace() || "\"'`()[]{}<>\\|".contains(c) || matches!(c, '\u{2018}'..='\u{201F}')
}

/// Addresses reported at most. Who shows as many has no honest reason, and there may be more.
pub const MAX_MISLEADING: usize = 16;

/// Right-to-left override, and what ends it.
const OVERRIDE: char = '\u{202E}';
const POP: char = '\u{202C}';

/// How often a name is decoded: programs that do it twice were seen.
const DECODED: usize = 3;

/// No address has longer parts.
const MAX_RUN: usize = 320;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own() -> Address {
        Address::parse("eve@evil.example").unwrap()
    }

    #[test]
    fn what_a_screen_turns_round_is_seen() {
        for text in [
            "\u{202e}elpmaxe.knab@ssob\u{202c}",
            "\u{202e}elpmaxe.knab@ssob",
            "boss@\u{202e}elpmaxe.knab\u{202c} (Ann)",
            "=?x-unknown?q?boss=40bank.example?=",
            "=?utf-8?q?=3D=3Fx-unknown=3Fq=3Fboss=3D40bank.example=3F=3D?=",
        ] {
            let found: Vec<String> =
                other_addresses(text, &own()).iter().map(ToString::to_string).collect();
            assert!(found.contains(&"boss@bank.example".to_owned()), "{text} {found:?}");
        }
    }

    proptest! {
        #[test]
        fn no_decoration_hides_an_address(
            before in "[ |{}()<>'.,;:!*_\"\\\\\\[\\]~/\u{200b}\u{202e}\u{2013}-]{0,8}|[a-z .]{0,8} ",
            after in "[ |{}()<>'.,;:!*_\"\\\\\\[\\]~/\u{200b}\u{202e}\u{2013}-]{0,8}| [a-z @]{0,8}",
            around in "[ \u{200b}\u{a0}'\"]{0,2}",
            at in "[@\u{ff20}\u{fe6b}]|\\(at\\)",
        ) {
            let text = format!("{before}boss{around}{at}{around}acme.example{after}");
            let found: Vec<String> =
                other_addresses(&text, &own()).iter().map(ToString::to_string).collect();
            prop_assert!(found.contains(&"boss@acme.example".to_owned()), "{:?} {:?}", text, found);
        }

        #[test]
        fn what_shows_no_address_is_left_alone(
            words in "[A-Za-z0-9 .,()'\u{fc}|/&-]{0,40}",
            place in "[a-z]{1,9}",
        ) {
            prop_assert_eq!(other_addresses(&words, &own()), vec![]);
            // At a place, which is no domain.
            prop_assert_eq!(other_addresses(&format!("{words} @ {place}"), &own()), vec![]);
            prop_assert_eq!(other_addresses(&format!("{words} eve@evil.example"), &own()), vec![]);
        }

        #[test]
        fn rubbish_never_panics(text in "\\PC{0,60}|[@. a()\u{200b}=?-]{0,60}") {
            prop_assert!(other_addresses(&text, &own()).len() <= MAX_MISLEADING);
        }
    }
}
