//! The octets of a message to send.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chancery_wire::smtp::data::{Facts, Scanner};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A message to send.
#[derive(Clone)]
pub struct Body {
    /// Where the octets are.
    pub source: Arc<dyn BodySource>,
    /// What is known about them.
    pub facts: Facts,
}

/// Octets that can be read from the start as often as needed: once for each server tried.
pub trait BodySource: Send + Sync {
    /// Opens the octets for reading.
    fn open(&self) -> io::Result<Box<dyn AsyncRead + Send + Unpin>>;
}

impl Body {
    /// Takes a message in memory and finds its facts.
    pub fn from_bytes(octets: impl Into<Arc<[u8]>>) -> Self {
        let octets = octets.into();
        Self { facts: Facts::of(&octets), source: Arc::new(octets) }
    }

    /// Takes a message in a file and reads it once for its facts.
    pub async fn from_file(path: &Path) -> io::Result<Self> {
        Self::scan(Arc::new(path.to_owned())).await
    }

    /// Takes a message from anywhere and reads it once for its facts.
    pub async fn scan(source: Arc<dyn BodySource>) -> io::Result<Self> {
        let mut reader = source.open()?;
        let mut scanner = Scanner::default();
        let mut block = vec![0; BLOCK];
        loop {
            match reader.read(&mut block).await? {
                0 => return Ok(Self { facts: scanner.finish(), source }),
                count => scanner.push(block.get(..count).unwrap_or_default()),
            }
        }
    }
}

impl BodySource for Arc<[u8]> {
    fn open(&self) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
        Ok(Box::new(io::Cursor::new(Arc::clone(self))))
    }
}

impl BodySource for PathBuf {
    fn open(&self) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
        Ok(Box::new(tokio::fs::File::from_std(std::fs::File::open(self)?)))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Octets read at a time: few system calls, little memory.
pub(super) const BLOCK: usize = 64 << 10;
