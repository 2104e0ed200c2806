//! How long an answer may be used without asking again (RFC 9111 section 4.2).

use std::time::Duration;

use hyper::header::{self, HeaderMap};

/// Returns what the server says, zero if it wants to be asked each time.
pub(super) fn of(headers: &HeaderMap) -> Option<Duration> {
    let age = number(headers.get(header::AGE).and_then(|value| value.to_str().ok())).unwrap_or(0);
    let left = |seconds: u64| Duration::from_secs(seconds.saturating_sub(age));
    let mut lifetime = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-cache" | "no-store" => return Some(Duration::ZERO),
                "max-age" => lifetime = number(Some(value)),
                _ => {}
            }
        }
    }
    // Section 4.2.1: `max-age` goes before `Expires`.
    if let Some(seconds) = lifetime {
        return Some(left(seconds));
    }
    let date = |name| {
        let text = headers.get(name)?.to_str().ok()?;
        httpdate::parse_http_date(text).ok()
    };
    headers.get(header::EXPIRES)?;
    // An invalid date, such as 0, means that it has expired (section 5.3).
    let (Some(expires), Some(sent)) = (date(header::EXPIRES), date(header::DATE)) else {
        return Some(Duration::ZERO);
    };
    let seconds = expires.duration_since(sent).map_or(0, |duration| duration.as_secs());
    Some(left(seconds))
}

/// Reads a number of seconds; a larger one than we can count means for ever.
fn number(text: Option<&str>) -> Option<u64> {
    let text = text?.trim().trim_matches('"');
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderName, HeaderValue};

    use super::of;

    #[test]
    fn what_the_server_says_is_taken_in_its_order() {
        let date = "date: Sun, 06 Nov 1994 08:49:37 GMT";
        let hour = "expires: Sun, 06 Nov 1994 09:49:37 GMT";
        for (fields, expected) in [
            (vec![], None),
            (vec!["cache-control: public, max-age=60"], Some(60)),
            (vec!["cache-control: max-age=\"60\", must-revalidate", "age: 50"], Some(10)),
            (vec!["cache-control: max-age=60", "age: 70"], Some(0)),
            (vec!["cache-control: max-age=60", date, hour], Some(60)),
            (vec!["cache-control: max-age=99999999999999999999999"], Some(u64::from(u32::MAX))),
            (vec!["cache-control: max-age=-1"], None),
            (vec!["cache-control: No-Cache, max-age=60"], Some(0)),
            (vec![date, hour], Some(3600)),
            (vec![date, "expires: 0"], Some(0)),
            (vec![hour], Some(0)),
            (vec!["date: Sun, 06 Nov 1994 10:00:00 GMT", hour], Some(0)),
        ] {
            let mut headers = HeaderMap::new();
            for field in &fields {
                let (name, value) = field.split_once(": ").unwrap();
                headers.append(
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_static(value),
                );
            }
            assert_eq!(of(&headers).map(|it| it.as_secs()), expected, "{fields:?}");
        }
    }
}
