//! The other side: real mail servers and tools, and two recorders that stand in for the internet.

mod dialogue;
pub mod forger;
mod openssl;
mod postfix;
mod sink;
pub mod smime;
mod swaks;
mod tap;
mod terminal;
mod unbound;
mod unix;

pub use dialogue::{Dialogue, stuffed};
pub use openssl::{Identity, OpenSsl};
pub use postfix::{Filter, Postfix, Role};
pub use sink::{Accepted, Answer, Script, SmtpSink, Stage};
pub use swaks::{Swaks, swaks, swaks_at_file};
pub use tap::Tap;
pub use terminal::Terminal;
pub use unbound::Unbound;
pub use unix::serve_socket_file;

use std::process::{Command, Output, Stdio};

/// Runs a program to its end with the given standard input, and panics if it cannot be started.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Output {
    use std::io::Write as _;

    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // Written beside the reading of its output, so that neither side waits for the other; a program that does not
    // read all of it says so by its exit code.
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child
        .wait_with_output()
        .unwrap_or_else(|error| panic!("cannot wait for {command:?}: {error}"));
    writer.join().ok();
    output
}
