//! HTTP/1.1 (RFC 9112): a client for small things that foreign data names, certificates, lists and responses; and a
//! server ([`server`]).
//!
//! The client: one request, one connection. There are no cookies, no passwords, no compression and no pipelining, and nothing is kept
//! for the next request. What comes back is limited in octets and in time while it comes in.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use url::Url;

use crate::outbound::{Dialer, Error};

pub mod server;

mod adapter;
mod freshness;

use adapter::{Once, Socket};

/// One request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Where, in full: `http://host/path` or `https://…`.
    pub url: &'a str,
    /// What to send by POST, and of which type; GET without it.
    pub post: Option<(&'static str, Vec<u8>)>,
    /// What was fetched before; the server may say that it is still the same.
    pub known: Option<&'a Validators>,
    /// What it may cost.
    pub limits: Limits,
}

/// What a request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the look-up of the name to the last octet, over all redirects.
    pub time: Duration,
    /// Octets of the body.
    pub octets: usize,
    /// How often the server may send elsewhere.
    pub redirects: u32,
}

/// By what a server recognises what it sent before (RFC 9110 section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`, as it came.
    pub tag: Option<String>,
    /// `Last-Modified`, as it came.
    pub modified: Option<String>,
}

/// What a server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The body; `None` if what was fetched before is still the same.
    pub body: Option<Vec<u8>>,
    /// By what the server recognises it.
    pub validators: Validators,
    /// How long it may be used without asking again (RFC 9111 section 4.2), if the server says so.
    pub fresh_for: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), octets: 1 << 20, redirects: 3 }
    }
}

impl Validators {
    /// Returns true if there is nothing to recognise something by.
    pub fn is_empty(&self) -> bool {
        self.tag.is_none() && self.modified.is_none()
    }
}

/// Sends a request and returns what comes back with status 200, or 304 where that was offered.
pub async fn fetch(dialer: &Dialer, request: &Request<'_>) -> Result<Response, Error> {
    let time = request.limits.time;
    dialer.within(time, follow(dialer, request)).await
}

/// Follows redirects; each goes through the same checks as the first address.
async fn follow(dialer: &Dialer, request: &Request<'_>) -> Result<Response, Error> {
    let mut url = read_url(request.url)?;
    for _ in 0..=request.limits.redirects {
        let next = match ask(dialer, &url, request).await? {
            Answer::Elsewhere(location) => location,
            Answer::Here(response) => return Ok(response),
        };
        let joined = url.join(&next).map_err(|_| Error::Redirect("to no address".to_owned()))?;
        url = read_url(joined.as_str()).map_err(|error| Error::Redirect(error.to_string()))?;
    }
    Err(Error::Redirect(format!("more than {} times", request.limits.redirects)))
}

/// What one server says.
enum Answer {
    Elsewhere(String),
    Here(Response),
}

async fn ask(dialer: &Dialer, url: &Url, request: &Request<'_>) -> Result<Answer, Error> {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let with_tls = url.scheme() == "https";
    let port = url.port_or_known_default().unwrap_or_default();
    let stream = dialer.dial(host, port, &[80, 443], with_tls).await?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(Socket(stream))
        .await
        .map_err(|error| protocol(&error))?;
    let mut connection = pin!(connection);
    let response = drive(connection.as_mut(), sender.send_request(build(url, request)?)).await;
    let response = response.map_err(|error| protocol(&error))?;
    let (head, body) = response.into_parts();
    match head.status {
        StatusCode::OK => {
            refuse_encodings(&head.headers)?;
            let body = drive(connection, collect(body, request.limits.octets)).await?;
            Ok(Answer::Here(received(&head.headers, Some(body))))
        }
        StatusCode::NOT_MODIFIED if request.known.is_some() => {
            Ok(Answer::Here(received(&head.headers, None)))
        }
        status if redirects(status, request.post.is_some()) => {
            let location = text(&head.headers, &header::LOCATION);
            location.map(Answer::Elsewhere).ok_or_else(|| Error::Redirect("to nowhere".to_owned()))
        }
        status => Err(Error::Refused(status.as_u16().to_string())),
    }
}

