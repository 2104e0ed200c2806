//! Content-Type, Content-Disposition and Content-Transfer-Encoding (RFC 2045, 2183, 2231).

use crate::content_type::parameters::Scanner;

mod parameters;

pub(crate) use parameters::hex_pair;

/// A media type with its parameters; type, subtype and parameter names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// Such as `text`.
    pub kind: String,
    /// Such as `plain`.
    pub subtype: String,
    /// The parameters in order, decoded (RFC 2231).
    pub parameters: Vec<Parameter>,
    pub(crate) boundary: Option<Vec<u8>>,
}

/// A parameter of a [`ContentType`] or [`Disposition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// In lower case.
    pub name: String,
    /// Without quotes, decoded.
    pub value: String,
}

/// Content-Disposition (RFC 2183).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Such as `attachment`, in lower case.
    pub kind: String,
    /// The parameters in order, decoded.
    pub parameters: Vec<Parameter>,
}

/// Content-Transfer-Encoding (RFC 2045 section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferEncoding {
    /// Lines of ASCII.
    #[default]
    SevenBit,
    /// Lines of bytes.
    EightBit,
    /// Bytes.
    Binary,
    /// Base64.
    Base64,
    /// Quoted-printable.
    QuotedPrintable,
    /// Something else; RFC 2045 section 6.4 wants it treated as `application/octet-stream`.
    Unknown,
}

impl ContentType {
    /// Reads the value of a Content-Type field; `None` if it has no type and subtype.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut scanner = Scanner::new(value);
        let kind = scanner.token()?;
        if !scanner.take(b'/') {
            return None;
        }
        let subtype = scanner.token()?;
        let raw = scanner.parameters();
        let boundary =
            parameters::joined(&raw, "boundary").map(|boundary| boundary.trim_ascii_end().to_vec());
        Some(Self {
            kind,
            subtype,
            parameters: parameters::decoded(raw),
            boundary: boundary.filter(|boundary| !boundary.is_empty()),
        })
    }

    /// Returns true if all mail programs read the same in a Content-Type field: `type/subtype` and parameters that are
    /// there once each, without comments, without the spellings of RFC 2231 and without anything else.
    pub fn is_unequivocal(value: &[u8]) -> bool {
        parameters::are_unequivocal(value)
    }

    pub(crate) fn text() -> Self {
        Self::bare("text", "plain")
    }

    pub(crate) fn message() -> Self {
        Self::bare("message", "rfc822")
    }

    pub(crate) fn opaque() -> Self {
        Self::bare("application", "octet-stream")
    }

    fn bare(kind: &str, subtype: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            subtype: subtype.to_owned(),
            parameters: Vec::new(),
            boundary: None,
        }
    }

    /// Returns true for a whole message (RFC 2046 section 5.2.1, RFC 6532 section 3.7).
    pub fn is_message(&self) -> bool {
        self.kind == "message" && matches!(self.subtype.as_str(), "rfc822" | "global")
    }

    /// Returns true for this type and subtype; write both in lower case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind == kind && self.subtype == subtype
    }

    /// Returns the first parameter of this name; write it in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.parameters, name)
    }

    /// Returns the boundary byte for byte, without white space after it; `None` if it is missing or empty.
    pub fn boundary(&self) -> Option<&[u8]> {
        self.boundary.as_deref()
    }

    /// Returns `type/subtype`.
    pub fn essence(&self) -> String {
        format!("{}/{}", self.kind, self.subtype)
    }
}

impl Disposition {
    /// Reads the value of a Content-Disposition field; `None` if it is empty.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut scanner = Scanner::new(value);
        let kind = scanner.token()?;
        Some(Self { kind, parameters: parameters::decoded(scanner.parameters()) })
    }

    /// Returns the first parameter of this name; write it in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.parameters, name)
    }
}

impl TransferEncoding {
    /// Reads the value of a Content-Transfer-Encoding field.
    pub fn parse(value: &[u8]) -> Self {
        let Some(token) = Scanner::new(value).token() else { return Self::Unknown };
        match token.as_str() {
            "7bit" => Self::SevenBit,
            "8bit" => Self::EightBit,
            "binary" => Self::Binary,
            "base64" => Self::Base64,
            "quoted-printable" => Self::QuotedPrintable,
            _ => Self::Unknown,
        }
    }

    /// Returns true if the body is what is meant, with nothing to decode.
    pub fn is_identity(self) -> bool {
        matches!(self, Self::SevenBit | Self::EightBit | Self::Binary)
    }
}

fn find<'a>(parameters: &'a [Parameter], name: &str) -> Option<&'a str> {
    parameters
        .iter()
        .find(|parameter| parameter.name == name)
        .map(|parameter| parameter.value.as_str())
}

#[cfg(test)]
mod tests;
