//! What the lists that were read so far say together.
//!
//! An authority with several keys signs several complete lists, and so may whoever shares its name. RFC 5280 lets the
//! search end as soon as all reasons are covered, so that its outcome would hang on the order of the lists. But each
//! complete list names every certificate of its scope that was revoked (section 5), and what was revoked for good never
//! leaves it before it expires (section 3.3). So any current list that revokes for good counts. Only of lists of one key
//! and scope the newest takes the place of the others (section 5.2.3), and only a hold ends when a later list that is
//! about holds does not say it any more (section 5.3.1).

use crate::certificate::Certificate;
use crate::revocation::Status;
use crate::revocation::list::RevocationList;
use crate::revocation::reason::{Reason, Reasons};
use crate::revocation::step::Source;

/// What was read so far.
pub(super) struct Said {
    /// `reasons_mask`: what the lists so far cover.
    pub(super) reasons: Reasons,
    /// The lists that say that the certificate is not revoked, and until when.
    pub(super) used: Vec<Source>,
    pub(super) until: i64,
    /// Every list that says something.
    read: Vec<Read>,
    /// The newest list by which the certificate is on hold, and what it says.
    hold: Option<(i64, Status)>,
    /// What the newest list that is stale and revokes for good says.
    former: Option<Status>,
}

/// A list that says something.
struct Read {
    list: RevocationList,
    /// The fingerprint of the key that signed it.
    key: [u8; 32],
    /// When it was issued, or the delta list on it.
    as_of: i64,
    /// The reasons for which it does not revoke the certificate.
    covers: Reasons,
}

impl Said {
    pub(super) fn new() -> Self {
        let reasons = Reasons::default();
        Self {
            reasons,
            used: Vec::new(),
            until: i64::MAX,
            read: Vec::new(),
            hold: None,
            former: None,
        }
    }

    /// Notes that a list with what belongs to it does not revoke the certificate (l, m).
    pub(super) fn not_revoked(
        &mut self,
        list: &RevocationList,
        delta: Option<&RevocationList>,
        signer: &Certificate,
        covers: Reasons,
        until: i64,
    ) {
        self.reasons = self.reasons.union(covers);
        self.until = self.until.min(until);
        self.used.push(Source::List(list.clone()));
        self.used.extend(delta.map(|delta| Source::List(delta.clone())));
        let as_of = delta.unwrap_or(list).this_update();
        self.read.push(Read { list: list.clone(), key: signer.key_fingerprint(), as_of, covers });
    }

    /// Notes that by a list the certificate is on hold.
    pub(super) fn on_hold(
        &mut self,
        list: &RevocationList,
        as_of: i64,
        signer: &Certificate,
        status: Status,
    ) {
        let covers = Reasons::default();
        self.read.push(Read { list: list.clone(), key: signer.key_fingerprint(), as_of, covers });
        if self.hold.as_ref().is_none_or(|(other, _)| *other < as_of) {
            self.hold = Some((as_of, status));
        }
    }

    /// Notes what a stale list says, which counts where no current one says anything; they come newest first.
    pub(super) fn formerly(&mut self, revoked: Status) {
        self.former.get_or_insert(revoked);
    }

    /// Returns what a stale list says.
    pub(super) fn former(&self) -> Option<Status> {
        self.former.clone()
    }

    /// Returns the status of a certificate that is on hold still. A list of the same time ends no hold.
    pub(super) fn hold(&self) -> Option<Status> {
        let (since, status) = self.hold.as_ref()?;
        let ends = |it: &Read| it.as_of > *since && it.covers.contains(Reason::CertificateHold);
        (!self.read.iter().any(ends)).then(|| status.clone())
    }

    /// Finds a list that says of itself that it takes the place of this one: older lists of a series cost nothing.
    pub(super) fn successor(&self, list: &RevocationList) -> Option<&RevocationList> {
        let mut read = self.read.iter().map(|it| &it.list);
        list.issuer_key_id()?;
        read.find(|it| it.is_of_series(list) && it.is_newer(list))
    }

    /// Finds a list of the same key and scope that takes the place of this one.
    pub(super) fn successor_of_key(
        &self,
        list: &RevocationList,
        signer: &Certificate,
    ) -> Option<&RevocationList> {
        let key = signer.key_fingerprint();
        let mut read = self.read.iter().filter(|it| it.key == key).map(|it| &it.list);
        read.find(|it| {
            it.issuer_name() == list.issuer_name()
                && it.extensions().scope == list.extensions().scope
                && it.is_newer(list)
        })
    }
}
