//! One connection with many questions under way.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chancery_wire::ldap::{Control, Message, Operation, SearchEntry};
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Messages, judge, refused};
use crate::outbound::Error;
use crate::stream::Stream;

/// A connection; two tasks read and write.
pub(super) struct Connection {
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
}

struct Shared {
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    state: Mutex<State>,
    /// Questions given up since something last came.
    silence: AtomicU32,
}

#[derive(Default)]
struct State {
    /// Octets that came for nobody since something last came for somebody.
    stray: usize,
    /// Why there is no more.
    ended: Option<Error>,
    last_id: u32,
    open: BTreeMap<u32, Open>,
}

/// A question without a whole answer.
struct Open {
    entries: Vec<SearchEntry>,
    left: usize,
    limit: usize,
    asker: oneshot::Sender<Result<Vec<SearchEntry>, Lost>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Lost {
    /// The connection ended; another one may do.
    Connection(Error),
    /// The question failed.
    Question(Error),
}

/// Tells the server that nobody waits any more, unless the answer is there.
struct Asking {
    shared: Arc<Shared>,
    id: u32,
}

impl Lost {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Connection(error) | Self::Question(error) => error,
        }
    }
}

impl Connection {
    /// Takes a connection that is ready for questions; its messages may have so many octets.
    pub(super) fn new(stream: Stream, max_octets: usize) -> Self {
        let (read, write) = tokio::io::split(stream);
        let (outgoing, messages) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            outgoing,
            state: Mutex::new(State { last_id: 1, ..State::default() }),
            silence: AtomicU32::new(0),
        });
        tokio::spawn(write_all(write, messages));
        let reading = Arc::clone(&shared);
        let reader = tokio::spawn(async move {
            let error = read_all(&reading, read, max_octets).await;
            reading.end(&error);
        });
        Self { shared, reader }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.shared.state().ended.is_none()
    }

    /// Returns how many questions are under way.
    pub(super) fn waiting(&self) -> usize {
        self.shared.state().open.len()
    }

    pub(super) async fn ask(
        &self,
        operation: Operation,
        controls: &[Control],
        octets: usize,
    ) -> Result<Vec<SearchEntry>, Lost> {
        let (asker, answer) = oneshot::channel();
        let id = {
            let mut state = self.shared.state();
            if let Some(error) = &state.ended {
                return Err(Lost::Connection(error.clone()));
            }
            if state.open.len() >= MAX_OPEN {
                let why = "too many questions are under way".to_owned();
                return Err(Lost::Question(Error::Connect(why)));
            }
            let id = state.next_id();
            let open = Open { entries: Vec::new(), left: octets, limit: octets, asker };
            state.open.insert(id, open);
            id
        };
        let asking = Asking { shared: Arc::clone(&self.shared), id };
        let message = Message { id, operation, controls: controls.to_vec() };
        // Without a writer the connection is over, which the reader finds out.
        drop(self.shared.outgoing.send(message.to_ber()));
        let result = answer.await;
        drop(asking);
        result.unwrap_or_else(|_| Err(Lost::Connection(early())))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
        self.shared.end(&early());
        drop(self.shared.outgoing.send(Message::new(2, Operation::Unbind).to_ber()));
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let is_open = self.shared.state().open.remove(&self.id).is_some();
        if !is_open {
            return;
        }
        let abandon = Message::new(self.shared.state().next_id(), Operation::Abandon(self.id));
        drop(self.shared.outgoing.send(abandon.to_ber()));
        // The other end may be gone without a word.
        if self.shared.silence.fetch_add(1, Relaxed) + 1 >= MAX_SILENCE {
            self.shared.end(&Error::Protocol("nothing comes any more".to_owned()));
        }
    }
}

impl State {
    /// Takes the next number. Zero is the server's own, and numbers under way are taken (section 4.1.1.1).
    fn next_id(&mut self) -> u32 {
        loop {
            self.last_id =
                if self.last_id >= i32::MAX.cast_unsigned() { 1 } else { self.last_id + 1 };
            if !self.open.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, error: &Error) {
        let mut state = self.state();
        state.ended.get_or_insert_with(|| error.clone());
        for open in std::mem::take(&mut state.open).into_values() {
            drop(open.asker.send(Err(Lost::Connection(error.clone()))));
        }
    }

    /// Adds a message to the answer that it belongs to. Messages of abandoned questions belong to none.
    fn take(&self, message: Message, octets: usize) -> Result<(), Error> {
        self.silence.store(0, Relaxed);
        let Message { id, operation, .. } = message;
        if id == 0 {
            return Err(match operation {
                Operation::Extended(response) => refused(&response.outcome),
                _ => Error::Protocol("it does not belong to a question".to_owned()),
            });
        }
        let mut state = self.state();
        let is_awaited = state.open.contains_key(&id);
        state.stray = if is_awaited { 0 } else { state.stray.saturating_add(octets) };
        if state.stray > MAX_STRAY {
            return Err(Error::TooLarge(MAX_STRAY));
        }
        let Some(open) = state.open.get_mut(&id) else { return Ok(()) };
        let done = match operation {
            Operation::SearchEntry(entry) => match open.left.checked_sub(octets) {
                Some(left) if open.entries.len() < MAX_ENTRIES => {
                    open.left = left;
                    open.entries.push(entry);
                    return Ok(());
                }
                _ => Err(Error::TooLarge(open.limit)),
            },
            Operation::SearchReference(_) => return Ok(()),
            Operation::SearchDone(outcome) => judge(&outcome),
            _ => Err(Error::Protocol("it does not belong to the question".to_owned())),
        };
        let is_early = matches!(done, Err(Error::TooLarge(_)));
        if let Some(open) = state.open.remove(&id) {
            drop(open.asker.send(done.map(|()| open.entries).map_err(Lost::Question)));
        }
        if is_early {
            let abandon = Message::new(state.next_id(), Operation::Abandon(id));
            drop(self.outgoing.send(abandon.to_ber()));
        }
        Ok(())
    }
}

/// Reads until the connection ends; says why.
async fn read_all(shared: &Shared, read: ReadHalf<Stream>, max_octets: usize) -> Error {
    let mut messages = Messages::new(read, max_octets);
    loop {
        messages.renew();
        let taken = match messages.next_with_length().await {
            Ok((message, octets)) => shared.take(message, octets),
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            return error;
        }
    }
}

async fn write_all(mut write: WriteHalf<Stream>, mut messages: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if write.write_all(&message).await.is_err() || write.flush().await.is_err() {
            return;
        }
    }
    // The end of the process or of the pool; a goodbye that fails harms nobody.
    drop(write.shutdown().await);
}

fn early() -> Error {
    Error::Protocol("it ends too early".to_owned())
}

/// Questions under way on one connection.
const MAX_OPEN: usize = 256;
/// Entries of one answer; an address is in one or two.
const MAX_ENTRIES: usize = 100;
/// Octets of answers that nobody waits for any more. A server that is told to abandon a question sends what is on the way;
/// one that never stops would keep us reading for ever.
const MAX_STRAY: usize = 1 << 20;
/// Questions given up in a row, with nothing coming in between, after which a connection is taken for dead.
const MAX_SILENCE: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_under_way_is_not_given_again() {
        let mut state = State { last_id: i32::MAX.cast_unsigned() - 1, ..State::default() };
        for id in [1, 2] {
            let (asker, _) = oneshot::channel();
            state.open.insert(id, Open { entries: Vec::new(), left: 0, limit: 0, asker });
        }
        assert_eq!([state.next_id(), state.next_id()], [i32::MAX.cast_unsigned(), 3]);
    }
}
