//! The body of a child, as the SMTP client reads it: small ones from memory, large ones from the disk, a pipe ahead.

use std::io::{self, Read as _};
use std::sync::Arc;

use chancery_net::smtp::{Body, BodySource};
use chancery_store::{BodyRef, Message, Store};
use chancery_wire::smtp::data::{Facts, Scanner};
use tokio::io::AsyncRead;

use crate::server::Gateway;

/// The body of a child, as the SMTP client reads it.
pub(crate) struct StoredBody {
    store: Store,
    body: BodyRef,
    /// Small bodies are read once and kept.
    small: Option<Arc<[u8]>>,
}

impl StoredBody {
    /// Opens it and finds out what a next hop must know of it.
    pub(crate) async fn open(
        gateway: &Arc<Gateway>,
        carrier: &Message,
    ) -> Result<Body, chancery_store::Error> {
        let (store, body) = (gateway.store.clone(), carrier.body.clone());
        let is_small = carrier.size <= SMALL;
        let read = move || {
            let mut reader = store.body(&body)?;
            if is_small {
                let bytes = reader.read_all()?;
                let facts = Facts::of(&bytes);
                return Ok(Body {
                    source: Arc::new(Self { store, body, small: Some(bytes) }),
                    facts,
                });
            }
            let mut scanner = Scanner::default();
            let mut buffer = vec![0_u8; 64 * 1024];
            loop {
                let read = reader
                    .read(&mut buffer)
                    .map_err(|error| chancery_store::Error::file(READ, &error))?;
                if read == 0 {
                    return Ok(Body {
                        source: Arc::new(Self { store, body, small: None }),
                        facts: scanner.finish(),
                    });
                }
                scanner.push(buffer.get(..read).unwrap_or_default());
            }
        };
        if is_small {
            return read();
        }
        let ended = tokio::task::spawn_blocking(read).await;
        ended.unwrap_or_else(|error| {
            Err(chancery_store::Error::file(READ, &io::Error::other(error)))
        })
    }
}

impl BodySource for StoredBody {
    fn open(&self) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
        if let Some(bytes) = &self.small {
            return Ok(Box::new(io::Cursor::new(Arc::clone(bytes))));
        }
        let mut reader = self.store.body(&self.body).map_err(io::Error::other)?;
        // A large body comes from the disk; a thread reads it ahead by one pipe.
        let (mut write, read) = tokio::io::duplex(256 * 1024);
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let mut buffer = vec![0_u8; 128 * 1024];
            loop {
                let Ok(read) = reader.read(&mut buffer) else { return };
                let chunk = buffer.get(..read).unwrap_or_default();
                let written =
                    runtime.block_on(tokio::io::AsyncWriteExt::write_all(&mut write, chunk));
                if read == 0 || written.is_err() {
                    return;
                }
            }
        });
        Ok(Box::new(read))
    }
}

/// What is being done when a body cannot be read.
const READ: &str = "read a body";

/// Bodies up to this size are in the database and in its cache.
const SMALL: u64 = 128 * 1024;
