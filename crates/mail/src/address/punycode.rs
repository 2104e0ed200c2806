//! Punycode (RFC 3492), the encoding half.

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
    use super::encode;

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
        }
    }
}
