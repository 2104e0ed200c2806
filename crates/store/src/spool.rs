//! A place for bytes that are not verified yet: in memory while small, then in a file without a name.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use crate::body::MEMORY_LIMIT;
use crate::layout::Layout;

/// Holds bytes until it is dropped; nothing of it can be found in the file system afterwards.
#[derive(Debug)]
pub struct Spool {
    layout: Arc<Layout>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(File),
    Memory(Cursor<Vec<u8>>),
}

impl Spool {
    pub(crate) fn new(layout: Arc<Layout>) -> Self {
        Self { layout, place: Place::Memory(Cursor::new(Vec::new())) }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.place = Place::Memory(Cursor::new(Vec::new()));
    }

    /// Moves to a file what would not fit in memory after `more` bytes.
    fn make_room(&mut self, more: usize) -> io::Result<()> {
        if let Place::Memory(memory) = &self.place {
            let end = memory.position().saturating_add(more as u64);
            if end > MEMORY_LIMIT as u64 {
                let mut file = self.layout.create_unnamed()?;
                file.write_all(memory.get_ref())?;
                file.seek(SeekFrom::Start(memory.position()))?;
                self.place = Place::File(file);
            }
        }
        Ok(())
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.make_room(bytes.len())?;
        match &mut self.place {
            Place::File(file) => file.write(bytes),
            Place::Memory(memory) => memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Spool {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.place {
            Place::File(file) => file.read(buffer),
            Place::Memory(memory) => memory.read(buffer),
        }
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.place {
            Place::File(file) => file.seek(to),
            Place::Memory(memory) => memory.seek(to),
        }
    }
}
