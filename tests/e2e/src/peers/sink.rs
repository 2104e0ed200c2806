//! A mail server that takes everything, writes down what it took and when, and misbehaves where a test tells it to.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use crate::wait;

/// The longest line the sink reads; more is a fault of the sender.
const LONGEST_LINE: usize = 32 << 20;

/// A running sink.
#[derive(Debug)]
pub struct SmtpSink {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A message that arrived complete, with its envelope.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Counts over all connections, from 0, in the order in which the messages were complete.
    pub order: usize,
    /// The connection it came over; they count from 0.
    pub connection: usize,
    /// The envelope sender, without brackets.
    pub from: String,
    /// The recipients that were accepted.
    pub recipients: Vec<String>,
    /// The message, dot-stuffing undone.
    pub message: Vec<u8>,
    /// Whether the sender was told 250, as far as the sink's kernel took the words.
    pub acknowledged: bool,
    /// When it was complete.
    pub at: Instant,
}

/// A point of the dialogue, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The connection stands; a greeting is due.
    Connect,
    /// `EHLO`, `HELO` or `LHLO` was read.
    Hello,
    /// `MAIL` was read.
    Mail,
    /// `RCPT` was read.
    Recipient,
    /// `DATA` was read.
    Data,
    /// The first line of the message was read.
    Body,
    /// The message is complete; the reply that decides is due.
    End,
    /// `QUIT` was read.
    Quit,
}

/// What the sink does instead of going on.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Closes the connection without a word.
    Close,
    /// Says this instead of yes, such as `452 4.3.1 full`.
    Reply(&'static str),
    /// Says nothing more and keeps the connection open.
    Silence,
}

/// What goes wrong, and how often.
#[derive(Clone, Debug, Default)]
pub struct Script {
    faults: Vec<Fault>,
}

#[derive(Clone, Debug)]
struct Fault {
    stage: Stage,
    /// Only for recipients or senders that contain this.
    about: &'static str,
    answer: Answer,
    times: usize,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    script: Script,
    accepted: Vec<Accepted>,
    /// When each connection ended, as the sink saw it.
    connections: BTreeMap<usize, Option<Instant>>,
    commands: Vec<String>,
}

/// What one connection has heard so far.
struct Session {
    number: usize,
    shared: Arc<Shared>,
    reader: BufReader<TcpStream>,
    stream: TcpStream,
    from: String,
    recipients: Vec<String>,
}

impl Script {
    /// Adds a fault that happens each time.
    #[must_use]
    pub fn always(self, stage: Stage, answer: Answer) -> Self {
        self.times(usize::MAX, stage, "", answer)
    }

    /// Adds a fault that happens once.
    #[must_use]
    pub fn once(self, stage: Stage, answer: Answer) -> Self {
        self.times(1, stage, "", answer)
    }

    /// Adds a fault that happens some times, to commands that contain a text.
    #[must_use]
    pub fn times(
        mut self,
        times: usize,
        stage: Stage,
        about: &'static str,
        answer: Answer,
    ) -> Self {
        self.faults.push(Fault { stage, about, answer, times });
        self
    }
}

impl SmtpSink {
    /// Starts a sink that behaves.
    pub fn start() -> Self {
        Self::with(Script::default())
    }

