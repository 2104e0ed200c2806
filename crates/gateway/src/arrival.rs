//! Accepts a message, a small one together with its plan.
//!
//! What is planned before it is accepted costs one commit instead of two, its readable bytes are never written unless
//! somebody waits for them, and a refusal can be told to the client instead of to a sender who may be forged.

use std::sync::Arc;

use chancery_pki::path::Known;
use chancery_store::{Arrived, Direction, MessageId, NewBody, NewMessage, Planned};
use chancery_wire::smtp::Reply;

use crate::metrics::Counter;
use crate::plan::{self, Draft, Place};
use crate::queue;
use crate::server::Gateway;

/// A message that is on disk.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) id: MessageId,
    /// What the client is told if nobody gets the message.
    pub(crate) refusal: Option<Reply>,
}

/// Takes a message; when this returns, it is on disk, and the work that it makes has begun.
pub(crate) async fn take(
    gateway: &Arc<Gateway>,
    message: NewMessage,
    body: NewBody,
) -> Result<Taken, chancery_store::Error> {
    let arrived = match gateway.store.arrive(message, body) {
        Ok(arrived) => arrived,
        Err(unkept) => {
            let (message, body) = *unkept;
            let accepted = gateway.store.accept(message, body).await?;
            accepted.work.into_iter().for_each(|claim| queue::hand_on(gateway, claim));
            return Ok(Taken { id: accepted.id, refusal: None });
        }
    };
    let id = arrived.message.id;
    let prepare = |gateway: &Gateway, arrived: &Arrived, known: Option<&Known>| {
        plan::prepare(gateway, &arrived.message, &arrived.recipients, known)
    };
    let place = if is_quick(&arrived) { Place::Here } else { Place::Apart };
    let (arrived, prepared) = plan::thoroughly(gateway, arrived, prepare, place).await;
    let mut draft = prepared.unwrap_or_else(|stopped| {
        // It is accepted without a plan, which is tried again when it is its turn.
        gateway.metrics.failure(stopped.code.id);
        tracing::error!(message = %id, code = stopped.code.id, error = stopped.why, "cannot prepare the message yet");
        Draft::new(id, gateway.now_ms())
    });
    let refusal = refusal(&mut draft, &arrived);
    let Draft { planned, counts, failures, .. } = draft;
    let made = gateway.store.accept_planned(arrived, planned).await?;
    plan::is_committed(gateway, id, &counts, &failures, made);
    Ok(Taken { id, refusal })
}

/// Returns true if a plan is a matter of a millisecond: a small message of our own users for a few recipients is signed
/// and encrypted once or twice. What a stranger sends may ask for more.
fn is_quick(arrived: &Arrived) -> bool {
    arrived.message.direction == Direction::Outbound && arrived.recipients.len() <= FEW
}

/// Returns the reply if nobody gets the message; the client tells the sender then, so that no notice is needed.
fn refusal(draft: &mut Draft, arrived: &Arrived) -> Option<Reply> {
    let Planned { children, held, portal, dropped, bounced, .. } = &draft.planned;
    let goes_nowhere =
        children.is_empty() && held.is_empty() && portal.is_empty() && dropped.is_empty();
    let first = draft.refused.first()?;
    if !goes_nowhere || bounced.len() < arrived.recipients.len() {
        return None;
    }
    let reply = Reply::from_code(first.code, &format!("{} [{}]", first.text, arrived.message.id));
    draft.planned.notices.clear();
    draft.counts.retain(|(counter, _)| !matches!(counter, Counter::Bounced | Counter::Notices));
    Some(reply)
}

/// Recipients of a message whose plan is quick.
const FEW: usize = 4;
