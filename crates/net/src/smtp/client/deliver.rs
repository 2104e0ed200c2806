//! One delivery: tries servers until each recipient has an outcome.

use std::sync::Arc;

use chancery_fault::Code;
use chancery_wire::codes as wire;
use chancery_wire::smtp::Envelope;
use chancery_wire::smtp::client::Outcome;

use super::connection::Connection;
use super::pool::{Key, Pool};
use super::target::{self, Target};
use super::{Attempt, Body, ClientConfig, DeliveryOptions, DeliveryReport, Route};
use crate::codes;

/// The state of one delivery.
pub(super) struct Delivery<'a> {
    config: &'a Arc<ClientConfig>,
    pool: &'a Arc<Pool>,
    envelope: &'a Envelope,
    body: &'a Body,
    options: &'a DeliveryOptions,
    /// One for each recipient; what is `None` at the end nobody decided.
    outcomes: Vec<Option<Outcome>>,
    /// What a recipient gets whom the last server has left without an answer.
    last_words: Vec<Option<Outcome>>,
    report: DeliveryReport,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        config: &'a Arc<ClientConfig>,
        pool: &'a Arc<Pool>,
        envelope: &'a Envelope,
        body: &'a Body,
        options: &'a DeliveryOptions,
    ) -> Self {
        let count = envelope.recipients.len();
        let report = DeliveryReport {
            outcomes: Vec::new(),
            tls: None,
            host: None,
            peer: None,
            dsn_passed: false,
            attempts: Vec::new(),
        };
        let (outcomes, last_words) = (vec![None; count], vec![None; count]);
        Self { config, pool, envelope, body, options, outcomes, last_words, report }
    }

    pub(super) async fn run(mut self, route: &Route) -> DeliveryReport {
        match target::find(self.config, route, &mut self.report.attempts).await {
            Err(outcome) => self.outcomes.fill(Some(outcome)),
            Ok(targets) => {
                for target in targets.iter().take(self.config.max_addresses.max(1)) {
                    self.try_target(target).await;
                    if self.outcomes.iter().all(Option::is_some) {
                        break;
                    }
                }
            }
        }
        self.finish()
    }

    async fn try_target(&mut self, target: &Target) {
        let key = Key::new(target, self.options);
        // A kept connection may have died unnoticed; that says nothing about the server, so try a new one then.
        if let Some(connection) = self.pool.take(&key).await {
            self.use_connection(connection, &key).await;
            if self.outcomes.iter().all(Option::is_some) {
                return;
            }
        }
        match Connection::open(self.config, target, self.options).await {
            Ok(connection) => self.use_connection(connection, &key).await,
            Err(refused) => self.note(target, refused.code, refused.reason),
        }
    }

    async fn use_connection(&mut self, mut connection: Connection, key: &Key) {
        let open: Vec<_> = (0..self.outcomes.len())
            .filter(|at| matches!(self.outcomes.get(*at), Some(None)))
            .collect();
        let envelope = self.part(&open);
        let outcomes = connection.send(&envelope, self.body, self.options.prefer_chunking).await;
        let mut lost = None;
        for (at, outcome) in open.into_iter().zip(outcomes) {
            if is_lost(&outcome) {
                lost = outcome.code();
                set(&mut self.last_words, at, outcome);
            } else {
                set(&mut self.outcomes, at, outcome);
            }
        }
        self.report.tls.clone_from(&connection.tls);
        self.report.host = Some(connection.host.clone());
        self.report.peer = connection.address;
        self.report.dsn_passed = connection.features().dsn;
        if let Some(code) = lost {
            let (host, address) = (connection.host.clone(), connection.address);
            self.report.attempts.push(Attempt {
                host,
                address,
                code,
                reason: code.summary.to_owned(),
            });
        }
        if connection.is_reusable() {
            self.pool.put(key.clone(), connection);
        } else {
            connection.close().await;
        }
    }

    /// Returns the envelope of the recipients that are still open.
    fn part(&self, open: &[usize]) -> Envelope {
        let recipients =
            open.iter().filter_map(|at| self.envelope.recipients.get(*at).cloned()).collect();
        Envelope { mail: self.envelope.mail.clone(), recipients }
    }

    fn note(&mut self, target: &Target, code: &'static Code, reason: String) {
        tracing::debug!(host = target.host, code = code.id, reason, "cannot use a server");
        let (host, address) = (target.host.clone(), target.address());
        self.report.attempts.push(Attempt { host, address, code, reason });
    }

    fn finish(mut self) -> DeliveryReport {
        let attempt = self.report.attempts.last();
        let nobody = match attempt {
            Some(attempt) => {
                Outcome::from_code(attempt.code, &format!("{}: {}", attempt.host, attempt.reason))
            }
            None => Outcome::from_code(&codes::CONNECT, "there is no server to try"),
        };
        let outcomes = self.outcomes.into_iter().zip(self.last_words);
        self.report.outcomes = outcomes
            .map(|(outcome, words)| outcome.or(words).unwrap_or_else(|| nobody.clone()))
            .collect();
        self.report
    }
}

fn set(list: &mut [Option<Outcome>], at: usize, outcome: Outcome) {
    if let Some(slot) = list.get_mut(at) {
        *slot = Some(outcome);
    }
}

/// The server gave no answer about this recipient, or only that it is about to close: another one may take it.
fn is_lost(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::TempFail { reply, code } => {
            let is_silence =
                [&wire::CONNECTION_LOST, &wire::MALFORMED_REPLY, &wire::TIMEOUT].contains(code);
            is_silence || (reply.code == 421 && *code == &wire::REFUSED_FOR_NOW)
        }
        Outcome::Delivered { .. } | Outcome::PermFail { .. } | Outcome::Unknown { .. } => false,
    }
}
