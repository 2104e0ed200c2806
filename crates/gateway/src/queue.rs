//! The scheduler: which message is worked on when.
//!
//! Work that was just made is started at once ([`dispatch`]); everything else is found in the database. A message that
//! finds no room simply waits there, so memory is bounded by the number of claims and nothing is ever lost with it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chancery_fault::Coded as _;
use chancery_mail::Address;
use chancery_policy::{EncryptTo, PartnerKey};
use chancery_store::{Act, Claim, MessageId, QueueFilter, RecipientId, Selection, Work};
use tokio::sync::OwnedSemaphorePermit;

use crate::mailbox::Mailbox;
use crate::partners::PartnerBook;
use crate::server::{Gateway, MAX_CLAIMS};
use crate::{bridges, deliver, inquiry, notices, plan};

/// Starts the work for a message if there is room; otherwise the scheduler finds it.
pub(crate) fn dispatch(gateway: &Arc<Gateway>, message: MessageId) {
    if gateway.shutdown.is_triggered() {
        return;
    }
    match Arc::clone(&gateway.work_slots).try_acquire_owned() {
        Ok(slot) => start(gateway, message, slot),
        Err(_full) => gateway.wake.notify_one(),
    }
}

/// Goes on with work that was just made, if there is room; otherwise the scheduler finds it.
pub(crate) fn hand_on(gateway: &Arc<Gateway>, claim: Claim) {
    if gateway.shutdown.is_triggered() {
        return;
    }
    match Arc::clone(&gateway.work_slots).try_acquire_owned() {
        Ok(slot) => {
            let gateway = Arc::clone(gateway);
            tokio::spawn(async move {
                work(&gateway, claim).await;
                drop(slot);
            });
        }
        Err(_full) => gateway.wake.notify_one(),
    }
}

/// Runs until shutdown, then waits for what is in progress.
pub(crate) async fn run(gateway: Arc<Gateway>) {
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = gateway.shutdown.triggered() => break,
            () = gateway.wake.notified() => {}
            () = gateway.clock.sleep(pause) => {}
        }
        pause = match round(&gateway).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!(code = error.code().id, %error, "the queue cannot be read");
                gateway.metrics.failure(error.code().id);
                TICK
            }
        };
    }
    // Whoever works holds a slot; having all of them means that nobody works any more.
    let finished = gateway.work_slots.acquire_many(MAX_CLAIMS);
    tokio::select! {
        _ = finished => {}
        () = gateway.clock.sleep(GRACE) => tracing::warn!("stopping with deliveries in progress; they are tried again"),
    }
}

/// Looks at everything that can be due, and returns how long to sleep.
async fn round(gateway: &Arc<Gateway>) -> Result<Duration, chancery_store::Error> {
    // What a command of an administrator changed is seen here, or by the plan that needs it.
    gateway.refresh_imported()?;
    refresh_partners(gateway).await?;
    let now_ms = gateway.now_ms();
    look_after_the_late(gateway, now_ms).await?;
    forget_finished(gateway, now_ms);
    let due = gateway.store.due(now_ms, BATCH)?;
    let found = due.len();
    for due in due {
        let Ok(slot) = Arc::clone(&gateway.work_slots).acquire_owned().await else { break };
        if gateway.shutdown.is_triggered() {
            break;
        }
        start(gateway, due.message, slot);
    }
    if found == BATCH {
        return Ok(Duration::ZERO);
    }
    Ok(TICK)
}

/// Gives up and tells delays. It reads all that waits, and nobody minds some seconds, so it is done now and then.
async fn look_after_the_late(
    gateway: &Arc<Gateway>,
    now_ms: i64,
) -> Result<(), chancery_store::Error> {
    let last = gateway.late_at_ms.load(Ordering::Relaxed);
    let pause = i64::try_from(gateway.settings.queue.look_every().as_millis()).unwrap_or(i64::MAX);
    if (last..last.saturating_add(pause)).contains(&now_ms) {
        return Ok(());
    }
    let expired = gateway.store.expired(now_ms, BATCH)?;
    let delayed = gateway.store.delayed(now_ms, BATCH)?;
    let is_all = expired.len() < BATCH && delayed.len() < BATCH;
    for message in expired {
        notices::give_up(gateway, message).await;
    }
    for message in delayed {
        notices::tell_delay(gateway, message).await;
    }
    if is_all {
        gateway.late_at_ms.store(now_ms, Ordering::Relaxed);
    }
    Ok(())
}

/// Forgets, once an hour, what was finished long ago; it runs beside the queue.
fn forget_finished(gateway: &Arc<Gateway>, now_ms: i64) {
    let last = gateway.forgotten_at_ms.load(Ordering::Relaxed);
    if now_ms - last < FORGET_EVERY_MS {
        return;
    }
    gateway.forgotten_at_ms.store(now_ms, Ordering::Relaxed);
    let gateway = Arc::clone(gateway);
    tokio::spawn(async move {
        match gateway.store.purge_finished(now_ms - REMEMBER_MS).await {
            Ok(0) => {}
            Ok(messages) => tracing::info!(messages, "forgot what was finished long ago"),
            Err(error) => tracing::error!(code = error.code().id, %error, "cannot forget"),
        }
    });
}

/// Claims the work for a message and does it in a task of its own.
fn start(gateway: &Arc<Gateway>, message: MessageId, slot: OwnedSemaphorePermit) {
    let gateway = Arc::clone(gateway);
    tokio::spawn(async move {
        let claimed = gateway.store.claim(message, gateway.now_ms());
        match claimed {
            Ok(Some(claim)) => work(&gateway, claim).await,
            Ok(None) => {}
            Err(error) => {
                gateway.metrics.failure(error.code().id);
                tracing::error!(%message, code = error.code().id, %error, "cannot read the message");
            }
        }
        drop(slot);
    });
}

