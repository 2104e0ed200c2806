//! Bodies: written as a stream, in the row while small, else in a file beside the database.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::params;

use crate::database::Db;
use crate::error::{Doing, Error, Result};
use crate::id::MessageId;
use crate::layout::Layout;

/// Where the body of a message is.
#[derive(Clone, Debug)]
pub struct BodyRef {
    /// The message whose body it is: itself, or its parent.
    pub(crate) owner: MessageId,
    /// A trace header that comes first.
    pub(crate) prefix: Vec<u8>,
    /// The body itself, if it was written a moment ago.
    pub(crate) kept: Option<Arc<Kept>>,
}

/// A small body that is in the database and still in memory for whoever works on it next.
pub(crate) struct Kept {
    bytes: Arc<[u8]>,
    memory: Arc<Memory>,
}

/// How much memory kept bodies take in all.
#[derive(Debug, Default)]
pub(crate) struct Memory(AtomicUsize);

/// Takes a body as it comes; what is not finished is forgotten.
///
/// Writing and [`finish`](Self::finish) may wait for the disk once the body is larger than 128 KiB.
#[derive(Debug)]
pub struct BodyWriter {
    layout: Arc<Layout>,
    memory: Vec<u8>,
    file: Option<(File, String)>,
    size: u64,
}

/// A body that is complete and on disk, or small; it goes into the store with the message.
#[derive(Debug)]
pub struct NewBody {
    content: NewContent,
}

#[derive(Debug)]
enum NewContent {
    File(BodyFile),
    Memory(Arc<[u8]>),
}

/// A published file that no row names yet; removed when dropped.
#[derive(Debug)]
struct BodyFile {
    layout: Arc<Layout>,
    name: String,
    size: u64,
    is_settled: bool,
}

/// Reads a body.
#[derive(Debug)]
pub struct BodyReader {
    prefix: Vec<u8>,
    content: Content,
    position: u64,
}

#[derive(Debug)]
pub(crate) enum Content {
    File(File, u64),
    Memory(Arc<[u8]>),
}

impl BodyWriter {
    pub(crate) fn new(layout: Arc<Layout>) -> Self {
        Self { layout, memory: Vec::new(), file: None, size: 0 }
    }

    /// Returns how many bytes were written.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Completes the body; when this returns, a large one survives a power cut.
    pub fn finish(mut self) -> Result<NewBody> {
        let content = match self.file.take() {
            None => NewContent::Memory(mem::take(&mut self.memory).into()),
            Some((file, name)) => {
                // Made first, so that it is removed if publishing fails.
                let body = BodyFile {
                    layout: Arc::clone(&self.layout),
                    name,
                    size: self.size,
                    is_settled: false,
                };
                self.layout.publish(&file, &body.name).doing("store a body file")?;
                NewContent::File(body)
            }
        };
        Ok(NewBody { content })
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && self.memory.len() + bytes.len() > MEMORY_LIMIT {
            let (mut file, name) = self.layout.create_temporary()?;
            let written = file.write_all(&self.memory);
            self.file = Some((file, name));
            written?;
            self.memory = Vec::new();
        }
        let written = match &mut self.file {
            None => self.memory.write(bytes)?,
            Some((file, _)) => file.write(bytes)?,
        };
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if let Some((_, name)) = self.file.take() {
            self.layout.remove_temporary(&name);
        }
    }
}

impl NewBody {
    /// Returns the number of bytes.
    pub fn size(&self) -> u64 {
        match &self.content {
            NewContent::File(file) => file.size,
            NewContent::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Returns a body that stays in memory until its last reference goes; `None` if it is in a file or there is no room.
    pub(crate) fn keep(&self, memory: &Arc<Memory>) -> Option<Arc<Kept>> {
        let NewContent::Memory(bytes) = &self.content else { return None };
        let room = |used: usize| used.checked_add(bytes.len()).filter(|used| *used <= KEPT_LIMIT);
        memory.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(Arc::new(Kept { bytes: Arc::clone(bytes), memory: Arc::clone(memory) }))
    }

    /// Leaves the file to the row that names it, or to the next sweep if that is uncertain.
    pub(crate) fn settle(&mut self) {
        if let NewContent::File(file) = &mut self.content {
            file.layout.settle(&file.name);
            file.is_settled = true;
        }
    }
}

impl PartialEq for BodyRef {
    /// The same place; whether it is in memory too makes no difference.
    fn eq(&self, other: &Self) -> bool {
        (self.owner, &self.prefix) == (other.owner, &other.prefix)
    }
}

impl Eq for BodyRef {}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.bytes.len())
    }
}

