//! Takes mail: who may hand over what, and the durable commit before the positive reply.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chancery_fault::{Code, Coded as _};
use chancery_mail::address::{self, MAX_MISLEADING, Mailbox, parse_mailbox_list};
use chancery_mail::{Address, HeaderBlock, message_id, trace};
use chancery_net::listener::Peer;
use chancery_net::smtp::{Final, Handler, Session};
use chancery_net::tls::TlsInfo;
use chancery_pki::{Certificate, Purpose, path};
use chancery_policy::{Envelope, REJECTED_BY_RULE, refuses_envelope};
use chancery_store::{BodyType, BodyWriter, Direction, NewMessage, NewRecipient};
use chancery_wire::smtp::{BodyKind, MailFrom, RcptTo, Reply, Return};

use crate::arrival::{self, Taken};
use crate::codes;
use crate::metrics::{Counter, Stage};
use crate::server::Gateway;

/// Which of the doors a client came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// SMTP from the organisation's own servers.
    Inside,
    /// LMTP from the organisation's own servers.
    InsideLmtp,
    /// SMTP from the internet.
    Outside,
}

/// Makes the intake sessions of one listener.
pub(crate) struct Intake {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) door: Door,
}

/// One connection.
pub(crate) struct Client {
    gateway: Arc<Gateway>,
    door: Door,
    peer: Peer,
    helo: String,
    tls: Option<TlsInfo>,
    user: Option<String>,
    transaction: Option<Transaction>,
}

/// One message on its way in.
struct Transaction {
    mail: MailFrom,
    recipients: Vec<NewRecipient>,
    has_outside_recipient: bool,
    body: Option<Arriving>,
}

/// The octets that have come so far.
struct Arriving {
    writer: BodyWriter,
    /// The beginning of the message, up to the end of its header or [`MAX_HEADER`].
    header: Vec<u8>,
    is_header_complete: bool,
    size: u64,
    /// As [`Clock::monotonic`](chancery_net::clock::Clock::monotonic) showed it.
    started: Duration,
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::InsideLmtp => "inside-lmtp",
            Self::Outside => "outside",
        }
    }

    pub(crate) fn is_inside(self) -> bool {
        self != Self::Outside
    }
}

impl Handler for Intake {
    type Session = Client;

    async fn connect(&self, peer: &Peer) -> Result<Client, Reply> {
        let inside = &self.gateway.settings.inside;
        let may_prove_itself = inside.users.is_some() || !inside.client_authorities.is_empty();
        if self.door.is_inside() && !inside.allows(peer.ip()) && !may_prove_itself {
            tracing::warn!(door = self.door.name(), %peer, code = codes::NOT_ALLOWED.id, "connection refused");
            self.gateway.metrics.failure(codes::NOT_ALLOWED.id);
            return Err(Reply::from_code(&codes::NOT_ALLOWED, ""));
        }
        Ok(Client {
            gateway: Arc::clone(&self.gateway),
            door: self.door,
            peer: peer.clone(),
            helo: String::new(),
            tls: None,
            user: None,
            transaction: None,
        })
    }
}

impl Session for Client {
    fn hello(&mut self, name: &str) {
        name.clone_into(&mut self.helo);
    }

    fn refused(&mut self, code: &'static Code) {
        if self.transaction.as_ref().is_some_and(|it| it.body.is_some()) {
            self.gateway.metrics.add(Counter::Refused, 1);
        }
        self.gateway.metrics.failure(code.id);
        tracing::info!(door = self.door.name(), peer = %self.peer, code = code.id, "ended or refused by the protocol");
    }

    async fn tls_established(&mut self, info: &TlsInfo) {
        self.tls = Some(info.clone());
        self.user = None;
    }

    async fn auth(&mut self, user: &str, password: &str) -> bool {
        let Some(users) =
            self.gateway.settings.inside.users.clone().filter(|_| self.door.is_inside())
        else {
            return false;
        };
        let (name, password) = (user.to_owned(), zeroize::Zeroizing::new(password.to_owned()));
        // Checking a password is slow by intention, so it has a thread of its own.
        let is_right = tokio::task::spawn_blocking(move || users.check(&name, &password))
            .await
            .unwrap_or(false);
        if is_right {
            self.user = Some(user.to_owned());
        } else {
            tracing::warn!(door = self.door.name(), peer = %self.peer, user, "login failed");
        }
        is_right
    }

