//! Times and sizes as people write them.

use std::time::Duration;

/// Reads a time such as `90s`, `5m`, `4h`, `5d` or `1h30m`; `None` if it is none.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut seconds: u64 = 0;
    let mut smallest_unit = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest)?;
        let mut characters = after.chars();
        let unit = match characters.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        // `30m1h` and `1h1h` are slips, not times.
        if unit >= smallest_unit {
            return None;
        }
        smallest_unit = unit;
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = characters.as_str();
    }
    // Whatever is added to a time of today must stay a time that every library can hold.
    (seconds <= LONGEST_TIME).then(|| Duration::from_secs(seconds))
}

/// Reads a size such as `4096`, `100kB`, `50MB` or `64KiB`; `None` if it is none.
///
/// `kB`, `MB`, `GB` are powers of 1000, `KiB`, `MiB`, `GiB` powers of 1024; case does not matter.
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = leading_number(text.trim())?;
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// Ten years.
const LONGEST_TIME: u64 = 10 * 366 * 86_400;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("0s", Some(0)),
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("1h30m", Some(5_400)),
            ("5d", Some(432_000)),
            ("2w", Some(1_209_600)),
            ("", None),
            ("5", None),
            ("m", None),
            ("5 m", None),
            ("-5m", None),
            ("30m1h", None),
            ("1h1h", None),
            ("1y", None),
            ("4000d", None),
            ("99999999999999999999d", None),
            ("18446744073709551615w", None),
        ] {
            assert_eq!(duration(text).map(|d| d.as_secs()), seconds, "{text}");
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, octets) in [
            ("4096", Some(4_096)),
            ("100kB", Some(100_000)),
            ("50MB", Some(50_000_000)),
            ("50 MB", Some(50_000_000)),
            ("64KiB", Some(65_536)),
            ("1gib", Some(1 << 30)),
            ("MB", None),
            ("", None),
            ("1.5MB", None),
            ("50M", None),
            ("18446744073709551615GB", None),
        ] {
            assert_eq!(size(text), octets, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            duration(&text);
            size(&text);
        }
    }
}