async fn work(gateway: &Arc<Gateway>, claim: Claim) {
    let Claim { work, lease } = claim;
    match work {
        Work::Plan { message, recipients } => {
            Box::pin(plan::run(gateway, message, recipients, lease)).await;
        }
        Work::Deliver { carrier, route, recipients } => {
            Box::pin(deliver::run(gateway, carrier, &route, recipients, lease)).await;
        }
    }
}

/// Lets go what was held for a key that is there now.
async fn refresh_partners(gateway: &Arc<Gateway>) -> Result<(), chancery_store::Error> {
    let book = gateway.current_partners()?;
    let now_ms = gateway.now_ms();
    inquire(gateway, &book, now_ms);
    let keys = gateway.store.key_book_version()?;
    let is_done = |done: &Option<(Arc<PartnerBook>, i64)>| {
        done.as_ref().is_some_and(|(done, with)| Arc::ptr_eq(done, &book) && *with == keys)
    };
    if is_done(&gateway.released_for.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(());
    }
    for code in KEY_CODES {
        let filter = QueueFilter {
            state: Some("held".to_owned()),
            code: Some(code.id.to_owned()),
            limit: MAX_HELD,
            ..QueueFilter::default()
        };
        let mut by_domain: BTreeMap<String, Vec<(Address, RecipientId)>> = BTreeMap::new();
        for row in gateway.store.list(&filter)? {
            if let Ok(address) = Address::parse(&row.recipient.address) {
                let of_domain = by_domain.entry(address.ascii_domain()).or_default();
                of_domain.push((address, row.recipient.id));
            }
        }
        for (domain, recipients) in by_domain {
            if book.key_for(&domain, now_ms / 1000) == PartnerKey::Usable {
                let code = Some(code.id.to_owned());
                let which = Selection::HeldForDomain { domain: domain.clone(), code };
                let_go(gateway, &domain, which, now_ms).await?;
                continue;
            }
            let with_key =
                recipients.iter().filter(|(address, _)| has_key(gateway, &book, address, now_ms));
            let with_key: Vec<RecipientId> = with_key.map(|(_, id)| *id).collect();
            if !with_key.is_empty() {
                let_go(gateway, &domain, Selection::Recipients(with_key), now_ms).await?;
            }
        }
    }
    *gateway.released_for.lock().unwrap_or_else(PoisonError::into_inner) = Some((book, keys));
    Ok(())
}

/// Returns true if there is a key of an address of its own that would be used.
fn has_key(gateway: &Gateway, book: &PartnerBook, address: &Address, now_ms: i64) -> bool {
    if gateway.policy().outbound().encrypt_to == EncryptTo::OrganisationOnly {
        return false;
    }
    match Mailbox::read(&gateway.store, book, address, now_ms / 1000) {
        Ok(mailbox) => mailbox.chosen().is_some(),
        Err(error) => {
            tracing::error!(code = error.code().id, %error, "cannot read the keys of a recipient");
            false
        }
    }
}

/// Asks the network about the keys of all partners when the book changes and once an hour, beside the queue, so that no
/// message waits for a revocation list.
fn inquire(gateway: &Arc<Gateway>, book: &Arc<PartnerBook>, now_ms: i64) {
    let Some(lookup) = gateway.lookup.clone() else { return };
    {
        let mut asked = gateway.asked_for.lock().unwrap_or_else(PoisonError::into_inner);
        let (version, at_ms) = *asked;
        if version == book.version() && now_ms.saturating_sub(at_ms) < INQUIRE_EVERY_MS {
            return;
        }
        *asked = (book.version(), now_ms);
    }
    let (inquiries, wait) = (book.inquiries(now_ms / 1000), gateway.settings.lookup_wait);
    let (gateway, book) = (Arc::clone(gateway), Arc::clone(book));
    tokio::spawn(async move {
        bridges::refresh(&gateway, &lookup, &book).await;
        for inquiry in inquiries {
            inquiry::ask_around(&lookup, vec![inquiry], wait).await;
        }
    });
}

/// Releases what is held for a domain and a reason that is no more.
async fn let_go(
    gateway: &Arc<Gateway>,
    domain: &str,
    which: Selection,
    now_ms: i64,
) -> Result<(), chancery_store::Error> {
    let why = "a key has come".to_owned();
    let act = Act { who: "gateway".to_owned(), why, at_ms: now_ms };
    let released = gateway.store.release(which, act).await?;
    tracing::info!(domain, recipients = released.len(), "held mail goes on: there is a key now");
    Ok(())
}

/// How often the keys of all partners are asked about; what is known of them is renewed before it ends besides.
const INQUIRE_EVERY_MS: i64 = 3_600_000;

/// Holds that a partner's card ends.
pub(crate) const KEY_CODES: [&chancery_fault::Code; 5] = [
    &chancery_policy::NO_PARTNER,
    &chancery_policy::KEY_EXPIRED,
    &chancery_policy::KEY_NOT_YET_VALID,
    &chancery_policy::KEY_REVIEW,
    &chancery_policy::KEY_UNSUITABLE,
];

/// How soon a command of an administrator in another process is noticed.
const TICK: Duration = Duration::from_millis(250);

/// How often finished messages are looked for: an hour.
const FORGET_EVERY_MS: i64 = 3_600_000;

/// How long the story of a finished message can be told: 90 days.
const REMEMBER_MS: i64 = 90 * 24 * FORGET_EVERY_MS;

/// Held recipients looked at when a card comes; whoever has more of them releases the rest by hand.
const MAX_HELD: usize = 100_000;

/// Rows read at a time.
const BATCH: usize = 256;

/// How long deliveries may take to end after the listeners have ended.
const GRACE: Duration = Duration::from_secs(60);
