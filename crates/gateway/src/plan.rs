//! Decides what becomes of a message and makes its children, in one commit.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use chancery_fault::{Code, Coded as _};
use chancery_mail::{Address, HeaderBlock, index, trace};
use chancery_pki::path::Known;
use chancery_policy::{FieldValue, Form, Label};
use chancery_store::{
    DecisionRecord, Held, Lease, Made, Message, MessageId, Outcome, Planned, Recipient, Refused,
    Settle,
};

use crate::error::Result;
use crate::inquiry::{self, Inquiry};
use crate::metrics::{Counter, Stage};
use crate::partners::PartnerBook;
use crate::release::Releasable;
use crate::server::Gateway;
use crate::{bridges, codes, desktop, inward, notices, outward, queue, seek};

/// Plans one message and starts the delivery of its children.
pub(crate) async fn run(
    gateway: &Arc<Gateway>,
    message: Message,
    recipients: Vec<Recipient>,
    lease: Lease,
) {
    let id = message.id;
    let work =
        |gateway: &Gateway,
         (message, recipients): &(Message, Vec<Recipient>),
         known: Option<&Known>| { prepare(gateway, message, recipients, known) };
    let ((_, recipients), prepared) =
        thoroughly(gateway, (message, recipients), work, Place::Apart).await;
    match prepared {
        Ok(draft) => commit(gateway, id, draft).await,
        Err(stopped) => postpone(gateway, &recipients, id, stopped).await,
    }
    drop(lease);
}

/// Why there is no plan.
pub(crate) struct NoPlan {
    pub(crate) code: &'static Code,
    pub(crate) why: String,
}

/// Prepares a plan; with what is known for this plan, where that is more than what is known to all.
type Prepare<T> = fn(&Gateway, &T, Option<&Known>) -> Result<Draft>;

/// Where a plan is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On a thread of its own: signing and encrypting are work for the processor, and large bodies wait for the disk.
    Apart,
    /// On this thread: right for what takes less time than it takes to wake another one.
    Here,
}

/// Makes a plan; and if it lacks something that can be fetched, fetches it and makes the plan again.
pub(crate) async fn thoroughly<T: Send + 'static>(
    gateway: &Arc<Gateway>,
    subject: T,
    prepare: Prepare<T>,
    place: Place,
) -> (T, std::result::Result<Draft, NoPlan>) {
    let mut before = gateway.known();
    let (mut subject, mut prepared) = match place {
        Place::Apart => apart(gateway, subject, prepare, None).await,
        Place::Here => {
            let prepared = here(gateway, &subject, prepare, None);
            (subject, prepared)
        }
    };
    let strangers = taken(&mut prepared, |draft| &mut draft.strangers);
    if let Some(lookup) = &gateway.lookup
        && !strangers.is_empty()
    {
        // Only then can be told whether the mail is for a partner or for a stranger.
        bridges::find(gateway, lookup, strangers).await;
        before = gateway.known();
        (subject, prepared) = apart(gateway, subject, prepare, None).await;
    }
    if let Some(finder) = &gateway.finder {
        let keyless = taken(&mut prepared, |draft| &mut draft.keyless);
        if !keyless.is_empty() {
            let sought = seek::seek(gateway, finder, keyless).await;
            if let Some((code, why)) = sought.wait {
                return (subject, Err(NoPlan { code, why }));
            }
            if sought.is_new {
                before = gateway.known();
                (subject, prepared) = apart(gateway, subject, prepare, None).await;
            }
        }
        let stale = taken(&mut prepared, |draft| &mut draft.stale);
        if !stale.is_empty() {
            let (gateway, finder) = (Arc::clone(gateway), finder.clone());
            tokio::spawn(async move { seek::seek(&gateway, &finder, stale).await });
        }
    }
    let Some(lookup) = &gateway.lookup else { return (subject, prepared) };
    let lacking = taken(&mut prepared, |draft| &mut draft.lacking);
    if !lacking.is_empty() {
        let wait = gateway.settings.lookup_wait;
        let (fetches, known) = inquiry::ask_around(lookup, lacking, wait).await;
        if !known.is_same(&before) {
            (subject, prepared) = apart(gateway, subject, prepare, Some(known)).await;
        }
        if let Ok(draft) = &mut prepared
            && !fetches.is_empty()
        {
            draft.record("fetched", &fetches);
        }
    }
    (subject, prepared)
}

