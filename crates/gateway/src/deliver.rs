//! Hands a child to its next hop and writes down what came of each recipient.

use std::sync::Arc;
use std::time::Duration;

use chancery_fault::{Code, Coded as _};
use chancery_mail::notice::Action;
use chancery_net::smtp::{DeliveryOptions, DeliveryReport, Outcome as NetOutcome};
use chancery_store::{BodyType, DecisionRecord, Lease, Message, Outcome, Recipient, Settle};
use chancery_wire::smtp::{BodyKind, Envelope, MailFrom, Notify, RcptTo, Reply, Return};
use serde::Serialize;

use crate::metrics::{Counter, Stage};
use crate::notices::{self, Event};
use crate::routes::RouteName;
use crate::server::Gateway;
use crate::stored_body::StoredBody;
use crate::{codes, failed};

/// Makes one attempt for the recipients of a child.
pub(crate) async fn run(
    gateway: &Arc<Gateway>,
    carrier: Message,
    route: &str,
    recipients: Vec<Recipient>,
    lease: Lease,
) {
    let name = RouteName::from_text(route).unwrap_or(RouteName::Inside);
    let (next_hop, tls) = name.resolve(&gateway.settings);
    let slot = gateway.routes.take(&next_hop, || gateway.clock.monotonic_ms()).await;
    if gateway.shutdown.is_triggered() {
        return;
    }
    let started = gateway.clock.monotonic();
    let report = if slot.is_some() {
        let body = match StoredBody::open(gateway, &carrier).await {
            Ok(body) => body,
            Err(error) => {
                gateway.metrics.failure(error.code().id);
                tracing::error!(message = %carrier.id, code = error.code().id, %error, "cannot read the body");
                // Nothing is known about the recipients, so nothing is written; the next round tries again.
                gateway.clock.sleep(PAUSE_AFTER_FAILURE).await;
                return;
            }
        };
        let options = DeliveryOptions { tls, ..DeliveryOptions::default() };
        let envelope = envelope(&carrier, &recipients);
        Some(gateway.client.deliver(&next_hop, &envelope, &body, &options).await)
    } else {
        None
    };
    drop(slot);
    let took = gateway.clock.monotonic().saturating_sub(started);
    gateway.metrics.observe(Stage::Deliver, took);
    if let Some(report) = report.as_ref().filter(|report| is_unreachable(report)) {
        tracing::warn!(route, tried = report.attempts.len(), "next hop cannot be reached");
        let until = gateway.clock.monotonic_ms() + DOWN_MS;
        gateway.routes.mark_down(&next_hop, until);
    }
    settle(gateway, &carrier, route, &recipients, report.as_ref()).await;
    drop(lease);
}

/// An attempt, as the record shows it.
#[derive(Serialize)]
struct Attempted<'a> {
    route: &'a str,
    host: Option<&'a str>,
    peer: Option<String>,
    tls: Option<String>,
    tls_verified: bool,
    recipients: Vec<Attempt<'a>>,
    tried: Vec<String>,
}

#[derive(Serialize)]
struct Attempt<'a> {
    recipient: &'a str,
    result: &'static str,
    code: Option<&'static str>,
    reply: String,
}

/// Writes down what came of an attempt; `None` means that none was made because the next hop is known to be down.
///
/// What the next hop took must not be sent again because the disk is full just now, so it is written as soon as there is
/// room, or, if that is not before the end of this process, tried again by the next one.
async fn settle(
    gateway: &Arc<Gateway>,
    carrier: &Message,
    route: &str,
    recipients: &[Recipient],
    report: Option<&DeliveryReport>,
) {
    while !settle_once(gateway, carrier, route, recipients, report).await {
        tokio::select! {
            () = gateway.shutdown.triggered() => return,
            () = gateway.clock.sleep(PAUSE_AFTER_FAILURE) => {}
        }
    }
}