    async fn mail(&mut self, mail: &MailFrom) -> Result<(), Reply> {
        if self.door.is_inside() && !self.is_trusted() {
            return Err(self.refuse(&codes::AUTHENTICATION_REQUIRED, ""));
        }
        if !mail.is_null() {
            let Ok(sender) = Address::parse(&mail.address) else {
                return Err(self.refuse(&codes::BAD_ADDRESS, "of the sender"));
            };
            if !self.may_be(&sender) {
                return Err(self.refuse(&codes::SENDER_NOT_THE_USER, ""));
            }
        }
        self.transaction = Some(Transaction {
            mail: mail.clone(),
            recipients: Vec::new(),
            has_outside_recipient: false,
            body: None,
        });
        Ok(())
    }

    async fn rcpt(&mut self, recipient: &RcptTo) -> Result<(), Reply> {
        let settings = &self.gateway.settings;
        let text = if recipient.address.eq_ignore_ascii_case("postmaster") {
            // RFC 5321 section 4.5.1: postmaster needs no domain.
            format!("postmaster@{}", settings.organisation)
        } else {
            recipient.address.clone()
        };
        let Ok(address) = Address::parse(&text) else {
            return Err(self.refuse(&codes::BAD_ADDRESS, "of the recipient"));
        };
        let is_ours = settings.is_ours(address.domain());
        if !self.door.is_inside() && is_routed(address.local()) {
            return Err(self.refuse(&codes::RELAY_DENIED, "the local part names another domain"));
        }
        let sender = self.transaction.as_ref().map_or("", |it| it.mail.address.as_str());
        if !is_ours {
            if !self.door.is_inside() {
                return Err(self.refuse(&codes::RELAY_DENIED, ""));
            }
            let sender_is_ours = sender.is_empty()
                || settings.inside.accepts_foreign_senders
                || Address::parse(sender).is_ok_and(|sender| settings.is_ours(sender.domain()));
            if !sender_is_ours {
                return Err(self.refuse(&codes::SENDER_NOT_OURS, ""));
            }
            let size = self.transaction.as_ref().and_then(|it| it.mail.size);
            if let Some(refusal) = self.refuses_by_rule(sender, &text, size) {
                return Err(refusal);
            }
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.has_outside_recipient |= !is_ours;
            transaction.recipients.push(NewRecipient {
                address: text,
                orcpt: recipient.orcpt.clone(),
                notify: recipient.notify.map(chancery_wire::smtp::Notify::to_param),
            });
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), Reply> {
        let size = self.transaction.as_ref().and_then(|it| it.mail.size).unwrap_or_default();
        self.gateway.store.check_room(size).map_err(|error| self.failed(&error))?;
        let writer = self.gateway.store.body_writer();
        let started = self.gateway.clock.monotonic();
        if let Some(transaction) = &mut self.transaction {
            transaction.body = Some(Arriving {
                writer,
                header: Vec::with_capacity(2048),
                is_header_complete: false,
                size: 0,
                started,
            });
        }
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), Reply> {
        let Some(arriving) = self.transaction.as_mut().and_then(|it| it.body.as_mut()) else {
            return Ok(());
        };
        arriving.keep_header(octets);
        arriving.size += octets.len() as u64;
        let written = arriving.writer.write_all(octets);
        written.map_err(|error| self.failed(&chancery_store::Error::file("write a body", &error)))
    }

    async fn end(&mut self) -> Final {
        let Some((transaction, arriving)) =
            self.transaction.take().and_then(|mut it| it.body.take().map(|b| (it, b)))
        else {
            return Reply::from_code(&codes::PLAN_FAILED, "no message").into();
        };
        match self.accept(transaction, arriving).await {
            Ok(reply) | Err(reply) => reply.into(),
        }
    }

    async fn reset(&mut self) {
        self.transaction = None;
    }
}

impl Client {
    /// Returns true if this client may hand over the organisation's mail.
    fn is_trusted(&self) -> bool {
        let inside = &self.gateway.settings.inside;
        let shows_certificate = || {
            let certificate = self.tls.as_ref().and_then(|tls| tls.peer_certificate.as_deref());
            let certificate = certificate.and_then(|der| Certificate::from_der(der).ok());
            certificate.is_some_and(|certificate| {
                let at = self.gateway.now_ms() / 1000;
                path::check(&certificate, &[], &inside.client_authorities, Purpose::Any, at)
                    .is_trusted()
            })
        };
        self.user.is_some() || inside.allows(self.peer.ip()) || shows_certificate()
    }

