//! Commits what a message becomes: its children, its holds, its bounces.

use std::sync::Arc;

use rusqlite::params;

use crate::body::{self, BodyRef, Memory, NewBody};
use crate::database::Write;
use crate::error::{Error, Result};
use crate::id::{MessageId, RecipientId, child_id};
use crate::keybook::{self, KeyEvent};
use crate::peer::{self, PeerRow};
use crate::queue::change::{
    Details, advance, apply, free_body, insert_decision, insert_fresh, insert_message,
};
use crate::queue::lease::{Claim, Leases};
use crate::queue::message::{DecisionRecord, Message, NewMessage, Recipient};
use crate::queue::rows;
use crate::queue::state::Event;
use crate::store::Store;

/// The outcome of planning one message, committed as one.
///
/// A recipient that is not named stays as it is.
#[derive(Debug)]
pub struct Planned {
    /// The message that came in.
    pub message: MessageId,
    /// The time of the plan; children are due at once.
    pub now_ms: i64,
    /// One for each group of recipients that gets the same bytes over the same route.
    pub children: Vec<Child>,
    /// Recipients that wait for a key, an approval or an administrator.
    pub held: Vec<Held>,
    /// Recipients whose mail waits at the portal; the body of the message that came in is kept for them.
    pub portal: Vec<RecipientId>,
    /// Recipients that are given back to the sender.
    pub bounced: Vec<Refused>,
    /// Recipients that get nothing and about whom nobody is told.
    pub dropped: Vec<Refused>,
    /// Notices that are accepted in the same commit.
    pub notices: Vec<(NewMessage, NewBody)>,
    /// Why; kept for `chancery explain`.
    pub decisions: Vec<DecisionRecord>,
    /// What the message told about the software of those who signed it.
    pub peers: Vec<PeerRow>,
    /// What it told and did about keys of others.
    pub keys: Vec<KeyEvent>,
}

/// One child of a message.
#[derive(Debug)]
pub struct Child {
    /// The group; with the parent and the recipients it makes the id, see [`child_id`].
    pub key: String,
    /// How it is protected, as text for people and metrics.
    pub form: String,
    /// Its bytes.
    pub body: ChildBody,
    /// Who gets it.
    pub recipients: Vec<RecipientId>,
    /// Where it goes; the gateway knows what it means.
    pub route: String,
    /// The envelope sender.
    pub reverse_path: String,
}

/// The bytes of a child.
#[derive(Debug)]
pub enum ChildBody {
    /// Bytes of its own.
    New(NewBody),
    /// The bytes of the parent; they are not copied.
    SameAsParent,
    /// A trace header, then the bytes of the parent; they are not copied.
    SameWithPrefix(Vec<u8>),
}

/// A recipient that has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who.
    pub recipient: RecipientId,
    /// Why, as a code.
    pub code: String,
    /// Why, as text.
    pub reason: String,
}

/// A recipient that gets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Who.
    pub recipient: RecipientId,
    /// Why, as a code.
    pub code: String,
    /// The reply that the sender is shown.
    pub reply: String,
}

/// What a plan made.
#[derive(Debug, Default)]
pub struct Made {
    /// The children, in the order of the plan.
    pub children: Vec<MessageId>,
    /// The notices, in the order of the plan.
    pub notices: Vec<MessageId>,
    /// The deliveries of the children, without reading them from the database again; dropped, they are found by
    /// [`Store::due`].
    pub work: Vec<Claim>,
}

impl Planned {
    /// Returns a plan that does nothing yet.
    pub fn new(message: MessageId, now_ms: i64) -> Self {
        Self {
            message,
            now_ms,
            children: Vec::new(),
            held: Vec::new(),
            portal: Vec::new(),
            bounced: Vec::new(),
            dropped: Vec::new(),
            notices: Vec::new(),
            decisions: Vec::new(),
            peers: Vec::new(),
            keys: Vec::new(),
        }
    }
}

impl Store {
    /// Commits a plan: all of it or nothing.
    ///
    /// Fails with [`Error::Stale`](crate::Error::Stale) if a recipient it names does not wait for a plan any more.
    pub async fn commit_plan(&self, plan: Planned) -> Result<Made> {
        let message = plan.message;
        let (writing, bodies) = Writing::new(self, plan, Vec::new());
        self.database
            .write("commit a plan", bodies, move |write| {
                let mut recipients = Recipients::read(write, message)?;
                let made = writing.carry_out(write, &mut recipients)?;
                free_body(write, message, message)?;
                Ok(made)
            })
            .await
    }
}

