//! Commits what a message becomes: its children, its holds, its bounces.

use rusqlite::params;

use crate::body::{self, NewBody};
use crate::database::Write;
use crate::error::{Error, Result};
use crate::id::{MessageId, RecipientId, child_id};
use crate::queue::change::{
    Details, apply, free_body, insert_decision, insert_fresh, insert_message,
};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedIds {
    /// The children, in the order of the plan.
    pub children: Vec<MessageId>,
    /// The notices, in the order of the plan.
    pub notices: Vec<MessageId>,
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
        }
    }
}

impl Store {
    /// Commits a plan: all of it or nothing.
    ///
    /// Fails with [`Error::Stale`](crate::Error::Stale) if a recipient it names does not wait for a plan any more.
    pub async fn commit_plan(&self, plan: Planned) -> Result<PlannedIds> {
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
        } = plan;
        let mut bodies = Vec::new();
        let children: Vec<ChildRow> =
            children.into_iter().map(|child| ChildRow::new(message, child, &mut bodies)).collect();
        let notices = split(notices, &mut bodies);
        let moves = moves(held, portal, bounced, dropped);
        self.database
            .write("commit a plan", bodies, move |write| {
                let mut recipients = Recipients::read(write, message)?;
                let mut ids = PlannedIds::default();
                for child in &children {
                    ids.children.push(recipients.give(write, child, now_ms)?);
                }
                for (recipient, event, details) in &moves {
                    recipients.apply(write, *recipient, *event, now_ms, details.clone())?;
                }
                for (notice, body) in &notices {
                    ids.notices.push(insert_message(write, notice, *body)?);
                }
                for decision in &decisions {
                    insert_decision(write, decision)?;
                }
                free_body(write, message, message)?;
                Ok(ids)
            })
            .await
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

    /// Writes the rows of the child; returns the id it got.
    fn insert(&self, write: &Write<'_>, parent: &Message) -> Result<MessageId> {
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
        Ok(MessageId(id))
    }
}

/// The message that is planned and its recipients, as they are in the database.
struct Recipients {
    message: Message,
    rows: Vec<Recipient>,
}

impl Recipients {
    fn read(write: &Write<'_>, message: MessageId) -> Result<Self> {
        let row = rows::message(write, message)?.filter(|row| row.parent.is_none());
        let row = row.ok_or(Error::Stale { message })?;
        Ok(Self { message: row, rows: rows::recipients(write, message)? })
    }

    /// Writes a child and gives it to its recipients. One without recipients is not written.
    fn give(&mut self, write: &Write<'_>, child: &ChildRow, now_ms: i64) -> Result<MessageId> {
        if child.recipients.is_empty() {
            return Ok(child.id);
        }
        let id = child.insert(write, &self.message)?;
        for recipient in &child.recipients {
            let details = Details { carrier: Some(id), ..Details::default() };
            self.apply(write, *recipient, Event::Planned, now_ms, details)?;
        }
        Ok(id)
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
        if apply(write, row, event, now_ms, details)? { Ok(()) } else { Err(stale) }
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
