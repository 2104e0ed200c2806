//! `UTCTime` and `GeneralizedTime` from and to seconds since 1970 (RFC 5652 section 11.3).

use crate::tlv::{Tlv, element, tag};

/// Returns the time in the form that signing times take: `UTCTime` until 2049, `GeneralizedTime` otherwise.
pub(crate) fn to_der(seconds: i64) -> Vec<u8> {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if (1950..2050).contains(&year) {
        let text = format!("{:02}{rest}", year % 100);
        element(tag::UTC_TIME, &[text.as_bytes()])
    } else {
        // Years outside four digits cannot be written; they come from a broken clock.
        let text = format!("{:04}{rest}", year.clamp(0, 9999));
        element(tag::GENERALIZED_TIME, &[text.as_bytes()])
    }
}

/// Returns the seconds since 1970, or none if it is no time in the form that DER asks for.
pub(crate) fn from_tlv(time: Tlv<'_>) -> Option<i64> {
    let text = std::str::from_utf8(time.content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (time.tag, text.len()) {
        (tag::UTC_TIME, 10 | 12) => {
            let (year, rest) = text.split_at(2);
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (tag::GENERALIZED_TIME, 14) => {
            let (year, rest) = text.split_at(4);
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let field =
        |at: usize| rest.get(at..at + 2).map_or(Some(0), |digits| digits.parse::<i64>().ok());
    let (month, day, hour, minute, second) =
        (field(0)?, field(2)?, field(4)?, field(6)?, field(8)?);
    let days = days_from_civil(year, month, day);
    let is_valid = (1..=12).contains(&month)
        && civil(days) == (year, month, day)
        && hour < 24
        && minute < 60
        && second < 61;
    is_valid.then(|| days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Returns year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years start in March here, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{from_tlv, to_der};
    use crate::tlv::{Slice, element};

    #[test]
    fn times_survive_writing_and_reading() {
        for seconds in
            [0, 1, -1, 951_782_400, 1_700_000_000, 2_524_607_999, 2_524_608_000, 253_402_300_799]
        {
            let der = to_der(seconds);
            assert_eq!(from_tlv(Slice::new(&der, 0).any().unwrap()), Some(seconds));
        }
        assert_eq!(&to_der(951_782_400)[2..], b"000229000000Z");
        assert_eq!(&to_der(2_524_608_000)[2..], b"20500101000000Z");
    }

    #[test]
    fn broken_times_are_no_times() {
        for (tag, text) in [
            (0x17, "000230000000Z"),
            (0x17, "001301000000Z"),
            (0x17, "000101240000Z"),
            (0x17, "0001010000"),
            (0x17, "00010100000+Z"),
            (0x18, "20000101000000"),
            (0x18, "2000010100Z"),
            (0x04, "000101000000Z"),
            (0x17, ""),
        ] {
            let der = element(tag, &[text.as_bytes()]);
            assert_eq!(from_tlv(Slice::new(&der, 0).any().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        to_der(i64::MAX);
        to_der(i64::MIN);
    }
}
