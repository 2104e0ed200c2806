//! Measures durable accepts, and whole cycles of accept, plan and settle, per second.
//!
//! ```text
//! cargo run --release -p chancery-store --example store_speed -- [SECONDS] [PRODUCERS] [DIRECTORY]
//! ```
//!
//! Every answer is on disk: compare runs on the same disk only, and keep the machine quiet.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use chancery_store::{
    Child, ChildBody, NewMessage, NewRecipient, Options, Outcome, Planned, Settle, Store, Work,
};

type Failure = Box<dyn Error + Send + Sync>;

/// 2026-11-21T00:00:00Z.
const NOW: i64 = 1_795_219_200_000;
/// An ordinary mail, and the same protected.
const ORIGINAL: usize = 10_000;
const PROTECTED: usize = 14_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let producers: usize = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let parent = arguments.next().unwrap_or_else(|| ".".to_owned());
    let span = Duration::from_secs(seconds);

    let directory = tempfile::tempdir_in(&parent)?;
    let store = open(directory.path())?;
    let done =
        run(producers, span, store.clone(), |store, n| async move { accept(&store, n).await })
            .await?;
    print("accept, 10 kB", producers, done, span);
    drop((store, directory));

    let directory = tempfile::tempdir_in(&parent)?;
    let store = open(directory.path())?;
    let done =
        run(producers, span, store.clone(), |store, n| async move { cycle(&store, n).await })
            .await?;
    print("accept, plan with a child of 14 kB, settle", producers, done, span);
    let metrics = store.metrics()?;
    println!(
        "left over: {} queued, database {} MB",
        metrics.queued_plan + metrics.queued_deliver,
        metrics.database_size >> 20
    );
    Ok(())
}

fn open(directory: &Path) -> Result<Store, Failure> {
    Ok(Store::open(directory, Options { create: true, ..Options::default() })?)
}

/// Runs as many producers as told until the time is over; returns how often they were done.
async fn run<F, W>(producers: usize, span: Duration, store: Store, work: F) -> Result<u64, Failure>
where
    F: Fn(Store, i64) -> W + Send + Copy + 'static,
    W: Future<Output = Result<(), Failure>> + Send,
{
    let end = Instant::now() + span;
    let producer = |store: Store| async move {
        let mut done = 0_i64;
        while Instant::now() < end {
            work(store.clone(), done).await?;
            done += 1;
        }
        Ok::<i64, Failure>(done)
    };
    let tasks: Vec<_> = (0..producers).map(|_| tokio::spawn(producer(store.clone()))).collect();
    let mut done = 0;
    for task in tasks {
        done += task.await??.unsigned_abs();
    }
    Ok(done)
}

async fn accept(store: &Store, n: i64) -> Result<(), Failure> {
    let body = store.new_body(&[b'x'; ORIGINAL])?;
    store.accept(message(n), body).await?;
    Ok(())
}

fn message(n: i64) -> NewMessage {
    NewMessage {
        received_at_ms: NOW + n,
        expires_at_ms: NOW + 432_000_000,
        delay_notice_at_ms: Some(NOW + 14_400_000),
        listener: "inside".into(),
        peer: "192.0.2.1:54321".into(),
        helo: "mail.acme.example".into(),
        reverse_path: "ann@acme.example".into(),
        message_id: Some(format!("<{n}.{:p}@acme.example>", &raw const n)),
        from_header: Some("Ann <ann@acme.example>".into()),
        header: Some(vec![b'h'; 600]),
        recipients: vec![NewRecipient::new("bob@globex.example")],
        ..NewMessage::default()
    }
}

async fn cycle(store: &Store, n: i64) -> Result<(), Failure> {
    let body = store.new_body(&[b'x'; ORIGINAL])?;
    let arrived = store.arrive(message(n), body).map_err(|_| "no room in memory")?;
    let original = store.body(&arrived.message.body)?.read_all()?;
    assert_eq!(original.len(), ORIGINAL);
    let mut plan = Planned::new(arrived.message.id, NOW + n);
    plan.children.push(Child {
        key: "protect:globex.example".into(),
        form: "protected".into(),
        body: ChildBody::New(store.new_body(&[b'y'; PROTECTED])?),
        recipients: arrived.recipients.iter().map(|recipient| recipient.id).collect(),
        route: "mx:globex.example".into(),
        reverse_path: arrived.message.reverse_path.clone(),
    });
    let mut made = store.accept_planned(arrived, plan).await?;

    let claim = made.work.pop().ok_or("nothing to deliver")?;
    let Work::Deliver { carrier, recipients, .. } = claim.work else {
        return Err("not a delivery".into());
    };
    assert_eq!(store.body(&carrier.body)?.read_all()?.len(), PROTECTED);
    let mut settle = Settle::new(carrier.id, NOW + n);
    let delivered =
        Outcome::Delivered { reply: "250 2.0.0 taken".into(), by: "mx.globex.example".into() };
    settle.outcomes =
        recipients.iter().map(|recipient| (recipient.id, delivered.clone())).collect();
    store.settle(settle).await?;
    Ok(())
}

fn print(what: &str, producers: usize, done: u64, span: Duration) {
    println!("{what}: {} per second with {producers} producers", done / span.as_secs().max(1));
}
