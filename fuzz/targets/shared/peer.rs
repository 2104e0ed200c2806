//! OpenSSL's library in a process of its own, asked over pipes.

use std::env;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The type of a message; each has its letter in `benches/openssl/peer.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Compressed,
    Detached,
    Digested,
    Enveloped,
    Signed,
}

/// The process; it ends when its input does.
pub struct Peer {
    _process: Child,
    questions: ChildStdin,
    answers: ChildStdout,
}

impl Kind {
    fn letter(self) -> u8 {
        match self {
            Self::Compressed => b'c',
            Self::Detached => b'd',
            Self::Digested => b'h',
            Self::Enveloped => b'e',
            Self::Signed => b's',
        }
    }
}

impl Peer {
    /// Starts it; `cargo xtask fuzz` builds it and says where it is.
    pub fn start() -> Self {
        let program = env::var("CHANCERY_OPENSSL_PEER").expect("CHANCERY_OPENSSL_PEER names the peer: run `cargo xtask fuzz`");
        let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/keys/");
        let files = ["ca.der", "rsa.pkcs8", "rsa.der", "ec.pkcs8", "ec.der"].map(|name| format!("{keys}{name}"));
        let mut process = Command::new(program)
            .arg("answer")
            .args(files)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let (questions, answers) = (process.stdin.take(), process.stdout.take());
        Self { _process: process, questions: questions.expect("a pipe"), answers: answers.expect("a pipe") }
    }

    /// Has it open a message with the key of a person; the content is given if it is outside.
    pub fn ask(&mut self, kind: Kind, person: usize, message: &[u8], content: &[u8]) -> Result<Vec<u8>, String> {
        let mut question = vec![kind.letter(), person as u8];
        question.extend((message.len() as u32).to_le_bytes());
        question.extend((content.len() as u32).to_le_bytes());
        question.extend_from_slice(message);
        question.extend_from_slice(content);
        self.questions.write_all(&question).expect("the peer lives");
        let mut head = [0; 5];
        self.answers.read_exact(&mut head).expect("OpenSSL crashed on this input");
        let [accepted, length @ ..] = head;
        let mut answer = vec![0; u32::from_le_bytes(length) as usize];
        self.answers.read_exact(&mut answer).expect("a whole answer");
        if accepted == 1 { Ok(answer) } else { Err(String::from_utf8_lossy(&answer).into_owned()) }
    }
}
