//! The server's side of HTTP/1.1 for those who only fetch: `GET` and `HEAD`, one request a connection (RFC 9110, 9112).
//!
//! One request a connection leaves nothing to be confused about: what comes behind the first request is never read as
//! another one, so it does not matter what somebody hides there.

use std::fmt::Write as _;

mod encoding;

pub use encoding::{decode, encode};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Only the fields are wanted, without the content (`HEAD`).
    pub is_head: bool,
    /// The path, as it was sent: it begins with a slash and is not decoded.
    pub path: String,
    /// What follows the question mark, not decoded.
    pub query: Option<String>,
    /// The host that was asked, in lower case and without a port; empty if nobody says.
    pub host: String,
    /// What the client has already (`If-None-Match`), as it was sent.
    known: Vec<String>,
}

/// What the octets at the front of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// More octets are needed to say.
    Short,
    /// A request that is not answered, and the status that says why.
    Wrong(Status),
    /// It is whole.
    Whole(Request),
}

/// How a request ended (RFC 9110 section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 304: the client has it already.
    NotModified,
    /// 400
    BadRequest,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 414
    UriTooLong,
    /// 429 (RFC 6585 section 4)
    TooManyRequests,
    /// 431 (RFC 6585 section 5)
    FieldsTooLarge,
    /// 503
    Unavailable,
    /// 505
    VersionNotSupported,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it ended.
    pub status: Status,
    /// Fields beside those that every answer has; they are our own words, without line ends.
    pub fields: Vec<(&'static str, String)>,
    /// The content.
    pub body: Vec<u8>,
}

/// Reads a request from the octets that have come so far.
pub fn read(octets: &[u8]) -> Head {
    // Section 2.2: an empty line before the request is passed over.
    let octets = octets.strip_prefix(b"\r\n").unwrap_or(octets);
    let Some(end) = octets.windows(4).take(MAX_HEAD).position(|it| it == b"\r\n\r\n") else {
        let is_one_line = !octets.iter().take(MAX_HEAD).any(|octet| *octet == b'\n');
        return match (octets.len() < MAX_HEAD, is_one_line) {
            (true, _) => Head::Short,
            (false, true) => Head::Wrong(Status::UriTooLong),
            (false, false) => Head::Wrong(Status::FieldsTooLarge),
        };
    };
    let text = octets.get(..end).and_then(|it| std::str::from_utf8(it).ok());
    match text.ok_or(Status::BadRequest).and_then(request) {
        Ok(request) => Head::Whole(request),
        Err(status) => Head::Wrong(status),
    }
}

fn request(text: &str) -> Result<Request, Status> {
    let mut lines = text.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, version] = words.as_slice() else { return Err(Status::BadRequest) };
    let is_new = match *version {
        "HTTP/1.0" => false,
        "HTTP/1.1" => true,
        other if other.starts_with("HTTP/") => return Err(Status::VersionNotSupported),
        _ => return Err(Status::BadRequest),
    };
    let is_head = match *method {
        "GET" => false,
        "HEAD" => true,
        _ => return Err(Status::MethodNotAllowed),
    };
    let (authority, target) = split(target)?;
    let (mut hosts, mut known) = (Vec::new(), Vec::new());
    for line in lines {
        // A line that continues another one has no name at its front (section 5.2).
        let (name, value) = line.split_once(':').ok_or(Status::BadRequest)?;
        if name.is_empty() || !name.bytes().all(is_token) || value.bytes().any(is_control) {
            return Err(Status::BadRequest);
        }
        if name.eq_ignore_ascii_case("host") {
            hosts.push(value.trim());
        } else if name.eq_ignore_ascii_case("if-none-match") {
            known.push(value.trim().to_owned());
        }
    }
    // Section 3.2: exactly one, and in the old version perhaps none.
    if hosts.len() > 1 || (is_new && hosts.is_empty()) {
        return Err(Status::BadRequest);
    }
    let host = authority.unwrap_or_else(|| hosts.first().copied().unwrap_or_default());
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    Ok(Request { is_head, path: path.to_owned(), query, host: name_of(host), known })
}

/// Takes a target apart: the absolute form must be understood as well (section 3.2.2).
fn split(target: &str) -> Result<(Option<&str>, &str), Status> {
    if !target.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'#') {
        return Err(Status::BadRequest);
    }
    if target.starts_with('/') {
        return Ok((None, target));
    }
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let (front, rest) = target.split_at_checked(scheme.len())?;
        front.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let rest = rest.ok_or(Status::BadRequest)?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let path = if path.starts_with('/') { path } else { "/" };
    Ok((Some(authority), path))
}

