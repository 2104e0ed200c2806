//! Asks a directory as fast as it answers, from one thread that costs as little as it can: both share the processors.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chancery_pki::pem;
use rustix::event::{Timespec, epoll};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

use super::connection::{Connection, Question};
use super::residents::Residents;
use crate::Result;

/// What to ask.
#[derive(Deserialize)]
pub(crate) struct Load {
    /// What [`super::residents::prepare`] made.
    folder: PathBuf,
    /// The port on this machine.
    port: u16,
    /// Whether TLS is spoken from the first octet.
    tls: bool,
    /// Where to search.
    base: String,
    /// Connections at a time.
    connections: u8,
    /// Distinguishes who asks from those that asked before: each round comes from networks of its own.
    round: u8,
    /// How long.
    milliseconds: u64,
    /// How many were asked for before, so that the next ones are others.
    skip: usize,
    /// The first of the people who are asked for,
    from: usize,
    /// and how many they are.
    among: usize,
}

/// What came of it; times in microseconds.
#[derive(Serialize)]
pub(crate) struct Outcome {
    searches: usize,
    seconds: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    /// Processor time of who asked, for one search.
    cpu: f64,
}

/// Asks until the time is over; any answer but the right one ends it.
pub(crate) fn run(load: &Load) -> Result<Outcome> {
    let residents = Residents::load(&load.folder)?;
    let among = load.among;
    if among == 0 || load.from + among > residents.len() {
        return Err("there are not so many people".into());
    }
    let tls = if load.tls { Some(Arc::new(config(load)?)) } else { None };
    let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, load.port);
    let mut connections = (1..=load.connections)
        .map(|number| {
            let from = Ipv4Addr::new(127, load.round, number, 1);
            Connection::open(from, server, tls.as_ref(), Question::new(&load.base)?)
        })
        .collect::<Result<Vec<_>>>()?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (number, connection) in (0..).zip(&connections) {
        let data = epoll::EventData::new_u64(number);
        epoll::add(&poll, connection.socket(), data, epoll::EventFlags::IN)?;
    }
    // A step without a common divisor comes to everybody before it comes to anybody twice.
    let step = step(among);
    let mut people = (load.skip..).map(|it| load.from + it.wrapping_mul(step) % among);
    let mut next = || people.next().unwrap_or_default();
    let mut times: Vec<u64> = Vec::new();
    let (start, cpu) = (Instant::now(), processor());
    let end = start + Duration::from_millis(load.milliseconds);
    for connection in &mut connections {
        connection.ask(next())?;
    }
    let mut open = connections.len();
    let mut events = Vec::with_capacity(connections.len());
    while open > 0 {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&PATIENCE))?;
        if events.is_empty() {
            return Err("there is no answer".into());
        }
        for event in &events {
            let number = usize::try_from(event.data.u64())?;
            let connection = connections.get_mut(number).ok_or("an event of nobody")?;
            let Some(asked) = connection.take(&residents)? else { continue };
            let now = Instant::now();
            times.push(u64::try_from((now - asked).as_nanos())?);
            if now < end {
                connection.ask(next())?;
            } else {
                open -= 1;
            }
        }
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), processor().saturating_sub(cpu));
    Ok(Outcome::new(&mut times, seconds, cpu))
}

impl Outcome {
    #[expect(clippy::cast_precision_loss, reason = "seconds and millions of searches are exact")]
    fn new(times: &mut [u64], seconds: f64, cpu: Duration) -> Self {
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        let at = |thousandths: usize| {
            times.get(last * thousandths / 1_000).map_or(f64::NAN, |it| *it as f64 / 1_000.0)
        };
        Self {
            searches: times.len(),
            seconds,
            p50: at(500),
            p90: at(900),
            p99: at(990),
            p999: at(999),
            cpu: cpu.as_secs_f64() * 1e6 / times.len() as f64,
        }
    }
}

/// Returns what believes the servers' certificate alone.
fn config(load: &Load) -> Result<rustls::ClientConfig> {
    let text = fs::read(load.folder.join("tls.pem"))?;
    let mut roots = RootCertStore::empty();
    for block in pem::blocks(&text)? {
        roots.add(CertificateDer::from(block.der.to_vec()))?;
    }
    Ok(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Returns a number near the golden section that has no common divisor with the other one.
fn step(among: usize) -> usize {
    let has_common = |step: usize| {
        let (mut one, mut other) = (among, step);
        while other > 0 {
            (one, other) = (other, one % other);
        }
        one > 1
    };
    (among * 618 / 1_000 + 1..=among).find(|step| !has_common(*step)).unwrap_or(1)
}

/// Returns the processor time of this process.
fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Whoever is silent for so long has lost the question.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };
