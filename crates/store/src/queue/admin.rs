//! What an administrator does with the queue: list, release, retry, drop.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::json;

use crate::audit;
use crate::database::Write;
use crate::error::Result;
use crate::id::{MessageId, RecipientId};
use crate::queue::change::{Details, apply, free_body, insert_decision};
use crate::queue::message::{DecisionRecord, Direction, Recipient};
use crate::queue::rows::{self, RECIPIENT, RECIPIENT_COLUMNS, read_recipient};
use crate::queue::state::Event;
use crate::store::Store;

/// Which recipients to list; everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// The word of a state; `None` for all that are open.
    pub state: Option<String>,
    /// The recipient's or the sender's address, in any case.
    pub address: Option<String>,
    /// The recipient's domain.
    pub domain: Option<String>,
    /// The code of the hold or of the last failure.
    pub code: Option<String>,
    /// Received before this time.
    pub before_ms: Option<i64>,
    /// Only recipients after this one: the last of the page before.
    pub after: Option<RecipientId>,
    /// How many at most.
    pub limit: usize,
}

/// One recipient in a list, with what people need to recognise the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueRow {
    /// The recipient.
    #[serde(flatten)]
    pub recipient: Recipient,
    /// The envelope sender of the message.
    pub reverse_path: String,
    /// Into or out of the organisation.
    pub direction: Direction,
    /// When the message came in.
    pub received_at_ms: i64,
    /// When it is given up.
    pub expires_at_ms: i64,
    /// The Message-ID field.
    pub message_id: Option<String>,
    /// Octets of the message that came in.
    pub size: u64,
    /// Where it goes, once planned.
    pub route: Option<String>,
}

/// Which recipients an administrator acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All that are held for a domain, with this code if one is given: a key for the domain has come.
    HeldForDomain {
        /// The recipient's domain.
        domain: String,
        /// The code of the hold.
        code: Option<String>,
    },
    /// Those of these messages, incoming or children.
    Messages(Vec<MessageId>),
    /// These.
    Recipients(Vec<RecipientId>),
}

/// Who acts, why and when; every act is in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub who: String,
    /// Why; may be empty.
    pub why: String,
    /// When.
    pub at_ms: i64,
}

impl Store {
    /// Lists recipients in the order of their age.
    pub fn list(&self, filter: &QueueFilter) -> Result<Vec<QueueRow>> {
        let states: &[&str] = match filter.state.as_deref() {
            // Spelled as in the indexes of the open recipients, so that finished ones are not read.
            None => &["r.state = 'queued' AND r.due IS NOT NULL", WAITING],
            Some("queued") => &["r.state = 'queued' AND r.due IS NOT NULL"],
            Some("held") => &["r.state IN ('held', 'portal') AND r.state = 'held'"],
            Some("portal") => &["r.state IN ('held', 'portal') AND r.state = 'portal'"],
            Some("delivered") => &["r.state = 'delivered'"],
            Some("bounced") => &["r.state = 'bounced'"],
            Some("dropped") => &["r.state = 'dropped'"],
            Some(_) => return Ok(Vec::new()),
        };
        let selects: Vec<String> =
            states.iter().map(|states| format!("SELECT {COLUMNS} {FROM} AND {states}")).collect();
        let sql = format!("{} ORDER BY 1 LIMIT $7", selects.join(" UNION ALL "));
        let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
        let params = params![
            self.database.organisation,
            filter.after.map(|after| after.0),
            filter.address.as_deref().map(str::to_lowercase),
            filter.domain.as_deref().map(str::to_lowercase),
            filter.code,
            filter.before_ms,
            limit
        ];
        self.database.read("list the queue", |db| db.all(&sql, params, read_queue_row))
    }

    /// Lets held recipients go on, and returns those that did.
    pub async fn release(&self, which: Selection, act: Act) -> Result<Vec<RecipientId>> {
        self.act("queue.release", Event::Released, which, act).await
    }

    /// Makes queued recipients due now, and returns them.
    pub async fn retry(&self, which: Selection, act: Act) -> Result<Vec<RecipientId>> {
        self.act("queue.retry", Event::Retried, which, act).await
    }

    /// Gives recipients up without telling anybody, and returns those that were still open.
    pub async fn drop_recipients(&self, which: Selection, act: Act) -> Result<Vec<RecipientId>> {
        self.act("queue.drop", Event::Dropped, which, act).await
    }