/// Takes a list out of a plan; of no plan it is empty.
fn taken<I>(
    prepared: &mut std::result::Result<Draft, NoPlan>,
    list: impl FnOnce(&mut Draft) -> &mut Vec<I>,
) -> Vec<I> {
    prepared.as_mut().map(|draft| std::mem::take(list(draft))).unwrap_or_default()
}

/// Makes a plan on a thread of its own: signing and encrypting are work for the processor, and large bodies wait for
/// the disk.
async fn apart<T: Send + 'static>(
    gateway: &Arc<Gateway>,
    subject: T,
    prepare: Prepare<T>,
    known: Option<Known>,
) -> (T, std::result::Result<Draft, NoPlan>) {
    // The semaphore is never closed.
    let slot = gateway.plan_slots.acquire().await.ok();
    let ended = {
        let gateway = Arc::clone(gateway);
        tokio::task::spawn_blocking(move || {
            let prepared = here(&gateway, &subject, prepare, known.as_ref());
            (subject, prepared)
        })
        .await
    };
    drop(slot);
    // It does not panic, and nobody cancels it.
    ended.unwrap_or_else(|error| resume_unwind(Box::new(error)))
}

/// Makes a plan on this thread: right for what takes less time than it takes to wake another one.
fn here<T>(
    gateway: &Gateway,
    subject: &T,
    prepare: Prepare<T>,
    known: Option<&Known>,
) -> std::result::Result<Draft, NoPlan> {
    let started = gateway.clock.monotonic();
    let attempt = catch_unwind(AssertUnwindSafe(|| prepare(gateway, subject, known)));
    gateway.metrics.observe(Stage::Plan, gateway.clock.monotonic().saturating_sub(started));
    match attempt {
        Ok(Ok(draft)) => Ok(draft),
        Ok(Err(error)) => Err(NoPlan { code: error.code(), why: error.to_string() }),
        Err(_panic) => {
            Err(NoPlan { code: &codes::PLAN_FAILED, why: codes::PLAN_FAILED.summary.to_owned() })
        }
    }
}

/// What a plan is going to write, and what it counts.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The rows.
    pub(crate) planned: Planned,
    /// What to count once they are written.
    pub(crate) counts: Vec<(Counter, u64)>,
    /// Codes of what went wrong, for the metrics.
    pub(crate) failures: Vec<&'static str>,
    /// Recipients that are held now and were not before, with the reason in words.
    pub(crate) newly_held: Vec<Stopped>,
    /// Recipients that are given back.
    pub(crate) refused: Vec<Stopped>,
    /// What might be answered better if something were fetched.
    pub(crate) lacking: Vec<Inquiry>,
    /// Domains of recipients that a bridge may have as members.
    pub(crate) strangers: Vec<String>,
    /// Recipients whose key may be found.
    pub(crate) keyless: Vec<Address>,
    /// Recipients whose key should be looked for again, for the next message.
    pub(crate) stale: Vec<Address>,
}

/// A recipient that the message does not go to, or not now.
#[derive(Clone, Debug)]
pub(crate) struct Stopped {
    /// Who.
    pub(crate) recipient: Recipient,
    /// Why.
    pub(crate) code: &'static Code,
    /// In words, for the sender.
    pub(crate) text: String,
}

/// The message as both directions see it.
pub(crate) struct Subject<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) message: &'a Message,
    pub(crate) index: index::Index,
    /// The partners while it is planned.
    pub(crate) partners: Arc<PartnerBook>,
    /// How the sender's own mail program protected the message.
    pub(crate) form: Form,
    /// The security labels that the sender's own mail program signed.
    pub(crate) labels: Vec<Label>,
    pub(crate) now_ms: i64,
}

impl Draft {
    /// Returns a plan that does nothing yet.
    pub(crate) fn new(message: MessageId, now_ms: i64) -> Self {
        Self {
            planned: Planned::new(message, now_ms),
            counts: Vec::new(),
            failures: Vec::new(),
            newly_held: Vec::new(),
            refused: Vec::new(),
            lacking: Vec::new(),
            strangers: Vec::new(),
            keyless: Vec::new(),
            stale: Vec::new(),
        }
    }

