//! What a plan would like to know about certificates and could not be told from what is known: asked of the network, so
//! that the plan can be made again.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use chancery_lookup::{Budget, Fetch, Lookup};
use chancery_pki::path::{self, Answer, Known};
use chancery_pki::{Certificate, Purpose};
use chancery_smime::{Anchor, AskedPath, Trust};
use tokio::task::JoinSet;

use crate::partners::PartnerBook;

/// A question about a certificate that something missing might answer better.
#[derive(Clone, Debug)]
pub(crate) struct Inquiry {
    pub(crate) certificate: Certificate,
    pub(crate) purpose: Purpose,
    pub(crate) at: i64,
    pub(crate) trust: Arc<path::Trust>,
    /// Certificates that came along with it.
    pub(crate) brought: Vec<Certificate>,
}

/// The partners as the opener asks for them; it keeps what they could not answer.
pub(crate) struct Asking<'a> {
    book: &'a PartnerBook,
    lacking: RefCell<Vec<Inquiry>>,
}

impl Inquiry {
    /// Asks again, with what is known now.
    pub(crate) fn ask(&self, known: &Known) -> Answer {
        let known = known.with(&self.brought, []);
        path::decide(&known.question(&self.certificate, self.purpose, self.at, &self.trust))
    }
}

/// Asks the network about what a plan lacks. Returns what was asked for, and what is known with what came of it.
pub(crate) async fn ask_around(
    lookup: &Lookup,
    lacking: Vec<Inquiry>,
    time: Duration,
) -> (Vec<Fetch>, Known) {
    let budget = Budget { time, ..Budget::default() };
    let mut asking = JoinSet::new();
    for inquiry in lacking {
        let lookup = lookup.clone();
        asking.spawn(async move { lookup.decide(budget, |known| inquiry.ask(known)).await });
    }
    let decided = asking.join_all().await;
    let known = decided.iter().fold(lookup.known(), |known, it| it.brought.over(&known));
    let mut fetches: Vec<Fetch> = decided.into_iter().flat_map(|it| it.fetches).collect();
    // Two questions often lack the same thing, which was fetched once.
    fetches.sort_by(|one, other| one.url.cmp(&other.url));
    fetches.dedup_by(|one, other| one.url == other.url);
    (fetches, known)
}

impl<'a> Asking<'a> {
    pub(crate) fn new(book: &'a PartnerBook) -> Self {
        Self { book, lacking: RefCell::default() }
    }

    /// Returns the questions that something missing might answer better.
    pub(crate) fn lacking(self) -> Vec<Inquiry> {
        self.lacking.into_inner()
    }
}

impl Trust for Asking<'_> {
    fn anchors_for(&self, domain: &str) -> Vec<Anchor> {
        self.book.anchors_for(domain)
    }

    fn known(&self) -> Known {
        self.book.known()
    }

    fn note(&self, asked: &AskedPath<'_>, answer: &Answer) {
        let mut lacking = self.lacking.borrow_mut();
        let is_same = |it: &Inquiry| {
            it.certificate == *asked.certificate
                && it.purpose == asked.purpose
                && Arc::ptr_eq(&it.trust, asked.trust)
        };
        if answer.missing.is_empty() || lacking.len() >= MAX_LACKING || lacking.iter().any(is_same)
        {
            return;
        }
        lacking.push(Inquiry {
            certificate: asked.certificate.clone(),
            purpose: asked.purpose,
            at: answer.asked.at,
            trust: Arc::clone(asked.trust),
            brought: asked.brought.to_vec(),
        });
    }
}

/// Questions of one message that the network is asked about: a signer or two, for an anchor or two.
const MAX_LACKING: usize = 8;