/// Only what keeps the method may follow a POST (RFC 9110 section 15.4).
fn redirects(status: StatusCode, is_post: bool) -> bool {
    match status.as_u16() {
        307 | 308 => true,
        301..=303 => !is_post,
        _ => false,
    }
}

fn build(url: &Url, request: &Request<'_>) -> Result<hyper::Request<Once>, Error> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = url.host_str().unwrap_or_default();
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut builder = hyper::Request::builder()
        .uri(target)
        .header(header::HOST, authority)
        .header(header::USER_AGENT, "chancery")
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close");
    let known = request.known.cloned().unwrap_or_default();
    for (name, value) in
        [(header::IF_NONE_MATCH, known.tag), (header::IF_MODIFIED_SINCE, known.modified)]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            builder = builder.header(name, value);
        }
    }
    let body = match &request.post {
        Some((kind, octets)) => {
            builder = builder.method(Method::POST).header(header::CONTENT_TYPE, *kind);
            Bytes::from(octets.clone())
        }
        None => Bytes::new(),
    };
    builder.body(Once::new(body)).map_err(|_| Error::Address("cannot be asked for".to_owned()))
}

/// Reads an address and refuses what we never ask for.
fn read_url(text: &str) -> Result<Url, Error> {
    let refuse = |what: &str| Err(Error::Address(what.to_owned()));
    if text.len() > MAX_URL {
        return refuse("is too long");
    }
    let Ok(mut url) = Url::parse(text) else { return refuse("cannot be read") };
    url.set_fragment(None);
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("is neither http nor https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("has a user name or a password in it");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return refuse("has no host");
    }
    Ok(url)
}

/// We ask for no compression; what comes compressed nevertheless is not opened, so that a few octets cannot become many.
fn refuse_encodings(headers: &HeaderMap) -> Result<(), Error> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Error::Protocol("it is compressed".to_owned()))
        }
        _ => Ok(()),
    }
}

fn received(headers: &HeaderMap, body: Option<Vec<u8>>) -> Response {
    let validators = Validators {
        tag: text(headers, &header::ETAG),
        modified: text(headers, &header::LAST_MODIFIED),
    };
    Response { body, validators, fresh_for: freshness::of(headers) }
}

/// Returns a field as text, unless it is long or odd.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= MAX_URL).then(|| value.to_owned())
}

/// Reads the body as long as it stays within the limit.
async fn collect(body: Incoming, limit: usize) -> Result<Vec<u8>, Error> {
    // Said in advance, it need not be begun.
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(Error::TooLarge(limit));
    }
    let mut body = pin!(body);
    let mut octets = Vec::new();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| protocol(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if octets.len() + data.len() > limit {
            return Err(Error::TooLarge(limit));
        }
        octets.extend_from_slice(&data);
    }
    Ok(octets)
}

/// Waits for `work` while the connection moves octets.
async fn drive<T>(
    mut connection: Pin<&mut impl Future<Output = hyper::Result<()>>>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    let mut is_open = true;
    poll_fn(|context| {
        if is_open && connection.as_mut().poll(context).is_ready() {
            // Whatever ended it, `work` is told.
            is_open = false;
        }
        match work.as_mut().poll(context) {
            Poll::Pending if is_open => Poll::Pending,
            other => other,
        }
    })
    .await
}

fn protocol(error: &hyper::Error) -> Error {
    Error::Protocol(error.to_string())
}

/// Longer addresses are not written by anybody who wants to be found.
const MAX_URL: usize = 2_048;
/// Status line and fields of an answer; 8 KiB is the least that hyper takes.
const MAX_HEAD: usize = 16 * 1024;
