//! swaks, the tester's SMTP client.

use std::{net::SocketAddr, path::Path, process::Command};

use super::run;

/// What swaks said at the end.
#[derive(Debug)]
pub struct Swaks {
    /// Its exit code: 0, or the stage that failed (24 recipient, 26 data, 29 TLS …).
    pub code: i32,
    /// The dialogue.
    pub transcript: String,
}

/// Runs swaks against a server with more options, each its own word.
pub fn swaks(server: SocketAddr, options: &[&str]) -> Swaks {
    at(&["--server", &server.ip().to_string(), "--port", &server.port().to_string()], options)
}

/// Runs swaks against a server behind a socket file.
pub fn swaks_at_file(path: &Path, options: &[&str]) -> Swaks {
    at(&["--socket", path.to_str().expect("a plain path")], options)
}

fn at(server: &[&str], options: &[&str]) -> Swaks {
    let mut command = Command::new("swaks");
    command.args(server);
    // Without this it asks DNS for its own name.
    command.args(["--ehlo", "client.example", "--timeout", "60s"]).args(options);
    let output = run(&mut command, b"");
    let transcript = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    Swaks { code: output.status.code().unwrap_or(-1), transcript }
}

impl Swaks {
    /// Panics with the dialogue unless the message was accepted.
    pub fn accepted(&self) {
        assert_eq!(self.code, 0, "swaks was refused:\n{}", self.transcript);
    }
}
