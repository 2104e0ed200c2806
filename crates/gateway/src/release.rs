//! The only way into the outgoing queue.
//!
//! A child for the outside can be made of two things only: a [`smime::Protected`](chancery_smime::Protected), which
//! nobody but `smime::protect` makes, or a [`ClearPermit`], which nobody but a policy decision makes. A message that
//! must be protected therefore has no way out that a forgotten check could open.

use chancery_policy::{ClearKind, ClearPermit};
use chancery_smime::{Protected, Signed};
use chancery_store::{Child, ChildBody, NewBody, RecipientId};

use crate::routes::RouteName;

/// A child that may be written to the queue.
#[derive(Debug)]
pub(crate) struct Releasable {
    key: String,
    form: &'static str,
    body: ChildBody,
    route: RouteName,
    recipients: Vec<RecipientId>,
}

impl Releasable {
    /// Releases a protected message to the servers of a domain; `whom` it is encrypted to is the domain or an address.
    pub(crate) fn protected(
        _proof: &Protected,
        body: NewBody,
        whom: &str,
        domain: &str,
        recipients: Vec<RecipientId>,
    ) -> Self {
        Self {
            key: format!("{PROTECTED_FOR}{whom}"),
            form: "protected",
            body: ChildBody::New(body),
            route: RouteName::Outside(domain.to_owned()),
            recipients,
        }
    }

    /// Releases a signed message, readable by everybody, to recipients that each have a permit.
    pub(crate) fn signed(
        _proof: &Signed,
        body: NewBody,
        domain: &str,
        permits: Vec<(RecipientId, ClearPermit)>,
    ) -> Self {
        Self {
            key: format!("sign:{domain}"),
            form: "signed",
            body: ChildBody::New(body),
            route: RouteName::Outside(domain.to_owned()),
            recipients: permits.into_iter().map(|(recipient, _)| recipient).collect(),
        }
    }

    /// Releases the message with the bytes it came with, after a trace field, to recipients that each have a permit.
    pub(crate) fn as_it_came(
        kind: ClearKind,
        trace: Vec<u8>,
        domain: &str,
        permits: Vec<(RecipientId, ClearPermit)>,
    ) -> Self {
        let form = if kind == ClearKind::Pass { "passed" } else { "clear" };
        Self {
            key: format!("{form}:{domain}"),
            form,
            body: ChildBody::SameWithPrefix(trace),
            route: RouteName::Outside(domain.to_owned()),
            recipients: permits.into_iter().map(|(recipient, _)| recipient).collect(),
        }
    }

    /// Releases a message to our own people. It never leaves the organisation: the route is the inside one.
    pub(crate) fn inward(
        form: &'static str,
        body: ChildBody,
        recipients: Vec<RecipientId>,
    ) -> Self {
        Self { key: format!("inside:{form}"), form, body, route: RouteName::Inside, recipients }
    }

    /// Returns the row for the store.
    pub(crate) fn into_child(self, reverse_path: &str) -> Child {
        Child {
            key: self.key,
            form: self.form.to_owned(),
            body: self.body,
            recipients: self.recipients,
            route: self.route.to_text(),
            reverse_path: reverse_path.to_owned(),
        }
    }
}

/// Returns for whom a protected child was made, an address or a domain; `None` if it is none.
pub(crate) fn protected_for(child_key: &str) -> Option<&str> {
    child_key.strip_prefix(PROTECTED_FOR)
}

const PROTECTED_FOR: &str = "protect:";
