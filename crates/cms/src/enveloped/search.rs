//! Finds our recipients and their key, with the same work whatever is wrong with them.

use std::io::Read;
use std::rc::Rc;

use chancery_crypto::ContentKey;

use crate::ber::Reader;
use crate::enveloped::key::DecryptionKey;
use crate::enveloped::recipient_info::{self, Entry, Method};
use crate::enveloped::{EnvelopeProblem, MAX_NAMED, MAX_RECIPIENTS, MAX_STRUCTURE};
use crate::error::Error;
use crate::tlv::tag;

/// Looks through the recipients for our keys.
pub(super) struct Search<'a> {
    keys: &'a [DecryptionKey],
    pub(super) named: Vec<String>,
    /// How the key is carried to those named.
    pub(super) methods: Vec<String>,
    pub(super) count: usize,
    candidates: Vec<(usize, Rc<Method>)>,
    /// Why a recipient that is ours cannot be used.
    obstacle: Option<Error>,
}

/// The outcome of the search.
pub(super) struct Opened {
    pub(super) key: ContentKey,
    /// False if no candidate gave a key: the message is read to its end with a random one and then fails.
    pub(super) is_trusted: bool,
    pub(super) used: usize,
    pub(super) method_name: String,
    pub(super) problems: Vec<EnvelopeProblem>,
}

impl<'a> Search<'a> {
    pub(super) fn new(keys: &'a [DecryptionKey]) -> Self {
        Self {
            keys,
            named: Vec::new(),
            methods: Vec::new(),
            count: 0,
            candidates: Vec::new(),
            obstacle: None,
        }
    }

    /// Reads all recipients.
    pub(super) fn read<R: Read>(&mut self, reader: &mut Reader<R>) -> Result<(), Error> {
        reader.enter(tag::SET, "expected recipients")?;
        while reader.peek()?.is_some() {
            let offset = reader.offset();
            let info = reader.any_element(MAX_STRUCTURE)?;
            for entry in recipient_info::entries(&info, offset)? {
                self.take(entry)?;
            }
        }
        reader.leave()
    }

    /// Decrypts the content key. A failure shows in nothing but the final error.
    ///
    /// Every candidate is tried, also after one fitted, so that the time depends on what anybody can read in the
    /// message and not on which key was right. The ways that notice a wrong key decide first; those that do not (RSA
    /// v1.5) hand a random key on from one to the next until one has a better (RFC 3218 section 2.3.2).
    pub(super) fn content_key(&mut self, length: usize) -> Result<Opened, Error> {
        let Some((first, first_method)) = self.candidates.first().cloned() else {
            return Err(self.obstacle.take().unwrap_or(Error::NotForUs { recipients: self.count }));
        };
        let mut silent = ContentKey::random(length)?;
        let mut silent_user = None;
        let mut found = None;
        for (used, method) in &self.candidates {
            let Some(secret) = self.keys.get(*used).map(DecryptionKey::secret) else { continue };
            let result = method.content_key(secret, &silent);
            if method.is_silent() {
                silent = result.unwrap_or(silent);
                silent_user.get_or_insert((*used, Rc::clone(method)));
            } else if let Ok(key) = result {
                found.get_or_insert((key, *used, Rc::clone(method)));
            }
        }
        let is_trusted = found.is_some() || silent_user.is_some();
        let (key, used, method) = found.unwrap_or_else(|| {
            let (used, method) = silent_user.unwrap_or((first, first_method));
            (silent, used, method)
        });
        let weak_key =
            self.keys.get(used).and_then(DecryptionKey::kind).filter(|kind| kind.is_weak());
        let mut problems: Vec<_> = weak_key.map(EnvelopeProblem::WeakKey).into_iter().collect();
        problems.extend(method.weak_wrap().map(EnvelopeProblem::WeakKeyWrap));
        Ok(Opened { key, is_trusted, used, method_name: method.name(), problems })
    }

    fn take(&mut self, entry: Entry) -> Result<(), Error> {
        if self.count == MAX_RECIPIENTS {
            return Err(Error::Limit { what: "recipients", limit: MAX_RECIPIENTS as u64 });
        }
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(entry.recipient.to_string());
            let name = entry.method.as_ref().map(Method::name);
            self.methods.push(name.unwrap_or_else(|_| "unknown".to_owned()));
        }
        let is_ours = |(_, key): &(usize, &DecryptionKey)| key.is_named(&entry.recipient);
        let mut ours = self.keys.iter().enumerate().filter(is_ours).peekable();
        if ours.peek().is_none() {
            return Ok(());
        }
        let method = match entry.method {
            Ok(method) => Rc::new(method),
            Err(obstacle) => {
                self.obstacle = Some(obstacle);
                return Ok(());
            }
        };
        for (used, key) in ours {
            if !key.fits(&method) {
                let what = format!("{} with this key", method.name());
                self.obstacle = Some(Error::Unsupported { what });
            } else if self.candidates.len() < MAX_CANDIDATES {
                self.candidates.push((used, Rc::clone(&method)));
            }
        }
        Ok(())
    }
}

/// Each costs a private key operation; a message has one of ours, a few if it went to old keys too.
const MAX_CANDIDATES: usize = 8;
