//! One connection: moves octets between the socket, the machine and the handler's session.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use chancery_wire::smtp::Reply;
use chancery_wire::smtp::server::{self as machine, Event};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Shared, TlsMode};
use crate::clock::{Clock, Sleep};
use crate::shutdown::Shutdown;
use crate::smtp::{Final, Handler, Session};
use crate::stream::{Plain, Stream};

/// The state of one connection. Its only buffer for input is `buffer`.
pub(super) struct Connection<'a, H, S> {
    shared: &'a Shared<H>,
    stream: Stream,
    machine: machine::Session,
    session: S,
    /// MAIL was accepted and the handler knows neither end nor reset yet.
    is_open: bool,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    timer: Option<Timer>,
    is_going_down: bool,
}

/// A running timer. It is kept until it fires: most reads are over long before, and a deadline that has moved on in
/// the meantime is simply waited for again.
struct Timer {
    due: u64,
    sleep: Sleep,
}

/// What to do after an event.
enum Next {
    Close,
    Go,
    StartTls,
    Wait,
}

impl<'a, H: Handler> Connection<'a, H, H::Session> {
    /// Runs the connection to its end.
    pub(super) async fn run(
        shared: &'a Shared<H>,
        plain: Plain,
        session: H::Session,
        shutdown: &Shutdown,
    ) -> io::Result<()> {
        let mut connection = Self {
            shared,
            stream: Stream::Plain(plain),
            machine: machine::Session::new(std::sync::Arc::clone(&shared.session)),
            session,
            is_open: false,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            timer: None,
            is_going_down: false,
        };
        if let TlsMode::Implicit(_) = shared.tls {
            connection.start_tls().await?;
        }
        let going_down = pin!(shutdown.triggered());
        let result = connection.converse(going_down).await;
        if connection.is_open {
            connection.session.reset().await;
        }
        result
    }

    async fn converse(
        &mut self,
        mut going_down: Pin<&mut impl Future<Output = ()>>,
    ) -> io::Result<()> {
        loop {
            match self.step().await {
                Next::Go => {}
                Next::Wait => {
                    if !self.write().await? && !self.read(going_down.as_mut()).await? {
                        return Ok(());
                    }
                }
                Next::StartTls => {
                    self.write().await?;
                    self.start_tls().await?;
                }
                Next::Close => {
                    self.write().await?;
                    let limit = self.limit();
                    return within(limit, self.stream.shutdown()).await;
                }
            }
        }
    }

    /// Lets the machine take one step and asks the handler what it asks for.
    async fn step(&mut self) -> Next {
        let input = self.buffer.get(self.start..self.end).unwrap_or_default();
        let (used, event) = self.machine.step(input);
        self.start += used;
        match event {
            Event::More => return Next::Wait,
            Event::Body(octets) => {
                if let Err(reply) = self.session.chunk(octets).await {
                    self.machine.refuse_body(reply);
                    self.reset().await;
                }
            }
            Event::Mail(mail) => {
                let answer = self.session.mail(&mail).await;
                self.is_open = answer.is_ok();
                self.machine.answer(answer);
            }
            Event::Rcpt(recipient) => {
                let answer = self.session.rcpt(&recipient).await;
                self.machine.answer(answer);
            }
            Event::Begin => {
                let answer = self.session.begin().await;
                if answer.is_err() {
                    self.reset().await;
                }
                self.machine.answer(answer);
            }
            Event::End => {
                let answer = self.session.end().await;
                self.is_open = false;
                self.machine.finish(replies(&answer));
            }
            Event::Discard(code) => {
                self.session.refused(code);
                self.reset().await;
            }
            Event::Reset => self.reset().await,
            Event::Hello { name, .. } => {
                self.session.hello(name);
                self.reset().await;
            }
            Event::Auth(credentials) => {
                let is_right = self.session.auth(&credentials.user, &credentials.password).await;
                self.machine.answer_auth(is_right);
            }
            Event::StartTls => {
                self.reset().await;
                return Next::StartTls;
            }
            Event::Close => return Next::Close,
        }
        Next::Go
    }