/// A plan as it is written.
pub(crate) struct Writing {
    now_ms: i64,
    children: Vec<ChildRow>,
    moves: Vec<(RecipientId, Event, Details)>,
    /// With the places of their bodies among those of the change.
    notices: Vec<(NewMessage, usize)>,
    decisions: Vec<DecisionRecord>,
    peers: Vec<PeerRow>,
    keys: Vec<KeyEvent>,
    leases: Arc<Leases>,
    memory: Arc<Memory>,
}

impl Writing {
    /// Returns the plan, and the bodies of the change: those that are given, and then its own.
    pub(crate) fn new(
        store: &Store,
        plan: Planned,
        mut bodies: Vec<NewBody>,
    ) -> (Self, Vec<NewBody>) {
        let Planned {
            message,
            now_ms,
            children,
            held,
            portal,
            bounced,
            dropped,
            notices,
            decisions,
            peers,
            keys,
        } = plan;
        let children =
            children.into_iter().map(|child| ChildRow::new(message, child, &mut bodies)).collect();
        let writing = Self {
            now_ms,
            children,
            moves: moves(held, portal, bounced, dropped),
            notices: split(notices, &mut bodies),
            decisions,
            peers,
            keys,
            leases: Arc::clone(&store.leases),
            memory: Arc::clone(&store.memory),
        };
        (writing, bodies)
    }

    /// Moves the recipients and writes everything else.
    pub(crate) fn carry_out(&self, write: &Write<'_>, recipients: &mut Recipients) -> Result<Made> {
        let mut made = Made::default();
        for child in self.children.iter().filter(|child| !child.recipients.is_empty()) {
            let mut carrier = recipients.give(write, child, self.now_ms)?;
            made.children.push(carrier.id);
            let body = child.body.and_then(|body| write.bodies.get(body));
            carrier.body.kept = body.and_then(|body| body.keep(&self.memory));
            let given = recipients.given(carrier.id);
            made.work.extend(Claim::hand_on(&self.leases, carrier, given, self.now_ms));
        }
        for (recipient, event, details) in &self.moves {
            recipients.apply(write, *recipient, *event, self.now_ms, details.clone())?;
        }
        for (notice, body) in &self.notices {
            made.notices.push(insert_message(write, notice, *body)?.0.id);
        }
        for decision in &self.decisions {
            insert_decision(write, decision)?;
        }
        for event in &self.keys {
            keybook::note(write, event)?;
        }
        for peer in &self.peers {
            peer::learn(write, peer)?;
        }
        Ok(made)
    }
}

/// A child as it is written.
struct ChildRow {
    id: MessageId,
    key: String,
    form: String,
    route: String,
    reverse_path: String,
    recipients: Vec<RecipientId>,
    /// Its body among those of the change; `None` for that of the parent.
    body: Option<usize>,
    prefix: Option<Vec<u8>>,
}

impl ChildRow {
    fn new(parent: MessageId, child: Child, bodies: &mut Vec<NewBody>) -> Self {
        let (body, prefix) = match child.body {
            ChildBody::New(body) => {
                bodies.push(body);
                (Some(bodies.len() - 1), None)
            }
            ChildBody::SameAsParent => (None, None),
            ChildBody::SameWithPrefix(prefix) => (None, Some(prefix)),
        };
        Self {
            id: child_id(parent, &child.key, &child.recipients),
            key: child.key,
            form: child.form,
            route: child.route,
            reverse_path: child.reverse_path,
            recipients: child.recipients,
            body,
            prefix,
        }
    }

    /// Writes the rows of the child; returns it with the id it got.
    fn insert(&self, write: &Write<'_>, parent: &Message) -> Result<Message> {
        let body = self.body.and_then(|body| write.bodies.get(body));
        let prefix_size = self.prefix.as_ref().map_or(0, |prefix| prefix.len() as u64);
        let size = body.map_or(parent.size, NewBody::size).saturating_add(prefix_size);
        let id = insert_fresh(self.id.0, |id| {
            let owner = if body.is_some() { id } else { parent.id.0 };
            write.run(
                INSERT_CHILD,
                params![
                    id,
                    parent.id.0,
                    self.key,
                    self.form,
                    self.route,
                    self.reverse_path,
                    size.cast_signed(),
                    owner,
                    self.prefix
                ],
            )
        })?;
        if let Some(body) = body {
            body::insert(write, write.organisation, MessageId(id), body)?;
        }
        let owner = if body.is_some() { MessageId(id) } else { parent.id };
        Ok(Message {
            id: MessageId(id),
            parent: Some(parent.id),
            child_key: Some(self.key.clone()),
            form: Some(self.form.clone()),
            route: Some(self.route.clone()),
            reverse_path: self.reverse_path.clone(),
            size,
            body: BodyRef { owner, prefix: self.prefix.clone().unwrap_or_default(), kept: None },
            ..parent.clone()
        })
    }
}

