//! Results on standard output, everything else on standard error; a reader that goes away ends the program silently.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::cli::Format;
use crate::failure::{Failure, Result};

/// Where a command puts its result.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
    /// True if results go to standard error, because standard output belongs to a message.
    is_beside: bool,
}

impl Output {
    /// Makes an output of this form.
    pub fn new(format: Format) -> Self {
        Self { format, is_beside: false }
    }

    /// Makes it an output beside a message that is on standard output, if it is.
    #[must_use]
    pub fn beside(self, is_beside: bool) -> Self {
        Self { is_beside, ..self }
    }

    /// Returns true if standard output belongs to a message.
    pub fn is_beside(self) -> bool {
        self.is_beside
    }

    /// Returns true if programs read the result.
    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Prints a result: `text` for people, or `value` for programs.
    pub fn show(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result {
        HAS_SHOWN.store(true, Ordering::Relaxed);
        let shown = match self.format {
            Format::Json => serde_json::to_string_pretty(value).map_err(|error| {
                Failure::failed(format!("cannot write the result as JSON: {error}"))
            })?,
            Format::Text => text(),
        };
        self.print(&shown)
    }

    /// Prints text as it is, with a line end.
    pub fn print(self, text: &str) -> Result {
        let mut out: Box<dyn Write> = if self.is_beside {
            Box::new(io::stderr().lock())
        } else {
            Box::new(io::stdout().lock())
        };
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        let written = write!(out, "{text}{end}").and_then(|()| out.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => Err(Failure::failed(format!("cannot write the result: {error}"))),
            Ok(()) => Ok(()),
        }
    }
}

/// Returns true if a result was shown.
pub fn has_shown() -> bool {
    HAS_SHOWN.load(Ordering::Relaxed)
}

/// The process runs one command.
static HAS_SHOWN: AtomicBool = AtomicBool::new(false);

/// Prints a line for the person at the terminal.
pub fn note(text: &str) {
    // There is nobody left to tell if standard error is closed.
    let _ok = writeln!(io::stderr().lock(), "{text}");
}

/// Asks a yes-or-no question; `None` if there is nobody to ask.
pub fn ask(question: &str) -> Option<bool> {
    if !io::stdin().is_terminal() {
        return None;
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush()).ok()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Returns a table with aligned columns.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&head.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>())];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.join("\n")
}

/// Returns a time in milliseconds since 1970 as people read it.
pub fn time(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms)
        .map_or_else(|| "?".to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Returns a day in Unix seconds as people read it.
pub fn day(unix: i64) -> String {
    chrono::DateTime::from_timestamp(unix, 0)
        .map_or_else(|| "?".to_owned(), |time| time.format("%Y-%m-%d").to_string())
}

/// Returns a number with its noun, in the plural where it must be.
pub fn counted(number: usize, noun: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{end}")
}

/// Returns as much of a fingerprint as tables show.
pub fn short(fingerprint: &str) -> &str {
    fingerprint.get(..16).unwrap_or(fingerprint)
}

/// Makes text from outside safe for a terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows =
            [vec!["a".to_owned(), "longer".to_owned()], vec!["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(table(&["ONE", "TWO"], &rows), "ONE  TWO\na    longer\nccc  d");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb"), "a\u{fffd}[31mb");
    }
}