    /// Adds a child.
    pub(crate) fn release(&mut self, child: Releasable, message: &Message) {
        self.planned.children.push(child.into_child(&message.reverse_path));
    }

    /// Puts a recipient on hold for a reason; the sender is told `told`, if anything, the first time.
    pub(crate) fn hold(
        &mut self,
        recipient: &Recipient,
        code: &'static Code,
        reason: String,
        told: Option<String>,
    ) {
        self.counts.push((Counter::Held, 1));
        self.failures.push(code.id);
        if let Some(text) = told
            && recipient.code.as_deref().is_none_or(|before| !is_hold(before))
        {
            self.newly_held.push(Stopped { recipient: recipient.clone(), code, text });
        }
        self.planned.held.push(Held { recipient: recipient.id, code: code.id.to_owned(), reason });
    }

    /// Gives a recipient back to the sender.
    pub(crate) fn refuse(&mut self, recipient: &Recipient, code: &'static Code, text: String) {
        self.counts.push((Counter::Bounced, 1));
        self.failures.push(code.id);
        self.planned.bounced.push(Refused {
            recipient: recipient.id,
            code: code.id.to_owned(),
            reply: format!("{} {text} ({})", code.reply, code.id),
        });
        self.refused.push(Stopped { recipient: recipient.clone(), code, text });
    }

    /// Records why.
    pub(crate) fn record(&mut self, kind: &str, facts: &impl serde::Serialize) {
        let message = self.planned.message;
        let at_ms = self.planned.now_ms;
        // What is recorded has text keys only, so this cannot fail; if it did, the record would say so.
        let json = serde_json::to_string(facts)
            .unwrap_or_else(|error| format!("{{\"unrecordable\":\"{error}\"}}"));
        self.planned.decisions.push(DecisionRecord { message, at_ms, kind: kind.to_owned(), json });
    }

    /// Counts something once the plan is written.
    pub(crate) fn count(&mut self, counter: Counter, amount: usize) {
        self.counts.push((counter, amount as u64));
    }
}

impl Subject<'_> {
    /// Returns the header.
    pub(crate) fn header(&self) -> HeaderBlock<'_> {
        HeaderBlock::parse(self.index.header())
    }

    /// Returns what the rules see of the fields with this name.
    pub(crate) fn field_values(header: &HeaderBlock<'_>, name: &str) -> Vec<FieldValue> {
        let decoded = header.all(name).map(|field| field.decoded());
        decoded.map(|it| FieldValue { text: it.text, is_whole: it.is_whole }).collect()
    }

    /// Returns the trace field that this gateway adds (RFC 5321 section 4.4).
    pub(crate) fn received(&self) -> Vec<u8> {
        let message = self.message;
        let recipient = None;
        let with =
            match (message.listener.as_str(), message.tls.is_some(), message.auth_user.is_some()) {
                ("inside-lmtp", _, _) => "LMTP",
                (notices::LISTENER | notices::REQUEST, _, _) => "local",
                (_, true, true) => "ESMTPSA",
                (_, true, false) => "ESMTPS",
                (_, false, true) => "ESMTPA",
                (_, false, false) => "ESMTP",
            };
        let id = message.id.to_string();
        trace::Received {
            helo: &message.helo,
            client: message.peer.parse().ok().map(|it: std::net::SocketAddr| it.ip()),
            by: &self.gateway.settings.hostname,
            with,
            id: &id,
            recipient,
            tls: message.tls.as_deref(),
            at: message.received_at_ms / 1000,
        }
        .write()
        .into_bytes()
    }
}