    async fn reset(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.session.reset().await;
        }
    }

    /// Writes the machine's output, all replies in one go; returns false if there was none.
    async fn write(&mut self) -> io::Result<bool> {
        if self.machine.output().is_empty() {
            return Ok(false);
        }
        let limit = self.limit();
        let (stream, output) = (&mut self.stream, self.machine.output());
        let write = async {
            stream.write_all(output).await?;
            stream.flush().await
        };
        within(limit, write).await?;
        self.machine.clear_output();
        Ok(true)
    }

    /// Reads more input; returns false when the client has gone.
    async fn read(
        &mut self,
        mut going_down: Pin<&mut impl Future<Output = ()>>,
    ) -> io::Result<bool> {
        self.make_room();
        let clock = &self.shared.clock;
        let now = clock.monotonic_ms();
        let deadline = self.machine.wait(now);
        if now >= self.machine.end(now) {
            // A client that always has more to say never lets the timer below be looked at. The other deadlines are
            // for that timer alone: what has come in is not lost because we were slow to look.
            self.session.refused(self.machine.time_out(now));
            return Ok(true);
        }
        let timer = match &mut self.timer {
            Some(timer) if timer.due <= deadline => timer,
            timer => timer.insert(Timer::new(clock.as_ref(), now, deadline)),
        };
        loop {
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            tokio::select! {
                biased;
                read = self.stream.read(free) => {
                    let count = read?;
                    self.end += count;
                    return Ok(count > 0);
                }
                () = going_down.as_mut(), if !self.is_going_down => {
                    self.is_going_down = true;
                    self.machine.shut_down();
                    return Ok(true);
                }
                () = &mut timer.sleep => {
                    let now = clock.monotonic_ms();
                    if now >= deadline {
                        self.session.refused(self.machine.time_out(now));
                        return Ok(true);
                    }
                    *timer = Timer::new(clock.as_ref(), now, deadline);
                }
            }
        }
    }

    /// Moves unconsumed input to the front. The machine consumes long lines, so there is always room then.
    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let (TlsMode::Implicit(config) | TlsMode::StartTls(config)) = &self.shared.tls else {
            return Err(io::Error::other("TLS was asked for and is not configured"));
        };
        let Stream::Plain(plain) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(io::Error::other("TLS was asked for twice"));
        };
        let handshake = Stream::accept(plain, std::sync::Arc::clone(config));
        let limit = self.limit();
        let (stream, info) = within(limit, handshake).await?;
        self.stream = stream;
        (self.start, self.end) = (0, 0);
        self.machine.tls_established();
        self.session.tls_established(&info).await;
        Ok(())
    }

    /// Returns the end of the time for a handshake or for the client to read our replies.
    fn limit(&mut self) -> Sleep {
        let now = self.shared.clock.monotonic_ms();
        let left = self.machine.end(now).saturating_sub(now);
        let limit = left.min(self.shared.session.command_timeout_ms);
        // A farewell to a client whose time is up still gets a moment.
        self.shared.clock.sleep(Duration::from_millis(limit).max(FAREWELL))
    }
}

impl Timer {
    fn new(clock: &dyn Clock, now: u64, due: u64) -> Self {
        Self { due, sleep: clock.sleep(Duration::from_millis(due.saturating_sub(now))) }
    }
}

/// Runs an operation on the socket until `limit`.
async fn within<T>(limit: Sleep, operation: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::select! {
        biased;
        done = operation => done,
        () = limit => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn replies(answer: &Final) -> &[Reply] {
    match answer {
        Final::All(reply) => std::slice::from_ref(reply),
        Final::Each(replies) => replies,
    }
}

/// For the last reply of a session and the end of TLS; both fit into an empty socket buffer.
const FAREWELL: Duration = Duration::from_secs(1);

/// Holds the longest line that the machine asks to keep (12,290 octets), and makes body pieces worth a write.
const BUFFER: usize = 32 << 10;