impl Kept {
    pub(crate) fn bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

impl Drop for BodyFile {
    fn drop(&mut self) {
        if !self.is_settled {
            self.layout.remove_temporary(&self.name);
            self.layout.remove_body(&self.name);
        }
    }
}

impl BodyReader {
    pub(crate) fn new(prefix: Vec<u8>, content: Content) -> Self {
        Self { prefix, content, position: 0 }
    }

    /// Returns the number of bytes, the trace header included.
    pub fn size(&self) -> u64 {
        let size = match &self.content {
            Content::File(_, size) => *size,
            Content::Memory(bytes) => bytes.len() as u64,
        };
        self.prefix.len() as u64 + size
    }

    /// Returns all of it if it is in memory as one piece.
    pub fn in_memory(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Memory(bytes) if self.prefix.is_empty() => Some(bytes),
            _ => None,
        }
    }

    /// Returns all of it; nothing is copied if it is in memory and has no trace header.
    pub fn read_all(mut self) -> Result<Arc<[u8]>> {
        if let (true, Content::Memory(bytes)) = (self.prefix.is_empty(), &self.content) {
            return Ok(Arc::clone(bytes));
        }
        self.position = 0;
        let mut bytes = Vec::with_capacity(usize::try_from(self.size()).unwrap_or(0));
        self.read_to_end(&mut bytes).doing("read a body")?;
        Ok(bytes.into())
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let prefix_size = self.prefix.len() as u64;
        let read = if self.position < prefix_size {
            read_at(&self.prefix, self.position, buffer)?
        } else {
            let offset = self.position - prefix_size;
            match &mut self.content {
                Content::Memory(bytes) => read_at(bytes, offset, buffer)?,
                Content::File(file, _) => {
                    std::os::unix::fs::FileExt::read_at(file, buffer, offset)?
                }
            }
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for BodyReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Opens the body of a message, without a trace header.
pub(crate) fn load(db: &Db<'_>, layout: &Layout, owner: MessageId) -> Result<Content> {
    let row = db.one("SELECT data, file, size FROM body WHERE id = $1", [owner.0], |row| {
        let size: i64 = row.get(2)?;
        match row.get::<_, Option<String>>(1)? {
            Some(name) => Ok(Err((name, size.unsigned_abs()))),
            None => Ok(Ok(Content::Memory(row.get_ref(0)?.as_blob()?.into()))),
        }
    })?;
    match row {
        None => Err(Error::BodyGone { message: owner }),
        Some(Ok(content)) => Ok(content),
        Some(Err((name, size))) => layout
            .open_body(&name)
            .map(|file| Content::File(file, size))
            .map_err(|error| gone(owner, &error)),
    }
}

/// Writes the row of a body.
pub(crate) fn insert(
    db: &Db<'_>,
    organisation: i64,
    owner: MessageId,
    body: &NewBody,
) -> Result<()> {
    let (data, file) = match &body.content {
        NewContent::File(file) => (None, Some(&file.name)),
        NewContent::Memory(bytes) => (Some(&**bytes), None),
    };
    let size = body.size().cast_signed();
    let sql = "INSERT INTO body (id, organisation, size, file, data) VALUES ($1, $2, $3, $4, $5)";
    db.run(sql, params![owner.0, organisation, size, file, data]).map(|_| ())
}

/// Returns the error for a body that is not there.
fn gone(message: MessageId, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        Error::BodyGone { message }
    } else {
        Error::file("open a body file", error)
    }
}

fn read_at(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut cursor = Cursor::new(bytes);
    cursor.set_position(offset);
    cursor.read(buffer)
}

/// What is not larger stays in memory and in its row: 99 % of mail, and one fsync instead of four.
pub(crate) const MEMORY_LIMIT: usize = 128 * 1024;

/// What waits longer is read from the database when it is its turn.
const KEPT_LIMIT: usize = 32 * 1024 * 1024;
