//! What a bridge publishes, while `chancery serve --role authority` serves it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::chancery::binary;
use crate::wait;

/// The process that serves it; it ends with this value.
#[derive(Debug)]
pub struct Serving(Child);

impl Serving {
    /// Starts it with `bridge/chancery.toml` in a folder, and waits until somebody answers at the address.
    pub fn start(folder: &Path, at: SocketAddr) -> Self {
        let mut command = Command::new(binary());
        command.args(["serve", "--config", "bridge/chancery.toml", "--role", "authority"]);
        command.current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let serving = Self(command.spawn().expect("the binary starts"));
        wait::until("the publication", || TcpStream::connect(at).ok());
        serving
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Fetches a file; the head and the body.
pub fn fetch(at: SocketAddr, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(at).expect("it is served");
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: bridge\r\n\r\n").expect("a request is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer comes");
    let at = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("an answer has a head");
    (String::from_utf8_lossy(&answer[..at]).into_owned(), answer[at + 4..].to_vec())
}
