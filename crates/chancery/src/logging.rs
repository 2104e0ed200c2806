//! Log lines on standard error, as text or JSON; each line of a message bears its id.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::settings::{Log, LogFormat};

/// Starts logging for this process; a second start changes nothing.
pub fn start(log: &Log) {
    let filter = EnvFilter::new(format!(
        "{},hickory_proto=error,hickory_resolver=error,rustls=error",
        log.level.as_str()
    ));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    // The one error is that something else logs already, which then goes on.
    let _started = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(uses_colour()).try_init(),
    };
}

#[expect(clippy::disallowed_methods, reason = "NO_COLOR is an environment variable by its nature")]
fn uses_colour() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var("NO_COLOR").map_or(true, |value| value.is_empty())
}
