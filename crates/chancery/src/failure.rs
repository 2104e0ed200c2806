//! Why a command ends without its result, and the exit status that says so.

use std::fmt;

use chancery_fault::{Coded, Fault};
use chancery_policy::Mistake;
use serde::Serialize;

use crate::output::{self, Output, note};

/// The end of a command that did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub status: Status,
    /// What was being done and why it failed: lower case, no full stop.
    pub message: String,
    /// What to do, beginning with a verb.
    pub hint: Option<String>,
    /// The stable code that `chancery explain` knows.
    pub code: Option<&'static str>,
    /// True if standard output belongs to a message, so that programs are told on standard error.
    pub is_beside: bool,
}

/// What programs read of a failure.
#[derive(Debug, Serialize)]
struct Words<'f> {
    code: Option<&'static str>,
    message: &'f str,
    hint: Option<&'f str>,
}

/// What a command found, if anything, and why it failed nevertheless.
#[derive(Serialize)]
struct Told<'f, T> {
    #[serde(flatten)]
    found: Option<&'f T>,
    error: Words<'f>,
}

/// Exit statuses, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The answer is no: not found, not valid, not accepted.
    No = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Our failure.
    Failed = 3,
}

/// The result of a command.
pub type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    /// The answer is no.
    pub fn no(message: impl Into<String>) -> Self {
        Self::new(Status::No, message.into())
    }

    /// The command line or the configuration is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message.into())
    }

    /// Something of ours failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Status::Failed, message.into())
    }

    /// Something of ours failed while doing `what`; status and hint come from the error's code.
    pub fn of(what: &str, error: &dyn Coded) -> Self {
        let code = error.code();
        let status = if code.fault == Fault::Us { Status::Failed } else { Status::No };
        let message = if what.is_empty() { error.to_string() } else { format!("{what}: {error}") };
        Self { code: Some(code.id), ..Self::new(status, message).hint(code.help) }
    }

    /// The configuration or the policy has mistakes.
    pub fn of_mistakes(mistakes: &[Mistake]) -> Self {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Self::usage(lines.join("\n"))
    }

    fn new(status: Status, message: String) -> Self {
        Self { status, message, hint: None, code: None, is_beside: false }
    }

    /// Shows what was found although the command fails; programs get the failure with it.
    #[must_use]
    pub fn with_found(mut self, output: Output, found: &impl Serialize, text: &str) -> Self {
        if output.is_json() {
            let _ok = output.show(&self.told(Some(found)), String::new);
        } else if !text.is_empty() {
            let _ok = output.print(text);
        }
        self.is_beside = output.is_beside();
        self
    }

    /// Tells why the command failed: programs on standard output, people on standard error. Where standard output belongs
    /// to a message, standard error has nothing but what programs read.
    pub fn tell(&self, output: Output) {
        let output = output.beside(self.is_beside);
        // One document is all that a command prints: findings that are there say what failed.
        if output.is_json() && !output::has_shown() {
            let _ok = output.show(&self.told::<()>(None), String::new);
        }
        if !output.is_json() || !self.is_beside {
            note(&format!("chancery: {self}"));
        }
    }

    fn told<'f, T>(&'f self, found: Option<&'f T>) -> Told<'f, T> {
        let hint = self.hint.as_deref();
        Told { found, error: Words { code: self.code, message: &self.message, hint } }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(code) = self.code {
            write!(f, " ({code})")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl From<chancery_store::Error> for Failure {
    fn from(error: chancery_store::Error) -> Self {
        Self::of("", &error)
    }
}

impl From<chancery_gateway::Error> for Failure {
    fn from(error: chancery_gateway::Error) -> Self {
        Self::of("", &error)
    }
}

impl From<chancery_authority::Error> for Failure {
    fn from(error: chancery_authority::Error) -> Self {
        Self::of("", &error)
    }
}
