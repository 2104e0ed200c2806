//! One organisation's gateway: the real binary, its folder, its ports and its life.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use serde_json::Value;
use toml::Table;

use crate::{
    peers,
    place::{Folder, Port},
    wait,
};

/// A gateway of one organisation. It is set up by `chancery init` and runs from [`Gateway::start`] on.
#[derive(Debug)]
pub struct Gateway {
    domain: String,
    folder: Folder,
    inside: Port,
    inside_lmtp: Port,
    outside: Port,
    metrics: Port,
    process: Option<Child>,
    environment: Vec<(String, String)>,
    log: Arc<Mutex<String>>,
}

/// What a command of the binary came to.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it printed as its result.
    pub stdout: String,
    /// What it said beside.
    pub stderr: String,
}

impl Gateway {
    /// Sets an organisation up; mail for its people goes to `mailboxes` by SMTP.
    pub fn init(domain: &str, mailboxes: SocketAddr) -> Self {
        Self::init_with(domain, mailboxes, &[])
    }

    /// Sets an organisation up with more options of `init`.
    pub fn init_with(domain: &str, mailboxes: SocketAddr, options: &[&str]) -> Self {
        let gateway = Self {
            domain: domain.into(),
            folder: Folder::new(),
            inside: Port::pick(),
            inside_lmtp: Port::pick(),
            outside: Port::pick(),
            metrics: Port::pick(),
            process: None,
            environment: Vec::new(),
            log: Arc::default(),
        };
        let mut command = Command::new(binary());
        command
            .args(["init", domain, "--dir"])
            .arg(gateway.path(""))
            .args(["--hostname", &format!("gateway.{domain}")]);
        let listeners = [
            ("--inside-listen", gateway.inside.address().to_string()),
            ("--inside-lmtp-listen", gateway.inside_lmtp.address().to_string()),
            ("--outside-listen", gateway.outside.address().to_string()),
            ("--metrics-listen", gateway.metrics.address().to_string()),
            ("--inside-route", format!("smtp:{mailboxes}")),
        ];
        for (option, value) in listeners {
            command.args([option, &value]);
        }
        outcome(command.args(options), b"").demand("init");
        gateway.configure(|configuration| {
            // Nothing in a test asks a name server; what has no route of its own stays in the queue.
            section(configuration, "dns").insert("servers".into(), vec!["127.0.0.1:9"].into());
            // A test that waits for a retry does not want to wait for a minute.
            section(configuration, "queue").insert("retry".into(), vec!["1s"].into());
        });
        gateway
    }

    /// Returns the domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns where the organisation's own server hands mail in by SMTP.
    pub fn inside(&self) -> SocketAddr {
        self.inside.address()
    }

    /// Returns the same for LMTP.
    pub fn inside_lmtp(&self) -> SocketAddr {
        self.inside_lmtp.address()
    }

    /// Returns where the internet hands mail in.
    pub fn outside(&self) -> SocketAddr {
        self.outside.address()
    }

    /// Returns where the metrics are read.
    pub fn metrics(&self) -> SocketAddr {
        self.metrics.address()
    }

    /// Returns a path in the organisation's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Changes the configuration file.
    pub fn configure(&self, change: impl FnOnce(&mut Table)) {
        configure(&self.path(""), change);
    }

    /// Sends mail for a domain to a server, past all DNS.
    pub fn route(&self, domain: &str, server: SocketAddr) {
        self.configure(|configuration| {
            let routes = section(section(configuration, "route"), "domains");
            routes.insert(domain.into(), format!("smtp:{server}").into());
        });
    }

    /// Sends all mail for other organisations to a server.
    pub fn route_outside(&self, server: SocketAddr) {
        self.configure(|configuration| {
            section(configuration, "route")
                .insert("outside".into(), format!("smtp:{server}").into());
        });
    }

    /// Replaces the policy.
    pub fn set_policy(&self, text: &str) {
        fs::write(self.path("policy.toml"), text).expect("the folder is ours");
    }

    /// Sets an environment variable for `serve`.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    /// Lets `serve` believe that it is as much later as `faketime` understands, such as `+20d`; its waits stay as long
    /// as they are.
    pub fn set_clock(&mut self, offset: &str) {
        let folders = fs::read_dir("/usr/lib").expect("a Debian system").filter_map(Result::ok);
        let mut found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
        let library = found
            .find(|file| file.is_file())
            .expect("install the package faketime: cargo xtask test tools");
        self.set_environment("LD_PRELOAD", library.to_str().expect("a plain path"));
        self.set_environment("FAKETIME", offset);
        self.set_environment("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    /// Gives a user a password for the inside listeners; the line may go on with who they may be.
    pub fn add_user(&self, name: &str, password: &str, senders: &str) {
        let line = chancery(&["password", name], password.as_bytes()).demand("password");
        let path = self.path("users");
        let mut users = fs::read_to_string(&path).unwrap_or_default();
        users.push_str(&format!("{}{senders}\n", line.trim_end()));
        fs::write(&path, users).expect("the folder is ours");
        self.configure(|configuration| {
            section(configuration, "inside").insert("auth-file".into(), "users".into());
        });
    }

    /// Reads the metrics: the value of each line by its name and labels.
    pub fn metric_values(&self) -> BTreeMap<String, f64> {
        let mut stream = TcpStream::connect(self.metrics()).expect("the metrics are served");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("a request is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer comes");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let lines = body.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').expect("a name and a value");
                (name.to_owned(), value.parse().expect("a number"))
            })
            .collect()
    }