/// The message that is planned and its recipients.
pub(crate) struct Recipients {
    message: Message,
    /// By id.
    pub(crate) rows: Vec<Recipient>,
    /// Whether they are in the database already; otherwise they are inserted when all is done.
    are_written: bool,
    /// Whether a child has the bytes of the message.
    is_body_shared: bool,
}

impl Recipients {
    /// Takes a message that arrives.
    pub(crate) fn fresh(message: Message, rows: Vec<Recipient>) -> Self {
        Self { message, rows, are_written: false, is_body_shared: false }
    }

    fn read(write: &Write<'_>, message: MessageId) -> Result<Self> {
        let row = rows::message(write, message)?.filter(|row| row.parent.is_none());
        let row = row.ok_or(Error::Stale { message })?;
        let rows = rows::recipients(write, message)?;
        Ok(Self { message: row, rows, are_written: true, is_body_shared: false })
    }

    /// Returns true if somebody waits for the bytes that came in: a recipient, or a child that has none of its own.
    pub(crate) fn need_body(&self) -> bool {
        self.is_body_shared
            || self.rows.iter().any(|row| row.carrier.is_none() && !row.state.is_terminal())
    }

    /// Writes a child and gives it to its recipients.
    fn give(&mut self, write: &Write<'_>, child: &ChildRow, now_ms: i64) -> Result<Message> {
        let carrier = child.insert(write, &self.message)?;
        self.is_body_shared |= child.body.is_none();
        for recipient in &child.recipients {
            let details = Details { carrier: Some(carrier.id), ..Details::default() };
            self.apply(write, *recipient, Event::Planned, now_ms, details)?;
        }
        Ok(carrier)
    }

    /// Returns the recipients of a child.
    fn given(&self, carrier: MessageId) -> Vec<Recipient> {
        self.rows.iter().filter(|row| row.carrier == Some(carrier)).cloned().collect()
    }

    fn apply(
        &mut self,
        write: &Write<'_>,
        id: RecipientId,
        event: Event,
        now_ms: i64,
        details: Details,
    ) -> Result<()> {
        let stale = Error::Stale { message: self.message.id };
        let found = self.rows.binary_search_by_key(&id, |row| row.id).ok();
        let row =
            found.and_then(|index| self.rows.get_mut(index)).filter(|row| row.carrier.is_none());
        let Some(row) = row else {
            return Err(stale);
        };
        let is_applied = if self.are_written {
            apply(write, row, event, now_ms, details)?
        } else {
            advance(row, event, now_ms, details)
        };
        if is_applied { Ok(()) } else { Err(stale) }
    }
}

/// Returns what happens to the recipients that get no child.
fn moves(
    held: Vec<Held>,
    portal: Vec<RecipientId>,
    bounced: Vec<Refused>,
    dropped: Vec<Refused>,
) -> Vec<(RecipientId, Event, Details)> {
    let details =
        |code, reply| Details { code: Some(code), reply: Some(reply), ..Details::default() };
    let held =
        held.into_iter().map(|row| (row.recipient, Event::Held, details(row.code, row.reason)));
    let portal = portal.into_iter().map(|recipient| (recipient, Event::Portal, Details::default()));
    let bounced = bounced
        .into_iter()
        .map(|row| (row.recipient, Event::Bounced, details(row.code, row.reply)));
    let dropped = dropped
        .into_iter()
        .map(|row| (row.recipient, Event::Dropped, details(row.code, row.reply)));
    held.chain(portal).chain(bounced).chain(dropped).collect()
}

/// Moves the bodies of notices to those of the change; returns the notices with the places of their bodies.
pub(crate) fn split(
    notices: Vec<(NewMessage, NewBody)>,
    bodies: &mut Vec<NewBody>,
) -> Vec<(NewMessage, usize)> {
    let split = notices.into_iter().map(|(notice, body)| {
        bodies.push(body);
        (notice, bodies.len() - 1)
    });
    split.collect()
}

/// What the child inherits is copied in the database.
const INSERT_CHILD: &str = "INSERT INTO message (id, organisation, parent, child_key, form, route, received_at, \
    expires_at, delay_notice_at, direction, listener, peer, helo, tls, auth_user, reverse_path, body_type, smtputf8, \
    ret, envid, message_id, from_header, size, body, prefix) \
    SELECT $1, organisation, $2, $3, $4, $5, received_at, expires_at, delay_notice_at, direction, listener, peer, \
    helo, tls, auth_user, $6, body_type, smtputf8, ret, envid, message_id, from_header, $7, $8, $9 \
    FROM message WHERE id = $2 ON CONFLICT (id) DO NOTHING";
