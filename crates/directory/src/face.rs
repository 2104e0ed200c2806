//! A face of the directory: what strangers see, or what our own people see.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chancery_lookup::keys::{Asked, Candidate, Finder, Found, Kind as SourceKind};
use chancery_net::clock::Clock;
use chancery_net::ldap::server::{Handler, Search};
use chancery_net::listener::Client;
use chancery_net::tls::TlsInfo;
use chancery_pki::{Certificate, Purpose, path};
use chancery_wire::ldap::{Chain, Message, Operation, Outcome as Said, SearchEntry, element};

use crate::asked::{AskedList, Outcome};
use crate::catalogue::{Catalogue, is_wanted};
use crate::entry::Entry;
use crate::judge::{self, Opinion};
use crate::limiter::{Asker, Limiter, Verdict};
use crate::metrics::{Counter, Metrics};
use crate::name::Bases;
use crate::question::{self, Question, Wanted};
use crate::selection::Selection;
use crate::settings::{Passwords, Settings};
use crate::special;

/// What both faces share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) bases: Bases,
    pub(crate) catalogue: RwLock<Arc<Catalogue>>,
    pub(crate) limiter: Mutex<Limiter>,
    pub(crate) asked: AskedList,
    pub(crate) metrics: Metrics,
    pub(crate) finder: Option<Finder>,
    pub(crate) passwords: Option<Passwords>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// One of the two.
pub(crate) struct Face {
    pub(crate) shared: Arc<Shared>,
    pub(crate) is_inside: bool,
    pub(crate) offers_tls: bool,
}

/// Why a question for mailboxes is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The client asks too much.
    Busy,
    /// Somebody who might know cannot be asked.
    Unavailable,
}

/// What a search leads to.
struct Answer {
    entries: Vec<SearchEntry>,
    outcome: Said,
}

