//! A program on a terminal of its own: what it draws is seen, and keys are typed when it waits for them.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use crate::wait;

/// A running program that believes that a person sits before it.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
    /// How much of the screen was looked at.
    seen: usize,
}

impl Terminal {
    /// Runs a line of shell on a terminal, in a folder that is its home too.
    pub fn run(line: &str, folder: &Path, path: &str) -> Self {
        let mut command = Command::new("script");
        let line = format!("stty rows 60 cols 120; {line}");
        command.args(["--quiet", "--flush", "--return", "--command", &line, "/dev/null"]);
        command.current_dir(folder).env("HOME", folder).env("PATH", path);
        command.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").env("SHELL", "/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("there is script(1)");
        let keyboard = child.stdin.take().expect("it is piped");
        let mut drawn = child.stdout.take().expect("it is piped");
        let screen = Arc::<Mutex<String>>::default();
        let shared = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = drawn.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                shared.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Self { child, keyboard, screen, reader: Some(reader), seen: 0 }
    }

    /// Waits until it draws a text, behind what was waited for before, and types.
    pub fn when(&mut self, text: &str, keys: &str) {
        let seen = self.seen;
        let end = wait::within(wait::PATIENCE, || {
            let screen = self.screen();
            let rest = screen.get(seen..)?;
            Some(seen + rest.find(text)? + text.len())
        });
        let end = end.unwrap_or_else(|| panic!("{text:?} is not on {:?}", self.screen()));
        self.seen = end;
        self.keyboard.write_all(keys.as_bytes()).expect("the program reads its keyboard");
        self.keyboard.flush().expect("the program reads its keyboard");
    }

    /// Waits for its end and returns its exit status and all that it drew.
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = wait::within(wait::PATIENCE, || {
            self.child.try_wait().expect("it is ours").map(|status| status.code())
        });
        let status = status.unwrap_or_else(|| panic!("it does not end: {:?}", self.screen()));
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not fail");
        }
        (status, self.screen())
    }

    fn screen(&self) -> String {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