/// Returns a host without its port, in lower case.
fn name_of(host: &str) -> String {
    let is_port = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// RFC 9110 section 5.6.2.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

fn is_control(octet: u8) -> bool {
    octet != b'\t' && octet.is_ascii_control()
}

impl Request {
    /// Returns true if the client has what this tag is of (RFC 9110 section 13.1.2).
    pub fn knows(&self, tag: &str) -> bool {
        let mut tags = self.known.iter().flat_map(|value| value.split(','));
        tags.any(|it| {
            let it = it.trim();
            it == "*" || it.strip_prefix("W/").unwrap_or(it) == tag
        })
    }
}

impl Reply {
    /// Makes an answer without more fields.
    pub fn new(status: Status, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields: Vec::new(), body: body.into() }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Writes the answer; `date` is the time as RFC 9110 section 5.6.7 writes it. What answers `HEAD` has the same fields
    /// and no content.
    pub fn write(&self, date: &str, is_head: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\nDate: {date}\r\n", self.status.line());
        if self.status == Status::MethodNotAllowed {
            head.push_str("Allow: GET, HEAD\r\n");
        }
        for (name, value) in &self.fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if self.status != Status::NotModified {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        // No browser takes the content for something else than it is.
        head.push_str("X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
        let mut octets = head.into_bytes();
        if !is_head && self.status != Status::NotModified {
            octets.extend_from_slice(&self.body);
        }
        octets
    }
}

impl Status {
    /// Returns the number and its words.
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::NotModified => "304 Not Modified",
            Self::BadRequest => "400 Bad Request",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::UriTooLong => "414 URI Too Long",
            Self::TooManyRequests => "429 Too Many Requests",
            Self::FieldsTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
            Self::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// Octets of a request; real ones have a few hundred.
pub const MAX_HEAD: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(text: &str) -> Result<Request, Status> {
        match read(format!("{text}\r\n\r\n").as_bytes()) {
            Head::Whole(request) => Ok(request),
            Head::Wrong(status) => Err(status),
            Head::Short => panic!("{text} is whole"),
        }
    }

    #[test]
    fn requests_are_read() {
        for (text, path, query, host) in [
            ("GET / HTTP/1.0", "/", None, ""),
            ("GET /a?b=c?d HTTP/1.1\r\nHost: A.example:8080", "/a", Some("b=c?d"), "a.example"),
            ("GET http://B.example./x HTTP/1.1\r\nHost: a.example", "/x", None, "b.example"),
            ("GET HTTPS://b.example?x HTTP/1.1\r\nHost: b", "/", None, "b.example"),
            ("HEAD /%2e%2e/x HTTP/1.1\r\nhOST:[::1]:80\r\nX: \t y", "/%2e%2e/x", None, "[::1]"),
            ("\r\nGET / HTTP/1.0", "/", None, ""),
        ] {
            let request = ask(text).unwrap_or_else(|status| panic!("{text}: {status:?}"));
            let found = (request.path.as_str(), request.query.as_deref(), request.host.as_str());
            assert_eq!(found, (path, query, host), "{text}");
            assert_eq!(request.is_head, text.starts_with("HEAD"));
        }
    }

    #[test]
    fn what_is_no_plain_fetch_is_refused() {
        for (text, status) in [
            ("POST / HTTP/1.1\r\nHost: a", Status::MethodNotAllowed),
            ("get / HTTP/1.0", Status::MethodNotAllowed),
            ("GET / HTTP/2", Status::VersionNotSupported),
            ("GET / http/1.1", Status::BadRequest),
            ("GET /", Status::BadRequest),
            ("GET  / HTTP/1.0", Status::BadRequest),
            ("GET /a b HTTP/1.0", Status::BadRequest),
            ("GET /\u{7f} HTTP/1.0", Status::BadRequest),
            ("GET /ü HTTP/1.0", Status::BadRequest),
            ("GET /#x HTTP/1.0", Status::BadRequest),
            ("GET a HTTP/1.0", Status::BadRequest),
            ("GET * HTTP/1.0", Status::BadRequest),
            ("GET ftp://a/ HTTP/1.0", Status::BadRequest),
            ("GET / HTTP/1.1", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost : a", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\n b: c", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nb: c\nd: e", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nb", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nb: \u{0}", Status::BadRequest),
        ] {
            assert_eq!(ask(text), Err(status), "{text}");
        }
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n"), Head::Wrong(Status::BadRequest));
        let long = format!("GET /{} HTTP/1.1", "a".repeat(MAX_HEAD));
        assert_eq!(read(long.as_bytes()), Head::Wrong(Status::UriTooLong));
        let many = format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(MAX_HEAD));
        assert_eq!(read(many.as_bytes()), Head::Wrong(Status::FieldsTooLarge));
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a\r\n"), Head::Short);
    }

    #[test]
    fn what_a_client_has_is_recognised() {
        let request = |known: &str| ask(&format!("GET / HTTP/1.0\r\n{known}")).unwrap();
        for known in ["\"x\"", "W/\"x\"", "\"y\" , \"x\"", "*", "\"y\"\r\nIF-NONE-MATCH: \"x\""] {
            assert!(request(&format!("if-none-match: {known}")).knows("\"x\""), "{known}");
        }
        for other in ["If-None-Match: \"y\"", "X-If-None-Match: *", "If-None-Match: x", "A: b"] {
            assert!(!request(other).knows("\"x\""), "{other}");
        }
    }

    #[test]
    fn answers_are_written() {
        let reply = Reply::new(Status::Ok, "abc").with("ETag", "\"x\"");
        let text = |reply: &Reply, is_head| String::from_utf8(reply.write("D", is_head)).unwrap();
        assert_eq!(
            text(&reply, false),
            "HTTP/1.1 200 OK\r\nDate: D\r\nETag: \"x\"\r\nContent-Length: 3\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nabc"
        );
        assert_eq!(format!("{}abc", text(&reply, true)), text(&reply, false));
        let same = text(&Reply::new(Status::NotModified, ""), false);
        assert!(!same.contains("Content-Length") && same.ends_with("\r\n\r\n"), "{same}");
        assert!(
            text(&Reply::new(Status::MethodNotAllowed, ""), false).contains("Allow: GET, HEAD")
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_the_same_in_pieces(
            octets in proptest::collection::vec(any::<u8>(), 0..200),
            line in "(GET|HEAD|PUT|) ?/?[a-z./%?#]{0,20} ?HTTP/1.[01]\r\n(Host: [a-z:.]{0,9}\r\n)?",
        ) {
            for octets in [octets, format!("{line}\r\n").into_bytes()] {
                let whole = read(&octets);
                for end in 0..octets.len() {
                    let part = read(&octets[..end]);
                    prop_assert!(part == Head::Short || part == whole);
                }
                if let Head::Whole(request) = whole {
                    prop_assert!(request.path.starts_with('/'));
                }
            }
        }
    }
}