    /// Returns true unless this is a user who has logged in and may not write as this address.
    fn may_be(&self, address: &Address) -> bool {
        match (&self.user, &self.gateway.settings.inside.users) {
            (Some(user), Some(users)) => users.may_be(user, address),
            _ => true,
        }
    }

    /// Returns true if everybody whom the message names as its author is somebody that the user may be.
    ///
    /// A field that nobody can read as an address could be shown as anybody, so it is nobody's.
    fn may_be_authors(&self, header: &HeaderBlock<'_>) -> bool {
        let is_own = |author: &Mailbox| {
            let shown = author.misleading_addresses();
            self.may_be(&author.address)
                && shown.len() < MAX_MISLEADING
                && shown.iter().all(|shown| self.may_be(shown))
        };
        let mut fields = AUTHORS.into_iter().flat_map(|name| header.all(name));
        self.user.is_none()
            || fields.all(|field| {
                let authors = parse_mailbox_list(&field.unfolded());
                let is_clear = authors.problems.is_empty() && !authors.mailboxes.is_empty();
                is_clear && authors.mailboxes.iter().all(is_own)
            })
    }

    /// Refuses at once what a rule refuses whatever the message will be, so that no notice has to be written.
    fn refuses_by_rule(&self, sender: &str, recipient: &str, size: Option<u64>) -> Option<Reply> {
        let envelope = Envelope { sender, recipient, announced_size: size };
        let rule = refuses_envelope(&self.gateway.policy(), &envelope)?;
        tracing::info!(door = self.door.name(), peer = %self.peer, rule = rule.name, line = rule.line, "a rule refuses");
        Some(self.refuse(&REJECTED_BY_RULE, rule.reason.as_deref().unwrap_or_default()))
    }

    async fn accept(
        &mut self,
        transaction: Transaction,
        arriving: Arriving,
    ) -> Result<Reply, Reply> {
        let gateway = Arc::clone(&self.gateway);
        if arriving.header.len() >= MAX_HEADER {
            // Rules look at the header; one that they cannot see whole must not slip through.
            return Err(self.refuse(&codes::HEADER_TOO_LARGE, ""));
        }
        let header = HeaderBlock::parse(&arriving.header);
        if trace::hops(&header) > gateway.settings.limits.hops {
            return Err(self.refuse(&codes::LOOP, ""));
        }
        if !self.may_be_authors(&header) {
            return Err(self.refuse(&codes::SENDER_NOT_THE_USER, "see its From and Sender fields"));
        }
        let message = self.describe(transaction, &header);
        let (is_small, started) = (arriving.size <= SMALL, arriving.started);
        let body = if is_small {
            arriving.writer.finish()
        } else {
            // A large body is synced to the disk here, which may take a while.
            let finished = tokio::task::spawn_blocking(move || arriving.writer.finish()).await;
            finished.unwrap_or_else(|_| {
                let stopped = std::io::Error::other("the writer stopped");
                Err(chancery_store::Error::file("write a body", &stopped))
            })
        };
        let body = body.map_err(|error| self.failed(&error))?;
        let recipients = message.recipients.len();
        let taken = arrival::take(&gateway, message, body).await;
        let Taken { id, refusal } = taken.map_err(|error| self.failed(&error))?;
        let took = gateway.clock.monotonic().saturating_sub(started);
        gateway.metrics.observe(Stage::Intake, took);
        if let Some(reply) = refusal {
            gateway.metrics.add(Counter::Refused, 1);
            tracing::info!(message = %id, door = self.door.name(), peer = %self.peer, recipients, %reply, "refused");
            return Err(reply);
        }
        gateway.metrics.add(Counter::Accepted, 1);
        tracing::info!(message = %id, door = self.door.name(), peer = %self.peer, recipients, "accepted");
        Ok(Reply::new(250, (2, 0, 0), format!("accepted as {id}")))
    }

