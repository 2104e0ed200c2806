//! Temporary space for decrypted bytes that must not be released yet.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

/// Something that can be written, rewound and read.
pub trait Spool: Read + Write + Seek {}

impl<T: Read + Write + Seek> Spool for T {}

/// Hands out empty spools, one for each layer that is decrypted.
///
/// The gateway gives memory for small messages and sealed temporary files for large ones; a spool is dropped as soon
/// as the layer above it has been opened.
pub trait Spools {
    /// Returns a new, empty spool.
    fn fresh(&mut self) -> io::Result<Box<dyn Spool>>;
}

/// Spools in memory, each limited to a number of bytes.
#[derive(Debug)]
pub struct MemorySpools {
    limit: usize,
}

impl MemorySpools {
    /// Returns spools that refuse to grow over `limit` bytes each.
    pub fn new(limit: usize) -> Self {
        Self { limit }
    }
}

impl Spools for MemorySpools {
    fn fresh(&mut self) -> io::Result<Box<dyn Spool>> {
        Ok(Box::new(MemorySpool { bytes: Cursor::new(Vec::new()), limit: self.limit }))
    }
}

struct MemorySpool {
    bytes: Cursor<Vec<u8>>,
    limit: usize,
}

impl Read for MemorySpool {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl Write for MemorySpool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = usize::try_from(self.bytes.position())
            .unwrap_or(usize::MAX)
            .saturating_add(bytes.len());
        if end > self.limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "memory spool is full"));
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for MemorySpool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_spool_refuses_to_grow_over_its_limit() {
        let mut spool = MemorySpools::new(4).fresh().unwrap();
        spool.write_all(b"1234").unwrap();
        assert!(spool.write_all(b"5").is_err());
        spool.rewind().unwrap();
        let mut read = Vec::new();
        spool.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"1234");
    }
}
