//! One mistake in a file, and how it is shown.

use std::fmt;

use serde::Serialize;

/// Something wrong with a file, with its place and the mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// Whether a file with the mistake can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but probably does not mean what its author thinks.
    Warning,
}

impl Mistake {
    /// Returns true if the file cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Returns a mistake about a file as a whole, such as one that cannot be opened.
    pub fn of_file(file: &str, message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line: 1,
            column: 1,
            message: message.into(),
            hint,
        }
    }

    /// Returns the text of a file, or the mistake that it is not UTF-8 with its place.
    pub fn check_text<'b>(bytes: &'b [u8], file: &str) -> Result<&'b str, Self> {
        std::str::from_utf8(bytes).map_err(|error| {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line_start = good.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let on_line =
                String::from_utf8_lossy(good.get(line_start..).unwrap_or_default()).chars().count();
            Self {
                line: good.split(|b| *b == b'\n').count(),
                column: on_line + 1,
                ..Self::of_file(
                    file,
                    "the file is not UTF-8 text",
                    Some("save it as UTF-8".to_owned()),
                )
            }
        })
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Returns the text with every control character replaced, so that it can be shown on a terminal.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Returns the mistakes as `check` and `serve` show them, one a line.
pub fn listed(mistakes: &[Mistake]) -> String {
    let mut out = String::new();
    for mistake in mistakes {
        out.push_str(&mistake.to_string());
        out.push('\n');
    }
    out
}
