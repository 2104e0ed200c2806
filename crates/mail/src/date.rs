//! Dates of RFC 5322 section 3.3 from and to seconds since 1970.

/// Writes a date in UTC: `Fri, 21 Nov 1997 09:55:06 +0000`.
pub fn format(unix: i64) -> String {
    todo!("{unix}")
}

/// Reads a date, old forms included; `None` if it is not one.
pub fn parse(value: &[u8]) -> Option<i64> {
    todo!("{value:?}")
}
