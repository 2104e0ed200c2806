//! A program of ours around a library of others: commands go in by lines, one answer comes out for each.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// The program, started when it is needed.
#[derive(Debug)]
pub(crate) struct Script {
    running: Mutex<Option<Running>>,
    /// Whether it is started anew after each refusal.
    is_fragile: bool,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Script {
    pub(crate) fn new(is_fragile: bool) -> Self {
        Self { running: Mutex::default(), is_fragile }
    }

    /// Says a command and returns why it was refused, if it was.
    pub(crate) fn ask(&self, words: &[&str], start: impl Fn() -> Command) -> Result<(), String> {
        let mut slot = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = slot.get_or_insert_with(|| Running::start(start()));
        let answer = running.ask(words);
        if answer.is_err() && self.is_fragile || answer == Err(CRASHED.to_owned()) {
            *slot = None;
        }
        answer
    }
}

/// What an ended program has to say.
const CRASHED: &str = "it crashed";

impl Running {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, stdin, stdout }
    }

    fn ask(&mut self, words: &[&str]) -> Result<(), String> {
        let mut answer = String::new();
        // A program that ended neither takes a command nor gives an answer.
        let _ok = writeln!(self.stdin, "{}", words.join(" "));
        let _ok = self.stdout.read_line(&mut answer);
        match answer.trim() {
            "ok" => Ok(()),
            "" => Err(CRASHED.to_owned()),
            other => Err(other.trim_start_matches("no ").to_owned()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