/// Returns false if the outcomes are not written, but may be a little later.
async fn settle_once(
    gateway: &Arc<Gateway>,
    carrier: &Message,
    route: &str,
    recipients: &[Recipient],
    report: Option<&DeliveryReport>,
) -> bool {
    let now_ms = gateway.now_ms();
    let mut settle = Settle::new(carrier.id, now_ms);
    let mut events = Vec::new();
    let mut attempts = Vec::new();
    let mut failures = Vec::new();
    let mut counts = [(Counter::Delivered, 0_u64), (Counter::Deferred, 0), (Counter::Bounced, 0)];
    for (position, recipient) in recipients.iter().enumerate() {
        let result = Ended::of(report, position).or_expired(gateway, recipient);
        attempts.push(Attempt {
            recipient: &recipient.address,
            result: result.word,
            code: result.code.map(|code| code.id),
            reply: result.reply.to_string(),
        });
        failures.extend(result.code);
        if result.word == "bounced" {
            let reply = result.reply.to_string();
            match failed::of_refusal(gateway, carrier, &reply, now_ms) {
                Ok(event) => settle.keys.extend(event),
                // The outcome is what counts.
                Err(error) => {
                    tracing::warn!(message = %carrier.id, %error, "cannot read which key was used");
                }
            }
        }
        if let Some((_, count)) = counts.get_mut(result.counter) {
            *count += 1;
        }
        settle.outcomes.push((recipient.id, result.outcome(gateway, recipient, report, now_ms)));
        events.extend(result.event(recipient, report));
    }
    if let Some(report) = report {
        settle.decisions.push(record(carrier, route, now_ms, report, attempts));
    }
    let notice = if events.is_empty() {
        Ok(None)
    } else {
        let header = gateway.store.header(carrier.id).ok().flatten().unwrap_or_default();
        notices::delivery_report(gateway, carrier, &header, &events)
    };
    match notice {
        Ok(notice) => settle.notices.extend(notice),
        Err(error) => {
            tracing::error!(message = %carrier.id, %error, "cannot write a notice");
            return false;
        }
    }
    let is_written = commit(gateway, carrier, route, settle, &counts).await;
    if is_written {
        for code in &failures {
            gateway.metrics.failure(code.id);
        }
    }
    is_written
}

async fn commit(
    gateway: &Arc<Gateway>,
    carrier: &Message,
    route: &str,
    settle: Settle,
    counts: &[(Counter, u64)],
) -> bool {
    let notices = settle.notices.len() as u64;
    match gateway.store.settle(settle).await {
        Ok(settled) => {
            for (counter, amount) in counts {
                gateway.metrics.add(*counter, *amount);
            }
            gateway.metrics.add(Counter::Notices, notices);
            let [delivered, deferred, bounced] =
                [0, 1, 2].map(|at| counts.get(at).map_or(0, |(_, count)| *count));
            tracing::info!(message = %carrier.id, route, delivered, deferred, bounced, "attempt made");
            for notice in settled.notices {
                gateway.dispatch(notice);
            }
            true
        }
        Err(error) => {
            gateway.metrics.failure(error.code().id);
            tracing::error!(message = %carrier.id, code = error.code().id, %error, "cannot write the outcome");
            !matches!(error.code().retry, chancery_fault::Retry::Later)
        }
    }
}

/// What came of one recipient, in the terms of the queue.
struct Ended {
    word: &'static str,
    counter: usize,
    code: Option<&'static Code>,
    reply: Reply,
}

impl Ended {
    fn of(report: Option<&DeliveryReport>, position: usize) -> Self {
        match report.and_then(|report| report.outcomes.get(position)) {
            Some(NetOutcome::Delivered { reply }) => Self::new("delivered", 0, None, reply),
            Some(NetOutcome::TempFail { reply, code }) => {
                Self::new("deferred", 1, Some(code), reply)
            }
            Some(NetOutcome::Unknown { reply, code }) => Self::new("unknown", 1, Some(code), reply),
            Some(NetOutcome::PermFail { reply, code }) => {
                Self::new("bounced", 2, Some(code), reply)
            }
            None => Self::new(
                "deferred",
                1,
                None,
                &Reply::new(451, (4, 4, 1), "the next hop did not answer a moment ago"),
            ),
        }
    }

    /// Gives up what was tried for long enough; the last reply stays in the words.
    fn or_expired(self, gateway: &Gateway, recipient: &Recipient) -> Self {
        let is_over = matches!(self.word, "deferred" | "unknown")
            && gateway.settings.queue.is_exhausted(recipient.attempts);
        if !is_over {
            return self;
        }
        let detail = format!("the last reply was {}", self.reply);
        Self::new("bounced", 2, Some(&codes::EXPIRED), &Reply::from_code(&codes::EXPIRED, &detail))
    }

    fn new(word: &'static str, counter: usize, code: Option<&'static Code>, reply: &Reply) -> Self {
        Self { word, counter, code, reply: reply.clone() }
    }

    fn outcome(
        &self,
        gateway: &Gateway,
        recipient: &Recipient,
        report: Option<&DeliveryReport>,
        now_ms: i64,
    ) -> Outcome {
        let code = self.code.map_or_else(|| NEXT_HOP_DOWN.to_owned(), |code| code.id.to_owned());
        let reply = self.reply.to_string();
        match self.word {
            "delivered" => Outcome::Delivered { reply, by: host(report).unwrap_or_default() },
            "bounced" => Outcome::Bounced { reply, code },
            // It was not tried: as soon as the next hop may be asked again, it is. After that the failure of others
            // counts for it too, or a long queue would ask a dead next hop for ever.
            _ if report.is_none() && recipient.code.as_deref() != Some(NEXT_HOP_DOWN) => {
                Outcome::Postponed { due_ms: now_ms.saturating_add(DOWN_PAUSE_MS), reply, code }
            }
            _ => Outcome::Retry {
                due_ms: now_ms.saturating_add(pause_ms(gateway, recipient.attempts)),
                reply,
                code,
            },
        }
    }