impl Shared {
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Face {
    /// Returns who is asking; nobody for processes of this machine.
    fn asker(client: &Client) -> Option<Asker> {
        let named = client.identity.clone().map(Asker::Named);
        named.or_else(|| client.address.map(Asker::Address))
    }

    /// Returns true if the client may see this face at all.
    pub(crate) fn permits(&self, client: &Client) -> bool {
        let Some(address) = client.address.filter(|_| self.is_inside) else { return true };
        client.identity.is_some() || (self.shared.settings.inside_allow)(address)
    }

    /// Counts a question; strangers may ask so much only.
    fn count(&self, asker: Option<&Asker>, key: &str) -> Verdict {
        let Some(asker) = asker.filter(|_| !self.is_inside) else { return Verdict::Go };
        let now = self.shared.clock.monotonic_ms();
        let mut limiter = self.shared.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.ask(asker, number(key), now)
    }

    /// Counts a question if it may be answered at once; else the general way counts it.
    fn may_at_once(&self, asker: Option<&Asker>, key: &str) -> bool {
        let Some(asker) = asker.filter(|_| !self.is_inside) else { return true };
        let (now, number) = (self.shared.clock.monotonic_ms(), number(key));
        let mut limiter = self.shared.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.permits(asker, number, now) && limiter.ask(asker, number, now) == Verdict::Go
    }

    fn missed(&self, asker: Option<&Asker>, key: &str) {
        let Some(asker) = asker.filter(|_| !self.is_inside) else { return };
        let now = self.shared.clock.monotonic_ms();
        self.shared.limiter.lock().unwrap_or_else(PoisonError::into_inner).missed(
            asker,
            number(key),
            now,
        );
    }

    async fn answer(&self, client: &Client, search: &Search) -> Answer {
        if !self.permits(client) {
            return Answer::end(Said::INSUFFICIENT_RIGHTS, "log in, or ask from inside");
        }
        let Search { request, .. } = search;
        let most = self.shared.settings.max_addresses;
        let question = match question::read(request, &self.shared.bases, most) {
            Ok(question) => question,
            Err(refusal) => {
                self.shared.metrics.add(Counter::Refused, 1);
                return Answer::end(refusal.code, refusal.text);
            }
        };
        let selection =
            Selection::read(request.attributes.iter().map(String::as_str), request.types_only);
        let (named, bases) = (&request.attributes, &self.shared.bases);
        match question {
            Question::Root => {
                let root = special::root(bases, self.offers_tls, selection, named);
                Answer::one(root)
            }
            Question::Schema => Answer::one(special::schema(selection, named)),
            Question::Suffix(base) => Answer::one(special::suffix(base, selection)),
            Question::Authority(name) => {
                let catalogue = self.shared.catalogue();
                match catalogue.authorities().get(&name) {
                    Some(authority) => Answer::one(authority.answer(selection)),
                    None => Answer::end(Said::NO_SUCH_OBJECT, ""),
                }
            }
            Question::Mailboxes { wanted, base, is_by_name } => {
                let found = match self.passed(search) {
                    Ok(passed) => {
                        self.mailboxes(client, &wanted, &passed).await.map_err(Said::from)
                    }
                    Err(outcome) => Err(outcome),
                };
                let (mut entries, outcome) = match found {
                    Ok(entries) => (entries, Said::default()),
                    Err(outcome) => (Vec::new(), outcome),
                };
                let limit = usize::try_from(request.size_limit).unwrap_or(usize::MAX);
                let is_cut = limit > 0 && entries.len() > limit;
                if is_cut {
                    entries.truncate(limit);
                }
                let is_missing = is_by_name && entries.is_empty();
                let outcome = match outcome.code {
                    Said::SUCCESS if is_cut => Said::new(Said::SIZE_LIMIT, ""),
                    Said::SUCCESS if is_missing => Said::new(Said::NO_SUCH_OBJECT, ""),
                    _ => outcome,
                };
                let entries = entries.iter().map(|it| it.answer(base, selection)).collect();
                Answer { entries, outcome }
            }
        }
    }

    /// Finds the entries of mailboxes; `passed` are the directories that the question has passed.
    pub(crate) async fn mailboxes(
        &self,
        client: &Client,
        wanted: &[Wanted],
        passed: &[[u8; 16]],
    ) -> Result<Vec<Arc<Entry>>, Denied> {
        let begun = self.shared.clock.monotonic();
        let asker = Self::asker(client);
        for it in wanted {
            if let Verdict::Later { after, is_news } = self.count(asker.as_ref(), &it.key) {
                self.note(asker.as_ref(), &it.key, Outcome::Limited);
                self.shared.metrics.add(Counter::Limited, 1);
                if is_news {
                    self.shared.metrics.add(Counter::Alarms, 1);
                    tracing::warn!(
                        client = ?asker,
                        "a client asks the directory for more addresses than it may: perhaps somebody collects them"
                    );
                }
                self.shared.clock.sleep(after).await;
                return Err(Denied::Busy);
            }
        }
        let catalogue = self.shared.catalogue();
        let is_missing = |it: &&Wanted| catalogue.find(&it.key, self.is_inside).is_none();
        for it in wanted.iter().filter(is_missing).filter(|_| wanted.len() > 1) {
            self.begin(it, passed).await;
        }
        let mut entries = Vec::new();
        let mut is_unsure = false;
        for it in wanted {
            let found = if let Some(entry) = catalogue.find(&it.key, self.is_inside) {
                self.shared.metrics.add(Counter::Found, 1);
                Some(Arc::clone(entry))
            } else {
                let (found, may_change) = self.elsewhere(&catalogue, it, passed).await;
                is_unsure |= found.is_none() && may_change;
                self.shared.metrics.add(Counter::FoundElsewhere, u64::from(found.is_some()));
                found
            };
            if found.is_none() {
                self.shared.metrics.add(Counter::Nothing, 1);
                self.missed(asker.as_ref(), &it.key);
            }
            let outcome = if found.is_some() { Outcome::Found } else { Outcome::Nothing };
            self.note(asker.as_ref(), &it.key, outcome);
            entries.extend(found);
        }
        let may_be_known = || wanted.iter().any(|it| self.finder(it).is_some());
        if !self.is_inside && entries.len() < wanted.len() && may_be_known() {
            self.even_out(begun).await;
        }
        // Strangers are told nothing of what is behind us.
        if self.is_inside && is_unsure && entries.is_empty() {
            return Err(Denied::Unavailable);
        }
        Ok(entries)
    }

    /// Returns the directories that the question has passed, if it comes from another one.
    fn passed(&self, search: &Search) -> Result<Vec<[u8; 16]>, Said> {
        let Some(finder) = &self.shared.finder else { return Ok(Vec::new()) };
        let control = search.controls.iter().find(|control| control.kind == Chain::OID);
        let Some(value) = control.and_then(|control| control.value.as_deref()) else {
            return Ok(Vec::new());
        };
        let chain = Chain::from_ber(value);
        match chain {
            Ok(chain) if !chain.passed.contains(&finder.id()) => Ok(chain.passed),
            _ => Err(Said::new(Said::LOOP, "the question has been here before")),
        }
    }

    /// Returns who may be asked about an address: on the outside others are asked about whatever address of ours, so that
    /// neither their work nor the time tells who is there and not published.
    fn finder(&self, wanted: &Wanted) -> Option<&Finder> {
        let is_ours = self.shared.settings.domains.contains(&wanted.address.ascii_domain());
        let finder = self.shared.finder.as_ref().filter(|_| self.is_inside || is_ours);
        finder.filter(|finder| finder.covers(&wanted.address))
    }

    /// Begins to ask others, so that many addresses take no longer than one.
    async fn begin(&self, wanted: &Wanted, passed: &[[u8; 16]]) {
        if let Some(finder) = self.finder(wanted) {
            drop(finder.find(&wanted.folded(), asked(passed, Duration::ZERO, true)).await);
        }
    }

    /// Asks others.
    ///
    /// What is kept of them is kept longer if there is something than if there is nothing. A stranger to whom neither is
    /// shown would see the difference; for such a one they are asked again, each time.
    async fn elsewhere(
        &self,
        catalogue: &Catalogue,
        wanted: &Wanted,
        passed: &[[u8; 16]],
    ) -> (Option<Arc<Entry>>, bool) {
        let Some(finder) = self.finder(wanted) else { return (None, false) };
        let (address, wait) = (wanted.folded(), self.shared.settings.wait);
        if !self.is_inside {
            let mut kept = finder.find(&address, asked(passed, Duration::ZERO, true)).await;
            kept.candidates.retain(|candidate| candidate.is_fresh);
            if let Some(entry) = self.shown(catalogue, wanted, &kept) {
                return (Some(entry), false);
            }
        }
        let found = finder.find(&address, asked(passed, wait, self.is_inside)).await;
        (self.shown(catalogue, wanted, &found), found.may_change())
    }

    /// Makes an entry of what others have and this face shows.
    fn shown(&self, catalogue: &Catalogue, wanted: &Wanted, found: &Found) -> Option<Arc<Entry>> {
        let at = self.shared.clock.unix();
        let may = catalogue.published(&wanted.key);
        let address = wanted.address.to_string();
        let is_good = |candidate: &&Candidate| {
            let certificate = &candidate.certificate;
            let is_shown = self.is_inside
                || (candidate.origin.kind == SourceKind::Directory
                    && is_wanted(judge::kinds(certificate), may));
            let written = spelling(certificate, &wanted.key).unwrap_or(&address);
            is_shown
                && !matches!(catalogue.judge().opinion(certificate, written, at), Opinion::Unfit(_))
        };
        let good: Vec<&Candidate> = found.candidates.iter().filter(is_good).collect();
        let best = good.first()?;
        let mail = spelling(&best.certificate, &wanted.key).unwrap_or(&address);
        let certificates: Vec<&Certificate> = good.iter().map(|it| &it.certificate).collect();
        let entry = Entry::new(mail, &certificates, &self.shared.settings.shown);
        let is_old = self.is_inside && good.iter().all(|it| !it.is_fresh);
        let entry = entry.map(|entry| entry.ends(catalogue.judge().next_list(&certificates)));
        let entry = entry.map(|entry| if is_old { entry.remark(OLD) } else { entry });
        entry.map(Arc::new)
    }

    /// Waits until a whole number of steps has passed since a question came: how long others took is a matter of whether
    /// they have something.
    async fn even_out(&self, begun: Duration) {
        let passed = self.shared.clock.monotonic().saturating_sub(begun);
        let over = passed.subsec_nanos() % STEP_NANOS;
        self.shared.clock.sleep(Duration::from_nanos(u64::from(STEP_NANOS - over))).await;
    }

    fn note(&self, asker: Option<&Asker>, key: &str, outcome: Outcome) {
        self.shared.asked.note(self.is_inside, asker, key, outcome);
    }
}

impl Handler for Face {
    fn quick(&self, client: &Client, message: &[u8], output: &mut Vec<u8>) -> bool {
        let Some(usual) = crate::quick::read(message, &self.shared.bases) else { return false };
        let catalogue = self.shared.catalogue();
        let Some(entry) = catalogue.find(&usual.key, self.is_inside) else { return false };
        let asker = Self::asker(client);
        if !self.permits(client) || !self.may_at_once(asker.as_ref(), &usual.key) {
            return false;
        }
        self.note(asker.as_ref(), &usual.key, Outcome::Found);
        self.shared.metrics.add(Counter::Found, 1);
        self.shared.metrics.add(Counter::Quick, 1);
        let id = element(INTEGER, usual.id);
        let content = element(SEARCH_ENTRY, &entry.write(usual.base, usual.selection));
        output.extend(element(SEQUENCE, &[&id[..], &content].concat()));
        output.extend(element(SEQUENCE, &[&id[..], DONE].concat()));
        true
    }

