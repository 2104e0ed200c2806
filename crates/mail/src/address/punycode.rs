//! Punycode (RFC 3492).

/// Encodes one label, without the `xn--` before it; `None` if it is far too long for a label.
pub(super) fn encode(label: &str) -> Option<String> {
    let chars: Vec<u32> = label.chars().map(u32::from).collect();
    let mut encoded: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(encoded.len()).ok()?;
    if chars.len() > MAX_CHARS {
        return None;
    }
    if basic > 0 {
        encoded.push('-');
    }
    let (mut code_point, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72_u32, basic);
    while (handled as usize) < chars.len() {
        let next = chars.iter().copied().filter(|&c| c >= code_point).min()?;
        delta = delta.checked_add((next - code_point).checked_mul(handled + 1)?)?;
        code_point = next;
        for &c in &chars {
            if c < code_point {
                delta = delta.checked_add(1)?;
            } else if c == code_point {
                push_number(&mut encoded, delta, bias)?;
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        code_point += 1;
    }
    Some(encoded)
}

/// Decodes one label, given without the `xn--` before it; `None` if it is none.
pub(super) fn decode(encoded: &str) -> Option<String> {
    let (basic, digits) = encoded.rsplit_once('-').unwrap_or(("", encoded));
    let mut chars: Vec<char> = basic.chars().collect();
    if encoded.len() > MAX_CHARS || !encoded.is_ascii() {
        return None;
    }
    let (mut code_point, mut index, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = digits.bytes().peekable();
    while digits.peek().is_some() {
        let before = index;
        let mut weight = 1_u32;
        for position in 1.. {
            let value = value(digits.next()?)?;
            index = index.checked_add(value.checked_mul(weight)?)?;
            let threshold = (BASE * position).saturating_sub(bias).clamp(1, 26);
            if value < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
        }
        let count = u32::try_from(chars.len()).ok()?.checked_add(1)?;
        bias = adapt(index - before, count, before == 0);
        code_point = code_point.checked_add(index / count)?;
        index %= count;
        chars.insert(usize::try_from(index).ok()?, char::from_u32(code_point)?);
        index += 1;
    }
    Some(chars.into_iter().collect())
}

fn value(digit: u8) -> Option<u32> {
    match digit {
        b'a'..=b'z' => Some(u32::from(digit - b'a')),
        b'A'..=b'Z' => Some(u32::from(digit - b'A')),
        b'0'..=b'9' => Some(u32::from(digit - b'0') + 26),
        _ => None,
    }
}

/// Writes a number with digits whose weights depend on `bias` (RFC 3492 section 6.3).
fn push_number(encoded: &mut String, mut number: u32, bias: u32) -> Option<()> {
    for position in 1.. {
        let threshold = (BASE * position).saturating_sub(bias).clamp(1, 26);
        if number < threshold {
            encoded.push(digit(number)?);
            return Some(());
        }
        encoded.push(digit(threshold + (number - threshold) % (BASE - threshold))?);
        number = (number - threshold) / (BASE - threshold);
    }
    None
}

/// RFC 3492 section 5: a to z, then 0 to 9.
fn digit(number: u32) -> Option<char> {
    char::from_u32(if number < 26 {
        number + u32::from(b'a')
    } else {
        number - 26 + u32::from(b'0')
    })
}

/// RFC 3492 section 6.1.
fn adapt(delta: u32, count: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut steps = 0;
    while delta > 455 {
        delta /= 35;
        steps += BASE;
    }
    steps + 36 * delta / (delta + 38)
}

const BASE: u32 = 36;

/// A label has at most 63 octets once encoded; this bounds the quadratic work.
const MAX_CHARS: usize = 63;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, encode};

    #[test]
    fn samples_of_rfc_3492_and_the_registry() {
        for (label, encoded) in [
            ("bücher", "bcher-kva"),
            ("münchen", "mnchen-3ya"),
            ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
            ("почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l"),
            ("3年b組金八先生", "3b-ww4c5e180e575a65lsy2b"),
            ("ü", "tda"),
        ] {
            assert_eq!(encode(label).as_deref(), Some(encoded), "{label}");
            assert_eq!(decode(encoded).as_deref(), Some(label), "{label}");
        }
    }

    proptest! {
        #[test]
        fn a_label_comes_back(label in "[a-z0-9\u{e0}-\u{ff}\u{430}-\u{44f}\u{4e00}-\u{4eff}]{1,12}") {
            prop_assert_eq!(decode(&encode(&label).unwrap()).unwrap(), label);
        }

        #[test]
        fn rubbish_never_panics(text in "[a-zA-Z0-9-]{0,70}|\\PC{0,20}") {
            decode(&text);
        }
    }
}
