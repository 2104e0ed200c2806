//! A writer of DER (X.690), enough for certificates and lists.

/// Returns one element.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![tag];
    if length < 0x80 {
        der.push(length.to_le_bytes()[0]);
    } else {
        let octets: Vec<u8> =
            length.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
        der.push(0x80 | octets.len().to_le_bytes()[0]);
        der.extend(octets);
    }
    der.extend(content);
    der
}

/// Returns a `SEQUENCE` of encoded elements.
pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// Returns a `SET` of encoded elements.
pub fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x31, &parts.concat())
}

/// Returns an element with an explicit tag, constructed.
pub fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    element(0xa0 | number, content)
}

/// Returns an element with an implicit tag, primitive.
pub fn implicit(number: u8, content: &[u8]) -> Vec<u8> {
    element(0x80 | number, content)
}

/// Returns an `INTEGER` that is not negative.
pub fn integer(number: u64) -> Vec<u8> {
    element(2, &integer_octets(number))
}

/// Returns the content octets of an `INTEGER` that is not negative.
pub fn integer_octets(number: u64) -> Vec<u8> {
    let mut octets: Vec<u8> =
        number.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
    if octets.first().is_none_or(|first| *first >= 0x80) {
        octets.insert(0, 0);
    }
    octets
}

/// Returns a `BOOLEAN`.
pub fn boolean(value: bool) -> Vec<u8> {
    element(1, &[if value { 0xff } else { 0 }])
}

/// Returns an `OCTET STRING`.
pub fn octets(content: &[u8]) -> Vec<u8> {
    element(4, content)
}

/// Returns a `BIT STRING` of whole octets.
pub fn bits(content: &[u8]) -> Vec<u8> {
    element(3, &[&[0], content].concat())
}

/// Returns a named bit list: bit 0 of the standard is the lowest of the number.
pub fn named_bits(bits: u16) -> Vec<u8> {
    let [first, second] = bits.reverse_bits().to_be_bytes();
    let content = if second == 0 { vec![first] } else { vec![first, second] };
    let unused = content.last().map_or(0, |last| last.trailing_zeros().min(7));
    let mut whole = vec![unused.to_le_bytes()[0]];
    whole.extend(content);
    element(3, &whole)
}

/// Returns an `OBJECT IDENTIFIER` written with dots.
pub fn oid(text: &str) -> Vec<u8> {
    let arcs: Vec<u64> = text.split('.').filter_map(|arc| arc.parse().ok()).collect();
    let mut content = Vec::new();
    if let [first, second, rest @ ..] = arcs.as_slice() {
        for arc in std::iter::once(&(first * 40 + second)).chain(rest) {
            let groups: Vec<u8> = (0..10)
                .rev()
                .map(|group| ((arc >> (7 * group)) & 0x7f).to_le_bytes()[0])
                .skip_while(|group| *group == 0)
                .collect();
            let last = groups.len().saturating_sub(1);
            if groups.is_empty() {
                content.push(0);
            }
            content.extend(
                groups.iter().enumerate().map(
                    |(place, group)| {
                        if place < last { group | 0x80 } else { *group }
                    },
                ),
            );
        }
    }
    element(6, &content)
}

/// Returns a string of a type.
pub fn text(tag: u8, value: &str) -> Vec<u8> {
    element(tag, value.as_bytes())
}

/// Returns a `Time` from Unix seconds: `UTCTime` from 1950 to 2049, else `GeneralizedTime` (RFC 5280 section 4.1.2.5).
pub fn time(seconds: i64) -> Vec<u8> {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let tail = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if (1950..2050).contains(&year) {
        text(0x17, &format!("{:02}{tail}", year % 100))
    } else {
        text(0x18, &format!("{year:04}{tail}"))
    }
}

/// Returns year, month and day of a day counted from 1970 (Howard Hinnant's `civil_from_days`).
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * month_index + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_in_der() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(128), [2, 2, 0, 128]);
        assert_eq!(oid("2.5.29.32.0"), [6, 4, 0x55, 0x1d, 0x20, 0]);
        assert_eq!(oid("1.2.840.113549"), [6, 6, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]);
        assert_eq!(named_bits(1 << 5), [3, 2, 2, 4]);
        assert_eq!(named_bits(1 << 8), [3, 3, 7, 0, 0x80]);
        assert_eq!(&element(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
        assert_eq!(time(0), b"\x17\x0d700101000000Z");
        assert_eq!(time(-631_152_001), b"\x18\x0f19491231235959Z");
        assert_eq!(time(2_524_608_000), b"\x18\x0f20500101000000Z");
    }
}