    async fn act(
        &self,
        action: &'static str,
        event: Event,
        which: Selection,
        act: Act,
    ) -> Result<Vec<RecipientId>> {
        self.database
            .write("change the queue", Vec::new(), move |write| {
                // In the order of the messages, so that each has one entry in the audit log.
                let mut changed: BTreeMap<MessageId, Vec<Recipient>> = BTreeMap::new();
                for mut recipient in select(write, &which)? {
                    let before = recipient.clone();
                    let details = Details {
                        // The last failure stays readable until the next attempt.
                        code: recipient.code.clone(),
                        reply: recipient.reply.clone(),
                        ..Details::default()
                    };
                    if apply(write, &mut recipient, event, act.at_ms, details)? {
                        changed.entry(recipient.message).or_default().push(before);
                    }
                }
                for (message, recipients) in &changed {
                    record(write, &act, action, *message, recipients)?;
                    for owner in body_owners(write, recipients)? {
                        free_body(write, *message, owner)?;
                    }
                }
                Ok(changed.into_values().flatten().map(|recipient| recipient.id).collect())
            })
            .await
    }
}

/// Reads the recipients that an administrator means.
fn select(write: &Write<'_>, which: &Selection) -> Result<Vec<Recipient>> {
    let mut found = Vec::new();
    match which {
        Selection::HeldForDomain { domain, code } => {
            let sql = format!(
                "SELECT {RECIPIENT} FROM recipient r WHERE r.state IN ('held', 'portal') AND r.state = 'held' \
                 AND r.organisation = $1 AND r.domain = $2 AND ($3 IS NULL OR r.code = $3) ORDER BY r.id"
            );
            let params = params![write.organisation, domain.to_lowercase(), code];
            found = write.all(&sql, params, |row| read_recipient(row, 0))?;
        }
        Selection::Messages(messages) => {
            for id in messages {
                let Some(message) = rows::message(write, *id)? else { continue };
                found.append(&mut match message.parent {
                    Some(_) => rows::carried(write, &message)?,
                    None => rows::recipients(write, message.id)?,
                });
            }
        }
        Selection::Recipients(recipients) => {
            for id in recipients {
                found.extend(rows::recipient(write, *id)?);
            }
        }
    }
    // Who is named twice is changed once.
    found.sort_by_key(|recipient| recipient.id);
    found.dedup_by_key(|recipient| recipient.id);
    Ok(found)
}

/// Writes down who did what to a message, for the audit log and for `chancery explain`.
fn record(
    write: &Write<'_>,
    act: &Act,
    action: &str,
    message: MessageId,
    recipients: &[Recipient],
) -> Result<()> {
    let recipients: Vec<_> = recipients
        .iter()
        .map(|row| json!({"recipient": row.id, "address": row.address, "was": row.state, "code": row.code}))
        .collect();
    let details = json!({ "recipients": recipients });
    audit::append(write, act, action, &message.to_string(), details.clone())?;
    let facts = json!({"who": act.who, "why": act.why, "recipients": recipients});
    let decision =
        DecisionRecord { message, at_ms: act.at_ms, kind: action.into(), json: facts.to_string() };
    insert_decision(write, &decision)
}

/// Returns the messages whose bodies these recipients were waiting for.
fn body_owners(write: &Write<'_>, recipients: &[Recipient]) -> Result<BTreeSet<MessageId>> {
    let mut owners = BTreeSet::new();
    for recipient in recipients {
        let message = recipient.carrier.unwrap_or(recipient.message);
        owners.extend(rows::message(write, message)?.map(|message| message.body.owner));
    }
    Ok(owners)
}

fn read_queue_row(row: &Row<'_>) -> rusqlite::Result<QueueRow> {
    let first = RECIPIENT_COLUMNS;
    Ok(QueueRow {
        recipient: read_recipient(row, 0)?,
        reverse_path: row.get(first)?,
        direction: rows::word(row, first + 1, Direction::from_word)?,
        received_at_ms: row.get(first + 2)?,
        expires_at_ms: row.get(first + 3)?,
        message_id: row.get(first + 4)?,
        size: row.get::<_, i64>(first + 5)?.unsigned_abs(),
        route: row.get(first + 6)?,
    })
}

const WAITING: &str = "r.state IN ('held', 'portal')";

/// What [`read_queue_row`] reads: [`RECIPIENT`], then the message.
const COLUMNS: &str = "r.id, r.message, r.carrier, r.address, r.orcpt, r.notify, r.state, r.due, r.attempts, r.code, \
    r.reply, r.taken_by, r.changed_at, m.reverse_path, m.direction, m.received_at, m.expires_at, m.message_id, m.size, \
    c.route";

const FROM: &str = "FROM recipient r JOIN message m ON m.id = r.message LEFT JOIN message c ON c.id = r.carrier \
    WHERE r.organisation = $1 AND ($2 IS NULL OR r.id > $2) \
    AND ($3 IS NULL OR LOWER(r.address) = $3 OR LOWER(m.reverse_path) = $3) AND ($4 IS NULL OR r.domain = $4) \
    AND ($5 IS NULL OR r.code = $5) AND ($6 IS NULL OR m.received_at < $6)";
