//! Why a command ends without its result, and the exit status that says so.

use std::fmt;

use chancery_fault::{Coded, Fault};
use chancery_policy::Mistake;

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
        Self { status: Status::No, message: message.into(), hint: None, code: None }
    }

    /// The command line or the configuration is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { status: Status::Usage, message: message.into(), hint: None, code: None }
    }

    /// Something of ours failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { status: Status::Failed, message: message.into(), hint: None, code: None }
    }

    /// Something of ours failed while doing `what`; status and hint come from the error's code.
    pub fn of(what: &str, error: &dyn Coded) -> Self {
        let code = error.code();
        let status = if code.fault == Fault::Us { Status::Failed } else { Status::No };
        let message = if what.is_empty() { error.to_string() } else { format!("{what}: {error}") };
        Self { status, message, hint: Some(code.help.to_owned()), code: Some(code.id) }
    }

    /// The configuration or the policy has mistakes.
    pub fn of_mistakes(mistakes: &[Mistake]) -> Self {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Self::usage(lines.join("\n"))
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