/// Reads the message and decides for each recipient; nothing is changed yet.
pub(crate) fn prepare(
    gateway: &Gateway,
    message: &Message,
    recipients: &[Recipient],
    known: Option<&Known>,
) -> Result<Draft> {
    let now_ms = gateway.now_ms();
    let mut body = gateway.store.body(&message.body)?;
    let index = read_index(&mut body)?;
    let form = desktop::form(&index, &mut body)?;
    let mut spools = inward::DiskSpools { store: &gateway.store };
    let labels = desktop::labels(form, &mut body, &mut spools)?;
    let mut partners = gateway.current_partners()?;
    if let Some(known) = known {
        partners = Arc::new(partners.knowing(known));
    }
    let subject = Subject { gateway, message, index, partners, form, labels, now_ms };
    let mut draft = Draft::new(message.id, now_ms);
    let mut inside = Vec::new();
    let mut outside: BTreeMap<String, Vec<(Address, &Recipient)>> = BTreeMap::new();
    for recipient in recipients {
        match Address::parse(&recipient.address) {
            Ok(address) if gateway.settings.is_ours(address.domain()) => inside.push(recipient),
            Ok(address) => {
                let of_domain = outside.entry(address.ascii_domain()).or_default();
                of_domain.push((address, recipient));
            }
            Err(_bad) => {
                let text = codes::BAD_ADDRESS.summary.to_owned();
                draft.refuse(recipient, &codes::BAD_ADDRESS, text);
            }
        }
    }
    if !inside.is_empty() {
        inward::plan(&subject, &inside, &mut draft)?;
    }
    if !outside.is_empty() {
        outward::plan(&subject, &outside, &mut draft)?;
    }
    notices::of_plan(&subject, &mut draft)?;
    Ok(draft)
}

/// Indexes a message in one pass.
fn read_index(body: &mut chancery_store::BodyReader) -> Result<index::Index> {
    use std::io::Read as _;
    let mut builder = index::IndexBuilder::new();
    if let Some(bytes) = body.in_memory() {
        builder.push(bytes);
        return Ok(builder.finish());
    }
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        let read = body.read(&mut buffer)?;
        if read == 0 {
            return Ok(builder.finish());
        }
        builder.push(buffer.get(..read).unwrap_or_default());
    }
}

/// Writes the plan.
async fn commit(gateway: &Arc<Gateway>, message: MessageId, draft: Draft) {
    let Draft { planned, counts, failures, .. } = draft;
    match gateway.store.commit_plan(planned).await {
        Ok(made) => is_committed(gateway, message, &counts, &failures, made),
        Err(chancery_store::Error::Stale { .. }) => {
            // An administrator was faster; what they did stands.
            tracing::info!(%message, "the message was changed while it was planned");
        }
        Err(error) => {
            gateway.metrics.failure(error.code().id);
            tracing::error!(%message, code = error.code().id, %error, "cannot write the plan");
        }
    }
}

/// Counts what a plan did once it is on disk, and starts what it made.
pub(crate) fn is_committed(
    gateway: &Arc<Gateway>,
    message: MessageId,
    counts: &[(Counter, u64)],
    failures: &[&'static str],
    made: Made,
) {
    for (counter, amount) in counts {
        gateway.metrics.add(*counter, *amount);
    }
    for code in failures {
        gateway.metrics.failure(code);
    }
    tracing::info!(%message, children = made.children.len(), notices = made.notices.len(), "planned");
    for claim in made.work {
        queue::hand_on(gateway, claim);
    }
    for notice in made.notices {
        gateway.dispatch(notice);
    }
}

/// Puts the message off after a failure of ours.
async fn postpone(
    gateway: &Arc<Gateway>,
    recipients: &[Recipient],
    message: MessageId,
    stopped: NoPlan,
) {
    let NoPlan { code, why } = stopped;
    gateway.metrics.failure(code.id);
    tracing::error!(%message, code = code.id, error = why, "cannot prepare the message; it is tried again");
    let now_ms = gateway.now_ms();
    let mut settle = Settle::new(message, now_ms);
    for recipient in recipients {
        let pause = gateway.settings.queue.pause(recipient.attempts);
        let due_ms = now_ms.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        let reply = format!("{} {} ({})", code.reply, code.summary, code.id);
        settle
            .outcomes
            .push((recipient.id, Outcome::Retry { due_ms, reply, code: code.id.to_owned() }));
    }
    if let Err(error) = gateway.store.settle(settle).await {
        tracing::error!(%message, code = error.code().id, %error, "cannot put the message off");
    }
}

/// Returns true if the code of a recipient says that it was on hold.
///
/// A recipient that is planned and has such a code was released: by an administrator, or because its key came.
pub(crate) fn is_hold(code: &str) -> bool {
    chancery_policy::CODES.iter().any(|known| known.id == code)
}
