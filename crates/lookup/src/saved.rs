//! What outlives the process: the shelf in the store.

use std::sync::Arc;

use chancery_net::http::Validators;
use chancery_pki::bundle::Bundle;
use chancery_store::Store;
use chancery_store::fetched::{Fetched, Use};

use crate::content::Content;
use crate::lookup::{Lookup, lock};
use crate::shelf::{Entry, Shelf};
use crate::source::Source;

impl Lookup {
    /// Takes what the store kept.
    pub(crate) fn load(&self, store: &Store) -> Result<(), chancery_store::Error> {
        for row in store.fetched()? {
            // What cannot be read any more is fetched again.
            if let Some(entry) = entry(row) {
                lock(&self.0.shelf).restore(entry);
            }
        }
        self.rebuild();
        Ok(())
    }

    /// Gives the store what it does not know yet. If it cannot be written, the next start fetches it again.
    pub(crate) async fn save(&self) {
        let Some(store) = &self.0.store else { return };
        let (new, used, gone) = {
            let mut cache = lock(&self.0.shelf);
            let changes = cache.take_changes();
            let new: Vec<_> = changes.new.iter().filter_map(|key| row(&cache, key)).collect();
            let used: Vec<_> = changes.used.iter().filter_map(|key| usage(&cache, key)).collect();
            let gone: Vec<_> =
                changes.gone.into_iter().filter(|key| cache.entry(key).is_none()).collect();
            (new, used, gone)
        };
        if new.is_empty() && used.is_empty() && gone.is_empty() {
            return;
        }
        if let Err(error) = store.keep_fetched(new, used, gone).await {
            tracing::warn!(%error, "what was fetched could not be kept for the next start");
        }
    }
}

fn row(shelf: &Shelf, key: &str) -> Option<Fetched> {
    let entry = shelf.entry(key)?;
    let content = to_bytes(entry.content.as_ref()?);
    Some(Fetched {
        name: key.to_owned(),
        url: entry.source.url().to_owned(),
        tag: entry.validators.tag.clone(),
        modified: entry.validators.modified.clone(),
        fetched_at: entry.fetched_at,
        expires_at: entry.expires_at,
        refresh_at: entry.refresh_at,
        used_at: entry.used_at,
        is_proven: entry.is_proven,
        content,
    })
}

fn usage(shelf: &Shelf, key: &str) -> Option<Use> {
    let entry = shelf.entry(key).filter(|entry| entry.content.is_some())?;
    let (used_at, is_proven) = (entry.used_at, entry.is_proven);
    Some(Use { name: key.to_owned(), used_at, is_proven })
}

fn entry(row: Fetched) -> Option<Entry> {
    let content = Content::from_bytes(&row.content).ok()?;
    let source = if row.name == row.url {
        Source::Place { url: row.url }
    } else {
        // Which certificate it is about is told again when it is used.
        Source::Kept { url: row.url, key: row.name }
    };
    Some(Entry {
        source,
        octets: row.content.len(),
        content: Some(Arc::new(content)),
        validators: Validators { tag: row.tag, modified: row.modified },
        fetched_at: row.fetched_at,
        expires_at: row.expires_at,
        refresh_at: row.refresh_at,
        used_at: row.used_at,
        failures: 0,
        failure: None,
        retry_at: 0,
        is_proven: row.is_proven,
    })
}

/// Writes content so that [`Content::from_bytes`] reads it: a response as it came, anything else as a bundle.
fn to_bytes(content: &Content) -> Vec<u8> {
    if let [response] = content.responses.as_slice() {
        return response.der().to_vec();
    }
    let Content { certificates, lists, .. } = content.clone();
    Bundle { certificates, lists, unreadable: 0 }.to_der()
}