    /// Starts a sink that misbehaves.
    pub fn with(script: Script) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        Self::on(listener, script)
    }

    /// Starts a sink on a port that a test keeps for it.
    pub fn at(address: SocketAddr) -> Self {
        Self::on(TcpListener::bind(address).expect("the port is kept for us"), Script::default())
    }

    fn on(listener: TcpListener, script: Script) -> Self {
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared::default());
        shared.lock().script = script;
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let shared = Arc::clone(&ours);
                shared.lock().connections.insert(number, None);
                thread::spawn(move || Session::serve(number, stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Returns where to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what goes wrong from now on.
    pub fn behave(&self, script: Script) {
        self.shared.lock().script = script;
    }

    /// Returns everything that arrived so far.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.shared.lock().accepted.clone()
    }

    /// Looks at everything that arrived so far.
    pub fn look<T>(&self, look: impl FnOnce(&[Accepted]) -> T) -> T {
        look(&self.shared.lock().accepted)
    }

    /// Returns every command line that was read, in order.
    pub fn commands(&self) -> Vec<String> {
        self.shared.lock().commands.clone()
    }

    /// Returns when each connection ended; none while it is open.
    pub fn connections(&self) -> BTreeMap<usize, Option<Instant>> {
        self.shared.lock().connections.clone()
    }

    /// Waits until the condition on what arrived yields a value; panics with `what` when patience ends.
    pub fn wait_for<T>(
        &self,
        what: &str,
        mut condition: impl FnMut(&[Accepted]) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + wait::PATIENCE;
        let mut state = self.shared.lock();
        loop {
            if let Some(value) = condition(&state.accepted) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited {:?} for {what}; the sink heard {:#?}",
                wait::PATIENCE,
                state.commands
            );
            let woken = self.shared.arrived.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a message that contains the mark.
    pub fn received(&self, mark: &str) -> Accepted {
        self.wait_for(&format!("a message with {mark:?}"), |accepted| {
            accepted.iter().find(|mail| mail.text().contains(mark)).cloned()
        })
    }

    /// Waits for a message to a recipient.
    pub fn received_for(&self, recipient: &str) -> Accepted {
        self.wait_for(&format!("a message to {recipient}"), |accepted| {
            accepted
                .iter()
                .find(|mail| mail.recipients.iter().any(|found| found == recipient))
                .cloned()
        })
    }

    /// Waits until a command that starts with a text was read some number of times.
    pub fn heard(&self, times: usize, command: &str) {
        let count =
            |state: &State| state.commands.iter().filter(|line| line.starts_with(command)).count();
        self.wait_for_state(&format!("{times} times {command}"), |state| {
            (count(state) >= times).then_some(())
        });
    }

    fn wait_for_state(&self, what: &str, condition: impl Fn(&State) -> Option<()>) {
        wait::until(what, || condition(&self.shared.lock()));
    }
}

impl Accepted {
    /// Returns the message as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.message).into_owned()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what goes wrong at this point, and counts it.
    fn fault(&self, stage: Stage, command: &str) -> Option<Answer> {
        let mut guard = self.lock();
        let matching = |fault: &&mut Fault| {
            fault.stage == stage && fault.times > 0 && command.contains(fault.about)
        };
        let fault = guard.script.faults.iter_mut().find(matching)?;
        fault.times = fault.times.saturating_sub(1);
        Some(fault.answer.clone())
    }
}

impl Session {
    fn serve(number: usize, stream: TcpStream, shared: &Arc<Shared>) {
        stream.set_nodelay(true).ok();
        let Ok(copy) = stream.try_clone() else { return };
        let mut session = Self {
            number,
            shared: Arc::clone(shared),
            reader: BufReader::new(copy),
            stream,
            from: String::new(),
            recipients: Vec::new(),
        };
        session.talk();
        shared.lock().connections.insert(number, Some(Instant::now()));
        session.stream.shutdown(Shutdown::Both).ok();
    }

    /// Speaks until either side ends it; every step that returns none ends the connection.
    fn talk(&mut self) -> Option<()> {
        self.answer(Stage::Connect, "", "220 sink.example ESMTP")?;
        loop {
            let line = self.line()?;
            let command = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.shared.lock().commands.push(command.clone());
            let word = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match word.as_str() {
                "EHLO" | "LHLO" => {
                    let offer = "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 104857600";
                    self.answer(Stage::Hello, &command, offer)?;
                }
                "HELO" => self.answer(Stage::Hello, &command, "250 sink.example").map(|_| ())?,
                "MAIL" => {
                    self.from = address(&command);
                    self.recipients.clear();
                    self.answer(Stage::Mail, &command, "250 2.1.0 ok")?;
                }
                "RCPT" => {
                    if self.answer(Stage::Recipient, &command, "250 2.1.5 ok")? {
                        self.recipients.push(address(&command));
                    }
                }
                "DATA" => self.data(&command)?,
                "RSET" => {
                    self.recipients.clear();
                    self.say("250 2.0.0 ok")?;
                }
                "NOOP" => self.say("250 2.0.0 ok")?,
                "QUIT" => {
                    self.answer(Stage::Quit, &command, "221 2.0.0 bye")?;
                    return None;
                }
                _ => self.say("502 5.5.1 not here")?,
            }
        }
    }

    fn data(&mut self, command: &str) -> Option<()> {
        if self.recipients.is_empty() {
            return self.say("554 5.5.1 no valid recipients");
        }
        if !self.answer(Stage::Data, command, "354 go on")? {
            return Some(());
        }
        let message = self.message()?;
        let fault = self.shared.fault(Stage::End, &String::from_utf8_lossy(&message));
        let refused = matches!(fault, Some(Answer::Reply(_)));
        if !refused {
            let mut state = self.shared.lock();
            let mail = Accepted {
                order: state.accepted.len(),
                connection: self.number,
                from: self.from.clone(),
                recipients: self.recipients.clone(),
                message,
                acknowledged: fault.is_none(),
                at: Instant::now(),
            };
            state.accepted.push(mail);
        }
        // Told only after it is written down: whatever the sender may believe is in the record.
        let outcome = match fault {
            None => self.say("250 2.0.0 taken"),
            Some(answer) => self.misbehave(&answer).map(|_| ()),
        };
        self.shared.arrived.notify_all();
        outcome
    }

    /// Reads a message up to the dot, with dot-stuffing undone.
    fn message(&mut self) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        let mut first = true;
        loop {
            let line = self.line()?;
            if std::mem::take(&mut first)
                && let Some(answer) = self.shared.fault(Stage::Body, "")
            {
                self.misbehave(&answer)?;
            }
            match line.strip_prefix(b".") {
                Some(b"\r\n") => return Some(message),
                Some(rest) => message.extend_from_slice(rest),
                None => message.extend_from_slice(&line),
            }
        }
    }

    /// Answers yes, or what the script says; true for yes, none if the connection is over.
    fn answer(&mut self, stage: Stage, command: &str, yes: &str) -> Option<bool> {
        match self.shared.fault(stage, command) {
            None => self.say(yes).map(|()| true),
            Some(answer) => self.misbehave(&answer),
        }
    }

    fn misbehave(&mut self, answer: &Answer) -> Option<bool> {
        match answer {
            Answer::Close => None,
            Answer::Reply(text) => self.say(text).map(|()| false),
            Answer::Silence => {
                // Reads on so that only our silence ends this, not a full buffer.
                while self.line().is_some() {}
                None
            }
        }
    }

    fn say(&mut self, text: &str) -> Option<()> {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).ok()
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let buffer = self.reader.fill_buf().ok().filter(|buffer| !buffer.is_empty())?;
            let end = buffer.iter().position(|byte| *byte == b'\n').map(|place| place + 1);
            let count = end.unwrap_or(buffer.len());
            line.extend_from_slice(buffer.get(..count)?);
            self.reader.consume(count);
            if end.is_some() {
                return Some(line);
            }
            if line.len() > LONGEST_LINE {
                return None;
            }
        }
    }
}

/// Returns what stands between the brackets.
fn address(command: &str) -> String {
    let inner = command.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(address, _)| address.to_owned()).unwrap_or_default()
}