    /// Returns what the sender may want to know.
    fn event(&self, recipient: &Recipient, report: Option<&DeliveryReport>) -> Option<Event> {
        let (class, subject, detail) =
            self.reply.enhanced.unwrap_or((if self.word == "bounced" { 5 } else { 2 }, 0, 0));
        let status = format!("{class}.{subject}.{detail}");
        let event = |action, reason: &str| Event {
            recipient: recipient.clone(),
            action,
            status,
            diagnostic: Some(self.reply.to_string()),
            remote: host(report),
            reason: reason.to_owned(),
        };
        match self.word {
            "bounced" if self.code == Some(&codes::EXPIRED) => Some(event(
                Action::Failed,
                "It was tried for as long as the settings allow, in vain.",
            )),
            "bounced" => Some(event(Action::Failed, "The server of the recipient refused it.")),
            // Whoever passed the request on is not the one to answer it (RFC 3461 section 5.2.2).
            "delivered" if !report.is_some_and(|report| report.dsn_passed) => Some(event(
                Action::Relayed,
                "It was handed to the next server, which does not report back.",
            )),
            _ => None,
        }
    }
}

fn record(
    carrier: &Message,
    route: &str,
    now_ms: i64,
    report: &DeliveryReport,
    recipients: Vec<Attempt<'_>>,
) -> DecisionRecord {
    let attempted = Attempted {
        route,
        host: report.host.as_deref(),
        peer: report.peer.map(|peer| peer.to_string()),
        tls: report.tls.as_ref().map(|tls| format!("{} {}", tls.version, tls.cipher)),
        tls_verified: report.tls.as_ref().is_some_and(|tls| tls.is_verified),
        recipients,
        tried: report
            .attempts
            .iter()
            .map(|it| format!("{}: {} ({})", it.host, it.reason, it.code.id))
            .collect(),
    };
    let json = serde_json::to_string(&attempted)
        .unwrap_or_else(|error| format!("{{\"unrecordable\":\"{error}\"}}"));
    DecisionRecord { message: carrier.id, at_ms: now_ms, kind: "delivery".to_owned(), json }
}

/// Returns true if no server of the next hop got as far as an answer.
fn is_unreachable(report: &DeliveryReport) -> bool {
    report.host.is_none()
        && !report.attempts.is_empty()
        && report.outcomes.iter().all(|outcome| matches!(outcome, NetOutcome::TempFail { .. }))
}

fn host(report: Option<&DeliveryReport>) -> Option<String> {
    report.and_then(|report| report.host.clone())
}

/// Returns the pause before the next attempt: by the settings, made longer or shorter by chance, so that mail which
/// failed together does not come back together.
fn pause_ms(gateway: &Gateway, attempts: u32) -> i64 {
    let queue = &gateway.settings.queue;
    let pause = i64::try_from(queue.pause(attempts).as_millis()).unwrap_or(i64::MAX / 4);
    let range = pause / 100 * i64::from(queue.jitter_percent.min(100));
    // Without randomness there is no jitter, which is no reason not to try again.
    let random =
        i64::from(u16::from_le_bytes(chancery_crypto::random::bytes().unwrap_or([0, 128])));
    (pause + (random - 32_768) * (range / 32_768) + (random - 32_768) * (range % 32_768) / 32_768)
        .max(0)
}

fn envelope(carrier: &Message, recipients: &[Recipient]) -> Envelope {
    Envelope {
        mail: MailFrom {
            address: carrier.reverse_path.clone(),
            size: None,
            body: match carrier.body_type {
                BodyType::EightBit => BodyKind::EightBitMime,
                BodyType::SevenBit => BodyKind::SevenBit,
            },
            smtputf8: carrier.smtputf8,
            ret: carrier
                .ret
                .as_deref()
                .map(|ret| if ret == "FULL" { Return::Full } else { Return::Headers }),
            envid: carrier.envid.clone(),
        },
        recipients: recipients
            .iter()
            .map(|recipient| RcptTo {
                address: recipient.address.clone(),
                notify: recipient.notify.as_deref().map(notify),
                orcpt: recipient.orcpt.clone(),
            })
            .collect(),
    }
}

fn notify(list: &str) -> Notify {
    let has = |word: &str| list.split(',').any(|it| it.eq_ignore_ascii_case(word));
    Notify { success: has("SUCCESS"), failure: has("FAILURE"), delay: has("DELAY") }
}

/// The code of what was not tried because others have just failed.
const NEXT_HOP_DOWN: &str = "smtp.next_hop_down";

/// How long a next hop that could not be reached is left alone by what is already waiting for it.
const DOWN_MS: u64 = 10_000;

/// The same, as the queue counts.
const DOWN_PAUSE_MS: i64 = DOWN_MS.cast_signed();

/// Keeps a failing disk from being asked all the time.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
