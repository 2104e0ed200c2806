//! Dates of RFC 5322 section 3.3 from and to seconds since 1970.

/// Writes a date in UTC: `Fri, 21 Nov 1997 09:55:06 +0000`. Years before 0 and after 9999 become these.
///
/// ```
/// assert_eq!(chancery_mail::date::format(880_106_106), "Fri, 21 Nov 1997 09:55:06 +0000");
/// ```
pub fn format(unix: i64) -> String {
    let unix = unix.clamp(FIRST, LAST);
    let (days, seconds) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let weekday = name(&WEEKDAYS, (days + 4).rem_euclid(7));
    let month = name(&MONTHS, month - 1);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{weekday}, {day} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
}

/// Reads a date, old forms (RFC 5322 section 4.3) included; `None` if it is not one. Without a zone it is UTC.
pub fn parse(value: &[u8]) -> Option<i64> {
    let text = without_comments(value.get(..MAX_LENGTH).unwrap_or(value))?;
    let mut words =
        text.split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|word| !word.is_empty());
    let mut word = words.next()?;
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        // The name of the day adds nothing; a wrong one is common and does not matter.
        word = words.next()?;
    }
    let day = number(word, 1..=31)?;
    let month_name = words.next()?.get(..3)?;
    let month =
        1 + i64::try_from(MONTHS.iter().position(|month| month.eq_ignore_ascii_case(month_name))?)
            .ok()?;
    let year = year(words.next()?)?;
    let seconds = time(words.next()?)?;
    let zone = words.next().map_or(Some(0), zone)?;
    let days = days(year, month, day);
    // The 31st of February is no date.
    (civil(days) == (year, month, day)).then_some(days * 86_400 + seconds - zone)
}

/// Turns comments into spaces; `None` if it is not ASCII.
fn without_comments(value: &[u8]) -> Option<String> {
    let mut depth = 0_usize;
    let mut text = String::with_capacity(value.len());
    for &byte in value {
        match byte {
            b'(' => depth += 1,
            b')' if depth > 0 => {
                depth -= 1;
                text.push(' ');
            }
            _ if depth > 0 => {}
            byte if byte.is_ascii() => text.push(char::from(byte)),
            _ => return None,
        }
    }
    Some(text)
}

fn year(word: &str) -> Option<i64> {
    let year = number(word, 0..=9999)?;
    // RFC 5322 section 4.3.
    Some(match word.len() {
        2 if year < 50 => year + 2000,
        2 | 3 => year + 1900,
        _ => year,
    })
}

fn time(word: &str) -> Option<i64> {
    let mut pieces = word.split(':');
    let hour = number(pieces.next()?, 0..=23)?;
    let minute = number(pieces.next()?, 0..=59)?;
    // 60 is a leap second.
    let second = pieces.next().map_or(Some(0), |second| number(second, 0..=60))?;
    pieces.next().is_none().then_some(hour * 3600 + minute * 60 + second)
}

/// Returns how many seconds the zone is ahead of UTC.
fn zone(word: &str) -> Option<i64> {
    let sign = match word.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return Some(named_zone(word) * 3600),
    };
    let digits = word.get(1..).filter(|digits| digits.len() == 4)?;
    let hours = number(digits.get(..2)?, 0..=99)?;
    let minutes = number(digits.get(2..)?, 0..=59)?;
    Some(sign * (hours * 3600 + minutes * 60))
}

/// RFC 5322 section 4.3: all names but these mean "unknown", that is `-0000`.
fn named_zone(word: &str) -> i64 {
    match word.to_ascii_uppercase().as_str() {
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        _ => 0,
    }
}

fn number(digits: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    if digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|number| range.contains(number))
}

fn name(names: &[&'static str], number: i64) -> &'static str {
    usize::try_from(number).ok().and_then(|number| names.get(number)).copied().unwrap_or_default()
}

/// Returns the days from 1 January 1970 to a day of the Gregorian calendar (Howard Hinnant, `days_from_civil`): years
/// begin in March, so that the leap day is the last; 400 of them have 146,097 days.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Returns year, month and day of a number of days since 1 January 1970; the inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// 1 January 0000 and 31 December 9999: a year is written with four digits.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

/// No date is longer, comments included.
const MAX_LENGTH: usize = 998;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{format, parse};

    proptest! {
        #[test]
        fn seconds_come_back(unix in super::FIRST..=super::LAST) {
            prop_assert_eq!(parse(format(unix).as_bytes()), Some(unix));
        }

        #[test]
        fn rubbish_never_panics(value in proptest::collection::vec(any::<u8>(), 0..80), text in "[0-9:+, a-zA-Z()-]{0,40}") {
            prop_assert!(parse(&value).is_none_or(|unix| unix.abs() < super::LAST * 2));
            prop_assert!(parse(text.as_bytes()).is_none_or(|unix| unix.abs() < super::LAST * 2));
        }
    }

    #[test]
    fn dates_are_read_in_all_their_forms() {
        for (text, unix) in [
            ("Fri, 21 Nov 1997 09:55:06 -0600", 880_127_706),
            ("21 Nov 97 09:55:06 GMT", 880_106_106),
            ("Tue, 1 Jul 2003 10:52:37 +0200", 1_057_049_557),
            ("Thu, 13\r\n Feb\r\n 1969 23:32\r\n -0330 (Newfoundland (Time))", -27_723_480),
            ("Fri, 29 Feb 2024 00:00:00 +0000", 1_709_164_800),
            ("Sat, 31 Dec 2016 23:59:60 +0000", 1_483_228_800),
            ("1 Jan 2020 00:00 EST", 1_577_854_800),
            ("1 January 2020 00:00:00", 1_577_836_800),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(unix), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Fri",
            "31 Feb 2024 00:00:00 +0000",
            "1 Foo 2020 00:00",
            "1 Jan 2020 24:00",
            "1 Jan 2020 00:00 +1",
            "\u{e9}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn far_dates_stay_four_digit_years() {
        assert_eq!(format(i64::MAX), "Fri, 31 Dec 9999 23:59:59 +0000");
        assert_eq!(format(i64::MIN), "Sat, 1 Jan 0000 00:00:00 +0000");
        assert_eq!(format(0), "Thu, 1 Jan 1970 00:00:00 +0000");
    }
}