    async fn search(self: Arc<Self>, client: Client, search: Search) -> Vec<u8> {
        let Answer { entries, outcome } = self.answer(&client, &search).await;
        let mut output = Vec::new();
        for entry in entries {
            output.extend(Message::new(search.id, Operation::SearchEntry(entry)).to_ber());
        }
        output.extend(Message::new(search.id, Operation::SearchDone(outcome)).to_ber());
        output
    }

    async fn is_password(
        self: Arc<Self>,
        _client: Client,
        name: String,
        password: Vec<u8>,
    ) -> bool {
        let Some(passwords) = self.shared.passwords.clone() else { return false };
        // Hashing a password takes a while, and guesses must cost more than that.
        let checked = tokio::task::spawn_blocking(move || passwords(&name, &password)).await;
        let is_right = checked.unwrap_or(false);
        if !is_right {
            self.shared.clock.sleep(WRONG_PASSWORD).await;
        }
        is_right
    }

    fn certified(&self, tls: &TlsInfo) -> Option<String> {
        self.certified_name(tls)
    }
}

impl Face {
    /// Returns the name of the client, if its certificate proves one.
    pub(crate) fn certified_name(&self, tls: &TlsInfo) -> Option<String> {
        let certificate = Certificate::from_der(tls.peer_certificate.as_deref()?).ok()?;
        let (authorities, at) =
            (&self.shared.settings.client_authorities, self.shared.clock.unix());
        let verdict = path::check(&certificate, &[], authorities, Purpose::Any, at);
        verdict.is_trusted().then(|| certificate.subject())
    }
}

impl From<Denied> for Said {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Busy => Self::new(Self::BUSY, "too many different addresses; ask later"),
            Denied::Unavailable => {
                Self::new(Self::UNAVAILABLE, "somebody who might know cannot be asked now")
            }
        }
    }
}

