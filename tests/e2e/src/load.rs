//! Clients that hand mail in while the gateway is killed under them, and remember what they were promised.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    message::SECRET,
    peers::Dialogue,
    wait::{pause, until},
};

/// How long a client waits before it tries a server again that is not there.
const AGAIN: Duration = Duration::from_millis(5);

/// Every so many messages one is larger than what the store keeps in a row (128 KiB), so that files are at stake too.
const LARGE_EVERY: usize = 24;

/// Lines of 77 octets in a large message: 230 kB.
const LARGE_LINES: usize = 3_000;

/// One attempt to hand in one message; an attempt without a promise is made again under the next number, so that what
/// the gateway may have kept of the first one can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    /// The client.
    pub client: usize,
    /// Its message.
    pub message: usize,
    /// How often it was tried before.
    pub attempt: usize,
}

/// Running clients.
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

/// A message to hand in, with its recipients.
#[derive(Debug)]
pub struct Mail {
    /// The envelope recipients.
    pub recipients: Vec<String>,
    /// The message.
    pub text: String,
}

/// Writes the message of an attempt.
type Writer = dyn Fn(&Attempt) -> Mail + Send + Sync;

struct Shared {
    address: SocketAddr,
    sender: String,
    write: Box<Writer>,
    promised: Mutex<BTreeSet<Attempt>>,
    is_over: AtomicBool,
    count: AtomicUsize,
}

impl Load {
    /// Starts clients; every message has the first recipient, every second one all of them.
    pub fn start(clients: usize, address: SocketAddr, sender: &str, recipients: &[&str]) -> Self {
        let all: Vec<String> = recipients.iter().map(|one| (*one).to_owned()).collect();
        let from = sender.to_owned();
        Self::start_with(clients, address, sender, move |attempt| {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let to = attempt.recipients(&all);
            Mail {
                recipients: to.iter().map(|one| (*one).to_owned()).collect(),
                text: attempt.text(&from, to),
            }
        })
    }

    /// Starts clients that hand in what is written for each attempt.
    pub fn start_with(
        clients: usize,
        address: SocketAddr,
        sender: &str,
        write: impl Fn(&Attempt) -> Mail + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            address,
            sender: sender.into(),
            write: Box::new(write),
            promised: Mutex::default(),
            is_over: AtomicBool::new(false),
            count: AtomicUsize::new(0),
        });
        let start = |client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.run(client))
        };
        let clients = (0..clients).map(start).collect();
        Self { shared, clients }
    }

    /// Returns how many messages the gateway has taken so far.
    pub fn promised(&self) -> usize {
        self.shared.count.load(Ordering::Relaxed)
    }

    /// Waits until the gateway has taken some more messages.
    pub fn wait_for_progress(&self, more: usize) {
        let goal = self.promised() + more;
        until("the gateway to take mail", || (self.promised() >= goal).then_some(()));
    }

    /// Lets the clients finish what they are about and returns every attempt that was acknowledged.
    pub fn finish(self) -> BTreeSet<Attempt> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("a client does not panic");
        }
        std::mem::take(&mut *self.shared.promised.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Attempt {
    /// Returns the recipients that a message of this number has.
    pub fn recipients<'a>(&self, all: &'a [&'a str]) -> &'a [&'a str] {
        all.get(..count_of_recipients(self.message, all.len())).unwrap_or(all)
    }

    /// Returns true if the message of this number is larger than what the store keeps in a row.
    pub fn is_large(&self) -> bool {
        self.message.is_multiple_of(LARGE_EVERY)
    }

    /// Returns the name that [`Attempt::of`] reads, as a local part.
    pub fn name(&self) -> String {
        let Self { client, message, attempt } = self;
        format!("load-{client}-{message}-{attempt}")
    }

    /// Reads the attempt out of a header block, or out of an address in brackets.
    pub fn of(message: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(message.get(..message.len().min(4_096))?).into_owned();
        let (_, rest) = head.split_once("<load-")?;
        let (name, _) = rest.split_once('@')?;
        let numbers: Vec<usize> =
            name.split('-').filter_map(|number| number.parse().ok()).collect();
        let [client, message, attempt] = numbers[..] else { return None };
        Some(Self { client, message, attempt })
    }

    fn text(&self, from: &str, to: &[&str]) -> String {
        let mut text = format!(
            "From: {from}\r\nTo: {}\r\nSubject: load\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
             Message-ID: <{}@test.invalid>\r\n\r\n{SECRET}\r\n",
            to.join(", "),
            self.name()
        );
        if self.is_large() {
            text.push_str(&large_text());
        }
        text
    }
}

impl Shared {
    fn run(&self, client: usize) {
        let mut connection = None;
        for message in 0.. {
            for attempt in 0.. {
                if self.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let attempt = Attempt { client, message, attempt };
                if self.hand_in(&mut connection, &(self.write)(&attempt)) {
                    self.promised.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt);
                    self.count.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                connection = None;
                pause(AGAIN);
            }
        }
    }

    /// Returns true if the gateway said 250 to the whole message.
    fn hand_in(&self, connection: &mut Option<Dialogue>, mail: &Mail) -> bool {
        if connection.is_none() {
            let Ok(mut fresh) = Dialogue::try_connect(self.address) else { return false };
            if !fresh.reply().starts_with("220")
                || !fresh.say("EHLO load.example").starts_with("250")
            {
                return false;
            }
            *connection = Some(fresh);
        }
        let Some(dialogue) = connection else { return false };
        let to: Vec<&str> = mail.recipients.iter().map(String::as_str).collect();
        dialogue.deliver(&self.sender, &to, &mail.text).starts_with("250")
    }
}

/// Returns lines that make a message large.
pub fn large_text() -> String {
    format!("{}\r\n", "x".repeat(75)).repeat(LARGE_LINES)
}

fn count_of_recipients(message: usize, all: usize) -> usize {
    if message.is_multiple_of(2) { 1 } else { all }
}
