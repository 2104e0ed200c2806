//! One round: the source hands in its messages, and the clock stops when the sink has the last of them.

use std::{
    fs,
    io::{BufReader, Read as _},
    net::TcpListener,
    os::unix::fs::chown,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::contenders::Contender;
use crate::run::{Result, command, succeed};

/// What a contender is asked to do in a round.
pub(super) struct Load {
    pub(super) sessions: u32,
    pub(super) messages: u32,
    /// Octets of a message.
    pub(super) size: u32,
}

/// What one round came to.
#[derive(Clone, Copy)]
pub(super) struct Round {
    pub(super) accepted_per_second: f64,
    pub(super) delivered_per_second: f64,
    /// None without a contender.
    pub(super) cpu_ms_per_message: Option<f64>,
}

/// Postfix's own receiver, which counts messages and throws them away; one for all rounds, since a next hop that is
/// gone for a moment is one that a mail server then avoids for minutes.
pub(super) struct Sink {
    count: Arc<(Mutex<Count>, Condvar)>,
    _process: Running,
}

/// A child that ends with us.
pub(super) struct Running(pub(super) Child);

/// What the sink said last.
#[derive(Default)]
struct Count {
    messages: u64,
    is_over: bool,
}

/// How long the sink may wait for its next message; longer than a mail server sleeps after a connection that failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a program may take until it listens.
const START: Duration = Duration::from_secs(30);

/// Kernel clock ticks in a second, as `/proc` counts them on Linux everywhere.
pub(super) const TICKS: f64 = 100.0;

/// The user `nobody`: as root, the sink wants to become somebody else.
const NOBODY: u32 = 65_534;

impl Round {
    /// Sends the messages and waits until the sink has them all.
    pub(super) fn run(contender: &dyn Contender, load: &Load, sink: &Sink) -> Result<Self> {
        let Load { sessions, messages, size } = load;
        let before = sink.messages();
        let cpu = contender.process().map(cpu_ticks).transpose()?;
        let start = Instant::now();
        let mut source = command("smtp-source");
        source.args(["-d", "-s", &sessions.to_string(), "-m", &messages.to_string()]);
        source.args(["-l", &size.to_string()]);
        source.args(["-f", "alice@acme.example", "-t", "bob@globex.example"]);
        let address = format!("127.0.0.1:{}", contender.port());
        let failure = |error| format!("{}: {error}\n{}", contender.name(), contender.log());
        succeed(source.arg(address)).map_err(failure)?;
        let accepted = start.elapsed();
        let expected = before + u64::from(*messages);
        let found = sink.wait_for(expected).map_err(failure)?;
        let delivered = start.elapsed();
        if found > expected {
            return Err(failure(format!("{} messages too many arrived", found - expected)));
        }
        let messages = f64::from(*messages);
        let cpu_ms_per_message = match (cpu, contender.process()) {
            (Some(cpu), Some(process)) => {
                Some((cpu_ticks(process)? - cpu) / TICKS * 1_000.0 / messages)
            }
            _ => None,
        };
        Ok(Self {
            accepted_per_second: messages / accepted.as_secs_f64(),
            delivered_per_second: messages / delivered.as_secs_f64(),
            cpu_ms_per_message,
        })
    }
}

impl Sink {
    /// Starts it; in the folder `caught`, if given, it keeps all messages in the file `mail`.
    pub(super) fn start(port: u16, caught: Option<&Path>) -> Result<Self> {
        let mut sink = command("smtp-sink");
        sink.args(["-c", "-u", "nobody", "-m", "1024"]);
        if let Some(folder) = caught {
            fs::create_dir(folder)
                .and_then(|()| chown(folder, Some(NOBODY), None))
                .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
            sink.arg("-D").arg(folder.join("mail"));
        }
        sink.args([&format!("127.0.0.1:{port}"), "1024"]);
        let mut process = Running::spawn(sink.stdout(Stdio::piped()))?;
        let words = process.0.stdout.take().ok_or("the sink has no output")?;
        let count = Arc::new((Mutex::new(Count::default()), Condvar::new()));
        let shared = Arc::clone(&count);
        thread::spawn(move || listen(words, &shared));
        wait_for_port(port)?;
        Ok(Self { count, _process: process })
    }

    fn messages(&self) -> u64 {
        lock(&self.count.0).messages
    }

    /// Waits for a number of messages and returns how many there are.
    fn wait_for(&self, expected: u64) -> Result<u64> {
        let (count, changed) = &*self.count;
        let mut guard = lock(count);
        while guard.messages < expected {
            let before = guard.messages;
            if guard.is_over {
                return Err(format!("the sink ended after {before} messages"));
            }
            let (next, timeout) =
                changed.wait_timeout(guard, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            guard = next;
            if timeout.timed_out() && guard.messages == before {
                return Err(format!(
                    "{} messages are missing, and none arrived in {PATIENCE:?}",
                    expected - before
                ));
            }
        }
        Ok(guard.messages)
    }
}

impl Running {
    pub(super) fn spawn(command: &mut Command) -> Result<Self> {
        command.spawn().map(Self).map_err(|error| format!("cannot start {command:?}: {error}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Follows the counters of a sink: `sess=2 quit=1 mesg=15`, each ended by a carriage return.
fn listen(words: ChildStdout, shared: &(Mutex<Count>, Condvar)) {
    let (count, changed) = shared;
    let mut line = Vec::new();
    for octet in BufReader::new(words).bytes() {
        match octet {
            Ok(b'\r') => {
                let text = String::from_utf8_lossy(&line);
                let number =
                    text.rsplit_once("mesg=").and_then(|(_, rest)| rest.trim().parse().ok());
                if let Some(messages) = number {
                    lock(count).messages = messages;
                    changed.notify_all();
                }
                line.clear();
            }
            Ok(octet) => line.push(octet),
            Err(_) => break,
        }
    }
    lock(count).is_over = true;
    changed.notify_all();
}

fn lock(count: &Mutex<Count>) -> MutexGuard<'_, Count> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a port that is free now.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| format!("there is no free port: {error}"))
}

/// Waits until somebody listens.
pub(super) fn wait_for_port(port: u16) -> Result {
    let start = Instant::now();
    while start.elapsed() < START {
        // Looked up and not connected to: a connection would count as a session.
        if is_listening(port)? {
            return Ok(());
        }
        pause();
    }
    Err(format!("nothing listens on port {port}"))
}

fn is_listening(port: u16) -> Result<bool> {
    let table = read("/proc/net/tcp")?;
    let (address, listening) = (format!("0100007F:{port:04X}"), "0A");
    Ok(table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(&address) && words.nth(1) == Some(listening)
    }))
}

/// Returns the CPU time of a process, of all that descend from it, and of those that have ended, in ticks.
pub(super) fn cpu_ticks(root: u32) -> Result<f64> {
    let entries = fs::read_dir("/proc").map_err(|error| format!("cannot read /proc: {error}"))?;
    let processes: Vec<(u32, Process)> = entries
        .filter_map(|entry| {
            let number = entry.ok()?.file_name().to_str()?.parse().ok()?;
            // One that has just ended is in the account of its parent.
            Some((number, Process::read(number)?))
        })
        .collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        let children = processes.iter().filter(|(_, process)| process.parent == parent);
        family.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    if !processes.iter().any(|(number, _)| *number == root) {
        return Err("the process has ended".into());
    }
    let members = processes.iter().filter(|(number, _)| family.contains(number));
    Ok(members.map(|(_, process)| process.ticks).sum())
}

/// What the kernel says about a process.
struct Process {
    parent: u32,
    /// User and system time, its own and that of children that ended.
    ticks: f64,
}

impl Process {
    fn read(number: u32) -> Option<Self> {
        let text = read(&format!("/proc/{number}/stat")).ok()?;
        // The name, in brackets, may hold spaces; the fields after it are fixed: state, parent, …, utime, stime,
        // cutime and cstime as the twelfth and following.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let parent = fields.get(1)?.parse().ok()?;
        let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum();
        Some(Self { parent, ticks })
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
}

/// Lets time pass between two looks.
#[expect(clippy::disallowed_methods, reason = "looks at another process, which cannot call us")]
fn pause() {
    thread::sleep(Duration::from_millis(1));
}
