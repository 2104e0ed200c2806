//! Times as certificates write them, as seconds (RFC 5280 section 4.1.2.5): every year from 0 to 9999, before 1970 too.

use der::{Decode as _, Header, Reader, Tag};

/// Reads a `Time`: `UTCTime` for the years 1950 to 2049 or `GeneralizedTime` for all, both in UTC and to the second.
pub(crate) fn read<'a>(reader: &mut impl Reader<'a>) -> der::Result<i64> {
    let header = Header::decode(reader)?;
    let tag = header.tag();
    let text = reader.read_slice(header.length())?;
    let time = match tag {
        // RFC 5280 section 4.1.2.5.1: from 50 on it is the twentieth century.
        Tag::UtcTime => {
            digits(text, 2).map(|(year, rest)| (year + if year < 50 { 2000 } else { 1900 }, rest))
        }
        Tag::GeneralizedTime => digits(text, 4),
        other => return Err(other.unexpected_error(None).into()),
    };
    time.and_then(|(year, rest)| since_1970(year, rest)).ok_or_else(|| tag.value_error().into())
}

/// Returns the time as text in UTC, such as `2026-06-01T12:00:00Z`.
pub fn text(seconds: i64) -> String {
    let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(day);
    if !(0..=9999).contains(&year) {
        return (if year < 0 { "before the year 0" } else { "after the year 9999" }).to_owned();
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Splits a number of so many digits from the front.
fn digits(text: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    let mut value = 0;
    for digit in number {
        value = value * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some((value, rest))
}

/// Reads `MMDDHHMMSSZ`; DER leaves nothing away and has no other zone.
fn since_1970(year: i64, rest: &[u8]) -> Option<i64> {
    let (month, rest) = digits(rest, 2)?;
    let (day, rest) = digits(rest, 2)?;
    let (hour, rest) = digits(rest, 2)?;
    let (minute, rest) = digits(rest, 2)?;
    let (second, rest) = digits(rest, 2)?;
    let days = days(year, month, day);
    let is_real = civil(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
    (is_real && rest == b"Z").then_some(days * DAY + hour * 3600 + minute * 60 + second)
}

/// Returns the days from 1970-01-01 in the Gregorian calendar. A year begins with March here, so that the leap day ends it.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * ERA + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day
        - 1
        - FROM_0000_03_01
}

/// Returns year, month and day; the inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(FROM_0000_03_01);
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (year, day) = (era * 400 + year, day - (153 * month + 2) / 5 + 1);
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

const DAY: i64 = 86_400;
/// Days of 400 years, after which the Gregorian calendar repeats.
const ERA: i64 = 146_097;
/// Days from the first of March of the year 0 to 1970-01-01.
const FROM_0000_03_01: i64 = 719_468;

#[cfg(test)]
mod tests {
    use der::SliceReader;

    use super::{civil, days, read, text};

    fn seconds(tag: u8, value: &str) -> Option<i64> {
        let der = [&[tag, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
        read(&mut SliceReader::new(&der).unwrap()).ok()
    }

    #[test]
    fn every_year_has_its_seconds() {
        let (utc, generalized) = (0x17, 0x18);
        for (tag, value, expected) in [
            (utc, "700101000000Z", Some("1970-01-01T00:00:00Z")),
            (utc, "500101120000Z", Some("1950-01-01T12:00:00Z")),
            (utc, "491231235959Z", Some("2049-12-31T23:59:59Z")),
            (generalized, "20500101000000Z", Some("2050-01-01T00:00:00Z")),
            (generalized, "99991231235959Z", Some("9999-12-31T23:59:59Z")),
            (generalized, "19000228000000Z", Some("1900-02-28T00:00:00Z")),
            (generalized, "00000101000000Z", Some("0000-01-01T00:00:00Z")),
            (generalized, "20000229000000Z", Some("2000-02-29T00:00:00Z")),
            // 1900 had no leap day, and neither has a thirteenth month a day.
            (generalized, "19000229000000Z", None),
            (generalized, "20261301000000Z", None),
            (generalized, "20260001000000Z", None),
            (generalized, "20260601240000Z", None),
            (generalized, "20260601120060Z", None),
            (generalized, "20260601120000", None),
            (generalized, "20260601120000.5Z", None),
            (utc, "2606011200Z", None),
            (utc, "260601120000+0100", None),
            (utc, "26060112000\u{d}Z", None),
            (0x0c, "260601120000Z", None),
        ] {
            assert_eq!(seconds(tag, value).map(text).as_deref(), expected, "{value}");
        }
        assert_eq!(seconds(utc, "700101000000Z"), Some(0));
        assert_eq!(seconds(utc, "260601120000Z"), Some(1_780_315_200));
        assert_eq!(seconds(utc, "691231235959Z"), Some(-1));
    }

    #[test]
    fn days_and_dates_are_inverses() {
        for day in (-800_000..3_000_000).step_by(13) {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
        assert!(text(i64::MIN).starts_with("before"));
        assert!(text(i64::MAX).starts_with("after"));
    }
}