impl Answer {
    fn end(code: u32, text: &str) -> Self {
        Self { entries: Vec::new(), outcome: Said::new(code, text) }
    }

    fn one(entry: SearchEntry) -> Self {
        Self { entries: vec![entry], outcome: Said::default() }
    }
}

/// How others are asked.
fn asked(passed: &[[u8; 16]], wait: Duration, from_cache: bool) -> Asked {
    Asked { passed: passed.to_vec(), wait, from_cache, ignores_case: true }
}

/// Returns an address as the certificate writes it.
fn spelling<'c>(certificate: &'c Certificate, key: &str) -> Option<&'c str> {
    let is_it = |text: &&String| Wanted::read(text.as_bytes()).is_some_and(|it| it.key == key);
    certificate.emails().iter().find(is_it).map(String::as_str)
}

/// Returns a number for an address; two that have the same are counted as one, which harms nobody.
fn number(key: &str) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    use std::sync::LazyLock;
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    STATE.hash_one(key)
}

/// Longer than what makes the difference in a directory nearby, and a part of a second.
const STEP_NANOS: u32 = 50_000_000;
const OLD: &str = "the source cannot be asked at the moment; this is what it said before";
/// `SearchResultDone`: success, no name, no text.
const DONE: &[u8] = &[0x65, 7, 0x0a, 1, 0, 4, 0, 4, 0];
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const SEARCH_ENTRY: u8 = 0x64;
/// After a wrong password.
const WRONG_PASSWORD: Duration = Duration::from_secs(1);

#[cfg(test)]
pub(crate) mod tests;