    fn describe(&self, transaction: Transaction, header: &HeaderBlock<'_>) -> NewMessage {
        let settings = &self.gateway.settings;
        let now_ms = self.gateway.now_ms();
        let after = |pause: Duration| {
            now_ms.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
        };
        let mail = transaction.mail;
        NewMessage {
            received_at_ms: now_ms,
            // Delivery is given up by its attempts; this is the end of all waiting, on hold too.
            expires_at_ms: after(settings.queue.expire.max(settings.queue.hold_expire)),
            delay_notice_at_ms: settings.queue.delay_notice.map(after),
            direction: if transaction.has_outside_recipient {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            listener: self.door.name().to_owned(),
            peer: self.peer.to_string(),
            helo: self.helo.clone(),
            tls: self.tls.as_ref().map(|tls| format!("{} {}", tls.version, tls.cipher)),
            auth_user: self.user.clone(),
            reverse_path: mail.address,
            body_type: match mail.body {
                BodyKind::EightBitMime => BodyType::EightBit,
                BodyKind::SevenBit => BodyType::SevenBit,
            },
            smtputf8: mail.smtputf8,
            ret: mail.ret.map(|ret: Return| ret.as_str().to_owned()),
            envid: mail.envid,
            message_id: header
                .first("message-id")
                .and_then(|field| message_id::parse(&field.unfolded())),
            from_header: header.first("from").map(|field| first_author(&field.unfolded())),
            header: Some(cut(header.raw(), MAX_KEPT_HEADER).to_vec()),
            recipients: transaction.recipients,
        }
    }

    fn refuse(&self, code: &'static Code, detail: &str) -> Reply {
        self.gateway.metrics.add(Counter::Refused, 1);
        self.gateway.metrics.failure(code.id);
        tracing::info!(door = self.door.name(), peer = %self.peer, code = code.id, "refused");
        Reply::from_code(code, detail)
    }

    fn failed(&self, error: &chancery_store::Error) -> Reply {
        let code = error.code();
        self.gateway.metrics.failure(code.id);
        tracing::error!(door = self.door.name(), peer = %self.peer, code = code.id, %error, "cannot accept");
        // The other side learns the code and not our paths.
        Reply::from_code(code, "")
    }
}

impl Arriving {
    /// Keeps the beginning of the message until the empty line that ends the header.
    fn keep_header(&mut self, octets: &[u8]) {
        if self.is_header_complete {
            return;
        }
        let room = MAX_HEADER.saturating_sub(self.header.len());
        let searched = self.header.len().saturating_sub(3);
        self.header.extend_from_slice(cut(octets, room));
        let tail = self.header.get(searched..).unwrap_or_default();
        let has_end =
            tail.windows(4).any(|window| window == b"\r\n\r\n") || self.header.starts_with(b"\r\n");
        self.is_header_complete = has_end || self.header.len() >= MAX_HEADER;
    }
}

/// Returns true if a local part looks like a route to somewhere else (`user%host`, `host!user`, `"user@host"`).
///
/// Old mail servers follow it, and the one behind us trusts us: it would relay for the whole internet.
fn is_routed(local: &str) -> bool {
    local.contains(['%', '!', '@', ':'])
}

fn cut(octets: &[u8], at_most: usize) -> &[u8] {
    octets.get(..at_most).unwrap_or(octets)
}

/// Returns the first address of a From field, or as much of the field as a list can show.
fn first_author(value: &[u8]) -> String {
    match address::parse_mailboxes(value).first() {
        Some(mailbox) => mailbox.address.to_string(),
        None => String::from_utf8_lossy(cut(value, 200)).trim().to_owned(),
    }
}

/// The largest header, as the MIME index keeps it whole; Postfix cuts at 100 kB.
const MAX_HEADER: usize = 256 * 1024;

/// What is kept for notices after the body is gone.
const MAX_KEPT_HEADER: usize = 64 * 1024;

/// Bodies up to this size stay in memory, so finishing them does not touch the disk.
const SMALL: u64 = 128 * 1024;

/// Fields that say who writes or sends (RFC 5322 sections 3.6.2 and 3.6.6).
const AUTHORS: [&str; 4] = ["from", "sender", "resent-from", "resent-sender"];