    /// Starts `serve` and waits until every listener answers.
    pub fn start(&mut self) {
        self.spawn();
        let mut waiting = vec![self.inside(), self.inside_lmtp(), self.outside()];
        let ready = wait::within(wait::PATIENCE, || {
            waiting.retain(|address| TcpStream::connect(address).is_err());
            (waiting.is_empty() || self.has_ended()).then_some(())
        });
        assert!(
            ready.is_some() && waiting.is_empty(),
            "serve does not listen on {waiting:?}:\n{}",
            self.log()
        );
    }

    /// Starts `serve` and returns at once.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "serve runs already");
        let mut command = self.words(&["serve"]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        for stream in [Box::new(stdout) as Box<dyn std::io::Read + Send>, Box::new(stderr)] {
            let log = Arc::clone(&self.log);
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.push_str(&line);
                    log.push('\n');
                }
            });
        }
        self.process = Some(child);
    }

    /// Returns the process number of `serve`.
    pub fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Asks `serve` to end, as systemd does, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.process.take().expect("serve runs");
        let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot send a signal to serve");
        let ended = wait::within(wait::PATIENCE, || child.try_wait().expect("serve is our child"));
        let Some(status) = ended else {
            child.kill().ok();
            panic!("serve does not end when asked:\n{}", self.log());
        };
        status
    }

    /// Ends `serve` without asking, wherever it is; returns the moments before and after.
    pub fn kill(&mut self) -> Range<Instant> {
        let mut child = self.process.take().expect("serve runs");
        assert!(matches!(child.try_wait(), Ok(None)), "serve ended by itself:\n{}", self.log());
        let before = Instant::now();
        child.kill().expect("serve is our child");
        child.wait().expect("serve is our child");
        before..Instant::now()
    }

    /// Returns what `serve` logged, over all its lives.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a command of the binary with this organisation's configuration.
    pub fn command(&self, words: &[&str]) -> Outcome {
        outcome(&mut self.words(words), b"")
    }

    /// Runs a command that must say yes, and returns what it printed.
    pub fn demand(&self, words: &[&str]) -> String {
        self.command(words).demand(&words.join(" "))
    }

    /// Runs a command that must say yes, and returns its JSON.
    pub fn json(&self, words: &[&str]) -> Value {
        let text = self.demand(&[&["--format", "json"][..], words].concat());
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{words:?} printed no JSON: {error}\n{text}"))
    }

    /// Writes the organisation's card and returns its path.
    pub fn card(&self) -> PathBuf {
        let path = self.path("card.pem");
        self.demand(&["partner", "card", "--out", path.to_str().expect("a plain path")]);
        path
    }

    /// Takes a partner's card with the fingerprint that the partner reads out.
    pub fn add_partner(&self, card: &Path, fingerprint: &str) {
        let card = card.to_str().expect("a plain path");
        self.demand(&["partner", "add", card, "--yes", "--fingerprint", fingerprint]);
    }

    /// Returns the fingerprint that this organisation reads over the phone.
    pub fn fingerprint(&self) -> String {
        let card = self.json(&[
            "partner",
            "card",
            "--out",
            self.path("fingerprint-card.pem").to_str().expect("a plain path"),
        ]);
        card.get("fingerprint")
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no fingerprint in {card}"))
            .to_owned()
    }

    /// Exchanges cards both ways.
    pub fn meet(&self, other: &Self) {
        self.add_partner(&other.card(), &other.fingerprint());
        other.add_partner(&self.card(), &self.fingerprint());
    }

    fn words(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(self.folder.path())
            .arg("--config")
            .arg(self.path("chancery.toml"))
            .args(words);
        command
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            child.kill().ok();
            child.wait().ok();
        }
        if thread::panicking() {
            eprintln!("── gateway of {}\n{}", self.domain, self.log());
        }
    }
}

impl Outcome {
    /// Returns what was printed; panics unless the command said yes.
    pub fn demand(self, what: &str) -> String {
        assert_eq!(self.code, Some(0), "chancery {what} failed:\n{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Returns the JSON that was printed, whether the command said yes or no.
    pub fn json(&self) -> Value {
        let read = serde_json::from_str(&self.stdout);
        read.unwrap_or_else(|error| panic!("it printed no JSON: {error}\n{self:?}"))
    }
}

/// Changes the configuration file in a folder.
pub fn configure(folder: &Path, change: impl FnOnce(&mut Table)) {
    let path = folder.join("chancery.toml");
    let text = fs::read_to_string(&path).expect("init writes chancery.toml");
    let mut configuration: Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    change(&mut configuration);
    fs::write(&path, configuration.to_string()).expect("the folder is ours");
}

/// Returns a table of a configuration, made if it is not there.
pub fn section<'a>(table: &'a mut Table, name: &str) -> &'a mut Table {
    let entry = table.entry(name).or_insert_with(|| Table::new().into());
    entry.as_table_mut().unwrap_or_else(|| panic!("{name} is no table"))
}

/// Runs the binary with words alone, such as `demo`.
pub fn chancery(words: &[&str], input: &[u8]) -> Outcome {
    outcome(Command::new(binary()).args(words), input)
}

/// Runs the binary in a folder.
pub fn chancery_in(folder: &Path, words: impl IntoIterator<Item: AsRef<OsStr>>) -> Outcome {
    outcome(Command::new(binary()).args(words).current_dir(folder), b"")
}

fn outcome(command: &mut Command, input: &[u8]) -> Outcome {
    let output = peers::run(command, input);
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Finds the binary: where `cargo xtask test` says, or beside the tests in cargo's build folder.
#[expect(clippy::disallowed_methods, reason = "the test run names the binary in the environment")]
pub fn binary() -> PathBuf {
    if let Ok(path) = std::env::var("CHANCERY_BINARY") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test has a path");
    let built = test.ancestors().nth(2).map(|folder| folder.join("chancery")).unwrap_or_default();
    assert!(built.is_file(), "build the binary first: cargo build -p chancery");
    built
}
